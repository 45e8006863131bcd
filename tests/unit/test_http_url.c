/* test_http_url.c: which URLs may be contacted, and which of them are of one origin. */
#include "http/http.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int check(const char *url, bool http_permitted)
{
	struct error err;

	error_clear(&err);
	if (http_url_check(url, http_permitted, "directory: newOrder", &err) == 0)
		return 0;
	assert_int_equal(err.kind, ERROR_PROTOCOL);
	assert_true(text_has_prefix(err.message, "directory: newOrder: "));
	return -1;
}

static void test_accepted(void **state)
{
	static const char *const urls[] = {
		"https://acme-v02.api.letsencrypt.org/directory",
		"https://ca.example",
		"https://ca.example:14000/dir?a=b",
		"https://ca.example/a/../b//c",
		"HTTPS://CA.example/x",
		"https://127.0.0.1:14000/dir",
		"https://[2001:db8::1]:443/dir",
		"https://[::1]",
		"https://ca_internal.example./dir",
		"https://ca.example/path@with/at",
		"https://ca.example:65535/",
		"https://ca.example:00443/",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
		assert_int_equal(check(urls[i], false), 0);
	assert_int_equal(check("http://ca.example/", true), 0);
	assert_int_equal(check("http://ca.example/", false), -1);
}

static void test_refused(void **state)
{
	static const char *const urls[] = {
		"",
		"https://",
		"https:///path",
		"https:/ca.example",
		"ca.example/dir",
		"file:///etc/passwd",
		"ftp://ca.example/",
		"gopher://ca.example/",
		"httpss://ca.example/",
		"https://user@ca.example/",
		"https://user:word@ca.example/",
		"https://ca.example:443@evil.example/",
		"https://ca.example\\@evil.example/",
		"https://ca.example\\.evil.example/",
		"https://ca%2eexample/",
		"https://ca.example:0/",
		"https://ca.example:65536/",
		"https://ca.example:4294967739/",
		"https://ca.example:99999999999999999999/",
		"https://ca.example:/",
		"https://ca.example:-1/",
		"https://ca.example:443x/",
		"https://ca.example/a b",
		"https://ca.example/\r\nHost: evil",
		"https://ca.example/\t",
		"https://ca.example/\x7f",
		"https://c\xc3\xa4.example/",
		"https://[::1",
		"https://[::1%25lo]/",
		"https://[127.0.0.1]/",
		"https://[]/",
		"https://[v1.a]/",
		"https://::1/",
		" https://ca.example/",
		"https://ca.example;x/",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
		if (check(urls[i], true) == 0)
			fail_msg("accepted: %s", urls[i]);
}

static void test_length(void **state)
{
	char url[8192];

	(void)state;
	memset(url, 'a', sizeof(url));
	memcpy(url, "https://ca.example/", 19);
	url[HTTP_URL_MAX] = '\0';
	assert_int_equal(check(url, false), 0);
	url[HTTP_URL_MAX] = 'a';
	url[HTTP_URL_MAX + 1] = '\0';
	assert_int_equal(check(url, false), -1);
	memset(url, 'a', 300);
	memcpy(url, "https://", 8);
	url[8 + 253] = '\0';
	assert_int_equal(check(url, false), 0);
	url[8 + 253] = 'a';
	url[8 + 254] = '\0';
	assert_int_equal(check(url, false), -1);
}

static void test_origin(void **state)
{
	char origin[300];

	(void)state;
	assert_int_equal(http_url_origin("HTTPS://CA.Example/a/b?c", origin, sizeof(origin)), 0);
	assert_string_equal(origin, "https://ca.example:443");
	assert_int_equal(http_url_origin("http://ca.example#x", origin, sizeof(origin)), 0);
	assert_string_equal(origin, "http://ca.example:80");
	assert_int_equal(http_url_origin("https://[2001:DB8::1]:0444/", origin, sizeof(origin)), 0);
	assert_string_equal(origin, "https://[2001:db8::1]:444");
	assert_int_equal(http_url_origin("ftp://ca.example/", origin, sizeof(origin)), -1);
	assert_string_equal(origin, "https://[2001:db8::1]:444");
	assert_int_equal(http_url_origin("https://ca.example/", origin, strlen("https://ca.example:443")), -1);
	assert_int_equal(http_url_origin("https://ca.example/", origin, strlen("https://ca.example:443") + 1), 0);
}

static void test_same_origin(void **state)
{
	(void)state;
	assert_true(http_url_same_origin("https://ca.example/dir", "https://CA.EXAMPLE:443/acme/order?x"));
	assert_false(http_url_same_origin("https://ca.example/", "http://ca.example/"));
	assert_false(http_url_same_origin("https://ca.example/", "http://ca.example:443/"));
	assert_false(http_url_same_origin("https://ca.example/", "https://ca.example:444/"));
	assert_false(http_url_same_origin("https://ca.example/", "https://ca.example.evil/"));
	assert_false(http_url_same_origin("https://ca.example/", "https://ca.example./"));
	assert_false(http_url_same_origin("https://ca.example/", "https://a.ca.example/"));
	assert_false(http_url_same_origin("https://ca.example/", "https://ca.example@evil.example/"));
	assert_false(http_url_same_origin("nonsense", "nonsense"));
	assert_true(http_url_same_origin("https://[::1]:1/", "https://[::1]:1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted), cmocka_unit_test(test_refused),     cmocka_unit_test(test_length),
		cmocka_unit_test(test_origin),   cmocka_unit_test(test_same_origin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
