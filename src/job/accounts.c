#include "job/accounts.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/text.h"
#include "config/config.h"
#include "crypto/keytype.h"
#include "crypto/pkey.h"
#include "job/account.h"
#include "job/job.h"
#include "job/run.h"
#include "jose/jwk.h"
#include "store/account.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONTACT_SIZE = 512 };

/* --- which there are --- */

static int copy_text(const char *text, char **ret, struct error *err)
{
	*ret = text ? strdup(text) : NULL;
	return text && !*ret ? error_oom(err) : 0;
}

static int add(void *self, const char *path, const char *directory_url, const char *contact, struct error *err)
{
	struct job_account_list *list = self;
	struct job_account_ref *items = reallocarray(list->items, list->count + 1, sizeof(*items));
	struct job_account_ref *ref;

	if (!items)
		return error_oom(err);
	list->items = items;
	ref = &items[list->count++];
	*ref = (struct job_account_ref){ 0 };
	if (copy_text(path, &ref->path, err) < 0 || copy_text(directory_url, &ref->directory_url, err) < 0)
		return -1;
	return copy_text(contact, &ref->contact, err);
}

void job_accounts_done(struct job_account_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].path);
		free(list->items[i].directory_url);
		free(list->items[i].contact);
	}
	free(list->items);
}

int job_accounts_list(const struct config *config, struct job_account_list *ret, struct error *err)
{
	CLEANUP(job_accounts_done) struct job_account_list list = { 0 };
	CLEANUP(store_cleanup) struct store *store = NULL;
	int r = store_open(config->state_dir, false, &store, err);

	if (r < 0 || (r == STORE_OK && store_account_each(store, add, &list, err) < 0))
		return -1;
	*ret = list;
	list = (struct job_account_list){ 0 };
	return 0;
}

/* The CA as the configuration knows it: with its trust, where a certificate's or that for all is for this directory. NULL for none. */
static const struct config_ca *find_ca(const struct config *config, const char *directory_url)
{
	const struct config_ca *for_all = config_settings_ca(&config->defaults, directory_url);

	if (for_all)
		return for_all;
	for (size_t i = 0; i < config->certificates_count; i++) {
		const struct config_ca *ca = config_settings_ca(&config->certificates[i]->settings, directory_url);

		if (ca)
			return ca;
	}
	return config_ca_find(config, directory_url);
}

void job_account_ca_name(const struct config *config, const struct job_account_ref *ref, char ret[static JOB_ACCOUNT_NAME_SIZE])
{
	const char *url = ref->directory_url ? ref->directory_url : "";
	const struct config_ca *ca = find_ca(config, url);
	const char *host = strstr(url, "://");

	host = host ? host + 3 : url;
	if (ca)
		text_copy(ret, JOB_ACCOUNT_NAME_SIZE, ca->name);
	else
		snprintf(ret, JOB_ACCOUNT_NAME_SIZE, "%.*s", (int)strcspn(host, "/?#"), host);
}

/* --- what is done with one --- */

struct doing {
	const struct job_account_wish *wish;
	struct job_run run;
	struct store_account *account;
	struct pkey *key;
	struct job_account_talk talk;
	struct job_account_answer answer;
	char name[JOB_ACCOUNT_NAME_SIZE];
	char contact[CONTACT_SIZE]; /* "mailto:..." */
};

static void doing_done(struct doing *d)
{
	job_account_answer_done(&d->answer);
	crypto_pkey_free(d->key);
	store_account_free(d->account);
	job_run_close(&d->run);
}

void job_account_view_done(struct job_account_view *view)
{
	free(view->path);
	strv_done(&view->contacts);
}

static int unregistered(const struct doing *d, struct error *err)
{
	error_set(err, ERROR_USAGE, "%s does not know the account's key in %s", d->name, store_account_path(d->account));
	return error_advise(err, "an account is registered with the first certificate that is ordered: certd issue");
}

/* The account's URL, where it is not known: the CA tells it to whoever has the key. */
static int need_url(struct doing *d, struct error *err)
{
	CLEANUP(job_account_answer_done) struct job_account_answer answer = { 0 };

	if (store_account_url(d->account))
		return 0;
	if (job_account_ask(&d->talk, MESSAGE_ACCOUNT_PROBE, NULL, false, NULL, &answer, err) < 0)
		return -1;
	if (answer.known)
		return store_account_url(d->account) ? 0 : error_set(err, ERROR_PROTOCOL, "%s did not tell the account's URL", d->name);
	text_copy(d->answer.status, sizeof(d->answer.status), answer.status[0] != '\0' ? answer.status : "unregistered");
	return d->wish->verb == JOB_ACCOUNT_SHOW ? 0 : unregistered(d, err);
}

/* Before the CA is told: there must be no other account in the place that this one would get. */
static int check_free(struct doing *d, struct error *err)
{
	CLEANUP(store_account_cleanup) struct store_account *other = NULL;
	const char *contact = store_account_contact(d->account);

	if (contact && text_equal(contact, d->wish->contact))
		return 0;
	if (store_account_open(d->run.store, d->talk.directory_url, d->wish->contact, &other, err) == STORE_ABSENT)
		return 0;
	error_set(err, ERROR_USAGE, "there is an account for %.300s at %s already", d->wish->contact, d->name);
	return error_advise(err, "deactivate one of both, or leave them as they are");
}

static int update(struct doing *d, struct error *err)
{
	const char *contact = d->wish->contact ? d->wish->contact : store_account_contact(d->account);

	if (d->wish->contact && check_free(d, err) < 0)
		return -1;
	snprintf(d->contact, sizeof(d->contact), "mailto:%s", contact ? contact : "");
	/* There are CAs that take nothing but the contact for an update, so it comes along also where it stays. */
	if (job_account_ask(&d->talk, MESSAGE_ACCOUNT_UPDATE, contact ? d->contact : NULL, d->wish->agree_tos, NULL, &d->answer,
	                    err) < 0)
		return -1;
	return d->wish->contact ? store_account_move(d->run.store, d->account, d->wish->contact, err) : 0;
}

static int perform(struct doing *d, struct error *err)
{
	switch (d->wish->verb) {
	case JOB_ACCOUNT_SHOW:
		if (!store_account_url(d->account))
			return 0;
		return job_account_ask(&d->talk, MESSAGE_ACCOUNT_SHOW, NULL, false, NULL, &d->answer, err);
	case JOB_ACCOUNT_UPDATE:
		return update(d, err);
	case JOB_ACCOUNT_ROLLOVER:
		return job_account_roll_over(&d->talk, err);
	case JOB_ACCOUNT_DEACTIVATE:
		if (job_account_ask(&d->talk, MESSAGE_ACCOUNT_DEACTIVATE, NULL, false, NULL, &d->answer, err) < 0)
			return -1;
		return store_account_retire(d->run.store, d->account, err);
	}
	return error_set(err, ERROR_INTERNAL, "a verb of accounts that is none");
}

static int view(struct doing *d, struct job_account_view *ret, struct error *err)
{
	CLEANUP(job_account_view_done) struct job_account_view v = { .key = key_type_name(crypto_pkey_type(d->key)) };
	CLEANUP(buf_done) struct buf thumbprint = BUF(JOB_ACCOUNT_THUMBPRINT_SIZE);
	const char *url = store_account_url(d->account);
	struct crypto_public public_key;

	if (crypto_pkey_public(d->key, &public_key, err) < 0 || jwk_thumbprint(&public_key, &thumbprint, err) < 0 ||
	    copy_text(store_account_path(d->account), &v.path, err) < 0)
		return -1;
	text_copy(v.thumbprint, sizeof(v.thumbprint), buf_text(&thumbprint));
	text_copy(v.url, sizeof(v.url), url ? url : "");
	text_copy(v.status, sizeof(v.status), d->answer.status);
	v.contacts = d->answer.contacts;
	d->answer.contacts = (struct strv){ 0 };
	*ret = v;
	v = (struct job_account_view){ 0 };
	return 0;
}

static int open_account(struct doing *d, const struct job_account_ref *ref, struct error *err)
{
	int r = store_account_open(d->run.store, ref->directory_url, ref->contact, &d->account, err);

	if (r == STORE_ABSENT)
		return error_set(err, ERROR_USAGE, "the account in %s is not where its account.json says", ref->path);
	return r < 0 ? -1 : job_account_load_key(d->account, &d->key, err);
}

int job_account_do(const struct job *job, const struct job_account_ref *ref, const struct job_account_wish *wish,
                   struct job_account_view *ret, struct error *err)
{
	static const struct job_options options = { .named = true };
	CLEANUP(doing_done) struct doing d = { .wish = wish };
	struct config_ca unknown = { .name = d.name, .directory = ref->directory_url };
	const struct config_ca *ca;
	bool changed;

	if (job_run_open(&d.run, job, &options, err) < 0)
		return -1;
	if (!ref->directory_url)
		return error_set(err, ERROR_SYSTEM, "%s/account.json is missing or cannot be read", ref->path);
	job_account_ca_name(job->config, ref, d.name);
	ca = find_ca(job->config, ref->directory_url);
	/* The net process is there before a key is loaded. */
	if (job_net_start_ca(&d.run.net, job, ca ? ca : &unknown, err) < 0 || open_account(&d, ref, err) < 0)
		return -1;
	d.talk = (struct job_account_talk){ .job = job, .net = &d.run.net, .subject = d.name,
		                            .directory_url = ref->directory_url, .account = d.account, .key = &d.key };
	if (job_account_settle(&d.talk, &changed, err) < 0 || need_url(&d, err) < 0 || perform(&d, err) < 0)
		return -1;
	return view(&d, ret, err);
}
