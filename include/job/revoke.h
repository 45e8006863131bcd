/* revoke.h: what `certd revoke` is: a generation out of the store, and the CA that issued it asked to revoke its certificate, or both.
 *
 * By the account's key; where the CA does not let it (or there is no account), by the certificate's key. A key that is compromised signs
 * first itself: with CAs that tell the two apart only that keeps the key from being certified again.
 */
#ifndef CERTD_JOB_REVOKE_H
#define CERTD_JOB_REVOKE_H

#include "crypto/cert.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config_certificate;
struct error;
struct job;

enum { JOB_REASON_UNSPECIFIED = 0, JOB_REASON_KEY_COMPROMISE = 1, JOB_REASON_MAX = 10 };

/* The reason's number (RFC 5280 section 5.3.1) by its name ("keyCompromise", in any case); -1 for none of those that a CA takes. */
int job_revoke_reason(const char *name);

/* All names of reasons, NULL-terminated. Static. */
const char *const *job_revoke_reasons(void);

struct job_revoke_wish {
	uint64_t generation; /* 0: the one that is live */
	int reason;
};

struct job_revoked_one {
	char serial[CERT_SERIAL_SIZE];
	const char *key; /* its type. Static */
	bool before; /* the CA said that it was revoked already */
};

struct job_revoked {
	uint64_t generation;
	struct job_revoked_one certificates[STORE_PAIRS_MAX];
	size_t count;
	bool due; /* it is what is in use, so another one is due now */
};

/* The state remembers what was revoked: it is due at once. After a failure with the second certificate the message says that the first one is
 * revoked; revoking again goes on with the second. */
int job_revoke(const struct job *job, const struct config_certificate *certificate, const struct job_revoke_wish *wish,
               struct job_revoked *ret, struct error *err);

#endif
