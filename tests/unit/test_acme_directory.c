/* test_acme_directory.c: directories as CAs send them, and as they must not be. */
#include "acme/directory.h"

#include "base/clean.h"
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define URLS "\"newNonce\":\"https://ca.example/n\",\"newAccount\":\"https://ca.example/a\",\"newOrder\":\"https://ca.example/o\""

static int parse(const char *text, struct acme_directory *ret, struct error *err)
{
	return acme_directory_parse(text, strlen(text), "https://ca.example/directory", ret, err);
}

static void test_whole(void **state)
{
	CLEANUP(acme_directory_done) struct acme_directory d = ACME_DIRECTORY;
	struct error err;

	(void)state;
	assert_int_equal(parse("{" URLS ",\"revokeCert\":\"https://ca.example/r\",\"keyChange\":\"https://ca.example/k\","
	                       "\"renewalInfo\":\"https://ca.example/i\",\"x9\":\"https://elsewhere.example/\",\"meta\":{"
	                       "\"termsOfService\":\"https://ca.example/tos.pdf\",\"externalAccountRequired\":true,"
	                       "\"caaIdentities\":[\"ca.example\"],\"profiles\":{\"classic\":\"x\",\"short\":\"y\"}}}",
	                       &d, &err),
	                 0);
	assert_string_equal(d.new_nonce, "https://ca.example/n");
	assert_string_equal(d.new_account, "https://ca.example/a");
	assert_string_equal(d.new_order, "https://ca.example/o");
	assert_string_equal(d.revoke_cert, "https://ca.example/r");
	assert_string_equal(d.key_change, "https://ca.example/k");
	assert_string_equal(d.renewal_info, "https://ca.example/i");
	assert_string_equal(d.terms_of_service, "https://ca.example/tos.pdf");
	assert_true(d.external_account_required);
	assert_int_equal(d.profiles.count, 2);
	assert_int_equal(d.caa_identities.count, 1);
	assert_string_equal(d.caa_identities.items[0], "ca.example");
	assert_int_equal(acme_directory_check_profile(&d, "short", &err), 0);
	assert_int_equal(acme_directory_check_profile(&d, NULL, &err), 0);
	assert_int_equal(acme_directory_check_profile(&d, "long", &err), -1);
	assert_int_equal(err.kind, ERROR_REFUSED);
	assert_non_null(strstr(err.advice, "classic, short"));
	/* A failure leaves what was there, a success replaces it. */
	assert_int_equal(parse("{}", &d, &err), -1);
	assert_int_equal(d.profiles.count, 2);
	assert_int_equal(parse("{" URLS "}", &d, &err), 0);
	assert_int_equal(d.profiles.count, 0);
	assert_string_equal(d.revoke_cert, "");
	assert_false(d.external_account_required);
}

static void test_least(void **state)
{
	static const char *const texts[] = { "{" URLS "}", "{" URLS ",\"meta\":null}", "{" URLS ",\"meta\":{}}",
		                             "{" URLS ",\"meta\":{\"profiles\":{}}}", "{" URLS ",\"revokeCert\":null}" };
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		CLEANUP(acme_directory_done) struct acme_directory d = ACME_DIRECTORY;

		if (parse(texts[i], &d, &err) != 0)
			fail_msg("%s: %s", texts[i], err.message);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *words;
	} rows[] = {
		{ "", "" },
		{ "[]", "" },
		{ "{}", "newNonce" },
		{ "{\"newNonce\":\"https://ca.example/n\"}", "newAccount" },
		{ "{" URLS ",\"keyChange\":\"http://ca.example/\"}", ".keyChange" },
		{ "{" URLS ",\"renewalInfo\":\"https://[::1]/\"}", ".renewalInfo" },
		{ "{" URLS ",\"revokeCert\":7}", "revokeCert" },
		{ "{" URLS ",\"meta\":[]}", "meta" },
		{ "{" URLS ",\"meta\":{\"termsOfService\":[]}}", "termsOfService" },
		{ "{" URLS ",\"meta\":{\"externalAccountRequired\":\"yes\"}}", "externalAccountRequired" },
		{ "{" URLS ",\"meta\":{\"profiles\":[\"a\"]}}", "profiles" },
	};
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(acme_directory_done) struct acme_directory d = ACME_DIRECTORY;

		if (parse(rows[i].text, &d, &err) == 0 || err.kind != ERROR_PROTOCOL || strstr(err.message, rows[i].words) == NULL)
			fail_msg("%s: %s", rows[i].text, err.message);
	}
}

static void test_many_profiles(void **state)
{
	CLEANUP(acme_directory_done) struct acme_directory d = ACME_DIRECTORY;
	char text[4096] = "{" URLS ",\"meta\":{\"profiles\":{";
	size_t len = strlen(text);
	struct error err;

	(void)state;
	for (int i = 0; i <= ACME_PROFILES_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s\"p%d\":\"\"", i > 0 ? "," : "", i);
	snprintf(text + len, sizeof(text) - len, "}}}");
	assert_int_equal(parse(text, &d, &err), -1);
	assert_non_null(strstr(err.message, "profiles"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_least),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_many_profiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
