/* request.h: the single requests that the notary serves. Used within this room. */
#ifndef CERTD_NOTARY_REQUEST_H
#define CERTD_NOTARY_REQUEST_H

#include "base/ident.h"
#include "notary/notary.h"

struct buf;
struct error;

enum { NOTARY_PROOFS_MAX = 2 * IDENT_LIST_MAX, NOTARY_TOKEN_SIZE = 256 };

/* A proof that was published and has to be taken back. */
struct notary_proof {
	struct ident identifier;
	char token[NOTARY_TOKEN_SIZE];
};

struct notary {
	const struct notary_config *config;
	struct notary_proof *proofs;
	size_t proofs_count;
	unsigned int requests, progresses; /* so far */
};

/* Each appends the answer's value to out, where the request has one. */
int notary_sign(const struct notary *notary, const json_t *message, struct buf *out, struct error *err);
/* Whether the account may be changed like this: payload is for its URL. */
int notary_check_account(const struct notary_config *config, const json_t *payload, struct error *err);

/* The contacts of a payload: none, or the configured one. */
int notary_check_contact(const struct notary_config *config, const json_t *contacts, struct error *err);

/* Appends the payload of a key change, the inner JWS (RFC 8555 section 7.3.5): the next key says of the account's key that it succeeds it. */
int notary_key_change(const struct notary_config *config, const char *url, struct buf *out, struct error *err);

int notary_csr(const struct notary *notary, struct buf *out, struct error *err);
int notary_progress(const struct notary *notary, const json_t *message, struct error *err);

/* MESSAGE_DECLINED for a type that is not the configured one. */
int notary_present(struct notary *notary, const json_t *message, struct error *err);
int notary_cleanup(struct notary *notary, const json_t *message, struct error *err);

/* Takes back what is still published; failures are logged. */
void notary_cleanup_all(struct notary *notary);

#endif
