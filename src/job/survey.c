#include "job/survey.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/log.h"
#include "base/strv.h"
#include "base/text.h"
#include "config/config.h"
#include "crypto/digest.h"
#include "crypto/keytype.h"
#include "crypto/pkey.h"
#include "job/known.h"
#include "plan/backoff.h"
#include "store/index.h"
#include "store/store.h"

#include <string.h>

enum { KEY_PEM_MAX = 16 * 1024, DIGEST_TEXT_MAX = IDENT_LIST_MAX * (IDENT_VALUE_SIZE + 1) + 1024,
       WAIT_MAX_S = 2 * PLAN_BACKOFF_MAX_S };

/* What an order would be for: two configurations with the same digest can share one. */
static int digest(const struct config_certificate *certificate, enum key_type key, char out[static JOB_DIGEST_SIZE],
                  struct error *err)
{
	CLEANUP(strv_done) struct strv names = STRV(IDENT_LIST_MAX);
	CLEANUP(buf_done) struct buf text = BUF(DIGEST_TEXT_MAX);
	const struct config_settings *settings = &certificate->settings;
	uint8_t hash[DIGEST_SHA256_SIZE];

	for (size_t i = 0; i < certificate->names.count; i++)
		(void)strv_add(&names, certificate->names.items[i].value);
	if (names.failed)
		return error_oom(err);
	strv_sort(&names);
	for (size_t i = 0; i < names.count; i++)
		(void)buf_printf(&text, "%s\n", names.items[i]);
	(void)buf_printf(&text, "%s\n%s\n", key_type_name(key), settings->profile ? settings->profile : "");
	if (buf_check(&text, "the names", err) < 0 || digest_sha256(text.data, text.len, hash, err) < 0)
		return -1;
	text_hex(hash, sizeof(hash), out);
	return 0;
}

static int read_file(const struct store_cert *store_cert, uint64_t generation, const char *file, struct buf *out,
                     struct error *err)
{
	int r = store_generation_read(store_cert, generation, file, out, err);

	if (r == STORE_ABSENT)
		return error_set(err, ERROR_SYSTEM, "%s of generation %llu is missing", file, (unsigned long long)generation);
	return r == 0 ? 0 : -1;
}

static bool same_public(const struct crypto_public *a, const struct crypto_public *b)
{
	return a->type == b->type && a->x_len == b->x_len && a->y_len == b->y_len && memcmp(a->x, b->x, a->x_len) == 0 &&
	       memcmp(a->y, b->y, a->y_len) == 0;
}

/* Reads a certificate of a generation and looks whether its key belongs to it. */
static int read_pair(const struct store_cert *store_cert, uint64_t generation, const enum key_family *second,
                     struct cert_facts *ret_facts, struct ident_list *ret_names, struct error *err)
{
	CLEANUP(buf_done) struct buf key_pem = BUF_SECRET(KEY_PEM_MAX);
	CLEANUP(buf_done) struct buf chain_pem = BUF(CERT_PEM_MAX);
	CLEANUP(crypto_pkey_cleanup) struct pkey *key = NULL;
	CLEANUP(cert_chain_cleanup) struct cert_chain *chain = NULL;
	struct crypto_public of_key, of_leaf;
	char name[STORE_FILE_SIZE];

	if (read_file(store_cert, generation, store_file_name("privkey", second, name), &key_pem, err) < 0 ||
	    read_file(store_cert, generation, store_file_name("fullchain", second, name), &chain_pem, err) < 0 ||
	    crypto_pkey_load(key_pem.data, key_pem.len, &key, err) < 0 ||
	    cert_chain_parse(chain_pem.data, chain_pem.len, &chain, err) < 0 || crypto_pkey_public(key, &of_key, err) < 0 ||
	    cert_chain_public(chain, &of_leaf, err) < 0)
		return -1;
	if (!same_public(&of_key, &of_leaf))
		return error_set(err, ERROR_SYSTEM, "the certificate in %s of generation %llu is not for its key", name,
		                 (unsigned long long)generation);
	if (second && key_type_family(of_key.type) != *second)
		return error_set(err, ERROR_SYSTEM, "%s of generation %llu holds a certificate for another type of key", name,
		                 (unsigned long long)generation);
	if (cert_chain_facts(chain, 0, ret_facts, err) < 0)
		return -1;
	return cert_chain_idents(chain, ret_names, err);
}

/* Both certificates of a generation that holds two. */
static int read_second(const struct store_cert *store_cert, uint64_t generation, struct job_survey *survey, struct error *err)
{
	CLEANUP(ident_list_done) struct ident_list names = { 0 };
	enum key_family second;
	int r = store_generation_second(store_cert, generation, &second, err);

	if (r != STORE_OK)
		return r < 0 ? -1 : 0;
	if (read_pair(store_cert, generation, &second, &survey->second, &names, err) < 0)
		return -1;
	if (!ident_list_same(&names, &survey->names))
		return error_set(err, ERROR_SYSTEM, "the certificates of generation %llu are for different names",
		                 (unsigned long long)generation);
	survey->pairs = 2;
	return 0;
}

static int read_generation(const struct store_cert *store_cert, uint64_t generation, struct job_survey *survey,
                           struct error *err)
{
	survey->pairs = 1;
	if (read_pair(store_cert, generation, NULL, &survey->facts, &survey->names, err) < 0)
		return -1;
	return read_second(store_cert, generation, survey, err);
}

const struct cert_facts *job_survey_facts(const struct job_survey *survey, size_t i)
{
	return i == 0 ? &survey->facts : &survey->second;
}

bool job_survey_find(const struct job_survey *survey, enum key_family family, size_t *ret_i)
{
	enum key_type type;

	for (size_t i = 0; survey->have && i < survey->pairs; i++) {
		if (key_type_parse(job_survey_facts(survey, i)->key, &type) < 0 || key_type_family(type) != family)
			continue;
		*ret_i = i;
		return true;
	}
	return false;
}

const struct cert_facts *job_survey_first_to_end(const struct job_survey *survey)
{
	return survey->pairs > 1 && survey->second.not_after_at < survey->facts.not_after_at ? &survey->second : &survey->facts;
}

int64_t job_survey_not_after_at(const struct job_survey *survey)
{
	return survey->have ? job_survey_first_to_end(survey)->not_after_at : 0;
}

static bool is_revoked(const struct job_survey *survey)
{
	for (size_t i = 0; survey->have && i < survey->pairs; i++) {
		if (store_state_is_revoked(&survey->state, job_survey_facts(survey, i)->serial))
			return true;
	}
	return false;
}

static int read_live_file(const struct store_cert *store_cert, uint64_t live, const enum key_family *second,
                          struct cert_facts *ret, struct error *err)
{
	CLEANUP(buf_done) struct buf pem = BUF(CERT_PEM_MAX);
	CLEANUP(cert_chain_cleanup) struct cert_chain *chain = NULL;
	char name[STORE_FILE_SIZE];

	if (read_file(store_cert, live, store_file_name("fullchain", second, name), &pem, err) < 0 ||
	    cert_chain_parse(pem.data, pem.len, &chain, err) < 0)
		return -1;
	return cert_chain_facts(chain, 0, ret, err);
}

/* What is live while another generation waits for deployment: what is seen of the world, and may run out meanwhile. */
static void read_live_facts(const struct store_cert *store_cert, struct job_survey *survey)
{
	enum key_family second;
	struct cert_facts other;
	struct error ignored;

	if (survey->live == 0 || survey->live == survey->newest)
		return;
	error_clear(&ignored);
	survey->have_live = read_live_file(store_cert, survey->live, NULL, &survey->live_facts, &ignored) == 0;
	if (survey->have_live && store_generation_second(store_cert, survey->live, &second, &ignored) == STORE_OK &&
	    read_live_file(store_cert, survey->live, &second, &other, &ignored) == 0 &&
	    other.not_after_at < survey->live_facts.not_after_at)
		survey->live_facts = other;
}

/* The same, by what is remembered of it where its files have not changed. */
static int look_at_generation(const struct store_cert *store_cert, uint64_t generation, struct job_survey *survey,
                              struct error *err)
{
	struct store_stamp stamp;

	/* Before they are read, so that no change in between is missed. */
	if (store_generation_stamp(store_cert, generation, &stamp, err) < 0)
		return -1;
	if (job_known_recall(store_cert, &stamp, survey))
		return 0;
	if (read_generation(store_cert, generation, survey, err) < 0)
		return -1;
	job_known_keep(store_cert, &stamp, survey);
	return 0;
}

/* The newest generation is one that waits for deployment, else the live one; one that is not whole is as good as none. */
static int read_newest(const struct store_cert *store_cert, struct job_survey *survey, struct error *err)
{
	struct error damage;
	int r;

	error_clear(&damage);
	r = store_live(store_cert, &survey->live, err);
	if (r < 0)
		return -1;
	if (r == STORE_ABSENT)
		survey->live = 0;
	survey->newest = survey->state.deploy_generation > 0 ? survey->state.deploy_generation : survey->live;
	if (survey->newest == 0)
		return 0;
	survey->have = look_at_generation(store_cert, survey->newest, survey, &damage) == 0;
	if (!survey->have)
		text_copy(survey->damage, sizeof(survey->damage), damage.message);
	if (!survey->have && survey->newest != survey->live && survey->live != 0) {
		/* What waited for deployment is gone: what is live counts. */
		ident_list_done(&survey->names);
		survey->newest = survey->live;
		survey->state.deploy_generation = 0;
		survey->have = look_at_generation(store_cert, survey->live, survey, &damage) == 0;
	}
	read_live_facts(store_cert, survey);
	survey->revoked = is_revoked(survey);
	if (!survey->have)
		text_copy(survey->damage, sizeof(survey->damage), damage.message);
	return 0;
}

int job_survey_read(const struct store_cert *store_cert, const struct config_certificate *certificate,
                    struct job_survey *ret, struct error *err)
{
	int r;

	*ret = (struct job_survey){ 0 };
	for (size_t i = 0; i < certificate->settings.keys.count; i++) {
		if (digest(certificate, certificate->settings.keys.types[i], ret->digests[i], err) < 0)
			return -1;
	}
	if (!store_cert)
		return 0;
	r = store_state_load(store_cert, &ret->state, err);
	if (r < 0)
		return -1;
	ret->state_damaged = r == STORE_DAMAGED;
	return read_newest(store_cert, ret, err);
}

void job_survey_done(struct job_survey *survey)
{
	ident_list_done(&survey->names);
}

bool job_survey_is_ordered(const struct job_survey *survey, const struct config_certificate *certificate)
{
	for (size_t i = 0; i < certificate->settings.keys.count; i++) {
		if (text_equal(survey->state.order_names, survey->digests[i]))
			return true;
	}
	return false;
}

/* Until when the last failure holds back the same order. What the CA asked for holds always; our own backoff only the unattended. */
static int64_t blocked_until(const struct job_survey *survey, const struct config_certificate *certificate,
                             const struct job_survey_options *options)
{
	const struct store_state *state = &survey->state;

	if (state->last_ok || state->next_at == 0)
		return 0;
	if (!job_survey_is_ordered(survey, certificate) || !config_settings_ca(&certificate->settings, state->order_directory))
		return 0;
	if (state->last_error.kind != ERROR_LATER && options->named)
		return 0;
	/* Neither of them says more than a day and its jitter: it was the clock that was wrong when it was written. */
	if (state->next_at - options->now_at > WAIT_MAX_S)
		return 0;
	return state->next_at;
}

const struct config_ca *job_survey_ca(const struct job_survey *survey, const struct config_certificate *certificate)
{
	return config_settings_ca(&certificate->settings, survey->state.directory);
}

struct plan_ari job_survey_ari(const struct job_survey *survey, size_t i)
{
	const struct store_ari *ari = &survey->state.ari[i];

	if (!survey->have || ari->id[0] == '\0' || !text_equal(ari->id, job_survey_facts(survey, i)->ari_id))
		return (struct plan_ari){ 0 };
	return (struct plan_ari){ ari->start_at, ari->end_at, ari->chosen_at };
}

const struct cert_facts *job_survey_in_use(const struct job_survey *survey)
{
	if (survey->have_live)
		return &survey->live_facts;
	return survey->have ? job_survey_first_to_end(survey) : NULL;
}

enum plan_alarm job_survey_alarm(const struct job_survey *survey, bool failing, int64_t now_at)
{
	const struct cert_facts *in_use = job_survey_in_use(survey);
	const struct plan_alarm_facts facts = {
		.now_at = now_at,
		.failing = failing,
		.have = in_use != NULL,
		.not_before_at = in_use ? in_use->not_before_at : 0,
		.not_after_at = in_use ? in_use->not_after_at : 0,
	};

	return plan_alarm(&facts);
}

int64_t job_survey_check_at(const struct job_survey *survey, const struct config_certificate *certificate)
{
	int64_t earliest_at = 0;

	for (size_t i = 0; survey->have && i < survey->pairs; i++) {
		const struct store_ari *ari = &survey->state.ari[i];
		const char *id = job_survey_facts(survey, i)->ari_id;
		int64_t at;

		if (id[0] == '\0' || !job_survey_ca(survey, certificate))
			continue;
		/* Never asked about this one: now, and any time is. */
		at = text_equal(ari->id, id) && ari->next_check_at > 0 ? ari->next_check_at : 1;
		if (earliest_at == 0 || at < earliest_at)
			earliest_at = at;
	}
	return earliest_at;
}

int64_t job_survey_next_check_at(const struct job_survey *survey)
{
	int64_t earliest_at = 0;

	for (size_t i = 0; i < ARRAY_SIZE(survey->state.ari); i++) {
		int64_t at = survey->state.ari[i].next_check_at;

		if (at != 0 && (earliest_at == 0 || at < earliest_at))
			earliest_at = at;
	}
	return earliest_at;
}

/* Where no issue of ours is remembered (the files are somebody else's) any profile is as good. */
static bool same_profile(const struct store_state *state, const struct config_settings *settings)
{
	return state->directory[0] == '\0' || text_equal(state->profile, settings->profile ? settings->profile : "");
}

static bool same_keys(const struct job_survey *survey, const struct config_keys *keys)
{
	if (!survey->have || survey->pairs != keys->count)
		return false;
	for (size_t i = 0; i < keys->count; i++) {
		if (!text_equal(job_survey_facts(survey, i)->key, key_type_name(keys->types[i])))
			return false;
	}
	return true;
}

/* Two certificates differ in their times only, and are renewed together: the one that is due first says when. */
void job_survey_decide(const struct job_survey *survey, const struct config_certificate *certificate,
                       const struct job_survey_options *options, struct plan_decision *ret)
{
	const struct store_state *state = &survey->state;
	struct plan_facts facts = {
		.now_at = options->now_at,
		.forced = options->forced,
		.have = survey->have,
		.revoked = survey->revoked,
		.same_names = survey->have && ident_list_same(&survey->names, &certificate->names),
		.same_key = same_keys(survey, &certificate->settings.keys),
		.same_ca = state->directory[0] == '\0' || job_survey_ca(survey, certificate),
		.same_profile = same_profile(state, &certificate->settings),
		.last_early_at = state->ari_early_at,
		.blocked_until_at = blocked_until(survey, certificate, options),
	};
	struct plan_decision decision;

	for (size_t i = 0; i == 0 || (survey->have && i < survey->pairs); i++) {
		const struct cert_facts *of = job_survey_facts(survey, i);

		facts.ari = job_survey_ari(survey, i);
		facts.not_before_at = of->not_before_at;
		facts.not_after_at = of->not_after_at;
		plan_due(&facts, &decision);
		if (i == 0 || decision.renew_at < ret->renew_at)
			*ret = decision;
	}
}
