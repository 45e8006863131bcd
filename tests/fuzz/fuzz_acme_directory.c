/* fuzz_acme_directory.c: bytes of a CA as its directory. Every URL that may be asked later is https and leads away from this machine. */
#include "acme/directory.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/text.h"
#include "http/http.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_safe(const char *url)
{
	struct error err;

	if (url[0] != '\0' && http_url_check(url, false, "", &err) != 0)
		abort();
	if (text_has_prefix(url, "https://127.0.0.1/") || text_has_prefix(url, "https://[::1]/"))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(acme_directory_done) struct acme_directory directory = ACME_DIRECTORY;
	struct error err;

	if (acme_directory_parse((const char *)data, size, "https://ca.example/directory", &directory, &err) != 0) {
		if (err.kind != ERROR_PROTOCOL && err.kind != ERROR_INTERNAL)
			abort();
		return 0;
	}
	must_be_safe(directory.new_nonce);
	must_be_safe(directory.new_account);
	must_be_safe(directory.new_order);
	must_be_safe(directory.revoke_cert);
	must_be_safe(directory.key_change);
	must_be_safe(directory.renewal_info);
	if (directory.new_nonce[0] == '\0' || directory.new_account[0] == '\0' || directory.new_order[0] == '\0')
		abort();
	return 0;
}
