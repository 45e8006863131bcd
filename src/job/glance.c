#include "job/glance.h"

#include "base/clean.h"
#include "base/text.h"
#include "config/config.h"
#include "job/polite.h"
#include "job/survey.h"
#include "store/store.h"

/* Held back by the last failure, if it is one that holds back what waits. */
static int64_t later(const struct store_state *state, int64_t at)
{
	return !state->last_ok && state->next_at > at ? state->next_at : at;
}

/* When what is due can be asked of a CA: it may have said, or be known to say, not now. */
static int64_t may_be_asked_at(const struct job_polite_asker *asker, struct job_polite *polite, int64_t due_at)
{
	bool passed[CONFIG_CAS_MAX] = { false };
	struct error why;

	error_clear(&why);
	if (job_polite_choose(polite, asker, passed, &why) == JOB_POLITE_WAIT && why.retry_at > due_at)
		return why.retry_at;
	return due_at;
}

static void judge(const struct job_polite_asker *asker, struct job_polite *polite, struct job_glance *ret)
{
	const struct job_survey *survey = asker->survey;
	const struct config_certificate *certificate = asker->certificate;
	const int64_t now_at = asker->now_at;
	const struct job_survey_options options = { .now_at = now_at };
	const struct store_state *state = &survey->state;
	const int64_t check_at = job_survey_check_at(survey, certificate);
	struct plan_decision decision;

	job_survey_decide(survey, certificate, &options, &decision);
	ret->have = survey->have;
	ret->failing = !state->last_ok && state->last_at != 0;
	ret->reason = decision.reason;
	ret->not_before_at = survey->have ? job_survey_first_to_end(survey)->not_before_at : 0;
	ret->not_after_at = job_survey_not_after_at(survey);
	ret->renew_at = decision.renew_at;
	ret->kind = ret->failing ? state->last_error.kind : ERROR_NONE;
	if (ret->failing)
		text_copy(ret->error, sizeof(ret->error), state->last_error.message);
	/* It may have been cut within a character. */
	text_clean(ret->error);
	switch (decision.verdict) {
	case PLAN_DUE:
		ret->next_at = may_be_asked_at(asker, polite, decision.renew_at);
		break;
	case PLAN_NOT_DUE:
		ret->next_at = decision.renew_at;
		break;
	case PLAN_BLOCKED:
		ret->next_at = state->next_at;
		break;
	}
	ret->by_lifetime = decision.verdict == PLAN_NOT_DUE && decision.reason == PLAN_LIFETIME;
	if (state->deploy_generation != 0 || state->post_renew_pending)
		ret->next_at = later(state, now_at);
	/* A run moves it aside, and says so. */
	if (survey->state_damaged)
		ret->next_at = now_at;
	if (check_at != 0 && check_at < ret->next_at) {
		ret->next_at = check_at;
		ret->by_lifetime = false;
	}
}

void job_glance(const struct store *store, const struct config_certificate *certificate, int64_t now_at,
                struct job_polite *polite, struct job_glance *ret)
{
	struct job_polite_asker asker = { .store = store, .certificate = certificate, .now_at = now_at };
	CLEANUP(store_cert_cleanup) struct store_cert *store_cert = NULL;
	CLEANUP(job_survey_done) struct job_survey survey = { 0 };
	struct error err;

	*ret = (struct job_glance){ .reason = PLAN_MISSING, .renew_at = now_at, .next_at = now_at };
	error_clear(&err);
	if ((store && store_cert_open(store, certificate->name, false, &store_cert, &err) < 0) ||
	    job_survey_read(store_cert, certificate, &survey, &err) < 0) {
		ret->failing = true;
		ret->kind = err.kind;
		text_copy(ret->error, sizeof(ret->error), err.message);
		text_clean(ret->error);
		return;
	}
	asker.survey = &survey;
	judge(&asker, polite, ret);
}
