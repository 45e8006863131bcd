/* accounts.h: what `certd account` is: the accounts that there are, and the verbs that change one of them at its CA and here. */
#ifndef CERTD_JOB_ACCOUNTS_H
#define CERTD_JOB_ACCOUNTS_H

#include "base/strv.h"
#include "http/http.h"

#include <stdbool.h>
#include <stddef.h>

struct config;
struct error;
struct job;

enum { JOB_ACCOUNT_NAME_SIZE = 64, JOB_ACCOUNT_STATUS_SIZE = 32, JOB_ACCOUNT_THUMBPRINT_SIZE = 64 };

/* One on disk. */
struct job_account_ref {
	char *path;
	char *directory_url; /* NULL: its account.json cannot be read */
	char *contact; /* NULL for none */
};

struct job_account_list {
	struct job_account_ref *items;
	size_t count;
};

/* All accounts that there are; asks nobody. */
int job_accounts_list(const struct config *config, struct job_account_list *ret, struct error *err);
void job_accounts_done(struct job_account_list *list);

/* The name of the account's CA: as in the configuration, or its host. */
void job_account_ca_name(const struct config *config, const struct job_account_ref *ref, char ret[static JOB_ACCOUNT_NAME_SIZE]);

enum job_account_verb {
	JOB_ACCOUNT_SHOW,
	JOB_ACCOUNT_UPDATE,
	JOB_ACCOUNT_ROLLOVER,
	JOB_ACCOUNT_DEACTIVATE, /* for ever; its directory is put aside */
};

struct job_account_wish {
	enum job_account_verb verb;
	const char *contact; /* update: the new one, which it is kept for from then on; or NULL to leave it */
	bool agree_tos; /* update: to the terms of service as they are now */
};

/* What is known of it afterwards. */
struct job_account_view {
	char url[HTTP_URL_MAX + 1]; /* "" for one that the CA does not know */
	char status[JOB_ACCOUNT_STATUS_SIZE]; /* as the CA says, "unregistered", or "" */
	char thumbprint[JOB_ACCOUNT_THUMBPRINT_SIZE]; /* of its key, RFC 7638 */
	const char *key; /* the key's type. Static */
	char *path; /* owned */
	struct strv contacts; /* that the CA has */
};

void job_account_view_done(struct job_account_view *view);

int job_account_do(const struct job *job, const struct job_account_ref *ref, const struct job_account_wish *wish,
                   struct job_account_view *ret, struct error *err);

#endif
