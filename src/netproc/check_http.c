/* check_http.c: port 80 as a CA and a visitor meet it, and plain http on port 443; all names and families side by side. */
#include "netproc/check.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/text.h"
#include "http/http.h"
#include "netproc/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_MAX = 2048, FIRST_OCTETS = 60, HOST_SIZE = IDENT_VALUE_SIZE + 2 };

enum kind { FETCH_TOKEN, FETCH_ROOT, FETCH_PLAIN_443, FETCH_KINDS };

struct fetch {
	enum kind kind;
	struct check_name *name;
	struct check_target *target;
	char where[CHECK_WHERE_SIZE];
	char url[HTTP_URL_MAX + 1];
	struct http_exchange exchange;
};

struct fetches {
	struct fetch *items;
	size_t count;
};

static void fetches_done(struct fetches *fetches)
{
	for (size_t i = 0; i < fetches->count; i++)
		http_exchange_done(&fetches->items[i].exchange);
	free(fetches->items);
}

static const char *url_host(const struct check_name *name, char out[static HOST_SIZE])
{
	bool v6 = strchr(name->ident->value, ':') != NULL;

	(void)snprintf(out, HOST_SIZE, "%s%s%s", v6 ? "[" : "", name->ident->value, v6 ? "]" : "");
	return out;
}

static void fetch_init(struct fetch *fetch, const struct message_check *task)
{
	int64_t connect_ms = task->limits.connect_ms;
	const struct http_request request = {
		.method = HTTP_GET,
		.url = fetch->url,
		.connect_to = fetch->where,
		.limits = { .connect_ms = connect_ms, .idle_ms = connect_ms, .total_ms = connect_ms, .body_max = BODY_MAX },
	};
	char host[HOST_SIZE];

	url_host(fetch->name, host);
	check_where(fetch->target->address, fetch->kind == FETCH_PLAIN_443 ? task->https_port : task->http_port, fetch->where);
	switch (fetch->kind) {
	case FETCH_TOKEN:
		/* As the CA does it: the Host header names no port, wherever the request goes. */
		CHECK_FORMAT(fetch->url, "http://%s/.well-known/acme-challenge/%s", host, task->token);
		break;
	case FETCH_ROOT:
		CHECK_FORMAT(fetch->url, "http://%s/", host);
		break;
	case FETCH_PLAIN_443:
		CHECK_FORMAT(fetch->url, "http://%s:443/", host);
		break;
	case FETCH_KINDS:
		break;
	}
	http_exchange_init(&fetch->exchange, &request);
}

static int perform(struct check *check, struct fetches *fetches, struct error *err)
{
	CLEANUP(clean_free) struct http_exchange **list = NULL;
	size_t max = check->count * CHECK_FAMILIES * FETCH_KINDS;

	fetches->items = calloc(max + 1, sizeof(*fetches->items));
	list = calloc(max + 1, sizeof(struct http_exchange *));
	if (!fetches->items || !list)
		return error_oom(err);
	for (size_t i = 0; i < check->count; i++) {
		struct check_name *name = &check->names[i];

		for (size_t k = 0; k < name->targets_count * FETCH_KINDS; k++) {
			struct fetch *fetch = &fetches->items[fetches->count];

			fetch->kind = (enum kind)(k % FETCH_KINDS);
			fetch->name = name;
			fetch->target = &name->targets[k / FETCH_KINDS];
			fetch_init(fetch, check->task);
			list[fetches->count++] = &fetch->exchange;
		}
	}
	return fetches->count > 0 ? http_perform_all(check->net->http, list, fetches->count, err) : 0;
}

static bool is_redirect(const struct http_response *response)
{
	return response->status >= 300 && response->status <= 399;
}

static bool body_matches(const struct http_response *response, const char *expected)
{
	size_t len = response->body.len;

	while (len > 0 && strchr(" \t\r\n", response->body.data[len - 1]))
		len--;
	return len == strlen(expected) && memcmp(response->body.data, expected, len) == 0;
}

/* What came: the status, where to, or the first octets. */
static void describe(const struct http_response *response, char *out, size_t size)
{
	char first[FIRST_OCTETS + 1];

	(void)text_copy(first, sizeof(first), buf_text(&response->body));
	for (char *c = first; *c; c++) {
		if (*c == '\r' || *c == '\n' || *c == '\t')
			*c = ' ';
	}
	text_clean(first);
	if (is_redirect(response))
		(void)snprintf(out, size, "status %d, to %.400s", response->status, response->location);
	else if (first[0] != '\0')
		(void)snprintf(out, size, "status %d, \"%s\"", response->status, first);
	else
		(void)snprintf(out, size, "status %d, empty", response->status);
}

static int say_unreachable(struct check *check, const struct fetch *fetch, struct error *err)
{
	struct check_words words = CHECK_WORDS;

	CHECK_FORMAT(words.asked, "http://%.253s/ at %s", fetch->name->ident->value, fetch->where);
	CHECK_FORMAT(words.seen, "%.600s", fetch->exchange.error.message);
	CHECK_FORMAT(words.means, "visitors who type the name without https:// get nothing, and a CA cannot validate it over http");
	CHECK_FORMAT(words.advice, "look whether this address is this server's, NGINX listens there (`listen 80;` and `listen [::]:80;`), and the "
	                           "firewall and the router let port 80 through");
	check_mark_dead(check, fetch->target->address, check->task->http_port, words.seen, words.advice);
	return check_add(check, fetch->name, "port-80", CHECK_FAILURE, &words, err);
}

/* What came in place of the test file. */
static enum check_level judge_other(const struct http_response *response, struct check_words *words)
{
	CHECK_FORMAT(words->means, "a CA that validates over http gets this in place of the proof");
	if (is_redirect(response)) {
		CHECK_FORMAT(words->means, "the exception for /.well-known/acme-challenge/ is missing or defeated: a CA is led away from the proof");
		CHECK_FORMAT(words->advice, "include the challenge snippet (certd-acme-challenge.conf) in the port-80 server and move its `return 301` into "
		                            "`location /`: at server level it defeats the exception");
	} else if (response->status == 403) {
		CHECK_FORMAT(words->advice, "let the user of NGINX's workers read the webroot and the directories above it, and look for `deny` and "
		                            "`auth_basic` in the port-80 server");
	} else {
		CHECK_FORMAT(words->advice, "another server answers for this name, or the port-80 server does not include the challenge snippet "
		                            "(certd-acme-challenge.conf), or another webroot stands in it (`nginx -T` shows which server has the name)");
	}
	return CHECK_FAILURE;
}

static int judge_token(struct check *check, const struct fetch *fetch, struct error *err)
{
	const struct http_response *response = &fetch->exchange.response;
	const char *body = check->task->body;
	struct check_words words = CHECK_WORDS;
	enum check_level level = CHECK_OK;

	if (fetch->exchange.result < 0)
		return say_unreachable(check, fetch, err);
	CHECK_FORMAT(words.asked, "a %s file below /.well-known/acme-challenge/ of %s", body ? "test" : "missing", fetch->where);
	describe(response, words.seen, sizeof(words.seen));
	if (body && response->status == 200 && body_matches(response, body)) {
		fetch->target->ours = true;
		CHECK_FORMAT(words.seen, "it came");
	} else if (body) {
		level = judge_other(response, &words);
	} else if (response->status == 404) {
		CHECK_FORMAT(words.seen, "status 404, as it should be");
	} else {
		(void)judge_other(response, &words);
		level = CHECK_WARNING;
	}
	return check_add(check, fetch->name, "port-80", level, &words, err);
}

/* Host and port of a URL, as they are written. */
static void split_url(const char *url, char host[static HOST_SIZE], char port[static 8])
{
	const char *at = strstr(url, "://");
	size_t len;

	at = at ? at + 3 : url;
	len = *at == '[' ? strcspn(at, "]/") + 1 : strcspn(at, ":/?#");
	(void)snprintf(host, HOST_SIZE, "%.*s", (int)(len < HOST_SIZE ? len : HOST_SIZE - 1), at);
	at += len < strlen(at) ? len : strlen(at);
	(void)snprintf(port, 8, "%.*s", *at == ':' ? (int)strcspn(at + 1, "/?#") : 0, *at == ':' ? at + 1 : "");
}

static bool is_our_name(const struct check *check, const char *host)
{
	for (size_t i = 0; i < check->count; i++) {
		if (text_equal_nocase(check->names[i].ident->value, host))
			return true;
	}
	return false;
}

static enum check_level judge_https_target(const struct check *check, const struct fetch *fetch, struct check_words *words)
{
	const struct http_response *response = &fetch->exchange.response;
	char host[HOST_SIZE], ours[HOST_SIZE], port[8];

	split_url(response->location, host, port);
	if (text_equal(port, "80")) {
		CHECK_FORMAT(words->means, "it names port 80, where no TLS is spoken: a browser says ERR_SSL_PROTOCOL_ERROR");
		CHECK_FORMAT(words->advice, "redirect to https://$host$request_uri, without a port");
		return CHECK_FAILURE;
	}
	if (!text_equal_nocase(host, url_host(fetch->name, ours)) && !is_our_name(check, host)) {
		CHECK_FORMAT(words->means, "visitors end on another site, %.255s", host);
		CHECK_FORMAT(words->advice, "if that is not meant: redirect to https://$host$request_uri");
		return CHECK_WARNING;
	}
	if (response->status != 301 && response->status != 308) {
		CHECK_FORMAT(words->means, "it is a temporary redirect, so browsers and search engines ask over http again and again");
		CHECK_FORMAT(words->advice, "redirect with 301 (or 308)");
		return CHECK_WARNING;
	}
	return CHECK_OK;
}

static enum check_level judge_redirect(const struct check *check, const struct fetch *fetch, struct check_words *words)
{
	const struct http_response *response = &fetch->exchange.response;

	if (is_redirect(response) && text_has_prefix(response->location, "https://"))
		return judge_https_target(check, fetch, words);
	if (is_redirect(response)) {
		CHECK_FORMAT(words->means, "the redirect does not lead to https");
		CHECK_FORMAT(words->advice, "redirect to https://$host$request_uri in the port-80 server");
		return CHECK_WARNING;
	}
	if (response->status < 400) {
		CHECK_FORMAT(words->means, "the site answers over http too, in place of leading to https: who types the name stays without encryption");
		CHECK_FORMAT(words->advice, "put `location / { return 301 https://$host$request_uri; }` into the port-80 server, in place of the site");
		return CHECK_WARNING;
	}
	CHECK_FORMAT(words->means, "who types the name without https:// sees an error in place of the site");
	CHECK_FORMAT(words->advice, "put `location / { return 301 https://$host$request_uri; }` into the port-80 server of this name");
	return CHECK_WARNING;
}

static int judge_root(struct check *check, const struct fetch *fetch, struct error *err)
{
	struct check_words words = CHECK_WORDS;
	enum check_level level;

	/* That there is no answer was told of the test file. */
	if (fetch->exchange.result < 0)
		return 0;
	CHECK_FORMAT(words.asked, "where http://%.253s/ leads, at %s", fetch->name->ident->value, fetch->where);
	describe(&fetch->exchange.response, words.seen, sizeof(words.seen));
	level = judge_redirect(check, fetch, &words);
	return check_add(check, fetch->name, "redirect", level, &words, err);
}

/* NGINX says it with 400 and a page; others just end the connection. Anything else is told by the handshake that fails. */
static int judge_plain_443(struct check *check, const struct fetch *fetch, struct error *err)
{
	struct check_words words = CHECK_WORDS;

	if (fetch->exchange.result < 0 || fetch->exchange.response.status != 400)
		return 0;
	CHECK_FORMAT(words.asked, "plain http on port 443 (%s)", fetch->where);
	CHECK_FORMAT(words.seen, "status 400, as it should be");
	CHECK_FORMAT(words.means, "a client that opens http:// or ws:// with port 443 sees this: such URLs name no port");
	return check_add(check, fetch->name, "port-443", CHECK_OK, &words, err);
}

static int judge(struct check *check, const struct fetch *fetch, struct error *err)
{
	switch (fetch->kind) {
	case FETCH_TOKEN:
		return judge_token(check, fetch, err);
	case FETCH_ROOT:
		return judge_root(check, fetch, err);
	case FETCH_PLAIN_443:
		return judge_plain_443(check, fetch, err);
	case FETCH_KINDS:
		break;
	}
	return 0;
}

int check_http(struct check *check, struct error *err)
{
	CLEANUP(fetches_done) struct fetches fetches = { .count = 0 };

	if (perform(check, &fetches, err) < 0)
		return -1;
	for (size_t i = 0; i < fetches.count; i++) {
		if (judge(check, &fetches.items[i], err) < 0)
			return -1;
	}
	return 0;
}
