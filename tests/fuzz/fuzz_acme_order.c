/* fuzz_acme_order.c: bytes of a CA as an order for two names. */
#include "acme/order.h"

#include "base/clean.h"
#include "base/error.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ident items[] = { { .type = IDENT_DNS, .value = "a.example" },
		                        { .type = IDENT_DNS, .value = "www.a.example" } };
	static const struct ident_list idents = { .items = items, .count = 2 };
	CLEANUP(acme_order_done) struct acme_order order = ACME_ORDER;
	struct error err;

	if (acme_order_parse((const char *)data, size, "https://ca.example/directory", &idents, &order, &err) != 0) {
		if (err.message[0] == '\0')
			abort();
		return 0;
	}
	if (http_url_check(order.finalize, false, "", &err) != 0)
		abort();
	if (order.status == ACME_ORDER_VALID && http_url_check(order.certificate, false, "", &err) != 0)
		abort();
	for (size_t i = 0; i < order.authorizations.count; i++)
		if (http_url_check(order.authorizations.items[i], false, "", &err) != 0)
			abort();
	return 0;
}
