#include "job/revoke.h"

#include "base/base64.h"
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "channel/message.h"
#include "config/config.h"
#include "crypto/pkey.h"
#include "job/account.h"
#include "job/job.h"
#include "job/run.h"
#include "job/survey.h"
#include "notary/notary.h"
#include "store/account.h"
#include "store/store.h"

enum { KEY_PEM_MAX = 16 * 1024, DER_MAX = 32 * 1024, DER_TEXT_MAX = 2 * DER_MAX, PATIENCE_MS = 30 * 1000 };

/* Number 7 is not used; 2, 8 and 10 are for certificates of CAs and attributes, 6 could be taken back. */
static const char *const reason_names[] = { "unspecified", "keyCompromise",        "affiliationChanged",
	                                    "superseded",  "cessationOfOperation", "privilegeWithdrawn", NULL };
static const int reason_numbers[] = { 0, 1, 3, 4, 5, 9 };

struct revoking {
	const struct job *job;
	const struct config_certificate *certificate;
	const struct job_revoke_wish *wish;
	struct job_run run;
	struct store_cert *store_cert;
	struct job_survey survey;
	struct config_ca ca; /* that issued it */
	struct store_account *account; /* or NULL */
	struct pkey *account_key;
	struct pkey *key; /* of the certificate, or NULL */
	struct buf der;
	struct cert_facts facts;
	uint64_t generation;
};

static void revoking_done(struct revoking *r)
{
	buf_done(&r->der);
	crypto_pkey_free(r->key);
	crypto_pkey_free(r->account_key);
	store_account_free(r->account);
	job_survey_done(&r->survey);
	store_cert_free(r->store_cert);
	job_run_close(&r->run);
}

int job_revoke_reason(const char *name)
{
	for (size_t i = 0; reason_names[i]; i++) {
		if (text_equal_nocase(name, reason_names[i]))
			return reason_numbers[i];
	}
	return -1;
}

const char *const *job_revoke_reasons(void)
{
	return reason_names;
}

static int read_generation(struct revoking *r, const char *file, struct buf *out, struct error *err)
{
	int result = store_generation_read(r->store_cert, r->generation, file, out, err);

	if (result != STORE_ABSENT)
		return result;
	error_set(err, ERROR_USAGE, "%s of generation %llu of %s is not there", file, (unsigned long long)r->generation,
	          r->certificate->name);
	return error_advise(err, "the generations that are kept are in certificates/%s of the state directory; --generation "
	                         "chooses one",
	                    r->certificate->name);
}

static int load_certificate(struct revoking *r, const enum key_family *second, struct error *err)
{
	CLEANUP(buf_done) struct buf pem = BUF(CERT_PEM_MAX);
	CLEANUP(cert_chain_cleanup) struct cert_chain *chain = NULL;
	char file[STORE_FILE_SIZE];

	if (read_generation(r, store_file_name("cert", second, file), &pem, err) < 0 || cert_chain_parse(pem.data, pem.len, &chain, err) < 0 ||
	    cert_chain_facts(chain, 0, &r->facts, err) < 0)
		return -1;
	return cert_chain_der(chain, 0, &r->der, err);
}

/* Without its key it can still be revoked by the account. */
static void load_certificate_key(struct revoking *r, const enum key_family *second)
{
	CLEANUP(buf_done) struct buf pem = BUF_SECRET(KEY_PEM_MAX);
	char file[STORE_FILE_SIZE];
	struct error trouble;

	error_clear(&trouble);
	if (read_generation(r, store_file_name("privkey", second, file), &pem, &trouble) < 0 || crypto_pkey_load(pem.data, pem.len, &r->key, &trouble) < 0)
		log_failure(LOG_LEVEL_WARNING, "the certificate's key cannot be used", &trouble);
}

/* And without the account by its key. */
static void load_account(struct revoking *r)
{
	struct job_account_talk talk = { .job = r->job, .net = &r->run.net, .subject = r->certificate->name,
		                         .directory_url = r->ca.directory, .key = &r->account_key };
	struct error trouble;
	bool changed;
	int result;

	error_clear(&trouble);
	result = store_account_open(r->run.store, r->ca.directory, r->certificate->settings.email, &r->account, &trouble);
	if (result == STORE_OK && !store_account_url(r->account)) {
		store_account_free(TAKE(r->account));
	} else if (result < 0 || (result == STORE_OK && job_account_load_key(r->account, &r->account_key, &trouble) < 0)) {
		log_failure(LOG_LEVEL_WARNING, "the account cannot be used", &trouble);
		store_account_free(TAKE(r->account));
	}
	talk.account = r->account;
	if (r->account && job_account_settle(&talk, &changed, &trouble) < 0)
		log_failure(LOG_LEVEL_WARNING, "the account", &trouble);
}

/* The CA that issued it, which may be another one than is configured now. */
static void find_ca(struct revoking *r)
{
	const struct config_ca *configured = r->certificate->settings.ca;
	const char *directory = r->survey.state.directory;
	const struct config_ca *known;

	r->ca = *configured;
	known = config_settings_ca(&r->certificate->settings, directory);
	if (known)
		r->ca = *known;
	if (directory[0] == '\0' || known)
		return;
	known = config_ca_find(r->job->config, directory);
	r->ca = known ? *known : (struct config_ca){ .name = r->survey.state.ca, .directory = directory };
	if (!r->ca.ca_bundle)
		r->ca.ca_bundle = configured->ca_bundle;
}

static int find(struct revoking *r, struct error *err)
{
	int result;

	result = store_cert_open(r->run.store, r->certificate->name, false, &r->store_cert, err);
	if (result < 0)
		return -1;
	if (result == STORE_ABSENT)
		return error_set(err, ERROR_USAGE, "there is no certificate %s yet", r->certificate->name);
	if (job_survey_read(r->store_cert, r->certificate, &r->survey, err) < 0)
		return -1;
	r->generation = r->wish->generation ? r->wish->generation : r->survey.live ? r->survey.live : r->survey.newest;
	if (r->generation == 0)
		return error_set(err, ERROR_USAGE, "there is no certificate %s yet", r->certificate->name);
	find_ca(r);
	return load_certificate(r, NULL, err);
}

static void show_progress(void *self, const char *step, const char *text)
{
	const struct revoking *r = self;
	char line[ERROR_MESSAGE_MAX];

	text_copy(line, sizeof(line), text);
	text_clean(line);
	if (r->job->progress)
		r->job->progress(r->job->self, r->certificate->name, step, line);
}

static void tick(void *self)
{
	const struct revoking *r = self;

	if (r->job->tick)
		r->job->tick(r->job->self);
}

static int ask(struct revoking *r, bool *ret_before, struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF(DER_TEXT_MAX);
	json_auto_t *result = NULL;
	const struct notary_config notary = {
		.directory_url = r->ca.directory,
		.account_key = r->account_key,
		.account = r->account,
		.revoke_der = &r->der,
		.revoke_reason = r->wish->reason,
		.certificate_key = r->key,
		.progress = show_progress,
		.tick = tick,
		.self = r,
	};
	struct message_revoke task = {
		.directory_url = r->ca.directory,
		.account_url = r->account ? store_account_url(r->account) : NULL,
		.reason = r->wish->reason,
		.certificate_key = r->key != NULL,
		.certificate_key_first = r->wish->reason == JOB_REASON_KEY_COMPROMISE,
	};
	const char *value = NULL;

	base64url_encode(r->der.data, r->der.len, &text);
	if (buf_check(&text, "the certificate", err) < 0)
		return -1;
	task.certificate = buf_text(&text);
	job_net_limits(r->job, &task.limits);
	if (job_net_task(&r->run.net, CHANNEL_TASK_REVOKE, message_revoke_pack(&task), &notary,
	                 task.limits.attempt_ms + PATIENCE_MS, &result, err) < 0 ||
	    message_answer_read(result, &value, err) < 0)
		return -1;
	*ret_before = value && text_equal(value, MESSAGE_REVOKED_BEFORE);
	return 0;
}

/* The certificate that is loaded; its key is loaded only now, the net process being there. */
static int revoke_one(struct revoking *r, const enum key_family *second, struct job_revoked *revoked, struct error *err)
{
	struct job_revoked_one *one = &revoked->certificates[revoked->count];

	load_certificate_key(r, second);
	if (!r->account)
		load_account(r);
	if (ask(r, &one->before, err) < 0)
		return -1;
	store_state_add_revoked(&r->survey.state, r->facts.serial);
	if (store_state_save(r->store_cert, &r->survey.state, err) < 0)
		return error_context(err, "the certificate is revoked, but that could not be remembered");
	text_copy(one->serial, sizeof(one->serial), r->facts.serial);
	one->key = r->facts.key;
	revoked->count++;
	for (size_t i = 0; r->survey.have && i < r->survey.pairs; i++)
		revoked->due = revoked->due || text_equal(job_survey_facts(&r->survey, i)->serial, r->facts.serial);
	return 0;
}

/* The other certificate of a generation that has two. */
static int revoke_second(struct revoking *r, struct job_revoked *revoked, struct error *err)
{
	const char *first = revoked->certificates[0].key;
	enum key_family second;
	int result = store_generation_second(r->store_cert, r->generation, &second, err);

	if (result == STORE_ABSENT)
		return 0;
	buf_done(&r->der);
	crypto_pkey_free(TAKE(r->key));
	if (result == STORE_OK && load_certificate(r, &second, err) == 0 && revoke_one(r, &second, revoked, err) == 0)
		return 0;
	return error_context(err, "the %s certificate is revoked, but not the other one", first);
}

static int revoke(struct revoking *r, struct job_revoked *ret, struct error *err)
{
	struct job_revoked revoked = { 0 };

	if (find(r, err) < 0 || job_net_start_ca(&r->run.net, r->job, &r->ca, err) < 0)
		return -1;
	revoked.generation = r->generation;
	if (revoke_one(r, NULL, &revoked, err) < 0 || revoke_second(r, &revoked, err) < 0)
		return -1;
	*ret = revoked;
	return 0;
}

int job_revoke(const struct job *job, const struct config_certificate *certificate, const struct job_revoke_wish *wish,
               struct job_revoked *ret, struct error *err)
{
	static const struct job_options options = { .named = true };
	CLEANUP(revoking_done) struct revoking r = { .job = job, .certificate = certificate, .wish = wish,
		                                     .der = BUF(DER_MAX) };

	if (job_run_open(&r.run, job, &options, err) < 0)
		return -1;
	return revoke(&r, ret, err);
}
