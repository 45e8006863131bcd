/* Step 4: the order. Its URL, the key and the CSR are on disk before the CA is asked to use them; an order that was interrupted is taken up
 * again with the same key, never made twice. */
#include "job/story.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "challenge/challenge.h"
#include "channel/message.h"
#include "crypto/csr.h"
#include "crypto/keytype.h"
#include "crypto/pkey.h"
#include "http/http.h"
#include "jose/jwk.h"
#include "store/account.h"
#include "store/store.h"

#include <stdio.h>
#include <string.h>

enum { CONTACT_SIZE = 512, PATIENCE_MS = 30 * 1000, THUMBPRINT_MAX = 64 };

/* Puts aside the order of the CA that was asked last, and takes up the one that is in flight at this one, if there is any. All are for the same names
 * and key: what is begun anew forgets them. */
static void turn_to_ca(struct story *story)
{
	struct store_state *state = &story->survey.state;
	struct store_state_ca *kept;

	if (story->options->dry_run || text_equal(state->order_directory, story->ca->directory))
		return;
	if (state->order_url[0] != '\0' && config_settings_ca(&story->certificate->settings, state->order_directory)) {
		kept = story_ca_state(story, state->order_directory);
		if (kept && text_copy(kept->order_url, sizeof(kept->order_url), state->order_url) &&
		    text_copy(kept->order_account, sizeof(kept->order_account), state->order_account))
			kept->order_expires_at = state->order_expires_at;
		else if (kept)
			kept->order_url[0] = '\0';
	}
	state->order_url[0] = '\0';
	state->order_expires_at = 0;
	state->order_account[0] = '\0';
	text_copy(state->order_directory, sizeof(state->order_directory), story->ca->directory);
	kept = story_ca_state(story, story->ca->directory);
	if (!kept || kept->order_url[0] == '\0')
		return;
	text_copy(state->order_url, sizeof(state->order_url), kept->order_url);
	text_copy(state->order_account, sizeof(state->order_account), kept->order_account);
	state->order_expires_at = kept->order_expires_at;
	kept->order_url[0] = '\0';
}

static bool has_order_elsewhere(const struct store_state *state)
{
	for (size_t i = 0; i < STORE_STATE_CAS_MAX; i++) {
		if (state->cas[i].order_url[0] != '\0')
			return true;
	}
	return false;
}

/* Whether what was begun earlier is for the same names, key type, profile, CA and account. */
static bool same_order(const struct story *story)
{
	const struct store_state *state = &story->survey.state;

	return text_equal(state->order_names, story->pair->digest) &&
	       text_equal(state->order_directory, story->ca->directory);
}

/* The key and CSR of an earlier, interrupted attempt. False when there are none that fit. */
static bool take_up_pending(struct story *story)
{
	struct story_pair *pair = story->pair;
	struct error trouble;

	if (!story->store_cert || !same_order(story))
		return false;
	error_clear(&trouble);
	if (store_pending_load(story->store_cert, &pair->key_pem, &pair->csr_der, &trouble) == STORE_OK &&
	    crypto_pkey_load(pair->key_pem.data, pair->key_pem.len, &pair->key, &trouble) == 0 &&
	    crypto_pkey_type(pair->key) == pair->type)
		return true;
	if (trouble.kind != ERROR_NONE)
		log_failure(LOG_LEVEL_WARNING, "the key of an interrupted order cannot be used, making another", &trouble);
	crypto_pkey_free(TAKE(pair->key));
	buf_done(&pair->key_pem);
	buf_done(&pair->csr_der);
	return false;
}

/* The file of the key of the present generation's certificate i. */
static const char *key_file(const struct job_survey *survey, size_t i, char out[static STORE_FILE_SIZE])
{
	enum key_type type = KEY_ECDSA_P256;
	enum key_family family;

	(void)key_type_parse(job_survey_facts(survey, i)->key, &type);
	family = key_type_family(type);
	return store_file_name("privkey", i > 0 ? &family : NULL, out);
}

/* The key of the certificate that is renewed, where it shall be kept (reuse-key) and still fits. One whose certificate was revoked does not. */
static bool keep_key(struct story *story)
{
	const struct job_survey *survey = &story->survey;
	struct story_pair *pair = story->pair;
	char file[STORE_FILE_SIZE];
	struct error trouble;
	size_t i;

	if (!story->certificate->settings.reuse_key || survey->revoked ||
	    !job_survey_find(survey, key_type_family(pair->type), &i) ||
	    !text_equal(job_survey_facts(survey, i)->key, key_type_name(pair->type)))
		return false;
	error_clear(&trouble);
	if (store_generation_read(story->store_cert, survey->newest, key_file(survey, i, file), &pair->key_pem, &trouble) ==
	            STORE_OK &&
	    crypto_pkey_load(pair->key_pem.data, pair->key_pem.len, &pair->key, &trouble) == 0)
		return true;
	log_failure(LOG_LEVEL_WARNING, "the key of the present certificate cannot be kept, making another", &trouble);
	buf_done(&pair->key_pem);
	return false;
}

static int make_key(struct story *story, struct error *err)
{
	struct story_pair *pair = story->pair;

	if (!keep_key(story) && (crypto_pkey_generate(pair->type, &pair->key, err) < 0 ||
	                         crypto_pkey_print(pair->key, &pair->key_pem, err) < 0))
		return error_context(err, "the key of the certificate");
	if (csr_create(pair->key, &story->certificate->names, &pair->csr_der, err) < 0)
		return error_context(err, "the key of the certificate");
	return 0;
}

static int begin(struct story *story, struct error *err)
{
	struct store_state *state = &story->survey.state;

	if (make_key(story, err) < 0)
		return -1;
	if (story->options->dry_run)
		return 0;
	/* The orders that the state may name belong to the key that is about to be replaced. */
	for (size_t i = 0; i < STORE_STATE_CAS_MAX; i++)
		state->cas[i].order_url[0] = '\0';
	state->order_url[0] = '\0';
	state->order_expires_at = 0;
	text_copy(state->order_names, sizeof(state->order_names), "");
	if (story_save(story, err) < 0 || store_pending_save(story->store_cert, &story->pair->key_pem, &story->pair->csr_der, err) < 0)
		return -1;
	text_copy(state->order_names, sizeof(state->order_names), story->pair->digest);
	text_copy(state->order_directory, sizeof(state->order_directory), story->ca->directory);
	text_copy(state->order_account, sizeof(state->order_account), "");
	return story_save(story, err);
}

static int remember_order(void *self, const char *url, int64_t expires_at, struct error *err)
{
	struct story *story = self;
	struct store_state *state = &story->survey.state;
	const char *account_url = store_account_url(story->account);

	/* The CA counts that of a dry run, too. */
	if (url[0] != '\0' && !text_equal(url, state->order_url)) {
		struct job_polite_wish wish;

		job_polite_wish_of(story, &wish);
		job_polite_note_order(story->polite, &wish);
	}
	if (story->options->dry_run)
		return 0;
	if (!text_copy(state->order_url, sizeof(state->order_url), url))
		return error_set(err, ERROR_PROTOCOL, "the URL of the order is too long");
	state->order_expires_at = expires_at;
	text_copy(state->order_account, sizeof(state->order_account), account_url ? account_url : "");
	return story_save(story, err);
}

static void show_progress(void *self, const char *step, const char *text)
{
	char line[ERROR_MESSAGE_MAX];

	text_copy(line, sizeof(line), text);
	text_clean(line);
	story_progress(self, step, line);
}

static void tick(void *self)
{
	const struct story *story = self;

	if (story->job->tick)
		story->job->tick(story->job->self);
}

/* What the CA could not do as it was wished. */
static void show_warning(const struct story *story, const char *warning)
{
	char line[ERROR_MESSAGE_MAX];

	if (!warning)
		return;
	text_copy(line, sizeof(line), warning);
	text_clean(line);
	log_warning("%s: %s", story->certificate->name, line);
}

static const char *order_to_resume(const struct story *story)
{
	const struct store_state *state = &story->survey.state;
	const char *account_url = store_account_url(story->account);

	if (story->options->dry_run || state->order_url[0] == '\0' || !account_url ||
	    !text_equal(state->order_account, account_url))
		return NULL;
	if (state->order_expires_at != 0 && state->order_expires_at <= clock_wall(story->job->clock))
		return NULL;
	return state->order_url;
}

/* Which certificate of the present generation the new one takes the place of: the one of its kind; or the only one, where there is no other. */
static bool find_predecessor(const struct story *story, size_t *ret_i)
{
	const struct job_survey *survey = &story->survey;

	if (job_survey_find(survey, key_type_family(story->pair->type), ret_i))
		return true;
	*ret_i = 0;
	return survey->have && survey->pairs == 1 && story->pairs_count == 1;
}

/* Its certID, where CA and account are the same (RFC 9773 section 5). An order of a dry run names none: it would count as the replacement. */
static const char *predecessor(const struct story *story)
{
	const struct job_survey *survey = &story->survey;
	const char *account_url = store_account_url(story->account);
	size_t i;

	if (story->options->dry_run || !find_predecessor(story, &i) || job_survey_facts(survey, i)->ari_id[0] == '\0' ||
	    !account_url || !text_equal(survey->state.directory, story->ca->directory) ||
	    !text_equal(survey->state.account, account_url))
		return NULL;
	return job_survey_facts(survey, i)->ari_id;
}

static int converse(struct story *story, struct error *err)
{
	const struct config_settings *settings = &story->certificate->settings;
	char contact[CONTACT_SIZE];
	const struct notary_config notary = {
		.directory_url = story->ca->directory,
		.account_key = story->account_key,
		.account = story->account,
		.binding_kid = story->ca->eab_kid,
		.binding_key = &story->binding_key,
		.binding_algorithm = story->ca->eab_algorithm,
		.names = &story->certificate->names,
		.method = challenge_find(settings->challenge),
		.challenge = { .webroot = settings->webroot },
		.contact = settings->email ? contact : NULL,
		.csr_der = &story->pair->csr_der,
		.order = remember_order,
		.progress = show_progress,
		.tick = tick,
		.self = story,
	};
	CLEANUP(strv_done) struct strv challenges = STRV(1);
	struct message_issue task = {
		.names = story->certificate->names,
		.directory_url = story->ca->directory,
		.account_url = store_account_url(story->account),
		.contact = settings->email ? contact : NULL,
		.profile = settings->profile,
		.require_profile = settings->require_profile,
		.preferred_chain = settings->preferred_chain,
		.order_url = order_to_resume(story),
		.replaces = predecessor(story),
		.agree_tos = settings->agree_tos,
		.binding = story->ca->eab_kid != NULL,
	};
	json_auto_t *result = NULL;
	const char *chain;

	snprintf(contact, sizeof(contact), "mailto:%s", settings->email ? settings->email : "");
	if (strv_add(&challenges, settings->challenge) < 0)
		return error_oom(err);
	task.challenges = challenges;
	story_limits(story, &task.limits);
	if (job_net_task(story->net, CHANNEL_TASK_ISSUE, message_issue_pack(&task), &notary,
	                 task.limits.attempt_ms + PATIENCE_MS, &result, err) < 0 ||
	    message_answer_read(result, &chain, err) < 0)
		return -1;
	show_warning(story, json_string_value(json_object_get(result, "warning")));
	if (!chain || buf_append_text(&story->pair->chain_pem, chain) < 0)
		return error_set(err, ERROR_PROTOCOL, "the net process sent no certificate chain, or one that is too long");
	return 0;
}

/* A key whose order is gone is of no more use. */
static void forget_key(struct story *story)
{
	struct error trouble;

	if (story->options->dry_run || story->survey.state.order_url[0] != '\0' || has_order_elsewhere(&story->survey.state))
		return;
	error_clear(&trouble);
	if (store_pending_clear(story->store_cert, &trouble) < 0)
		log_failure(LOG_LEVEL_WARNING, story->certificate->name, &trouble);
}

/* What a run that was killed left in the webroot: proofs of this account, and probes of the preflight. The lock is ours, so nobody needs them. Where
 * other jobs are at work under the same lock, nobody needs what is older than any attempt. */
static void sweep(const struct story *story)
{
	const struct challenge_method *method = challenge_find(story->certificate->settings.challenge);
	const struct challenge_config config = { .webroot = story->certificate->settings.webroot };
	const int64_t attempt_s = story->job->config->timeouts.attempt_ms / 1000;
	const int64_t before_at = clock_wall(clock_system()) + 1 - (story->job->shared ? 2 * attempt_s : 0);
	CLEANUP(buf_done) struct buf thumbprint = BUF(THUMBPRINT_MAX);
	struct crypto_public public_key;
	struct error trouble;

	error_clear(&trouble);
	if (crypto_pkey_public(story->account_key, &public_key, &trouble) < 0 ||
	    jwk_thumbprint(&public_key, &thumbprint, &trouble) < 0 ||
	    method->sweep(&config, buf_text(&thumbprint), before_at, NULL, &trouble) < 0 ||
	    method->sweep(&config, STORY_PROBE_MARK, before_at, NULL, &trouble) < 0)
		log_failure(LOG_LEVEL_WARNING, "old challenges could not be removed", &trouble);
}

/* Which CA it was, where the message does not say so. What this machine lacks is none of its doing. */
static void name_ca(const struct story *story, struct error *err)
{
	char origin[HTTP_URL_MAX + 1];
	const char *host;

	if (err->kind == ERROR_SYSTEM || err->kind == ERROR_INTERNAL || err->kind == ERROR_USAGE ||
	    err->kind == ERROR_INTERRUPTED)
		return;
	if (http_url_origin(story->ca->directory, origin, sizeof(origin)) < 0)
		return;
	*strrchr(origin, ':') = '\0';
	host = origin + strlen("https://");
	if (!strstr(err->message, host))
		error_context(err, "the CA at %s", host);
}

/* What the CA refused, the preflight may have seen coming, and in plainer words. */
static int explain(const struct story *story, struct error *err)
{
	struct error whole;

	name_ca(story, err);
	if (err->kind != ERROR_REFUSED || story->finding[0] == '\0')
		return -1;
	whole = *err;
	error_set(&whole, err->kind, "%s; seen from here: %s", err->message, story->finding);
	text_copy(err->message, sizeof(err->message), whole.message);
	return error_advise(err, "%s", story->finding_advice);
}

/* What came of it, for those who ask the same CA later. */
static void note(struct story *story, int result, const struct error *err)
{
	struct job_polite_wish wish;

	job_polite_wish_of(story, &wish);
	job_polite_note_seen(story->polite, story->store, story->ca, wish.now_at, story->net->ca_date_at);
	if (result < 0)
		job_polite_note_failure(story->polite, &wish, err);
	else
		job_polite_note_certificate(story->polite, &wish);
}

/* Which of the certificates. */
static void tell_which(const struct story *story)
{
	char line[ERROR_MESSAGE_MAX];

	snprintf(line, sizeof(line), "ordering the %s certificate", key_type_name(story->pair->type));
	story_progress(story, "order", line);
}

int job_order(struct story *story, struct error *err)
{
	int r;

	if (!story->account_key) {
		if (job_account(story, err) < 0)
			return -1;
		sweep(story);
	}
	turn_to_ca(story);
	if (story->pairs_count > 1)
		tell_which(story);
	if (!take_up_pending(story) && begin(story, err) < 0)
		return -1;
	r = converse(story, err);
	note(story, r, err);
	if (r < 0) {
		forget_key(story);
		return explain(story, err);
	}
	return 0;
}
