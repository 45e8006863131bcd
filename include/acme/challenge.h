/* challenge.h: the proofs of one order: published by the notary, announced to the CA, taken back in the end. */
#ifndef CERTD_ACME_CHALLENGE_H
#define CERTD_ACME_CHALLENGE_H

#include "acme/authorization.h"

#include <stdbool.h>

struct acme_session;
struct error;

struct acme_presented {
	struct ident identifier;
	struct acme_challenge challenge;
};

struct acme_proofs {
	struct acme_presented *items;
	size_t count;
	size_t max;
	int64_t sent_ms; /* when the last of them was announced, monotonic */
};

/* Frees; acme_challenge_cleanup() is to be called before. */
void acme_proofs_done(struct acme_proofs *proofs);
int acme_proofs_init(struct acme_proofs *proofs, size_t max, struct error *err);

/* Publishes a proof for a pending authorization: by the first of `types` that the CA offers and the notary does not decline. An
 * ERROR_REFUSED says what was offered when there is none. What failed to be published is not in proofs. */
int acme_challenge_present(struct acme_session *session, const struct acme_authorization *authorization,
                           const char *const *types, struct acme_proofs *proofs, struct error *err);

/* Tells the CA that the proofs are there, side by side. That it is validating already (RFC 8555 leaves the answer open: 400 malformed, 409) is no error. */
int acme_challenge_answer(struct acme_session *session, struct acme_proofs *proofs, struct error *err);

/* Takes back all that was published. Never fails: a proof that stays is litter, not a reason to lose a certificate. */
void acme_challenge_cleanup(struct acme_session *session, struct acme_proofs *proofs);

#endif
