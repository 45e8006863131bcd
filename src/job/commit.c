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

/* A certificate's files as text. */
struct texts {
	struct buf cert, chain, fullchain;
};

static void texts_done(struct texts *texts)
{
	buf_done(&texts->cert);
	buf_done(&texts->chain);
	buf_done(&texts->fullchain);
}

static int print_pair(const struct story_pair *pair, struct texts *texts, struct store_files *ret, struct error *err)
{
	size_t count = cert_chain_count(pair->chain);

	*texts = (struct texts){ BUF(CERT_PEM_MAX), BUF(CERT_PEM_MAX), BUF(CERT_PEM_MAX) };
	if (cert_chain_print(pair->chain, 0, 1, &texts->cert, err) < 0 ||
	    cert_chain_print(pair->chain, 1, count - 1, &texts->chain, err) < 0 ||
	    cert_chain_print(pair->chain, 0, count, &texts->fullchain, err) < 0)
		return -1;
	*ret = (struct store_files){
		.privkey = pair->key_pem.data,
		.cert = buf_text(&texts->cert),
		.chain = buf_text(&texts->chain),
		.fullchain = buf_text(&texts->fullchain),
		.family = key_type_family(pair->type),
	};
	return 0;
}

static int add_generation(struct story *story, struct error *err)
{
	struct store_files files[CONFIG_KEYS_MAX];
	struct texts texts[CONFIG_KEYS_MAX];
	int r = 0;

	memset(texts, 0, sizeof(texts));
	for (size_t i = 0; r == 0 && i < story->pairs_count; i++) {
		r = print_pair(&story->pairs[i], &texts[i], &files[i], err);
		story->facts[i] = story->pairs[i].facts;
	}
	if (r == 0)
		r = store_generation_add(story->store_cert, files, story->pairs_count, &story->generation, err);
	if (r == 0)
		story->facts_count = story->pairs_count;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		texts_done(&texts[i]);
	return r;
}

/* When the lifetime alone calls for a renewal of the present generation. */
static int64_t lifetime_renew_at(const struct job_survey *survey)
{
	int64_t at = 0;

	for (size_t i = 0; i < survey->pairs; i++) {
		const struct cert_facts *facts = job_survey_facts(survey, i);
		int64_t renew_at = plan_lifetime_renew_at(facts->not_before_at, facts->not_after_at);

		if (i == 0 || renew_at < at)
			at = renew_at;
	}
	return at;
}

/* Whose the new generation is. What was known of the one before it does not hold for it. */
static void note_issue(struct story *story)
{
	const struct config_settings *settings = &story->certificate->settings;
	struct store_state *state = &story->survey.state;
	const char *account_url = store_account_url(story->account);
	const int64_t now_at = clock_wall(story->job->clock);

	if (story->outcome->reason == PLAN_ARI && now_at < lifetime_renew_at(&story->survey))
		state->ari_early_at = now_at;
	text_copy(state->directory, sizeof(state->directory), story->ca->directory);
	text_copy(state->ca, sizeof(state->ca), story->ca->name);
	text_copy(state->account, sizeof(state->account), account_url ? account_url : "");
	text_copy(state->profile, sizeof(state->profile), settings->profile ? settings->profile : "");
	/* What failed before is over, and the next renewal begins with the preferred CA again; orders that are in flight elsewhere are for a key
	 * that is used now. */
	memset(state->cas, 0, sizeof(state->cas));
	state->attempts = 0;
	state->next_at = 0;
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
	if (story_save(story, err) < 0 || story_go_live(story, err) < 0 ||
	    store_pending_clear(story->store_cert, err) < 0 || store_first_clear(story->store_cert, err) < 0)
		return -1;
	story->outcome->generation = story->generation;
	story->outcome->issued = true;
	story->outcome->served = false;
	story->outcome->not_after_at = story_not_after_at(story);
	return 0;
}
