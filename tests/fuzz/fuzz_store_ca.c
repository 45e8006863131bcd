/* cas/CA.json: what is taken for the memory of a CA prints to a text that says the same. */
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "store/ca.h"
#include "store/store.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(buf_done) struct buf first = BUF(TEXT_MAX);
	CLEANUP(buf_done) struct buf second = BUF(TEXT_MAX);
	CLEANUP(store_ca_cleanup) struct store_ca *ca = NULL;
	CLEANUP(store_ca_cleanup) struct store_ca *again = NULL;
	struct error err = { 0 };
	int r;

	if (size > TEXT_MAX / 4)
		return 0;
	r = store_ca_parse((const char *)data, size, &ca, &err);
	if (r != STORE_OK) {
		if (err.message[0] == '\0')
			abort();
		return 0;
	}
	if (store_ca_print(ca, &first, &err) < 0 ||
	    store_ca_parse(first.data, first.len, &again, &err) != STORE_OK ||
	    store_ca_print(again, &second, &err) < 0)
		abort();
	if (first.len != second.len || memcmp(first.data, second.data, first.len) != 0)
		abort();
	return 0;
}
