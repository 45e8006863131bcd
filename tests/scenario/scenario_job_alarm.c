/* scenario_job_alarm.c: who is told of failures, how often, and how loud, in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "world.h"

enum { HOUR_S = 60 * 60, DAY_S = 24 * HOUR_S, EVERY_H = 6 };

static const struct ca_fault down = { .action = CA_BREAK, .endpoint = CA_ANY, .times = -1 };

/* Runs as a timer does until `days` have passed. */
static void pass_days(struct world *world, int days)
{
	for (int hour = 0; hour < days * 24; hour += EVERY_H) {
		assert_true(WIFEXITED(world_run(world)));
		ca_pass_time(world->ca, EVERY_H * HOUR_S);
	}
}

/* Thirty days of failures, some thirty attempts and four runs a day: five alarms. Then a success ends the event, and the next failure is another one. */
static void test_it_rises_and_is_told_once_each(void **state)
{
	struct world *world = *state;

	world->ca->lifetime_s = 90 * (int64_t)DAY_S;
	world_must(world, JOB_ISSUED);
	world_hook(world, "failure", "CERTD_LEVEL", 0);
	ca_pass_time(world->ca, 61 * (int64_t)DAY_S);
	ca_add_fault(world->ca, &down);
	pass_days(world, 10);
	assert_int_equal(world_ran(world), 1);
	assert_true(world_ran_with(world, "failure a.example failing\n"));
	pass_days(world, 6);
	assert_int_equal(world_ran(world), 2);
	assert_true(world_ran_with(world, "failure a.example failing\nfailure a.example late\n"));
	pass_days(world, 16);
	assert_int_equal(world_ran(world), 5);
	assert_true(world_ran_with(world, "failure a.example late\nfailure a.example urgent\nfailure a.example critical\nfailure a.example expired\n"));
	ca_clear_faults(world->ca);
	pass_days(world, 2);
	assert_int_equal(world_live(world), 2);
	assert_int_equal(world_ran(world), 5);
	ca_pass_time(world->ca, 60 * (int64_t)DAY_S);
	ca_add_fault(world->ca, &down);
	pass_days(world, 1);
	assert_int_equal(world_ran(world), 6);
}

/* Somebody has to hear it: a hook that fails is run again, one that could pass it on is not. */
static void test_a_hook_that_cannot_tell(void **state)
{
	struct world *world = *state;

	ca_add_fault(world->ca, &down);
	world_hook(world, "failure", "CERTD_LEVEL", 1);
	world_must(world, JOB_FAILED);
	world_must(world, JOB_BLOCKED);
	assert_int_equal(world_ran(world), 2);
	world_hook(world, "failure", "CERTD_LEVEL", 0);
	world_must(world, JOB_BLOCKED);
	world_must(world, JOB_BLOCKED);
	assert_int_equal(world_ran(world), 3);
}

/* What waits for deployment has its whole lifetime before it; what is live while it waits has not. */
static void test_what_runs_out_is_what_is_live(void **state)
{
	struct world *world = *state;

	world->ca->lifetime_s = 90 * (int64_t)DAY_S;
	world_must(world, JOB_ISSUED);
	world_hook(world, "failure", "CERTD_LEVEL", 0);
	world_hook(world, "deploy", "CERTD_GENERATION", 1);
	ca_pass_time(world->ca, 61 * (int64_t)DAY_S);
	pass_days(world, 18);
	assert_int_equal(world_live(world), 1);
	assert_true(world_ran_with(world, "failure a.example failing\n"));
	assert_true(world_ran_with(world, "failure a.example late\n"));
	assert_false(world_ran_with(world, "failure a.example urgent\n"));
	world_hook(world, "deploy", "CERTD_GENERATION", 0);
	/* The longest that a failed deployment is waited with. */
	ca_pass_time(world->ca, 2 * (int64_t)DAY_S);
	world_must(world, JOB_DEPLOYED);
}

int main(void)
{
#define STORY(function) cmocka_unit_test_setup_teardown(function, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		STORY(test_it_rises_and_is_told_once_each),
		STORY(test_a_hook_that_cannot_tell),
		STORY(test_what_runs_out_is_what_is_live),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
