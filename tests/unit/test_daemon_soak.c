/* test_daemon_soak.c: ten years of the schedule in virtual time, with a CA that is away for days, jobs that are lost or cannot be started,
 * deployments that fail, restarts and new configurations. What has to hold: no certificate ends while nothing but that happens, no
 * certificate is ordered too often, and there are never more jobs than permitted. */
#include "daemon/schedule.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/log.h"
#include "base/random.h"
#include "config/config.h"
#include "plan/backoff.h"
#include "plan/due.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { CERTIFICATES = 120, JOBS = 3, DAY_S = 24 * 60 * 60, YEARS = 10, CHECK_S = 6 * 60 * 60, ORDERS_A_DAY_MAX = 2 };

static const int64_t begin_at = 1800000000;

/* A job, and when it ends. */
struct job {
	struct daemon_batch *batch;
	int64_t end_at;
};

/* What a state file and a CA would know. */
struct truth {
	int64_t not_before_at, not_after_at;
	int64_t check_at; /* when the CA is to be asked about it */
	int64_t next_at; /* after a failure */
	uint64_t failures;
	int64_t day; /* the last on which it was ordered, and how often */
	int orders;
};

struct world {
	struct config config;
	struct config_ca ca;
	struct config_certificate certificates[CERTIFICATES];
	struct config_certificate *list[CERTIFICATES];
	char names[CERTIFICATES][32];
	struct truth truth[CERTIFICATES];
	struct job jobs[JOBS];
	size_t jobs_count;
	struct daemon_schedule schedule;
	struct daemon_starter starter;
	struct random random;
	uint64_t seed;
	int64_t now_at;
	int64_t away_from_at, away_until_at; /* the CA */
	unsigned long orders;
	struct error ignored;
};

static uint64_t chance(void *self)
{
	uint64_t *seed = self;

	/* splitmix64 */
	uint64_t z = (*seed += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static bool one_in(struct world *w, uint64_t n)
{
	return random_below(&w->random, n) == 0;
}

static int64_t lifetime_s(size_t i)
{
	static const int64_t days[] = { 90, 45, 6, 90, 10, 365 };

	return days[i % ARRAY_SIZE(days)] * DAY_S;
}

static int start(void *self, struct daemon_batch *batch, struct error *err)
{
	struct world *w = self;

	if (one_in(w, 500))
		return error_set(err, ERROR_SYSTEM, "no process to be had");
	assert_true(w->jobs_count < JOBS);
	w->jobs[w->jobs_count++] =
		(struct job){ batch, w->now_at + 2 + (int64_t)random_below(&w->random, 10 + 20 * batch->count) };
	return 0;
}

static struct job_glance glance(const struct world *w, size_t i)
{
	const struct truth *t = &w->truth[i];
	struct job_glance g = {
		.have = t->not_after_at != 0,
		.failing = t->failures > 0,
		.kind = t->failures > 0 ? ERROR_NETWORK : ERROR_NONE,
		.not_before_at = t->not_before_at,
		.not_after_at = t->not_after_at,
		.renew_at = g.have ? plan_lifetime_renew_at(t->not_before_at, t->not_after_at) : w->now_at,
	};

	g.next_at = t->failures > 0 && t->next_at > g.renew_at ? t->next_at : g.renew_at;
	g.by_lifetime = g.have && g.next_at == g.renew_at;
	if (g.have && t->check_at < g.next_at) {
		g.next_at = t->check_at;
		g.by_lifetime = false;
	}
	return g;
}

static void order(struct world *w, size_t i)
{
	struct truth *t = &w->truth[i];
	const int64_t day = w->now_at / DAY_S;

	t->orders = t->day == day ? t->orders + 1 : 1;
	t->day = day;
	assert_true(t->orders <= ORDERS_A_DAY_MAX);
	w->orders++;
	t->not_before_at = w->now_at - 3600;
	t->not_after_at = w->now_at - 3600 + lifetime_s(i);
	t->failures = 0;
}

/* What a job does with one certificate. */
static enum daemon_tale work(struct world *w, size_t i, bool away)
{
	struct truth *t = &w->truth[i];
	const bool due = t->not_after_at == 0 || plan_lifetime_renew_at(t->not_before_at, t->not_after_at) <= w->now_at;

	if (t->check_at <= w->now_at)
		t->check_at = w->now_at + CHECK_S;
	if (!due || (t->failures > 0 && t->next_at > w->now_at))
		return DAEMON_TALE_IDLE;
	if (away || one_in(w, 50)) {
		t->failures++;
		t->next_at = w->now_at + plan_backoff_s(t->failures, &w->random);
		/* As job/tell.c has it: a short-lived certificate does not wait for a day. */
		if (t->next_at - w->now_at > lifetime_s(i) / 20)
			t->next_at = w->now_at + lifetime_s(i) / 20;
		return DAEMON_TALE_FAILED;
	}
	order(w, i);
	return DAEMON_TALE_DONE;
}

static void end_job(struct world *w, size_t j)
{
	struct daemon_batch *batch = w->jobs[j].batch;
	const bool away = w->now_at >= w->away_from_at && w->now_at < w->away_until_at;

	for (size_t k = 0; k < batch->count; k++) {
		struct daemon_entry *entry = batch->entries[k];
		struct job_glance g;
		enum daemon_tale tale;
		size_t i;

		if (!entry)
			continue;
		/* Killed in the middle. */
		if (one_in(w, 1000))
			break;
		i = (size_t)(entry - w->schedule.entries);
		tale = work(w, i, away);
		g = glance(w, i);
		daemon_schedule_tell(&w->schedule, entry, tale, &g, w->now_at);
	}
	w->jobs[j] = w->jobs[--w->jobs_count];
	daemon_schedule_ended(&w->schedule, batch, w->now_at);
}

static void load(struct world *w, struct daemon_schedule *before)
{
	assert_int_equal(daemon_schedule_load(&w->schedule, &w->config, &w->random, &w->starter, before, &w->ignored), 0);
	for (size_t i = 0; i < CERTIFICATES; i++) {
		const struct job_glance g = glance(w, i);

		daemon_schedule_tell(&w->schedule, &w->schedule.entries[i], DAEMON_TALE_LOOK, &g, w->now_at);
	}
}

/* Now and then the daemon reads its configuration again, or is started anew after its jobs were lost. */
static void disturb(struct world *w)
{
	struct daemon_schedule before;

	if (one_in(w, 2000)) {
		before = w->schedule;
		load(w, &before);
	}
	if (one_in(w, 2000)) {
		while (w->jobs_count > 0)
			daemon_schedule_ended(&w->schedule, w->jobs[--w->jobs_count].batch, w->now_at);
		daemon_schedule_done(&w->schedule);
		load(w, NULL);
	}
	if (w->now_at >= w->away_until_at) {
		w->away_from_at = w->now_at + 10 * DAY_S + (int64_t)random_below(&w->random, 60 * DAY_S);
		/* Up to a day: short-lived certificates have three days from when they are due. */
		w->away_until_at = w->away_from_at + (int64_t)random_below(&w->random, DAY_S);
	}
}

/* The next moment at which something happens. */
static int64_t next_at(const struct world *w)
{
	int64_t at = daemon_schedule_next_at(&w->schedule, w->now_at);

	for (size_t j = 0; j < w->jobs_count; j++)
		at = w->jobs[j].end_at < at ? w->jobs[j].end_at : at;
	return at;
}

static void live(struct world *w, int64_t until_at)
{
	while (w->now_at < until_at) {
		const int64_t at = next_at(w);

		assert_true(at != INT64_MAX);
		if (at > w->now_at)
			w->now_at = at;
		for (size_t j = w->jobs_count; j > 0; j--) {
			if (w->jobs[j - 1].end_at <= w->now_at)
				end_job(w, j - 1);
		}
		disturb(w);
		daemon_schedule_advance(&w->schedule, w->now_at);
		assert_true(w->schedule.running <= JOBS && w->schedule.running == w->jobs_count);
		for (size_t i = 0; i < CERTIFICATES; i++)
			assert_true(w->truth[i].not_after_at == 0 || w->truth[i].not_after_at > w->now_at);
	}
}

static void ten_years(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	unsigned long expected = 0;

	(void)state;
	assert_non_null(w);
	w->seed = 42;
	w->random = (struct random){ chance, &w->seed };
	w->now_at = begin_at;
	w->ca = (struct config_ca){ .name = "ca", .directory = "https://ca.example/" };
	w->starter = (struct daemon_starter){ start, w };
	w->config = (struct config){ .certificates = w->list, .certificates_count = CERTIFICATES, .jobs = JOBS };
	for (size_t i = 0; i < CERTIFICATES; i++) {
		snprintf(w->names[i], sizeof(w->names[i]), "c%zu.example", i);
		w->certificates[i] = (struct config_certificate){ .name = w->names[i], .settings = w->config.defaults };
		w->certificates[i].settings.ca = &w->ca;
		w->list[i] = &w->certificates[i];
		expected += (unsigned long)(YEARS * 365 * (int64_t)DAY_S / lifetime_s(i));
	}
	log_set_level(LOG_LEVEL_ERROR);
	load(w, NULL);
	live(w, begin_at + DAY_S);
	for (size_t i = 0; i < CERTIFICATES; i++)
		assert_true(w->truth[i].not_after_at != 0);
	live(w, begin_at + YEARS * 365 * (int64_t)DAY_S);
	/* Each has been renewed all along, and not twice as often as its lifetime asks for. */
	assert_true(w->orders > expected && w->orders < expected * 5 / 2);
	while (w->jobs_count > 0)
		daemon_schedule_ended(&w->schedule, w->jobs[--w->jobs_count].batch, w->now_at);
	daemon_schedule_done(&w->schedule);
	free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(ten_years) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
