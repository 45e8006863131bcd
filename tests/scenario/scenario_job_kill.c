/* scenario_job_kill.c: the job is killed at every request that it makes, before the CA acted upon it and after; the next run goes on with the
 * same order and key. (The file system's side, between every two of its calls, is test_store_crash.c's.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "world.h"

static void kill_at(bool renewal, enum ca_action action, unsigned int request)
{
	void *state;
	struct world *world;
	size_t orders = renewal ? 2 : 1;

	assert_int_equal(world_setup(&state), 0);
	world = state;
	if (renewal) {
		world_must(world, JOB_ISSUED);
		world->options.force = true;
	}
	world_run_killed(world, action, request);
	assert_int_equal(world_live(world), renewal ? 1 : 0);
	world_must(world, JOB_ISSUED);
	assert_int_equal(world_live(world), renewal ? 2 : 1);
	if (world->ca->order_count != orders || ca_issued(world->ca) != orders)
		fail_msg("killed %s request %u: %zu orders, %zu certificates", action == CA_KILL_AFTER ? "after" : "before", request,
		         world->ca->order_count, ca_issued(world->ca));
	assert_int_equal(world->ca->account_count, 1);
	assert_int_equal(world_teardown(&state), 0);
}

static void kill_at_each(bool renewal)
{
	size_t requests = world_count_requests(world_setup, renewal);

	assert_true(requests >= 11);
	for (unsigned int i = 0; i < requests; i++) {
		kill_at(renewal, CA_KILL_BEFORE, i);
		kill_at(renewal, CA_KILL_AFTER, i);
	}
}

static void test_an_issue_killed_at_each_request(void **state)
{
	(void)state;
	kill_at_each(false);
}

static void test_a_renewal_killed_at_each_request(void **state)
{
	(void)state;
	kill_at_each(true);
}

static const char two[] = "}\ncertificate \"b.example\" {\n names = { \"b.example\" }";

static void assert_both(const struct world *world, enum job_result first, enum job_result second)
{
	if (world->last->results[0] != first || world->last->results[1] != second)
		fail_msg("%s and %s: %s", job_result_name(world->last->results[0]), job_result_name(world->last->results[1]),
		         world->last->error.message);
}

/* Two that are deployed together: wherever the first run ends, the next one has both deployed, and no order was made twice. */
static void test_two_certificates_killed_at_each_request(void **state)
{
	bool waited = false;
	size_t requests = 1;

	(void)state;
	for (unsigned int i = 0; i < requests; i++) {
		void *made;
		struct world *world;

		assert_int_equal(world_setup(&made), 0);
		world = made;
		world_configure(world, "\"a.example\"", two);
		world_hook(world, "deploy", "CERTD_GENERATION", 0);
		if (i == 0) {
			world_must(world, JOB_ISSUED);
			assert_both(world, JOB_ISSUED, JOB_ISSUED);
			requests = world->ca->requests;
			assert_int_equal(world_ran(world), 2);
			assert_int_equal(world_teardown(&made), 0);
			continue;
		}
		world_run_killed(world, CA_KILL_AFTER, i);
		world_run(world);
		/* The first may have been committed by the run that was killed: then it waited for the second one. */
		waited = waited || world->last->results[0] == JOB_DEPLOYED;
		assert_both(world, world->last->results[0] == JOB_DEPLOYED ? JOB_DEPLOYED : JOB_ISSUED, JOB_ISSUED);
		assert_int_equal(world->ca->order_count, 2);
		assert_int_equal(ca_issued(world->ca), 2);
		assert_int_equal(world_ran(world), 2);
		world_run(world);
		assert_both(world, JOB_NOT_DUE, JOB_NOT_DUE);
		assert_int_equal(world_teardown(&made), 0);
	}
	assert_true(waited);
}

/* An answer that is lost on its way is no reason for a second order either. */
static void test_each_answer_lost(void **state)
{
	size_t requests = world_count_requests(world_setup, false);

	(void)state;
	for (unsigned int i = 0; i < requests; i++) {
		const struct ca_fault lost = { .action = CA_LOSE, .endpoint = CA_ANY, .skip = i, .times = 1 };
		void *made;
		struct world *world;

		assert_int_equal(world_setup(&made), 0);
		world = made;
		world->options.named = true;
		ca_add_fault(world->ca, &lost);
		for (int tries = 0; tries < 3; tries++) {
			assert_true(WIFEXITED(world_run(world)));
			if (world->last->job_result == JOB_ISSUED)
				break;
		}
		assert_int_equal(world->last->job_result, JOB_ISSUED);
		assert_int_equal(world_live(world), 1);
		assert_int_equal(world->ca->order_count, 1);
		assert_int_equal(world_teardown(&made), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_issue_killed_at_each_request),
		cmocka_unit_test(test_a_renewal_killed_at_each_request),
		cmocka_unit_test(test_two_certificates_killed_at_each_request),
		cmocka_unit_test(test_each_answer_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
