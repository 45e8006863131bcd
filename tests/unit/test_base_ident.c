/* test_base_ident.c */
#include "base/ident.h"

#include "base/clean.h"
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define L63 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz01234567890"
#define N251 L63 "." L63 "." L63 "." "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz0123456"

static void test_what_is_a_name(void **state)
{
	static const struct {
		const char *text, *value;
	} cases[] = {
		{ "togetherers.com", "togetherers.com" },
		{ "EXAMPLE.com", "example.com" },
		{ "example.com.", "example.com" },
		{ "WWW.Example.COM.", "www.example.com" },
		{ "localhost", "localhost" },
		{ "a", "a" },
		{ "1a.2.example", "1a.2.example" },
		{ "0x7f.0.0.1a", "0x7f.0.0.1a" },
		{ "a-b--c.example", "a-b--c.example" },
		{ L63 ".example", L63 ".example" },
		{ N251 ".a", N251 ".a" },
		{ N251 ".A.", N251 ".a" },
		/* IDNA2008, non-transitional */
		{ "M\xc3\xbcnchen.de", "xn--mnchen-3ya.de" },
		{ "MU\xcc\x88NCHEN.de", "xn--mnchen-3ya.de" }, /* a combining diaeresis */
		{ "stra\xc3\x9f" "e.de", "xn--strae-oqa.de" },
		{ "xn--mnchen-3ya.de", "xn--mnchen-3ya.de" },
		{ "XN--MNCHEN-3YA.DE", "xn--mnchen-3ya.de" },
		{ "\xe4\xbe\x8b\xe3\x81\x88\xe3\x80\x82\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88", "xn--r8jz45g.xn--zckzah" },
		{ "\xef\xbd\x81.de", "a.de" }, /* a full-width letter */
		{ "\xd7\x90" "1.com", "xn--1-zhc.com" },
	};
	struct ident ident;
	struct error err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(ident_parse(cases[i].text, &ident, &err), 0);
		assert_int_equal(ident.type, IDENT_DNS);
		assert_false(ident.wildcard);
		assert_string_equal(ident.value, cases[i].value);
		/* The canonical form is its own. */
		assert_int_equal(ident_parse(cases[i].value, &ident, &err), 0);
		assert_string_equal(ident.value, cases[i].value);
	}
	assert_int_equal(strlen(N251 ".a"), 253);
}

static void test_wildcards(void **state)
{
	struct ident ident;
	struct error err;

	(void)state;
	assert_int_equal(ident_parse("*.Example.com.", &ident, &err), 0);
	assert_true(ident.wildcard);
	assert_string_equal(ident.value, "*.example.com");
	assert_int_equal(ident_parse("*.m\xc3\xbcnchen.de", &ident, &err), 0);
	assert_true(ident.wildcard);
	assert_string_equal(ident.value, "*.xn--mnchen-3ya.de");
	assert_int_equal(ident_parse("*.a", &ident, &err), 0);
	assert_string_equal(ident.value, "*.a");
}

struct refusal {
	const char *text, *word;
};

static void check_refusals(const struct refusal *cases, size_t count)
{
	struct ident ident = { .value = "untouched" };
	struct error err;

	for (size_t i = 0; i < count; i++) {
		error_clear(&err);
		if (ident_parse(cases[i].text, &ident, &err) != -1)
			fail_msg("%s: %s is no name", cases[i].text, ident.value);
		assert_int_equal(err.kind, ERROR_USAGE);
		if (strstr(err.message, cases[i].word) == NULL)
			fail_msg("%s: %s, not %s", cases[i].text, err.message, cases[i].word);
		assert_string_equal(ident.value, "untouched");
	}
}

static void test_what_is_none_and_where(void **state)
{
	static const struct refusal cases[] = {
		{ "", "empty" },
		{ " example.com", "character 1: a name holds no space" },
		{ "example.com ", "character 12: a name holds no space" },
		{ "exa mple.com", "character 4" },
		{ "a\tb", "character 2" },
		{ "a\nb", "character 2: a control character (0x0a)" },
		{ "a\x7f", "character 2: a control character (0x7f)" },
		{ "a..b", "character 3: an empty label" },
		{ ".a", "character 1: an empty label" },
		{ ".", "character 1: an empty label" },
		{ "a..", "character 3: an empty label" },
		{ "-a.b", "character 1: a label does not begin with a hyphen" },
		{ "b.-", "character 3: a label does not begin" },
		{ "a-.b", "character 2: a label does not end with a hyphen" },
		{ "a.b-", "character 4" },
		{ "_acme-challenge.a", "character 1: a host name holds no underscore" },
		{ "a.b_c", "character 4" },
		{ "ab--cd.de", "character 3: hyphens" },
		{ L63 "x.com", "character 64: a label has at most 63 octets, this one has 64" },
		{ "a." L63 "x", "character 66" },
		{ N251 ".ab", "character 254: a name has at most 253 octets, this one has 254" },
		{ "*.a" N251, "character 66" },
		{ "*.a." N251, "character 254" },
		{ "*", "character 1: a wildcard" },
		{ "*a.b", "character 1: a wildcard" },
		{ "a.*.b", "character 3: a wildcard" },
		{ "*.*.a", "character 3: a wildcard" },
		{ "a.*", "character 3: a wildcard" },
		{ "**.a", "character 1: a wildcard" },
		{ "*.", "character 3: an empty label" },
		{ "*..a", "character 3: an empty label" },
		{ "*.1.2.3.4", "digits" },
		{ "../x", "character 3" },
		{ "/etc", "character 1: the name alone is wanted, without a path" },
		{ ";rm", "character 1: \";\" is no letter" },
		{ "-o", "character 1" },
		{ "a;b", "character 2" },
		{ "a`b", "character 2" },
		{ "a$(b)", "character 2" },
		{ "a\"b", "character 2" },
		{ "me@example.com", "character 3: a host name is wanted, no mail address" },
		{ "example.com:443", "character 12: the name alone is wanted, without a scheme and without a port" },
		{ "https://example.com/", "character 6" },
		{ "[::1]", "character 1: an IPv6 address is written without brackets" },
		{ "fe80::1%eth0", "character 5" },
		{ "example.123", "digits" },
		{ "123", "digits" },
		{ "1.2.3", "no IPv4" },
		{ "1.2.3.4.5", "no IPv4" },
		{ "256.1.1.1", "no IPv4" },
		{ "1.2.3.04", "no IPv4" },
		{ "1.2.3.4.", "no IPv4" },
		{ "1..2.3", "no IPv4" },
		{ "1::2::3", "no IPv6" },
		{ "12345::", "no IPv6" },
		{ ":", "no IPv6" },
		{ "dead:beef", "no IPv6" },
		{ "::ffff:1.2.3.400", "no IPv6" },
	};

	(void)state;
	check_refusals(cases, ARRAY_SIZE(cases));
}

/* Not valid, not allowed, not what they seem. */
static void test_internationalized_names_that_are_none(void **state)
{
	static const struct refusal cases[] = {
		{ "xn--a", "character 1" },
		{ "www.xn--a.com", "character 5" },
		{ "xn--", "hyphen" },
		{ "xn--99999999.de", "character 1" },
		{ "xn--0.pt", "character 1" },
		{ "xn--n3h.net", "character 1" },
		{ "xn--strasse-.de", "hyphen" },
		{ "\xe2\x98\x83.net", "character 1" },
		{ "m\xc3\xbc.\xe2\x98\x83.net", "character 4" },
		{ "\xcc\x80" "a.de", "character 1" },
		{ "a\xe2\x80\x8d" "b.de", "character 1" },
		{ "a.\xd7\x90" "b", "character 3" },
		{ "ab\xff.de", "character 1" },
		{ "\xc3", "character 1" },
		{ "m\xc3\xbc b.de", "character 3: a name holds no space" },
		{ "\xef\xbc\x8a.de", "wildcard" }, /* a full-width asterisk */
		{ "a\xef\xbc\x8f" "b.de", "path" }, /* slash */
		{ "a\xef\xbc\xbf" "b.de", "underscore" }, /* underscore */
		{ "\xc3\xa4\xef\xbc\xbf.de", "underscore" },
		{ "\xc3\xa4\xef\xbc\x8f.de", "character 1" },
		{ "\xc3\xa4_.de", "underscore" },
		{ "xn--_-zfa.de", "underscore" },
		{ "\xef\xbc\x91.\xef\xbc\x92.\xef\xbc\x93.\xef\xbc\x94", "digits" }, /* digits */
		{ "\xc3\xa4..de", "empty label" },
		{ "-\xc3\xa4.de", "character 1" },
	};

	(void)state;
	check_refusals(cases, ARRAY_SIZE(cases));
}

static void test_a_huge_text_is_not_repeated(void **state)
{
	static char text[4097];
	struct ident ident;
	struct error err;

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	assert_int_equal(ident_parse(text, &ident, &err), -1);
	assert_true(strlen(err.message) < 300);
	text[1000] = '\0';
	assert_int_equal(ident_parse(text, &ident, &err), -1);
	assert_true(strlen(err.message) < 300);
	for (size_t i = 0; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xbc", 2);
	text[1024] = '\0';
	assert_int_equal(ident_parse(text, &ident, &err), -1);
	assert_true(strlen(err.message) < 400);
	for (size_t i = 0; i < 1024; i += 2)
		memcpy(text + i, "a.", 2);
	assert_int_equal(ident_parse(text, &ident, &err), -1);
	assert_non_null(strstr(err.message, "253"));
}

static void test_addresses(void **state)
{
	static const struct {
		const char *text, *value;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "0.0.0.0", "0.0.0.0" },
		{ "2001:DB8::1", "2001:db8::1" },
		/* RFC 5952 section 4 */
		{ "2001:0db8::0001", "2001:db8::1" },
		{ "2001:db8:0:0:0:0:2:1", "2001:db8::2:1" },
		{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
		{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },
		{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
		{ "::ffff:192.0.2.1", "::ffff:192.0.2.1" },
		{ "::FFFF:C000:0201", "::ffff:192.0.2.1" },
		{ "::1", "::1" },
		{ "::", "::" },
		{ "::192.0.2.1", "::c000:201" },
		{ "::1:2", "::1:2" },
	};
	struct ident ident;
	struct error err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(ident_parse(cases[i].text, &ident, &err), 0);
		assert_int_equal(ident.type, IDENT_IP);
		assert_false(ident.wildcard);
		assert_string_equal(ident.value, cases[i].value);
	}
	assert_string_equal(ident_type_name(IDENT_IP), "ip");
	assert_string_equal(ident_type_name(IDENT_DNS), "dns");
}

static void add(struct ident_list *list, const char *text)
{
	struct ident ident;
	struct error err;

	assert_int_equal(ident_parse(text, &ident, &err), 0);
	assert_int_equal(ident_list_add(list, &ident, &err), 0);
}

static void test_lists(void **state)
{
	CLEANUP(ident_list_done) struct ident_list a = { 0 };
	CLEANUP(ident_list_done) struct ident_list b = { 0 };
	CLEANUP(ident_list_done) struct ident_list copy = { 0 };
	struct ident ident;
	struct error err;
	char name[32];

	(void)state;
	assert_true(ident_list_same(&a, &b));
	assert_int_equal(ident_list_copy(&a, &copy, &err), 0);
	assert_int_equal(copy.count, 0);
	add(&a, "a.example");
	add(&a, "192.0.2.1");
	add(&b, "192.0.2.1");
	assert_false(ident_list_same(&a, &b));
	add(&b, "A.example.");
	assert_true(ident_list_same(&a, &b));
	assert_int_equal(ident_list_copy(&a, &copy, &err), 0);
	assert_int_equal(copy.count, 2);
	assert_string_equal(copy.items[0].value, "a.example");
	assert_int_equal(ident_parse("A.EXAMPLE", &ident, &err), 0);
	assert_true(ident_list_contains(&a, &ident));
	assert_int_equal(ident_list_add(&a, &ident, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_non_null(strstr(err.message, "a.example is named twice"));
	assert_int_equal(ident_parse("*.a.example", &ident, &err), 0);
	assert_false(ident_list_contains(&a, &ident));
	while (a.count < IDENT_LIST_MAX) {
		snprintf(name, sizeof(name), "n%zu.example", a.count);
		add(&a, name);
	}
	assert_int_equal(ident_list_add(&a, &ident, &err), -1);
	assert_non_null(strstr(err.message, "at most 100"));
	assert_int_equal(a.count, IDENT_LIST_MAX);
	add(&b, "c.example");
	assert_false(ident_list_same(&a, &b));
}

static void test_names_of_certificates(void **state)
{
	static const struct {
		const char *text, *name;
	} cases[] = {
		{ "example.com", "example.com" },
		{ "*.example.com", "_wildcard.example.com" },
		{ "2001:db8::1", "2001_db8__1" },
		{ "::1", "__1" },
		{ "192.0.2.1", "192.0.2.1" },
	};
	char name[IDENT_NAME_SIZE] = "untouched";
	struct ident ident;
	struct error err;

	(void)state;
	assert_int_equal(ident_parse(N251 ".a", &ident, &err), 0);
	assert_int_equal(ident_certificate_name(&ident, name, &err), -1);
	assert_string_not_equal(err.advice, "");
	assert_string_equal(name, "untouched");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(ident_parse(cases[i].text, &ident, &err), 0);
		assert_int_equal(ident_certificate_name(&ident, name, &err), 0);
		assert_string_equal(name, cases[i].name);
		assert_int_equal(ident_check_certificate_name(name, &err), 0);
	}
	assert_int_equal(ident_parse(L63 "." L63, &ident, &err), 0);
	assert_int_equal(ident_certificate_name(&ident, name, &err), 0);
	assert_int_equal(strlen(name), IDENT_NAME_SIZE - 1);
	assert_int_equal(ident_check_certificate_name(name, &err), 0);
}

static void test_names_that_are_no_file_names(void **state)
{
	static const struct {
		const char *name, *word;
	} cases[] = {
		{ "", "empty" },	    { ".", "begin" },	       { "..", "begin" },	   { "../x", "character 3" },
		{ "/etc", "character 1" },  { ".hidden", "begin" },    { "-o", "begin" },	   { "a..b", "character 2" },
		{ "a/b", "character 2" },   { "a b", "character 2" },  { "a\nb", "character 2" },  { ";rm", "character 1" },
		{ "Example.com", "lower" }, { "m\xc3\xbc", "character 2" }, { "a:b", "character 2" }, { "a%2f", "character 2" },
		{ "*.a", "character 1" },   { L63 L63 "xy", "character 128" },
	};
	struct error err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(ident_check_certificate_name(cases[i].name, &err), -1);
		assert_int_equal(err.kind, ERROR_USAGE);
		if (strstr(err.message, cases[i].word) == NULL)
			fail_msg("%s: %s, not %s", cases[i].name, err.message, cases[i].word);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_a_name),
		cmocka_unit_test(test_wildcards),
		cmocka_unit_test(test_what_is_none_and_where),
		cmocka_unit_test(test_internationalized_names_that_are_none),
		cmocka_unit_test(test_a_huge_text_is_not_repeated),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_names_of_certificates),
		cmocka_unit_test(test_names_that_are_no_file_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
