/* session.h: what the parts of the conversation share: one CA, one account, its nonces, and the time that is left. */
#ifndef CERTD_ACME_SESSION_H
#define CERTD_ACME_SESSION_H

#include "acme/acme.h"
#include "acme/directory.h"
#include "acme/nonce.h"
#include "base/error.h"

struct acme_session {
	struct acme_session_config config;
	char host[300]; /* of the directory, for messages */

	struct acme_directory directory;
	bool directory_known;
	int64_t directory_since_ms;
	int64_t date_at; /* of the directory; 0 for none */
	enum http_failure directory_failure; /* what kept it from coming last */

	struct acme_nonces nonces;
	size_t nonces_wanted; /* more of them shall be there after the next request: fetched beside it */

	char account_url[HTTP_URL_MAX + 1]; /* "" as long as unknown */
	bool account_gone; /* the CA said that it does not know the account */
	bool registered_anew; /* which happens once in a session */

	char warning[1024]; /* of the last issue */
	struct error later; /* the directory or the account must not be asked before its time; kind ERROR_NONE without one */
	int64_t deadline_ms; /* of the attempt, monotonic */
	enum acme_step step; /* that was told last */
};

int64_t acme_session_now_ms(const struct acme_session *session);
int64_t acme_session_now_at(const struct acme_session *session);

/* The time until the attempt's deadline, at least 0. */
int64_t acme_session_left_ms(const struct acme_session *session);

/* Sleeps; or fails at once with an ERROR_NETWORK when the deadline comes first. `what` is what is waited for. */
int acme_session_wait(struct acme_session *session, int64_t ms, const char *what, struct error *err);

/* A step for people, without facts. */
int acme_session_tell(struct acme_session *session, enum acme_step step, const char *text, struct error *err);

/* Whether the CA asked not to be asked before a time that has not come: *err is what it said then. */
bool acme_session_is_later(struct acme_session *session, struct error *err);

/* Remembers that for the next certificate, where *err is such an answer: the same question again would only be counted against us. */
void acme_session_note_later(struct acme_session *session, const struct error *err);

/* Fetches the directory where it is not known or a day old. */
int acme_session_need_directory(struct acme_session *session, struct error *err);

#endif
