/* test_tls_probe.c: what is served, and every way in which it is not. */
#include "tls/probe.h"

#include "base/error.h"
#include "base/text.h"
#include "crypto/cert.h"

#include "tls_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { DAY_S = 86400 };

static struct identity root, middle, ecdsa, rsa, expired;
static struct error err;

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void fingerprint(const struct identity *identity, char out[static CERT_FINGERPRINT_SIZE])
{
	unsigned char *der = NULL;
	int len = i2d_X509(identity->cert, &der);

	assert_true(len > 0);
	cert_fingerprint(der, (size_t)len, out);
	OPENSSL_free(der);
}

static int probe_at(uint16_t port, const char *name, enum tls_key_wish key, struct tls_seen *seen)
{
	const struct tls_probe probe = {
		.address = "127.0.0.1", .port = port, .server_name = name, .key = key, .timeout_ms = 10000
	};

	error_clear(&err);
	return tls_probe(&probe, seen, &err);
}

static void assert_served(const struct tls_seen *seen, const struct identity *identity)
{
	char wanted[CERT_FINGERPRINT_SIZE];

	fingerprint(identity, wanted);
	assert_string_equal(seen->fingerprint, wanted);
}

static void assert_refused(uint16_t port, const char *name, enum tls_key_wish key, const char *part, const char *advice)
{
	struct tls_seen seen = { .chain_count = 4711 };
	char where[64];

	(void)snprintf(where, sizeof(where), "127.0.0.1:%u", port);
	assert_int_equal(probe_at(port, name, key, &seen), -1);
	assert_int_equal(err.kind, ERROR_DEPLOY);
	if (!text_has_prefix(err.message, where) || !strstr(err.message, part) || !strstr(err.advice, advice))
		fail_msg("not \"%s\": %s | %s", part, err.message, err.advice);
	assert_int_equal(seen.chain_count, 4711);
}

static void test_seen(void **state)
{
	const struct server_config config = { .identities = { &ecdsa } };
	const struct tls_seen empty = { 0 };
	struct tls_seen seen = empty;
	char wanted[CERT_FINGERPRINT_SIZE];
	struct tls_probe other = { .address = "127.0.0.1", .server_name = "other.example", .timeout_ms = 10000, .verify = true };
	struct server server;

	(void)state;
	server_start(&server, &config);
	other.port = server.port;
	if (probe_at(server.port, "site.example", TLS_KEY_ANY, &seen) < 0)
		fail_msg("%s", err.message);
	assert_served(&seen, &ecdsa);
	assert_string_equal(seen.subject, "site.example");
	assert_string_equal(seen.issuer, "Test Intermediate");
	assert_string_equal(seen.protocol, "TLSv1.3");
	assert_true(strlen(seen.serial) >= 4);
	assert_true(strlen(seen.group) > 0);
	assert_true(seen.not_after_at > time(NULL) + DAY_S - 600 && seen.not_after_at <= time(NULL) + DAY_S);
	assert_int_equal(seen.chain_count, 2);
	assert_string_equal(seen.chain[0], seen.fingerprint);
	fingerprint(&middle, wanted);
	assert_string_equal(seen.chain[1], wanted);
	assert_string_equal(seen.names, "site.example, www.site.example");
	assert_string_equal(seen.key, "ecdsa-p256");
	assert_true(seen.name_matches);
	assert_false(seen.self_signed);
	assert_string_equal(seen.distrust, ""); /* not asked */
	assert_int_equal(tls_probe(&other, &seen, &err), 0);
	assert_false(seen.name_matches);
	assert_true(seen.distrust[0] != '\0');

	/* no name, and each time a handshake of its own */
	assert_int_equal(probe_at(server.port, NULL, TLS_KEY_ANY, &seen), 0);
	assert_int_equal(probe_at(server.port, NULL, TLS_KEY_ECDSA, &seen), 0);
	assert_served(&seen, &ecdsa);
	assert_refused(server.port, "site.example", TLS_KEY_RSA, "handshake failure: it has no certificate with an RSA key",
	               "belong together");
	server_stop(&server);
}

static void test_group(void **state)
{
	const struct server_config config = { .identities = { &ecdsa }, .protocol_max = TLS1_2_VERSION };
	struct server server;
	struct tls_seen seen;

	(void)state;
	server_start(&server, &config);
	assert_int_equal(probe_at(server.port, "site.example", TLS_KEY_ANY, &seen), 0);
	assert_string_equal(seen.protocol, "TLSv1.2");
	assert_true(seen.group[0] != '\0');
	server_stop(&server);
}

static void test_wishes(void **state)
{
	static const int versions[] = { 0, TLS1_2_VERSION };
	struct tls_seen seen;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct server_config config = { .identities = { &rsa, &ecdsa }, .protocol_max = versions[i] };
		struct server server;

		server_start(&server, &config);
		assert_int_equal(probe_at(server.port, "site.example", TLS_KEY_RSA, &seen), 0);
		assert_served(&seen, &rsa);
		assert_int_equal(probe_at(server.port, "site.example", TLS_KEY_ECDSA, &seen), 0);
		assert_served(&seen, &ecdsa);
		assert_int_equal(probe_at(server.port, "site.example", TLS_KEY_ANY, &seen), 0);
		server_stop(&server);
	}
}

static void test_nothing_is_verified(void **state)
{
	const struct server_config config = { .identities = { &expired } };
	struct server server;
	struct tls_seen seen;

	(void)state;
	server_start(&server, &config);
	assert_int_equal(probe_at(server.port, "other.example", TLS_KEY_ANY, &seen), 0);
	assert_served(&seen, &expired);
	assert_true(seen.not_after_at < time(NULL));
	assert_string_equal(seen.subject, "expired");
	assert_int_equal(seen.chain_count, 1);
	server_stop(&server);
}

static void test_alerts(void **state)
{
	const struct server_config picky = { .identities = { &ecdsa }, .only_name = "site.example" };
	const struct server_config old = { .identities = { &ecdsa }, .protocol_min = TLS1_VERSION, .protocol_max = TLS1_1_VERSION };
	struct server server;
	struct tls_seen seen;

	(void)state;
	server_start(&server, &picky);
	assert_refused(server.port, "other.example", TLS_KEY_ANY, "asked for other.example: the server ends the TLS handshake with the "
	                                                          "alert unrecognized name",
	               "server_name");
	assert_refused(server.port, NULL, TLS_KEY_ANY, "unrecognized name", "");
	assert_int_equal(probe_at(server.port, "site.example", TLS_KEY_ANY, &seen), 0);
	server_stop(&server);
	server_start(&server, &old);
	assert_refused(server.port, "site.example", TLS_KEY_ANY, "neither TLS 1.2 nor TLS 1.3", "ssl_protocols");
	server_stop(&server);
}

static void serve_plain_http(struct peer *peer)
{
	char scrap[16384];

	(void)peer_read(peer, scrap, sizeof(scrap));
	(void)peer_say(peer, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
	peer_wait(peer);
}

static void serve_ssh(struct peer *peer)
{
	(void)peer_say(peer, "SSH-2.0-OpenSSH_9.2\r\n");
	peer_wait(peer);
}

static void serve_nothing(struct peer *peer)
{
	char scrap[16384];

	(void)peer_read(peer, scrap, sizeof(scrap));
}

static void serve_half_a_record(struct peer *peer)
{
	char scrap[16384];

	(void)peer_read(peer, scrap, sizeof(scrap));
	(void)peer_write(peer, "\x16\x03\x03\x40\x00\x02\x00", 7);
}

/* Handshake records that never come to an end: a message of 16 MiB is begun. */
static void serve_without_end(struct peer *peer)
{
	char record[5 + 16000] = { 0x16, 0x03, 0x03, 16000 >> 8, (char)(16000 & 0xff), 0x02 };

	do
		record[5] = 0x02;
	while (peer_write(peer, record, sizeof(record)));
}

static void test_no_tls(void **state)
{
	static const struct {
		void (*serve)(struct peer *peer);
		const char *part;
		const char *advice;
	} cases[] = {
		{ serve_plain_http, "answers in plain http, not TLS", "listen" },
		{ serve_ssh, "does not speak TLS", "" },
		{ serve_nothing, "closed the connection without a word", "error log" },
		{ serve_half_a_record, "closed the connection in the middle of the TLS handshake", "" },
		{ serve_without_end, "127.0.0.1", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct server_config config = { .serve = cases[i].serve };
		struct server server;

		server_start(&server, &config);
		assert_refused(server.port, "site.example", TLS_KEY_ANY, cases[i].part, cases[i].advice);
		server_stop(&server);
	}
}

static void test_no_connection(void **state)
{
	const struct server_config mute = { .mute = true };
	struct tls_probe probe = { .address = "127.0.0.1", .server_name = "site.example", .timeout_ms = 300 };
	struct tls_seen seen;
	struct server server;
	int64_t begin;

	(void)state;
	assert_refused(closed_port(), "site.example", TLS_KEY_ANY, "cannot connect: Connection refused", "listens on port");
	server_start(&server, &mute);
	probe.port = server.port;
	begin = now_ms();
	assert_int_equal(tls_probe(&probe, &seen, &err), -1);
	assert_true(now_ms() - begin < 5000);
	assert_int_equal(err.kind, ERROR_DEPLOY);
	assert_non_null(strstr(err.message, "asked for site.example: no TLS handshake within 300 ms"));
	server_stop(&server);

	probe.address = "site.example";
	assert_int_equal(tls_probe(&probe, &seen, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	probe.address = "::1";
	probe.port = closed_port();
	assert_int_equal(tls_probe(&probe, &seen, &err), -1);
	assert_true(text_has_prefix(err.message, "[::1]:"));
}

static int start(void **state)
{
	(void)state;
	identity_make(&root, "Test Root", NULL, NULL, false, -DAY_S, DAY_S);
	identity_make(&middle, "Test Intermediate", NULL, &root, false, -DAY_S, DAY_S);
	identity_make(&ecdsa, "ecdsa", "DNS:site.example,DNS:www.site.example", &middle, false, -DAY_S, DAY_S);
	identity_make(&rsa, "rsa", "DNS:site.example", &middle, true, -DAY_S, DAY_S);
	identity_make(&expired, "expired", "IP:127.0.0.1", NULL, false, -2 * DAY_S, -DAY_S);
	return 0;
}

static int stop(void **state)
{
	struct identity *const all[] = { &root, &middle, &ecdsa, &rsa, &expired };

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		identity_done(all[i]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seen),   cmocka_unit_test(test_group),  cmocka_unit_test(test_wishes),
		cmocka_unit_test(test_nothing_is_verified), cmocka_unit_test(test_alerts), cmocka_unit_test(test_no_tls),
		cmocka_unit_test(test_no_connection),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
