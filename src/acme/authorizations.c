#include "acme/authorizations.h"

#include "acme/post.h"
#include "acme/problem.h"
#include "acme/session.h"
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

enum {
	TOLD_MAX = 2600, /* octets of a message for all identifiers together */
	DETAIL_MIN = 80,
	DETAIL_MAX = 800,
	LATER_S = 3600, /* a challenge that failed by a rate limit: challenges have no Retry-After */
};

struct posts {
	struct acme_post *items;
	size_t count;
};

static void posts_done(struct posts *posts)
{
	for (size_t i = 0; i < posts->count; i++)
		acme_post_done(&posts->items[i]);
	free(posts->items);
}

static int posts_init(struct posts *posts, size_t count, struct error *err)
{
	posts->items = calloc(count > 0 ? count : 1, sizeof(*posts->items));
	if (posts->items == NULL)
		return error_oom(err);
	posts->count = count;
	return 0;
}

void acme_authorizations_done(struct acme_authorizations *list)
{
	for (size_t i = 0; i < list->count; i++)
		acme_authorization_done(&list->items[i]);
	free(list->items);
	*list = (struct acme_authorizations){ 0 };
}

static int read_answer(struct acme_session *session, const struct acme_post *post, const struct ident_list *idents,
                       const char *const *types, struct acme_authorization *ret, struct error *err)
{
	const struct http_response *response = &post->exchange.response;

	if (post->result != 0) {
		*err = post->error;
		return -1;
	}
	if (acme_post_check_body(response, post->what, err) != 0 ||
	    acme_authorization_parse(buf_text(&response->body), response->body.len, session->config.directory_url, idents,
	                             types, ret, err) != 0)
		return acme_post_blame(session, err);
	return 0;
}

int acme_authorizations_fetch(struct acme_session *session, const struct strv *urls, const struct ident_list *idents,
                              const char *const *types, struct acme_authorizations *ret, struct error *err)
{
	CLEANUP(acme_authorizations_done) struct acme_authorizations list = { 0 };
	CLEANUP(posts_done) struct posts posts = { 0 };

	if (posts_init(&posts, urls->count, err) != 0)
		return -1;
	for (size_t i = 0; i < urls->count; i++) {
		posts.items[i].what = "the authorization";
		posts.items[i].url = urls->items[i];
		posts.items[i].payload = "";
	}
	if (acme_post_all(session, posts.items, posts.count, err) != 0)
		return -1;
	list.items = calloc(urls->count > 0 ? urls->count : 1, sizeof(*list.items));
	if (list.items == NULL)
		return error_oom(err);
	for (; list.count < urls->count; list.count++)
		if (read_answer(session, &posts.items[list.count], idents, types, &list.items[list.count], err) != 0)
			return -1;
	*ret = list;
	list = (struct acme_authorizations){ 0 };
	return 0;
}

static bool has_failed(const struct acme_authorization *authorization)
{
	switch (authorization->status) {
	case ACME_AUTHORIZATION_PENDING:
		return authorization->given_up;
	case ACME_AUTHORIZATION_VALID:
		return false;
	case ACME_AUTHORIZATION_INVALID:
	case ACME_AUTHORIZATION_DEACTIVATED:
	case ACME_AUTHORIZATION_EXPIRED:
	case ACME_AUTHORIZATION_REVOKED:
		return true;
	}
	return true;
}

static size_t count_failed(const struct acme_authorizations *list)
{
	size_t n = 0;

	for (size_t i = 0; i < list->count; i++)
		n += has_failed(&list->items[i]);
	return n;
}

void acme_authorizations_give_up_stalled(struct acme_authorizations *list)
{
	for (size_t i = 0; i < list->count; i++)
		list->items[i].given_up = list->items[i].stalled;
}

bool acme_authorizations_any_failed(const struct acme_authorizations *list)
{
	return count_failed(list) > 0;
}

/* "a.example (dns: no such name); b.example (...)": all of them, with as much of each detail as there is room for. */
static void tell_failed(const struct acme_authorizations *list, size_t failed, struct buf *out)
{
	size_t told = 0, room = TOLD_MAX / failed;
	size_t detail_max = room > DETAIL_MAX + 100 ? DETAIL_MAX : room > DETAIL_MIN + 100 ? room - 100 : DETAIL_MIN;

	for (size_t i = 0; i < list->count; i++) {
		const struct acme_authorization *a = &list->items[i];
		CLEANUP(buf_done) struct buf reason = BUF(ERROR_MESSAGE_MAX);

		if (!has_failed(a))
			continue;
		if (a->problem != NULL)
			acme_problem_describe(a->problem, detail_max, &reason);
		else
			buf_printf(&reason, "the authorization is %s", acme_authorization_status_name(a->status));
		if (buf_printf(out, "%s%s (%s)", told > 0 ? "; " : "", a->identifier.value, buf_text(&reason)) != 0) {
			/* A hundred long names may not fit: the rest by number. */
			out->failed = false;
			buf_printf(out, "; and %zu more", failed - told);
			return;
		}
		told++;
	}
}

static json_t *problem_with_identifier(const struct acme_authorization *a)
{
	json_t *problem = a->problem != NULL ? json_copy(a->problem) : json_object();

	if (problem == NULL || json_object_get(problem, "identifier") != NULL)
		return problem;
	json_object_set_new(problem, "identifier",
	                    json_pack("{s:s,s:s}", "type", ident_type_name(a->identifier.type), "value",
	                              a->identifier.value));
	return problem;
}

static void keep_problems(const struct acme_authorizations *list, size_t failed, struct error *err)
{
	json_auto_t *compound = json_pack("{s:s,s:s,s:[]}", "type", "urn:ietf:params:acme:error:compound", "detail",
	                                  "several identifiers failed", "subproblems");

	for (size_t i = 0; i < list->count; i++) {
		const struct acme_authorization *a = &list->items[i];

		if (!has_failed(a))
			continue;
		if (failed == 1) {
			json_auto_t *only = problem_with_identifier(a);

			acme_problem_keep(only, err);
			return;
		}
		json_array_append_new(json_object_get(compound, "subproblems"), problem_with_identifier(a));
	}
	acme_problem_keep(compound, err);
}

/* The kind of the whole: what an operator must mend outweighs what passes by itself, and that what has a time. */
static enum error_kind kind_of_failed(const struct acme_authorizations *list, enum acme_problem_type *ret_first)
{
	enum error_kind kind = ERROR_NONE;

	for (size_t i = 0; i < list->count; i++) {
		const struct acme_authorization *a = &list->items[i];
		struct error one;
		enum acme_problem_type type;

		if (!has_failed(a))
			continue;
		acme_problem_from_json(a->problem, "", &type, &one);
		if (kind == ERROR_NONE || (kind != ERROR_REFUSED && one.kind == ERROR_REFUSED) ||
		    (kind == ERROR_LATER && one.kind != ERROR_LATER)) {
			kind = one.kind;
			*ret_first = type;
		}
	}
	return kind;
}

int acme_authorizations_failure(const struct acme_authorizations *list, int64_t now_at, struct error *err)
{
	CLEANUP(buf_done) struct buf told = BUF(ERROR_MESSAGE_MAX - 200);
	enum acme_problem_type first = ACME_PROBLEM_OTHER;
	size_t failed = count_failed(list);
	enum error_kind kind;

	if (failed == 0)
		return 0;
	kind = kind_of_failed(list, &first);
	tell_failed(list, failed, &told);
	error_set(err, kind, "the CA could not validate %zu of %zu names: %s", failed, list->count, buf_text(&told));
	if (kind == ERROR_LATER)
		err->retry_at = now_at + LATER_S;
	error_advise(err, "%s", acme_problem_advice(first));
	keep_problems(list, failed, err);
	return -1;
}

void acme_authorizations_deactivate(struct acme_session *session, const struct strv *urls,
                                    const struct acme_authorizations *list)
{
	CLEANUP(posts_done) struct posts posts = { 0 };
	struct error ignored;
	size_t n = 0;

	if (posts_init(&posts, ACME_PARALLEL_MAX, &ignored) != 0)
		return;
	for (size_t i = 0; i < list->count && n < ACME_PARALLEL_MAX; i++) {
		if (list->items[i].status != ACME_AUTHORIZATION_PENDING)
			continue;
		posts.items[n++] = (struct acme_post){ .what = "deactivating an authorization", .url = urls->items[i],
			                               .payload = "{\"status\":\"deactivated\"}", .once = true };
	}
	(void)acme_post_all(session, posts.items, n, &ignored);
}
