#include "job/view.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/text.h"
#include "config/config.h"
#include "job/polite.h"
#include "store/store.h"

const char *job_state_name(enum job_state state)
{
	switch (state) {
	case JOB_STATE_VALID:
		return "valid";
	case JOB_STATE_DUE:
		return "due";
	case JOB_STATE_FAILING:
		return "failing";
	case JOB_STATE_EXPIRED:
		return "expired";
	case JOB_STATE_MISSING:
		return "missing";
	case JOB_STATE_COUNT:
		break;
	}
	return "unknown";
}

bool job_view_waits(const struct job_view *view)
{
	return view->decision.verdict != PLAN_NOT_DUE || view->survey.state.deploy_generation != 0;
}

static enum job_state judge(const struct job_view *view)
{
	const struct store_state *state = &view->survey.state;
	const struct cert_facts *in_use = job_survey_in_use(&view->survey);

	if (in_use && in_use->not_after_at <= view->now_at)
		return JOB_STATE_EXPIRED;
	if (state->last_at != 0 && !state->last_ok && job_view_waits(view))
		return JOB_STATE_FAILING;
	if (!view->survey.have)
		return JOB_STATE_MISSING;
	return view->decision.verdict == PLAN_NOT_DUE ? JOB_STATE_VALID : JOB_STATE_DUE;
}

static int64_t served_until(const struct job_survey *survey)
{
	const struct store_state *state = &survey->state;

	if (!state->served)
		return 0;
	if (survey->have && state->served_generation == survey->newest)
		return job_survey_not_after_at(survey);
	return survey->have_live && state->served_generation == survey->live ? survey->live_facts.not_after_at : 0;
}

int job_view_read(const struct store *store, const struct config_certificate *certificate, int64_t now_at,
                  struct job_view *ret, struct error *err)
{
	const struct job_survey_options options = { .now_at = now_at, .named = true };
	const struct store_state *state = &ret->survey.state;

	*ret = (struct job_view){ .certificate = certificate, .now_at = now_at };
	if (store && store_cert_open(store, certificate->name, false, &ret->store_cert, err) < 0)
		return -1;
	if (job_survey_read(ret->store_cert, certificate, &ret->survey, err) < 0) {
		job_view_done(ret);
		return -1;
	}
	job_survey_decide(&ret->survey, certificate, &options, &ret->decision);
	job_choose_ca(store, certificate, state, NULL, &ret->next);
	ret->state = judge(ret);
	ret->alarm = job_survey_alarm(&ret->survey, ret->state == JOB_STATE_FAILING, now_at);
	ret->serves = certificate->settings.deploy != CONFIG_DEPLOY_NONE;
	ret->served = state->served && state->served_generation == ret->survey.newest;
	ret->served_until_at = served_until(&ret->survey);
	return 0;
}

/* The next one of the list, because a CA is to be left alone. */
static void pass_over(struct job_view *view, const struct store *store, const bool *passed, const struct error *why)
{
	const struct config_ca *before = view->next.ca;
	CLEANUP(buf_done) struct buf words = BUF(3 * JOB_CHOICE_WHY_SIZE);

	job_choose_ca(store, view->certificate, &view->survey.state, passed, &view->next);
	if (view->next.ca == before || !before)
		return;
	(void)buf_printf(&words, "%s%s%s is passed over: %.700s", view->next.why, view->next.why[0] != '\0' ? "; " : "", before->name,
	                 why->message);
	text_copy(view->next.why, sizeof(view->next.why), buf_text(&words));
	text_clean(view->next.why);
}

bool job_view_hold(struct job_view *view, const struct store *store, struct job_polite *polite, struct error *ret_why)
{
	const struct job_polite_asker asker = {
		.store = store,
		.certificate = view->certificate,
		.survey = &view->survey,
		.now_at = view->now_at,
	};
	bool passed[CONFIG_CAS_MAX] = { false };
	struct error why;

	error_clear(&why);
	if (view->decision.verdict == PLAN_NOT_DUE)
		return false;
	if (job_polite_choose(polite, &asker, passed, &why) == JOB_POLITE_WAIT) {
		*ret_why = why;
		return true;
	}
	pass_over(view, store, passed, &why);
	return false;
}

void job_view_done(struct job_view *view)
{
	job_survey_done(&view->survey);
	store_cert_cleanup(&view->store_cert);
}

const char *job_view_issuer(const struct job_view *view)
{
	const struct config_ca *ca = job_survey_ca(&view->survey, view->certificate);

	if (!view->survey.have)
		return NULL;
	return ca ? ca->name : view->survey.state.ca[0] != '\0' ? view->survey.state.ca : NULL;
}

const char *job_view_trouble(const struct job_view *view)
{
	switch (view->state) {
	case JOB_STATE_FAILING:
	case JOB_STATE_EXPIRED:
	case JOB_STATE_MISSING:
		return job_state_name(view->state);
	case JOB_STATE_VALID:
	case JOB_STATE_DUE:
	case JOB_STATE_COUNT:
		break;
	}
	if (view->alarm >= PLAN_ALARM_LATE)
		return "ends soon";
	return view->serves && !view->served ? "not served" : NULL;
}
