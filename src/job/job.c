#include "job/job.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/text.h"
#include "config/config.h"
#include "crypto/cert.h"
#include "crypto/pkey.h"
#include "job/clock.h"
#include "job/renewal.h"
#include "job/run.h"
#include "job/story.h"
#include "job/turn.h"
#include "job/urgency.h"
#include "store/account.h"
#include "store/index.h"
#include "store/store.h"

#include <stdlib.h>

enum { BINDING_KEY_MAX = 512, RUNTIME_DIR_MODE = 0755 };

const char *job_result_name(enum job_result result)
{
	static const char *const names[JOB_RESULT_COUNT] = {
		[JOB_NOT_DUE] = "not-due", [JOB_ISSUED] = "issued",   [JOB_DEPLOYED] = "deployed",
		[JOB_TRIED] = "tried",     [JOB_BLOCKED] = "blocked", [JOB_FAILED] = "failed",
	};

	return names[result];
}

void story_pairs_clear(struct story *story)
{
	for (size_t i = 0; i < ARRAY_SIZE(story->pairs); i++) {
		struct story_pair *pair = &story->pairs[i];

		cert_chain_free(TAKE(pair->chain));
		buf_done(&pair->chain_pem);
		buf_done(&pair->csr_der);
		buf_done(&pair->key_pem);
		crypto_pkey_free(TAKE(pair->key));
	}
}

void story_done(struct story *story)
{
	deploy_done(&story->deploy);
	story_pairs_clear(story);
	buf_done(&story->binding_key);
	crypto_pkey_free(story->account_key);
	store_account_free(story->account);
	job_survey_done(&story->survey);
	store_cert_free(story->store_cert);
}

void story_progress(const struct story *story, const char *step, const char *text)
{
	log_set_step(step);
	if (story->job->progress)
		story->job->progress(story->job->self, story->certificate->name, step, text);
}

int story_save(struct story *story, struct error *err)
{
	if (story->options->dry_run)
		return 0;
	return store_state_save(story->store_cert, &story->survey.state, err);
}

int story_go_live(struct story *story, struct error *err)
{
	if (deploy_snippet_prepare(story->job->config, story->certificate, story->store_cert, story->generation,
	                           story->job->runner, err) < 0)
		return -1;
	return store_live_switch(story->store_cert, story->generation, err);
}

int64_t story_not_after_at(const struct story *story)
{
	int64_t at = 0;

	for (size_t i = 0; i < story->facts_count; i++) {
		if (i == 0 || story->facts[i].not_after_at < at)
			at = story->facts[i].not_after_at;
	}
	return at;
}

void story_limits(const struct story *story, struct message_limits *ret)
{
	job_net_limits(story->job, ret);
}

/* One after the other: `nginx -t` looks at the files of all, and what is wrong in those of one would undo another. */
static int deploy_and_prove(struct story *story, struct error *err)
{
	CLEANUP(clean_fd) int turn = -1;

	if (job_turn_take(story->job, "deploy", &turn, err) < 0)
		return error_context(err, "the certificate waits for its deployment");
	return job_deploy(story, err) < 0 ? -1 : job_prove(story, err);
}

/* The story itself, in the order in which it is told. */
static int tell_story(struct story *story, struct error *err)
{
	if (job_load(story, err) < 0 || job_decide(story, err) < 0)
		return -1;
	switch (story->todo) {
	case STORY_NOTHING:
	case STORY_WAIT:
	case STORY_TELL:
		return 0;
	case STORY_ISSUE:
		if (job_obtain(story, err) < 0)
			return -1;
		if (story->options->dry_run)
			return 0;
		if (job_commit(story, err) < 0)
			return -1;
		break;
	case STORY_DEPLOY:
		break;
	}
	return story->options->deploy ? deploy_and_prove(story, err) : 0;
}

void job_run_one(struct job_run *run, const struct config_certificate *certificate, struct job_outcome *outcome)
{
	struct story story = {
		.job = run->job,
		.options = run->options,
		.certificate = certificate,
		.store = run->store,
		.net = &run->net,
		.away = &run->away,
		.polite = &run->polite,
		.outcome = outcome,
		.binding_key = BUF_SECRET(BINDING_KEY_MAX),
	};
	struct error err;
	int r;

	*outcome = (struct job_outcome){ .certificate = certificate };
	error_clear(&err);
	r = job_net_start(&run->net, run->job, certificate, &err);
	if (r == 0)
		r = tell_story(&story, &err);
	job_tell(&story, r, &err);
	story_done(&story);
}

/* The lock of the runtime directory keeps out a second certd of this machine. Two containers have a runtime directory each, and may share the state:
 * so that is locked too, where its file system can. */
static int lock_state(struct job_run *run, struct error *err)
{
	CLEANUP(clean_fd) int fd = -1;

	if (file_open_dir(run->job->config->state_dir, &fd, err) == FILE_OK &&
	    lock_take(fd, "in-use", &run->state_lock_fd, err) == 0)
		return 0;
	if (err->kind == ERROR_LOCKED)
		return -1;
	log_debug("the state directory is not locked: %s", err->message);
	error_clear(err);
	return 0;
}

int job_run_open(struct job_run *run, const struct job *job, const struct job_options *options, struct error *err)
{
	CLEANUP(clean_fd) int runtime_fd = -1;

	if (!crypto_pkey_wipe_freed())
		log_debug("OpenSSL is in use already: what it frees is not wiped");
	*run = (struct job_run){ .job = job, .options = options, .lock_fd = -1, .state_lock_fd = -1, .net = { .fd = -1 } };
	if (job->shared)
		return store_open(job->config->state_dir, true, &run->store, err) < 0 ? -1 : 0;
	if (file_make_dirs(job->config->runtime_dir, RUNTIME_DIR_MODE, &runtime_fd, err) < 0 ||
	    lock_take(runtime_fd, "lock", &run->lock_fd, err) < 0)
		return -1;
	if (store_open(job->config->state_dir, true, &run->store, err) < 0)
		return -1;
	return lock_state(run, err);
}

void job_run_close(struct job_run *run)
{
	job_net_stop(&run->net);
	job_polite_done(&run->polite);
	store_free(run->store);
	clean_fd(&run->state_lock_fd);
	clean_fd(&run->lock_fd);
}

/* Certificates of one CA one after the other, so that they share a net process, its connection and its nonces; in the order in which the
 * first of each CA was named. */
static bool same_net(const struct config_certificate *a, const struct config_certificate *b)
{
	return job_net_same(a->settings.ca, b->settings.ca);
}

/* What the CA said of a new certificate, for the outcome that is shown. */
static void look_again(struct job_run *run, const struct config_certificate *certificate, struct job_outcome *outcome)
{
	CLEANUP(store_cert_cleanup) struct store_cert *store_cert = NULL;
	CLEANUP(job_survey_done) struct job_survey survey = { 0 };
	const struct job_survey_options options = { .now_at = clock_wall(run->job->clock), .named = true };
	struct plan_decision decision;
	struct error ignored;

	error_clear(&ignored);
	job_renewal_look(run, &certificate, 1);
	if (store_cert_open(run->store, certificate->name, false, &store_cert, &ignored) != STORE_OK ||
	    job_survey_read(store_cert, certificate, &survey, &ignored) < 0)
		return;
	job_survey_decide(&survey, certificate, &options, &decision);
	outcome->renew_at = decision.renew_at;
	outcome->check_at = job_survey_next_check_at(&survey);
}

/* What a run over several certificates goes through. */
struct round {
	struct job_run *run;
	const struct config_certificate *const *certificates;
	size_t count;
	struct job_outcome *outcomes; /* or NULL */
	size_t told;
};

/* What is logged from here on is about that one. */
static void set_context(const struct config_certificate *certificate)
{
	const struct log_context context = { .certificate = certificate->name, .ca = certificate->settings.ca->name };

	log_set_context(&context);
}

/* Those of one CA: what it suggests for all of them first, then their stories, the most urgent first. */
static int run_group(struct round *round, const struct config_certificate **group, size_t *places, size_t n,
                     struct error *err)
{
	const struct job *job = round->run->job;
	const struct job_options *options = round->run->options;
	const struct job_survey_options urgency = {
		.now_at = clock_wall(job->clock),
		.forced = options->force || options->dry_run,
		.named = options->named,
	};

	if (!options->force && !options->dry_run)
		job_renewal_look(round->run, group, n);
	if (round->run->clock.kind != ERROR_NONE) {
		*err = round->run->clock;
		return -1;
	}
	job_urgency_sort(round->run->store, &urgency, group, places, n);
	for (size_t i = 0; i < n; i++) {
		struct job_outcome outcome;

		if (interrupt_check(err) < 0)
			return error_context(err, "%zu of %zu certificates had their turn", round->told, round->count);
		set_context(group[i]);
		job_run_one(round->run, group[i], &outcome);
		/* By such a clock nothing more is decided. */
		if (outcome.result == JOB_FAILED && outcome.error.kind == ERROR_CLOCK) {
			*err = outcome.error;
			return -1;
		}
		if (outcome.result == JOB_ISSUED)
			look_again(round->run, group[i], &outcome);
		round->told++;
		if (job->outcome)
			job->outcome(job->self, &outcome);
		if (round->outcomes)
			round->outcomes[places[i]] = outcome;
		log_set_context(NULL);
	}
	return 0;
}

/* CA after CA, in the order in which the first of each was named. */
static int run_groups(struct round *round, struct error *err)
{
	CLEANUP(clean_free) bool *done = calloc(round->count + 1, sizeof(*done));
	CLEANUP(clean_free) size_t *places = calloc(round->count + 1, sizeof(*places));
	CLEANUP(clean_free) const struct config_certificate **group = calloc(round->count + 1, sizeof(*group));

	if (!done || !places || !group)
		return error_oom(err);
	for (size_t i = 0; i < round->count; i++) {
		size_t n = 0;

		for (size_t k = i; k < round->count && !done[i]; k++) {
			if (done[k] || (k != i && !same_net(round->certificates[i], round->certificates[k])))
				continue;
			places[n] = k;
			group[n++] = round->certificates[k];
		}
		for (size_t k = 0; k < n; k++)
			done[places[k]] = true;
		if (n > 0 && run_group(round, group, places, n, err) < 0)
			return -1;
	}
	return 0;
}

/* For the next look at many. A failure costs time only. */
static void save_index(const struct job_run *run)
{
	struct error err;

	error_clear(&err);
	if (store_index_save(run->store, &err) < 0)
		log_debug("%s", err.message);
}

int job_run(const struct job *job, const struct config_certificate *const *certificates, size_t count,
            const struct job_options *options, struct job_outcome *outcomes, struct error *err)
{
	CLEANUP(job_run_close) struct job_run run;
	struct round round = { .run = &run, .certificates = certificates, .count = count, .outcomes = outcomes };
	int r;

	for (size_t i = 0; outcomes && i < count; i++)
		outcomes[i].certificate = NULL;
	if (job_run_open(&run, job, options, err) < 0 ||
	    job_clock_check(run.store, clock_wall(job->clock), job->built_at, err) < 0)
		return -1;
	r = run_groups(&round, err);
	save_index(&run);
	return r;
}
