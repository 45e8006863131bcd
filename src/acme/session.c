#include "acme/session.h"

#include "acme/post.h"
#include "acme/url.h"
#include "base/clock.h"
#include "base/text.h"
#include "http/header.h"

#include <stdlib.h>

enum {
	DIRECTORY_AGE_MAX_MS = 24 * 3600 * 1000,
	DIRECTORY_TRIES = 2,
	CLOCK_SLACK_S = 24 * 3600,
};

const char *acme_step_name(enum acme_step step)
{
	switch (step) {
	case ACME_STEP_DIRECTORY:
		return "directory";
	case ACME_STEP_ACCOUNT:
		return "account";
	case ACME_STEP_ORDER:
		return "order";
	case ACME_STEP_AUTHORIZATION:
		return "authorization";
	case ACME_STEP_CHALLENGE:
		return "challenge";
	case ACME_STEP_VALIDATION:
		return "validation";
	case ACME_STEP_FINALIZE:
		return "finalize";
	case ACME_STEP_DOWNLOAD:
		return "download";
	case ACME_STEP_REVOKE:
		return "revoke";
	case ACME_STEP_COUNT:
		break;
	}
	return "unknown";
}

int acme_session_open(const struct acme_session_config *config, struct acme_session **ret, struct error *err)
{
	struct acme_session *session;

	if (http_url_check(config->directory_url, false, "the CA's directory", err) != 0) {
		err->kind = ERROR_USAGE;
		return -1;
	}
	session = calloc(1, sizeof(*session));
	if (session == NULL)
		return error_oom(err);
	session->config = *config;
	session->directory = ACME_DIRECTORY;
	if (config->account_url != NULL)
		text_copy(session->account_url, sizeof(session->account_url), config->account_url);
	acme_url_host(config->directory_url, session->host, sizeof(session->host));
	*ret = session;
	return 0;
}

void acme_session_free(struct acme_session *session)
{
	if (session == NULL)
		return;
	acme_directory_done(&session->directory);
	free(session);
}

void acme_session_cleanup(struct acme_session **session)
{
	acme_session_free(*session);
	*session = NULL;
}

int64_t acme_session_now_ms(const struct acme_session *session)
{
	return clock_monotonic_ms(session->config.clock);
}

int64_t acme_session_now_at(const struct acme_session *session)
{
	return clock_wall(session->config.clock);
}

int64_t acme_session_left_ms(const struct acme_session *session)
{
	int64_t left = session->deadline_ms - acme_session_now_ms(session);

	return left > 0 ? left : 0;
}

int acme_session_wait(struct acme_session *session, int64_t ms, const char *what, struct error *err)
{
	if (ms > acme_session_left_ms(session)) {
		char text[TIME_TEXT_SIZE];

		error_set(err, ERROR_NETWORK, "%s at %s: not done within %s (attempt-timeout)", what, session->host,
		          time_format_duration(session->config.limits.attempt_ms / 1000, text));
		return error_advise(err, "the next run goes on where this one stopped; if the CA always needs longer, raise "
		                         "attempt-timeout");
	}
	clock_sleep_ms(session->config.clock, ms);
	return 0;
}

int acme_session_tell(struct acme_session *session, enum acme_step step, const char *text, struct error *err)
{
	struct acme_progress progress = { .step = step, .text = text };

	session->step = step;
	return session->config.notary->progress(session->config.notary->self, &progress, err);
}

const char *acme_session_warning(const struct acme_session *session)
{
	return session->warning;
}

bool acme_session_is_later(struct acme_session *session, struct error *err)
{
	if (session->later.kind == ERROR_LATER && acme_session_now_at(session) < session->later.retry_at) {
		*err = session->later;
		return true;
	}
	session->later.kind = ERROR_NONE;
	return false;
}

void acme_session_note_later(struct acme_session *session, const struct error *err)
{
	if (err->kind == ERROR_LATER)
		session->later = *err;
}

void acme_session_take_directory(struct acme_session *session, struct acme_session *from)
{
	if (!from->directory_known || !text_equal(session->config.directory_url, from->config.directory_url))
		return;
	acme_directory_done(&session->directory);
	session->directory = from->directory;
	session->directory_known = true;
	session->directory_since_ms = from->directory_since_ms;
	session->date_at = from->date_at;
	from->directory = ACME_DIRECTORY;
	from->directory_known = false;
}

/* The answer's Date where it is off by more than a day from our clock; 0 where it is not, or says nothing. */
static int64_t odd_date(const struct acme_session *session, const struct http_response *response, int64_t *ret_at)
{
	const int64_t now_at = acme_session_now_at(session);
	int64_t at;

	if (http_date_parse(response->date, now_at, &at) < 0)
		return 0;
	*ret_at = at;
	return at < now_at - CLOCK_SLACK_S || at > now_at + CLOCK_SLACK_S ? at : 0;
}

/* With another time than the CA's, certificates seem to have ended that have not, or the other way round. A directory may come out of some cache, with
 * the Date of then; a nonce does not. */
static int check_clock(struct acme_session *session, const struct http_response *directory, struct error *err)
{
	struct http_exchange x = { 0 };
	char ours[TIME_TEXT_SIZE], theirs[TIME_TEXT_SIZE];
	int64_t at = 0;
	int r = 0;

	session->date_at = 0;
	if (odd_date(session, directory, &session->date_at) == 0)
		return 0;
	session->date_at = 0;
	if (acme_post_get(session, HTTP_HEAD, "newNonce", session->directory.new_nonce, DIRECTORY_TRIES, &x, err) != 0)
		r = -1;
	else if (odd_date(session, &x.response, &at) != 0)
		r = error_set(err, ERROR_CLOCK, "the clock of this machine says %s, that of %s says %s",
		              time_format(acme_session_now_at(session), ours), session->host, time_format(at, theirs));
	http_exchange_done(&x);
	if (r == 0)
		session->date_at = at;
	else if (err->kind == ERROR_CLOCK)
		error_advise(err, "set the clock, or have it synchronized (`timedatectl` shows how it stands); nothing was decided by it, and the "
		                  "next run goes on");
	return r;
}

int64_t acme_session_date_at(const struct acme_session *session)
{
	return session->date_at;
}

static int fetch_directory(struct acme_session *session, struct http_exchange *x, struct error *err)
{
	const struct http_response *response = &x->response;

	if (acme_post_get(session, HTTP_GET, "the directory", session->config.directory_url, DIRECTORY_TRIES, x, err) != 0)
		return -1;
	if (acme_post_check_body(response, "the directory", err) != 0 ||
	    acme_directory_parse(buf_text(&response->body), response->body.len, session->config.directory_url,
	                         &session->directory, err) != 0)
		return acme_post_blame(session, err);
	if (check_clock(session, response, err) != 0)
		return -1;
	session->directory_known = true;
	session->directory_since_ms = acme_session_now_ms(session);
	/* Not asked for here by the RFC, but a nonce is a nonce. */
	acme_nonces_put(&session->nonces, response->replay_nonce, session->directory_since_ms);
	return 0;
}

int acme_session_need_directory(struct acme_session *session, struct error *err)
{
	struct http_exchange x = { 0 };
	int r;

	if (session->directory_known && acme_session_now_ms(session) - session->directory_since_ms < DIRECTORY_AGE_MAX_MS)
		return 0;
	if (acme_session_tell(session, ACME_STEP_DIRECTORY, "asking the CA for its directory", err) != 0)
		return -1;
	r = fetch_directory(session, &x, err);
	session->directory_failure = x.failure;
	http_exchange_done(&x);
	return r;
}
