/* account.h: an account as the stories of one run use it: its key out of the store, and what is asked of the CA about
 * it. Used within this room.
 */
#ifndef CERTD_JOB_ACCOUNT_H
#define CERTD_JOB_ACCOUNT_H

#include "base/strv.h"
#include "channel/message.h"

#include <stdbool.h>

struct error;
struct job;
struct job_net;
struct pkey;
struct store_account;

/* A key that is damaged is an error that says what to do; never a new one. */
int job_account_load_key(const struct store_account *account, struct pkey **ret, struct error *err);

/* An account, its key and the net process that talks to its CA; all borrowed. */
struct job_account_talk {
	const struct job *job;
	struct job_net *net;
	const char *subject; /* whom the progress is about */
	const char *directory_url;
	struct store_account *account;
	struct pkey **key;
};

struct job_account_answer {
	bool known; /* a probe's: the CA knows the key */
	char status[32];
	struct strv contacts;
};

void job_account_answer_done(struct job_account_answer *answer);

/* One verb, at the CA. What of it may be signed follows from the verb. contact is "mailto:..." or NULL; next_key that of a rollover
 * and a probe for it; ret may be NULL. */
int job_account_ask(const struct job_account_talk *talk, enum message_account_verb verb, const char *contact, bool agree_tos,
                    const struct pkey *next_key, struct job_account_answer *ret, struct error *err);

/* Where a change of key was cut off: asks the CA which of both keys it knows, and goes on with that one, which *talk->key is then. */
int job_account_settle(const struct job_account_talk *talk, bool *ret_changed, struct error *err);

/* Changes the account's key to a new one of the same type, which *talk->key is then. Cut off anywhere, settling brings it to an end. */
int job_account_roll_over(const struct job_account_talk *talk, struct error *err);

#endif
