#include "cli/remote.h"

#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/text.h"
#include "config/config.h"
#include "daemon/ask.h"
#include "job/polite.h"
#include "job/view.h"
#include "store/store.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TICK_MS = 1000, BATCH_MAX = 500 };

/* A command's work that the daemon does. */
struct remote {
	const struct job *job;
	const struct job_options *options;
	const struct config_certificate *const *certificates;
	struct job_outcome *outcomes; /* or NULL */
	size_t count;
	struct daemon_ask ask;
	struct store *store;
};

static void remote_done(struct remote *remote)
{
	daemon_ask_done(&remote->ask);
	store_free(remote->store);
}

static void tell(const struct remote *remote, size_t i, const struct job_outcome *outcome)
{
	if (remote->job->outcome)
		remote->job->outcome(remote->job->self, outcome);
	if (remote->outcomes)
		remote->outcomes[i] = *outcome;
}

static void fill(const struct job_view *view, const struct plan_decision *decision, struct job_outcome *outcome)
{
	*outcome = (struct job_outcome){
		.certificate = view->certificate,
		.result = JOB_NOT_DUE,
		.reason = decision->reason,
		.generation = view->survey.newest,
		.not_after_at = view->survey.have ? view->survey.facts.not_after_at : 0,
		.renew_at = decision->renew_at,
		.check_at = job_survey_next_check_at(&view->survey),
		.served = view->served,
	};
}

/* Whether no CA of its list wants to be asked now. */
static bool fill_held(const struct remote *remote, const struct job_view *view, struct job_outcome *outcome)
{
	CLEANUP(job_polite_done) struct job_polite polite = { 0 };
	const struct job_polite_asker asker = {
		.store = remote->store,
		.certificate = view->certificate,
		.survey = &view->survey,
		.now_at = view->now_at,
		.named = remote->options->named,
	};
	bool passed[CONFIG_CAS_MAX] = { false };
	struct error why;

	error_clear(&why);
	if (job_polite_choose(&polite, &asker, passed, &why) != JOB_POLITE_WAIT)
		return false;
	outcome->error = why;
	return true;
}

/* Why no attempt is made: what the CA wants, or else what the last failure said. */
static void fill_blocked(const struct remote *remote, const struct job_view *view, struct job_outcome *outcome)
{
	const struct store_state *state = &view->survey.state;
	char when[TIME_TEXT_SIZE];

	outcome->result = JOB_BLOCKED;
	if (fill_held(remote, view, outcome))
		return;
	if (state->last_error.kind == ERROR_NONE) {
		error_set(&outcome->error, ERROR_LATER, "it could not be tried at that moment");
		error_advise(&outcome->error, "`certd status` says when it is tried");
		return;
	}
	outcome->error = state->last_error;
	outcome->error.retry_at = state->next_at;
	error_context(&outcome->error, "not tried again before %s; the last attempt failed", time_format(state->next_at, when));
	if (outcome->error.kind != ERROR_LATER)
		error_advise(&outcome->error, "mend what it says and run `certd renew %s`: a certificate that is named is tried at once",
		             view->certificate->name);
}

static int look(const struct remote *remote, size_t i, bool forced, struct job_view *view, struct plan_decision *decision,
                struct error *err)
{
	const struct config_certificate *certificate = remote->certificates[i];
	const struct job_survey_options options = {
		.now_at = clock_wall(remote->job->clock), .forced = forced, .named = remote->options->named,
	};

	if (job_view_read(remote->store, certificate, options.now_at, view, err) < 0)
		return -1;
	job_survey_decide(&view->survey, certificate, &options, decision);
	return 0;
}

/* Whether the daemon has something to do for it. Where it has not, the outcome is told. */
static bool is_work(const struct remote *remote, size_t i)
{
	struct job_outcome outcome = { .certificate = remote->certificates[i] };
	struct plan_decision decision;
	struct job_view view;
	struct error err;
	bool work;

	error_clear(&err);
	if (look(remote, i, remote->options->force, &view, &decision, &err) < 0)
		return true; /* the job says what is wrong with it */
	work = decision.verdict == PLAN_DUE || view.survey.state.deploy_generation != 0 || view.survey.state.post_renew_pending;
	fill(&view, &decision, &outcome);
	if (decision.verdict == PLAN_BLOCKED)
		fill_blocked(remote, &view, &outcome);
	job_view_done(&view);
	if (!work)
		tell(remote, i, &outcome);
	return work;
}

static enum job_result result_of(const char *name)
{
	for (int i = 0; i < JOB_RESULT_COUNT; i++) {
		if (text_equal(job_result_name((enum job_result)i), name))
			return (enum job_result)i;
	}
	return JOB_FAILED;
}

/* What came of it stands in the state; that the job was lost does not. */
static void tell_end(const struct remote *remote, size_t i, const char *result, const char *error)
{
	struct job_outcome outcome = { .certificate = remote->certificates[i], .result = JOB_FAILED };
	struct plan_decision decision;
	struct job_view view;
	struct error err;

	error_clear(&err);
	/* It is done: what was forced is so no more. */
	if (look(remote, i, false, &view, &decision, &err) < 0) {
		outcome.error = err;
		tell(remote, i, &outcome);
		return;
	}
	fill(&view, &decision, &outcome);
	outcome.result = result_of(result);
	if (outcome.result == JOB_BLOCKED)
		fill_blocked(remote, &view, &outcome);
	else if (outcome.result == JOB_FAILED && !view.survey.state.last_ok && !text_equal(result, "lost"))
		outcome.error = view.survey.state.last_error;
	else if (error[0] != '\0' || outcome.result == JOB_FAILED)
		error_set(&outcome.error, ERROR_SYSTEM, "%s", error[0] != '\0' ? error : "the daemon's job ended without a word");
	outcome.post_renew_failed = outcome.result != JOB_FAILED && outcome.result != JOB_BLOCKED && view.survey.state.post_renew_pending;
	job_view_done(&view);
	tell(remote, i, &outcome);
}

static const char *text_of(const json_t *event, const char *name)
{
	const char *text = json_string_value(json_object_get(event, name));

	return text ? text : "";
}

/* places: those asked for, as members with their index. */
static void take_event(const struct remote *remote, const json_t *event, json_t *places)
{
	const char *certificate = text_of(event, "certificate"), *kind = text_of(event, "kind");
	const json_t *place = json_object_get(places, certificate);

	if (!place)
		return;
	if (text_equal(kind, "progress") && remote->job->progress)
		remote->job->progress(remote->job->self, certificate, text_of(event, "step"), text_of(event, "text"));
	if (!text_equal(kind, "ended"))
		return;
	tell_end(remote, (size_t)json_integer_value(place), text_of(event, "result"), text_of(event, "error"));
	(void)json_object_del(places, certificate);
}

/* Waits for the next reply, and is heard meanwhile. */
static int wait_for_reply(struct remote *remote, struct error *err)
{
	struct pollfd fd = { .fd = remote->ask.fd, .events = POLLIN };

	while (!daemon_ask_has_reply(&remote->ask)) {
		if (poll(&fd, 1, TICK_MS) > 0)
			return 0;
		if (interrupt_check(err) < 0)
			return error_advise(err, "the daemon goes on with it: `certd status` shows how far it is");
		if (remote->job->tick)
			remote->job->tick(remote->job->self);
	}
	return 0;
}

static int renew(struct remote *remote, json_t *places, struct error *err)
{
	json_t *names = json_array();
	const char *name;
	json_t *value;
	bool continues = true;

	json_object_foreach(places, name, value) {
		(void)json_array_append_new(names, json_string(name));
	}
	if (daemon_ask_send(&remote->ask, "Renew",
	                    json_pack("{s:o, s:b}", "certificates", names, "force", remote->options->force ? 1 : 0), true, err) < 0)
		return -1;
	while (continues) {
		json_auto_t *reply = NULL;

		if (wait_for_reply(remote, err) < 0 || daemon_ask_reply(&remote->ask, &reply, &continues, err) < 0)
			return -1;
		take_event(remote, json_object_get(reply, "event"), places);
	}
	/* Of what is left no end came: it is not managed any more. */
	json_object_foreach(places, name, value) {
		tell_end(remote, (size_t)json_integer_value(value), "lost", "the daemon does not manage it any more");
	}
	return 0;
}

static int work(struct remote *remote, struct error *err)
{
	size_t i = 0;

	while (i < remote->count) {
		json_auto_t *places = json_object();

		for (; places && i < remote->count && json_object_size(places) < BATCH_MAX; i++) {
			if (is_work(remote, i))
				(void)json_object_set_new(places, remote->certificates[i]->name, json_integer((json_int_t)i));
		}
		if (!places)
			return error_oom(err);
		if (json_object_size(places) > 0 && renew(remote, places, err) < 0)
			return -1;
	}
	return 0;
}

int cli_remote_run(const struct job *job, const struct config_certificate *const *certificates, size_t count,
                   const struct job_options *options, struct job_outcome *outcomes, struct error *err)
{
	CLEANUP(remote_done) struct remote remote = {
		.job = job, .options = options, .certificates = certificates, .outcomes = outcomes, .count = count, .ask = DAEMON_ASK,
	};
	int r;

	if (options->dry_run || !options->deploy)
		return CLI_REMOTE_NONE;
	r = daemon_ask_open(job->config->runtime_dir, &remote.ask, err);
	if (r != DAEMON_ASK_OK)
		return r < 0 ? -1 : CLI_REMOTE_NONE;
	for (size_t i = 0; outcomes && i < count; i++)
		outcomes[i].certificate = NULL;
	if (store_open(job->config->state_dir, false, &remote.store, err) < 0)
		return -1;
	return work(&remote, err);
}

bool cli_remote_is_there(const struct config *config)
{
	CLEANUP(daemon_ask_done) struct daemon_ask ask = DAEMON_ASK;
	struct error ignored;

	error_clear(&ignored);
	return daemon_ask_open(config->runtime_dir, &ask, &ignored) == DAEMON_ASK_OK;
}

int cli_remote_reload(const struct config *config, struct error *err)
{
	CLEANUP(daemon_ask_done) struct daemon_ask ask = DAEMON_ASK;
	int r = daemon_ask_open(config->runtime_dir, &ask, err);

	if (r != DAEMON_ASK_OK)
		return r < 0 ? -1 : CLI_REMOTE_NONE;
	return daemon_ask_call(&ask, "Reload", NULL, NULL, err) < 0 ? -1 : CLI_REMOTE_DONE;
}

int cli_remote_describe(const struct config *config, char *text, size_t size)
{
	CLEANUP(daemon_ask_done) struct daemon_ask ask = DAEMON_ASK;
	json_auto_t *status = NULL;
	struct error ignored;

	error_clear(&ignored);
	if (daemon_ask_open(config->runtime_dir, &ask, &ignored) != DAEMON_ASK_OK ||
	    daemon_ask_call(&ask, "Status", NULL, &status, &ignored) < 0)
		return CLI_REMOTE_NONE;
	(void)snprintf(text, size, "the daemon runs (PID %lld): %lld queued, %lld at work",
	               (long long)json_integer_value(json_object_get(status, "pid")),
	               (long long)json_integer_value(json_object_get(status, "queued")),
	               (long long)json_integer_value(json_object_get(status, "running")));
	return CLI_REMOTE_DONE;
}
