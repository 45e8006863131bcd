/* test_base_clock.c */
#include "base/clock.h"

#include <time.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_parses_what_servers_write(void **state)
{
	static const struct {
		const char *text;
		int64_t at;
	} cases[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2026-11-23T14:05:09Z", 1795442709 },
		{ "2026-11-23t14:05:09z", 1795442709 },
		{ "2026-11-23 14:05:09Z", 1795442709 },
		{ "2026-11-23T14:05:09.999999999Z", 1795442709 },
		{ "2026-11-23T15:05:09+01:00", 1795442709 },
		{ "2026-11-23T03:35:09-10:30", 1795442709 },
		{ "2026-11-23T14:05:09-00:00", 1795442709 },
		/* RFC 3339 section 5.8 */
		{ "1985-04-12T23:20:50.52Z", 482196050 },
		{ "1996-12-19T16:39:57-08:00", 851042397 },
		{ "1990-12-31T23:59:60Z", 662688000 },
		{ "1990-12-31T15:59:60-08:00", 662688000 },
		{ "1937-01-01T12:00:27.87+00:20", -1041337173 },
		{ "2000-02-29T00:00:00Z", 951782400 },
		{ "2038-01-19T03:14:08Z", 2147483648 },
		{ "0000-01-01T00:00:00Z", -62167219200 },
		{ "9999-12-31T23:59:59Z", 253402300799 },
	};
	int64_t at;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(time_parse(cases[i].text, &at), 0);
		assert_int_equal(at, cases[i].at);
	}
}

static void test_refuses_what_is_no_time(void **state)
{
	static const char *const cases[] = {
		"", "2026", "2026-11-23", "2026-11-23T14:05:09", "2026-11-23T14:05:09 Z", "2026-11-23T14:05Z",
		"2026-11-23T14:05:09.Z", "2026-11-23T14:05:09,5Z", "2026-11-23T14:05:09+0100", "2026-11-23T14:05:09+24:00",
		"2026-11-23T14:05:09+01:60", "2026-11-23T24:00:00Z", "2026-11-23T14:60:00Z", "2026-11-23T14:05:61Z",
		"2026-00-10T00:00:00Z", "2026-13-10T00:00:00Z", "2026-04-31T00:00:00Z", "2026-02-29T00:00:00Z",
		"2100-02-29T00:00:00Z", "2026-01-00T00:00:00Z", "10000-01-01T00:00:00Z", "-001-01-01T00:00:00Z",
		" 2026-11-23T14:05:09Z", "2026-11-23T14:05:09Z ", "2026-1-23T14:05:09Z", "2026-11-23X14:05:09Z",
		"Mon, 23 Nov 2026 14:05:09 GMT",
	};
	int64_t at = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(time_parse(cases[i], &at), -1);
	assert_int_equal(at, 42);
}

static void test_format_is_the_inverse_and_agrees_with_libc(void **state)
{
	char text[TIME_TEXT_SIZE], expected[TIME_TEXT_SIZE];
	int64_t back;

	(void)state;
	/* Steps of a prime number of seconds through all of four-digit time. */
	for (int64_t at = -62167219200; at <= 253402300799; at += 7654321) {
		time_t t = (time_t)at;
		struct tm tm;

		time_format(at, text);
		assert_non_null(gmtime_r(&t, &tm));
		snprintf(expected, sizeof(expected), "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned int)(tm.tm_year + 1900) % 10000,
			 (unsigned int)(tm.tm_mon + 1) % 100, (unsigned int)tm.tm_mday % 100, (unsigned int)tm.tm_hour % 100,
			 (unsigned int)tm.tm_min % 100, (unsigned int)tm.tm_sec % 100);
		assert_string_equal(text, expected);
		assert_int_equal(time_parse(text, &back), 0);
		assert_int_equal(back, at);
	}
	assert_string_equal(time_format(INT64_MIN, text), "0000-01-01T00:00:00Z");
	assert_string_equal(time_format(INT64_MAX, text), "9999-12-31T23:59:59Z");
	assert_string_equal(time_format(-1, text), "1969-12-31T23:59:59Z");
}

static void test_durations(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} cases[] = {
		{ 0, "0 s" }, { 30, "30 s" }, { 119, "119 s" }, { 120, "2 min" }, { 720, "12 min" }, { 7199, "119 min" },
		{ 18000, "5 h" }, { 172799, "47 h" }, { 172800, "2 d" }, { 41 * 86400 + 5, "41 d" }, { -90, "-90 s" },
		{ INT64_MIN, "-106751991167300 d" }, { INT64_MAX, "106751991167300 d" },
	};
	char text[TIME_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(time_format_duration(cases[i].seconds, text), cases[i].text);
}

static void test_the_real_clock(void **state)
{
	const struct clock *c = clock_system();
	int64_t before = clock_monotonic_ms(c), slept;

	(void)state;
	assert_true(clock_wall(c) > 1700000000);
	clock_sleep_ms(c, -5);
	clock_sleep_ms(c, 0);
	clock_sleep_ms(c, 3);
	slept = clock_monotonic_ms(c) - before;
	assert_true(slept >= 2);
}

static int64_t scripted(void *self)
{
	return *(int64_t *)self;
}

static void scripted_sleep(void *self, int64_t ms)
{
	*(int64_t *)self += ms;
}

static void test_a_scripted_clock(void **state)
{
	int64_t now = 10;
	struct clock c = { scripted, scripted, scripted_sleep, &now };

	(void)state;
	assert_int_equal(clock_wall(&c), 10);
	clock_sleep_ms(&c, 60);
	assert_int_equal(clock_monotonic_ms(&c), 70);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parses_what_servers_write),
		cmocka_unit_test(test_refuses_what_is_no_time),
		cmocka_unit_test(test_format_is_the_inverse_and_agrees_with_libc),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_the_real_clock),
		cmocka_unit_test(test_a_scripted_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
