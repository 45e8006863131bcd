/* test_base_buf.c */
#include "base/buf.h"

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

static void test_grows_to_its_maximum_and_not_beyond(void **state)
{
	CLEANUP(buf_done) struct buf b = BUF(1000);
	struct error err;

	(void)state;
	assert_string_equal(buf_text(&b), "");
	for (size_t i = 0; i < 1000; i++) {
		assert_int_equal(buf_append_char(&b, 'x'), 0);
		assert_int_equal(b.data[b.len], '\0');
	}
	assert_int_equal(b.len, 1000);
	assert_true(b.cap <= 1001);
	assert_int_equal(buf_append(&b, "", 0), 0);
	assert_int_equal(buf_check(&b, "body", &err), 0);
	assert_int_equal(buf_append_char(&b, 'y'), -1);
	assert_true(b.failed);
	assert_int_equal(b.len, 1000);
	assert_int_equal(strlen(b.data), 1000);
	assert_int_equal(buf_append(&b, "", 0), -1);
	assert_int_equal(buf_check(&b, "body", &err), -1);
	assert_int_equal(err.kind, ERROR_INTERNAL);
	assert_non_null(strstr(err.message, "body"));
	assert_non_null(strstr(err.message, "1000"));
	assert_null(buf_take(&b));
	assert_true(b.failed);
}

static void test_a_failure_leaves_the_content(void **state)
{
	CLEANUP(buf_done) struct buf b = BUF(8);

	(void)state;
	assert_int_equal(buf_append_text(&b, "12345"), 0);
	assert_int_equal(buf_printf(&b, "%s", "6789"), -1);
	assert_string_equal(buf_text(&b), "12345");
	assert_int_equal(buf_append_text(&b, "6"), -1);
	buf_reset(&b);
	assert_int_equal(buf_printf(&b, "%s-%d", "1234", 567), 0);
	assert_string_equal(buf_text(&b), "1234-567");
	buf_done(&b);
	assert_int_equal(b.max, 8);
	assert_int_equal(buf_append_text(&b, "again"), 0);
}

static void test_no_maximum_means_nothing(void **state)
{
	struct buf none = { 0 };

	(void)state;
	assert_int_equal(buf_append_char(&none, 'x'), -1);
	assert_null(none.data);
	buf_done(&none);
	assert_int_equal(buf_append(&none, NULL, 0), 0);
	assert_non_null(none.data);
	buf_done(&none);
}

static void test_sizes_that_would_overflow(void **state)
{
	CLEANUP(buf_done) struct buf b = BUF(SIZE_MAX);

	(void)state;
	assert_int_equal(buf_append_text(&b, "abc"), 0);
	assert_int_equal(buf_append(&b, "x", SIZE_MAX - 3), -1);
	assert_string_equal(buf_text(&b), "abc");
	buf_reset(&b);
	assert_int_equal(buf_append(&b, "x", SIZE_MAX), -1);
}

static void test_may_append_itself(void **state)
{
	CLEANUP(buf_done) struct buf b = BUF_SECRET(1 << 20);

	(void)state;
	buf_append_text(&b, "abc");
	while (b.len <= 1 << 18)
		assert_int_equal(buf_append(&b, b.data, b.len), 0);
	for (size_t i = 0; i < b.len; i += 3)
		assert_memory_equal(b.data + i, "abc", 3);
}

static void test_take_hands_the_memory_over(void **state)
{
	CLEANUP(buf_done) struct buf b = BUF(16);
	char *text;

	(void)state;
	buf_append(&b, "a\0b", 3);
	text = buf_take(&b);
	assert_memory_equal(text, "a\0b", 4);
	free(text);
	assert_null(b.data);
	assert_int_equal(b.len, 0);
	assert_int_equal(b.cap, 0);
	text = buf_take(&b);
	assert_string_equal(text, "");
	free(text);
}

static void test_a_secret_is_wiped_when_it_is_emptied(void **state)
{
	CLEANUP(buf_done) struct buf b = BUF_SECRET(64);
	static const char zero[32];

	(void)state;
	buf_append_text(&b, "the key that nobody may see ....");
	buf_reset(&b);
	assert_memory_equal(b.data, zero, sizeof(zero));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grows_to_its_maximum_and_not_beyond),
		cmocka_unit_test(test_a_failure_leaves_the_content),
		cmocka_unit_test(test_no_maximum_means_nothing),
		cmocka_unit_test(test_sizes_that_would_overflow),
		cmocka_unit_test(test_may_append_itself),
		cmocka_unit_test(test_take_hands_the_memory_over),
		cmocka_unit_test(test_a_secret_is_wiped_when_it_is_emptied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
