/* test_tls_websocket.c: the opening handshake of RFC 6455: what came, from heads as texts and from a server. */
#include "tls/websocket.h"

#include "base/error.h"
#include "base/text.h"

#include "tls_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { DAY_S = 86400 };

/* RFC 6455 section 1.3. */
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static struct identity site;
static struct error err;

static int parse(const char *text, struct tls_websocket_seen *seen)
{
	error_clear(&err);
	return tls_websocket_parse(text, strlen(text), KEY, seen, &err);
}

static void test_accept(void **state)
{
	char accept[TLS_WEBSOCKET_ACCEPT_SIZE];

	(void)state;
	tls_websocket_accept(KEY, accept);
	assert_string_equal(accept, ACCEPT);
}

static void test_works(void **state)
{
	static const char *const good[] = {
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n",
		"HTTP/1.1 101 \r\nupgrade:WebSocket\r\nCONNECTION: keep-alive, upgrade\r\nsec-websocket-accept:   " ACCEPT "  \r\n\r\nframe",
		"HTTP/1.1 101\r\nConnection: upgrade\nUpgrade: websocket\nSec-WebSocket-Accept: " ACCEPT "\n\n",
	};
	static const char *const bad[] = {
		"HTTP/1.1 101 x\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n",
		"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n",
		"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
		"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n",
		"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " ACCEPT
		"\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n",
		"HTTP/1.1 101 x\r\nUpgrade: websockets\r\nConnection: Upgrades\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n",
	};
	struct tls_websocket_seen seen;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(parse(good[i], &seen), 0);
		assert_true(tls_websocket_works(&seen));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse(bad[i], &seen), 0);
		assert_false(tls_websocket_works(&seen));
	}
}

static void test_what_came(void **state)
{
	struct tls_websocket_seen seen;

	(void)state;
	assert_int_equal(parse("HTTP/1.1 426 Upgrade\x1b Required\r\nServer: Python/3.11\x07\r\nLocation: https://x.example/\r\n\r\n", &seen), 0);
	assert_int_equal(seen.status, 426);
	assert_string_equal(seen.reason, "Upgrade? Required");
	assert_string_equal(seen.server, "Python/3.11?");
	assert_string_equal(seen.location, "https://x.example/");
	assert_false(seen.accept_present);
}

static void test_no_http(void **state)
{
	static const char *const bad[] = { "SSH-2.0-OpenSSH", "HTTP/2 200\r\n\r\n", "HTTP/1.1 abc\r\n", "HTTP/1.1 20\r\n\r\n", "HTTP/1.1 2000\r\n", "\n" };
	static char long_head[TLS_WEBSOCKET_HEAD_MAX + 1];
	struct tls_websocket_seen seen;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse(bad[i], &seen), -1);
		assert_int_equal(err.kind, ERROR_DEPLOY);
		assert_non_null(strstr(err.message, "no HTTP"));
	}
	assert_int_equal(parse("", &seen), TLS_WEBSOCKET_MORE);
	assert_int_equal(parse("HTTP/1.1 101", &seen), TLS_WEBSOCKET_MORE);
	assert_int_equal(parse("HTTP/1.1 101 x\r\nUpgrade: websocket\r\n", &seen), TLS_WEBSOCKET_MORE);
	(void)snprintf(long_head, sizeof(long_head), "HTTP/1.1 101 x\r\nX: %0*d", TLS_WEBSOCKET_HEAD_MAX - 19, 0);
	assert_int_equal(parse(long_head, &seen), -1);
	assert_non_null(strstr(err.message, "longer than"));
}

/* Answers as a websocket server on /ws, in two pieces; elsewhere as one that knows nothing of it. Afterwards it wants a masked close frame. */
static void serve(struct peer *peer)
{
	char request[4096], answer[512], accept[TLS_WEBSOCKET_ACCEPT_SIZE];
	unsigned char frame[6];
	size_t len = 0;
	const char *key;

	while (len < sizeof(request) - 1) {
		size_t n = peer_read(peer, request + len, sizeof(request) - 1 - len);

		if (n == 0)
			return;
		len += n;
		request[len] = '\0';
		if (strstr(request, "\r\n\r\n"))
			break;
	}
	key = strstr(request, "\r\nSec-WebSocket-Key: ");
	if (!key || !strstr(request, "\r\nUpgrade: websocket\r\n") || !strstr(request, "\r\nConnection: Upgrade\r\n") ||
	    !strstr(request, "\r\nSec-WebSocket-Version: 13\r\n") || !strstr(request, "\r\nHost: site.example:"))
		return;
	if (!text_has_prefix(request, "GET /ws?x=1 HTTP/1.1\r\n")) {
		(void)peer_say(peer, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
		peer_wait(peer);
		return;
	}
	tls_websocket_accept(key + 21, accept);
	(void)peer_say(peer, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: webso");
	(void)snprintf(answer, sizeof(answer), "cket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept);
	(void)peer_say(peer, answer);
	if (peer_read(peer, frame, sizeof(frame)) == sizeof(frame) && frame[0] == 0x88 && frame[1] == 0x80)
		__atomic_fetch_add(&peer->counts->requests, 1, __ATOMIC_SEQ_CST);
	peer_wait(peer);
}

static void test_server(void **state)
{
	const struct server_config config = { .identities = { &site }, .serve = serve };
	struct tls_websocket websocket = {
		.probe = { .address = "127.0.0.1", .server_name = "site.example", .timeout_ms = 10000 }, .path = "/ws?x=1",
	};
	struct tls_websocket_seen seen;
	struct server server;

	(void)state;
	server_start(&server, &config);
	websocket.probe.port = server.port;
	error_clear(&err);
	if (tls_websocket_probe(&websocket, &seen, &err) < 0)
		fail_msg("%s", err.message);
	assert_true(tls_websocket_works(&seen));
	websocket.path = "/other";
	assert_int_equal(tls_websocket_probe(&websocket, &seen, &err), 0);
	assert_int_equal(seen.status, 404);
	assert_false(tls_websocket_works(&seen));
	server_stop(&server);
}

static void rude(struct peer *peer)
{
	char request[4096];

	if (peer_read(peer, request, sizeof(request)) > 0)
		(void)peer_say(peer, "HTTP/1.1 101 Switching");
}

static void test_bad_servers(void **state)
{
	const struct server_config closing = { .identities = { &site }, .serve = rude };
	const struct server_config mute = { .identities = { &site }, .serve = peer_wait };
	struct tls_websocket websocket = {
		.probe = { .address = "127.0.0.1", .server_name = "site.example", .timeout_ms = 10000, .port = closed_port() }, .path = "/ws",
	};
	struct tls_websocket_seen seen;
	struct server server;

	(void)state;
	assert_int_equal(tls_websocket_probe(&websocket, &seen, &err), -1);
	assert_non_null(strstr(err.message, "cannot connect"));

	server_start(&server, &closing);
	websocket.probe.port = server.port;
	assert_int_equal(tls_websocket_probe(&websocket, &seen, &err), -1);
	assert_non_null(strstr(err.message, "closed the connection in the middle of its answer"));
	server_stop(&server);

	server_start(&server, &mute);
	websocket.probe.port = server.port;
	websocket.probe.timeout_ms = 1000;
	assert_int_equal(tls_websocket_probe(&websocket, &seen, &err), -1);
	assert_non_null(strstr(err.message, "no whole answer within 1000 ms"));
	server_stop(&server);
}

static int make_identities(void **state)
{
	(void)state;
	identity_make(&site, "site.example", "DNS:site.example", NULL, false, -60, DAY_S);
	return 0;
}

static int free_identities(void **state)
{
	(void)state;
	identity_done(&site);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accept),  cmocka_unit_test(test_works),  cmocka_unit_test(test_what_came),
		cmocka_unit_test(test_no_http), cmocka_unit_test(test_server), cmocka_unit_test(test_bad_servers),
	};

	return cmocka_run_group_tests(tests, make_identities, free_identities);
}
