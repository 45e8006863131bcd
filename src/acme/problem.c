#include "acme/problem.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/clock.h"
#include "base/text.h"
#include "http/http.h"
#include "json/doc.h"

#include <ctype.h>
#include <string.h>

#define URN_PREFIX "urn:ietf:params:acme:error:"

enum {
	DETAIL_MAX = 1000, /* octets of a detail that are told */
	SNIPPET_MAX = 160, /* of a plain text in place of a problem document */
	LATER_DEFAULT_S = 3600, /* a rate limit without a time */
	LATER_MAX_S = 24 * 3600, /* a time farther off is told, but asked again after a day */
};

struct problem_row {
	const char *name;
	enum error_kind kind;
	const char *advice;
};

static const struct problem_row rows[ACME_PROBLEM_COUNT] = {
	[ACME_PROBLEM_OTHER] = { "unknown", ERROR_PROTOCOL, "" },
	[ACME_PROBLEM_ACCOUNT_DOES_NOT_EXIST] = {
		"accountDoesNotExist", ERROR_REFUSED,
		"the CA does not know the account of this key; look at `certd account show`" },
	[ACME_PROBLEM_ALREADY_REPLACED] = { "alreadyReplaced", ERROR_PROTOCOL, "" },
	[ACME_PROBLEM_ALREADY_REVOKED] = { "alreadyRevoked", ERROR_REFUSED, "the certificate was revoked before" },
	[ACME_PROBLEM_BAD_CSR] = {
		"badCSR", ERROR_REFUSED, "see whether the CA takes this type of key and these names" },
	[ACME_PROBLEM_BAD_NONCE] = { "badNonce", ERROR_NETWORK, "" },
	[ACME_PROBLEM_BAD_PUBLIC_KEY] = {
		"badPublicKey", ERROR_REFUSED, "choose another type of key (directive key)" },
	[ACME_PROBLEM_BAD_REVOCATION_REASON] = {
		"badRevocationReason", ERROR_REFUSED, "give another --reason, or none" },
	[ACME_PROBLEM_BAD_SIGNATURE_ALGORITHM] = {
		"badSignatureAlgorithm", ERROR_REFUSED, "the CA does not take this type of account key" },
	[ACME_PROBLEM_CAA] = {
		"caa", ERROR_REFUSED,
		"let the domain's CAA records name this CA, or remove them; `certd check` shows what they say" },
	[ACME_PROBLEM_COMPOUND] = { "compound", ERROR_REFUSED, "" },
	[ACME_PROBLEM_CONFLICT] = { "conflict", ERROR_PROTOCOL, "" },
	[ACME_PROBLEM_CONNECTION] = {
		"connection", ERROR_REFUSED,
		"the CA could not reach this server: open port 80 (443 for tls-alpn-01) to the whole internet and see that every "
		"A and AAAA record of the name leads here; `certd check` helps" },
	[ACME_PROBLEM_DNS] = {
		"dns", ERROR_REFUSED,
		"see that the name exists and that its A, AAAA, TXT and CAA records are answered without an error "
		"(also with DNSSEC); `certd check` helps" },
	[ACME_PROBLEM_EXTERNAL_ACCOUNT_REQUIRED] = {
		"externalAccountRequired", ERROR_REFUSED,
		"get a key id and HMAC key from the CA and give them with --eab-kid and --eab-hmac-file" },
	[ACME_PROBLEM_INCORRECT_RESPONSE] = {
		"incorrectResponse", ERROR_REFUSED,
		"the CA found something else than the proof: see that nothing else answers below "
		"/.well-known/acme-challenge/; `certd check` helps" },
	[ACME_PROBLEM_INVALID_CONTACT] = {
		"invalidContact", ERROR_REFUSED, "mend the address in --email, or leave it out" },
	[ACME_PROBLEM_INVALID_PROFILE] = {
		"invalidProfile", ERROR_REFUSED, "choose a profile that the CA offers, or none" },
	[ACME_PROBLEM_MALFORMED] = { "malformed", ERROR_PROTOCOL, "" },
	[ACME_PROBLEM_ORDER_NOT_READY] = { "orderNotReady", ERROR_PROTOCOL, "" },
	[ACME_PROBLEM_RATE_LIMITED] = {
		"rateLimited", ERROR_LATER, "wait: asking earlier does not help and may prolong the limit" },
	[ACME_PROBLEM_REJECTED_IDENTIFIER] = {
		"rejectedIdentifier", ERROR_REFUSED,
		"this CA does not issue for that name; leave it out or ask another CA" },
	[ACME_PROBLEM_SERVER_INTERNAL] = { "serverInternal", ERROR_NETWORK, "" },
	[ACME_PROBLEM_TLS] = {
		"tls", ERROR_REFUSED, "see that port 443 answers TLS for that name, and for tls-alpn-01 with that protocol" },
	[ACME_PROBLEM_UNAUTHORIZED] = {
		"unauthorized", ERROR_REFUSED,
		"see that the name leads to this server (A and AAAA records) and that it serves "
		"/.well-known/acme-challenge/ from certd's webroot; `certd check` helps" },
	[ACME_PROBLEM_UNSUPPORTED_CONTACT] = {
		"unsupportedContact", ERROR_REFUSED, "give another address in --email, or leave it out" },
	[ACME_PROBLEM_UNSUPPORTED_IDENTIFIER] = {
		"unsupportedIdentifier", ERROR_REFUSED,
		"this CA does not issue for that type of name (with this profile); leave it out or ask another CA" },
	[ACME_PROBLEM_USER_ACTION_REQUIRED] = {
		"userActionRequired", ERROR_REFUSED,
		"do what the CA asks for; new terms of service are agreed to with --agree-tos, or for an account that there is "
		"already with `certd account update --agree-tos`" },
};

enum acme_problem_type acme_problem_type_parse(const char *urn)
{
	if (urn == NULL || !text_has_prefix(urn, URN_PREFIX))
		return ACME_PROBLEM_OTHER;
	urn += strlen(URN_PREFIX);
	for (unsigned int i = ACME_PROBLEM_OTHER + 1; i < ACME_PROBLEM_COUNT; i++)
		if (text_equal(urn, rows[i].name))
			return (enum acme_problem_type)i;
	/* Not registered, but what servers said before userActionRequired. */
	if (text_equal(urn, "agreementRequired"))
		return ACME_PROBLEM_USER_ACTION_REQUIRED;
	return ACME_PROBLEM_OTHER;
}

const char *acme_problem_type_name(enum acme_problem_type type)
{
	return (unsigned int)type < ACME_PROBLEM_COUNT ? rows[type].name : rows[ACME_PROBLEM_OTHER].name;
}

enum error_kind acme_problem_kind(enum acme_problem_type type)
{
	return (unsigned int)type < ACME_PROBLEM_COUNT ? rows[type].kind : ERROR_PROTOCOL;
}

const char *acme_problem_advice(enum acme_problem_type type)
{
	return (unsigned int)type < ACME_PROBLEM_COUNT ? rows[type].advice : "";
}

static const char *text_member(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

/* The name as it is told: the RFC's word, or of a type that is not the RFC's its last part. */
static const char *told_name(const json_t *problem)
{
	const char *urn = text_member(problem, "type");
	const char *colon = strrchr(urn, ':');

	if (*urn == '\0' || text_equal(urn, "about:blank"))
		return "no type";
	return text_has_prefix(urn, "urn:") && colon[1] != '\0' ? colon + 1 : urn;
}

static void append_subproblems(const json_t *problem, struct buf *out)
{
	const json_t *list = json_object_get(problem, "subproblems");
	size_t i;
	const json_t *item;

	json_array_foreach(list, i, item) {
		const char *name = text_member(json_object_get(item, "identifier"), "value");

		/* What does not fit is left out whole; the buffer's maximum ends the loop. */
		if (buf_printf(out, "%s %s (%.64s): %.300s", i == 0 ? ":" : ";", *name != '\0' ? name : "a name",
		               told_name(item), text_member(item, "detail")) != 0)
			break;
	}
	out->failed = false;
}

void acme_problem_describe(const json_t *problem, size_t detail_max, struct buf *out)
{
	const char *detail = text_member(problem, "detail");
	size_t len = strlen(detail);

	if (*detail == '\0')
		detail = text_member(problem, "title");
	if (*detail == '\0')
		detail = "no detail was given";
	buf_printf(out, "%.80s: %.*s%s", told_name(problem), (int)detail_max, detail, len > detail_max ? "..." : "");
	append_subproblems(problem, out);
}

void acme_problem_keep(const json_t *problem, struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF(ERROR_PROBLEM_MAX - 1);
	CLEANUP(buf_done) struct buf detail = BUF(DETAIL_MAX);
	struct error ignored;

	if (!json_is_object(problem))
		return;
	if (json_doc_print(problem, false, &text, &ignored) != 0) {
		json_auto_t *small = NULL;

		/* Too long as it stands: what matters of it, so that it is JSON still. */
		buf_reset(&text);
		buf_printf(&detail, "%.*s", (int)(DETAIL_MAX / 2), text_member(problem, "detail"));
		text_clean(detail.data);
		small = json_pack("{s:s%,s:s}", "type", text_member(problem, "type"),
		                  strnlen(text_member(problem, "type"), 200), "detail", buf_text(&detail));
		if (small == NULL || json_doc_print(small, false, &text, &ignored) != 0)
			return;
	}
	text_copy(err->problem, sizeof(err->problem), buf_text(&text));
	text_clean(err->problem);
}

/* The first https URL of a text, without what a sentence puts behind it, into ret. */
static bool find_url(const char *text, char *ret, size_t size)
{
	const char *start = strstr(text, "https://");
	size_t len;

	if (start == NULL)
		return false;
	len = strcspn(start, " \t\r\n\"'<>");
	while (len > 0 && strchr(".,;:)", start[len - 1]) != NULL)
		len--;
	if (len <= strlen("https://") || len >= size)
		return false;
	memcpy(ret, start, len);
	ret[len] = '\0';
	return true;
}

static bool is_html(const struct http_response *response)
{
	const char *text = buf_text(&response->body);

	while (isspace((unsigned char)*text))
		text++;
	return text_has_prefix(response->content_type, "text/html") || *text == '<';
}

/* What is told of an answer without a problem document. */
static void describe_body(const struct http_response *response, struct buf *out)
{
	if (response->status >= 300 && response->status < 400)
		buf_printf(out, "it redirects to %.200s, which is not followed",
		           response->location[0] != '\0' ? response->location : "nowhere");
	else if (response->body.len == 0)
		buf_append_text(out, "no reason was given");
	else if (is_html(response))
		buf_append_text(out, "a web page (HTML) came in place of a reason");
	else
		buf_printf(out, "%.*s", SNIPPET_MAX, buf_text(&response->body));
}

static json_t *load_problem(const struct http_response *response)
{
	const char *text = buf_text(&response->body);
	struct error ignored;
	json_t *doc = NULL;

	/* Whatever the Content-Type says: some servers send problems as application/json or text/plain. */
	if (json_doc_parse(text, response->body.len, "the problem document", &doc, &ignored) != 0)
		return NULL;
	if (!json_is_string(json_object_get(doc, "type")) && !json_is_string(json_object_get(doc, "detail"))) {
		json_decref(doc);
		return NULL;
	}
	return doc;
}

/* When to come back, or 0 when no time follows from the answer. */
static int64_t later_at(const struct http_response *response, int64_t now_at, bool limited)
{
	int64_t at = http_retry_after(response, now_at);

	if (at == 0 && limited)
		at = now_at + LATER_DEFAULT_S;
	return at;
}

static enum error_kind kind_of_answer(const struct http_response *response, enum acme_problem_type type)
{
	if (type != ACME_PROBLEM_OTHER && type != ACME_PROBLEM_SERVER_INTERNAL)
		return acme_problem_kind(type);
	if (response->status >= 500)
		return ERROR_NETWORK;
	if (response->status == 401 || response->status == 403)
		return ERROR_REFUSED;
	return ERROR_PROTOCOL;
}

/* A 429 without a time but with an address to visit is how a CA says that it has paused an account or a name. What only explains limits has
 * "docs" in its address, and is no such place. */
static bool is_pause(const struct http_response *response, int64_t now_at, const char *detail, char *ret_url, size_t size)
{
	return http_retry_after(response, now_at) == 0 && find_url(detail, ret_url, size) && strstr(ret_url, "/docs/") == NULL &&
	       strstr(ret_url, "rate-limit") == NULL;
}

static int set_paused(const char *what, const char *url, const char *reason, int status, struct error *err)
{
	error_set(err, ERROR_REFUSED, "%s: the CA has paused this (HTTP %d): %s", what, status, reason);
	text_copy(err->url, sizeof(err->url), url);
	text_clean(err->url);
	return error_advise(err, "visit %s and lift the pause there; waiting alone does not", url);
}

static int set_later(const char *what, int64_t at, int64_t now_at, const char *reason, int status, struct error *err)
{
	char text[TIME_TEXT_SIZE];

	error_set(err, ERROR_LATER, "%s: the CA says not before %s (HTTP %d): %s", what, time_format(at, text), status,
	          reason);
	err->retry_at = at < now_at + LATER_MAX_S ? at : now_at + LATER_MAX_S;
	return -1;
}

/* RFC 8555 section 7.3.3: where a person reads what is to be agreed to. */
static void advise_terms(const struct http_response *response, const char *instance, struct error *err)
{
	const char *url = instance[0] != '\0' ? instance : http_response_link(response, "terms-of-service");

	if (url != NULL && (text_has_prefix(url, "https://") || text_has_prefix(url, "http://")))
		error_advise(err,
		             "the CA's terms of service have to be agreed to: read %.300s, then agree with --agree-tos; for an "
		             "account that there is already, `certd account update --agree-tos`",
		             url);
}

int acme_problem_from_response(const struct http_response *response, const char *what, int64_t now_at,
                               enum acme_problem_type *ret_type, struct error *err)
{
	CLEANUP(buf_done) struct buf reason = BUF(ERROR_MESSAGE_MAX);
	json_auto_t *doc = load_problem(response);
	enum acme_problem_type type = acme_problem_type_parse(text_member(doc, "type"));
	bool limited = type == ACME_PROBLEM_RATE_LIMITED || response->status == 429;
	int64_t at = limited || response->status >= 500 ? later_at(response, now_at, limited) : 0;
	char url[ERROR_URL_SIZE];

	if (doc != NULL)
		acme_problem_describe(doc, DETAIL_MAX, &reason);
	else
		describe_body(response, &reason);

	if (limited && is_pause(response, now_at, text_member(doc, "detail"), url, sizeof(url))) {
		set_paused(what, url, buf_text(&reason), response->status, err);
	} else if (at != 0) {
		set_later(what, at, now_at, buf_text(&reason), response->status, err);
		if (limited)
			error_advise(err, "%s", acme_problem_advice(ACME_PROBLEM_RATE_LIMITED));
	} else {
		error_set(err, kind_of_answer(response, type), "%s: the CA answered HTTP %d: %s", what, response->status,
		          buf_text(&reason));
		error_advise(err, "%s", acme_problem_advice(type));
		if (type == ACME_PROBLEM_USER_ACTION_REQUIRED)
			advise_terms(response, text_member(doc, "instance"), err);
		/* What a challenge fails with is in its own document; an answer to a request says it of who asked. */
		if (type == ACME_PROBLEM_UNAUTHORIZED)
			error_advise(err,
			             "the CA does not let this account do that: `certd account show` says what the CA has to say of it; one that "
			             "was deactivated stays so, and a new one is made when its folder is moved away; with external account "
			             "binding, see whether eab-kid and the key in eab-hmac-file belong together");
	}
	err->http_status = response->status;
	acme_problem_keep(doc, err);
	if (ret_type != NULL)
		*ret_type = limited ? ACME_PROBLEM_RATE_LIMITED : type;
	return -1;
}

int acme_problem_from_json(const json_t *problem, const char *what, enum acme_problem_type *ret_type, struct error *err)
{
	CLEANUP(buf_done) struct buf reason = BUF(ERROR_MESSAGE_MAX);
	enum acme_problem_type type = acme_problem_type_parse(text_member(problem, "type"));

	if (!json_is_object(problem)) {
		error_set(err, ERROR_REFUSED, "%s: the CA gave no reason", what);
	} else {
		acme_problem_describe(problem, DETAIL_MAX, &reason);
		/* What stands in an order or a challenge is the CA's last word on it, so a type that is not known is a refusal as well. */
		error_set(err, type == ACME_PROBLEM_OTHER ? ERROR_REFUSED : acme_problem_kind(type), "%s: %s", what,
		          buf_text(&reason));
		error_advise(err, "%s", acme_problem_advice(type));
		acme_problem_keep(problem, err);
	}
	if (ret_type != NULL)
		*ret_type = type;
	return -1;
}
