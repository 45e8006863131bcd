/* Step 6: a new generation, complete on disk; then one rename makes it live. */
#include "job/story.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "crypto/cert.h"
#include "job/renewal.h"
#include "plan/due.h"
#include "store/account.h"
#include "store/store.h"

#include <string.h>

static int add_generation(struct story *story, struct error *err)
{
	CLEANUP(buf_done) struct buf cert = BUF(CERT_PEM_MAX);
	CLEANUP(buf_done) struct buf chain = BUF(CERT_PEM_MAX);
	CLEANUP(buf_done) struct buf fullchain = BUF(CERT_PEM_MAX);
	size_t count = cert_chain_count(story->chain);
	struct store_files files;

	if (cert_chain_print(story->chain, 0, 1, &cert, err) < 0 ||
	    cert_chain_print(story->chain, 1, count - 1, &chain, err) < 0 ||
	    cert_chain_print(story->chain, 0, count, &fullchain, err) < 0)
		return -1;
	files = (struct store_files){
		.privkey = story->key_pem.data,
		.cert = buf_text(&cert),
		.chain = buf_text(&chain),
		.fullchain = buf_text(&fullchain),
	};
	return store_generation_add(story->store_cert, &files, &story->generation, err);
}

/* Whose the new generation is. What was known of the one before it does not hold for it. */
static void note_issue(struct story *story)
{
	const struct config_settings *settings = &story->certificate->settings;
	struct store_state *state = &story->survey.state;
	const struct job_survey *survey = &story->survey;
	const char *account_url = store_account_url(story->account);
	const int64_t now_at = clock_wall(story->job->clock);

	if (story->outcome->reason == PLAN_ARI &&
	    now_at < plan_lifetime_renew_at(survey->facts.not_before_at, survey->facts.not_after_at))
		state->ari_early_at = now_at;
	text_copy(state->directory, sizeof(state->directory), story->ca->directory);
	text_copy(state->ca, sizeof(state->ca), story->ca->name);
	text_copy(state->account, sizeof(state->account), account_url ? account_url : "");
	text_copy(state->profile, sizeof(state->profile), settings->profile ? settings->profile : "");
	/* What failed before is over, and the next renewal begins with the preferred CA again; orders that are in flight elsewhere are for a key
	 * that is used now. */
	memset(state->cas, 0, sizeof(state->cas));
	job_renewal_forget(state);
}

/* After a crash between any two of these lines the next run finds the order (and downloads again), or the generation that waits. */
int job_commit(struct story *story, struct error *err)
{
	struct store_state *state = &story->survey.state;

	story_progress(story, "commit", "writing key and certificate");
	if (add_generation(story, err) < 0)
		return -1;
	story->previous = story->survey.live;
	state->deploy_generation = story->generation;
	state->deploy_previous = story->previous;
	/* With the order goes what it was for, so that its key, which is this generation's now, is never taken up again. */
	state->order_url[0] = '\0';
	state->order_expires_at = 0;
	text_copy(state->order_names, sizeof(state->order_names), "");
	note_issue(story);
	if (story_save(story, err) < 0 || store_live_switch(story->store_cert, story->generation, err) < 0 ||
	    store_pending_clear(story->store_cert, err) < 0)
		return -1;
	story->outcome->generation = story->generation;
	story->outcome->served = false;
	story->outcome->not_after_at = story->facts.not_after_at;
	return 0;
}
