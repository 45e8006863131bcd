/* fuzz_acme_authorization.c: bytes of a CA as an authorization. No token comes out that could be anything but a file's name. */
#include "acme/authorization.h"

#include "base/clean.h"
#include "base/error.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_safe(const struct acme_challenge *challenge)
{
	size_t len = strlen(challenge->token);
	struct error err;

	if (len == 0 || len > 255 ||
	    strspn(challenge->token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != len)
		abort();
	if (http_url_check(challenge->url, false, "", &err) != 0)
		abort();
	if (strcmp(challenge->type, "http-01") != 0 && strcmp(challenge->type, "dns-01") != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const types[] = { "http-01", "dns-01", NULL };
	static struct ident items[] = { { .type = IDENT_DNS, .value = "a.example" },
		                        { .type = IDENT_DNS, .value = "www.a.example" },
		                        { .type = IDENT_DNS, .wildcard = true, .value = "*.a.example" },
		                        { .type = IDENT_IP, .value = "2001:db8::1" } };
	static const struct ident_list idents = { .items = items, .count = 4 };
	CLEANUP(acme_authorization_done) struct acme_authorization authorization = { 0 };
	struct error err;

	if (acme_authorization_parse((const char *)data, size, "https://ca.example/directory", &idents, types,
	                             &authorization, &err) != 0) {
		if (err.message[0] == '\0')
			abort();
		return 0;
	}
	if (!ident_list_contains(&idents, &authorization.identifier))
		abort();
	for (size_t i = 0; i < authorization.challenge_count; i++)
		must_be_safe(&authorization.challenges[i]);
	return 0;
}
