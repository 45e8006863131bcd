/* test_plan_ari.c */
#include "plan/ari.h"

#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { MINUTE = 60, HOUR = 3600, DAY = 24 * HOUR };

static const int64_t born_at = 1790000000;

static uint64_t fixed_next(void *self)
{
	return *(const uint64_t *)self;
}

static bool take(struct plan_ari *ari, int64_t start_at, int64_t end_at)
{
	return plan_ari_take(ari, start_at, end_at, born_at, born_at + 90 * DAY, random_system());
}

static void test_the_instant_lies_in_the_window_and_stays(void **state)
{
	int64_t lowest_s = 2 * DAY, highest_s = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		struct plan_ari ari = { 0 };
		int64_t chosen_at, age_s;

		assert_true(take(&ari, born_at + 59 * DAY, born_at + 61 * DAY));
		chosen_at = ari.chosen_at;
		age_s = chosen_at - born_at - 59 * DAY;
		assert_true(age_s >= 0 && age_s < 2 * DAY);
		lowest_s = age_s < lowest_s ? age_s : lowest_s;
		highest_s = age_s > highest_s ? age_s : highest_s;
		for (int k = 0; k < 20; k++) {
			assert_true(take(&ari, born_at + 59 * DAY, born_at + 61 * DAY));
			assert_int_equal(ari.chosen_at, chosen_at);
		}
		/* Another window: drawn again. */
		assert_true(take(&ari, born_at + 10 * DAY, born_at + 11 * DAY));
		assert_true(ari.chosen_at >= born_at + 10 * DAY && ari.chosen_at < born_at + 11 * DAY);
	}
	/* Uniform: of a thousand, some lie in each tenth at the ends. */
	assert_true(lowest_s < 2 * DAY / 10);
	assert_true(highest_s > 2 * DAY * 9 / 10);
}

static void test_windows_that_say_nothing(void **state)
{
	static const int64_t year_0_at = -62167219200, year_9999_at = 253402300799;
	const int64_t rows[][2] = {
		{ born_at + 10 * DAY, born_at + 10 * DAY }, { born_at + 11 * DAY, born_at + 10 * DAY },
		{ year_0_at, born_at + 60 * DAY },          { year_0_at, year_9999_at },
		{ born_at, year_9999_at },                  { year_9999_at - 1, year_9999_at },
		{ born_at + 90 * DAY, born_at + 91 * DAY }, { INT64_MIN, INT64_MAX },
		{ INT64_MAX, INT64_MIN },                   { 0, 1 },
	};
	struct plan_ari kept = { 0 };

	(void)state;
	assert_true(take(&kept, born_at + 59 * DAY, born_at + 61 * DAY));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct plan_ari ari = kept;

		assert_false(take(&ari, rows[i][0], rows[i][1]));
		assert_memory_equal(&ari, &kept, sizeof(ari));
	}
	/* A certificate whose own times make no sense has no window either. */
	assert_false(plan_ari_take(&kept, born_at, born_at + 1, INT64_MAX, INT64_MIN, random_system()));
}

static void test_a_window_is_cut_to_the_end(void **state)
{
	struct plan_ari ari = { 0 };

	(void)state;
	assert_true(take(&ari, born_at + 80 * DAY, born_at + 4000 * DAY));
	assert_int_equal(ari.end_at, born_at + 90 * DAY);
	assert_true(ari.chosen_at < born_at + 90 * DAY);
}

static struct plan_ari_facts facts_of(int64_t lifetime_s, int64_t chosen_age_s)
{
	return (struct plan_ari_facts){
		.ari = { born_at, born_at + lifetime_s, born_at + chosen_age_s },
		.not_before_at = born_at,
		.not_after_at = born_at + lifetime_s,
		.lifetime_renew_at = born_at + lifetime_s * 2 / 3,
	};
}

static void test_never_beyond_the_safety_point(void **state)
{
	struct plan_ari_facts facts = facts_of(90 * DAY, 70 * DAY);

	(void)state;
	assert_int_equal(plan_ari_renew_at(&facts), born_at + 70 * DAY);
	facts = facts_of(90 * DAY, 76 * DAY);
	assert_int_equal(plan_ari_renew_at(&facts), born_at + 75 * DAY);
}

static void test_windows_always_in_the_past(void **state)
{
	struct plan_ari_facts facts = facts_of(90 * DAY, 0);

	(void)state;
	/* The first one is obeyed at once, the next a day later. */
	assert_int_equal(plan_ari_renew_at(&facts), born_at);
	facts.last_early_at = born_at - HOUR;
	assert_int_equal(plan_ari_renew_at(&facts), born_at - HOUR + DAY);
	/* For a short life, a tenth of it; and never later than without a window. */
	facts = facts_of(5 * DAY, 0);
	facts.last_early_at = born_at;
	assert_int_equal(plan_ari_renew_at(&facts), born_at + 5 * DAY / 10);
	facts.last_early_at = born_at + 5 * DAY;
	assert_int_equal(plan_ari_renew_at(&facts), facts.lifetime_renew_at);
}

static void test_when_to_ask_again(void **state)
{
	static const struct {
		enum plan_ari_answer answer;
		int64_t retry_s; /* 0: none */
		uint64_t failures;
		int64_t wait_s;
	} rows[] = {
		{ PLAN_ARI_WINDOW, 6 * HOUR, 0, 6 * HOUR },
		{ PLAN_ARI_WINDOW, 0, 0, 6 * HOUR },
		{ PLAN_ARI_WINDOW, 1, 0, MINUTE },
		{ PLAN_ARI_WINDOW, -5, 0, 6 * HOUR },
		{ PLAN_ARI_WINDOW, 30 * DAY, 0, DAY },
		{ PLAN_ARI_LASTING, 0, 1, 6 * HOUR },
		{ PLAN_ARI_LASTING, 2 * HOUR, 1, 2 * HOUR },
		{ PLAN_ARI_TEMPORARY, 0, 0, MINUTE },
		{ PLAN_ARI_TEMPORARY, 0, 1, MINUTE },
		{ PLAN_ARI_TEMPORARY, 0, 2, 2 * MINUTE },
		{ PLAN_ARI_TEMPORARY, 0, 6, 32 * MINUTE },
		{ PLAN_ARI_TEMPORARY, 0, 7, 6 * HOUR },
		{ PLAN_ARI_TEMPORARY, 0, UINT64_MAX, 6 * HOUR },
		{ PLAN_ARI_TEMPORARY, 3 * HOUR, 1, 3 * HOUR },
		{ PLAN_ARI_UNSUPPORTED, 5, 0, 30 * DAY },
	};
	uint64_t zero = 0;
	const struct random random = { fixed_next, &zero };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t retry_at = rows[i].retry_s == 0 ? 0 : born_at + rows[i].retry_s;

		assert_int_equal(plan_ari_next_check_at(rows[i].answer, born_at, retry_at, rows[i].failures, &random),
		                 born_at + rows[i].wait_s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_instant_lies_in_the_window_and_stays),
		cmocka_unit_test(test_windows_that_say_nothing),
		cmocka_unit_test(test_a_window_is_cut_to_the_end),
		cmocka_unit_test(test_never_beyond_the_safety_point),
		cmocka_unit_test(test_windows_always_in_the_past),
		cmocka_unit_test(test_when_to_ask_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
