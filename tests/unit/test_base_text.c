/* test_base_text.c */
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_comparisons(void **state)
{
	(void)state;
	assert_true(text_equal("a", "a"));
	assert_false(text_equal("a", "A"));
	assert_true(text_equal_nocase("Retry-After", "retry-aFTER"));
	assert_false(text_equal_nocase("a", "ab"));
	assert_false(text_equal_nocase("\xc3\x84", "\xc3\xa4"));
	assert_false(text_equal_nocase("[", "{"));
	assert_true(text_has_prefix("abc", ""));
	assert_true(text_has_prefix("abc", "ab"));
	assert_false(text_has_prefix("ab", "abc"));
	assert_true(text_has_suffix("abc", "bc"));
	assert_true(text_has_suffix("abc", ""));
	assert_false(text_has_suffix("bc", "abc"));
}

static void test_copy_is_cut_and_terminated(void **state)
{
	char out[4] = "zzz";

	(void)state;
	assert_true(text_copy(out, sizeof(out), "abc"));
	assert_string_equal(out, "abc");
	assert_false(text_copy(out, sizeof(out), "defg"));
	assert_string_equal(out, "def");
	assert_true(text_copy(out, 1, ""));
	assert_string_equal(out, "");
	assert_false(text_copy(out, 0, ""));
	memcpy(out, "abc", 4);
	assert_true(text_copy(out, sizeof(out), out + 1));
	assert_string_equal(out, "bc");
}

static void test_numbers(void **state)
{
	static const char *const wrong[] = { "", "-1", "+1", " 1", "1 ", "0x10", "1e3", "1.5", "18446744073709551616",
					     "99999999999999999999999", "1\n" };
	uint64_t value = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(text_parse_u64(wrong[i], 0, UINT64_MAX, &value), -1);
	assert_int_equal(text_parse_u64("10", 11, 20, &value), -1);
	assert_int_equal(text_parse_u64("21", 11, 20, &value), -1);
	assert_int_equal(value, 7);
	assert_int_equal(text_parse_u64("18446744073709551615", 0, UINT64_MAX, &value), 0);
	assert_true(value == UINT64_MAX);
	assert_int_equal(text_parse_u64("0", 0, 0, &value), 0);
	assert_int_equal(value, 0);
	assert_int_equal(text_parse_u64("0080", 1, 65535, &value), 0);
	assert_int_equal(value, 80);
}

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} right[] = { { "90", 90 }, { "90s", 90 }, { "5min", 300 }, { "12h", 43200 }, { "7d", 604800 }, { "0", 0 } };
	static const char *const wrong[] = { "", "s", "5m", "5 min", "-5s", "1h30min", "5MIN", "5ss", "106751991167301d",
					     "9223372036854775808", "18446744073709551616" };
	int64_t value = -7;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(text_parse_duration(wrong[i], 0, INT64_MAX, &value), -1);
	assert_int_equal(text_parse_duration("9s", 10, 20, &value), -1);
	assert_int_equal(text_parse_duration("21s", 10, 20, &value), -1);
	assert_int_equal(value, -7);
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		assert_int_equal(text_parse_duration(right[i].text, 0, INT64_MAX, &value), 0);
		assert_int_equal(value, right[i].seconds);
	}
}

static void test_clean(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "", "" },
		{ "plain text", "plain text" },
		{ "a\tb\nc\x1b[0m\x7f", "a?b?c?[0m?" },
		{ "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x94\x92", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x94\x92" },
		{ "csi \xc2\x9b" "31m", "csi ??31m" }, /* C1 */
		{ "\xc2\xa0", "\xc2\xa0" }, /* the first after C1 */
		{ "\x80\xbf\xff\xfe", "????" },
		{ "\xc0\xaf \xc1\xbf", "?? ??" }, /* overlong */
		{ "\xe0\x9f\xbf \xf0\x8f\xbf\xbf", "??? ????" },
		{ "\xed\xa0\x80", "???" }, /* a surrogate */
		{ "\xf4\x90\x80\x80 \xf5\x80\x80\x80", "???? ????" }, /* above U+10FFFF */
		{ "cut \xe2\x82", "cut ??" },
		{ "cut \xf0\x9f\x94", "cut ???" },
		{ "rlo \xe2\x80\xae" "txt.exe", "rlo ???txt.exe" },
		{ "ls \xe2\x80\xa8", "ls ???" },
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(text_copy(text, sizeof(text), cases[i].in));
		text_clean(text);
		assert_string_equal(text, cases[i].out);
	}
}

static void test_nearest(void **state)
{
	static const char *const names[] = { "email", "agree-tos", "challenge", "ca", "key", "webroot",
					     "a-name-that-is-far-longer-than-any-directive-could-reasonably-become-in-time", NULL };
	char huge[70000];

	(void)state;
	assert_string_equal(text_nearest("emial", names), "email");
	assert_string_equal(text_nearest("Email", names), "email");
	assert_string_equal(text_nearest("agree_tos", names), "agree-tos");
	assert_string_equal(text_nearest("chalenge", names), "challenge");
	assert_string_equal(text_nearest("webrot", names), "webroot");
	assert_string_equal(text_nearest("kye", names), "key");
	assert_null(text_nearest("nothing-like-it", names));
	assert_null(text_nearest("", names));
	memset(huge, 'e', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	assert_null(text_nearest(huge, names));
	huge[64] = '\0';
	assert_null(text_nearest(huge, names));
	assert_null(text_nearest("email", names + 7));
}

static void test_hex(void **state)
{
	char out[9];

	(void)state;
	text_hex("\x00\xff\x1a\x80", 4, out);
	assert_string_equal(out, "00ff1a80");
	text_hex("", 0, out);
	assert_string_equal(out, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_comparisons),
		cmocka_unit_test(test_copy_is_cut_and_terminated),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_hex),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
