#include "acme/authorization.h"

#include "acme/order.h"
#include "acme/url.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/text.h"
#include "jose/jwk.h"
#include "json/doc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLACE_SIZE = 384 };

static const char *const status_names[] = {
	[ACME_AUTHORIZATION_PENDING] = "pending",   [ACME_AUTHORIZATION_VALID] = "valid",
	[ACME_AUTHORIZATION_INVALID] = "invalid",   [ACME_AUTHORIZATION_DEACTIVATED] = "deactivated",
	[ACME_AUTHORIZATION_EXPIRED] = "expired",   [ACME_AUTHORIZATION_REVOKED] = "revoked",
};

static const char *const challenge_status_names[] = {
	[ACME_CHALLENGE_PENDING] = "pending",
	[ACME_CHALLENGE_PROCESSING] = "processing",
	[ACME_CHALLENGE_VALID] = "valid",
	[ACME_CHALLENGE_INVALID] = "invalid",
};

void acme_authorization_done(struct acme_authorization *authorization)
{
	free(authorization->challenges);
	authorization->challenges = NULL;
	authorization->challenge_count = 0;
	json_decref(authorization->problem);
	authorization->problem = NULL;
}

const char *acme_authorization_status_name(enum acme_authorization_status status)
{
	return status_names[status];
}

static int read_status(const json_t *object, const char *place, const char *const *names, size_t count, size_t *ret,
                       struct error *err)
{
	const char *text = NULL;

	if (json_need_string(object, place, "status", &text, err) != 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (text_equal(text, names[i])) {
			*ret = i;
			return 0;
		}
	}
	return error_set(err, ERROR_PROTOCOL, "%s: .status is \"%.40s\", which it cannot be", place, text);
}

static bool is_asked_for(const char *type, const char *const *types)
{
	for (; *types != NULL; types++)
		if (text_equal(type, *types))
			return true;
	return false;
}

/* The token is looked at before anything else sees it, and refused, not mended: it becomes a file name. */
static int read_token(const json_t *object, const char *place, struct acme_challenge *ret, struct error *err)
{
	const char *token = NULL;

	if (json_need_string(object, place, "token", &token, err) != 0)
		return -1;
	if (jwk_check_token(token, err) != 0)
		return error_context(err, "%s: .token", place);
	if (!text_copy(ret->token, sizeof(ret->token), token))
		return error_set(err, ERROR_PROTOCOL, "%s: .token is longer than %d octets", place, ACME_TOKEN_MAX);
	return 0;
}

static int read_challenge(const json_t *object, const char *place, const char *type, const char *directory_url,
                          struct acme_challenge *ret, struct error *err)
{
	const char *url = NULL;
	char url_place[PLACE_SIZE + 16];
	size_t status = 0;

	if (!text_copy(ret->type, sizeof(ret->type), type))
		return error_set(err, ERROR_PROTOCOL, "%s: .type is too long", place);
	if (read_token(object, place, ret, err) != 0 ||
	    read_status(object, place, challenge_status_names, ARRAY_SIZE(challenge_status_names), &status, err) != 0 ||
	    json_need_string(object, place, "url", &url, err) != 0)
		return -1;
	ret->status = (enum acme_challenge_status)status;
	snprintf(url_place, sizeof(url_place), "%s: .url", place);
	if (acme_url_check(url, directory_url, url_place, err) != 0)
		return -1;
	text_copy(ret->url, sizeof(ret->url), url);
	return 0;
}

static void add_offered(struct acme_authorization *authorization, const char *type)
{
	size_t len = strlen(authorization->offered);

	/* What does not fit is for a message only. */
	if (len + strlen(type) + sizeof(", ") <= sizeof(authorization->offered))
		snprintf(authorization->offered + len, sizeof(authorization->offered) - len, "%s%s", len > 0 ? ", " : "",
		         type);
}

static void note_problem(const json_t *object, struct acme_authorization *authorization)
{
	json_t *problem = json_object_get(object, "error");

	const char *status = json_string_value(json_object_get(object, "status"));

	if (!json_is_object(problem))
		return;
	if (authorization->problem == NULL)
		authorization->problem = json_incref(problem);
	if (authorization->status == ACME_AUTHORIZATION_PENDING && status != NULL && text_equal(status, "pending"))
		authorization->stalled = true;
}

static int read_challenges(const json_t *doc, const char *what, const char *directory_url, const char *const *types,
                           struct acme_authorization *ret, struct error *err)
{
	const json_t *array = NULL, *item;
	char place[PLACE_SIZE];
	size_t i;
	int r = *types != NULL ? json_need_array(doc, what, "challenges", &array, err)
	                       : json_field_array(doc, what, "challenges", &array, err);

	if (r != JSON_FIELD_OK)
		return r < 0 ? -1 : 0;
	if (json_array_size(array) > ACME_CHALLENGES_MAX)
		return error_set(err, ERROR_PROTOCOL, "%s: .challenges has more than %d members", what, ACME_CHALLENGES_MAX);
	ret->challenges = calloc(json_array_size(array) + 1, sizeof(*ret->challenges));
	if (ret->challenges == NULL)
		return error_oom(err);
	json_array_foreach(array, i, item) {
		const char *type = NULL;

		snprintf(place, sizeof(place), "%s: .challenges[%zu]", what, i);
		if (!json_is_object(item))
			return error_set(err, ERROR_PROTOCOL, "%s is not an object", place);
		if (json_need_string(item, place, "type", &type, err) != 0)
			return -1;
		add_offered(ret, type);
		note_problem(item, ret);
		if (!is_asked_for(type, types) || acme_authorization_find(ret, type) != NULL)
			continue;
		if (read_challenge(item, place, type, directory_url, &ret->challenges[ret->challenge_count], err) != 0)
			return -1;
		ret->challenge_count++;
	}
	return 0;
}

static int read_identifier(const json_t *doc, const struct ident_list *idents, struct ident *ret, struct error *err)
{
	static const char what[] = "the authorization";
	const json_t *object = NULL;
	bool wildcard = false;

	if (json_need_object(doc, what, "identifier", &object, err) != 0 ||
	    json_field_bool(doc, what, "wildcard", &wildcard, err) < 0 ||
	    acme_order_parse_identifier(object, "the authorization: .identifier", wildcard, ret, err) != 0)
		return -1;
	if (!ident_list_contains(idents, ret))
		return error_set(err, ERROR_PROTOCOL, "%s is for \"%s\", which was not ordered", what, ret->value);
	return 0;
}

int acme_authorization_parse(const char *data, size_t len, const char *directory_url, const struct ident_list *idents,
                             const char *const *types, struct acme_authorization *ret, struct error *err)
{
	CLEANUP(acme_authorization_done) struct acme_authorization a = { 0 };
	static const char *const none[] = { NULL };
	json_auto_t *doc = NULL;
	char what[PLACE_SIZE - 64];
	size_t status = 0;

	if (json_doc_parse(data, len, "the authorization", &doc, err) != 0 ||
	    read_identifier(doc, idents, &a.identifier, err) != 0)
		return -1;
	snprintf(what, sizeof(what), "the authorization of %s", a.identifier.value);
	if (read_status(doc, what, status_names, ARRAY_SIZE(status_names), &status, err) != 0)
		return -1;
	a.status = (enum acme_authorization_status)status;
	if (a.status != ACME_AUTHORIZATION_PENDING)
		types = none;
	if (read_challenges(doc, what, directory_url, types, &a, err) != 0)
		return -1;
	*ret = a;
	a.challenges = NULL;
	a.problem = NULL;
	return 0;
}

const struct acme_challenge *acme_authorization_find(const struct acme_authorization *authorization, const char *type)
{
	for (size_t i = 0; i < authorization->challenge_count; i++)
		if (text_equal(authorization->challenges[i].type, type))
			return &authorization->challenges[i];
	return NULL;
}
