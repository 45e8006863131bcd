/* test_acme_url.c: where a CA may send its client, depending on where the CA is. */
#include "acme/url.h"

#include "base/error.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const local_urls[] = {
	"https://127.0.0.1/x",	 "https://127.1/x",		"https://0x7f000001/x",	       "https://2130706433/x",
	"https://017700000001/", "https://127.255.255.254:1/",	"https://0.0.0.0/",	       "https://0/",
	"https://169.254.169.254/latest", "https://[::1]/",	"https://[::]/",	       "https://[fe80::1]/",
	"https://[febf::1]/",	 "https://[::ffff:127.0.0.1]/", "https://[::ffff:a9fe:a9fe]/", "https://[::127.0.0.1]/",
	"https://localhost/",	 "https://LocalHost:8443/",	"https://localhost./",	       "https://a.localhost/",
};

static const char *const other_urls[] = {
	"https://ca.example/x",	      "https://10.0.0.1/",	    "https://192.168.1.1:14000/",   "https://[fd00::1]/",
	"https://[2001:db8::1]/",     "https://127.0.0.1.example/", "https://localhost.example/",   "https://1270.0.0.1.example/",
	"https://notlocalhost/",      "https://128.0.0.1/",	    "https://[::ffff:192.0.2.1]/", "https://8.8.8.8/",
};

static void test_public_ca(void **state)
{
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof(local_urls) / sizeof(local_urls[0]); i++) {
		error_clear(&err);
		if (acme_url_check(local_urls[i], "https://ca.example/directory", "place", &err) == 0)
			fail_msg("%s was let pass", local_urls[i]);
		assert_int_equal(err.kind, ERROR_PROTOCOL);
		assert_true(text_has_prefix(err.message, "place: "));
		assert_non_null(strstr(err.message, "ca.example"));
	}
	for (size_t i = 0; i < sizeof(other_urls) / sizeof(other_urls[0]); i++)
		if (acme_url_check(other_urls[i], "https://ca.example/directory", "place", &err) != 0)
			fail_msg("%s: %s", other_urls[i], err.message);
}

static void test_local_ca(void **state)
{
	static const char *const directories[] = { "https://127.0.0.1:14000/dir", "https://localhost:14000/dir",
		                                   "https://[::1]:14000/dir" };
	struct error err;

	(void)state;
	for (size_t d = 0; d < sizeof(directories) / sizeof(directories[0]); d++)
		for (size_t i = 0; i < sizeof(local_urls) / sizeof(local_urls[0]); i++)
			assert_int_equal(acme_url_check(local_urls[i], directories[d], "place", &err), 0);
	/* A private network is not this machine. */
	assert_int_equal(acme_url_check("https://127.0.0.1/", "https://10.1.2.3/dir", "place", &err), -1);
}

static void test_no_url(void **state)
{
	static const char *const urls[] = { "", "http://ca.example/", "ftp://ca.example/", "https://", "/order/1", "https://u@h/" };
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
		assert_int_equal(acme_url_check(urls[i], "https://ca.example/directory", "place", &err), -1);
}

static void test_host(void **state)
{
	char host[64], small[4];

	(void)state;
	assert_string_equal(acme_url_host("https://CA.example:14000/dir", host, sizeof(host)), "ca.example");
	assert_string_equal(acme_url_host("https://[2001:db8::1]/dir", host, sizeof(host)), "[2001:db8::1]");
	assert_string_equal(acme_url_host("nothing", host, sizeof(host)), "");
	assert_string_equal(acme_url_host("https://ca.example/", small, sizeof(small)), "ca.");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_public_ca),
		cmocka_unit_test(test_local_ca),
		cmocka_unit_test(test_no_url),
		cmocka_unit_test(test_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
