#include "http/transfer.h"

#include "http/header.h"

#include "base/clean.h"
#include "base/clock.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum { REDIRECTS_MAX = 10 };

static size_t on_header(char *line, size_t size, size_t count, void *data)
{
	struct http_transfer *t = data;
	struct http_response *response = &t->exchange->response;
	size_t len = size * count;

	t->octet_at_ms = clock_monotonic_ms(clock_system());
	t->header_octets += len;
	if (t->header_octets > HTTP_HEADERS_MAX) {
		t->stop = HTTP_STOP_HEADERS;
		return 0;
	}
	if (len >= 5 && memcmp(line, "HTTP/", 5) == 0)
		http_header_begin(response);
	else if (response->body.len == 0) /* else it is a trailer */
		http_header_add(response, line, len);
	return len;
}

static size_t on_body(char *octets, size_t size, size_t count, void *data)
{
	struct http_transfer *t = data;
	struct http_response *response = &t->exchange->response;
	size_t len = size * count, room = response->body.max - response->body.len;

	t->octet_at_ms = clock_monotonic_ms(clock_system());
	if (len > room) {
		t->stop = t->exchange->request.https_only ? HTTP_STOP_BODY : HTTP_STOP_CUT;
		if (t->stop == HTTP_STOP_CUT && buf_append(&response->body, octets, room) < 0)
			t->stop = HTTP_STOP_MEMORY;
		return 0;
	}
	if (buf_append(&response->body, octets, len) < 0) {
		t->stop = HTTP_STOP_MEMORY;
		return 0;
	}
	return len;
}

static bool set_long(CURL *easy, CURLoption option, int64_t value)
{
	return curl_easy_setopt(easy, option, (long)value) == CURLE_OK;
}

static bool set_pointer(CURL *easy, CURLoption option, const void *value)
{
	return curl_easy_setopt(easy, option, value) == CURLE_OK;
}

/* What is the same for every request. */
static bool set_rules(CURL *easy)
{
	static const struct {
		CURLoption option;
		long value;
	} rules[] = {
		{ CURLOPT_NOSIGNAL, 1 },
		{ CURLOPT_NOPROGRESS, 1 },
		{ CURLOPT_FOLLOWLOCATION, 0 }, /* libcurl cannot restrict a redirect's port: http_transfer_finish() follows */
		{ CURLOPT_PATH_AS_IS, 1 }, /* a JWS names the URL letter by letter */
		{ CURLOPT_DISALLOW_USERNAME_IN_URL, 1 },
		{ CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS },
		{ CURLOPT_PIPEWAIT, 1 },
		{ CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2 },
		{ CURLOPT_SUPPRESS_CONNECT_HEADERS, 1 },
		{ CURLOPT_BUFFERSIZE, 4096 },
		{ CURLOPT_QUICK_EXIT, 1 }, /* or a time-out would wait for the thread that still asks a dead name server */
		{ CURLOPT_CA_CACHE_TIMEOUT, -1 },
	};
	bool done = true;

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		done = set_long(easy, rules[i].option, rules[i].value) && done;
	return done;
}

/* A CA that validates follows a redirect to https without a look at the certificate: the site may still be waiting for its first. */
static bool set_trust(struct http_transfer *t)
{
	const struct http_trust *trust = t->trust;
	bool verify = t->redirects == 0;

	if (!set_long(t->easy, CURLOPT_SSL_VERIFYPEER, verify) || !set_long(t->easy, CURLOPT_SSL_VERIFYHOST, verify ? 2 : 0))
		return false;
	if (trust->pem) {
		struct curl_blob blob = { .data = trust->pem, .len = trust->pem_len, .flags = CURL_BLOB_NOCOPY };

		return set_pointer(t->easy, CURLOPT_CAINFO, NULL) && set_pointer(t->easy, CURLOPT_CAPATH, NULL) &&
		       set_pointer(t->easy, CURLOPT_CAINFO_BLOB, &blob);
	}
	/* libcurl keeps a loaded bundle for the next connection only where no directory is given beside it. */
	t->by_directory = trust->by_directory;
	return set_pointer(t->easy, t->by_directory ? CURLOPT_CAINFO : CURLOPT_CAPATH, NULL);
}

/* "HOST:PORT:ADDRESS:PORT" for the URL itself, and for other ports of the same host the same address. */
static bool set_connect_to(struct http_transfer *t)
{
	const struct http_request *request = &t->exchange->request;
	CLEANUP(buf_done) struct buf rule = BUF(1024);
	char origin[300];
	const char *authority, *port, *to_port = strrchr(request->connect_to, ':');
	struct curl_slist *list;

	if (!to_port || http_url_origin(request->url, origin, sizeof(origin)) < 0)
		return false;
	authority = strstr(origin, "//") + 2;
	port = strrchr(authority, ':');
	(void)buf_printf(&rule, "%s:%s", authority, request->connect_to);
	if (rule.failed || !(list = curl_slist_append(NULL, buf_text(&rule))))
		return false;
	t->connect_to = list;
	buf_reset(&rule);
	(void)buf_printf(&rule, "%.*s::%.*s:", (int)(port - authority), authority,
	                 (int)(to_port - request->connect_to), request->connect_to);
	if (rule.failed || !curl_slist_append(list, buf_text(&rule)))
		return false;
	return set_pointer(t->easy, CURLOPT_CONNECT_TO, list);
}

static bool add_header(struct http_transfer *t, const char *line)
{
	struct curl_slist *list = curl_slist_append(t->headers, line);

	if (list)
		t->headers = list;
	return list != NULL;
}

static bool set_method(struct http_transfer *t)
{
	const struct http_request *request = &t->exchange->request;
	CLEANUP(buf_done) struct buf type = BUF(256);

	if (!add_header(t, "Accept-Language: en"))
		return false;
	if (request->method == HTTP_HEAD && !set_long(t->easy, CURLOPT_NOBODY, 1))
		return false;
	if (request->method == HTTP_POST) {
		(void)buf_printf(&type, "Content-Type: %s", request->content_type ? request->content_type : "");
		if (type.failed || !add_header(t, buf_text(&type)) || !add_header(t, "Expect:"))
			return false;
		if (!set_long(t->easy, CURLOPT_POST, 1) ||
		    !set_pointer(t->easy, CURLOPT_POSTFIELDS, request->body ? request->body : "") ||
		    !set_long(t->easy, CURLOPT_POSTFIELDSIZE, request->body ? (int64_t)request->body_len : 0))
			return false;
	}
	return set_pointer(t->easy, CURLOPT_HTTPHEADER, t->headers);
}

static bool set_callbacks(struct http_transfer *t)
{
	return curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
	       curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
	       set_pointer(t->easy, CURLOPT_HEADERDATA, t) && set_pointer(t->easy, CURLOPT_WRITEDATA, t) &&
	       set_pointer(t->easy, CURLOPT_ERRORBUFFER, t->text) && set_pointer(t->easy, CURLOPT_PRIVATE, t);
}

/* Where only the CA is asked the environment's proxy is obeyed; what is a probe of a certain address must reach that address. */
static bool set_route(struct http_transfer *t)
{
	const struct http_request *request = &t->exchange->request;

	if (!set_pointer(t->easy, CURLOPT_PROTOCOLS_STR, request->https_only ? "https" : "http,https"))
		return false;
	if (request->https_only && !request->connect_to)
		return true;
	if (!set_pointer(t->easy, CURLOPT_PROXY, ""))
		return false;
	return !request->connect_to || set_connect_to(t);
}

int http_transfer_prepare(struct http_transfer *t, int64_t now_ms, int64_t connection_age_max_s)
{
	struct http_exchange *x = t->exchange;
	const struct http_limits *limits = &x->request.limits;
	int64_t left_ms;

	if (t->redirects == 0)
		t->started_at_ms = now_ms;
	t->hop_at_ms = now_ms;
	t->octet_at_ms = now_ms;
	t->header_octets = 0;
	t->connected = false;
	t->stop = HTTP_STOP_NONE;
	t->text[0] = '\0';
	left_ms = limits->total_ms - (now_ms - t->started_at_ms);

	t->easy = curl_easy_init();
	if (!t->easy || !set_callbacks(t) || !set_rules(t->easy) || !set_trust(t) || !set_route(t) || !set_method(t) ||
	    !set_pointer(t->easy, CURLOPT_URL, x->response.final_url) ||
	    !set_pointer(t->easy, CURLOPT_USERAGENT, t->user_agent) ||
	    !set_long(t->easy, CURLOPT_CONNECTTIMEOUT_MS, limits->connect_ms) ||
	    !set_long(t->easy, CURLOPT_TIMEOUT_MS, left_ms > 1 ? left_ms : 1) ||
	    !set_long(t->easy, CURLOPT_MAXLIFETIME_CONN, connection_age_max_s)) {
		http_transfer_done(t);
		x->result = error_set(&x->error, ERROR_INTERNAL, "%s: libcurl cannot be set up for this request", x->request.url);
		return -1;
	}
	return 0;
}

bool http_transfer_idle(struct http_transfer *t, int64_t now_ms)
{
	curl_off_t before_transfer_us = 0;

	if (!t->connected) {
		if (curl_easy_getinfo(t->easy, CURLINFO_PRETRANSFER_TIME_T, &before_transfer_us) != CURLE_OK ||
		    before_transfer_us <= 0)
			return false;
		t->connected = true;
		t->octet_at_ms = now_ms;
	}
	if (now_ms - t->octet_at_ms < t->exchange->request.limits.idle_ms)
		return false;
	t->stop = HTTP_STOP_IDLE;
	return true;
}

/* Makes what may be relative to the URL of the answer a whole URL. Whole ones stay as they were sent. 0 or -1. */
static int resolve(const char *base, const char *reference, char ret[static HTTP_URL_MAX + 1])
{
	char whole[HTTP_URL_MAX + 1];
	char *url = NULL;
	CURLU *parts;
	int r = -1;

	if (text_has_prefix(reference, "https://") || text_has_prefix(reference, "http://")) {
		(void)text_copy(whole, sizeof(whole), reference);
		(void)text_copy(ret, HTTP_URL_MAX + 1, whole);
		return 0;
	}
	parts = curl_url();
	if (parts && curl_url_set(parts, CURLUPART_URL, base, CURLU_PATH_AS_IS) == CURLUE_OK &&
	    curl_url_set(parts, CURLUPART_URL, reference, CURLU_PATH_AS_IS) == CURLUE_OK &&
	    curl_url_get(parts, CURLUPART_URL, &url, 0) == CURLUE_OK && strlen(url) <= HTTP_URL_MAX) {
		(void)text_copy(ret, HTTP_URL_MAX + 1, url);
		r = 0;
	}
	curl_free(url);
	curl_url_cleanup(parts);
	return r;
}

static void resolve_references(struct http_response *response)
{
	struct strv links = STRV(HTTP_LINKS_MAX);
	char url[HTTP_URL_MAX + 1];

	if (response->location[0] && resolve(response->final_url, response->location, response->location) < 0)
		response->location[0] = '\0';
	for (size_t i = 0; i < response->links.count; i++) {
		const char *link = response->links.items[i];
		size_t rel_len = strcspn(link, " ");

		if (resolve(response->final_url, link + rel_len + 1, url) == 0)
			(void)strv_addf(&links, "%.*s %s", (int)rel_len, link, url);
	}
	strv_done(&response->links);
	response->links = links;
}

static bool is_redirect(const struct http_transfer *t)
{
	const struct http_request *request = &t->exchange->request;
	const struct http_response *response = &t->exchange->response;
	int status = response->status;

	return (status == 301 || status == 302 || status == 303 || status == 307 || status == 308) &&
	       request->redirects_max > 0 && request->method != HTTP_POST && !request->https_only && response->location[0];
}

static const char *port_of(const char *origin)
{
	return strrchr(origin, ':') + 1;
}

/* Makes final_url the next hop. -1: the exchange has its error. */
static int redirect(struct http_transfer *t)
{
	const struct http_request *request = &t->exchange->request;
	struct http_response *response = &t->exchange->response;
	unsigned int max = request->redirects_max < REDIRECTS_MAX ? request->redirects_max : REDIRECTS_MAX;
	struct error *err = &t->exchange->error;
	char from[300], to[300];

	if (++t->redirects > max)
		return error_set(err, ERROR_PROTOCOL, "%s: more than %u redirects, the last one to %.300s", request->url, max,
		                 response->location);
	response->location[strcspn(response->location, "#")] = '\0';
	if (http_url_check(response->location, true, "a redirect", err) < 0)
		return error_context(err, "%s", request->url);
	if (http_url_origin(response->location, to, sizeof(to)) < 0 || http_url_origin(request->url, from, sizeof(from)) < 0 ||
	    (!text_equal(port_of(to), "80") && !text_equal(port_of(to), "443") && !text_equal(port_of(to), port_of(from))))
		return error_set(err, ERROR_PROTOCOL, "%s: redirects to %.300s: a CA follows to the ports 80 and 443 only",
		                 request->url, response->location);
	(void)text_copy(response->final_url, sizeof(response->final_url), response->location);
	http_header_begin(response);
	buf_reset(&response->body);
	response->status = 0;
	response->cut = false;
	return 0;
}

bool http_transfer_finish(struct http_transfer *t, CURLcode code, int64_t now_ms)
{
	struct http_exchange *x = t->exchange;
	struct http_response *response = &x->response;
	const char *peer = NULL;
	bool again = false;
	long status = 0;

	if (curl_easy_getinfo(t->easy, CURLINFO_PRIMARY_IP, &peer) == CURLE_OK && peer)
		(void)text_copy(response->peer, sizeof(response->peer), peer);
	if (code != CURLE_OK && t->stop == HTTP_STOP_CUT)
		code = CURLE_OK;
	if (code == CURLE_OK && curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK &&
	    (status < 100 || status > 999))
		code = CURLE_WEIRD_SERVER_REPLY;
	if (code == CURLE_OK) {
		response->status = (int)status;
		response->cut = t->stop == HTTP_STOP_CUT;
		resolve_references(response);
		x->result = 0;
		if (is_redirect(t)) {
			x->result = redirect(t);
			again = x->result == 0;
		}
	} else {
		http_transfer_explain(t, code, now_ms);
	}
	if (x->result < 0) {
		http_header_begin(response);
		buf_done(&response->body);
		response->status = 0;
	}
	http_transfer_done(t);
	return again;
}

void http_transfer_done(struct http_transfer *t)
{
	curl_easy_cleanup(t->easy);
	t->easy = NULL;
	curl_slist_free_all(t->headers);
	t->headers = NULL;
	curl_slist_free_all(t->connect_to);
	t->connect_to = NULL;
}
