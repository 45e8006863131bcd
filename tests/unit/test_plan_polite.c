/* test_plan_polite.c: how much may be asked of a CA, and whom its refusals are about. */
#include "plan/polite.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/random.h"
#include "plan/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { HOUR_S = 3600, DAY_S = 24 * HOUR_S, NOW_AT = 1795442709, ORDERS = 2000 };

static void test_a_window(void **state)
{
	const int64_t times[] = { NOW_AT - 10 * HOUR_S, NOW_AT - 2 * HOUR_S, NOW_AT - HOUR_S, NOW_AT - 1 };

	(void)state;
	assert_int_equal(plan_limit_free_at(0, HOUR_S, times, 4, NOW_AT), 0); /* no limit */
	assert_int_equal(plan_limit_free_at(1, HOUR_S, NULL, 0, NOW_AT), 0);
	assert_int_equal(plan_limit_free_at(4, 3 * HOUR_S, times, 4, NOW_AT), 0);
	assert_int_equal(plan_limit_free_at(3, 3 * HOUR_S, times, 4, NOW_AT), NOW_AT + HOUR_S);
	assert_int_equal(plan_limit_free_at(2, 3 * HOUR_S, times, 4, NOW_AT), NOW_AT + 2 * HOUR_S);
	assert_int_equal(plan_limit_free_at(1, 3 * HOUR_S, times, 4, NOW_AT), NOW_AT - 1 + 3 * HOUR_S);
	assert_int_equal(plan_limit_free_at(1, HOUR_S, times, 3, NOW_AT), 0); /* at its end it is over */
}

/* Whoever asks as soon as may be stays within what a CA gives: a bucket of that size that fills at that rate. */
static void test_a_bucket_is_never_empty(void **state)
{
	static int64_t times[ORDERS];
	const unsigned int max = 300;
	const int64_t window_s = 3 * HOUR_S;
	double bucket = max;
	int64_t now_at = NOW_AT;
	size_t count = 0;

	(void)state;
	while (count < ORDERS) {
		int64_t free_at = plan_limit_free_at(max, window_s, times, count, now_at);

		if (free_at != 0) {
			assert_true(free_at > now_at);
			bucket += (double)(free_at - now_at) * max / (double)window_s;
			bucket = bucket > max ? max : bucket;
			now_at = free_at;
			continue;
		}
		assert_true(bucket >= 1.0);
		bucket -= 1.0;
		times[count++] = now_at;
	}
	assert_true(now_at - NOW_AT >= (ORDERS / max) * window_s);
}

static void test_whom_it_is_about(void **state)
{
	static const struct {
		const char *detail;
		enum plan_scope scope;
	} rows[] = {
		/* Boulder's */
		{ "too many new orders (300) from this account in the last 3h0m0s, retry after 2026-11-23 15:00:00 UTC: see "
		  "https://letsencrypt.org/docs/rate-limits/#new-orders-per-account",
		  PLAN_SCOPE_ACCOUNT },
		{ "too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s, retry after x: see "
		  "https://letsencrypt.org/docs/rate-limits/#new-certificates-per-exact-set-of-identifiers",
		  PLAN_SCOPE_NAMES },
		{ "too many certificates (50) already issued for \"example.com\" in the last 168h0m0s", PLAN_SCOPE_NAMES },
		{ "too many failed authorizations (5) for \"www.example.com\" in the last 1h0m0s: see "
		  "https://letsencrypt.org/docs/rate-limits/#authorization-failures-per-identifier-per-account",
		  PLAN_SCOPE_NAMES },
		{ "Your account is temporarily prevented from requesting certificates for www.example.com and possibly others. Please "
		  "visit: https://portal.example/unpause?jwt=a.b.c",
		  PLAN_SCOPE_NAMES },
		{ "Your account is paused. Visit https://ca.example/certificates/domain", PLAN_SCOPE_ACCOUNT },
		/* others' */
		{ "too many requests from this IP address", PLAN_SCOPE_ACCOUNT },
		{ "Rate limit exceeded", PLAN_SCOPE_VAGUE },
		{ "", PLAN_SCOPE_VAGUE },
		{ "this account has too many certificates", PLAN_SCOPE_VAGUE },
		{ "example.community has too much", PLAN_SCOPE_VAGUE },
		{ "not for 192.0.2.7.", PLAN_SCOPE_NAMES },
		{ "not for 192.0.2.77", PLAN_SCOPE_VAGUE },
		{ "a com too much", PLAN_SCOPE_VAGUE },
	};
	struct ident_list names = { 0 };
	static const char *const texts[] = { "www.example.com", "*.a.example.com", "192.0.2.7" };
	struct error err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct ident ident;

		assert_int_equal(ident_parse(texts[i], &ident, &err), 0);
		assert_int_equal(ident_list_add(&names, &ident, &err), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (plan_limit_scope(rows[i].detail, &names) != rows[i].scope)
			fail_msg("%s", rows[i].detail);
	}
	ident_list_done(&names);
}

static void test_how_long(void **state)
{
	(void)state;
	assert_int_equal(plan_hold_until(NOW_AT, 0), NOW_AT + 60);
	assert_int_equal(plan_hold_until(NOW_AT, INT64_MIN), NOW_AT + 60);
	assert_int_equal(plan_hold_until(NOW_AT, NOW_AT + 7200), NOW_AT + 7200);
	assert_int_equal(plan_hold_until(NOW_AT, INT64_MAX), NOW_AT + DAY_S);
}

/* No count of failures, and no word of a CA, makes a storm, or a silence of more than about a day. */
static void test_no_storm(void **state)
{
	static const uint64_t counts[] = { 0, 1, 2, 3, 4, 10, 63, 64, 65, 1000, (uint64_t)1 << 31, UINT64_MAX };
	static const int64_t retries[] = { INT64_MIN, 0, NOW_AT - 1, NOW_AT, NOW_AT + 1, NOW_AT + 7200, NOW_AT + 40 * DAY_S, INT64_MAX };
	const struct random *random = random_system();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(retries); k++) {
			int64_t wait_s = plan_next_attempt_at(NOW_AT, counts[i], 0, retries[k], random) - NOW_AT;

			assert_true(wait_s >= 60 && wait_s <= DAY_S + DAY_S / 10);
			if (retries[k] == NOW_AT + 7200 && counts[i] <= 2)
				assert_int_equal(wait_s, 7200);
			/* "In a second", said again and again. */
			if (retries[k] == NOW_AT + 1 && counts[i] >= 3)
				assert_true(wait_s >= 100 * 60 && wait_s <= 110 * 60);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_window), cmocka_unit_test(test_a_bucket_is_never_empty),
		cmocka_unit_test(test_whom_it_is_about), cmocka_unit_test(test_how_long),
		cmocka_unit_test(test_no_storm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
