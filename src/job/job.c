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

/* How many certificates, and how long the first of them, wait for a deployment together. */
enum { PENDING_MAX = 250, PENDING_MAX_MS = 10 * 60 * 1000 };

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

/* What is logged from here on is about that one. */
static void set_context(const struct config_certificate *certificate)
{
	const struct log_context context = { .certificate = certificate->name, .ca = certificate->settings.ca->name };

	log_set_context(&context);
}

/* The story as far as it is one certificate's own, in the order in which it is told. */
static int tell_story(struct story *story, struct error *err)
{
	if (job_load(story, err) < 0 || job_decide(story, err) < 0)
		return -1;
	switch (story->todo) {
	case STORY_NOTHING:
	case STORY_WAIT:
	case STORY_TELL:
	case STORY_DEPLOY:
		return 0;
	case STORY_ISSUE:
		break;
	}
	if (job_obtain(story, err) < 0)
		return -1;
	return story->options->dry_run ? 0 : job_commit(story, err);
}

static bool waits(const struct story *story)
{
	if (!story->options->deploy || story->options->dry_run)
		return false;
	return story->todo == STORY_ISSUE || story->todo == STORY_DEPLOY;
}

static void begin(struct story *story, struct job_run *run, const struct config_certificate *certificate, struct job_outcome *outcome)
{
	*story = (struct story){
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
}

bool job_run_begin(struct job_run *run, const struct config_certificate *certificate, struct job_pending *ret)
{
	struct job_outcome *outcome = &ret->outcome;
	struct story story;
	struct error err;
	bool pending;
	int r;

	*ret = (struct job_pending){ .outcome.certificate = certificate };
	begin(&story, run, certificate, outcome);
	set_context(certificate);
	error_clear(&err);
	r = job_net_start(&run->net, run->job, certificate, &err);
	if (r == 0)
		r = tell_story(&story, &err);
	pending = r == 0 && waits(&story);
	ret->issued = story.todo == STORY_ISSUE;
	if (!pending)
		job_tell(&story, r, &err);
	story_done(&story);
	log_set_context(NULL);
	return pending;
}

/* Reads again what there is of it: since its beginning other stories were told. */
static int take_up(struct story *story, struct error *err)
{
	story->todo = STORY_DEPLOY;
	if (job_load(story, err) < 0)
		return -1;
	if (!story->survey.have || story->survey.state.deploy_generation == 0)
		return error_set(err, ERROR_SYSTEM, "the generation that waits for its deployment is gone: %s", story->survey.damage);
	return 0;
}

/* Nothing could be done about any of them: they wait for the next run. */
static void leave(struct job_pending *const *pending, size_t count, struct error *err)
{
	error_context(err, "the certificate waits for its deployment");
	for (size_t i = 0; i < count; i++) {
		pending[i]->outcome.result = JOB_FAILED;
		pending[i]->outcome.error = *err;
	}
}

static void tell_deployed(struct story *story)
{
	struct error *error = &story->deploy.error;

	set_context(story->certificate);
	job_tell(story, error->kind == ERROR_NONE ? 0 : -1, error);
	log_set_context(NULL);
}

void job_run_finish(struct job_run *run, struct job_pending *const *pending, size_t count)
{
	CLEANUP(clean_free) struct story *stories = calloc(count + 1, sizeof(*stories));
	CLEANUP(clean_free) struct story **ready = calloc(count + 1, sizeof(struct story *));
	CLEANUP(clean_fd) int turn = -1;
	struct error err;
	size_t n = 0;

	error_clear(&err);
	if (count == 0)
		return;
	/* One job after the other: `nginx -t` looks at the files of all. */
	if (!stories || !ready || job_net_start(&run->net, run->job, pending[0]->outcome.certificate, &err) < 0 ||
	    job_turn_take(run->job, "deploy", &turn, &err) < 0) {
		if (err.kind == ERROR_NONE)
			error_oom(&err);
		leave(pending, count, &err);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		struct story *story = &stories[i];

		begin(story, run, pending[i]->outcome.certificate, &pending[i]->outcome);
		story->issued = pending[i]->issued;
		error_clear(&err);
		if (take_up(story, &err) == 0)
			ready[n++] = story;
		else
			job_tell(story, -1, &err);
	}
	job_deploy(ready, n);
	for (size_t i = 0; i < n; i++)
		tell_deployed(ready[i]);
	for (size_t i = 0; i < count; i++)
		story_done(&stories[i]);
}

void job_run_one(struct job_run *run, const struct config_certificate *certificate, struct job_outcome *outcome)
{
	struct job_pending pending;
	struct job_pending *const one = &pending;

	if (job_run_begin(run, certificate, &pending))
		job_run_finish(run, &one, 1);
	*outcome = pending.outcome;
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

/* What a run over several certificates goes through. */
struct round {
	struct job_run *run;
	const struct config_certificate *const *certificates;
	size_t count;
	struct job_outcome *outcomes; /* or NULL */
	size_t told;
	size_t interrupted; /* of these: told to stop, and not to their end */
	struct job_pending *pending[PENDING_MAX]; /* what waits for its deployment, which all of them share */
	size_t pending_count;
	int64_t pending_since_ms; /* monotonic: when the first of them began to wait */
};

/* What the CA said of a new certificate, for the outcome that is shown. */
static void look_again(const struct job_run *run, struct job_outcome *outcome)
{
	CLEANUP(store_cert_cleanup) struct store_cert *store_cert = NULL;
	CLEANUP(job_survey_done) struct job_survey survey = { 0 };
	const struct job_survey_options options = { .now_at = clock_wall(run->job->clock), .named = true };
	const struct config_certificate *certificate = outcome->certificate;
	struct plan_decision decision;
	struct error ignored;

	error_clear(&ignored);
	if (store_cert_open(run->store, certificate->name, false, &store_cert, &ignored) != STORE_OK ||
	    job_survey_read(store_cert, certificate, &survey, &ignored) < 0)
		return;
	job_survey_decide(&survey, certificate, &options, &decision);
	outcome->renew_at = decision.renew_at;
	outcome->check_at = job_survey_next_check_at(&survey);
}

/* CA after CA it is asked what it suggests for the new ones. */
static void look_at_new(const struct round *round)
{
	const struct config_certificate *group[PENDING_MAX];
	bool done[PENDING_MAX] = { false };

	for (size_t i = 0; i < round->pending_count; i++) {
		const struct job_outcome *first = &round->pending[i]->outcome;
		size_t n = 0;

		for (size_t k = i; k < round->pending_count && first->result == JOB_ISSUED; k++) {
			const struct job_outcome *outcome = &round->pending[k]->outcome;

			if (done[k] || outcome->result != JOB_ISSUED || !same_net(first->certificate, outcome->certificate))
				continue;
			done[k] = true;
			group[n++] = outcome->certificate;
		}
		if (n > 0)
			job_renewal_look(round->run, group, n);
	}
	for (size_t i = 0; i < round->pending_count; i++) {
		if (done[i])
			look_again(round->run, &round->pending[i]->outcome);
	}
}

static void hand_over(struct round *round, const struct job_outcome *outcome, size_t place)
{
	const struct job *job = round->run->job;

	round->told++;
	round->interrupted += outcome->error.kind == ERROR_INTERRUPTED;
	if (job->outcome)
		job->outcome(job->self, outcome);
	if (round->outcomes)
		round->outcomes[place] = *outcome;
}

/* All that waits is deployed together. */
static void flush(struct round *round)
{
	job_run_finish(round->run, round->pending, round->pending_count);
	look_at_new(round);
	for (size_t i = 0; i < round->pending_count; i++) {
		hand_over(round, &round->pending[i]->outcome, round->pending[i]->place);
		free(round->pending[i]);
	}
	round->pending_count = 0;
}

/* One that takes long to obtain shall not keep those before it from being served. */
static bool is_time_to_flush(const struct round *round)
{
	return round->pending_count == PENDING_MAX ||
	       (round->pending_count > 0 &&
	        clock_monotonic_ms(round->run->job->clock) - round->pending_since_ms > PENDING_MAX_MS);
}

static bool is_pending(const struct round *round, const struct config_certificate *certificate)
{
	for (size_t i = 0; i < round->pending_count; i++) {
		if (round->pending[i]->outcome.certificate == certificate)
			return true;
	}
	return false;
}

static int run_one(struct round *round, const struct config_certificate *certificate, size_t place, struct error *err)
{
	CLEANUP(clean_free) struct job_pending *pending = calloc(1, sizeof(*pending));

	if (!pending)
		return error_oom(err);
	/* Named twice. */
	if (is_pending(round, certificate))
		flush(round);
	if (!job_run_begin(round->run, certificate, pending)) {
		/* By such a clock nothing more is decided. */
		if (pending->outcome.result == JOB_FAILED && pending->outcome.error.kind == ERROR_CLOCK) {
			*err = pending->outcome.error;
			return -1;
		}
		hand_over(round, &pending->outcome, place);
		return 0;
	}
	pending->place = place;
	if (round->pending_count == 0)
		round->pending_since_ms = clock_monotonic_ms(round->run->job->clock);
	round->pending[round->pending_count++] = TAKE(pending);
	if (is_time_to_flush(round))
		flush(round);
	return 0;
}

/* Those of one CA: what it suggests for all of them first, then their stories, the most urgent first. */
static int run_group(struct round *round, const struct config_certificate **group, size_t *places, size_t n,
                     struct error *err)
{
	const struct job_options *options = round->run->options;
	const struct job_survey_options urgency = {
		.now_at = clock_wall(round->run->job->clock),
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
		if (interrupt_check(err) < 0)
			return -1;
		if (run_one(round, group[i], places[i], err) < 0)
			return -1;
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
	flush(&round);
	save_index(&run);
	if (r == 0 && round.interrupted > 0)
		r = interrupt_check(err);
	if (r < 0 && err->kind == ERROR_INTERRUPTED)
		return error_context(err, "%zu of %zu certificates had their turn", round.told - round.interrupted, round.count);
	return r;
}
