#include "job/job.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "job/run.h"
#include "job/story.h"
#include "store/store.h"

enum { GENERATIONS_MAX = 4096 };

/* The highest generation below the live one. */
static int find_previous(const struct store_cert *store_cert, uint64_t live, uint64_t *ret, struct error *err)
{
	uint64_t generations[GENERATIONS_MAX];
	uint64_t found = 0;
	size_t count = 0;

	if (store_generation_list(store_cert, generations, GENERATIONS_MAX, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (generations[i] < live)
			found = generations[i];
	}
	if (live == 0 || found == 0) {
		error_set(err, ERROR_USAGE, "there is no generation before the live one to go back to");
		return error_advise(err, "`certd renew --force CERT` obtains a new certificate instead");
	}
	*ret = found;
	return 0;
}

/* Reads what there is, and makes the generation before the live one the one that waits for deployment. */
static int turn_back(struct story *story, struct error *err)
{
	struct store_state *state = &story->survey.state;
	uint64_t previous;

	if (job_load(story, err) < 0 || find_previous(story->store_cert, story->survey.live, &previous, err) < 0)
		return -1;
	state->deploy_generation = previous;
	state->deploy_previous = story->survey.live;
	if (story_save(story, err) < 0)
		return -1;
	job_survey_done(&story->survey);
	if (job_survey_read(story->store_cert, story->certificate, &story->survey, err) < 0)
		return -1;
	if (!story->survey.have || story->survey.newest != previous)
		return error_set(err, ERROR_SYSTEM, "generation %llu cannot be used: %s", (unsigned long long)previous,
		                 story->survey.damage);
	if (story->survey.revoked) {
		error_set(err, ERROR_USAGE, "generation %llu, before the live one, was revoked", (unsigned long long)previous);
		return error_advise(err, "`certd renew --force CERT` obtains a new certificate instead");
	}
	story->todo = STORY_DEPLOY;
	story->outcome->generation = previous;
	story->outcome->not_after_at = story->survey.facts.not_after_at;
	if (job_deploy(story, err) < 0)
		return -1;
	return job_prove(story, err);
}

/* Whatever came of it, the next run shall not try it again by itself. */
static void settle(struct story *story)
{
	struct error err;

	if (!story->loaded)
		return;
	error_clear(&err);
	story->survey.state.deploy_generation = 0;
	story->survey.state.deploy_previous = 0;
	if (story_save(story, &err) < 0)
		log_failure(LOG_LEVEL_ERROR, story->certificate->name, &err);
}

int job_rollback(const struct job *job, const struct config_certificate *certificate, struct job_outcome *ret,
                 struct error *err)
{
	static const struct job_options options = { .deploy = true, .named = true };
	CLEANUP(job_run_close) struct job_run run;
	struct story story = { .job = job, .options = &options, .certificate = certificate, .outcome = ret, .net = &run.net };
	int r;

	*ret = (struct job_outcome){ .certificate = certificate };
	if (job_run_open(&run, job, &options, err) < 0)
		return -1;
	story.store = run.store;
	r = job_net_start(&run.net, job, certificate, err);
	if (r == 0)
		r = turn_back(&story, err);
	settle(&story);
	if (r == 0)
		ret->result = JOB_DEPLOYED;
	story_done(&story);
	return r;
}
