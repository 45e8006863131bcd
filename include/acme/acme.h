/* acme.h: the client's side of RFC 8555, as one conversation: from a directory's URL to a certificate chain.
 *
 * Knows no files and holds no key. What needs a key, a file or a program (a signature, the CSR, publishing a challenge,
 * remembering a URL) it asks of a notary, an interface whose other end is elsewhere. Time, randomness and transport
 * are interfaces too. Everything that the CA says is distrusted: sizes, types, states, URLs, times.
 *
 * A session is one CA and one account: one connection, one directory, one pool of nonces. It issues any number of certificates,
 * one after the other.
 */
#ifndef CERTD_ACME_ACME_H
#define CERTD_ACME_ACME_H

#include "base/buf.h"
#include "base/ident.h"
#include "http/http.h"

#include <stdbool.h>
#include <stdint.h>

struct clock;
struct error;
struct random;

enum acme_step {
	ACME_STEP_DIRECTORY,
	ACME_STEP_ACCOUNT,
	ACME_STEP_ORDER,
	ACME_STEP_AUTHORIZATION, /* reading what the CA asks to be proven */
	ACME_STEP_CHALLENGE, /* publishing and answering */
	ACME_STEP_VALIDATION, /* waiting for the CA to look */
	ACME_STEP_FINALIZE,
	ACME_STEP_DOWNLOAD,
	ACME_STEP_REVOKE,
	ACME_STEP_COUNT
};

const char *acme_step_name(enum acme_step step); /* "directory", ... Static. */

struct acme_progress {
	enum acme_step step;
	const char *text; /* for people: "ordering a certificate for 2 names" */
	/* Facts to be made durable before the notary answers; NULL where there is nothing new. */
	const char *account_url;
	const char *order_url; /* "" = the order that was kept is of no more use: forget it */
	int64_t order_expires_at; /* 0 where unknown */
};

struct acme_sign {
	const char *url;
	const char *nonce;
	const char *payload; /* "" for a POST-as-GET */
	bool with_jwk; /* the public key in place of the account's URL (newAccount) */
	bool with_binding; /* newAccount: the notary adds "externalAccountBinding" to the payload */
	bool with_certificate_key; /* revokeCert: by the certificate's key in place of the account's; with_jwk too */
	bool with_next_key; /* newAccount: by the key that the account shall change to; with_jwk too */
	bool key_change; /* keyChange: the notary makes the payload, which is signed by the next key */
};

struct acme_proof {
	const char *type; /* "http-01" */
	const struct ident *identifier;
	const char *token;
};

enum { ACME_DECLINED = 1 };

struct acme_notary {
	/* Appends the JWS of the request. */
	int (*sign)(void *self, const struct acme_sign *request, struct buf *out, struct error *err);
	/* Appends the CSR as base64url. It and its key are durable before this returns. */
	int (*csr)(void *self, struct buf *out, struct error *err);
	/* Publishes the proof. ACME_DECLINED when this type cannot be used for this identifier here. */
	int (*present)(void *self, const struct acme_proof *proof, struct error *err);
	/* Takes it back; called for each presented proof, whatever came of it. */
	int (*cleanup)(void *self, const struct acme_proof *proof, struct error *err);
	int (*progress)(void *self, const struct acme_progress *progress, struct error *err);
	void *self;
};

struct acme_limits {
	struct http_limits http;
	int64_t retry_after_max_s; /* obeyed within a run; a longer one ends it with ERROR_LATER */
	int64_t attempt_ms; /* one certificate, all in all */
};

struct acme_session_config {
	const struct http_client *http;
	const struct clock *clock;
	const struct random *random;
	const struct acme_notary *notary;
	struct acme_limits limits;
	const char *directory_url;
	const char *account_url; /* NULL: not known yet, newAccount is asked */
	const char *contact; /* "mailto:..." or NULL */
	bool agree_tos;
	bool binding; /* the notary has external account credentials */
};

struct acme_session;

/* Asks nothing yet. The config's pointers are borrowed for the life of the session. */
int acme_session_open(const struct acme_session_config *config, struct acme_session **ret, struct error *err);
void acme_session_free(struct acme_session *session);
void acme_session_cleanup(struct acme_session **session);

/* What the CA's clock says it is, by the Date of its directory: a wall time of about when that was fetched; 0 where it did not say. When it is off by more
 * than a day from ours (and the CA says so twice), all that needs the directory fails with an ERROR_CLOCK. */
int64_t acme_session_date_at(const struct acme_session *session);

/* Takes over what another session with the same directory URL knows of the directory. */
void acme_session_take_directory(struct acme_session *session, struct acme_session *from);

struct acme_wish {
	const struct ident_list *idents;
	const char *const *challenges; /* types in the order of preference; NULL-terminated */
	const char *profile; /* or NULL */
	bool require_profile; /* an error where the CA does not offer it; else it is done without, with a warning */
	const char *preferred_chain; /* a name or a fingerprint, see cert_chain_prefer(); or NULL */
	const char *replaces; /* certID of the certificate that this one replaces, issued to the same account; or NULL */
	const char *order_url; /* of an earlier run for the same names, account and CSR; NULL to begin anew */
};

/* From the wish to the chain, appended to out_pem as the CA sent it (its size is limited, its content not looked at: that is the
 * caller's check). Every proof presented was cleaned up when this returns. Errors: kinds as error.h says, the CA's problem document
 * in err->problem; messages name the identifiers that failed, each with what the CA said of it. ERROR_LATER with its time for a
 * rateLimited, a 503 and a Retry-After that is over the limit. When authorizations of the order failed, the order is given up and
 * forgotten; on transport errors and deadlines it is kept for the next run. */
int acme_issue(struct acme_session *session, const struct acme_wish *wish, struct buf *out_pem, struct error *err);

/* What the administrator is to be warned of after the last acme_issue(); "" for nothing. Borrowed. */
const char *acme_session_warning(const struct acme_session *session);

#endif
