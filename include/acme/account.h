/* account.h: the account, as far as the conversation needs one (RFC 8555 section 7.3). */
#ifndef CERTD_ACME_ACCOUNT_H
#define CERTD_ACME_ACCOUNT_H

#include "base/strv.h"

#include <stdbool.h>

struct acme_session;
struct error;

enum { ACME_ACCOUNT_CONTACTS_MAX = 16 };

/* What the CA says of an account. */
struct acme_account {
	char status[32]; /* "valid", "deactivated", "revoked"; "" where it was not told */
	struct strv contacts;
};

#define ACME_ACCOUNT ((struct acme_account){ .contacts = STRV(ACME_ACCOUNT_CONTACTS_MAX) })

void acme_account_done(struct acme_account *account);

/* Does nothing where the account's URL is known. Else registers the notary's key, once its owner has agreed to the terms; the CA gives
 * the same account to the same key, so this is safe to repeat. The URL is made durable by the notary before this returns. */
int acme_account_need(struct acme_session *session, struct error *err);

/* The verbs of an account whose URL is known. What the CA answers is added to ret, which is ACME_ACCOUNT before. */
int acme_account_show(struct acme_session *session, struct acme_account *ret, struct error *err);

/* Tells the CA the session's contact where it has one, and that the terms of service are agreed to where they are. */
int acme_account_update(struct acme_session *session, struct acme_account *ret, struct error *err);

/* For ever (RFC 8555 section 7.3.6). */
int acme_account_deactivate(struct acme_session *session, struct acme_account *ret, struct error *err);

/* Changes to the notary's next key (RFC 8555 section 7.3.5). After a failure it is open which of both keys the CA knows: that it
 * has come to know the next one, and its answer was lost, cannot be told from here. Asked once, never again blindly. */
int acme_account_rollover(struct acme_session *session, struct error *err);

enum {
	ACME_ACCOUNT_UNKNOWN = 1,
	ACME_ACCOUNT_BARRED = 2, /* unauthorized: so CAs say of one that was deactivated, and some of what they do not know */
};

/* Whether the CA knows the account's key, or the next one, without ever registering it (RFC 8555 section 7.3.1). 0, and the account's URL was
 * told to the notary; ACME_ACCOUNT_UNKNOWN, ACME_ACCOUNT_BARRED; -1. */
int acme_account_probe(struct acme_session *session, bool next_key, struct error *err);

#endif
