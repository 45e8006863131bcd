/* test_http_curl.c: the client against servers that are good, slow, wrong and hostile. */
#include "http/curl.h"
#include "http/http.h"

#include "base/strv.h"
#include "base/text.h"

#include "tls_server.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { DAY_S = 86400 };

static struct identity authority, good, expired, elsewhere, alone, stranger, strange_authority;
static char *authority_pem;
static struct server main_server, plain_server;
static struct http_client client;
static struct error err;

/* The servers' side. */

struct request {
	char method[16];
	char path[256];
	char head[4096];
	char body[4096];
	size_t body_len;
	int number; /* on this connection */
};

static bool read_request(struct peer *peer, struct request *ret)
{
	size_t len = 0, head_len = 0, wanted = 0;
	char *end, *length;

	for (;;) {
		size_t n = peer_read(peer, ret->head + len, sizeof(ret->head) - 1 - len);

		if (n == 0)
			return false;
		len += n;
		ret->head[len] = '\0';
		if (ret->head[0] == 0x16) { /* a TLS handshake; every web server says the like */
			(void)peer_say(peer, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
			return false;
		}
		if (head_len == 0 && (end = strstr(ret->head, "\r\n\r\n"))) {
			head_len = (size_t)(end - ret->head) + 4;
			length = strstr(ret->head, "Content-Length: ");
			if (length)
				wanted = strtoul(length + strlen("Content-Length: "), NULL, 10);
		}
		if (head_len > 0 && len >= head_len + wanted)
			break;
	}
	memcpy(ret->body, ret->head + head_len, wanted);
	ret->body[wanted] = '\0';
	ret->body_len = wanted;
	ret->head[head_len] = '\0';
	(void)__atomic_add_fetch(&peer->counts->requests, 1, __ATOMIC_SEQ_CST);
	return sscanf(ret->head, "%15s %255s", ret->method, ret->path) == 2;
}

static void answer(struct peer *peer, const char *status, const char *headers, const char *body)
{
	char text[16384];

	(void)snprintf(text, sizeof(text), "HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n%s", status, strlen(body), headers, body);
	(void)peer_say(peer, text);
}

static void repeat(struct peer *peer, const char *text)
{
	while (peer_say(peer, text))
		continue;
}

static void drip(struct peer *peer)
{
	struct pollfd pfd = { .fd = peer->fd, .events = POLLIN };

	while (poll(&pfd, 1, 20) == 0 && peer_say(peer, "x"))
		continue;
}

static void long_header(struct peer *peer)
{
	static char kilobyte[1025];

	memset(kilobyte, 'h', 1024);
	(void)peer_say(peer, "HTTP/1.1 200 OK\r\nX: ");
	repeat(peer, kilobyte);
}

/* Answers that end the connection. False when the path is none of them. */
static bool serve_last(struct peer *peer, const struct request *r)
{
	static const char chunked[] = "Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";

	if (strcmp(r->path, "/endless") == 0 || strcmp(r->path, "/endless-error") == 0) {
		(void)peer_say(peer, r->path[8] ? "HTTP/1.1 500 No\r\n" : "HTTP/1.1 200 OK\r\n");
		(void)peer_say(peer, chunked);
		repeat(peer, "10\r\n0123456789abcdef\r\n");
	} else if (strcmp(r->path, "/endless-headers") == 0) {
		(void)peer_say(peer, "HTTP/1.1 200 OK\r\n");
		repeat(peer, "X-Header: value\r\n");
	} else if (strcmp(r->path, "/endless-interim") == 0) {
		repeat(peer, "HTTP/1.1 102 Processing\r\n\r\n");
	} else if (strcmp(r->path, "/long-header") == 0) {
		long_header(peer);
	} else if (strcmp(r->path, "/silent") == 0) {
		peer_wait(peer);
	} else if (strcmp(r->path, "/drip-body") == 0) {
		(void)peer_say(peer, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
		drip(peer);
	} else if (strcmp(r->path, "/drip-head") == 0) {
		(void)peer_say(peer, "HTTP/1.1 200 OK\r\nX: ");
		drip(peer);
	} else if (strcmp(r->path, "/stops") == 0) {
		(void)peer_say(peer, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
		peer_wait(peer);
	} else if (strcmp(r->path, "/breaks") == 0) {
		(void)peer_say(peer, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
	} else if (strcmp(r->path, "/garbage") == 0) {
		(void)peer_say(peer, "SSH-2.0-OpenSSH_9.2\r\n");
		peer_wait(peer);
	} else if (strcmp(r->path, "/second-dies") == 0 && r->number == 2) {
		return true;
	} else {
		return strcmp(r->path, "/closes") == 0;
	}
	return true;
}

static void serve_http(struct peer *peer)
{
	struct request r = { 0 };
	char text[9000];

	while (read_request(peer, &r)) {
		r.number++;
		if (serve_last(peer, &r))
			return;
		if (strcmp(r.path, "/headers") == 0) {
			(void)peer_say(peer, "HTTP/1.1 103 Early Hints\r\nLocation: /wrong\r\nRetry-After: 9\r\nLink: </early>;rel=index\r\n\r\n");
			answer(peer, "201 Created",
			       "Content-Type: Application/JSON; charset=utf-8\r\nReplay-Nonce: abc_-9\r\nLocation: /acct/1\r\n"
			       "Link: <https://ca.example/a>;rel=\"index\"\r\nlink: <tos>;rel=\"terms-of-service\", </up>; rel=up\r\n"
			       "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
			       "{}");
		} else if (strcmp(r.path, "/busy") == 0) {
			answer(peer, "503 Service Unavailable", "Retry-After: 120\r\n", "busy");
		} else if (strcmp(r.path, "/to-plain") == 0) {
			answer(peer, "302 Found", "Location: http://127.0.0.1:1/\r\n", "moved");
		} else if (text_has_prefix(r.path, "/to?")) {
			(void)snprintf(text, sizeof(text), "Location: %.250s\r\n", r.path + 4);
			answer(peer, "302 Found", text, "moved, with more text than the place where it goes to");
		} else if (strcmp(r.path, "/loop") == 0) {
			answer(peer, "301 Moved", "Location: loop\r\n", "");
		} else if (strcmp(r.method, "HEAD") == 0) {
			(void)peer_say(peer, "HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\nReplay-Nonce: head\r\n\r\n");
		} else {
			(void)snprintf(text, sizeof(text), "%d\n%s\n%s", peer->connection, r.head, r.body);
			answer(peer, "200 OK", "", text);
		}
	}
}

/* Our side. */

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void prepare_at(struct http_exchange *x, char url[static 512], uint16_t port, const char *path, bool tls)
{
	const struct http_request request = {
		.method = HTTP_GET,
		.url = url,
		.https_only = tls,
		.limits = { .connect_ms = 10000, .idle_ms = 10000, .total_ms = 20000, .body_max = 8192 },
	};

	(void)snprintf(url, 512, "%s://127.0.0.1:%u%s", tls ? "https" : "http", port, path);
	http_exchange_init(x, &request);
}

static void get_at(uint16_t port, const char *path, struct http_exchange *x)
{
	char url[512];

	prepare_at(x, url, port, path, true);
	assert_int_equal(http_perform(&client, x, &err), 0);
	x->request.url = NULL;
}

static void get(const char *path, struct http_exchange *x)
{
	get_at(main_server.port, path, x);
}

static void assert_failed(struct http_exchange *x, enum error_kind kind, const char *part)
{
	assert_int_equal(x->result, -1);
	if (x->error.kind != kind || !strstr(x->error.message, part))
		fail_msg("kind %d, not %d with \"%s\": %s", (int)x->error.kind, (int)kind, part, x->error.message);
	assert_non_null(strstr(x->error.message, "127.0.0.1"));
	assert_int_equal(x->response.status, 0);
	assert_int_equal(x->response.body.len, 0);
	http_exchange_done(x);
}

static void test_answer(void **state)
{
	struct http_exchange x;

	(void)state;
	get("/hello?x=/../y", &x);
	assert_int_equal(x.result, 0);
	assert_int_equal(x.response.status, 200);
	assert_string_equal(x.response.peer, "127.0.0.1");
	assert_non_null(strstr(buf_text(&x.response.body), "GET /hello?x=/../y HTTP/1.1\r\n"));
	assert_non_null(strstr(buf_text(&x.response.body), "\r\nUser-Agent: certd-test/1 libcurl\r\n"));
	assert_non_null(strstr(buf_text(&x.response.body), "\r\nAccept-Language: en\r\n"));
	assert_null(strcasestr(buf_text(&x.response.body), "accept-encoding"));
	assert_false(x.response.cut);
	http_exchange_done(&x);

	get("/a/../b/./c//d", &x);
	assert_non_null(strstr(buf_text(&x.response.body), "GET /a/../b/./c//d HTTP/1.1\r\n"));
	http_exchange_done(&x);
}

static void test_post(void **state)
{
	struct http_exchange x;
	char url[512];

	(void)state;
	prepare_at(&x, url, main_server.port, "/post", true);
	x.request.method = HTTP_POST;
	x.request.content_type = "application/jose+json";
	x.request.body = "{\"a\":\"b\"}";
	x.request.body_len = strlen(x.request.body);
	assert_int_equal(http_perform(&client, &x, &err), 0);
	assert_int_equal(x.result, 0);
	assert_non_null(strstr(buf_text(&x.response.body), "POST /post HTTP/1.1\r\n"));
	assert_non_null(strstr(buf_text(&x.response.body), "\r\nContent-Type: application/jose+json\r\n"));
	assert_non_null(strstr(buf_text(&x.response.body), "\r\n\r\n\n{\"a\":\"b\"}"));
	assert_null(strstr(buf_text(&x.response.body), "Expect"));
	http_exchange_done(&x);
}

static void test_head(void **state)
{
	struct http_exchange x;
	char url[512];

	(void)state;
	prepare_at(&x, url, main_server.port, "/nonce", true);
	x.request.method = HTTP_HEAD;
	assert_int_equal(http_perform(&client, &x, &err), 0);
	assert_int_equal(x.result, 0);
	assert_int_equal(x.response.status, 200);
	assert_string_equal(x.response.replay_nonce, "head");
	http_exchange_done(&x);
}

static void test_headers(void **state)
{
	struct http_exchange x;
	char url[512], whole[300];

	(void)state;
	prepare_at(&x, url, main_server.port, "/headers", true);
	assert_int_equal(http_perform(&client, &x, &err), 0);
	assert_int_equal(x.result, 0);
	assert_int_equal(x.response.status, 201);
	assert_string_equal(x.response.content_type, "application/json");
	assert_string_equal(x.response.replay_nonce, "abc_-9");
	assert_string_equal(x.response.retry_after, "");
	assert_string_equal(x.response.date, "Sun, 06 Nov 1994 08:49:37 GMT");
	assert_string_equal(x.response.final_url, url);
	(void)snprintf(whole, sizeof(whole), "https://127.0.0.1:%u/acct/1", main_server.port);
	assert_string_equal(x.response.location, whole);
	assert_string_equal(http_response_link(&x.response, "index"), "https://ca.example/a");
	(void)snprintf(whole, sizeof(whole), "https://127.0.0.1:%u/tos", main_server.port);
	assert_string_equal(http_response_link(&x.response, "terms-of-service"), whole);
	(void)snprintf(whole, sizeof(whole), "https://127.0.0.1:%u/up", main_server.port);
	assert_string_equal(http_response_link(&x.response, "up"), whole);
	http_exchange_done(&x);

	get("/busy", &x);
	assert_int_equal(x.result, 0);
	assert_int_equal(x.response.status, 503);
	assert_int_equal(http_retry_after(&x.response, 1000), 1120);
	http_exchange_done(&x);
}

static void test_reuse(void **state)
{
	int before = main_server.counts->connections;
	struct http_exchange x;
	char first[16];

	(void)state;
	for (int i = 0; i < 5; i++) {
		get("/hello", &x);
		assert_int_equal(x.result, 0);
		(void)snprintf(first, sizeof(first), "%.*s", (int)strcspn(buf_text(&x.response.body), "\n"),
		               buf_text(&x.response.body));
		http_exchange_done(&x);
	}
	assert_true(main_server.counts->connections <= before + 1);

	/* A connection that dies when it is used again is no failure. */
	get("/second-dies", &x);
	assert_int_equal(x.result, 0);
	http_exchange_done(&x);
	get("/second-dies", &x);
	assert_int_equal(x.result, 0);
	assert_int_equal(x.response.status, 200);
	http_exchange_done(&x);
}

static void test_side_by_side(void **state)
{
	enum { COUNT = 40 };
	static char urls[COUNT][512];
	struct http_exchange x[COUNT], *all[COUNT];
	int before = main_server.counts->connections;

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		char path[32];

		(void)snprintf(path, sizeof(path), "/number-%zu-", i);
		prepare_at(&x[i], urls[i], i == 7 ? closed_port() : main_server.port, path, true);
		all[i] = &x[i];
	}
	assert_int_equal(http_perform_all(&client, all, COUNT, &err), 0);
	for (size_t i = 0; i < COUNT; i++) {
		char path[32];

		(void)snprintf(path, sizeof(path), "/number-%zu-", i);
		if (i == 7) {
			assert_failed(&x[i], ERROR_NETWORK, "Connection refused");
			continue;
		}
		assert_int_equal(x[i].result, 0);
		assert_non_null(strstr(buf_text(&x[i].response.body), path));
		http_exchange_done(&x[i]);
	}
	assert_true(main_server.counts->connections - before <= 4);
	assert_int_equal(http_perform_all(&client, NULL, 0, &err), 0);
}

static void test_too_much(void **state)
{
	struct http_exchange x;
	char url[512];

	(void)state;
	get("/endless", &x);
	assert_failed(&x, ERROR_PROTOCOL, "longer than the 8192 octets");
	get("/endless-error", &x);
	assert_failed(&x, ERROR_PROTOCOL, "longer than the 8192 octets");
	get("/endless-headers", &x);
	assert_failed(&x, ERROR_PROTOCOL, "headers of the answer are longer than 65536 octets");
	get("/endless-interim", &x);
	assert_failed(&x, ERROR_PROTOCOL, "headers of the answer are longer than 65536 octets");
	get("/long-header", &x);
	assert_failed(&x, ERROR_PROTOCOL, "header");
	get("/garbage", &x);
	assert_failed(&x, ERROR_PROTOCOL, "does not speak HTTP");

	/* exactly the maximum is not too much */
	prepare_at(&x, url, main_server.port, "/busy", true);
	x.response.body.max = 4;
	assert_int_equal(http_perform(&client, &x, &err), 0);
	assert_int_equal(x.result, 0);
	assert_string_equal(buf_text(&x.response.body), "busy");
	http_exchange_done(&x);
	prepare_at(&x, url, main_server.port, "/busy", true);
	x.response.body.max = 3;
	assert_int_equal(http_perform(&client, &x, &err), 0);
	assert_failed(&x, ERROR_PROTOCOL, "longer than");
}

static void limited(const char *path, int64_t connect_ms, int64_t idle_ms, int64_t total_ms, const char *part)
{
	struct http_exchange x;
	int64_t begin;
	char url[512];

	prepare_at(&x, url, main_server.port, path, true);
	x.request.limits.connect_ms = connect_ms;
	x.request.limits.idle_ms = idle_ms;
	x.request.limits.total_ms = total_ms;
	begin = now_ms();
	assert_int_equal(http_perform(&client, &x, &err), 0);
	assert_true(now_ms() - begin < 5000);
	assert_failed(&x, ERROR_NETWORK, part);
}

static void test_slow(void **state)
{
	(void)state;
	if (getenv("CERTD_TEST_TOOL") != NULL) {
		print_message("a handshake takes longer than these limits under $CERTD_TEST_TOOL\n");
		skip();
	}
	limited("/silent", 10000, 300, 20000, "sent nothing for");
	limited("/silent", 10000, 10000, 300, "took the request and sent no answer for");
	limited("/stops", 10000, 300, 20000, "sent nothing for");
	limited("/stops", 10000, 10000, 300, "was not complete after");
	limited("/drip-body", 10000, 5000, 400, "was not complete after");
	limited("/drip-head", 10000, 5000, 400, "after");
	limited("/breaks", 10000, 10000, 20000, "broke off");
	limited("/closes", 10000, 10000, 20000, "without an answer");
}

static void test_no_connection(void **state)
{
	const struct server_config mute = { .mute = true };
	struct http_exchange x;
	struct server server;
	char url[512];

	(void)state;
	get_at(closed_port(), "/", &x);
	assert_int_equal(x.failure, HTTP_FAILURE_REFUSED);
	assert_failed(&x, ERROR_NETWORK, "cannot connect: Connection refused");

	server_start(&server, &mute);
	prepare_at(&x, url, server.port, "/", true);
	x.request.limits.connect_ms = 300;
	assert_int_equal(http_perform(&client, &x, &err), 0);
	assert_int_equal(x.failure, HTTP_FAILURE_TIMEOUT);
	assert_failed(&x, ERROR_NETWORK, "no TLS handshake");
	server_stop(&server);

	prepare_at(&x, url, 1, "/", true);
	(void)snprintf(url, sizeof(url), "https://nowhere.invalid/127.0.0.1");
	assert_int_equal(http_perform(&client, &x, &err), 0);
	assert_int_equal(x.result, -1);
	assert_int_equal(x.error.kind, ERROR_NETWORK);
	assert_non_null(strstr(x.error.message, "nowhere.invalid:443: "));
	/* Where no name server answers it is that. */
	assert_true(x.failure == HTTP_FAILURE_NAME || x.failure == HTTP_FAILURE_TIMEOUT);
	http_exchange_done(&x);
}

static void certificate(const struct identity *identity, const char *part, const char *advice)
{
	const struct server_config config = { .identities = { identity }, .serve = serve_http };
	struct http_exchange x;
	struct server server;

	server_start(&server, &config);
	get_at(server.port, "/", &x);
	assert_int_equal(x.result, -1);
	if (!strstr(x.error.advice, advice))
		fail_msg("%s: %s", x.error.message, x.error.advice);
	assert_failed(&x, ERROR_NETWORK, part);
	assert_int_equal(server.counts->requests, 0);
	server_stop(&server);
}

static void test_certificates(void **state)
{
	(void)state;
	certificate(&expired, "has expired", "clock");
	certificate(&elsewhere, "for another name", "host");
	certificate(&alone, "self-signed", "--ca-bundle");
	certificate(&stranger, "from an issuer that is not known", "--ca-bundle");
}

static void test_old_tls(void **state)
{
	const struct server_config config = { .identities = { &good }, .serve = serve_http,
		                              .protocol_min = TLS1_VERSION, .protocol_max = TLS1_1_VERSION };
	struct http_exchange x;
	struct server server;

	(void)state;
	server_start(&server, &config);
	get_at(server.port, "/", &x);
	assert_failed(&x, ERROR_NETWORK, "no TLS version from 1.2 on");
	server_stop(&server);
	get_at(plain_server.port, "/", &x);
	assert_failed(&x, ERROR_NETWORK, "does not speak TLS");
}

static void test_system_trust(void **state)
{
	const struct http_curl_config config = { .user_agent = "certd-test/1 libcurl" };
	struct http_client other, kept = client;
	struct strv paths = STRV(32);
	struct http_exchange x;

	(void)state;
	assert_int_equal(http_curl_open(&config, &other, &err), 0);
	client = other;
	get("/", &x);
	client = kept;
	assert_failed(&x, ERROR_NETWORK, "from an issuer that is not known");
	other.free(other.self);
	assert_int_equal(http_curl_trust_paths(&paths, &err), 0);
	for (size_t i = 0; i < paths.count; i++) {
		assert_int_equal(paths.items[i][0], '/');
		assert_int_equal(access(paths.items[i], R_OK), 0);
	}
	strv_done(&paths);
}

static void test_bad_bundle(void **state)
{
	struct http_curl_config config = { .user_agent = "x", .ca_pem = "no certificate", .ca_pem_len = 14 };
	struct http_client other;

	(void)state;
	assert_int_equal(http_curl_open(&config, &other, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_non_null(strstr(err.message, "ca-bundle"));
}

static void test_https_only(void **state)
{
	struct http_exchange x;
	char url[512];
	int before = plain_server.counts->connections;

	(void)state;
	prepare_at(&x, url, plain_server.port, "/", false);
	x.request.https_only = true;
	assert_int_equal(http_perform(&client, &x, &err), 0);
	assert_failed(&x, ERROR_PROTOCOL, "it is not https");
	assert_int_equal(plain_server.counts->connections, before);

	/* and a redirect is an answer like any other */
	get("/to-plain", &x);
	assert_int_equal(x.result, 0);
	assert_int_equal(x.response.status, 302);
	assert_string_equal(x.response.location, "http://127.0.0.1:1/");
	http_exchange_done(&x);
	prepare_at(&x, url, main_server.port, "/loop", true);
	x.request.redirects_max = 10;
	assert_int_equal(http_perform(&client, &x, &err), 0);
	assert_int_equal(x.result, 0);
	assert_int_equal(x.response.status, 301);
	http_exchange_done(&x);
}

static void probe(struct http_exchange *x, char url[static 512], const char *path, unsigned int redirects_max)
{
	prepare_at(x, url, plain_server.port, path, false);
	x->request.redirects_max = redirects_max;
	assert_int_equal(http_perform(&client, x, &err), 0);
}

static void test_redirects(void **state)
{
	struct http_exchange x;
	char url[512], path[300], other[256];

	(void)state;
	(void)snprintf(other, sizeof(other), "http://127.0.0.1:%u/there", plain_server.port);
	(void)snprintf(path, sizeof(path), "/to?%s#part", other);
	probe(&x, url, path, 1);
	assert_int_equal(x.result, 0);
	assert_int_equal(x.response.status, 200);
	assert_string_equal(x.response.final_url, other);
	assert_non_null(strstr(buf_text(&x.response.body), "GET /there HTTP/1.1\r\n"));
	assert_null(strstr(buf_text(&x.response.body), "moved"));
	http_exchange_done(&x);

	probe(&x, url, path, 0);
	assert_int_equal(x.result, 0);
	assert_int_equal(x.response.status, 302);
	http_exchange_done(&x);

	probe(&x, url, "/loop", 50);
	assert_failed(&x, ERROR_PROTOCOL, "more than 10 redirects");
	probe(&x, url, "/to?file:///etc/passwd", 10);
	assert_failed(&x, ERROR_PROTOCOL, "");
	probe(&x, url, "/to?gopher://127.0.0.1:70/", 10);
	assert_failed(&x, ERROR_PROTOCOL, "");
	(void)snprintf(path, sizeof(path), "/to?https://127.0.0.1:%u/", main_server.port);
	probe(&x, url, path, 10);
	assert_failed(&x, ERROR_PROTOCOL, "the ports 80 and 443 only");

	/* a POST is never sent elsewhere */
	prepare_at(&x, url, plain_server.port, "/loop", false);
	x.request.redirects_max = 10;
	x.request.method = HTTP_POST;
	x.request.body = "x";
	x.request.body_len = 1;
	assert_int_equal(http_perform(&client, &x, &err), 0);
	assert_int_equal(x.result, 0);
	assert_int_equal(x.response.status, 301);
	http_exchange_done(&x);
}

static void test_connect_to(void **state)
{
	struct http_exchange x;
	char url[512], to[64];

	(void)state;
	(void)setenv("http_proxy", "http://127.0.0.1:1", 1);
	(void)setenv("https_proxy", "http://127.0.0.1:1", 1);
	(void)snprintf(to, sizeof(to), "127.0.0.1:%u", plain_server.port);
	prepare_at(&x, url, 1, "/", false);
	(void)snprintf(url, sizeof(url), "http://site.example/where");
	x.request.connect_to = to;
	assert_int_equal(http_perform(&client, &x, &err), 0);
	assert_int_equal(x.result, 0);
	assert_non_null(strstr(buf_text(&x.response.body), "\r\nHost: site.example\r\n"));
	assert_string_equal(x.response.peer, "127.0.0.1");
	http_exchange_done(&x);

	(void)snprintf(to, sizeof(to), "127.0.0.1:%u", closed_port());
	prepare_at(&x, url, 1, "/", false);
	(void)snprintf(url, sizeof(url), "http://site.example/where");
	x.request.connect_to = to;
	assert_int_equal(http_perform(&client, &x, &err), 0);
	assert_failed(&x, ERROR_NETWORK, "site.example:80 (asked at 127.0.0.1:");

	/* the CA is asked through the proxy of the environment */
	get("/", &x);
	assert_failed(&x, ERROR_NETWORK, "refused");
	(void)unsetenv("http_proxy");
	(void)unsetenv("https_proxy");
}

/* What redirects to https goes to port 443 of the same address, and there the certificate is not looked at: that of the site may be what
 * is still missing. */
static void test_redirect_to_https(void **state)
{
	const struct server_config config = { .identities = { &elsewhere }, .serve = serve_http, .address = "127.0.0.1", .port = 443 };
	struct http_exchange x;
	struct server server;
	char url[512], to[64];

	(void)state;
	if (!server_start_at(&server, &config)) {
		print_message("port 443 of 127.0.0.1 is not to be had\n");
		skip();
	}
	(void)snprintf(to, sizeof(to), "127.0.0.1:%u", plain_server.port);
	prepare_at(&x, url, 1, "/", false);
	(void)snprintf(url, sizeof(url), "http://site.example/to?https://site.example/safe");
	x.request.connect_to = to;
	x.request.redirects_max = 3;
	assert_int_equal(http_perform(&client, &x, &err), 0);
	assert_int_equal(x.result, 0);
	assert_string_equal(x.response.final_url, "https://site.example/safe");
	assert_non_null(strstr(buf_text(&x.response.body), "GET /safe HTTP/1.1\r\nHost: site.example\r\n"));
	http_exchange_done(&x);
	server_stop(&server);
}

static void test_probe_cut(void **state)
{
	struct http_exchange x;
	char url[512];

	(void)state;
	prepare_at(&x, url, plain_server.port, "/endless", false);
	x.request.limits.body_max = 100;
	x.response.body.max = 100;
	assert_int_equal(http_perform(&client, &x, &err), 0);
	assert_int_equal(x.result, 0);
	assert_int_equal(x.response.status, 200);
	assert_true(x.response.cut);
	assert_int_equal(x.response.body.len, 100);
	http_exchange_done(&x);
}

static int start(void **state)
{
	const struct server_config config = { .identities = { &good }, .serve = serve_http };
	const struct server_config plain = { .serve = serve_http };
	struct http_curl_config client_config = { .user_agent = "certd-test/1 libcurl" };

	(void)state;
	identity_make(&authority, "Test Authority", NULL, NULL, false, -DAY_S, DAY_S);
	identity_make(&strange_authority, "Strange Authority", NULL, NULL, false, -DAY_S, DAY_S);
	identity_make(&good, "good", "DNS:localhost,IP:127.0.0.1", &authority, false, -DAY_S, DAY_S);
	identity_make(&expired, "expired", "IP:127.0.0.1", &authority, false, -2 * DAY_S, -DAY_S);
	identity_make(&elsewhere, "elsewhere", "DNS:elsewhere.example", &authority, false, -DAY_S, DAY_S);
	identity_make(&alone, "alone", "IP:127.0.0.1", NULL, false, -DAY_S, DAY_S);
	identity_make(&stranger, "stranger", "IP:127.0.0.1", &strange_authority, false, -DAY_S, DAY_S);
	authority_pem = identity_pem(&authority);
	client_config.ca_pem = authority_pem;
	client_config.ca_pem_len = strlen(authority_pem);
	server_start(&main_server, &config);
	server_start(&plain_server, &plain);
	(void)unsetenv("http_proxy");
	(void)unsetenv("https_proxy");
	(void)unsetenv("HTTPS_PROXY");
	(void)unsetenv("all_proxy");
	(void)unsetenv("ALL_PROXY");
	return http_curl_prepare(&err) < 0 || http_curl_open(&client_config, &client, &err) < 0;
}

static int stop(void **state)
{
	struct identity *const all[] = { &good, &expired, &elsewhere, &alone, &stranger, &strange_authority, &authority };

	(void)state;
	client.free(client.self);
	server_stop(&main_server);
	server_stop(&plain_server);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		identity_done(all[i]);
	free(authority_pem);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer),       cmocka_unit_test(test_post),         cmocka_unit_test(test_head),
		cmocka_unit_test(test_headers),      cmocka_unit_test(test_reuse),        cmocka_unit_test(test_side_by_side),
		cmocka_unit_test(test_too_much),     cmocka_unit_test(test_slow),         cmocka_unit_test(test_no_connection),
		cmocka_unit_test(test_certificates), cmocka_unit_test(test_old_tls),      cmocka_unit_test(test_system_trust),
		cmocka_unit_test(test_bad_bundle),   cmocka_unit_test(test_https_only),   cmocka_unit_test(test_redirects),
		cmocka_unit_test(test_connect_to),   cmocka_unit_test(test_probe_cut),    cmocka_unit_test(test_redirect_to_https),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
