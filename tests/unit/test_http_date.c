/* test_http_date.c: Retry-After and HTTP-date in all their forms. */
#include "http/header.h"
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

#define NOW INT64_C(1795441200) /* 2026-11-23 */
#define TEN_YEARS (INT64_C(10) * 366 * 86400)

static void test_date_forms(void **state)
{
	int64_t at = -1;

	(void)state;
	assert_int_equal(http_date_parse("Sun, 06 Nov 1994 08:49:37 GMT", NOW, &at), 0);
	assert_int_equal(at, 784111777);
	at = -1;
	assert_int_equal(http_date_parse("Sunday, 06-Nov-94 08:49:37 GMT", NOW, &at), 0);
	assert_int_equal(at, 784111777);
	at = -1;
	assert_int_equal(http_date_parse("Sun Nov  6 08:49:37 1994", NOW, &at), 0);
	assert_int_equal(at, 784111777);
	assert_int_equal(http_date_parse("Sun Nov 16 08:49:37 1994", NOW, &at), 0);
	assert_int_equal(at, 784111777 + 10 * 86400);
	/* two digits: not more than 50 years ahead */
	assert_int_equal(http_date_parse("Monday, 23-Nov-76 00:00:00 GMT", NOW, &at), 0);
	assert_int_equal(at, 3373315200);
	assert_int_equal(http_date_parse("Tuesday, 23-Nov-77 00:00:00 GMT", NOW, &at), 0);
	assert_int_equal(at, 249091200);
	assert_int_equal(http_date_parse("Thu, 29 Feb 2024 12:00:00 GMT", NOW, &at), 0);
	assert_int_equal(at, 1709208000);
	assert_int_equal(http_date_parse("Sat, 31 Dec 2016 23:59:60 GMT", NOW, &at), 0);
	assert_int_equal(at, 1483228800);
	assert_int_equal(http_date_parse("Fri, 31 Dec 9999 23:59:59 GMT", NOW, &at), 0);
	assert_int_equal(at, 253402300799);
}

static void test_no_dates(void **state)
{
	static const char *const texts[] = {
		"",
		"soon",
		"Sun, 06 Nov 1994 08:49:37",
		"Sun, 06 Nov 1994 08:49:37 CET",
		"Sun, 06 Nov 1994 08:49:37 GMT ",
		"Sun, 6 Nov 1994 08:49:37 GMT",
		"Sun, 06 nov 1994 08:49:37 GMT",
		"Sun, 31 Feb 2026 08:49:37 GMT",
		"Sun, 29 Feb 2026 00:00:00 GMT",
		"Sun, 31 Nov 2026 00:00:00 GMT",
		"Sun, 00 Nov 2026 00:00:00 GMT",
		"Sun, 32 Jan 2026 00:00:00 GMT",
		"Sun, 06 Nov 1994 24:00:00 GMT",
		"Sun, 06 Nov 1994 08:60:00 GMT",
		"Sun, 06 Nov 1994 08:00:61 GMT",
		"Sun, 06 Nov 19x4 08:49:37 GMT",
		"Sun, -6 Nov 1994 08:49:37 GMT",
		"2026-11-23T00:00:00Z",
		"Sun Nov 6 08:49:37 1994",
		"Sunday, 06-Nov-1994 08:49:37 GMT",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int64_t at = 4711;

		if (http_date_parse(texts[i], NOW, &at) == 0)
			fail_msg("read as a date: %s", texts[i]);
		assert_int_equal(at, 4711);
	}
}

static int64_t retry_after(const char *text)
{
	struct http_response response = { 0 };

	assert_true(text_copy(response.retry_after, sizeof(response.retry_after), text));
	return http_retry_after(&response, NOW);
}

static void test_retry_after(void **state)
{
	(void)state;
	assert_int_equal(retry_after("120"), NOW + 120);
	assert_int_equal(retry_after("0"), NOW + 1);
	assert_int_equal(retry_after("1"), NOW + 1);
	assert_int_equal(retry_after("21600"), NOW + 21600);
	assert_int_equal(retry_after("1000000000"), NOW + TEN_YEARS);
	assert_int_equal(retry_after("18446744073709551616"), NOW + TEN_YEARS);
	assert_int_equal(retry_after("9999999999999999999999999999999999"), NOW + TEN_YEARS);
	assert_int_equal(retry_after("Sun, 06 Nov 1994 08:49:37 GMT"), NOW + 1);
	assert_int_equal(retry_after("Fri, 31 Dec 9999 23:59:59 GMT"), NOW + TEN_YEARS);
	assert_int_equal(retry_after("Tue, 24 Nov 2026 15:00:00 GMT") > NOW + 86400, true);
	assert_int_equal(retry_after(""), 0);
	assert_int_equal(retry_after("-5"), 0);
	assert_int_equal(retry_after("+5"), 0);
	assert_int_equal(retry_after("abc"), 0);
	assert_int_equal(retry_after("3.5"), 0);
	assert_int_equal(retry_after("1e9"), 0);
	assert_int_equal(retry_after("0x10"), 0);
	assert_int_equal(retry_after("12 "), 0);
}

/* The server's clock is hours away from ours: what counts is how far its two times are apart. */
static void test_retry_after_by_its_own_clock(void **state)
{
	struct http_response response = { 0 };

	(void)state;
	text_copy(response.date, sizeof(response.date), "Sun, 06 Nov 1994 08:49:37 GMT");
	text_copy(response.retry_after, sizeof(response.retry_after), "Sun, 06 Nov 1994 08:50:07 GMT");
	assert_int_equal(http_retry_after(&response, NOW), NOW + 30);
	text_copy(response.retry_after, sizeof(response.retry_after), "Sun, 06 Nov 1994 08:00:00 GMT");
	assert_int_equal(http_retry_after(&response, NOW), NOW + 1);
	text_copy(response.retry_after, sizeof(response.retry_after), "60");
	assert_int_equal(http_retry_after(&response, NOW), NOW + 60);
	text_copy(response.date, sizeof(response.date), "no date");
	text_copy(response.retry_after, sizeof(response.retry_after), "Sun, 06 Nov 1994 08:50:07 GMT");
	assert_int_equal(http_retry_after(&response, NOW), NOW + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_date_forms),
		cmocka_unit_test(test_no_dates),
		cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_retry_after_by_its_own_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
