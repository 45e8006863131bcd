/* The account of a certificate's CA: its key, made once and durable before it is used. */
#include "job/account.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "crypto/pkey.h"
#include "job/binding.h"
#include "job/story.h"
#include "job/turn.h"
#include "store/account.h"
#include "store/store.h"

#include <fcntl.h>
#include <string.h>

enum { KEY_PEM_MAX = 16 * 1024 };

static int make_account(struct story *story, const struct config_settings *settings, struct error *err)
{
	CLEANUP(buf_done) struct buf pem = BUF_SECRET(KEY_PEM_MAX);
	CLEANUP(crypto_pkey_cleanup) struct pkey *key = NULL;

	if (crypto_pkey_generate(KEY_ECDSA_P256, &key, err) < 0 || crypto_pkey_print(key, &pem, err) < 0)
		return error_context(err, "the account key");
	return store_account_create(story->store, story->ca->directory, settings->email, &pem, &story->account, err);
}

int job_account_load_key(const struct store_account *account, struct pkey **ret, struct error *err)
{
	CLEANUP(buf_done) struct buf pem = BUF_SECRET(KEY_PEM_MAX);

	if (store_account_key(account, &pem, err) < 0)
		return -1;
	if (crypto_pkey_load(pem.data, pem.len, ret, err) < 0) {
		error_context(err, "the account key in %s", store_account_path(account));
		return error_advise(err, "put the key back from a backup; or move that directory away, and certd registers a new account");
	}
	return 0;
}

int job_account(struct story *story, struct error *err)
{
	const struct config_settings *settings = &story->certificate->settings;
	CLEANUP(clean_fd) int turn = -1;
	struct job_account_talk talk;
	bool changed;
	int r;

	/* Two that find no account would make two. */
	if (job_turn_take(story->job, "account", &turn, err) < 0)
		return -1;
	r = store_account_open(story->store, story->ca->directory, settings->email, &story->account, err);
	if (r < 0)
		return -1;
	if (r == STORE_ABSENT && make_account(story, settings, err) < 0)
		return -1;
	if (job_account_load_key(story->account, &story->account_key, err) < 0)
		return -1;
	talk = (struct job_account_talk){
		.job = story->job,
		.net = story->net,
		.subject = story->certificate->name,
		.directory_url = story->ca->directory,
		.account = story->account,
		.key = &story->account_key,
	};
	if (job_account_settle(&talk, &changed, err) < 0)
		return -1;
	if (story->ca->eab_kid == NULL)
		return 0;
	return job_binding_load(story->ca, store_account_url(story->account) == NULL, &story->binding_key, err);
}
