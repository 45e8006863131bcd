/* renewal.h: what a CA suggests for the renewal of certificates (RFC 9773): unsigned questions, many side by side.
 *
 * Whatever is said here is advice that a renewal can do without: no failure of a question is a failure of the caller.
 */
#ifndef CERTD_ACME_RENEWAL_H
#define CERTD_ACME_RENEWAL_H

#include "http/http.h"

#include <stddef.h>
#include <stdint.h>

struct acme_session;
struct error;

enum { ACME_RENEWAL_REASON_SIZE = 256, ACME_RENEWAL_URL_SIZE = 512, ACME_RENEWAL_ID_MAX = 127, ACME_RENEWAL_BATCH = 50 };

enum acme_renewal_answer {
	ACME_RENEWAL_UNASKED,
	ACME_RENEWAL_WINDOW, /* start_at and end_at as the CA says them, end_at after start_at; the times are not judged */
	ACME_RENEWAL_TEMPORARY, /* a time-out, a connection that broke, a 5xx, a 429: reason */
	ACME_RENEWAL_LASTING, /* a name that is not known, a connection that is refused, any other status, an answer that makes no sense: reason */
	ACME_RENEWAL_UNSUPPORTED, /* the CA has no renewal information */
};

struct acme_renewal {
	const char *id; /* RFC 9773 section 4.1 certID; borrowed */

	enum acme_renewal_answer answer;
	int64_t start_at;
	int64_t end_at;
	int64_t retry_at; /* the answer's Retry-After; 0 for none */
	char explanation_url[ACME_RENEWAL_URL_SIZE]; /* for people, never asked; "" for none */
	char reason[ACME_RENEWAL_REASON_SIZE]; /* cleaned */
};

/* Asks for all of them, in batches over the session's connection. A CA that does not answer, or asks to come back later, is not asked for
 * the rest: those are as the one that failed, with the same reason and time. -1 when the directory cannot be had for a reason that may pass; or
 * memory is out. Which failures pass and which last is as RFC 9773 section 4.3.3 has it. */
int acme_renewal_ask(struct acme_session *session, struct acme_renewal *items, size_t count, struct error *err);

/* Reads one answer's body. ERROR_PROTOCOL names the field. */
int acme_renewal_parse(const char *data, size_t len, struct acme_renewal *item, struct error *err);

#endif
