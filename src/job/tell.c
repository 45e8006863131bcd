/* Step 9: state, journal, post-renew or failure hooks. */
#include "job/story.h"

#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/strv.h"
#include "deploy/deploy.h"
#include "hook/hook.h"
#include "job/choice.h"
#include "plan/backoff.h"
#include "plan/polite.h"
#include "store/store.h"

#include <string.h>

enum { ENVIRONMENT_MAX = 64 };

static enum plan_alarm level_of(const struct story *story)
{
	return job_survey_alarm(&story->survey, true, clock_wall(story->job->clock));
}

static int add_failure(const struct story *story, struct strv *environment)
{
	const struct store_state *state = &story->survey.state;
	char next[TIME_TEXT_SIZE];

	(void)strv_addf(environment, "CERTD_ERROR=%s", state->last_error.message);
	(void)strv_addf(environment, "CERTD_LEVEL=%s", plan_alarm_name(level_of(story)));
	(void)strv_addf(environment, "CERTD_ATTEMPTS=%llu", (unsigned long long)state->attempts);
	return strv_addf(environment, "CERTD_NEXT_ATTEMPT=%s", time_format(state->next_at, next));
}

static int run_hooks(struct story *story, const char *name, struct error *err)
{
	CLEANUP(strv_done) struct strv environment = STRV(ENVIRONMENT_MAX);
	const struct config *config = story->job->config;
	const struct hook_event event = {
		.event = name,
		.certificate = story->certificate->name,
		.environment = &environment,
		.deadline_ms = config->timeouts.hook_ms,
	};

	if (deploy_environment(config, story->certificate, story->store_cert, story->outcome->generation, &environment,
	                       err) < 0)
		return -1;
	if (!story->survey.state.last_ok && add_failure(story, &environment) < 0)
		return error_oom(err);
	return hook_run_all(story->job->runner, config->hooks_dir, &event, NULL, err);
}

/* Saves; a failure to save is told and changes nothing else: the next run finds what the last save knew. */
static void save(struct story *story)
{
	struct error err;

	/* Of a state that could not be read nothing is known, and what stands there stays: but failure hooks are told. */
	if (!story->loaded)
		return;
	error_clear(&err);
	if (story_save(story, &err) < 0)
		log_failure(LOG_LEVEL_ERROR, story->certificate->name, &err);
}

/* A failure is told as such; here, that it has come to be more than that. */
static void log_alarm(const struct story *story, enum plan_alarm level)
{
	const struct cert_facts *in_use = job_survey_in_use(&story->survey);
	char at[TIME_TEXT_SIZE];
	const struct log_field fields[] = {
		{ "CERTD_LEVEL", plan_alarm_name(level) },
		{ "CERTD_NOT_AFTER", in_use ? time_format(in_use->not_after_at, at) : "" },
		{ NULL, NULL },
	};

	if (level < PLAN_ALARM_LATE || !in_use)
		return;
	log_event(LOG_LEVEL_ERROR, level == PLAN_ALARM_EXPIRED ? EVENT_EXPIRED : EVENT_ENDS_SOON, fields,
	          "%s: %llu attempts to renew it failed, and the certificate %s at %s", story->certificate->name,
	          (unsigned long long)story->survey.state.attempts, level == PLAN_ALARM_EXPIRED ? "expired" : "ends", at);
}

/* The failure hooks run once when attempts begin to fail, and again as often as the alarm gets louder, until one succeeds. What was told is saved
 * after them: an alarm that was cut off, or that a hook could not pass on, is given again. */
static void raise_alarm(struct story *story)
{
	struct store_state *state = &story->survey.state;
	const enum plan_alarm level = level_of(story);
	struct error err;

	if (story->options->dry_run || (uint64_t)level <= state->alarm)
		return;
	log_alarm(story, level);
	error_clear(&err);
	if (run_hooks(story, "failure", &err) < 0) {
		log_failure(LOG_LEVEL_ERROR, story->certificate->name, &err);
		return;
	}
	state->alarm = (uint64_t)level;
	save(story);
}

/* Whether the next attempt is made with another CA than the one that failed: what that one asks for is not asked of the other. */
static bool other_has_turn(const struct story *story)
{
	struct job_choice next;

	if (!story->ca || story->certificate->settings.cas_count < 2)
		return false;
	job_choose_ca(story->store, story->certificate, &story->survey.state, NULL, &next);
	return next.ca && next.ca != story->ca;
}

static void tell_failure(struct story *story, const struct error *error)
{
	struct store_state *state = &story->survey.state;
	const struct cert_facts *in_use = job_survey_in_use(&story->survey);
	const int64_t now_at = clock_wall(story->job->clock);

	state->last_at = now_at;
	state->last_ok = false;
	state->last_error = *error;
	if (state->attempts < UINT32_MAX)
		state->attempts++;
	state->next_at = plan_next_attempt_at(now_at, state->attempts, in_use ? in_use->not_after_at - now_at : 0,
	                                      error->kind == ERROR_LATER && !other_has_turn(story) ? error->retry_at : 0,
	                                      story->job->random);
	if (error->kind == ERROR_DEPLOY)
		state->next_at = now_at + plan_backoff_deploy_s(state->attempts, story->job->random);
	if (error->url[0] != '\0' && !other_has_turn(story))
		state->next_at = now_at + PLAN_PAUSE_S;
	save(story);
	raise_alarm(story);
}

static void run_post_renew(struct story *story)
{
	struct error *error = &story->outcome->error;

	if (run_hooks(story, "post-renew", error) < 0) {
		error_context(error, "the certificate is served, but a post-renew hook failed and will be run again");
		story->outcome->post_renew_failed = true;
		return;
	}
	story->survey.state.post_renew_pending = false;
	save(story);
}

static void prune(struct story *story)
{
	struct error err;

	error_clear(&err);
	if (store_generation_prune(story->store_cert, story->job->config->keep_generations,
	                           story->survey.state.deploy_generation, &err) < 0)
		log_failure(LOG_LEVEL_WARNING, story->certificate->name, &err);
}

static void tell_success(struct story *story)
{
	struct store_state *state = &story->survey.state;

	state->last_at = clock_wall(story->job->clock);
	state->success_at = state->last_at;
	state->last_ok = true;
	error_clear(&state->last_error);
	state->attempts = 0;
	state->alarm = PLAN_ALARM_NONE;
	state->next_at = 0;
	if (story->options->deploy) {
		state->deploy_generation = 0;
		state->deploy_previous = 0;
		state->post_renew_pending = true;
	}
	save(story);
	prune(story);
	if (story->options->deploy)
		run_post_renew(story);
}

/* When the new certificate will be due. */
static void foresee(struct story *story)
{
	struct plan_facts facts = {
		.now_at = clock_wall(story->job->clock),
		.have = true,
		.same_names = true,
		.same_key = true,
		.same_ca = true,
		.same_profile = true,
	};
	struct plan_decision decision;

	for (size_t i = 0; i < story->facts_count; i++) {
		facts.not_before_at = story->facts[i].not_before_at;
		facts.not_after_at = story->facts[i].not_after_at;
		plan_due(&facts, &decision);
		if (i == 0 || decision.renew_at < story->outcome->renew_at)
			story->outcome->renew_at = decision.renew_at;
	}
}

/* Being told to stop is no failure of the certificate: it is not counted, held back or told to hooks. */
static bool was_interrupted(struct error *err)
{
	struct error interrupt;

	if (err->kind == ERROR_INTERRUPTED)
		return true;
	if (interrupt_check(&interrupt) == 0)
		return false;
	error_context(err, "%s", interrupt.message);
	error_advise(err, "%s", interrupt.advice);
	err->kind = ERROR_INTERRUPTED;
	return true;
}

void job_tell(struct story *story, int result, struct error *err)
{
	struct job_outcome *outcome = story->outcome;

	if (result < 0) {
		bool interrupted = was_interrupted(err);

		outcome->result = JOB_FAILED;
		outcome->error = *err;
		/* A failure by a clock that is wrong would be remembered at a wrong time, and counted against nobody. */
		if (story->store_cert && !story->options->dry_run && !interrupted && err->kind != ERROR_CLOCK)
			tell_failure(story, err);
		return;
	}
	switch (story->todo) {
	case STORY_NOTHING:
		return;
	case STORY_WAIT:
		raise_alarm(story);
		return;
	case STORY_TELL:
		run_post_renew(story);
		return;
	case STORY_ISSUE:
		outcome->result = story->options->dry_run ? JOB_TRIED : JOB_ISSUED;
		break;
	case STORY_DEPLOY:
		outcome->result = story->issued ? JOB_ISSUED : JOB_DEPLOYED;
		break;
	}
	foresee(story);
	if (!story->options->dry_run)
		tell_success(story);
}
