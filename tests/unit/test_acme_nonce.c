/* test_acme_nonce.c: the pool: newest first, never too old, never too many. */
#include "acme/nonce.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_newest_first(void **state)
{
	struct acme_nonces pool = { 0 };
	char nonce[ACME_NONCE_SIZE];

	(void)state;
	assert_false(acme_nonces_take(&pool, 0, nonce));
	acme_nonces_put(&pool, "a", 10);
	acme_nonces_put(&pool, "", 11);
	acme_nonces_put(&pool, "b", 20);
	assert_int_equal(acme_nonces_count(&pool, 20), 2);
	assert_true(acme_nonces_take(&pool, 20, nonce));
	assert_string_equal(nonce, "b");
	assert_true(acme_nonces_take(&pool, 20, nonce));
	assert_string_equal(nonce, "a");
	assert_false(acme_nonces_take(&pool, 20, nonce));
}

static void test_age(void **state)
{
	struct acme_nonces pool = { 0 };
	char nonce[ACME_NONCE_SIZE];

	(void)state;
	acme_nonces_put(&pool, "old", 0);
	acme_nonces_put(&pool, "young", 1000);
	assert_int_equal(acme_nonces_count(&pool, ACME_NONCE_AGE_MAX_MS), 2);
	assert_int_equal(acme_nonces_count(&pool, ACME_NONCE_AGE_MAX_MS + 1), 1);
	assert_true(acme_nonces_take(&pool, ACME_NONCE_AGE_MAX_MS + 1000, nonce));
	assert_string_equal(nonce, "young");
	acme_nonces_put(&pool, "late", 1000);
	assert_false(acme_nonces_take(&pool, 1001 + ACME_NONCE_AGE_MAX_MS, nonce));
}

static void test_full(void **state)
{
	struct acme_nonces pool = { 0 };
	char nonce[ACME_NONCE_SIZE], huge[ACME_NONCE_SIZE + 1];

	(void)state;
	memset(huge, 'a', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	acme_nonces_put(&pool, huge, 0);
	assert_int_equal(acme_nonces_count(&pool, 0), 0);
	for (int i = 0; i < ACME_NONCES_MAX + 5; i++) {
		snprintf(nonce, sizeof(nonce), "n%d", i);
		acme_nonces_put(&pool, nonce, i);
	}
	assert_int_equal(acme_nonces_count(&pool, 100), ACME_NONCES_MAX);
	assert_string_equal(pool.items[0].text, "n5");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_newest_first),
		cmocka_unit_test(test_age),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
