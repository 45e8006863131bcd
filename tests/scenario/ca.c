#include "ca.h"

#include "ca_internal.h"

#include "base/clean.h"
#include "base/text.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static const char *const paths[CA_ENDPOINT_COUNT] = {
	[CA_DIRECTORY] = "/directory",	       [CA_NEW_NONCE] = "/new-nonce",
	[CA_NEW_ACCOUNT] = "/new-account",     [CA_NEW_ORDER] = "/new-order",
	[CA_ACCOUNT] = "/account/",	       [CA_ORDER] = "/order/",
	[CA_AUTHORIZATION] = "/authorization/", [CA_CHALLENGE] = "/challenge/",
	[CA_FINALIZE] = "/finalize/",	       [CA_CERTIFICATE] = "/certificate/",
	[CA_REVOKE] = "/revoke",	       [CA_KEY_CHANGE] = "/key-change",
	[CA_RENEWAL_INFO] = "/renewal-info/",
};

int64_t ca_now_at(const struct ca *ca)
{
	return ca->wall_at_ms / 1000;
}

uint64_t ca_random(struct ca *ca)
{
	/* xorshift64: the same story each time. */
	ca->rng ^= ca->rng << 13;
	ca->rng ^= ca->rng >> 7;
	ca->rng ^= ca->rng << 17;
	return ca->rng;
}

void ca_violation(struct ca *ca, const char *text)
{
	if (ca->violation_count < 8)
		text_copy(ca->violations[ca->violation_count], sizeof(ca->violations[0]), text);
	ca->violation_count++;
}

void ca_answer_problem(struct ca_answer *answer, int status, const char *type, const char *detail)
{
	char urn[96];

	snprintf(urn, sizeof(urn), "urn:ietf:params:acme:error:%s", type);
	json_decref(answer->json);
	answer->json = json_pack("{s:s,s:s,s:i}", "type", urn, "detail", detail, "status", status);
	answer->status = status;
	text_copy(answer->content_type, sizeof(answer->content_type), "application/problem+json");
}

/* --- nonces --- */

static void new_nonce(struct ca *ca, char out[static 32])
{
	size_t slot = ca->nonce_next % CA_NONCES_MAX;

	snprintf(ca->nonces[slot], sizeof(ca->nonces[slot]), "nonce-%llu-%04llx", (unsigned long long)ca->nonce_next,
	         (unsigned long long)(ca_random(ca) & 0xffff));
	text_copy(out, 32, ca->nonces[slot]);
	ca->nonce_next++;
}

static bool use_nonce(struct ca *ca, const char *nonce)
{
	for (size_t i = 0; i < CA_NONCES_MAX; i++) {
		if (nonce[0] != '\0' && text_equal(ca->nonces[i], nonce)) {
			ca->nonces[i][0] = '\0';
			return (int)(ca_random(ca) % 100) >= ca->nonce_reject_percent;
		}
	}
	return false;
}

/* --- what is asked --- */

static void find_endpoint(const struct ca *ca, const char *url, struct ca_request *ret)
{
	const char *path = url;

	ret->endpoint = CA_NOWHERE;
	if (!text_has_prefix(url, ca->base))
		return;
	path += strlen(ca->base);
	for (size_t i = CA_DIRECTORY; i < CA_NOWHERE; i++) {
		size_t len = strlen(paths[i]);
		char *end;

		if (strncmp(path, paths[i], len) != 0 || (paths[i][len - 1] != '/' && path[len] != '\0'))
			continue;
		ret->endpoint = (enum ca_endpoint)i;
		ret->id = strtoul(path + len, &end, 10);
		text_copy(ret->tail, sizeof(ret->tail), end);
		return;
	}
}

static const char *header_text(const struct ca_request *request, const char *name)
{
	const char *text = json_string_value(json_object_get(request->header, name));

	return text != NULL ? text : "";
}

static struct ca_account *find_account(struct ca *ca, const char *kid)
{
	char url[256];

	for (size_t i = 0; i < ca->account_count; i++) {
		snprintf(url, sizeof(url), "%s/account/%zu", ca->base, i);
		if (text_equal(url, kid))
			return ca->accounts[i].used ? &ca->accounts[i] : NULL;
	}
	return NULL;
}

static int refuse(struct ca *ca, struct ca_answer *answer, const char *why)
{
	ca_violation(ca, why);
	ca_answer_problem(answer, 400, "malformed", why);
	return -1;
}

/* Reads the JWS and judges it as RFC 8555 section 6 has it. -1 when the answer is made. */
static int read_jws(struct ca *ca, const struct http_request *http, struct ca_request *request,
                    struct ca_answer *answer)
{
	json_auto_t *jws = json_loadb(http->body != NULL ? http->body : "", http->body_len, 0, NULL);
	const char *protected = json_string_value(json_object_get(jws, "protected"));
	const char *payload = json_string_value(json_object_get(jws, "payload"));
	const char *signature = json_string_value(json_object_get(jws, "signature"));
	const json_t *jwk;
	char *text;

	if (!text_equal(http->content_type, "application/jose+json"))
		return refuse(ca, answer, "the Content-Type is not application/jose+json");
	if (protected == NULL || payload == NULL || signature == NULL || json_object_size(jws) != 3)
		return refuse(ca, answer, "the body is no flattened JWS");
	text = ca_decode(protected, NULL);
	request->header = text != NULL ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
	free(text);
	request->payload = ca_decode(payload, NULL);
	if (request->header == NULL || request->payload == NULL)
		return refuse(ca, answer, "the JWS is not base64url of JSON");
	if (!text_equal(header_text(request, "url"), http->url))
		return refuse(ca, answer, "the header's url is not the URL asked");
	if (!use_nonce(ca, header_text(request, "nonce"))) {
		ca_answer_problem(answer, 400, "badNonce", "the nonce is not good");
		return -1;
	}
	if (request->payload[0] != '\0') {
		request->body = json_loads(request->payload, JSON_REJECT_DUPLICATES, NULL);
		if (request->body == NULL)
			return refuse(ca, answer, "the payload is no JSON");
	}
	jwk = json_object_get(request->header, "jwk");
	if ((jwk != NULL) == (json_object_get(request->header, "kid") != NULL))
		return refuse(ca, answer, "the header has not exactly one of jwk and kid");
	if (jwk != NULL) {
		if (ca_canonical_jwk(jwk, request->jwk, sizeof(request->jwk)) != 0)
			return refuse(ca, answer, "the jwk is not one");
	} else {
		request->account = find_account(ca, header_text(request, "kid"));
		if (request->account == NULL) {
			ca_answer_problem(answer, 400, "accountDoesNotExist", "no such account");
			return -1;
		}
		if (request->account->status != CA_VALID) {
			ca_answer_problem(answer, 403, "unauthorized", "the account is deactivated");
			return -1;
		}
		text_copy(request->jwk, sizeof(request->jwk), request->account->jwk);
	}
	if (ca->verify_signatures) {
		char *both = NULL;
		int len = asprintf(&both, "%s.%s", protected, payload);
		int r = len > 0 ? ca_verify(request->jwk, both, (size_t)len, signature) : -1;

		free(both);
		if (r != 0)
			return refuse(ca, answer, "the signature does not verify");
	}
	return 0;
}

static void process(struct ca *ca, const struct http_request *http, struct ca_request *request,
                    struct ca_answer *answer)
{
	bool by_post = http->method == HTTP_POST;
	bool wants_get = request->endpoint == CA_DIRECTORY || request->endpoint == CA_NEW_NONCE ||
	                 request->endpoint == CA_RENEWAL_INFO || request->endpoint == CA_NOWHERE;

	text_copy(answer->content_type, sizeof(answer->content_type), "application/json");
	if (by_post == wants_get && request->endpoint != CA_NOWHERE) {
		ca_violation(ca, "a wrong method");
		ca_answer_problem(answer, 405, "malformed", "method not allowed");
	} else if (!by_post || read_jws(ca, http, request, answer) == 0) {
		ca_handle(ca, request, answer);
	}
	if (by_post || request->endpoint == CA_NEW_NONCE)
		new_nonce(ca, answer->nonce);
}

/* --- faults --- */

static struct ca_fault *find_fault(struct ca *ca, enum ca_endpoint endpoint)
{
	for (size_t i = 0; i < ca->fault_count; i++) {
		struct ca_fault *fault = &ca->faults[i];
		unsigned int seen;

		if (fault->endpoint != CA_ANY && fault->endpoint != endpoint)
			continue;
		seen = ca->fault_seen[i]++;
		if (seen < fault->skip)
			continue;
		if (fault->times >= 0 && seen - fault->skip >= (unsigned int)(fault->times == 0 ? 1 : fault->times))
			continue;
		return fault;
	}
	return NULL;
}

static void set_member(json_t *at, const char *path, const char *value)
{
	char name[64];
	size_t len = strcspn(path, ".");
	const char *rest = path[len] == '.' ? path + len + 1 : NULL;
	json_t *item;
	size_t i;

	snprintf(name, sizeof(name), "%.*s", (int)len, path);
	if (json_is_array(at)) {
		json_array_foreach(at, i, item) {
			if (!text_equal(name, "*") && strtoul(name, NULL, 10) != i)
				continue;
			if (rest != NULL)
				set_member(item, rest, value);
			else if (value[0] != '\0')
				json_array_set_new(at, i, json_loads(value, JSON_DECODE_ANY, NULL));
		}
	} else if (rest != NULL) {
		set_member(json_object_get(at, name), rest, value);
	} else if (value[0] == '\0') {
		json_object_del(at, name);
	} else {
		json_object_set_new(at, name, json_loads(value, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL));
	}
}

static void change_head(char *at, size_t size, const char *to)
{
	if (to[0] != '\0')
		text_copy(at, size, text_equal(to, "-") ? "" : to);
}

static void change_answer(const struct ca_fault *fault, struct ca_answer *answer)
{
	if (fault->action == CA_SET) {
		set_member(answer->json, fault->path, fault->body);
	} else if (fault->action == CA_BODY || fault->action == CA_ANSWER) {
		json_decref(answer->json);
		answer->json = NULL;
		free(answer->text);
		answer->text = strdup(fault->body);
	}
	if (fault->status != 0)
		answer->status = fault->status;
	change_head(answer->content_type, sizeof(answer->content_type), fault->content_type);
	change_head(answer->location, sizeof(answer->location), fault->location);
	change_head(answer->retry_after, sizeof(answer->retry_after), fault->retry_after);
	if (fault->no_nonce)
		answer->nonce[0] = '\0';
}

static void kill_victim(const struct ca_fault *fault)
{
	pid_t victim = fault->victim == CA_VICTIM_PARENT ? getppid() : fault->victim;

	kill(victim != 0 ? victim : getpid(), SIGKILL);
}

/* --- the http client --- */

void ca_http_date(int64_t at, char *out, size_t size)
{
	static const char *const days[] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" };
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
		                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	char text[TIME_TEXT_SIZE];

	time_format(at, text);
	snprintf(out, size, "%s, %.2s %s %.4s %.8s GMT", days[at / 86400 % 7], text + 8,
	         months[(text[5] - '0') * 10 + text[6] - '0' - 1], text, text + 11);
}

static void give(struct ca *ca, const struct ca_answer *answer, struct http_exchange *x)
{
	char *text = answer->json != NULL ? json_dumps(answer->json, JSON_COMPACT) : NULL;
	const char *body = text != NULL ? text : answer->text != NULL ? answer->text : "";
	const char *semicolon = strchr(answer->content_type, ';');
	struct http_response *response = &x->response;

	response->status = answer->status;
	text_copy(response->content_type, sizeof(response->content_type), answer->content_type);
	if (semicolon != NULL)
		response->content_type[semicolon - answer->content_type] = '\0';
	for (char *c = response->content_type; *c != '\0'; c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
	text_copy(response->location, sizeof(response->location), answer->location);
	text_copy(response->retry_after, sizeof(response->retry_after), answer->retry_after);
	text_copy(response->replay_nonce, sizeof(response->replay_nonce), answer->nonce);
	ca_http_date(ca_now_at(ca) + ca->date_offset_s, response->date, sizeof(response->date));
	for (unsigned int i = 0; answer->status == 200 && i <= answer->alternates && answer->alternates > 0; i++) {
		/* Each names the others, and the default too. */
		if (i == 0)
			strv_addf(&response->links, "alternate %s/certificate/%zu", ca->base, answer->id);
		else
			strv_addf(&response->links, "alternate %s/certificate/%zu/%u", ca->base, answer->id, i);
	}
	text_copy(response->final_url, sizeof(response->final_url), x->request.url);
	if (x->request.method != HTTP_HEAD && buf_append_text(&response->body, body) != 0) {
		x->result = error_set(&x->error, ERROR_PROTOCOL, "the answer is longer than %zu octets",
		                      x->request.limits.body_max);
		response->cut = true;
	}
	free(text);
}

static int refuse_connection(struct http_exchange *x)
{
	x->failure = HTTP_FAILURE_REFUSED;
	x->result = error_set(&x->error, ERROR_NETWORK, "cannot connect: Connection refused");
	return x->result;
}

static int break_connection(struct http_exchange *x)
{
	x->result = error_set(&x->error, ERROR_NETWORK, "the connection broke");
	return 0;
}

static int exchange(struct ca *ca, struct http_exchange *x)
{
	struct ca_request request = { .url = x->request.url };
	struct ca_answer answer = { .status = 200 };
	struct ca_fault *fault;
	int status = 0;

	find_endpoint(ca, x->request.url, &request);
	ca->asked[request.endpoint]++;
	if (!x->request.https_only)
		ca_violation(ca, "a request that is not https_only");
	fault = find_fault(ca, request.endpoint);
	if (fault != NULL && fault->action == CA_KILL_BEFORE)
		kill_victim(fault);
	if (fault == NULL || (fault->action != CA_BREAK && fault->action != CA_REFUSE && fault->action != CA_ANSWER &&
	                      fault->action != CA_BAD_NONCE && fault->action != CA_KILL_BEFORE)) {
		process(ca, &x->request, &request, &answer);
	} else if (x->request.method == HTTP_POST || request.endpoint == CA_NEW_NONCE) {
		new_nonce(ca, answer.nonce);
	}
	if (fault != NULL && fault->action == CA_BAD_NONCE)
		ca_answer_problem(&answer, 400, "badNonce", "scripted");
	if (fault != NULL && fault->action == CA_KILL_AFTER)
		kill_victim(fault);
	if (fault != NULL && (fault->action == CA_BREAK || fault->action == CA_LOSE || fault->action == CA_KILL_BEFORE ||
	                      fault->action == CA_KILL_AFTER)) {
		break_connection(x);
	} else if (fault != NULL && fault->action == CA_REFUSE) {
		refuse_connection(x);
	} else {
		if (fault != NULL)
			change_answer(fault, &answer);
		give(ca, &answer, x);
		status = answer.status;
	}
	if (ca->requests < CA_LOG_MAX)
		ca->log[ca->requests] = (struct ca_log){ .endpoint = request.endpoint, .at_ms = ca->monotonic_ms,
			                                 .status = status, .flight = ca->flights };
	ca->requests++;
	json_decref(request.header);
	json_decref(request.body);
	free(request.payload);
	json_decref(answer.json);
	free(answer.text);
	return 0;
}

static int perform_all(void *self, struct http_exchange *const *exchanges, size_t count, struct error *err)
{
	struct ca *ca = self;

	(void)err;
	ca->flights++;
	ca->wall_at_ms += ca->latency_ms;
	ca->monotonic_ms += ca->latency_ms;
	for (size_t i = 0; i < count; i++)
		exchange(ca, exchanges[i]);
	return 0;
}

static void free_nothing(void *self)
{
	(void)self;
}

struct http_client ca_client(struct ca *ca)
{
	return (struct http_client){ .perform_all = perform_all, .free = free_nothing, .self = ca };
}

/* --- the clock --- */

static int64_t clock_now_at(void *self)
{
	return ca_now_at(self);
}

static int64_t clock_now_ms(void *self)
{
	return ((struct ca *)self)->monotonic_ms;
}

static void clock_pass(void *self, int64_t ms)
{
	struct ca *ca = self;

	ca->wall_at_ms += ms;
	ca->monotonic_ms += ms;
}

/* What is for the second one; the first one takes the rest. */
static int perform_pair(void *self, struct http_exchange *const *exchanges, size_t count, struct error *err)
{
	struct ca_pair *pair = self;
	CLEANUP(clean_free) struct http_exchange **first = calloc(count + 1, sizeof(*first));
	CLEANUP(clean_free) struct http_exchange **second = calloc(count + 1, sizeof(*second));
	size_t firsts = 0, seconds = 0;

	if (first == NULL || second == NULL)
		return error_oom(err);
	for (size_t i = 0; i < count; i++) {
		if (text_has_prefix(exchanges[i]->request.url, pair->second->base))
			second[seconds++] = exchanges[i];
		else
			first[firsts++] = exchanges[i];
	}
	if (firsts > 0 && perform_all(pair->first, first, firsts, err) < 0)
		return -1;
	pair->second->wall_at_ms = pair->first->wall_at_ms;
	pair->second->monotonic_ms = pair->first->monotonic_ms;
	if (seconds > 0 && perform_all(pair->second, second, seconds, err) < 0)
		return -1;
	pair->first->wall_at_ms = pair->second->wall_at_ms;
	pair->first->monotonic_ms = pair->second->monotonic_ms;
	return 0;
}

struct http_client ca_pair_client(struct ca_pair *pair)
{
	return (struct http_client){ .perform_all = perform_pair, .free = free_nothing, .self = pair };
}

struct clock ca_clock(struct ca *ca)
{
	return (struct clock){ .wall = clock_now_at, .monotonic_ms = clock_now_ms, .sleep_ms = clock_pass, .self = ca };
}

void ca_pass_time(struct ca *ca, int64_t s)
{
	clock_pass(ca, s * 1000);
}

/* --- the script --- */

/* All else is zero already: clearing it would bring in all of its memory. */
static void set_up(struct ca *ca)
{
	text_copy(ca->base, sizeof(ca->base), "https://ca.example");
	ca->wall_at_ms = INT64_C(1795435200) * 1000;
	ca->monotonic_ms = 1000000;
	ca->latency_ms = 20;
	ca->validation_ms = 40;
	ca->issuance_ms = 60;
	ca->lifetime_s = INT64_C(90) * 24 * 3600;
	ca->rng = 0x9e3779b97f4a7c15;
	ca->serial = 1;
	ca_make_issuer(ca);
}

void ca_init(struct ca *ca)
{
	memset(ca, 0, sizeof(*ca));
	set_up(ca);
}

void *ca_share(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		abort();
	return memory;
}

void ca_unshare(void *memory, size_t size)
{
	munmap(memory, size);
}

struct ca *ca_new_shared(void)
{
	struct ca *ca = ca_share(sizeof(*ca));

	set_up(ca);
	return ca;
}

void ca_free_shared(struct ca *ca)
{
	ca_unshare(ca, sizeof(*ca));
}

void ca_add_fault(struct ca *ca, const struct ca_fault *fault)
{
	if (ca->fault_count == CA_FAULTS_MAX)
		abort();
	ca->fault_seen[ca->fault_count] = 0;
	ca->faults[ca->fault_count++] = *fault;
}

void ca_clear_faults(struct ca *ca)
{
	ca->fault_count = 0;
}

void ca_fail(struct ca *ca, const char *identifier, const char *type, const char *detail, int times)
{
	for (size_t i = 0; i < CA_FAILURES_MAX; i++) {
		struct ca_failure *failure = &ca->failures[i];

		if (failure->times != 0)
			continue;
		text_copy(failure->value, sizeof(failure->value), identifier);
		text_copy(failure->type, sizeof(failure->type), type);
		text_copy(failure->detail, sizeof(failure->detail), detail);
		failure->times = times;
		return;
	}
	abort();
}

size_t ca_issued(const struct ca *ca)
{
	size_t n = 0;

	for (size_t i = 0; i < ca->order_count; i++)
		n += ca->orders[i].pem[0] != '\0';
	return n;
}
