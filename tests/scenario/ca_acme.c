/* ca_acme.c: the resources of RFC 8555 as the scripted CA has them. */
#include "ca_internal.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AUTHORIZATION_S = 7 * 24 * 3600, ORDER_S = 7 * 24 * 3600 };

static const char *const status_names[] = {
	[CA_PENDING] = "pending", [CA_READY] = "ready",     [CA_PROCESSING] = "processing",   [CA_VALID] = "valid",
	[CA_INVALID] = "invalid", [CA_EXPIRED] = "expired", [CA_DEACTIVATED] = "deactivated",
};

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

static json_t *url_json(const struct ca *ca, const char *path, size_t id)
{
	return json_sprintf("%s/%s/%zu", ca->base, path, id);
}

static void set_location(const struct ca *ca, struct ca_answer *answer, const char *path, size_t id)
{
	snprintf(answer->location, sizeof(answer->location), "%s/%s/%zu", ca->base, path, id);
}

static size_t account_id(const struct ca *ca, const struct ca_request *request)
{
	return (size_t)(request->account - ca->accounts);
}

static json_t *time_json(int64_t at)
{
	char text[TIME_TEXT_SIZE];

	return json_string(time_format(at, text));
}

/* --- directory and account --- */

static void directory(struct ca *ca, struct ca_answer *answer)
{
	json_t *meta = json_object();

	answer->json = json_pack("{s:s}", "Fz4_random", "https://community.example/t/adding-random-entries");
	json_object_set_new(answer->json, "newNonce", json_sprintf("%s/new-nonce", ca->base));
	json_object_set_new(answer->json, "newAccount", json_sprintf("%s/new-account", ca->base));
	json_object_set_new(answer->json, "newOrder", json_sprintf("%s/new-order", ca->base));
	json_object_set_new(answer->json, "revokeCert", json_sprintf("%s/revoke", ca->base));
	json_object_set_new(answer->json, "keyChange", json_sprintf("%s/key-change", ca->base));
	if (!ca->without_renewal_info)
		json_object_set_new(answer->json, "renewalInfo", json_sprintf("%s/renewal-info", ca->base));
	if (ca->terms_of_service[0] != '\0')
		json_object_set_new(meta, "termsOfService", json_string(ca->terms_of_service));
	if (ca->external_account_required)
		json_object_set_new(meta, "externalAccountRequired", json_true());
	if (ca->profiles[0][0] != '\0') {
		json_t *profiles = json_object();

		for (size_t i = 0; i < 4 && ca->profiles[i][0] != '\0'; i++)
			json_object_set_new(profiles, ca->profiles[i], json_string("a profile"));
		json_object_set_new(meta, "profiles", profiles);
	}
	json_object_set_new(answer->json, "meta", meta);
}

static void new_account(struct ca *ca, const struct ca_request *request, struct ca_answer *answer)
{
	size_t id = 0;

	if (request->account != NULL) {
		ca_violation(ca, "newAccount with a kid");
		ca_answer_problem(answer, 400, "malformed", "newAccount takes a jwk");
		return;
	}
	while (id < ca->account_count && !(ca->accounts[id].used && text_equal(ca->accounts[id].jwk, request->jwk)))
		id++;
	answer->status = 200;
	if (id < ca->account_count && ca->accounts[id].status != CA_VALID) {
		ca_answer_problem(answer, 403, "unauthorized", "the account is deactivated");
		return;
	}
	if (id == ca->account_count && json_is_true(json_object_get(request->body, "onlyReturnExisting"))) {
		ca_answer_problem(answer, 400, "accountDoesNotExist", "no account has that key");
		return;
	}
	if (id == ca->account_count) {
		if (ca->terms_of_service[0] != '\0' && !json_is_true(json_object_get(request->body, "termsOfServiceAgreed"))) {
			ca_answer_problem(answer, 403, "userActionRequired", "agree to the terms of service");
			return;
		}
		if (ca->external_account_required && json_object_get(request->body, "externalAccountBinding") == NULL) {
			ca_answer_problem(answer, 403, "externalAccountRequired", "an external account is required");
			return;
		}
		if (id == CA_ACCOUNTS_MAX) {
			ca_answer_problem(answer, 500, "serverInternal", "too many accounts for this script");
			return;
		}
		ca->account_count++;
		ca->accounts[id] = (struct ca_account){ .used = true, .status = CA_VALID };
		ca->accounts[id].bound = json_object_get(request->body, "externalAccountBinding") != NULL;
		text_copy(ca->accounts[id].jwk, sizeof(ca->accounts[id].jwk), request->jwk);
		if (json_array_size(json_object_get(request->body, "contact")) > 0)
			text_copy(ca->accounts[id].contact, sizeof(ca->accounts[id].contact),
			          json_string_value(json_array_get(json_object_get(request->body, "contact"), 0)));
		answer->status = 201;
	}
	set_location(ca, answer, "account", id);
	answer->json = json_pack("{s:s}", "status", "valid");
}

static void account(struct ca *ca, const struct ca_request *request, struct ca_answer *answer)
{
	if (request->account == NULL || request->id != account_id(ca, request)) {
		ca_answer_problem(answer, 403, "unauthorized", "not your account");
		return;
	}
	if (text_equal(text_of(request->body, "status"), "deactivated"))
		request->account->status = CA_DEACTIVATED;
	if (json_is_string(json_array_get(json_object_get(request->body, "contact"), 0)))
		text_copy(request->account->contact, sizeof(request->account->contact),
		          json_string_value(json_array_get(json_object_get(request->body, "contact"), 0)));
	answer->json = json_pack("{s:s}", "status", status_names[request->account->status]);
	if (request->account->contact[0] != '\0')
		json_object_set_new(answer->json, "contact", json_pack("[s]", request->account->contact));
}

/* --- authorizations and challenges --- */

/* What time does to it. */
static void settle_authorization(struct ca *ca, struct ca_authorization *a)
{
	if (a->status == CA_PENDING && a->answered && ca->monotonic_ms >= a->done_at_ms)
		a->status = a->problem_type[0] == '\0' ? CA_VALID : ca->stalls ? CA_PENDING : CA_INVALID;
	if ((a->status == CA_PENDING || a->status == CA_VALID) && ca_now_at(ca) >= a->expires_at)
		a->status = CA_EXPIRED;
}

static json_t *challenge_json(struct ca *ca, size_t id, const char *type, size_t number)
{
	struct ca_authorization *a = &ca->authorizations[id];
	bool mine = a->answered && text_equal(a->answered_type, type);
	bool stalled = mine && ca->stalls && a->status == CA_PENDING && ca->monotonic_ms >= a->done_at_ms;
	const char *status = !mine || stalled ? "pending" : a->status == CA_PENDING ? "processing" : status_names[a->status];
	json_t *json = json_pack("{s:s,s:s,s:s}", "type", type, "status", status, "token", a->token);

	json_object_set_new(json, "url", json_sprintf("%s/challenge/%zu/%zu", ca->base, id, number));
	if (mine && (a->status == CA_INVALID || stalled))
		json_object_set_new(json, "error",
		                    json_pack("{s:o,s:s,s:i}", "type",
		                              json_sprintf("urn:ietf:params:acme:error:%s", a->problem_type), "detail",
		                              a->problem_detail, "status", 400));
	return json;
}

static const char *const challenge_types[] = { "dns-01", "tls-alpn-01", "http-01" };

static json_t *authorization_json(struct ca *ca, size_t id)
{
	struct ca_authorization *a = &ca->authorizations[id];
	json_t *list = json_array();
	json_t *json;

	/* One that clients do not know yet, without a token, first. */
	json_array_append_new(list, json_pack("{s:s,s:s}", "type", "dns-persist-01", "status", "pending"));
	for (size_t i = 0; i < (a->wildcard ? 1 : 3); i++)
		json_array_append_new(list, challenge_json(ca, id, challenge_types[i], i));
	json = json_pack("{s:{s:s,s:s},s:s,s:o,s:o}", "identifier", "type", a->type, "value", a->value, "status",
	                 status_names[a->status], "expires", time_json(a->expires_at), "challenges", list);
	if (a->wildcard)
		json_object_set_new(json, "wildcard", json_true());
	return json;
}

static struct ca_authorization *own_authorization(struct ca *ca, const struct ca_request *request,
                                                  struct ca_answer *answer)
{
	struct ca_authorization *a = &ca->authorizations[request->id < CA_AUTHORIZATIONS_MAX ? request->id : 0];

	if (request->id >= ca->authorization_count || request->account == NULL || a->account != account_id(ca, request)) {
		ca_answer_problem(answer, 404, "malformed", "no such authorization");
		return NULL;
	}
	settle_authorization(ca, a);
	return a;
}

static void authorization(struct ca *ca, const struct ca_request *request, struct ca_answer *answer)
{
	struct ca_authorization *a = own_authorization(ca, request, answer);

	if (a == NULL)
		return;
	if (text_equal(text_of(request->body, "status"), "deactivated") && a->status == CA_PENDING)
		a->status = CA_DEACTIVATED;
	answer->json = authorization_json(ca, request->id);
}

static bool finds_proof(struct ca *ca, const struct ca_authorization *a)
{
	char path[2048], thumbprint[64], found[512] = "", wanted[512];
	FILE *file;

	if (ca->validation == CA_VALIDATE_ALWAYS)
		return true;
	snprintf(path, sizeof(path), "%s/.well-known/acme-challenge/%s", ca->webroot, a->token);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	if (fgets(found, sizeof(found), file) == NULL)
		found[0] = '\0';
	fclose(file);
	found[strcspn(found, " \r\n")] = '\0';
	ca_thumbprint(ca->accounts[a->account].jwk, thumbprint);
	snprintf(wanted, sizeof(wanted), "%s.%s", a->token, thumbprint);
	return text_equal(found, wanted);
}

static void validate(struct ca *ca, struct ca_authorization *a, const char *type)
{
	a->answered = true;
	text_copy(a->answered_type, sizeof(a->answered_type), type);
	a->done_at_ms = ca->monotonic_ms + ca->validation_ms;
	for (size_t i = 0; i < CA_FAILURES_MAX; i++) {
		struct ca_failure *failure = &ca->failures[i];

		if (failure->times == 0 || !text_equal(failure->value, a->value))
			continue;
		if (failure->times > 0)
			failure->times--;
		text_copy(a->problem_type, sizeof(a->problem_type), failure->type);
		text_copy(a->problem_detail, sizeof(a->problem_detail), failure->detail);
		return;
	}
	if (text_equal(type, "http-01") && !finds_proof(ca, a)) {
		text_copy(a->problem_type, sizeof(a->problem_type), "unauthorized");
		text_copy(a->problem_detail, sizeof(a->problem_detail), "the proof was not found, or another one was");
	}
}

static void challenge(struct ca *ca, const struct ca_request *request, struct ca_answer *answer)
{
	struct ca_authorization *a = own_authorization(ca, request, answer);
	size_t number = request->tail[0] == '/' ? strtoul(request->tail + 1, NULL, 10) : 9;

	if (a == NULL)
		return;
	if (number > 2) {
		ca_answer_problem(answer, 404, "malformed", "no such challenge");
		return;
	}
	if (request->payload[0] != '\0') {
		if (!json_is_object(request->body) || json_object_size(request->body) != 0) {
			ca_violation(ca, "a challenge was answered with more than {}");
			ca_answer_problem(answer, 400, "malformed", "the payload is {}");
			return;
		}
		if (a->answered || a->status != CA_PENDING) {
			ca_answer_problem(answer, 409, "conflict", "the authorization is being processed, or was");
			return;
		}
		validate(ca, a, challenge_types[number]);
	}
	answer->json = challenge_json(ca, request->id, challenge_types[number], number);
}

/* --- orders --- */

static void settle_order(struct ca *ca, struct ca_order *order, enum ca_status *ret)
{
	bool all_valid = true, any_bad = false;

	for (size_t i = 0; i < order->count; i++) {
		struct ca_authorization *a = &ca->authorizations[order->authorizations[i]];

		settle_authorization(ca, a);
		all_valid = all_valid && a->status == CA_VALID;
		any_bad = any_bad || (a->status != CA_VALID && a->status != CA_PENDING);
	}
	if (order->failed)
		*ret = CA_INVALID;
	else if (order->finalized)
		*ret = ca->monotonic_ms < order->done_at_ms    ? CA_PROCESSING
		       : order->problem_type[0] != '\0' ? CA_INVALID
		                                        : CA_VALID;
	else if (any_bad || ca_now_at(ca) >= order->expires_at)
		*ret = CA_INVALID;
	else
		*ret = all_valid ? CA_READY : CA_PENDING;
}

static json_t *order_json(struct ca *ca, size_t id, enum ca_status status)
{
	struct ca_order *order = &ca->orders[id];
	json_t *identifiers = json_array(), *authorizations = json_array();
	json_t *json;

	/* The other way round than ordered: nothing shall depend on it. */
	for (size_t i = order->count; i-- > 0;) {
		const struct ca_authorization *a = &ca->authorizations[order->authorizations[i]];

		json_array_append_new(identifiers, json_pack("{s:s,s:o}", "type", a->type, "value",
		                                             json_sprintf("%s%s", a->wildcard ? "*." : "", a->value)));
		json_array_append_new(authorizations, url_json(ca, "authorization", order->authorizations[i]));
	}
	json = json_pack("{s:s,s:o,s:o,s:o,s:o}", "status", status_names[status], "identifiers", identifiers,
	                 "authorizations", authorizations, "finalize", url_json(ca, "finalize", id), "expires",
	                 time_json(order->expires_at));
	if (order->profile[0] != '\0')
		json_object_set_new(json, "profile", json_string(order->profile));
	if (status == CA_VALID)
		json_object_set_new(json, "certificate", url_json(ca, "certificate", id));
	if (status == CA_INVALID && order->problem_type[0] != '\0')
		json_object_set_new(json, "error",
		                    json_pack("{s:o,s:s}", "type",
		                              json_sprintf("urn:ietf:params:acme:error:%s", order->problem_type), "detail",
		                              order->problem_detail));
	return json;
}

static void give_order(struct ca *ca, size_t id, struct ca_answer *answer)
{
	enum ca_status status;

	settle_order(ca, &ca->orders[id], &status);
	answer->json = order_json(ca, id, status);
	if (status != CA_PROCESSING || ca->retry_after_s == 0)
		return;
	snprintf(answer->retry_after, sizeof(answer->retry_after), "%lld", (long long)ca->retry_after_s);
	if (ca->retry_after_date)
		ca_http_date(ca_now_at(ca) + ca->date_offset_s + ca->retry_after_s, answer->retry_after, sizeof(answer->retry_after));
}

static bool same_names(const struct ca *ca, const struct ca_order *order, const json_t *identifiers)
{
	size_t found = 0, i;
	const json_t *item;

	json_array_foreach(identifiers, i, item) {
		for (size_t k = 0; k < order->count; k++) {
			const struct ca_authorization *a = &ca->authorizations[order->authorizations[k]];
			const char *value = text_of(item, "value");

			if (a->wildcard == text_has_prefix(value, "*.") && text_equal(a->value, value + (a->wildcard ? 2 : 0)))
				found++;
		}
	}
	return found == order->count && found == json_array_size(identifiers);
}

static size_t need_authorization(struct ca *ca, size_t account_number, const char *type, const char *value)
{
	bool wildcard = text_has_prefix(value, "*.");
	size_t id = ca->authorization_count;
	struct ca_authorization *a;

	value += wildcard ? 2 : 0;
	for (size_t i = 0; ca->reuse_authorizations && i < id; i++) {
		a = &ca->authorizations[i];
		settle_authorization(ca, a);
		if (a->account == account_number && a->status == CA_VALID && a->wildcard == wildcard &&
		    text_equal(a->value, value))
			return i;
	}
	if (id == CA_AUTHORIZATIONS_MAX)
		abort();
	ca->authorization_count++;
	a = &ca->authorizations[id];
	*a = (struct ca_authorization){ .used = true, .account = account_number, .wildcard = wildcard };
	a->expires_at = ca_now_at(ca) + AUTHORIZATION_S;
	text_copy(a->type, sizeof(a->type), type);
	text_copy(a->value, sizeof(a->value), value);
	snprintf(a->token, sizeof(a->token), "token-%zu_%016llx", id, (unsigned long long)ca_random(ca));
	return id;
}

static void new_order(struct ca *ca, const struct ca_request *request, struct ca_answer *answer)
{
	const json_t *identifiers = json_object_get(request->body, "identifiers"), *item;
	size_t id = ca->order_count, i;
	struct ca_order *order = &ca->orders[id];
	enum ca_status status;

	answer->status = 201;
	if (request->account == NULL || json_array_size(identifiers) == 0 ||
	    json_array_size(identifiers) > CA_NAMES_MAX) {
		ca_answer_problem(answer, 400, "malformed", "an order needs an account and identifiers");
		return;
	}
	for (i = 0; ca->reuse_orders && i < id; i++) {
		settle_order(ca, &ca->orders[i], &status);
		if (ca->orders[i].account == account_id(ca, request) && (status == CA_PENDING || status == CA_READY) &&
		    same_names(ca, &ca->orders[i], identifiers)) {
			set_location(ca, answer, "order", i);
			give_order(ca, i, answer);
			return;
		}
	}
	if (!ca_renewal_permits(ca, account_id(ca, request), text_of(request->body, "replaces"), answer))
		return;
	if (id == CA_ORDERS_MAX)
		abort();
	*order = (struct ca_order){ .used = true, .account = account_id(ca, request) };
	order->expires_at = ca_now_at(ca) + ORDER_S;
	text_copy(order->profile, sizeof(order->profile), text_of(request->body, "profile"));
	text_copy(order->replaces, sizeof(order->replaces), text_of(request->body, "replaces"));
	json_array_foreach(identifiers, i, item)
		order->authorizations[order->count++] =
			need_authorization(ca, order->account, text_of(item, "type"), text_of(item, "value"));
	ca->order_count++;
	set_location(ca, answer, "order", id);
	give_order(ca, id, answer);
}

static struct ca_order *own_order(struct ca *ca, const struct ca_request *request, struct ca_answer *answer)
{
	if (request->id >= ca->order_count || request->account == NULL ||
	    ca->orders[request->id].account != account_id(ca, request)) {
		ca_answer_problem(answer, 404, "malformed", "no such order");
		return NULL;
	}
	return &ca->orders[request->id];
}

static void finalize(struct ca *ca, const struct ca_request *request, struct ca_answer *answer)
{
	struct ca_order *order = own_order(ca, request, answer);
	enum ca_status status;
	const char *why;

	if (order == NULL)
		return;
	settle_order(ca, order, &status);
	if (status != CA_READY) {
		ca_violation(ca, "finalize of an order that is not ready");
		ca_answer_problem(answer, 403, "orderNotReady", "the order is not ready");
		return;
	}
	why = ca_sign(ca, order, text_of(request->body, "csr"));
	if (why != NULL) {
		ca_answer_problem(answer, 400, "badCSR", why);
		return;
	}
	ca_renewal_note(order);
	order->finalized = true;
	order->done_at_ms = ca->monotonic_ms + ca->issuance_ms;
	give_order(ca, request->id, answer);
}

static void certificate(struct ca *ca, const struct ca_request *request, struct ca_answer *answer)
{
	struct ca_order *order = own_order(ca, request, answer);
	enum ca_status status;

	if (order == NULL)
		return;
	settle_order(ca, order, &status);
	if (status != CA_VALID) {
		ca_answer_problem(answer, 404, "malformed", "no certificate yet");
		return;
	}
	answer->text = request->tail[0] == '/' ? ca_with_root(ca, order->pem) : strdup(order->pem);
	answer->alternates = ca->alternates;
	answer->id = request->id;
	text_copy(answer->content_type, sizeof(answer->content_type), "application/pem-certificate-chain; charset=utf-8");
}

/* What is wrong with the inner JWS (RFC 8555 section 7.3.5), or NULL and the new key. */
static const char *read_inner(struct ca *ca, const struct ca_request *request, char *jwk, size_t size)
{
	const char *protected = text_of(request->body, "protected"), *payload = text_of(request->body, "payload");
	char *header_text = ca_decode(protected, NULL), *payload_text = ca_decode(payload, NULL), *both = NULL;
	json_auto_t *header = json_loads(header_text != NULL ? header_text : "", JSON_REJECT_DUPLICATES, NULL);
	json_auto_t *change = json_loads(payload_text != NULL ? payload_text : "", JSON_REJECT_DUPLICATES, NULL);
	char old[2048] = "", url[256];
	int len = asprintf(&both, "%s.%s", protected, payload);
	const char *wrong = NULL;

	snprintf(url, sizeof(url), "%s/account/%zu", ca->base, account_id(ca, request));
	if (json_object_get(header, "nonce") != NULL || json_object_get(header, "kid") != NULL)
		wrong = "the inner JWS has a nonce or a kid";
	else if (!text_equal(text_of(header, "url"), request->url))
		wrong = "the inner JWS is for another URL";
	else if (ca_canonical_jwk(json_object_get(header, "jwk"), jwk, size) != 0)
		wrong = "the inner JWS has no jwk";
	else if (len < 0 || ca_verify(jwk, both, (size_t)len, text_of(request->body, "signature")) != 0)
		wrong = "the inner JWS does not verify";
	else if (!text_equal(text_of(change, "account"), url) || json_object_size(change) != 2)
		wrong = "the change is not of this account";
	else if (ca_canonical_jwk(json_object_get(change, "oldKey"), old, sizeof(old)) != 0 ||
	         !text_equal(old, request->account->jwk))
		wrong = "the old key is not the account's";
	free(header_text);
	free(payload_text);
	free(both);
	return wrong;
}

static void key_change(struct ca *ca, const struct ca_request *request, struct ca_answer *answer)
{
	const char *wrong = request->account == NULL ? "a change of key with a jwk" : NULL;
	char jwk[2048] = "";

	if (wrong == NULL)
		wrong = read_inner(ca, request, jwk, sizeof(jwk));
	if (wrong != NULL) {
		ca_violation(ca, wrong);
		ca_answer_problem(answer, 400, "malformed", wrong);
		return;
	}
	for (size_t i = 0; i < ca->account_count; i++) {
		if (text_equal(ca->accounts[i].jwk, jwk)) {
			ca_answer_problem(answer, 409, "conflict", "that key is in use");
			set_location(ca, answer, "account", i);
			return;
		}
	}
	text_copy(request->account->jwk, sizeof(request->account->jwk), jwk);
}

static void revoke(struct ca *ca, const struct ca_request *request, struct ca_answer *answer)
{
	int reason = (int)json_integer_value(json_object_get(request->body, "reason"));
	char der[8192], jwk[2048];

	for (size_t i = 0; i < ca->order_count; i++) {
		struct ca_order *order = &ca->orders[i];

		if (order->leaf_pem[0] == '\0')
			continue;
		ca_leaf(order, der, sizeof(der), jwk, sizeof(jwk));
		if (!text_equal(text_of(request->body, "certificate"), der))
			continue;
		if (request->account != NULL ? order->account != account_id(ca, request) : !text_equal(request->jwk, jwk)) {
			ca_answer_problem(answer, 403, "unauthorized", "who are you?");
		} else if (order->revoked) {
			ca_answer_problem(answer, 400, "alreadyRevoked", "it was revoked before");
		} else if (reason == 7 || reason > 10) {
			ca_answer_problem(answer, 400, "badRevocationReason", "no such reason");
		} else {
			order->revoked = true;
			order->revoked_reason = reason;
			order->revoked_by_key = request->account == NULL;
		}
		return;
	}
	ca_answer_problem(answer, 404, "malformed", "no such certificate");
}

void ca_handle(struct ca *ca, const struct ca_request *request, struct ca_answer *answer)
{
	switch (request->endpoint) {
	case CA_DIRECTORY:
		directory(ca, answer);
		break;
	case CA_NEW_NONCE:
		break;
	case CA_NEW_ACCOUNT:
		new_account(ca, request, answer);
		break;
	case CA_ACCOUNT:
		account(ca, request, answer);
		break;
	case CA_NEW_ORDER:
		new_order(ca, request, answer);
		break;
	case CA_ORDER:
		if (own_order(ca, request, answer) != NULL)
			give_order(ca, request->id, answer);
		break;
	case CA_AUTHORIZATION:
		authorization(ca, request, answer);
		break;
	case CA_CHALLENGE:
		challenge(ca, request, answer);
		break;
	case CA_FINALIZE:
		finalize(ca, request, answer);
		break;
	case CA_CERTIFICATE:
		certificate(ca, request, answer);
		break;
	case CA_RENEWAL_INFO:
		ca_renewal_info(ca, strrchr(request->url, '/') + 1, answer);
		break;
	case CA_KEY_CHANGE:
		key_change(ca, request, answer);
		break;
	case CA_REVOKE:
		revoke(ca, request, answer);
		break;
	case CA_NOWHERE:
	case CA_ANY:
	case CA_ENDPOINT_COUNT:
		ca_violation(ca, "a URL that leads nowhere");
		ca_answer_problem(answer, 404, "malformed", "no such page");
		break;
	}
}
