/* test_base_random.c */
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t constant(void *self)
{
	return *(uint64_t *)self;
}

static void test_below(void **state)
{
	size_t seen[7] = { 0 };

	(void)state;
	assert_int_equal(random_below(random_system(), 0), 0);
	assert_int_equal(random_below(random_system(), 1), 0);
	for (int i = 0; i < 7000; i++) {
		uint64_t value = random_below(random_system(), 7);

		assert_true(value < 7);
		seen[value]++;
	}
	/* A thousand each are expected; less than 700 is ten standard deviations away. */
	for (size_t i = 0; i < 7; i++)
		assert_in_range(seen[i], 700, 1300);
}

static void test_a_source_that_says_the_same_for_ever(void **state)
{
	uint64_t value = UINT64_MAX;
	struct random r = { constant, &value };

	(void)state;
	assert_true(random_below(&r, 10) < 10);
	assert_true(random_below(&r, UINT64_MAX) < UINT64_MAX);
	value = 0;
	assert_int_equal(random_below(&r, 10), 0);
	value = 123;
	assert_int_equal(random_below(&r, 100), 23);
}

static void test_names(void **state)
{
	char a[13], b[13], one[1] = "x";

	(void)state;
	random_name(random_system(), a, sizeof(a));
	random_name(random_system(), b, sizeof(b));
	assert_int_equal(strlen(a), 12);
	assert_int_equal(strspn(a, "abcdefghijklmnopqrstuvwxyz0123456789"), 12);
	assert_string_not_equal(a, b);
	random_name(random_system(), one, 1);
	assert_string_equal(one, "");
	random_name(random_system(), one, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_below),
		cmocka_unit_test(test_a_source_that_says_the_same_for_ever),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
