#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clean.h"
#include "base/error.h"
#include "base/text.h"
#include "plan/failover.h"

enum { HOUR_S = 60 * 60, DAY_S = 24 * HOUR_S };

static const int64_t now_at = 1795435200;

#define URN "{\"type\":\"urn:ietf:params:acme:error:"

static enum plan_blame of(enum error_kind kind, int status, const char *problem)
{
	struct error err;

	error_set(&err, kind, "x");
	err.http_status = status;
	text_copy(err.problem, sizeof(err.problem), problem);
	return plan_blame(&err, now_at);
}

static void test_whose_failure_it_was(void **state)
{
	static const struct {
		enum error_kind kind;
		int status;
		const char *problem;
		enum plan_blame blame;
	} rows[] = {
		{ ERROR_NETWORK, 0, "", PLAN_BLAME_CA },
		{ ERROR_NETWORK, 500, URN "serverInternal\"}", PLAN_BLAME_CA },
		{ ERROR_PROTOCOL, 400, URN "malformed\"}", PLAN_BLAME_CA },
		{ ERROR_REFUSED, 0, "", PLAN_BLAME_CA_LASTING },
		{ ERROR_REFUSED, 403, "", PLAN_BLAME_CA_LASTING },
		{ ERROR_REFUSED, 429, URN "rateLimited\"}", PLAN_BLAME_CA_LASTING },
		{ ERROR_REFUSED, 400, URN "rejectedIdentifier\"}", PLAN_BLAME_CA_LASTING },
		{ ERROR_REFUSED, 0, URN "caa\"}", PLAN_BLAME_CA_LASTING },
		{ ERROR_REFUSED, 403, URN "externalAccountRequired\"}", PLAN_BLAME_CA_LASTING },
		{ ERROR_REFUSED, 403, URN "unauthorized\"}", PLAN_BLAME_CA_LASTING },
		{ ERROR_REFUSED, 0, URN "unauthorized\"}", PLAN_BLAME_SITE },
		{ ERROR_REFUSED, 0, URN "dns\"}", PLAN_BLAME_SITE },
		{ ERROR_REFUSED, 0, URN "connection\"}", PLAN_BLAME_SITE },
		{ ERROR_REFUSED, 0, URN "tls\"}", PLAN_BLAME_SITE },
		{ ERROR_REFUSED, 0, URN "incorrectResponse\"}", PLAN_BLAME_SITE },
		{ ERROR_REFUSED, 0, "no JSON", PLAN_BLAME_CA_LASTING },
		/* Cut because it was too long. */
		{ ERROR_REFUSED, 0, URN "compound\"}", PLAN_BLAME_SITE },
		{ ERROR_REFUSED, 0, URN "compound\",\"subproblems\":[" URN "caa\"}," URN "dns\"}]}", PLAN_BLAME_SITE },
		{ ERROR_REFUSED, 0, URN "compound\",\"subproblems\":[" URN "caa\"}," URN "caa\"}]}", PLAN_BLAME_CA_LASTING },
		{ ERROR_REFUSED, 400, URN "malformed\",\"subproblems\":[" URN "rejectedIdentifier\"}]}", PLAN_BLAME_CA_LASTING },
		{ ERROR_SYSTEM, 0, "", PLAN_BLAME_HERE },
		{ ERROR_USAGE, 0, "", PLAN_BLAME_HERE },
		{ ERROR_INTERRUPTED, 0, "", PLAN_BLAME_HERE },
		{ ERROR_DEPLOY, 0, "", PLAN_BLAME_HERE },
		{ ERROR_INTERNAL, 0, "", PLAN_BLAME_HERE },
	};
	struct error err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (of(rows[i].kind, rows[i].status, rows[i].problem) != rows[i].blame)
			fail_msg("row %zu", i);
	}
	error_set(&err, ERROR_LATER, "x");
	err.retry_at = now_at + HOUR_S;
	assert_int_equal(plan_blame(&err, now_at), PLAN_BLAME_CA);
	err.retry_at = now_at + 34 * HOUR_S;
	assert_int_equal(plan_blame(&err, now_at), PLAN_BLAME_CA_LASTING);
	err.retry_at = 0;
	assert_int_equal(plan_blame(&err, now_at), PLAN_BLAME_CA);
}

static void test_turns(void **state)
{
	struct plan_ca cas[3] = { { .failures = 0 } };

	(void)state;
	assert_int_equal(plan_ca_choose(cas, 3), 0);
	assert_int_equal(plan_ca_choose(cas, 0), 0);
	for (unsigned int i = 0; i < 2; i++) {
		cas[0].failures = plan_ca_failures(cas[0].failures, PLAN_BLAME_CA);
		assert_int_equal(plan_ca_choose(cas, 3), 0);
		assert_false(plan_ca_goes_on(PLAN_BLAME_CA, cas[0].failures, false));
		assert_true(plan_ca_goes_on(PLAN_BLAME_CA, cas[0].failures, true));
	}
	cas[0].failures = plan_ca_failures(cas[0].failures, PLAN_BLAME_CA);
	assert_int_equal(cas[0].failures, PLAN_CA_FAILURES_MAX);
	assert_true(plan_ca_goes_on(PLAN_BLAME_CA, cas[0].failures, false));
	assert_int_equal(plan_ca_choose(cas, 3), 1);
	cas[1].failures = plan_ca_failures(1, PLAN_BLAME_CA_LASTING);
	assert_int_equal(cas[1].failures, PLAN_CA_FAILURES_MAX);
	assert_int_equal(plan_ca_choose(cas, 3), 2);
	cas[2].failures = plan_ca_failures(0, PLAN_BLAME_CA_LASTING);
	/* Each had its turn: from the beginning. */
	assert_int_equal(plan_ca_choose(cas, 3), 0);
	cas[0].failures = plan_ca_failures(cas[0].failures, PLAN_BLAME_CA_LASTING);
	assert_int_equal(plan_ca_choose(cas, 3), 1);
	cas[1].tried = true;
	assert_int_equal(plan_ca_choose(cas, 3), 2);
	cas[2].unusable = true;
	assert_int_equal(plan_ca_choose(cas, 3), 0);
	cas[0].unusable = true;
	assert_int_equal(plan_ca_choose(cas, 3), 3);
}

static void test_what_is_not_the_cas_moves_nothing(void **state)
{
	(void)state;
	assert_int_equal(plan_ca_failures(2, PLAN_BLAME_SITE), 2);
	assert_int_equal(plan_ca_failures(2, PLAN_BLAME_HERE), 2);
	assert_false(plan_ca_goes_on(PLAN_BLAME_SITE, 3, true));
	assert_false(plan_ca_goes_on(PLAN_BLAME_HERE, 0, true));
	assert_int_equal(plan_ca_failures(UINT64_MAX, PLAN_BLAME_CA), UINT64_MAX);
	assert_int_equal(plan_ca_failures(UINT64_MAX, PLAN_BLAME_CA_LASTING), UINT64_MAX);
}

static void test_when_time_is_short(void **state)
{
	const int64_t end_at = now_at + 90 * (int64_t)DAY_S;

	(void)state;
	assert_false(plan_is_urgent(now_at, end_at, now_at));
	assert_false(plan_is_urgent(now_at, end_at, end_at - 30 * (int64_t)DAY_S));
	assert_false(plan_is_urgent(now_at, end_at, end_at - 16 * (int64_t)DAY_S));
	assert_true(plan_is_urgent(now_at, end_at, end_at - 15 * (int64_t)DAY_S));
	assert_true(plan_is_urgent(now_at, end_at, end_at + 1));
	/* Six days: half of its second half. */
	assert_false(plan_is_urgent(now_at, now_at + 6 * (int64_t)DAY_S, now_at + 4 * (int64_t)DAY_S));
	assert_true(plan_is_urgent(now_at, now_at + 6 * (int64_t)DAY_S, now_at + 5 * (int64_t)DAY_S));
	assert_true(plan_is_urgent(INT64_MAX, INT64_MIN, now_at));
	(void)plan_is_urgent(INT64_MIN, INT64_MAX, now_at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whose_failure_it_was),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_what_is_not_the_cas_moves_nothing),
		cmocka_unit_test(test_when_time_is_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
