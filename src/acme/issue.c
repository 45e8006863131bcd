#include "acme/account.h"
#include "acme/acme.h"
#include "acme/authorizations.h"
#include "acme/chain.h"
#include "acme/challenge.h"
#include "acme/order.h"
#include "acme/poll.h"
#include "acme/post.h"
#include "acme/session.h"
#include "acme/url.h"
#include "base/clean.h"
#include "base/clock.h"
#include "base/text.h"
#include "json/doc.h"

#include <stdio.h>
#include <string.h>

enum {
	CSR_MAX = 64 * 1024,
	POLLS_MAX = 1000, /* of one attempt, beside its deadline */
	LOOK_EVERY = 8, /* polls of an order that stays pending, after which its authorizations are looked at */
	FINALIZES_MAX = 3, /* sent, where it stays unknown whether the one before arrived */
};

/* One order on its way. What is done follows from its status alone, wherever it was picked up: it may be an earlier run's, or come ready or
 * half proven from the CA. */
struct attempt {
	struct acme_session *session;
	const struct acme_wish *wish;
	struct acme_order order;
	char order_url[HTTP_URL_MAX + 1]; /* "" as long as there is none */
	bool resumed;
	bool without_replaces; /* the CA refused to hear of the predecessor */
	struct acme_proofs proofs;
	bool proven; /* all challenges were announced, or none was to be */
	bool finalized; /* the CA has the CSR */
	unsigned int finalizes;
	size_t polls;
	size_t pending_polls;
	struct acme_pace pace;
	struct buf csr;
};

/* Beside 0 and -1: the order is of no use, another one may be begun. */
enum { ATTEMPT_STALE = 1 };

static const char *const no_types[] = { NULL };

static void attempt_done(struct attempt *attempt)
{
	acme_order_done(&attempt->order);
	acme_proofs_done(&attempt->proofs);
	buf_done(&attempt->csr);
}

/* Puts the name, or how many there are, behind the text. */
static int tell_names(struct attempt *attempt, enum acme_step step, const char *text_before, struct error *err)
{
	size_t n = attempt->wish->idents->count;
	char text[320];

	if (n == 1)
		snprintf(text, sizeof(text), "%.60s %s", text_before, attempt->wish->idents->items[0].value);
	else
		snprintf(text, sizeof(text), "%.60s %zu names", text_before, n);
	return acme_session_tell(attempt->session, step, text, err);
}

static int tell_order(struct attempt *attempt, const char *text, struct error *err)
{
	const struct acme_notary *notary = attempt->session->config.notary;
	struct acme_progress progress = { .step = ACME_STEP_ORDER, .text = text, .order_url = attempt->order_url,
		                          .order_expires_at = attempt->order_url[0] != '\0' ? attempt->order.expires_at : 0 };

	return notary->progress(notary->self, &progress, err);
}

static int forget_order(struct attempt *attempt, struct error *err)
{
	attempt->order_url[0] = '\0';
	return tell_order(attempt, "the order is of no more use", err);
}

static int read_order(struct attempt *attempt, const struct acme_post *post, struct error *err)
{
	const struct http_response *response = &post->exchange.response;

	if (acme_post_check_body(response, post->what, err) != 0 ||
	    acme_order_parse(buf_text(&response->body), response->body.len, attempt->session->config.directory_url,
	                     attempt->wish->idents, &attempt->order, err) != 0)
		return acme_post_blame(attempt->session, err);
	return 0;
}

static int64_t retry_at_of(struct attempt *attempt, const struct acme_post *post)
{
	return http_retry_after(&post->exchange.response, acme_session_now_at(attempt->session));
}

static int poll_order(struct attempt *attempt, struct error *err)
{
	CLEANUP(acme_post_done) struct acme_post post = { .what = "the order", .url = attempt->order_url, .payload = "" };
	int r = acme_post_one(attempt->session, &post, err);

	attempt->polls++;
	acme_pace_asked(&attempt->pace, post.sent_ms, retry_at_of(attempt, &post));
	return r == 0 ? read_order(attempt, &post, err) : -1;
}

static int wait_and_poll(struct attempt *attempt, const char *what, struct error *err)
{
	struct acme_session *session = attempt->session;
	int64_t wait_ms = acme_pace_wait_ms(&attempt->pace, acme_session_now_ms(session), acme_session_now_at(session),
	                                    session->config.limits.retry_after_max_s);

	if (attempt->polls >= POLLS_MAX)
		return error_set(err, ERROR_NETWORK, "%s at %s: not done after asking %d times", what, session->host, POLLS_MAX);
	if (wait_ms > 0 && acme_session_wait(session, wait_ms, what, err) != 0)
		return -1;
	return poll_order(attempt, err);
}

/* RFC 9773 section 5: which certificate this one replaces, where the CA wants to know. NULL for none. */
static const char *predecessor(const struct attempt *attempt)
{
	if (attempt->session->directory.renewal_info[0] == '\0' || attempt->without_replaces)
		return NULL;
	return attempt->wish->replaces;
}

static int post_order(struct attempt *attempt, struct acme_post *post, struct error *err)
{
	struct acme_session *session = attempt->session;
	CLEANUP(buf_done) struct buf payload = BUF(64 * 1024);
	const struct acme_order_wish wish = {
		.idents = attempt->wish->idents,
		.profile = attempt->wish->profile,
		.replaces = predecessor(attempt),
	};

	if (acme_order_payload(&wish, &payload, err) != 0)
		return -1;
	post->payload = buf_text(&payload);
	/* See post.h: with three names and more, the nonces that their authorizations will need come along. */
	if (attempt->wish->idents->count > 2)
		session->nonces_wanted = attempt->wish->idents->count;
	return acme_post_one(session, post, err);
}

/* Whether the CA said no to an order that names a predecessor. Which reason it has for that differs widely (409 alreadyReplaced or malformed, 403,
 * 404, 500): any but those that have nothing to do with it. */
static bool may_be_for_replaces(const struct attempt *attempt, const struct acme_post *post)
{
	if (!predecessor(attempt) || attempt->session->account_gone || post->exchange.result != 0)
		return false;
	return post->exchange.response.status >= 400 && post->error.kind != ERROR_LATER &&
	       post->problem != ACME_PROBLEM_RATE_LIMITED && post->problem != ACME_PROBLEM_BAD_NONCE;
}

static int accept_order(struct attempt *attempt, const struct acme_post *post, struct error *err)
{
	const struct acme_session *session = attempt->session;
	const char *location = post->exchange.response.location;

	if (location[0] == '\0')
		return error_set(err, ERROR_PROTOCOL, "newOrder at %s: the answer (HTTP %d) has no Location", session->host,
		                 post->exchange.response.status);
	if (acme_url_check(location, session->config.directory_url, "newOrder: Location", err) != 0 ||
	    read_order(attempt, post, err) != 0)
		return -1;
	text_copy(attempt->order_url, sizeof(attempt->order_url), location);
	acme_pace_begin(&attempt->pace, post->sent_ms, retry_at_of(attempt, post));
	return tell_order(attempt, "the order is placed", err);
}

static int new_order(struct attempt *attempt, struct error *err)
{
	const char *url = attempt->session->directory.new_order;
	CLEANUP(acme_post_done) struct acme_post post = { .what = "newOrder", .url = url };
	CLEANUP(acme_post_done) struct acme_post again = { .what = "newOrder", .url = url };

	attempt->resumed = false;
	if (tell_names(attempt, ACME_STEP_ORDER, "ordering a certificate for", err) != 0)
		return -1;
	if (post_order(attempt, &post, err) == 0)
		return accept_order(attempt, &post, err);
	if (!may_be_for_replaces(attempt, &post))
		return -1;
	attempt->without_replaces = true;
	if (acme_session_tell(attempt->session, ACME_STEP_ORDER,
	                      "the CA refused an order that names the certificate it replaces; ordering without that", err) != 0 ||
	    post_order(attempt, &again, err) != 0)
		return -1;
	return accept_order(attempt, &again, err);
}

/* Looks at the order of an earlier run. ATTEMPT_STALE when it leads nowhere; failures that say nothing of the order are failures. */
static int resume_order(struct attempt *attempt, struct error *err)
{
	int64_t now_at = acme_session_now_at(attempt->session);

	if (acme_session_tell(attempt->session, ACME_STEP_ORDER, "going on with the order of an earlier run", err) != 0)
		return -1;
	text_copy(attempt->order_url, sizeof(attempt->order_url), attempt->wish->order_url);
	attempt->resumed = true;
	acme_pace_begin(&attempt->pace, acme_session_now_ms(attempt->session), 0);
	if (acme_url_check(attempt->order_url, attempt->session->config.directory_url, "the order that was kept", err) != 0)
		return ATTEMPT_STALE;
	if (poll_order(attempt, err) != 0) {
		if (attempt->session->account_gone || (err->kind != ERROR_REFUSED && err->kind != ERROR_PROTOCOL))
			return -1;
		return ATTEMPT_STALE;
	}
	switch (attempt->order.status) {
	case ACME_ORDER_PENDING:
	case ACME_ORDER_READY:
		return attempt->order.expires_at != 0 && attempt->order.expires_at <= now_at ? ATTEMPT_STALE : 0;
	case ACME_ORDER_PROCESSING:
	case ACME_ORDER_VALID:
		attempt->finalized = true;
		return 0;
	case ACME_ORDER_INVALID:
		return ATTEMPT_STALE;
	}
	return 0;
}

/* The order is invalid, or a part of it: tells the reason by name. Always -1. */
static int fail_order(struct attempt *attempt, struct error *err)
{
	CLEANUP(acme_authorizations_done) struct acme_authorizations list = { 0 };
	struct acme_session *session = attempt->session;
	struct error ignored;
	/* What fails after the names were proven, the order itself tells. */
	bool known = (!attempt->finalized || attempt->order.problem == NULL) &&
	             acme_authorizations_fetch(session, &attempt->order.authorizations, attempt->wish->idents, no_types,
	                                       &list, &ignored) == 0;

	if (known && attempt->proven)
		acme_authorizations_give_up_stalled(&list);
	if (!known || acme_authorizations_failure(&list, acme_session_now_at(session), err) == 0) {
		acme_problem_from_json(attempt->order.problem, "the order failed", NULL, err);
		if (err->kind == ERROR_LATER)
			err->retry_at = acme_session_now_at(session) + 3600;
	}
	if (known)
		acme_authorizations_deactivate(session, &attempt->order.authorizations, &list);
	attempt->order.status = ACME_ORDER_INVALID;
	return -1;
}

/* Publishes what is to be proven, all of it before the CA is told of any: what cannot be published here costs no failed validation. */
static int publish(struct attempt *attempt, const struct acme_authorizations *list, struct error *err)
{
	if (acme_proofs_init(&attempt->proofs, list->count, err) != 0)
		return -1;
	for (size_t i = 0; i < list->count; i++) {
		const struct acme_authorization *a = &list->items[i];
		char text[IDENT_VALUE_SIZE + 32];

		if (a->status != ACME_AUTHORIZATION_PENDING)
			continue;
		snprintf(text, sizeof(text), "publishing the proof for %s", a->identifier.value);
		if (acme_session_tell(attempt->session, ACME_STEP_CHALLENGE, text, err) != 0 ||
		    acme_challenge_present(attempt->session, a, attempt->wish->challenges, &attempt->proofs, err) != 0)
			return -1;
	}
	return 0;
}

static int prove(struct attempt *attempt, struct error *err)
{
	CLEANUP(acme_authorizations_done) struct acme_authorizations list = { 0 };
	struct acme_session *session = attempt->session;

	if (tell_names(attempt, ACME_STEP_AUTHORIZATION, "reading how to prove", err) != 0)
		return -1;
	if (acme_authorizations_fetch(session, &attempt->order.authorizations, attempt->wish->idents,
	                              attempt->wish->challenges, &list, err) != 0)
		return attempt->resumed && (err->kind == ERROR_PROTOCOL || err->kind == ERROR_REFUSED) ? ATTEMPT_STALE : -1;
	if (acme_authorizations_any_failed(&list)) {
		if (attempt->resumed)
			return ATTEMPT_STALE;
		acme_authorizations_failure(&list, acme_session_now_at(session), err);
		attempt->order.status = ACME_ORDER_INVALID;
		return -1;
	}
	if (publish(attempt, &list, err) != 0 ||
	    tell_names(attempt, ACME_STEP_VALIDATION, "waiting for the CA to validate", err) != 0 ||
	    acme_challenge_answer(session, &attempt->proofs, err) != 0)
		return -1;
	attempt->proven = true;
	acme_pace_begin(&attempt->pace, attempt->proofs.sent_ms, 0);
	/* Where all was valid before, there is nothing to wait for. */
	return attempt->proofs.count == 0 ? poll_order(attempt, err) : 0;
}

/* An order that stays pending: some CAs leave it so although an authorization has failed. */
static int look_at_authorizations(struct attempt *attempt, struct error *err)
{
	CLEANUP(acme_authorizations_done) struct acme_authorizations list = { 0 };

	if (++attempt->pending_polls % LOOK_EVERY != 0)
		return 0;
	if (acme_authorizations_fetch(attempt->session, &attempt->order.authorizations, attempt->wish->idents, no_types,
	                              &list, err) != 0)
		return -1;
	acme_authorizations_give_up_stalled(&list);
	return acme_authorizations_any_failed(&list) ? fail_order(attempt, err) : 0;
}

static int print_finalize(struct attempt *attempt, struct buf *out, struct error *err)
{
	const struct acme_notary *notary = attempt->session->config.notary;
	json_auto_t *doc = NULL;

	if (attempt->csr.len == 0 && (notary->csr(notary->self, &attempt->csr, err) != 0 ||
	                              buf_check(&attempt->csr, "the certificate signing request", err) != 0))
		return -1;
	doc = json_pack("{s:s}", "csr", buf_text(&attempt->csr));
	return doc != NULL ? json_doc_print(doc, false, out, err) : error_oom(err);
}

/* A finalize without a clear answer may have arrived. What became of it the order tells, never a second finalize sent blindly. */
static bool may_have_arrived(struct attempt *attempt, const struct acme_post *post)
{
	int64_t retry_at = retry_at_of(attempt, post);

	if (post->error.kind == ERROR_LATER)
		return retry_at != 0 && retry_at - acme_session_now_at(attempt->session) <=
		                                attempt->session->config.limits.retry_after_max_s;
	return post->problem == ACME_PROBLEM_ORDER_NOT_READY || post->error.kind == ERROR_NETWORK;
}

static int finalize(struct attempt *attempt, struct error *err)
{
	struct acme_session *session = attempt->session;
	CLEANUP(buf_done) struct buf payload = BUF(CSR_MAX + 64);
	CLEANUP(acme_post_done) struct acme_post post = { .what = "finalize", .url = attempt->order.finalize, .once = true };

	/* All is proven: what was published has served. */
	acme_challenge_cleanup(session, &attempt->proofs);
	if (acme_session_tell(session, ACME_STEP_FINALIZE, "all names are proven; asking for the certificate", err) != 0 ||
	    print_finalize(attempt, &payload, err) != 0)
		return -1;
	post.payload = buf_text(&payload);
	attempt->finalizes++;
	if (acme_post_all(session, &post, 1, err) != 0)
		return -1;
	acme_pace_begin(&attempt->pace, post.sent_ms, retry_at_of(attempt, &post));
	if (post.result == 0) {
		attempt->finalized = true;
		return read_order(attempt, &post, err);
	}
	*err = post.error;
	if (!may_have_arrived(attempt, &post) || attempt->finalizes >= FINALIZES_MAX)
		return -1;
	return wait_and_poll(attempt, "finalize", err);
}

/* One step, by the status of the order. 1: the order is valid. */
enum { DRIVE_STALE = -2, DRIVE_FAILED = -1, DRIVE_GO_ON = 0, DRIVE_VALID = 1 };

static int drive_pending(struct attempt *attempt, struct error *err)
{
	int r;

	if (!attempt->proven) {
		r = prove(attempt, err);
		return r == ATTEMPT_STALE ? DRIVE_STALE : r;
	}
	r = wait_and_poll(attempt, "validation", err);
	return r == 0 && attempt->order.status == ACME_ORDER_PENDING ? look_at_authorizations(attempt, err) : r;
}

static int drive_once(struct attempt *attempt, struct error *err)
{
	switch (attempt->order.status) {
	case ACME_ORDER_PENDING:
		return drive_pending(attempt, err);
	case ACME_ORDER_READY:
		/* One that has our CSR and says ready again is a CA's inconsistency: one finalize is all it gets. */
		return attempt->finalized ? wait_and_poll(attempt, "finalize", err) : finalize(attempt, err);
	case ACME_ORDER_PROCESSING:
		attempt->finalized = true;
		return wait_and_poll(attempt, "the certificate", err);
	case ACME_ORDER_VALID:
		return DRIVE_VALID;
	case ACME_ORDER_INVALID:
		return fail_order(attempt, err);
	}
	return error_set(err, ERROR_INTERNAL, "an order without a status");
}

/* Whether the next run is to go on with this order. A CA that says no, or whose answers make no sense, is asked for a new one; but once it
 * has the CSR, only its no counts: a certificate may be waiting. */
static bool is_worth_keeping(const struct attempt *attempt, const struct error *err)
{
	if (attempt->order.status == ACME_ORDER_INVALID)
		return false;
	switch (err->kind) {
	case ERROR_REFUSED:
		return false;
	case ERROR_PROTOCOL:
		return attempt->finalized && (err->http_status < 400 || err->http_status >= 500);
	case ERROR_NONE:
	case ERROR_INTERNAL:
	case ERROR_USAGE:
	case ERROR_SYSTEM:
	case ERROR_NETWORK:
	case ERROR_LATER:
	case ERROR_DEPLOY:
	case ERROR_LOCKED:
	case ERROR_INTERRUPTED:
	case ERROR_CLOCK:
	case ERROR_KIND_COUNT:
		return true;
	}
	return true;
}

static int begin(struct attempt *attempt, struct error *err)
{
	int r;

	if (attempt->wish->order_url == NULL || attempt->wish->order_url[0] == '\0')
		return new_order(attempt, err);
	r = resume_order(attempt, err);
	if (r != ATTEMPT_STALE)
		return r;
	return forget_order(attempt, err) != 0 ? -1 : new_order(attempt, err);
}

static int run(struct attempt *attempt, struct buf *out, struct error *err)
{
	int r;

	if (begin(attempt, err) != 0)
		return -1;
	do {
		r = drive_once(attempt, err);
		/* Only an order of an earlier run can be that, so it happens once. */
		if (r == DRIVE_STALE) {
			acme_challenge_cleanup(attempt->session, &attempt->proofs);
			r = forget_order(attempt, err) != 0 ? DRIVE_FAILED : new_order(attempt, err);
		}
	} while (r == DRIVE_GO_ON);
	if (r != DRIVE_VALID)
		return -1;
	return acme_chain_fetch(attempt->session, attempt->order.certificate, attempt->wish->preferred_chain, out, err);
}

static int issue_once(struct acme_session *session, const struct acme_wish *wish, struct buf *out, struct error *err)
{
	CLEANUP(attempt_done) struct attempt attempt = { .session = session, .wish = wish, .order = ACME_ORDER,
		                                           .csr = BUF(CSR_MAX) };
	int r = run(&attempt, out, err);
	struct error ignored;

	acme_challenge_cleanup(session, &attempt.proofs);
	if (r != 0 && attempt.order_url[0] != '\0' && (session->account_gone || !is_worth_keeping(&attempt, err)))
		(void)forget_order(&attempt, &ignored);
	return r;
}

/* A profile that is only preferred is done without where the CA does not offer it. */
static int settle_profile(struct acme_session *session, struct acme_wish *wish, struct error *err)
{
	struct error refusal;

	error_clear(&refusal);
	if (acme_directory_check_profile(&session->directory, wish->profile, &refusal) == 0)
		return 0;
	if (wish->require_profile || refusal.kind != ERROR_REFUSED) {
		*err = refusal;
		return -1;
	}
	snprintf(session->warning, sizeof(session->warning), "%.400s; ordered without one: %.500s", refusal.message,
	         refusal.advice);
	wish->profile = NULL;
	return 0;
}

static int prepare(struct acme_session *session, struct acme_wish *wish, struct error *err)
{
	int r;

	if (acme_session_is_later(session, err))
		return -1;
	r = acme_session_need_directory(session, err);
	if (r == 0)
		r = settle_profile(session, wish, err);
	if (r == 0)
		r = acme_account_need(session, err);
	if (r != 0)
		acme_session_note_later(session, err);
	return r;
}

int acme_issue(struct acme_session *session, const struct acme_wish *wish, struct buf *out_pem, struct error *err)
{
	struct acme_wish mine = *wish;
	int r;

	session->deadline_ms = acme_session_now_ms(session) + session->config.limits.attempt_ms;
	session->account_gone = false;
	session->warning[0] = '\0';
	if (prepare(session, &mine, err) != 0)
		return -1;
	r = issue_once(session, &mine, out_pem, err);
	if (r == 0 || !session->account_gone || session->registered_anew)
		return r;

	/* The CA has lost the account, or was exchanged for another one at the same URL: registered once more, with the same key, and once only. */
	session->registered_anew = true;
	session->account_gone = false;
	session->account_url[0] = '\0';
	mine.order_url = NULL;
	if (prepare(session, &mine, err) != 0)
		return -1;
	return issue_once(session, &mine, out_pem, err);
}
