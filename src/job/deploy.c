/* Step 7: the snippet and the deploy hooks, for a generation that was just made or that waits. */
#include "job/story.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "config/config.h"
#include "deploy/deploy.h"
#include "deploy/site.h"
#include "store/store.h"

/* A generation that waits for deployment since an earlier run. */
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

/* The site that waited for its first certificate redirects from now on. It serves over http also without: so what keeps it from that is told,
 * and is no reason to undo a certificate. */
static void redirect(struct story *story)
{
	CLEANUP(deploy_site_done) struct deploy_site site = {
		.config = story->job->config,
		.certificate = story->certificate,
		.store = story->store,
		.store_cert = story->store_cert,
		.runner = story->job->runner,
	};
	struct error why;
	int r;

	error_clear(&why);
	deploy_site_init(&site);
	r = deploy_site_write(&site, &why);
	if (r == DEPLOY_SITE_DONE)
		r = deploy_site_reload(&site, &why);
	if (r < 0) {
		error_context(&why, "the site does not redirect from http to https yet");
		log_failure(LOG_LEVEL_WARNING, story->certificate->name, &why);
	}
}

int job_deploy(struct story *story, struct error *err)
{
	if (interrupt_check(err) < 0)
		return error_context(err, "the certificate waits for its deployment");
	if (story->todo == STORY_DEPLOY && take_up_generation(story, err) < 0)
		return -1;
	story->deploy = (struct deploy){
		.config = story->job->config,
		.certificate = story->certificate,
		.store = story->store_cert,
		.runner = story->job->runner,
		.generation = story->generation,
		.previous = story->previous,
	};
	story_progress(story, "deploy", "writing the snippet and running the deploy hooks");
	if (deploy_apply(&story->deploy, err) < 0) {
		err->kind = ERROR_DEPLOY;
		if (err->advice[0] == '\0')
			error_advise(err, "mend what it says; `certd renew %s` then deploys this certificate, without ordering another",
			             story->certificate->name);
		return error_context(err, "the certificate is issued, but not deployed");
	}
	if (story->certificate->site && story->certificate->settings.deploy == CONFIG_DEPLOY_NGINX && story->previous == 0)
		redirect(story);
	return 0;
}
