/* Steps 7 and 8, for all certificates of a run that wait for them: snippets, one reload, deploy hooks, proof; and back where one fails. */
#include "job/story.h"

#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/text.h"
#include "config/config.h"
#include "deploy/deploy.h"
#include "deploy/site.h"
#include "job/listeners.h"
#include "job/prove.h"
#include "store/store.h"

#include <stdlib.h>

enum { PROOF_MIN_MS = 1000, PROOF_AGAIN_MS = 3000 };

/* One deployment. */
struct deployment {
	struct story *const *stories;
	size_t count;
	const struct job *job;
	struct job_listeners listeners;
	struct deploy_watch watch;
	struct deploy_round round;
	struct deploy **items; /* of the stories, in their order */
	struct job_prove_want *wants; /* room for one each */
	struct job_prove_leaves *leaves;
	struct job_prove_leaves *others;
	struct story **whose; /* each of the wants is */
	struct deploy_explanation explanation; /* of this: */
	const char *explained_address; /* NULL for none */
	uint16_t explained_port;
};

static void deployment_done(struct deployment *d)
{
	job_listeners_done(&d->listeners);
	free(d->items);
	free(d->wants);
	free(d->leaves);
	free(d->others);
	free(d->whose);
}

static bool is_good(const struct story *story)
{
	return story->deploy.error.kind == ERROR_NONE;
}

static bool with_nginx(const struct story *story)
{
	return story->certificate->settings.deploy == CONFIG_DEPLOY_NGINX;
}

/* A generation that waits for deployment since an earlier run, or since an earlier step of this one. */
static int take_up_generation(struct story *story, struct error *err)
{
	struct store_state *state = &story->survey.state;

	story->generation = state->deploy_generation;
	story->facts_count = story->survey.pairs;
	for (size_t i = 0; i < story->survey.pairs; i++)
		story->facts[i] = *job_survey_facts(&story->survey, i);
	if (story->survey.live != story->generation)
		state->deploy_previous = story->survey.live;
	story->previous = state->deploy_previous;
	/* A crash in the commit may have left its key. */
	if (store_pending_clear(story->store_cert, err) < 0 || store_first_clear(story->store_cert, err) < 0)
		return -1;
	if (story->survey.live == story->generation)
		return 0;
	if (story_save(story, err) < 0)
		return -1;
	return story_go_live(story, err);
}

/* Between the stories nothing that is logged is about one of them. */
static void tell_step(const struct story *story, const char *step, const char *text)
{
	const struct config_certificate *certificate = story->certificate;

	log_set_context(&(const struct log_context){ .certificate = certificate->name, .ca = certificate->settings.ca->name });
	story_progress(story, step, text);
	log_set_context(NULL);
}

static void take_up(struct story *story)
{
	struct error err;

	error_clear(&err);
	error_clear(&story->deploy.error);
	if (interrupt_check(&err) < 0)
		error_context(&err, "the certificate waits for its deployment");
	else if (take_up_generation(story, &err) == 0)
		tell_step(story, "deploy", "writing the snippet and running the deploy hooks");
	story->deploy = (struct deploy){
		.certificate = story->certificate,
		.store = story->store_cert,
		.generation = story->generation,
		.previous = story->previous,
		.error = err,
		/* Nothing was changed that could be undone. */
		.is_back = err.kind != ERROR_NONE,
	};
}

/* What of deploy-timeout test and reload have left; at least time for one look. */
static int64_t proof_ms(const struct deployment *d)
{
	const int64_t left_ms = d->job->config->timeouts.deploy_ms - d->round.load_ms;

	return left_ms > PROOF_MIN_MS ? left_ms : PROOF_MIN_MS;
}

/* Makes want i of a story: that this generation is served, not that other one. False where the generation cannot be read: *err. */
static bool make_want(struct deployment *d, size_t i, const struct story *story, uint64_t generation, uint64_t other, struct error *err)
{
	struct job_prove_want *want = &d->wants[i];
	struct error ignored;

	*want = (struct job_prove_want){ .certificate = story->certificate };
	if (job_prove_leaves_read(story->store_cert, generation, &d->leaves[i], err) < 0)
		return false;
	job_prove_leaves_list(&d->leaves[i], want->leaf);
	error_clear(&ignored);
	if (other != 0 && job_prove_leaves_read(story->store_cert, other, &d->others[i], &ignored) == 0)
		job_prove_leaves_list(&d->others[i], want->other);
	return true;
}

static void note_served(struct story *story)
{
	struct store_state *state = &story->survey.state;

	state->served = true;
	state->served_at = clock_wall(story->job->clock);
	state->served_generation = story->generation;
	story->outcome->served = true;
}

/* Whom the proof met, where that is not the NGINX that was told of the certificate. Often it is the same for all. */
static void explain(struct deployment *d, const struct job_prove_want *want, struct error *error)
{
	if (!want->failed_address)
		return;
	if (!d->explained_address || d->explained_port != want->failed_port || !text_equal(d->explained_address, want->failed_address))
		deploy_explain(&d->watch, want->failed_address, want->failed_port, want->server, &d->explanation);
	d->explained_address = want->failed_address;
	d->explained_port = want->failed_port;
	if (d->explanation.text[0] == '\0')
		return;
	error_append(error, "; %s", d->explanation.text);
	error_advise(error, "%s", d->explanation.advice);
}

static void take_proof(struct deployment *d, struct story *story, struct job_prove_want *want)
{
	struct error *error = &story->deploy.error;

	if (want->proven) {
		note_served(story);
		return;
	}
	*error = want->error;
	error_context(error, "the new certificate is not the one being served");
	explain(d, want, error);
	if (d->round.stayed[0] != '\0')
		error_context(error, "%s", d->round.stayed);
}

static void prove(struct deployment *d)
{
	struct error err;
	size_t n = 0;
	int r;

	for (size_t i = 0; i < d->count; i++) {
		struct story *story = d->stories[i];

		if (!with_nginx(story) || !is_good(story))
			continue;
		tell_step(story, "prove", "looking whether the new certificate is the one being served");
		story->proving = true;
		if (make_want(d, n, story, story->generation, story->previous, &story->deploy.error))
			d->whose[n++] = story;
	}
	if (n == 0)
		return;
	error_clear(&err);
	for (size_t i = 0; i < n; i++)
		d->wants[i].other_words = "the previous certificate";
	r = job_prove_wants(d->whose[0]->net, d->job, &d->listeners, d->wants, n, proof_ms(d), &err);
	for (size_t i = 0; i < n; i++) {
		if (r == 0) {
			take_proof(d, d->whose[i], &d->wants[i]);
			continue;
		}
		d->whose[i]->deploy.error = err;
		/* Nothing was seen that speaks against it: the next run looks again. */
		d->whose[i]->deploy.is_back = err.kind == ERROR_INTERRUPTED;
	}
}

/* Whether what was live before is served again, for those that went back to it: a failure of the failure. */
static void prove_previous(struct deployment *d, bool again)
{
	struct error err;
	size_t n = 0;

	for (size_t i = 0; i < d->count; i++) {
		struct story *story = d->stories[i];

		error_clear(&err);
		if (with_nginx(story) && !is_good(story) && story->went_back && story->previous != 0 &&
		    make_want(d, n, story, story->previous, story->generation, &err)) {
			d->wants[n].other_words = "the new certificate";
			d->whose[n++] = story;
		}
	}
	error_clear(&err);
	if (n == 0 || interrupt_check(&err) < 0 ||
	    job_prove_wants(d->whose[0]->net, d->job, &d->listeners, d->wants, n, PROOF_AGAIN_MS, &err) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		/* NGINX has what its hook said it had not: once more. */
		if (!d->wants[i].proven && d->wants[i].other_shown && !again && deploy_round_reload(&d->round, &d->whose[i]->deploy, &err) == 0) {
			prove_previous(d, true);
			return;
		}
	}
	for (size_t i = 0; i < n; i++) {
		if (d->wants[i].proven)
			continue;
		d->whose[i]->survey.state.served = false;
		error_append(&d->whose[i]->deploy.error, "; and the previous certificate is not served again: %s", d->wants[i].error.message);
	}
}

static void undo(struct deployment *d)
{
	for (size_t i = 0; i < d->count; i++) {
		struct story *story = d->stories[i];

		/* What was taken up, and did not come through. */
		story->went_back = !is_good(story) && story->taken_up && story->deploy.error.kind != ERROR_INTERRUPTED;
	}
	deploy_round_undo(&d->round);
	prove_previous(d, false);
}

/* The site that waited for its first certificate redirects from now on. It serves over http also without: so what keeps it from that is told,
 * and is no reason to undo a certificate. */
static int write_redirect(const struct deployment *d, struct story *story, struct deploy_site *site, struct error *err)
{
	*site = (struct deploy_site){
		.config = d->job->config,
		.certificate = story->certificate,
		.store = story->store,
		.store_cert = story->store_cert,
		.runner = d->job->runner,
	};
	deploy_site_init(site);
	return deploy_site_write(site, err);
}

/* One reload for all of them. */
static void redirect(const struct deployment *d)
{
	CLEANUP(deploy_site_done) struct deploy_site last = { .config = NULL };
	const char *name = NULL;
	struct error why;

	for (size_t i = 0; i < d->count; i++) {
		struct story *story = d->stories[i];
		struct deploy_site site;
		int r;

		if (!is_good(story) || !with_nginx(story) || !story->certificate->site || story->previous != 0)
			continue;
		error_clear(&why);
		r = write_redirect(d, story, &site, &why);
		if (r == DEPLOY_SITE_DONE) {
			deploy_site_done(&last);
			last = site;
			name = story->certificate->name;
			continue;
		}
		deploy_site_done(&site);
		if (r < 0) {
			error_context(&why, "the site does not redirect from http to https yet");
			log_failure(LOG_LEVEL_WARNING, story->certificate->name, &why);
		}
	}
	error_clear(&why);
	if (name && deploy_site_reload(&last, &why) < 0) {
		error_context(&why, "the site does not redirect from http to https yet");
		log_failure(LOG_LEVEL_WARNING, name, &why);
	}
}

static void word_failure(struct story *story)
{
	struct error *error = &story->deploy.error;

	if (is_good(story) || !story->taken_up)
		return;
	if (error->kind == ERROR_INTERRUPTED) {
		error_context(error, story->proving ? "the certificate is deployed, but not yet proven to be served" :
		                                      "the certificate waits for its deployment");
		return;
	}
	error->kind = ERROR_DEPLOY;
	if (error->advice[0] == '\0')
		error_advise(error, "mend what it says; `certd renew %s` then deploys this certificate, without ordering another",
		             story->certificate->name);
	error_context(error, story->proving ? "the certificate is issued, but not served" : "the certificate is issued, but not deployed");
}

static int prepare(struct deployment *d, struct error *err)
{
	bool nginx = false;

	d->items = calloc(d->count + 1, sizeof(struct deploy *));
	d->wants = calloc(d->count + 1, sizeof(*d->wants));
	d->leaves = calloc(d->count + 1, sizeof(*d->leaves));
	d->others = calloc(d->count + 1, sizeof(*d->others));
	d->whose = calloc(d->count + 1, sizeof(struct story *));
	if (!d->items || !d->wants || !d->leaves || !d->others || !d->whose)
		return error_oom(err);
	for (size_t i = 0; i < d->count; i++) {
		take_up(d->stories[i]);
		d->stories[i]->taken_up = is_good(d->stories[i]);
		d->items[i] = &d->stories[i]->deploy;
		nginx = nginx || (is_good(d->stories[i]) && with_nginx(d->stories[i]));
	}
	deploy_watch_find(nginx ? job_listeners_conf(&d->listeners, d->job) : NULL, d->job->config->nginx.prefix, &d->watch);
	d->round = (struct deploy_round){
		.config = d->job->config, .runner = d->job->runner, .watch = &d->watch, .items = d->items, .count = d->count,
	};
	return 0;
}

void job_deploy(struct story *const *stories, size_t count)
{
	CLEANUP(deployment_done) struct deployment d = { .stories = stories, .count = count };
	struct error err;
	bool failed = false;

	if (count == 0)
		return;
	d.job = stories[0]->job;
	error_clear(&err);
	if (prepare(&d, &err) < 0) {
		for (size_t i = 0; i < count; i++)
			stories[i]->deploy.error = err;
		return;
	}
	deploy_round_apply(&d.round);
	prove(&d);
	for (size_t i = 0; i < count; i++)
		failed = failed || !is_good(stories[i]);
	if (failed)
		undo(&d);
	if (d.round.stayed[0] != '\0')
		log_warning("%s", d.round.stayed);
	redirect(&d);
	for (size_t i = 0; i < count; i++)
		word_failure(stories[i]);
}
