#include "job/job.h"

#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "job/renewal.h"
#include "job/run.h"
#include "job/story.h"
#include "store/store.h"

enum { GENERATIONS_MAX = 4096 };

/* The highest generation below the live one. */
static int find_previous(const struct store_cert *store_cert, const char *name, uint64_t live, uint64_t *ret,
                         struct error *err)
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
		return error_advise(err, "`certd renew --force %s` obtains a new certificate instead", name);
	}
	*ret = found;
	return 0;
}

/* Which generation waited for its deployment before, and whether that was changed. */
struct waiting {
	bool changed;
	uint64_t generation, previous;
};

/* Makes the generation before the live one the one that waits for deployment, durably. */
static int choose(struct story *story, struct waiting *waiting, uint64_t previous, struct error *err)
{
	struct store_state *state = &story->survey.state;

	*waiting = (struct waiting){ .changed = true, .generation = state->deploy_generation, .previous = state->deploy_previous };
	state->deploy_generation = previous;
	state->deploy_previous = story->survey.live;
	job_renewal_forget(state);
	return story_save(story, err);
}

/* Reads anew what there is, the generation before the live one now being the one that counts, and looks whether it can be served. */
static int look(struct story *story, uint64_t previous, struct error *err)
{
	struct job_survey survey;
	char when[TIME_TEXT_SIZE];

	if (job_survey_read(story->store_cert, story->certificate, &survey, err) < 0)
		return -1;
	job_survey_done(&story->survey);
	story->survey = survey;
	if (!survey.have || survey.newest != previous)
		error_set(err, ERROR_SYSTEM, "generation %llu cannot be used: %s", (unsigned long long)previous, survey.damage);
	else if (survey.revoked)
		error_set(err, ERROR_USAGE, "generation %llu, before the live one, was revoked", (unsigned long long)previous);
	else if (job_survey_not_after_at(&survey) <= clock_wall(story->job->clock))
		error_set(err, ERROR_USAGE, "generation %llu, before the live one, is no longer valid since %s",
		          (unsigned long long)previous, time_format(job_survey_not_after_at(&survey), when));
	else
		return 0;
	return error_advise(err, "`certd renew --force %s` obtains a new certificate instead", story->certificate->name);
}

static int turn_back(struct story *story, struct waiting *waiting, struct error *err)
{
	uint64_t previous;

	if (job_load(story, err) < 0 ||
	    find_previous(story->store_cert, story->certificate->name, story->survey.live, &previous, err) < 0 ||
	    choose(story, waiting, previous, err) < 0 || look(story, previous, err) < 0)
		return -1;
	story->todo = STORY_DEPLOY;
	story->outcome->generation = previous;
	story->outcome->not_after_at = job_survey_not_after_at(&story->survey);
	job_deploy(&story, 1);
	if (story->deploy.error.kind == ERROR_NONE)
		return 0;
	*err = story->deploy.error;
	return -1;
}

/* The next run shall not try a rollback again by itself. Where it came to nothing, what waited before waits again. */
static void settle(struct story *story, const struct waiting *waiting, bool done)
{
	struct error err;

	if (!story->loaded || !waiting->changed)
		return;
	error_clear(&err);
	story->survey.state.deploy_generation = done ? 0 : waiting->generation;
	story->survey.state.deploy_previous = done ? 0 : waiting->previous;
	if (story_save(story, &err) < 0)
		log_failure(LOG_LEVEL_ERROR, story->certificate->name, &err);
}

int job_rollback(const struct job *job, const struct config_certificate *certificate, struct job_outcome *ret,
                 struct error *err)
{
	static const struct job_options options = { .deploy = true, .named = true };
	CLEANUP(job_run_close) struct job_run run;
	struct story story = { .job = job, .options = &options, .certificate = certificate, .outcome = ret, .net = &run.net };
	struct waiting waiting = { .changed = false };
	int r;

	*ret = (struct job_outcome){ .certificate = certificate };
	if (job_run_open(&run, job, &options, err) < 0)
		return -1;
	story.store = run.store;
	r = job_net_start(&run.net, job, certificate, err);
	if (r == 0)
		r = turn_back(&story, &waiting, err);
	settle(&story, &waiting, r == 0);
	if (r == 0)
		ret->result = JOB_DEPLOYED;
	story_done(&story);
	return r;
}
