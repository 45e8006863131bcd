/* account_key.c: what is asked of the CA about an account, and the change of its key.
 *
 * The next key is on disk before the CA hears of it, and takes the place of the present one by one rename after the CA took it. In between, nobody
 * knows which of both it is: the answer may have been lost. Then the CA is asked, for each key, whether it knows it.
 */
#include "job/account.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "crypto/pkey.h"
#include "job/job.h"
#include "job/net.h"
#include "notary/notary.h"
#include "store/account.h"
#include "store/store.h"

#include <stdio.h>

enum { KEY_PEM_MAX = 16 * 1024, CONTACT_SIZE = 512, PATIENCE_MS = 30 * 1000 };

void job_account_answer_done(struct job_account_answer *answer)
{
	strv_done(&answer->contacts);
}

static void show_progress(void *self, const char *step, const char *text)
{
	const struct job_account_talk *talk = self;
	char line[ERROR_MESSAGE_MAX];

	text_copy(line, sizeof(line), text);
	text_clean(line);
	if (talk->job->progress)
		talk->job->progress(talk->job->self, talk->subject, step, line);
}

static void tick(void *self)
{
	const struct job_account_talk *talk = self;

	if (talk->job->tick)
		talk->job->tick(talk->job->self);
}

static int read_answer(const json_t *result, struct job_account_answer *ret, struct error *err)
{
	struct message_account_state state;

	if (message_account_state_read(result, &state, err) < 0)
		return -1;
	ret->known = state.known;
	text_copy(ret->status, sizeof(ret->status), state.status ? state.status : "");
	text_clean(ret->status);
	ret->contacts = state.contacts;
	for (size_t i = 0; i < ret->contacts.count; i++)
		text_clean(ret->contacts.items[i]);
	return 0;
}

int job_account_ask(const struct job_account_talk *talk, enum message_account_verb verb, const char *contact, bool agree_tos,
                    const struct pkey *next_key, struct job_account_answer *ret, struct error *err)
{
	const struct notary_config notary = {
		.directory_url = talk->directory_url,
		.account_key = *talk->key,
		.account = talk->account,
		.next_key = next_key,
		.may_update = verb == MESSAGE_ACCOUNT_UPDATE,
		.may_deactivate = verb == MESSAGE_ACCOUNT_DEACTIVATE,
		.contact = contact,
		.progress = show_progress,
		.tick = tick,
		.self = (void *)(uintptr_t)talk,
	};
	struct message_account task = {
		.verb = verb,
		.directory_url = talk->directory_url,
		.account_url = store_account_url(talk->account),
		.contact = contact,
		.agree_tos = agree_tos,
	};
	CLEANUP(job_account_answer_done) struct job_account_answer answer = { 0 };
	json_auto_t *result = NULL;

	job_net_limits(talk->job, &task.limits);
	if (job_net_task(talk->net, CHANNEL_TASK_ACCOUNT, message_account_pack(&task), &notary,
	                 task.limits.attempt_ms + PATIENCE_MS, &result, err) < 0 ||
	    read_answer(result, &answer, err) < 0)
		return -1;
	if (ret) {
		*ret = answer;
		answer.contacts = (struct strv){ 0 };
	}
	return 0;
}

/* What the CA says of a key. Barred is the key of an account that was deactivated, or one that it does not know and does not say so. */
enum standing { STANDING_UNKNOWN, STANDING_KNOWN, STANDING_BARRED };

/* Of the account's contact, so that the tasks of one run share a session. */
static int probe(const struct job_account_talk *talk, const struct pkey *next_key, enum standing *ret, struct error *err)
{
	CLEANUP(job_account_answer_done) struct job_account_answer answer = { 0 };
	const char *email = store_account_contact(talk->account);
	char contact[CONTACT_SIZE];

	snprintf(contact, sizeof(contact), "mailto:%s", email ? email : "");
	if (job_account_ask(talk, next_key ? MESSAGE_ACCOUNT_PROBE_NEXT : MESSAGE_ACCOUNT_PROBE, email ? contact : NULL, false,
	                    next_key, &answer, err) < 0)
		return -1;
	*ret = answer.known                                          ? STANDING_KNOWN :
	       text_equal(answer.status, MESSAGE_ACCOUNT_BARRED) ? STANDING_BARRED :
	                                                           STANDING_UNKNOWN;
	return 0;
}

static int load_next(const struct job_account_talk *talk, struct pkey **ret, struct error *err)
{
	CLEANUP(buf_done) struct buf pem = BUF_SECRET(KEY_PEM_MAX);
	int r = store_account_next_load(talk->account, &pem, err);

	if (r != STORE_OK)
		return r;
	return crypto_pkey_load(pem.data, pem.len, ret, err);
}

static int accept(const struct job_account_talk *talk, struct pkey **next, struct error *err)
{
	if (store_account_next_accept(talk->account, err) < 0)
		return -1;
	crypto_pkey_free(*talk->key);
	*talk->key = TAKE(*next);
	return 0;
}

static int ask_both(const struct job_account_talk *talk, const struct pkey *next, enum standing *ret_next,
                    enum standing *ret_present, struct error *err)
{
	if (probe(talk, next, ret_next, err) < 0 ||
	    (*ret_next != STANDING_KNOWN && probe(talk, NULL, ret_present, err) < 0))
		return error_context(err, "a change of the account's key was cut off, and which key the CA knows could not be asked");
	return 0;
}

int job_account_settle(const struct job_account_talk *talk, bool *ret_changed, struct error *err)
{
	CLEANUP(crypto_pkey_cleanup) struct pkey *next = NULL;
	enum standing of_next = STANDING_UNKNOWN, of_present = STANDING_UNKNOWN;
	int r = load_next(talk, &next, err);

	*ret_changed = false;
	if (r != STORE_OK)
		return r == STORE_ABSENT ? 0 : -1;
	if (ask_both(talk, next, &of_next, &of_present, err) < 0)
		return -1;
	if (of_next == STANDING_KNOWN) {
		log_notice("%s: a change of the account's key was cut off; the CA knows the new key, going on with it", talk->subject);
		*ret_changed = true;
		return accept(talk, &next, err);
	}
	/* Of an account that was deactivated, the key that is barred is its own where the other one is unknown. */
	if (of_present == STANDING_KNOWN || (of_present == STANDING_BARRED && of_next == STANDING_UNKNOWN)) {
		log_notice("%s: a change of the account's key was cut off; the CA knows the old key, going on with it", talk->subject);
		return store_account_next_discard(talk->account, err);
	}
	log_warning("%s: the CA knows neither the account's key nor the next one, both in %s", talk->subject,
	            store_account_path(talk->account));
	return 0;
}

/* What became of it, after a failure that may have been one of the answer only. */
static int find_out(const struct job_account_talk *talk, const struct error *failure, struct error *err)
{
	bool changed;

	if (job_account_settle(talk, &changed, err) < 0)
		return error_advise(err, "both keys are in %s; the next run asks again, and nothing is lost",
		                    store_account_path(talk->account));
	if (changed)
		return 0;
	*err = *failure;
	return -1;
}

int job_account_roll_over(const struct job_account_talk *talk, struct error *err)
{
	CLEANUP(buf_done) struct buf pem = BUF_SECRET(KEY_PEM_MAX);
	CLEANUP(crypto_pkey_cleanup) struct pkey *next = NULL;
	struct error failure;

	if (crypto_pkey_generate(crypto_pkey_type(*talk->key), &next, err) < 0 || crypto_pkey_print(next, &pem, err) < 0)
		return error_context(err, "the account's next key");
	if (store_account_next_save(talk->account, &pem, err) < 0)
		return -1;
	error_clear(&failure);
	if (job_account_ask(talk, MESSAGE_ACCOUNT_ROLLOVER, NULL, false, next, NULL, &failure) < 0)
		return find_out(talk, &failure, err);
	return accept(talk, &next, err);
}
