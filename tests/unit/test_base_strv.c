/* test_base_strv.c */
#include "base/strv.h"

#include "base/clean.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_is_always_terminated(void **state)
{
	CLEANUP(strv_done) struct strv v = STRV(100);

	(void)state;
	assert_null(v.items);
	for (size_t i = 0; i < 100; i++) {
		assert_int_equal(strv_addf(&v, "item %zu", i), 0);
		assert_null(v.items[i + 1]);
	}
	assert_string_equal(v.items[0], "item 0");
	assert_string_equal(v.items[99], "item 99");
	assert_int_equal(strv_add(&v, "one more"), -1);
	assert_true(v.failed);
	assert_int_equal(v.count, 100);
	strv_done(&v);
	assert_false(v.failed);
	assert_int_equal(strv_add(&v, "again"), 0);
}

static void test_a_failure_stays(void **state)
{
	CLEANUP(strv_done) struct strv v = STRV(0);

	(void)state;
	assert_int_equal(strv_add(&v, "x"), -1);
	v.max = 1;
	assert_int_equal(strv_add(&v, "x"), -1);
}

static void test_sorts_and_finds(void **state)
{
	CLEANUP(strv_done) struct strv v = STRV(10);

	(void)state;
	strv_sort(&v);
	assert_false(strv_contains(&v, "b"));
	strv_add(&v, "b");
	strv_add(&v, "\xc3\xa4");
	strv_add(&v, "B");
	strv_add(&v, "");
	strv_sort(&v);
	assert_string_equal(v.items[0], "");
	assert_string_equal(v.items[1], "B");
	assert_string_equal(v.items[2], "b");
	assert_string_equal(v.items[3], "\xc3\xa4");
	assert_true(strv_contains(&v, "b"));
	assert_true(strv_contains(&v, ""));
	assert_false(strv_contains(&v, "bb"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_is_always_terminated),
		cmocka_unit_test(test_a_failure_stays),
		cmocka_unit_test(test_sorts_and_finds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
