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
static int digest(const struct config_certificate *certificate, char out[static JOB_DIGEST_SIZE], struct error *err)
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
	(void)buf_printf(&text, "%s\n%s\n", key_type_name(settings->key), settings->profile ? settings->profile : "");
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

/* Reads a generation and looks whether key and certificate belong together. */
static int read_generation(const struct store_cert *store_cert, uint64_t generation, struct job_survey *survey,
                           struct error *err)
{
	CLEANUP(buf_done) struct buf key_pem = BUF_SECRET(KEY_PEM_MAX);
	CLEANUP(buf_done) struct buf chain_pem = BUF(CERT_PEM_MAX);
	CLEANUP(crypto_pkey_cleanup) struct pkey *key = NULL;
	CLEANUP(cert_chain_cleanup) struct cert_chain *chain = NULL;
	struct crypto_public of_key, of_leaf;

	if (read_file(store_cert, generation, "privkey.pem", &key_pem, err) < 0 ||
	    read_file(store_cert, generation, "fullchain.pem", &chain_pem, err) < 0 ||
	    crypto_pkey_load(key_pem.data, key_pem.len, &key, err) < 0 ||
	    cert_chain_parse(chain_pem.data, chain_pem.len, &chain, err) < 0 || crypto_pkey_public(key, &of_key, err) < 0 ||
	    cert_chain_public(chain, &of_leaf, err) < 0)
		return -1;
	if (!same_public(&of_key, &of_leaf))
		return error_set(err, ERROR_SYSTEM, "the certificate of generation %llu is not for its key",
		                 (unsigned long long)generation);
	if (cert_chain_facts(chain, 0, &survey->facts, err) < 0)
		return -1;
	return cert_chain_idents(chain, &survey->names, err);
}

/* What is live while another generation waits for deployment: what is seen of the world, and may run out meanwhile. */
static void read_live_facts(const struct store_cert *store_cert, struct job_survey *survey)
{
	CLEANUP(buf_done) struct buf pem = BUF(CERT_PEM_MAX);
	CLEANUP(cert_chain_cleanup) struct cert_chain *chain = NULL;
	struct error ignored;

	if (survey->live == 0 || survey->live == survey->newest)
		return;
	error_clear(&ignored);
	survey->have_live = read_file(store_cert, survey->live, "fullchain.pem", &pem, &ignored) == 0 &&
	                    cert_chain_parse(pem.data, pem.len, &chain, &ignored) == 0 &&
	                    cert_chain_facts(chain, 0, &survey->live_facts, &ignored) == 0;
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
	survey->revoked = survey->have && store_state_is_revoked(&survey->state, survey->facts.serial);
	if (!survey->have)
		text_copy(survey->damage, sizeof(survey->damage), damage.message);
	return 0;
}

int job_survey_read(const struct store_cert *store_cert, const struct config_certificate *certificate,
                    struct job_survey *ret, struct error *err)
{
	int r;

	*ret = (struct job_survey){ 0 };
	if (digest(certificate, ret->digest, err) < 0)
		return -1;
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

/* Until when the last failure holds back the same order. What the CA asked for holds always; our own backoff only the unattended. */
static int64_t blocked_until(const struct job_survey *survey, const struct config_certificate *certificate,
                             const struct job_survey_options *options)
{
	const struct store_state *state = &survey->state;

	if (state->last_ok || state->next_at == 0)
		return 0;
	if (!text_equal(state->order_names, survey->digest) ||
	    !config_settings_ca(&certificate->settings, state->order_directory))
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

struct plan_ari job_survey_ari(const struct job_survey *survey)
{
	const struct store_state *state = &survey->state;

	if (!survey->have || state->ari_id[0] == '\0' || !text_equal(state->ari_id, survey->facts.ari_id))
		return (struct plan_ari){ 0 };
	return (struct plan_ari){ state->ari_start_at, state->ari_end_at, state->ari_chosen_at };
}

const struct cert_facts *job_survey_in_use(const struct job_survey *survey)
{
	if (survey->have_live)
		return &survey->live_facts;
	return survey->have ? &survey->facts : NULL;
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
	const struct store_state *state = &survey->state;

	if (!survey->have || survey->facts.ari_id[0] == '\0' || !job_survey_ca(survey, certificate))
		return 0;
	/* Never asked about this one: now, and any time is. */
	return text_equal(state->ari_id, survey->facts.ari_id) && state->ari_next_check_at > 0 ? state->ari_next_check_at : 1;
}

/* Where no issue of ours is remembered (the files are somebody else's) any profile is as good. */
static bool same_profile(const struct store_state *state, const struct config_settings *settings)
{
	return state->directory[0] == '\0' || text_equal(state->profile, settings->profile ? settings->profile : "");
}

void job_survey_decide(const struct job_survey *survey, const struct config_certificate *certificate,
                       const struct job_survey_options *options, struct plan_decision *ret)
{
	const struct store_state *state = &survey->state;
	const struct plan_facts facts = {
		.now_at = options->now_at,
		.forced = options->forced,
		.have = survey->have,
		.revoked = survey->revoked,
		.same_names = survey->have && ident_list_same(&survey->names, &certificate->names),
		.same_key = survey->have && text_equal(survey->facts.key, key_type_name(certificate->settings.key)),
		.same_ca = state->directory[0] == '\0' || job_survey_ca(survey, certificate),
		.same_profile = same_profile(state, &certificate->settings),
		.ari = job_survey_ari(survey),
		.last_early_at = state->ari_early_at,
		.not_before_at = survey->facts.not_before_at,
		.not_after_at = survey->facts.not_after_at,
		.blocked_until_at = blocked_until(survey, certificate, options),
	};

	plan_due(&facts, ret);
}
