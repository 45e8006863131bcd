#include "acme/renewal.h"

#include "acme/post.h"
#include "acme/problem.h"
#include "acme/session.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/text.h"
#include "json/doc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_MAX = 16 * 1024 };

static const char what[] = "the renewal information";

struct batch {
	struct http_exchange exchanges[ACME_RENEWAL_BATCH];
	char urls[ACME_RENEWAL_BATCH][HTTP_URL_MAX + ACME_RENEWAL_ID_MAX + 2];
	size_t count;
};

static void batch_cleanup(struct batch **batch)
{
	for (size_t i = 0; *batch && i < (*batch)->count; i++)
		http_exchange_done(&(*batch)->exchanges[i]);
	free(*batch);
}

int acme_renewal_parse(const char *data, size_t len, struct acme_renewal *item, struct error *err)
{
	static const char place[] = "the renewal information: .suggestedWindow";
	json_auto_t *doc = NULL;
	const json_t *window;
	const char *url = NULL;
	int64_t start_at = 0, end_at = 0;
	int r;

	if (json_doc_parse(data, len, what, &doc, err) < 0 ||
	    json_need_object(doc, what, "suggestedWindow", &window, err) < 0)
		return -1;
	r = json_field_time(window, place, "start", &start_at, err);
	if (r == JSON_FIELD_OK)
		r = json_field_time(window, place, "end", &end_at, err);
	if (r != JSON_FIELD_OK)
		return r < 0 ? -1 : error_set(err, ERROR_PROTOCOL, "%s lacks .start or .end", place);
	if (end_at <= start_at)
		return error_set(err, ERROR_PROTOCOL, "%s ends before it begins", place);
	if (json_field_string(doc, what, "explanationURL", &url, err) < 0)
		return -1;
	item->start_at = start_at;
	item->end_at = end_at;
	item->explanation_url[0] = '\0';
	/* One that is cut would be another. */
	if (url && strlen(url) < sizeof(item->explanation_url))
		text_copy(item->explanation_url, sizeof(item->explanation_url), url);
	text_clean(item->explanation_url);
	return 0;
}

static void set_failure(struct acme_renewal *item, enum acme_renewal_answer answer, const struct error *error)
{
	item->answer = answer;
	text_copy(item->reason, sizeof(item->reason), error->message);
	text_clean(item->reason);
}

/* RFC 9773 section 4.3.3: a name that is not known and a port where nobody listens are no passing trouble. */
static enum acme_renewal_answer answer_without(enum http_failure failure, const struct error *error)
{
	switch (failure) {
	case HTTP_FAILURE_NAME:
	case HTTP_FAILURE_REFUSED:
		return ACME_RENEWAL_LASTING;
	case HTTP_FAILURE_NONE:
	case HTTP_FAILURE_TIMEOUT:
		break;
	}
	return error->kind == ERROR_NETWORK ? ACME_RENEWAL_TEMPORARY : ACME_RENEWAL_LASTING;
}

/* Reads what came of one question. True when the rest is not to be asked. */
static bool settle(const struct acme_session *session, const struct http_exchange *x, struct acme_renewal *item)
{
	const int64_t now_at = acme_session_now_at(session);
	const struct http_response *response = &x->response;
	struct error error;

	error_clear(&error);
	if (x->result < 0) {
		set_failure(item, answer_without(x->failure, &x->error), &x->error);
		return x->error.kind == ERROR_NETWORK;
	}
	item->retry_at = http_retry_after(response, now_at);
	if (response->status < 200 || response->status > 299) {
		bool passes = response->status >= 500 || response->status == 429;

		acme_problem_from_response(response, what, now_at, NULL, &error);
		if (passes && item->retry_at == 0)
			item->retry_at = error.retry_at;
		set_failure(item, passes ? ACME_RENEWAL_TEMPORARY : ACME_RENEWAL_LASTING, &error);
		return passes && item->retry_at != 0;
	}
	if (acme_post_check_body(response, what, &error) < 0 ||
	    acme_renewal_parse(buf_text(&response->body), response->body.len, item, &error) < 0)
		set_failure(item, ACME_RENEWAL_LASTING, &error);
	else
		item->answer = ACME_RENEWAL_WINDOW;
	return false;
}

/* *ret_stop is one of the items when the rest is not to be asked: it says why. */
static int ask_batch(struct acme_session *session, struct acme_renewal *items, size_t count, const struct acme_renewal **ret_stop,
                     struct error *err)
{
	CLEANUP(batch_cleanup) struct batch *batch = calloc(1, sizeof(*batch));
	struct http_exchange *list[ACME_RENEWAL_BATCH];
	struct http_request request = { .method = HTTP_GET, .https_only = true, .limits = session->config.limits.http };
	const char *base = session->directory.renewal_info;

	if (!batch)
		return error_oom(err);
	request.limits.body_max = BODY_MAX;
	for (; batch->count < count; batch->count++) {
		char *url = batch->urls[batch->count];

		/* One that gets too long is refused before it is asked. */
		snprintf(url, sizeof(batch->urls[0]), "%s%s%s", base, text_has_suffix(base, "/") ? "" : "/",
		         items[batch->count].id);
		request.url = url;
		http_exchange_init(&batch->exchanges[batch->count], &request);
		list[batch->count] = &batch->exchanges[batch->count];
	}
	if (http_perform_all(session->config.http, list, count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (settle(session, &batch->exchanges[i], &items[i]) && !*ret_stop)
			*ret_stop = &items[i];
	}
	return 0;
}

/* What is not asked any more is as what said so; all that is left for the next time is the attempt's time-out. */
static void give_up(struct acme_renewal *items, size_t count, const struct acme_renewal *why)
{
	for (size_t i = 0; i < count; i++) {
		items[i].answer = why ? why->answer : ACME_RENEWAL_TEMPORARY;
		items[i].retry_at = why ? why->retry_at : 0;
		text_copy(items[i].reason, sizeof(items[i].reason), why ? why->reason : "the time for asking was over");
	}
}

/* Without the directory nothing can be asked. 0 when that is an answer for all; -1 when it may pass. */
static int answer_all(struct acme_session *session, struct acme_renewal *items, size_t count, struct error *err)
{
	acme_session_note_later(session, err);
	if (answer_without(session->directory_failure, err) != ACME_RENEWAL_LASTING || err->kind != ERROR_NETWORK)
		return -1;
	for (size_t i = 0; i < count; i++)
		set_failure(&items[i], ACME_RENEWAL_LASTING, err);
	return 0;
}

int acme_renewal_ask(struct acme_session *session, struct acme_renewal *items, size_t count, struct error *err)
{
	const struct acme_renewal *stop = NULL;
	size_t asked = 0;

	session->deadline_ms = acme_session_now_ms(session) + session->config.limits.attempt_ms;
	if (acme_session_is_later(session, err))
		return -1;
	if (acme_session_need_directory(session, err) < 0)
		return answer_all(session, items, count, err);
	if (session->directory.renewal_info[0] == '\0') {
		for (size_t i = 0; i < count; i++)
			items[i].answer = ACME_RENEWAL_UNSUPPORTED;
		return 0;
	}
	while (asked < count && !stop && acme_session_left_ms(session) > 0) {
		size_t n = count - asked < ACME_RENEWAL_BATCH ? count - asked : ACME_RENEWAL_BATCH;

		if (ask_batch(session, items + asked, n, &stop, err) < 0)
			return -1;
		asked += n;
	}
	if (asked < count)
		give_up(items + asked, count - asked, stop);
	return 0;
}
