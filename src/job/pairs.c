/* Steps 4 and 5 for each type of key, strictly one after the other: as long as one order is open, a CA may give back the same for the same names
 * and account, whatever its key. The first of two certificates is kept while the second is on its way, so that a generation is always complete and
 * an interrupted run orders nothing twice. */
#include "job/story.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "crypto/keytype.h"
#include "crypto/pkey.h"
#include "job/away.h"
#include "plan/due.h"
#include "store/store.h"

#include <stdio.h>

enum { PURPOSE_SIZE = JOB_DIGEST_SIZE + HTTP_URL_MAX + 2, SKEW_S = 60 * 60, KEY_PEM_MAX = 16 * 1024, CSR_DER_MAX = 24 * 1024 };

static void purpose(const struct story *story, char out[static PURPOSE_SIZE])
{
	snprintf(out, PURPOSE_SIZE, "%s %s", story->pair->digest, story->ca->directory);
}

/* Whether the story's present generation has this certificate. Its file was left behind then, and it is what is being renewed. */
static bool is_in_use(const struct job_survey *survey, const struct cert_facts *facts)
{
	for (size_t i = 0; survey->have && i < survey->pairs; i++) {
		if (text_equal(job_survey_facts(survey, i)->fingerprint, facts->fingerprint))
			return true;
	}
	return false;
}

/* Parses what was read, and looks whether it can still be used. */
static int judge(struct story *story, struct story_pair *pair, struct error *err)
{
	const int64_t now_at = clock_wall(story->job->clock);
	struct crypto_public public_key;

	if (crypto_pkey_load(pair->key_pem.data, pair->key_pem.len, &pair->key, err) < 0 ||
	    cert_chain_parse(pair->chain_pem.data, pair->chain_pem.len, &pair->chain, err) < 0 ||
	    crypto_pkey_public(pair->key, &public_key, err) < 0 ||
	    cert_chain_check(pair->chain, &public_key, &story->certificate->names, now_at, SKEW_S, err) < 0 ||
	    cert_chain_facts(pair->chain, 0, &pair->facts, err) < 0)
		return -1;
	if (public_key.type != pair->type)
		return error_set(err, ERROR_SYSTEM, "its key is of another type");
	if (is_in_use(&story->survey, &pair->facts))
		return error_set(err, ERROR_SYSTEM, "it is the one in use");
	if (store_state_is_revoked(&story->survey.state, pair->facts.serial))
		return error_set(err, ERROR_SYSTEM, "it was revoked");
	if (plan_lifetime_renew_at(pair->facts.not_before_at, pair->facts.not_after_at) <= now_at)
		return error_set(err, ERROR_SYSTEM, "it would be due for its renewal already");
	return 0;
}

static void clear(struct story_pair *pair)
{
	cert_chain_free(TAKE(pair->chain));
	crypto_pkey_free(TAKE(pair->key));
	buf_done(&pair->key_pem);
	buf_done(&pair->chain_pem);
}

/* What an interrupted run had obtained already, the other certificate being on its way then. False when there is nothing that fits. */
static bool take_up(struct story *story)
{
	struct story_pair *pair = story->pair;
	char text[PURPOSE_SIZE];
	struct error trouble;
	int r;

	if (!story->store_cert || story->options->dry_run)
		return false;
	error_clear(&trouble);
	purpose(story, text);
	r = store_first_load(story->store_cert, text, &pair->key_pem, &pair->chain_pem, &trouble);
	if (r == STORE_ABSENT)
		return false;
	if (r == STORE_OK && judge(story, pair, &trouble) == 0) {
		story_progress(story, "order", "the first certificate was obtained by an earlier run");
		return true;
	}
	log_warning("%s: the %s certificate of an earlier run is of no use, ordering another: %s", story->certificate->name,
	            key_type_name(pair->type), trouble.message);
	clear(pair);
	return false;
}

/* Keeps the present pair, durably, as long as the other one is on its way. */
static int keep_first(struct story *story, struct error *err)
{
	struct store_state *state = &story->survey.state;
	char text[PURPOSE_SIZE];

	if (story->options->dry_run)
		return 0;
	purpose(story, text);
	if (store_first_save(story->store_cert, &story->pair->key_pem, &story->pair->chain_pem, text, err) < 0)
		return -1;
	/* Its order is done. Until here it was the one to go on with. */
	state->order_url[0] = '\0';
	state->order_expires_at = 0;
	text_copy(state->order_names, sizeof(state->order_names), "");
	return story_save(story, err);
}

static int obtain_one(struct story *story, bool keep, struct error *err)
{
	int r;

	if (take_up(story))
		return 0;
	r = job_order(story, err);
	job_away_note(story->away, story->ca, r < 0 ? err : NULL);
	if (r < 0 || job_check(story, err) < 0)
		return -1;
	return keep ? keep_first(story, err) : 0;
}

int job_pairs(struct story *story, struct error *err)
{
	const struct config_keys *keys = &story->certificate->settings.keys;

	story->pairs_count = keys->count;
	for (size_t i = 0; i < keys->count; i++) {
		story->pair = &story->pairs[i];
		*story->pair = (struct story_pair){
			.type = keys->types[i],
			.digest = story->survey.digests[i],
			.key_pem = BUF_SECRET(KEY_PEM_MAX),
			.csr_der = BUF(CSR_DER_MAX),
			.chain_pem = BUF(CERT_PEM_MAX),
		};
		if (obtain_one(story, i + 1 < keys->count, err) == 0)
			continue;
		return keys->count == 1 ? -1 : error_context(err, "the %s certificate", key_type_name(keys->types[i]));
	}
	/* Whose they are is remembered with them, also where an earlier run obtained all. */
	return story->account ? 0 : job_account(story, err);
}
