/* post.h: requests to the CA, signed and sent side by side, repeated where the protocol or the network calls for it.
 *
 * Nonces and round trips. Every POST spends a nonce and its answer brings one, so the pool does not grow by posting, and n requests side by
 * side need n nonces at once. With an account that is known and two names the whole conversation is
 *
 *     directory, newNonce, newOrder, 2 authorizations, 2 challenges, order, finalize, order, certificate
 *
 * that is 11 requests with one newNonce; with that one nonce the POSTs follow one another. A second newNonce would save two of those round
 * trips for a twelfth request; as the time the CA takes to validate and to issue is waited for anyway (acme/poll.h counts the wire as
 * waiting), two names go without: connecting (2), directory, newNonce, newOrder, 2 + 2, finalize and certificate are 11 round trips, and
 * the two polls lie within the CA's own time. From three names on the balance turns: what is missing is fetched beside
 * a request that goes out anyway, newOrder, so that ten names ask for nine nonces more but take no round trip more than one name does. Where newOrder
 * was not what came before (an order that is resumed), the first authorization takes that place.
 *
 * Repeating: badNonce with the nonce of that very answer, up to ten times; a connection that broke, and a 5xx, twice more; a Retry-After is
 * waited for when it is short enough. What must not be sent twice without looking (finalize) says so by `once`.
 */
#ifndef CERTD_ACME_POST_H
#define CERTD_ACME_POST_H

#include "acme/nonce.h"
#include "acme/problem.h"
#include "base/error.h"
#include "http/http.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct acme_session;

enum {
	ACME_BODY_MAX = 256 * 1024, /* octets of any answer */
	ACME_PARALLEL_MAX = 16, /* requests at once */
	ACME_NONCE_TRIES_MAX = 10, /* of one request, in all */
	ACME_FAILURES_MAX = 2, /* after which a request is not repeated; a broken connection, a 5xx, a 429 */
};

struct acme_post {
	const char *what; /* "newOrder"; borrowed, as the two below */
	const char *url;
	const char *payload; /* "" for a POST-as-GET */
	bool with_jwk;
	bool with_binding;
	bool with_certificate_key;
	bool with_next_key;
	bool key_change;
	bool once; /* never repeated when the CA may have acted on it */

	/* The outcome. */
	int result; /* 0: an answer with a 2xx; -1: error says why not */
	struct error error;
	enum acme_problem_type problem;
	struct http_exchange exchange; /* the last one */
	int64_t sent_ms; /* when the last try was sent, monotonic */

	/* Of acme_post_all() itself. */
	bool settled;
	unsigned int nonce_tries;
	unsigned int failures;
	int64_t not_before_ms;
	char nonce[ACME_NONCE_SIZE]; /* that a badNonce gave for its own retry */
};

void acme_post_done(struct acme_post *post);

/* Sends all of them, as far as nonces go side by side, and returns when each is settled. Negative only when the conversation cannot go
 * on: the notary does not sign, no nonce is to be had, the deadline has passed. Whatever it returns, each is to be given to acme_post_done(). */
int acme_post_all(struct acme_session *session, struct acme_post *posts, size_t count, struct error *err);

/* One, whose failure is the error. */
int acme_post_one(struct acme_session *session, struct acme_post *post, struct error *err);

/* An answer without signature: GET or HEAD, repeated up to `tries` times in all; a 2xx or an error. exchange is to be given to
 * http_exchange_done() whatever comes of it. */
int acme_post_get(struct acme_session *session, enum http_method method, const char *what, const char *url,
                  unsigned int tries, struct http_exchange *exchange, struct error *err);

/* An ERROR_PROTOCOL where a web page, or nothing, came in place of what was asked for; whatever else the Content-Type says is let pass. */
int acme_post_check_body(const struct http_response *response, const char *what, struct error *err);

/* Puts before the message of *err whose answer it is about. Always returns -1. */
int acme_post_blame(const struct acme_session *session, struct error *err);

#endif
