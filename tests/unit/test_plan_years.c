/* test_plan_years.c: ten years of one certificate, by the rules of this room alone: a CA that is away now and then and moves its windows, a timer
 * that comes at its own times. Each life is another one, and the same at each run of this test. */
#include "plan/ari.h"
#include "plan/backoff.h"
#include "plan/due.h"

#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOUR_S ((int64_t)3600)
#define DAY_S (24 * HOUR_S)
#define YEARS_S (10 * 365 * DAY_S)

enum { LIVES = 12, ORDERS_MAX = 20000 };

struct life {
	int64_t lifetime_s;
	int64_t pause_s; /* of the timer, at most */
	bool without_ari;
	bool hostile; /* its windows are over before they begin to count, whatever certificate they are for */
	uint64_t seed;

	int64_t now_at;
	int64_t away_at; /* the CA's next (or present) outage */
	int64_t back_at;

	int64_t due_at; /* as it was decided last */
	int64_t not_before_at; /* of the certificate in use */
	int64_t not_after_at;
	int64_t window_at; /* as its CA has it now */
	int64_t window_end_at;
	unsigned int window; /* each that the CA ever had has a number */
	unsigned int renewed_for; /* the one that was last renewed for */

	struct plan_ari ari; /* as state.json has it */
	unsigned int ari_window;
	int64_t ari_next_at;
	uint64_t ari_failures;
	int64_t early_at;
	uint64_t failures;
	int64_t next_at;

	int64_t tries[ORDERS_MAX]; /* when the CA was asked for an order */
	int64_t issued[ORDERS_MAX];
	size_t tries_count;
	size_t issued_count;
};

static uint64_t next_random(void *self)
{
	uint64_t *seed = self;

	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return *seed ^ *seed >> 29;
}

static uint64_t below(struct life *life, int64_t bound)
{
	const struct random random = { next_random, &life->seed };

	return bound > 0 ? random_below(&random, (uint64_t)bound) : 0;
}

/* What a CA has for a new certificate: a fiftieth of the lifetime, around two thirds of it, or its half where it is short. */
static void give_window(struct life *life)
{
	int64_t part_s = life->lifetime_s < 10 * DAY_S ? life->lifetime_s / 2 : life->lifetime_s * 2 / 3;

	life->window++;
	life->window_at = life->not_before_at + part_s - life->lifetime_s / 100;
	life->window_end_at = life->window_at + life->lifetime_s / 50;
	if (life->hostile) {
		life->window_at = life->now_at - 2 * HOUR_S;
		life->window_end_at = life->now_at - HOUR_S;
	}
}

/* Now and then it changes its mind: earlier, at once, later, beyond the end, or such as makes no sense. */
static void move_window(struct life *life)
{
	int64_t span_s = life->lifetime_s / 50;

	if (life->hostile || below(life, 20 * DAY_S / life->pause_s) != 0)
		return;
	life->window++;
	switch (below(life, 5)) {
	case 0:
		life->window_at = life->now_at - 2 * HOUR_S;
		break;
	case 1:
		life->window_at = life->now_at + (int64_t)below(life, 2 * DAY_S);
		break;
	case 2:
		life->window_at = life->not_after_at - (int64_t)below(life, life->lifetime_s / 10);
		break;
	case 3:
		life->window_at = life->not_after_at + (int64_t)below(life, life->lifetime_s);
		break;
	default:
		span_s = -span_s;
		break;
	}
	life->window_end_at = life->window_at + span_s;
}

static bool is_away(const struct life *life)
{
	return life->now_at >= life->away_at && life->now_at < life->back_at;
}

/* Shorter than half of the time between the lifetime's rule and the end, but for the time that a run and the hour's wait before it may take; and
 * the next one leaves time for what the waits after this one's failures may come to. */
static void plan_outage(struct life *life)
{
	const bool is_short = life->lifetime_s < 10 * DAY_S;
	const int64_t half_s = life->lifetime_s / (is_short ? 4 : 6);
	const int64_t slack_s = life->pause_s + 2 * HOUR_S;
	const int64_t first_at = life->back_at + (is_short ? DAY_S / 2 : 2 * DAY_S);

	if (life->now_at < first_at)
		return;
	/* The worst is one that begins just when the certificate is due. */
	if (life->due_at > life->now_at && life->due_at - life->now_at <= 2 * life->pause_s && below(life, 2) == 0)
		life->away_at = life->due_at - (int64_t)below(life, HOUR_S);
	else if (below(life, life->lifetime_s / life->pause_s) == 0)
		life->away_at = life->now_at;
	else
		return;
	life->back_at = life->away_at + (below(life, 3) == 0 ? half_s - slack_s : (int64_t)below(life, half_s - slack_s));
}

static void ask(struct life *life)
{
	const struct random random = { next_random, &life->seed };
	enum plan_ari_answer answer = PLAN_ARI_WINDOW;

	if (life->now_at < life->ari_next_at || life->now_at >= life->not_after_at)
		return;
	if (life->without_ari) {
		answer = PLAN_ARI_UNSUPPORTED;
	} else if (is_away(life)) {
		answer = below(life, 2) == 0 ? PLAN_ARI_TEMPORARY : PLAN_ARI_LASTING;
	} else if (plan_ari_take(&life->ari, life->window_at, life->window_end_at, life->not_before_at, life->not_after_at, &random)) {
		life->ari_window = life->window;
		life->ari_failures = 0;
	} else {
		answer = PLAN_ARI_LASTING;
	}
	if (answer == PLAN_ARI_TEMPORARY || answer == PLAN_ARI_LASTING)
		life->ari_failures++;
	life->ari_next_at = plan_ari_next_check_at(answer, life->now_at, answer == PLAN_ARI_WINDOW ? life->now_at + 6 * HOUR_S : 0,
	                                           life->ari_failures, &random);
	assert_true(life->ari_next_at >= life->now_at + PLAN_ARI_CHECK_MIN_S);
}

static void take_certificate(struct life *life, enum plan_reason reason)
{
	/* Of one certificate and one window there is one renewal: the next one has another. */
	if (reason == PLAN_ARI) {
		assert_true(life->ari_window > life->renewed_for);
		life->renewed_for = life->ari_window;
		if (life->now_at < plan_lifetime_renew_at(life->not_before_at, life->not_after_at))
			life->early_at = life->now_at;
	}
	assert_true(life->issued_count < ORDERS_MAX);
	life->issued[life->issued_count++] = life->now_at;
	life->not_before_at = life->now_at - HOUR_S;
	life->not_after_at = life->not_before_at + life->lifetime_s;
	life->ari = (struct plan_ari){ 0 };
	life->ari_next_at = 0;
	life->ari_failures = 0;
	life->failures = 0;
	life->next_at = 0;
	give_window(life);
	ask(life);
}

static void run(struct life *life)
{
	const struct random random = { next_random, &life->seed };
	struct plan_facts facts = {
		.now_at = life->now_at, .have = true, .same_names = true, .same_key = true, .same_ca = true, .same_profile = true,
		.not_before_at = life->not_before_at, .not_after_at = life->not_after_at, .last_early_at = life->early_at,
		.blocked_until_at = life->next_at,
	};
	struct plan_decision decision;

	ask(life);
	facts.ari = life->ari;
	plan_due(&facts, &decision);
	assert_true(decision.renew_at < life->not_after_at);
	life->due_at = decision.renew_at;
	if (decision.verdict != PLAN_DUE)
		return;
	assert_true(life->tries_count < ORDERS_MAX);
	life->tries[life->tries_count++] = life->now_at;
	if (!is_away(life)) {
		take_certificate(life, decision.reason);
		return;
	}
	life->failures++;
	life->next_at = life->now_at + plan_backoff_left_s(life->failures, life->not_after_at - life->now_at, &random);
}

/* The most of them within any day. */
static size_t most_in_a_day(const int64_t *at, size_t count)
{
	size_t most = 0;

	for (size_t first = 0, i = 0; i < count; i++) {
		while (at[i] - at[first] >= DAY_S)
			first++;
		if (i - first + 1 > most)
			most = i - first + 1;
	}
	return most;
}

static void live(int64_t lifetime_s, int64_t pause_s, bool without_ari, bool hostile)
{
	struct life *life = calloc(1, sizeof(*life));
	const int64_t begin_at = 1800000000;

	assert_non_null(life);
	for (uint64_t seed = 1; seed <= LIVES; seed++) {
		*life = (struct life){
			.lifetime_s = lifetime_s, .pause_s = pause_s, .without_ari = without_ari, .hostile = hostile, .seed = seed * 1000003,
			.now_at = begin_at,
		};
		take_certificate(life, PLAN_MISSING);
		while (life->now_at < begin_at + YEARS_S) {
			life->now_at += pause_s / 2 + (int64_t)below(life, pause_s / 2);
			plan_outage(life);
			move_window(life);
			run(life);
			if (life->now_at >= life->not_after_at)
				fail_msg("life %ju: expired, %jd h after the outage from %jd to %jd h began", (uintmax_t)seed,
				         (intmax_t)((life->now_at - life->away_at) / HOUR_S), (intmax_t)((life->away_at - begin_at) / HOUR_S),
				         (intmax_t)((life->back_at - begin_at) / HOUR_S));
		}
		/* Windows alone make an order a day, of short lifetimes one in a tenth of them. */
		assert_true(most_in_a_day(life->issued, life->issued_count) <= (lifetime_s < 10 * DAY_S ? 2 : 1) + 1);
		assert_true(most_in_a_day(life->tries, life->tries_count) <= 28);
		if (!hostile)
			assert_true((int64_t)life->issued_count < 4 * YEARS_S / lifetime_s);
	}
	free(life);
}

static void test_ninety_days(void **state)
{
	(void)state;
	live(90 * DAY_S, HOUR_S, false, false);
}

static void test_forty_five_days(void **state)
{
	(void)state;
	live(45 * DAY_S, HOUR_S, false, false);
}

static void test_six_days(void **state)
{
	(void)state;
	live(160 * HOUR_S, HOUR_S, false, false);
}

/* Twice a day, as an old timer does. */
static void test_a_slow_timer(void **state)
{
	(void)state;
	live(45 * DAY_S, 12 * HOUR_S, false, false);
	live(160 * HOUR_S, 12 * HOUR_S, false, false);
}

static void test_without_windows(void **state)
{
	(void)state;
	live(90 * DAY_S, HOUR_S, true, false);
	live(160 * HOUR_S, HOUR_S, true, false);
}

static void test_windows_that_are_always_over(void **state)
{
	(void)state;
	live(90 * DAY_S, HOUR_S, false, true);
	live(160 * HOUR_S, HOUR_S, false, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ninety_days),  cmocka_unit_test(test_forty_five_days),
		cmocka_unit_test(test_six_days),     cmocka_unit_test(test_a_slow_timer),
		cmocka_unit_test(test_without_windows), cmocka_unit_test(test_windows_that_are_always_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
