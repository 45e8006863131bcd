/* test_plan_alarm.c */
#include "plan/alarm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { HOUR_S = 60 * 60, DAY_S = 24 * HOUR_S };

static enum plan_alarm at(int64_t lifetime_s, int64_t left_s, bool failing)
{
	const struct plan_alarm_facts facts = {
		.now_at = 1700000000,
		.failing = failing,
		.have = true,
		.not_before_at = 1700000000 + left_s - lifetime_s,
		.not_after_at = 1700000000 + left_s,
	};

	return plan_alarm(&facts);
}

static void test_it_rises(void **state)
{
	static const struct {
		int64_t lifetime_s, left_s;
		bool failing;
		enum plan_alarm alarm;
	} rows[] = {
		{ 90 * (int64_t)DAY_S, 89 * (int64_t)DAY_S, false, PLAN_ALARM_NONE },
		{ 90 * (int64_t)DAY_S, 29 * (int64_t)DAY_S, false, PLAN_ALARM_NONE },
		{ 90 * (int64_t)DAY_S, 29 * (int64_t)DAY_S, true, PLAN_ALARM_FAILING },
		{ 90 * (int64_t)DAY_S, 15 * (int64_t)DAY_S, true, PLAN_ALARM_FAILING },
		{ 90 * (int64_t)DAY_S, 15 * (int64_t)DAY_S - 1, true, PLAN_ALARM_LATE },
		{ 90 * (int64_t)DAY_S, 15 * (int64_t)DAY_S - 1, false, PLAN_ALARM_LATE },
		{ 90 * (int64_t)DAY_S, 7 * (int64_t)DAY_S, true, PLAN_ALARM_URGENT },
		{ 90 * (int64_t)DAY_S, 3 * (int64_t)DAY_S, true, PLAN_ALARM_URGENT },
		{ 90 * (int64_t)DAY_S, 3 * (int64_t)DAY_S - 1, true, PLAN_ALARM_CRITICAL },
		{ 90 * (int64_t)DAY_S, 0, true, PLAN_ALARM_EXPIRED },
		{ 90 * (int64_t)DAY_S, -DAY_S, false, PLAN_ALARM_EXPIRED },
		{ 6 * (int64_t)DAY_S, 3 * (int64_t)DAY_S, true, PLAN_ALARM_FAILING },
		{ 6 * (int64_t)DAY_S, 23 * (int64_t)HOUR_S, true, PLAN_ALARM_LATE },
		{ 6 * (int64_t)DAY_S, 11 * (int64_t)HOUR_S, true, PLAN_ALARM_URGENT },
		{ 6 * (int64_t)DAY_S, 4 * (int64_t)HOUR_S, true, PLAN_ALARM_CRITICAL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(at(rows[i].lifetime_s, rows[i].left_s, rows[i].failing), rows[i].alarm);
}

static void test_without_a_certificate(void **state)
{
	const struct plan_alarm_facts failing = { .now_at = 1700000000, .failing = true };
	const struct plan_alarm_facts fresh = { .now_at = 1700000000 };

	(void)state;
	assert_int_equal(plan_alarm(&failing), PLAN_ALARM_FAILING);
	assert_int_equal(plan_alarm(&fresh), PLAN_ALARM_NONE);
}

static void test_any_dates(void **state)
{
	static const int64_t times[] = { INT64_MIN, INT64_MIN + 1, -1, 0, 1, 1700000000, INT64_MAX - 1, INT64_MAX };
	enum { COUNT = sizeof(times) / sizeof(times[0]) };

	(void)state;
	for (size_t i = 0; i < (size_t)COUNT * COUNT * COUNT; i++) {
		const struct plan_alarm_facts facts = {
			.now_at = times[i % COUNT],
			.have = true,
			.not_before_at = times[i / COUNT % COUNT],
			.not_after_at = times[i / COUNT / COUNT],
		};
		enum plan_alarm alarm = plan_alarm(&facts);

		assert_true((alarm == PLAN_ALARM_EXPIRED) == (facts.not_after_at <= facts.now_at));
	}
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(plan_alarm_name(PLAN_ALARM_NONE), "none");
	assert_string_equal(plan_alarm_name(PLAN_ALARM_CRITICAL), "critical");
	for (int i = 0; i < PLAN_ALARM_COUNT; i++)
		assert_string_not_equal(plan_alarm_name((enum plan_alarm)i), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_rises),
		cmocka_unit_test(test_without_a_certificate),
		cmocka_unit_test(test_any_dates),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
