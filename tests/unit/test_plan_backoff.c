/* test_plan_backoff.c */
#include "plan/backoff.h"

#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static uint64_t fixed_next(void *self)
{
	return *(const uint64_t *)self;
}

static void test_the_ladder(void **state)
{
	static const struct {
		uint64_t attempts;
		int64_t delay_s;
	} rows[] = { { 0, 60 }, { 1, 60 }, { 2, 600 }, { 3, 6000 }, { 4, 86400 }, { 5, 86400 }, { 10, 86400 } };
	uint64_t zero = 0;
	struct random random = { fixed_next, &zero };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(plan_backoff_s(rows[i].attempts, &random), rows[i].delay_s);
}

static void test_no_count_ends_in_no_delay(void **state)
{
	static const uint64_t counts[] = { 0,         1,          10,         31,         32,
		                           33,        63,         64,         65,         1000,
		                           1U << 31,  UINT32_MAX, 1ULL << 32, 1ULL << 63, UINT64_MAX };
	const struct random *random = random_system();

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		for (int n = 0; n < 1000; n++) {
			int64_t delay_s = plan_backoff_s(counts[i], random);

			assert_in_range(delay_s, PLAN_BACKOFF_MIN_S, PLAN_BACKOFF_MAX_S * 11 / 10);
			if (counts[i] > 3)
				assert_true(delay_s >= PLAN_BACKOFF_MAX_S);
		}
	}
}

static void test_before_the_end(void **state)
{
	static const struct {
		uint64_t attempts;
		int64_t left_s;
		int64_t delay_s;
	} rows[] = {
		{ 1, 3600, 60 },         { 3, 100, 3600 },        { 9, INT64_MAX, 86400 }, { 9, 8 * 86400, 86400 }, { 9, 4 * 86400, 43200 },
		{ 4, 2 * 86400, 21600 }, { 9, 8 * 3600, 3600 },   { 9, 1, 3600 },          { 9, 0, 86400 },         { 9, INT64_MIN, 86400 },
		{ 2, 1, 600 },           { 3, 8 * 6000, 6000 },
	};
	uint64_t zero = 0;
	struct random random = { fixed_next, &zero };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(plan_backoff_left_s(rows[i].attempts, rows[i].left_s, &random), rows[i].delay_s);
}

static void test_jitter_spreads(void **state)
{
	int64_t least = INT64_MAX, most = 0;

	(void)state;
	for (int n = 0; n < 1000; n++) {
		int64_t delay_s = plan_backoff_s(4, random_system());

		least = delay_s < least ? delay_s : least;
		most = delay_s > most ? delay_s : most;
	}
	assert_true(most - least > PLAN_BACKOFF_MAX_S / 20);
}

static void test_deployments(void **state)
{
	static const uint64_t many[] = { 5, 6, 100, UINT64_MAX };
	const struct random *random = random_system();

	(void)state;
	assert_int_equal(plan_backoff_deploy_s(0, random), 0);
	assert_int_equal(plan_backoff_deploy_s(1, random), 0);
	assert_int_equal(plan_backoff_deploy_s(2, random), 0);
	assert_in_range(plan_backoff_deploy_s(3, random), 600, 660);
	assert_in_range(plan_backoff_deploy_s(4, random), 6000, 6600);
	for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++)
		assert_in_range(plan_backoff_deploy_s(many[i], random), 21600, 23760);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_ladder),
		cmocka_unit_test(test_no_count_ends_in_no_delay),
		cmocka_unit_test(test_before_the_end),
		cmocka_unit_test(test_jitter_spreads),
		cmocka_unit_test(test_deployments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
