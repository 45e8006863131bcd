/* test_plan_due.c */
#include "plan/due.h"

#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { HOUR = 3600, DAY = 24 * HOUR };

static const int64_t born_at = 1790000000;

static struct plan_facts facts_of(int64_t lifetime_s, int64_t age_s)
{
	return (struct plan_facts){
		.now_at = born_at + age_s,
		.have = true,
		.same_names = true,
		.same_key = true,
		.same_ca = true,
		.same_profile = true,
		.not_before_at = born_at,
		.not_after_at = born_at + lifetime_s,
	};
}

static void test_a_third_or_a_half_is_left(void **state)
{
	static const struct {
		int64_t lifetime_s;
		int64_t renew_age_s;
	} rows[] = {
		{ 160 * HOUR, 80 * HOUR },
		{ 10 * DAY - 2, 5 * DAY - 1 },
		{ 10 * DAY, 10 * DAY - 10 * DAY / 3 },
		{ 45 * DAY, 30 * DAY },
		{ 64 * DAY, 64 * DAY - 64 * DAY / 3 },
		{ 90 * DAY, 60 * DAY },
		{ 3650LL * DAY, 3650LL * DAY - 3650LL * DAY / 3 },
		{ 1, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct plan_facts facts = facts_of(rows[i].lifetime_s, rows[i].renew_age_s - 1);
		struct plan_decision decision;

		plan_due(&facts, &decision);
		assert_int_equal(decision.verdict, PLAN_NOT_DUE);
		assert_int_equal(decision.reason, PLAN_LIFETIME);
		assert_int_equal(decision.renew_at, born_at + rows[i].renew_age_s);
		facts.now_at++;
		plan_due(&facts, &decision);
		assert_int_equal(decision.verdict, PLAN_DUE);
		assert_int_equal(decision.reason, PLAN_LIFETIME);
		assert_int_equal(decision.renew_at, born_at + rows[i].renew_age_s);
	}
}

static void test_reasons_other_than_time(void **state)
{
	struct plan_facts facts = facts_of(90 * DAY, DAY);
	struct plan_decision decision;

	(void)state;
	facts.same_key = false;
	plan_due(&facts, &decision);
	assert_int_equal(decision.verdict, PLAN_DUE);
	assert_int_equal(decision.reason, PLAN_KEY);
	assert_int_equal(decision.renew_at, facts.now_at);
	facts.same_key = true;
	facts.same_profile = false;
	plan_due(&facts, &decision);
	assert_int_equal(decision.verdict, PLAN_DUE);
	assert_int_equal(decision.reason, PLAN_PROFILE);
	facts.same_key = false;
	facts.same_names = false;
	plan_due(&facts, &decision);
	assert_int_equal(decision.reason, PLAN_NAMES);
	facts.same_ca = false;
	plan_due(&facts, &decision);
	assert_int_equal(decision.reason, PLAN_CA);
	facts.revoked = true;
	plan_due(&facts, &decision);
	assert_int_equal(decision.reason, PLAN_REVOKED);
	facts.have = false;
	plan_due(&facts, &decision);
	assert_int_equal(decision.reason, PLAN_MISSING);
	facts.forced = true;
	plan_due(&facts, &decision);
	assert_int_equal(decision.reason, PLAN_FORCED);
	assert_int_equal(decision.verdict, PLAN_DUE);
}

static void test_the_window_of_the_ca(void **state)
{
	struct plan_facts facts = facts_of(90 * DAY, DAY);
	struct plan_decision decision;

	(void)state;
	facts.ari = (struct plan_ari){ born_at + 20 * DAY, born_at + 22 * DAY, born_at + 21 * DAY };
	plan_due(&facts, &decision);
	assert_int_equal(decision.verdict, PLAN_NOT_DUE);
	assert_int_equal(decision.reason, PLAN_ARI);
	assert_int_equal(decision.renew_at, born_at + 21 * DAY);
	facts.now_at = born_at + 21 * DAY;
	plan_due(&facts, &decision);
	assert_int_equal(decision.verdict, PLAN_DUE);
	/* A window does not hide another reason, nor does it delay beyond the safety point. */
	facts.ari = (struct plan_ari){ born_at + 88 * DAY, born_at + 89 * DAY, born_at + 88 * DAY };
	plan_due(&facts, &decision);
	assert_int_equal(decision.renew_at, born_at + 75 * DAY);
	facts.same_names = false;
	plan_due(&facts, &decision);
	assert_int_equal(decision.reason, PLAN_NAMES);
}

static void test_blocked(void **state)
{
	struct plan_facts facts = facts_of(90 * DAY, 61 * DAY);
	struct plan_decision decision;

	(void)state;
	facts.blocked_until_at = facts.now_at + 1;
	plan_due(&facts, &decision);
	assert_int_equal(decision.verdict, PLAN_BLOCKED);
	assert_int_equal(decision.reason, PLAN_LIFETIME);
	assert_int_equal(decision.renew_at, born_at + 60 * DAY);
	facts.blocked_until_at = facts.now_at;
	plan_due(&facts, &decision);
	assert_int_equal(decision.verdict, PLAN_DUE);

	facts.blocked_until_at = facts.now_at + DAY;
	facts.forced = true;
	plan_due(&facts, &decision);
	assert_int_equal(decision.verdict, PLAN_DUE);

	facts = facts_of(90 * DAY, DAY);
	facts.blocked_until_at = facts.now_at + DAY;
	plan_due(&facts, &decision);
	assert_int_equal(decision.verdict, PLAN_NOT_DUE);
	facts.have = false;
	plan_due(&facts, &decision);
	assert_int_equal(decision.verdict, PLAN_BLOCKED);
	assert_int_equal(decision.reason, PLAN_MISSING);
}

static void test_times_of_any_kind(void **state)
{
	static const int64_t times[] = { INT64_MIN, INT64_MIN + 1, -1, 0, 1, born_at, INT64_MAX - 1, INT64_MAX };
	size_t n = sizeof(times) / sizeof(times[0]);

	(void)state;
	for (size_t i = 0; i < n * n * n; i++) {
		struct plan_facts facts = facts_of(0, 0);
		struct plan_decision decision;

		facts.not_before_at = times[i % n];
		facts.not_after_at = times[i / n % n];
		facts.now_at = times[i / n / n];
		facts.last_early_at = i % 2 == 0 ? 0 : born_at;
		if (i % 3 == 0)
			(void)plan_ari_take(&facts.ari, times[i / 2 % n], times[i / 3 % n], facts.not_before_at, facts.not_after_at,
			                    random_system());
		plan_due(&facts, &decision);
		/* Never later than the end, and due at the end at the latest. */
		assert_true(decision.renew_at <= facts.not_after_at);
		if (facts.now_at >= facts.not_after_at)
			assert_int_equal(decision.verdict, PLAN_DUE);
	}
}

static void test_reason_names(void **state)
{
	(void)state;
	for (int i = 0; i < PLAN_REASON_COUNT; i++) {
		const char *name = plan_reason_name((enum plan_reason)i);

		assert_non_null(name);
		assert_string_not_equal(name, "unknown");
		for (int j = 0; j < i; j++)
			assert_string_not_equal(name, plan_reason_name((enum plan_reason)j));
	}
	assert_string_equal(plan_reason_name(PLAN_LIFETIME), "lifetime");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_third_or_a_half_is_left),
		cmocka_unit_test(test_reasons_other_than_time),
		cmocka_unit_test(test_the_window_of_the_ca),
		cmocka_unit_test(test_blocked),
		cmocka_unit_test(test_times_of_any_kind),
		cmocka_unit_test(test_reason_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
