#include "acme/post.h"

#include "acme/session.h"
#include "base/buf.h"
#include "base/clean.h"
#include "base/clock.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	JWS_MAX = 256 * 1024,
	WHAT_SIZE = 384,
	NEW_NONCE_TRIES = 3,
	TOLD_WAIT_MS = 5000, /* a wait that people are told of */
};

static const int64_t again_ms[ACME_FAILURES_MAX] = { 1000, 3000 };

/* What goes out together: POSTs with their signed bodies, and HEADs for more nonces. */
struct flight {
	struct acme_post *posts[ACME_PARALLEL_MAX];
	struct buf bodies[ACME_PARALLEL_MAX];
	size_t post_count;
	struct http_exchange *heads; /* array. Owned */
	size_t head_count;
};

static void flight_done(struct flight *flight)
{
	for (size_t i = 0; i < flight->post_count; i++)
		buf_done(&flight->bodies[i]);
	for (size_t i = 0; i < flight->head_count; i++)
		http_exchange_done(&flight->heads[i]);
	free(flight->heads);
}

void acme_post_done(struct acme_post *post)
{
	http_exchange_done(&post->exchange);
}

static const char *told_what(const struct acme_session *session, const char *what, char ret[static WHAT_SIZE])
{
	snprintf(ret, WHAT_SIZE, "%s at %s", what, session->host);
	return ret;
}

static void fill_limits(const struct acme_session *session, struct http_request *request)
{
	int64_t left = acme_session_left_ms(session);

	request->https_only = true;
	request->limits = session->config.limits.http;
	if (request->limits.body_max == 0 || request->limits.body_max > ACME_BODY_MAX)
		request->limits.body_max = ACME_BODY_MAX;
	/* A request does not outlive the attempt. */
	if (request->limits.total_ms <= 0 || request->limits.total_ms > left)
		request->limits.total_ms = left > 0 ? left : 1;
}

static int prepare_post(struct acme_session *session, struct acme_post *post, struct buf *body, struct error *err)
{
	struct acme_sign sign = { .url = post->url, .nonce = post->nonce, .payload = post->payload,
		                  .with_jwk = post->with_jwk, .with_binding = post->with_binding,
		                  .with_certificate_key = post->with_certificate_key,
		                  .with_next_key = post->with_next_key, .key_change = post->key_change };
	struct http_request request = { .method = HTTP_POST, .url = post->url,
		                        .content_type = "application/jose+json" };

	*body = BUF(JWS_MAX);
	if (session->config.notary->sign(session->config.notary->self, &sign, body, err) != 0)
		return -1;
	if (buf_check(body, "the signed request", err) != 0)
		return -1;
	post->nonce[0] = '\0';
	request.body = buf_text(body);
	request.body_len = body->len;
	fill_limits(session, &request);
	http_exchange_done(&post->exchange);
	http_exchange_init(&post->exchange, &request);
	return 0;
}

static int prepare_heads(struct acme_session *session, struct flight *flight, size_t count, struct error *err)
{
	struct http_request request = { .method = HTTP_HEAD, .url = session->directory.new_nonce };

	if (count == 0)
		return 0;
	flight->heads = calloc(count, sizeof(*flight->heads));
	if (flight->heads == NULL)
		return error_oom(err);
	fill_limits(session, &request);
	for (; flight->head_count < count; flight->head_count++)
		http_exchange_init(&flight->heads[flight->head_count], &request);
	return 0;
}

/* A later try; or, where it was the last one, the failure that post->error holds. */
static void fail_or_repeat(struct acme_session *session, struct acme_post *post, bool repeat, int64_t wait_ms)
{
	if (repeat && !post->once && post->failures < ACME_FAILURES_MAX && wait_ms <= acme_session_left_ms(session)) {
		post->failures++;
		post->not_before_ms = acme_session_now_ms(session) + wait_ms;
		return;
	}
	post->settled = true;
	post->result = -1;
}

static void settle_refusal(struct acme_session *session, struct acme_post *post)
{
	const struct http_response *response = &post->exchange.response;
	int64_t now_at = acme_session_now_at(session);
	int64_t after_s;
	char what[WHAT_SIZE];

	acme_problem_from_response(response, told_what(session, post->what, what), now_at, &post->problem, &post->error);
	text_copy(post->error.endpoint, sizeof(post->error.endpoint), post->what);
	if (post->problem == ACME_PROBLEM_BAD_NONCE) {
		post->nonce_tries++;
		post->settled = post->nonce_tries >= ACME_NONCE_TRIES_MAX;
		post->result = post->settled ? -1 : 0;
		/* RFC 8555 section 6.5: the retry uses the nonce of this answer. */
		text_copy(post->nonce, sizeof(post->nonce), response->replay_nonce);
		return;
	}
	acme_nonces_put(&session->nonces, response->replay_nonce, acme_session_now_ms(session));
	if (post->problem == ACME_PROBLEM_ACCOUNT_DOES_NOT_EXIST && !post->with_jwk)
		session->account_gone = true;
	after_s = http_retry_after(response, now_at);
	if (post->error.kind == ERROR_LATER && after_s != 0) {
		after_s -= now_at;
		fail_or_repeat(session, post, after_s <= session->config.limits.retry_after_max_s, after_s * 1000);
	} else {
		fail_or_repeat(session, post, response->status >= 500 && post->error.kind == ERROR_NETWORK,
		               post->failures < ACME_FAILURES_MAX ? again_ms[post->failures] : 0);
	}
}

static void settle(struct acme_session *session, struct acme_post *post)
{
	const struct http_exchange *x = &post->exchange;

	post->problem = ACME_PROBLEM_OTHER;
	if (x->result != 0) {
		char what[WHAT_SIZE];

		post->error = x->error;
		error_context(&post->error, "%s", told_what(session, post->what, what));
		fail_or_repeat(session, post, post->error.kind == ERROR_NETWORK,
		               post->failures < ACME_FAILURES_MAX ? again_ms[post->failures] : 0);
	} else if (x->response.status >= 200 && x->response.status < 300) {
		acme_nonces_put(&session->nonces, x->response.replay_nonce, acme_session_now_ms(session));
		post->settled = true;
		post->result = 0;
	} else {
		settle_refusal(session, post);
	}
}

/* Those that can go out now: not settled, due, and with a nonce, which each has from here on. */
static void choose(struct acme_session *session, struct acme_post *posts, size_t count, struct flight *ret)
{
	int64_t now_ms = acme_session_now_ms(session);

	for (size_t i = 0; i < count && ret->post_count < ACME_PARALLEL_MAX; i++) {
		struct acme_post *post = &posts[i];

		if (post->settled || post->not_before_ms > now_ms ||
		    (post->nonce[0] == '\0' && !acme_nonces_take(&session->nonces, now_ms, post->nonce)))
			continue;
		ret->posts[ret->post_count++] = post;
	}
}

/* How many nonces to fetch beside a flight of `sent` posts, so that what follows it can go out together. */
static size_t count_heads(struct acme_session *session, size_t sent, size_t unsent)
{
	/* Each answer gives back what its request spent. */
	size_t have = sent + acme_nonces_count(&session->nonces, acme_session_now_ms(session));
	size_t want = unsent > session->nonces_wanted ? unsent : session->nonces_wanted;

	session->nonces_wanted = 0;
	if (want > ACME_PARALLEL_MAX)
		want = ACME_PARALLEL_MAX;
	return want > have ? want - have : 0;
}

static int fly(struct acme_session *session, struct flight *flight, size_t unsettled, struct error *err)
{
	struct http_exchange *exchanges[2 * ACME_PARALLEL_MAX];
	size_t n = 0, chosen = flight->post_count;
	int64_t sent_ms;

	if (prepare_heads(session, flight, count_heads(session, chosen, unsettled - chosen), err) != 0)
		return -1;
	for (flight->post_count = 0; flight->post_count < chosen;) {
		size_t i = flight->post_count++;

		if (prepare_post(session, flight->posts[i], &flight->bodies[i], err) != 0)
			return -1;
		exchanges[n++] = &flight->posts[i]->exchange;
	}
	for (size_t i = 0; i < flight->head_count; i++)
		exchanges[n++] = &flight->heads[i];
	sent_ms = acme_session_now_ms(session);
	if (http_perform_all(session->config.http, exchanges, n, err) != 0)
		return -1;
	for (size_t i = 0; i < flight->post_count; i++) {
		flight->posts[i]->sent_ms = sent_ms;
		settle(session, flight->posts[i]);
	}
	/* What came of them beyond nonces does not matter: where none is left, they are asked for again. */
	for (size_t i = 0; i < flight->head_count; i++)
		if (flight->heads[i].result == 0)
			acme_nonces_put(&session->nonces, flight->heads[i].response.replay_nonce,
			                acme_session_now_ms(session));
	return 0;
}

static int fetch_nonce(struct acme_session *session, struct error *err)
{
	struct http_exchange x = { 0 };
	int r = acme_post_get(session, HTTP_HEAD, "newNonce", session->directory.new_nonce, NEW_NONCE_TRIES, &x, err);

	if (r == 0 && x.response.replay_nonce[0] == '\0')
		r = error_set(err, ERROR_PROTOCOL, "newNonce at %s: the answer holds no usable Replay-Nonce", session->host);
	if (r == 0)
		acme_nonces_put(&session->nonces, x.response.replay_nonce, acme_session_now_ms(session));
	http_exchange_done(&x);
	return r;
}

static int wait_for_turn(struct acme_session *session, int64_t wait_ms, const char *what, struct error *err)
{
	char text[128], duration[TIME_TEXT_SIZE];

	if (wait_ms >= TOLD_WAIT_MS) {
		snprintf(text, sizeof(text), "%.60s: waiting %s, as the CA asks", what,
		         time_format_duration(wait_ms / 1000, duration));
		if (acme_session_tell(session, session->step, text, err) != 0)
			return -1;
	}
	return acme_session_wait(session, wait_ms, what, err);
}

/* One flight; or, where none can start, what lets the next one start. */
static int step(struct acme_session *session, struct acme_post *posts, size_t count, size_t unsettled,
                struct error *err)
{
	CLEANUP(flight_done) struct flight flight = { 0 };
	int64_t now_ms = acme_session_now_ms(session), due_ms = INT64_MAX;

	if (acme_session_left_ms(session) == 0)
		return acme_session_wait(session, 1, posts[0].what, err);
	choose(session, posts, count, &flight);
	if (flight.post_count > 0)
		return fly(session, &flight, unsettled, err);
	for (size_t i = 0; i < count; i++)
		if (!posts[i].settled && posts[i].not_before_ms < due_ms)
			due_ms = posts[i].not_before_ms;
	if (due_ms > now_ms)
		return wait_for_turn(session, due_ms - now_ms, posts[0].what, err);
	return fetch_nonce(session, err);
}

int acme_post_all(struct acme_session *session, struct acme_post *posts, size_t count, struct error *err)
{
	for (;;) {
		size_t unsettled = 0;

		for (size_t i = 0; i < count; i++)
			unsettled += !posts[i].settled;
		if (unsettled == 0)
			return 0;
		/* Each step settles a post, counts one of its tries, waits, or brings a nonce: so it ends. */
		if (step(session, posts, count, unsettled, err) != 0)
			return -1;
	}
}

int acme_post_one(struct acme_session *session, struct acme_post *post, struct error *err)
{
	if (acme_post_all(session, post, 1, err) != 0)
		return -1;
	if (post->result != 0)
		*err = post->error;
	return post->result;
}

int acme_post_get(struct acme_session *session, enum http_method method, const char *what, const char *url,
                  unsigned int tries, struct http_exchange *exchange, struct error *err)
{
	struct http_request request = { .method = method, .url = url };

	for (unsigned int failures = 0;; failures++) {
		int64_t wait_ms = again_ms[failures < ACME_FAILURES_MAX ? failures : ACME_FAILURES_MAX - 1];
		int64_t now_at = acme_session_now_at(session);
		char place[WHAT_SIZE];

		fill_limits(session, &request);
		http_exchange_done(exchange);
		http_exchange_init(exchange, &request);
		if (http_perform(session->config.http, exchange, err) != 0)
			return -1;
		if (exchange->result == 0 && exchange->response.status >= 200 && exchange->response.status < 300)
			return 0;
		told_what(session, what, place);
		if (exchange->result != 0) {
			*err = exchange->error;
			error_context(err, "%s", place);
		} else {
			acme_problem_from_response(&exchange->response, place, now_at, NULL, err);
			text_copy(err->endpoint, sizeof(err->endpoint), what);
			now_at = acme_session_now_at(session);
		}
		if (err->kind == ERROR_LATER) {
			int64_t at = http_retry_after(&exchange->response, now_at);

			if (at == 0 || at - now_at > session->config.limits.retry_after_max_s)
				return -1;
			wait_ms = (at - now_at) * 1000;
		} else if (err->kind != ERROR_NETWORK) {
			return -1;
		}
		if (failures + 1 >= tries || wait_ms > acme_session_left_ms(session))
			return -1;
		clock_sleep_ms(session->config.clock, wait_ms);
	}
}

int acme_post_blame(const struct acme_session *session, struct error *err)
{
	return error_context(err, "the answer of %s", session->host);
}

int acme_post_check_body(const struct http_response *response, const char *what, struct error *err)
{
	const char *text = buf_text(&response->body);

	text += strspn(text, " \t\r\n");
	if (response->body.len == 0)
		return error_set(err, ERROR_PROTOCOL, "%s: the answer (HTTP %d) is empty", what, response->status);
	if (!text_has_prefix(response->content_type, "text/html") && *text != '<')
		return 0;
	error_set(err, ERROR_PROTOCOL, "%s: a web page (HTTP %d, HTML) came in place of it", what,
	          response->status);
	return error_advise(err, "see whether the directory's URL is right, and whether a proxy or a captive portal answers "
	                         "in place of the CA");
}
