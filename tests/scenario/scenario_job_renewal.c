/* scenario_job_renewal.c: when the job renews over the years: by the CA's windows, with a CA that is away now and then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "world.h"

#include "base/text.h"

enum { HOUR_S = 60 * 60, DAY_S = 24 * HOUR_S, YEARS = 2 };

static int setup(void **state)
{
	struct world *world;
	int r = world_setup(state);

	world = *state;
	world->ca->without_renewal_info = false;
	return r;
}

static int64_t now_at(const struct world *world)
{
	return world->ca->wall_at_ms / 1000;
}

static void run(struct world *world)
{
	assert_true(WIFEXITED(world_run(world)));
	assert_int_equal(world->last->result, 0);
}

static void test_the_window_of_each_certificate(void **state)
{
	struct world *world = *state;
	const int64_t lifetime_s = 90 * (int64_t)DAY_S;
	size_t questions;

	world->ca->lifetime_s = lifetime_s;
	world_must(world, JOB_ISSUED);
	assert_int_equal(world->ca->asked[CA_RENEWAL_INFO], 1);
	for (int half_day = 0; half_day < 2 * 20; half_day++) {
		world_must(world, JOB_NOT_DUE);
		assert_int_equal(world->last->reason, PLAN_ARI);
		ca_pass_time(world->ca, DAY_S / 2);
	}
	/* Once for each run: the CA wants it each six hours. */
	questions = world->ca->asked[CA_RENEWAL_INFO];
	assert_true(questions >= 2 * 20 - 1 && questions <= 2 * 20 + 1);
	ca_pass_time(world->ca, 42 * (int64_t)DAY_S);
	world_must(world, JOB_ISSUED);
	assert_int_equal(world->last->reason, PLAN_ARI);
	assert_string_equal(world->ca->orders[1].replaces, world->ca->orders[0].id);
}

/* Each hour, and each window lies in the past: an order a day, no more. */
static void test_windows_that_are_always_over(void **state)
{
	struct world *world = *state;

	world_must(world, JOB_ISSUED);
	world->ca->renewal_start_at = now_at(world) - 2 * DAY_S;
	world->ca->renewal_end_at = now_at(world) - DAY_S;
	text_copy(world->ca->renewal_retry_after, sizeof(world->ca->renewal_retry_after), "60");
	for (int hour = 0; hour < 4 * 24; hour++) {
		ca_pass_time(world->ca, HOUR_S);
		run(world);
	}
	assert_in_range(world->ca->order_count, 4, 5);
}

/* Of the incident that a CA moves its windows for, a run within a poll's time takes notice. */
static void test_a_window_that_is_moved(void **state)
{
	struct world *world = *state;

	world_must(world, JOB_ISSUED);
	ca_pass_time(world->ca, 12 * HOUR_S);
	world_must(world, JOB_NOT_DUE);
	world->ca->renewal_start_at = now_at(world) - HOUR_S;
	world->ca->renewal_end_at = now_at(world) - HOUR_S / 2;
	ca_pass_time(world->ca, HOUR_S);
	world_must(world, JOB_NOT_DUE);
	ca_pass_time(world->ca, 11 * HOUR_S);
	world_must(world, JOB_ISSUED);
}

/* A little generator of its own, so that each run of this test is the same years. */
static uint64_t next_number(uint64_t *seed, uint64_t bound)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (*seed >> 33) % bound;
}

/* How long until the next run: about a day, at any hour; longer while nothing is to be done for weeks, so that the years take seconds. */
static int64_t pause_s(const struct world *world, uint64_t *seed)
{
	int64_t s = DAY_S / 2 + (int64_t)next_number(seed, DAY_S);
	int64_t idle_s = world->last->renew_at - now_at(world) - 3 * (int64_t)DAY_S;

	return idle_s > s ? idle_s : s;
}

/* Two years (ten, with all that a CA may do, are test_plan_years.c's), and a CA that is away now and then for up to half of the time between the renewal and the end. */
static void live_through(struct world *world, int64_t lifetime_s, uint64_t seed)
{
	const struct ca_fault away = { .action = CA_BREAK, .endpoint = CA_ANY, .times = -1 };
	/* With a window the safety point, half of the last third, is where a renewal can begin at the latest. */
	const int64_t outage_max_s = lifetime_s / 3 / 2 - DAY_S;
	const int64_t end_at = now_at(world) + YEARS * 365 * (int64_t)DAY_S;
	int64_t back_at = 0;

	world->ca->lifetime_s = lifetime_s;
	world_must(world, JOB_ISSUED);
	while (now_at(world) < end_at) {
		size_t orders = world->ca->order_count;

		ca_pass_time(world->ca, pause_s(world, &seed));
		if (world->ca->fault_count > 0 && now_at(world) >= back_at)
			ca_clear_faults(world->ca);
		/* Two that follow one another within what the backoff waits are one. */
		if (now_at(world) >= back_at + 3 * (int64_t)DAY_S && next_number(&seed, 6) == 0) {
			ca_add_fault(world->ca, &away);
			back_at = now_at(world) + (int64_t)next_number(&seed, (uint64_t)outage_max_s);
		}
		run(world);
		if (world->last->not_after_at <= now_at(world))
			fail_msg("expired: %s", world->last->error.message);
		assert_true(world->ca->order_count - orders <= 1);
	}
	assert_int_equal(ca_issued(world->ca), world->ca->order_count);
	assert_int_equal(world->ca->violation_count, 0);
	/* Each certificate served most of its two thirds. */
	assert_true((int64_t)world->ca->order_count <= YEARS * 365 * (int64_t)DAY_S / (lifetime_s / 2));
}

static void test_years_with_windows(void **state)
{
	live_through(*state, 90 * (int64_t)DAY_S, 1);
}

static void test_years_without(void **state)
{
	struct world *world = *state;

	world->ca->without_renewal_info = true;
	live_through(world, 45 * (int64_t)DAY_S, 2);
}

int main(void)
{
#define STORY(function) cmocka_unit_test_setup_teardown(function, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		STORY(test_the_window_of_each_certificate), STORY(test_windows_that_are_always_over),
		STORY(test_a_window_that_is_moved),         STORY(test_years_with_windows),
		STORY(test_years_without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
