/* test_job_clock.c: a clock that cannot be right. */
#include "job/clock.h"

#include "base/clean.h"
#include "store/ca.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scratch.h"

enum { DAY_S = 24 * 60 * 60, NOW_AT = 1795442709 };

static struct error err;

static void test_before_it_was_built(void **state)
{
	(void)state;
	assert_works(job_clock_check(NULL, 0, 0, &err));
	assert_works(job_clock_check(NULL, NOW_AT, NOW_AT, &err));
	assert_works(job_clock_check(NULL, NOW_AT - DAY_S, NOW_AT, &err));
	assert_works(job_clock_check(NULL, NOW_AT + 3650 * (int64_t)DAY_S, NOW_AT, &err));
	assert_fails(job_clock_check(NULL, NOW_AT - DAY_S - 1, NOW_AT, &err), "certd was built later");
	assert_fails(job_clock_check(NULL, 7, NOW_AT, &err), "1970-01-01T00:00:07Z");
	assert_int_equal(err.kind, ERROR_CLOCK);
	assert_int_equal(error_exit_status(err.kind), 1);
}

/* The latest that any CA agreed to counts. */
static void test_before_it_was_seen(void **state)
{
	CLEANUP(store_cleanup) struct store *store = NULL;
	static const char *const urls[] = { "https://a.example/", "https://b.example/", "https://c.example/" };
	static const int64_t seen[] = { NOW_AT - 10 * DAY_S, NOW_AT, 0 };

	assert_works(store_open(scratch_path(*state, "state"), true, &store, &err));
	assert_works(job_clock_check(store, 7, 0, &err));
	for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
		struct store_ca *ca;

		assert_works(store_ca_open(store, urls[i], &ca, &err));
		store_ca_set_seen(ca, seen[i]);
		assert_works(store_ca_save(ca, &err));
		store_ca_free(ca);
	}
	assert_works(job_clock_check(store, NOW_AT - DAY_S, 0, &err));
	assert_fails(job_clock_check(store, NOW_AT - DAY_S - 1, 0, &err), "as a CA's clock said too");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_before_it_was_built),
		cmocka_unit_test_setup_teardown(test_before_it_was_seen, scratch_make, scratch_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
