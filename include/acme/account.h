/* account.h: the account, as far as the conversation needs one (RFC 8555 section 7.3). */
#ifndef CERTD_ACME_ACCOUNT_H
#define CERTD_ACME_ACCOUNT_H

struct acme_session;
struct error;

/* Does nothing where the account's URL is known. Else registers the notary's key, once its owner has agreed to the terms; the CA gives
 * the same account to the same key, so this is safe to repeat. The URL is made durable by the notary before this returns. */
int acme_account_need(struct acme_session *session, struct error *err);

#endif
