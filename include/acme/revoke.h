/* revoke.h: the revocation of a certificate (RFC 8555 section 7.6). */
#ifndef CERTD_ACME_REVOKE_H
#define CERTD_ACME_REVOKE_H

#include <stdbool.h>

struct acme_session;
struct error;

struct acme_revocation {
	const char *certificate; /* DER in base64url */
	int reason; /* RFC 5280 section 5.3.1 */
	bool certificate_key; /* the notary can sign with it, */
	bool certificate_key_first; /* and shall, before the account's key is tried */
};

enum { ACME_REVOKED_BEFORE = 1 };

/* Asks the CA to revoke, with the account's key where the account's URL is known (none is ever registered for this), with the certificate's
 * key where it is at hand; what the CA does not allow the one, the other is tried for. 0; ACME_REVOKED_BEFORE when it was revoked already;
 * -1. */
int acme_revoke(struct acme_session *session, const struct acme_revocation *revocation, struct error *err);

#endif
