/* Step 2: due or not, and why. */
#include "job/story.h"

#include "base/clock.h"
#include "base/error.h"
#include "plan/backoff.h"

#include <string.h>

/* What the last failure said, for an attempt that is not made because of it. */
static void remember_failure(struct story *story)
{
	const struct store_state *state = &story->survey.state;
	struct error *error = &story->outcome->error;
	char when[TIME_TEXT_SIZE];

	*error = state->last_error;
	error->retry_at = state->next_at;
	error_context(error, "not tried again before %s; the last attempt failed", time_format(state->next_at, when));
	if (error->kind != ERROR_LATER)
		error_advise(error, "mend what it says and run `certd renew %s`: a certificate that is named is tried at once",
		             story->certificate->name);
}

/* Deploying again and again what cannot be deployed reloads NGINX twice each time. */
static bool is_held_back(const struct story *story)
{
	const struct store_state *state = &story->survey.state;
	const int64_t left_s = state->next_at - clock_wall(story->job->clock);

	/* More than that nobody has asked for: it was the clock that was wrong when it was written. */
	return !story->options->named && !state->last_ok && state->last_error.kind == ERROR_DEPLOY && left_s > 0 &&
	       left_s <= 2 * PLAN_BACKOFF_MAX_S;
}

static enum story_todo todo_when_not_due(const struct story *story)
{
	const struct store_state *state = &story->survey.state;

	if (!story->options->deploy)
		return STORY_NOTHING;
	if (state->deploy_generation != 0)
		return is_held_back(story) ? STORY_WAIT : STORY_DEPLOY;
	return state->post_renew_pending ? STORY_TELL : STORY_NOTHING;
}

int job_decide(struct story *story, struct error *err)
{
	const struct job_survey_options options = {
		.now_at = clock_wall(story->job->clock),
		.forced = story->options->force || story->options->dry_run,
		.named = story->options->named,
	};
	struct job_outcome *outcome = story->outcome;
	struct plan_decision decision;

	(void)err;
	job_survey_decide(&story->survey, story->certificate, &options, &decision);
	outcome->reason = decision.reason;
	outcome->renew_at = decision.renew_at;
	outcome->check_at = job_survey_next_check_at(&story->survey);
	outcome->generation = story->survey.newest;
	outcome->not_after_at = job_survey_not_after_at(&story->survey);
	outcome->served = story->survey.state.served && story->survey.state.served_generation == story->survey.newest;
	switch (decision.verdict) {
	case PLAN_NOT_DUE:
		story->todo = todo_when_not_due(story);
		outcome->result = story->todo == STORY_WAIT ? JOB_BLOCKED : JOB_NOT_DUE;
		if (story->todo == STORY_WAIT)
			remember_failure(story);
		break;
	case PLAN_BLOCKED:
		story->todo = STORY_WAIT;
		outcome->result = JOB_BLOCKED;
		/* What the CA wants is said before what we do of our own accord. */
		if (!job_polite_holds_back(story))
			remember_failure(story);
		break;
	case PLAN_DUE:
		story->todo = STORY_ISSUE;
		if (job_polite_holds_back(story)) {
			story->todo = STORY_WAIT;
			outcome->result = JOB_BLOCKED;
		}
		break;
	}
	return 0;
}
