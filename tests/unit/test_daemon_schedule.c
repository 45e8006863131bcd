/* test_daemon_schedule.c: which certificates get a job, and when; by a clock of its own and a starter that starts nothing. */
#include "daemon/schedule.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/random.h"
#include "base/text.h"
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CERTIFICATES_MAX = 1000, BATCHES_MAX = 64, DAY_S = 24 * 60 * 60 };

static const int64_t start_at = 1800000000;

static uint64_t no_chance(void *self)
{
	(void)self;
	return 0;
}

static const struct random random_none = { no_chance, NULL };

struct world {
	struct config config;
	struct config_ca ca[2];
	struct config_certificate certificates[CERTIFICATES_MAX];
	struct config_certificate *list[CERTIFICATES_MAX];
	char names[CERTIFICATES_MAX][32];
	struct daemon_batch *batches[BATCHES_MAX];
	size_t batches_count;
	bool refuses; /* to start anything */
	struct daemon_starter starter;
	struct daemon_schedule schedule;
};

static int start(void *self, struct daemon_batch *batch, struct error *err)
{
	struct world *world = self;

	if (world->refuses)
		return error_set(err, ERROR_SYSTEM, "no process to be had");
	assert_true(world->batches_count < BATCHES_MAX);
	world->batches[world->batches_count++] = batch;
	return 0;
}

static void load(struct world *world, size_t count, struct daemon_schedule *before)
{
	struct error err;

	world->config = (struct config){ .certificates = world->list, .certificates_count = count, .jobs = 4 };
	for (size_t i = 0; i < count; i++) {
		snprintf(world->names[i], sizeof(world->names[i]), "c%zu.example", i);
		world->certificates[i].name = world->names[i];
		if (!world->certificates[i].settings.ca)
			world->certificates[i].settings.ca = &world->ca[0];
		world->list[i] = &world->certificates[i];
	}
	world->starter = (struct daemon_starter){ start, world };
	assert_int_equal(daemon_schedule_load(&world->schedule, &world->config, &random_none, &world->starter, before, &err), 0);
}

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	world->ca[0] = (struct config_ca){ .name = "one", .directory = "https://one.example/" };
	world->ca[1] = (struct config_ca){ .name = "two", .directory = "https://two.example/" };
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	for (size_t i = 0; i < world->batches_count; i++)
		daemon_schedule_ended(&world->schedule, world->batches[i], start_at);
	daemon_schedule_done(&world->schedule);
	free(world);
	return 0;
}

/* A certificate that is due in so many seconds, and has 30 days more then. */
static void look(struct world *world, size_t i, int64_t due_in_s)
{
	const struct job_glance glance = {
		.have = true,
		.not_before_at = start_at - DAY_S,
		.not_after_at = start_at + due_in_s + 30 * DAY_S,
		.renew_at = start_at + due_in_s,
		.next_at = start_at + due_in_s,
	};

	daemon_schedule_tell(&world->schedule, &world->schedule.entries[i], DAEMON_TALE_LOOK, &glance, start_at);
}

static void end(struct world *world, size_t batch, enum daemon_tale tale, int64_t next_at, enum error_kind kind, int64_t now_at)
{
	struct daemon_batch *b = world->batches[batch];
	const struct job_glance glance = {
		.have = true, .failing = kind != ERROR_NONE, .kind = kind, .not_after_at = next_at + 30 * DAY_S, .next_at = next_at
	};

	for (size_t i = 0; i < b->count; i++) {
		if (b->entries[i])
			daemon_schedule_tell(&world->schedule, b->entries[i], tale, &glance, now_at);
	}
	world->batches[batch] = world->batches[--world->batches_count];
	daemon_schedule_ended(&world->schedule, b, now_at);
}

static void nothing_is_started_before_its_second(void **state)
{
	struct world *world = *state;

	load(world, 2, NULL);
	look(world, 0, 100);
	look(world, 1, 200);
	daemon_schedule_advance(&world->schedule, start_at + 99);
	assert_int_equal(world->batches_count, 0);
	assert_int_equal(daemon_schedule_next_at(&world->schedule, start_at), start_at + 100);
	daemon_schedule_advance(&world->schedule, start_at + 100);
	assert_int_equal(world->batches_count, 1);
	assert_int_equal(world->batches[0]->count, 1);
	assert_string_equal(world->batches[0]->entries[0]->config->name, "c0.example");
	assert_int_equal(daemon_entry_activity(&world->schedule.entries[0]), DAEMON_RUNNING);
	assert_int_equal(daemon_schedule_next_at(&world->schedule, start_at + 100), start_at + 200);
	end(world, 0, DAEMON_TALE_DONE, start_at + 90 * DAY_S, ERROR_NONE, start_at + 110);
	assert_int_equal(daemon_entry_activity(&world->schedule.entries[0]), DAEMON_WAITING);
	assert_int_equal(world->schedule.entries[0].next_at, start_at + 90 * DAY_S);
}

static void a_storm_is_shared_among_few_jobs_by_urgency(void **state)
{
	struct world *world = *state;
	int64_t now_at = start_at;
	int64_t before = 0;

	load(world, CERTIFICATES_MAX, NULL);
	/* The later ones are the more urgent. */
	for (size_t i = 0; i < CERTIFICATES_MAX; i++)
		look(world, i, -(int64_t)i);
	for (size_t jobs = 1; jobs <= 4; jobs++) {
		daemon_schedule_advance(&world->schedule, now_at);
		assert_int_equal(world->batches_count, jobs);
		assert_int_equal(world->batches[jobs - 1]->count, 64);
		for (size_t i = 0; i < 64; i++) {
			assert_true(world->batches[jobs - 1]->entries[i]->not_after_at > before);
			before = world->batches[jobs - 1]->entries[i]->not_after_at;
		}
		/* With a distance between those that ask the same CA. */
		daemon_schedule_advance(&world->schedule, now_at);
		assert_int_equal(world->batches_count, jobs);
		now_at += DAEMON_SPACING_S;
	}
	daemon_schedule_advance(&world->schedule, now_at + DAY_S);
	assert_int_equal(world->batches_count, 4);
	assert_int_equal(world->schedule.queued, CERTIFICATES_MAX - 4 * 64);
	assert_int_equal(daemon_schedule_next_at(&world->schedule, now_at), INT64_MAX);
}

static void each_ca_has_jobs_of_its_own(void **state)
{
	struct world *world = *state;

	world->certificates[1].settings.ca = &world->ca[1];
	load(world, 3, NULL);
	for (size_t i = 0; i < 3; i++)
		look(world, i, 0);
	daemon_schedule_advance(&world->schedule, start_at);
	assert_int_equal(world->batches_count, 2);
	assert_int_equal(world->batches[0]->count + world->batches[1]->count, 3);
}

/* A job that finds nothing to do, where there seems to be, is not started again and again. */
static void what_stays_due_is_looked_at_ever_more_rarely(void **state)
{
	struct world *world = *state;
	int64_t now_at = start_at, waited_s = 0;

	load(world, 1, NULL);
	look(world, 0, 0);
	for (int i = 0; i < 5; i++) {
		int64_t at;

		daemon_schedule_advance(&world->schedule, now_at);
		assert_int_equal(world->batches_count, 1);
		end(world, 0, DAEMON_TALE_IDLE, now_at, ERROR_NONE, now_at);
		at = daemon_schedule_next_at(&world->schedule, now_at);
		assert_true(at - now_at >= 60 && at - now_at >= waited_s && at - now_at <= DAY_S + DAY_S / 10);
		waited_s = at - now_at;
		now_at = at;
	}
	assert_int_equal(waited_s, DAY_S);
	/* And a look at all does not change that. */
	look(world, 0, -10);
	assert_int_equal(world->schedule.entries[0].next_at, now_at);
}

static void a_lost_job_comes_back(void **state)
{
	struct world *world = *state;
	struct daemon_batch *batch;

	load(world, 1, NULL);
	look(world, 0, 0);
	daemon_schedule_advance(&world->schedule, start_at);
	batch = world->batches[--world->batches_count];
	daemon_schedule_ended(&world->schedule, batch, start_at + 5);
	assert_int_equal(world->schedule.running, 0);
	assert_int_equal(daemon_schedule_next_at(&world->schedule, start_at + 5), start_at + 5 + 60);
}

/* The job that was to look at all is lost, after the first of them. */
static void what_no_look_came_to_is_not_forgotten(void **state)
{
	struct world *world = *state;

	load(world, 3, NULL);
	look(world, 0, 100);
	daemon_schedule_looked(&world->schedule, start_at);
	assert_int_equal(daemon_schedule_next_at(&world->schedule, start_at), start_at);
	daemon_schedule_advance(&world->schedule, start_at);
	assert_int_equal(world->batches_count, 1);
	assert_int_equal(world->batches[0]->count, 2);
	assert_int_equal(world->schedule.entries[0].next_at, start_at + 100);
}

static void what_cannot_be_started_is_tried_later(void **state)
{
	struct world *world = *state;

	load(world, 1, NULL);
	look(world, 0, 0);
	world->refuses = true;
	daemon_schedule_advance(&world->schedule, start_at);
	assert_int_equal(world->schedule.running, 0);
	assert_int_equal(daemon_schedule_next_at(&world->schedule, start_at), start_at + 60);
	world->refuses = false;
	daemon_schedule_advance(&world->schedule, start_at + 60);
	assert_int_equal(world->batches_count, 1);
}

/* A CA that is down is asked about one certificate at a time, ever more rarely, until one of them works. */
static void a_ca_in_trouble_is_left_alone(void **state)
{
	struct world *world = *state;
	int64_t now_at = start_at, pause_s = 0;

	load(world, 100, NULL);
	for (size_t i = 0; i < 100; i++)
		look(world, i, 0);
	daemon_schedule_advance(&world->schedule, now_at);
	assert_int_equal(world->batches[0]->count, 25);
	for (int i = 0; i < 8; i++) {
		int64_t at;

		end(world, 0, DAEMON_TALE_FAILED, now_at + DAY_S, ERROR_NETWORK, now_at);
		at = daemon_schedule_next_at(&world->schedule, now_at);
		assert_true(at - now_at >= 60 && at - now_at >= pause_s && at - now_at <= DAEMON_CA_PAUSE_MAX_S);
		pause_s = at - now_at;
		now_at = at;
		daemon_schedule_advance(&world->schedule, now_at);
		assert_int_equal(world->batches_count, 1);
		assert_int_equal(world->batches[0]->count, 1);
	}
	end(world, 0, DAEMON_TALE_DONE, now_at + 60 * DAY_S, ERROR_NONE, now_at);
	daemon_schedule_advance(&world->schedule, now_at + 3 * DAEMON_SPACING_S);
	assert_true(world->batches[0]->count > 1);
}

static void a_person_is_served_at_once(void **state)
{
	struct world *world = *state;

	load(world, 10, NULL);
	for (size_t i = 0; i < 10; i++)
		look(world, i, i == 9 ? 10 * DAY_S : 0);
	world->schedule.cas[0].ready_at = start_at + 1000;
	daemon_schedule_advance(&world->schedule, start_at);
	assert_int_equal(world->batches_count, 0);
	daemon_schedule_ask(&world->schedule, &world->schedule.entries[9], true, start_at);
	assert_int_equal(daemon_schedule_next_at(&world->schedule, start_at), start_at);
	daemon_schedule_advance(&world->schedule, start_at);
	assert_int_equal(world->batches_count, 1);
	assert_int_equal(world->batches[0]->count, 1);
	assert_true(world->batches[0]->named && world->batches[0]->force);
	/* Asked again meanwhile, without force: that job is the answer. */
	end(world, 0, DAEMON_TALE_DONE, start_at + 60 * DAY_S, ERROR_NONE, start_at + 5);
	assert_false(world->schedule.entries[9].asked);
	assert_int_equal(world->schedule.entries[9].next_at, start_at + 60 * DAY_S);
}

static void asked_for_while_a_job_has_it_is_done_once_more(void **state)
{
	struct world *world = *state;

	load(world, 1, NULL);
	look(world, 0, 0);
	daemon_schedule_advance(&world->schedule, start_at);
	daemon_schedule_ask(&world->schedule, &world->schedule.entries[0], false, start_at);
	end(world, 0, DAEMON_TALE_DONE, start_at + 60 * DAY_S, ERROR_NONE, start_at + 5);
	daemon_schedule_advance(&world->schedule, start_at + 5);
	assert_int_equal(world->batches_count, 1);
	assert_true(world->batches[0]->named);
}

static void nothing_is_done_by_a_clock_that_was_never_set(void **state)
{
	struct world *world = *state;

	load(world, 1, NULL);
	look(world, 0, -(int64_t)start_at);
	daemon_schedule_advance(&world->schedule, 86400);
	assert_int_equal(world->batches_count, 0);
	assert_int_equal(daemon_schedule_next_at(&world->schedule, 86400), INT64_MAX);
	daemon_schedule_advance(&world->schedule, start_at);
	assert_int_equal(world->batches_count, 1);
}

static void a_jump_forward_is_waited_out(void **state)
{
	struct world *world = *state;
	const int64_t later_at = start_at + 3650 * (int64_t)DAY_S;
	int64_t pause_s;

	load(world, 1, NULL);
	look(world, 0, 100);
	daemon_schedule_jumped(&world->schedule, later_at, later_at - start_at, &pause_s);
	assert_int_equal(pause_s, DAEMON_CLOCK_PAUSE_S);
	daemon_schedule_advance(&world->schedule, later_at);
	assert_int_equal(world->batches_count, 0);
	assert_int_equal(daemon_schedule_next_at(&world->schedule, later_at), later_at + pause_s);
	/* It was wrong, and is set back. */
	daemon_schedule_jumped(&world->schedule, start_at, start_at - later_at, &pause_s);
	assert_int_equal(pause_s, 0);
	daemon_schedule_advance(&world->schedule, start_at + DAEMON_CLOCK_PAUSE_S);
	assert_int_equal(world->batches_count, 1);
}

static void the_first_setting_of_the_clock_is_believed(void **state)
{
	struct world *world = *state;
	int64_t pause_s;

	load(world, 1, NULL);
	daemon_schedule_jumped(&world->schedule, start_at, start_at - 86400, &pause_s);
	assert_int_equal(pause_s, 0);
}

static void a_new_configuration_keeps_what_is_known_and_running(void **state)
{
	struct world *world = *state;
	struct daemon_schedule before;

	load(world, 4, NULL);
	look(world, 0, 0);
	look(world, 1, 500);
	look(world, 3, 0);
	daemon_schedule_advance(&world->schedule, start_at);
	assert_int_equal(world->batches[0]->count, 2);
	before = world->schedule;
	/* The last one goes, and another takes its CA. */
	load(world, 3, &before);
	assert_int_equal(before.count, 0);
	assert_int_equal(world->schedule.running, 1);
	assert_int_equal(daemon_entry_activity(&world->schedule.entries[0]), DAEMON_RUNNING);
	assert_int_equal(world->schedule.entries[1].next_at, start_at + 500);
	assert_null(daemon_schedule_find(&world->schedule, "c3.example"));
	end(world, 0, DAEMON_TALE_DONE, start_at + 60 * DAY_S, ERROR_NONE, start_at + 5);
	assert_int_equal(world->schedule.running, 0);
	assert_int_equal(daemon_entry_activity(&world->schedule.entries[0]), DAEMON_WAITING);
}

static void the_lifetime_alone_is_spread(void **state)
{
	struct world *world = *state;
	const struct job_glance glance = {
		.have = true, .not_after_at = start_at + 30 * DAY_S, .next_at = start_at + 100, .by_lifetime = true
	};

	load(world, 1, NULL);
	world->schedule.random = random_system();
	for (int i = 0; i < 100; i++) {
		daemon_schedule_tell(&world->schedule, &world->schedule.entries[0], DAEMON_TALE_LOOK, &glance, start_at);
		assert_in_range(world->schedule.entries[0].next_at, start_at + 100, start_at + 100 + DAEMON_JITTER_MAX_S);
	}
}

#define test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(nothing_is_started_before_its_second),
		test(a_storm_is_shared_among_few_jobs_by_urgency),
		test(each_ca_has_jobs_of_its_own),
		test(what_stays_due_is_looked_at_ever_more_rarely),
		test(a_lost_job_comes_back),
		test(what_no_look_came_to_is_not_forgotten),
		test(what_cannot_be_started_is_tried_later),
		test(a_ca_in_trouble_is_left_alone),
		test(a_person_is_served_at_once),
		test(asked_for_while_a_job_has_it_is_done_once_more),
		test(nothing_is_done_by_a_clock_that_was_never_set),
		test(a_jump_forward_is_waited_out),
		test(the_first_setting_of_the_clock_is_believed),
		test(a_new_configuration_keeps_what_is_known_and_running),
		test(the_lifetime_alone_is_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
