/* test_nginx_snippet.c: the text, and whether the NGINX of this machine takes it. */
#include "nginx/snippet.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/program.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "scratch.h"
#include "testca.h"

static struct error err;

static const struct nginx_version unknown;

static void assert_snippet(const struct nginx_version *version, const char *text, bool there)
{
	const struct nginx_pair pair = { "/l/fullchain.pem", "/l/privkey.pem" };
	CLEANUP(buf_done) struct buf out = BUF(65536);

	assert_works(nginx_snippet_ssl(version, "a.example", &pair, 1, &out, &err));
	if ((strstr(buf_text(&out), text) != NULL) != there)
		fail_msg("\"%s\" %s in:\n%s", text, there ? "is not" : "is", buf_text(&out));
}

static void test_ssl(void **state)
{
	(void)state;
	assert_snippet(&unknown, "# Written by certd for the certificate a.example:", true);
	assert_snippet(&unknown, "ssl_certificate     \"/l/fullchain.pem\";\n", true);
	assert_snippet(&unknown, "ssl_certificate_key \"/l/privkey.pem\";\n", true);
	assert_snippet(&unknown, "ssl_protocols TLSv1.2 TLSv1.3;\n", true);
	assert_snippet(&unknown, "ssl_prefer_server_ciphers on;\n", true);
	assert_snippet(&unknown, "PrioritizeChaCha", false);
	assert_snippet(&unknown, "DHE-RSA-AES128-GCM-SHA256:DHE", false);
	assert_snippet(&unknown, "ssl_stapling", false);
	assert_snippet(&unknown, "http2", false);
}

static void test_fits_the_version(void **state)
{
	static const struct nginx_version old = { .nginx = { 1, 22, 1 }, .openssl = { 3, 0, 22 } };
	static const struct nginx_version edge = { .nginx = { 1, 23, 2 }, .openssl = { 3, 4, 99 } };
	static const struct nginx_version new = { .nginx = { 1, 30, 6 }, .openssl = { 3, 5, 0 } };
	static const struct nginx_version newer = { .nginx = { 2, 0, 0 }, .openssl = { 4, 0, 0 } };

	(void)state;
	assert_snippet(&unknown, "ssl_session_tickets off;\n", true);
	assert_snippet(&old, "ssl_session_tickets off;\n", true);
	assert_snippet(&old, "ssl_conf_command Options PrioritizeChaCha;\n", true);
	assert_snippet(&edge, "ssl_session_tickets", false);
	assert_snippet(&new, "ssl_session_tickets", false);
	assert_snippet(&newer, "ssl_session_tickets", false);
	/* Named where it is not known, NGINX does not start; left out where it is, the list turns it off. */
	assert_snippet(&unknown, "ssl_ecdh_curve auto;\n", true);
	assert_snippet(&edge, "ssl_ecdh_curve auto;\n", true);
	assert_snippet(&new, "ssl_ecdh_curve X25519MLKEM768:X25519:prime256v1:secp384r1;\n", true);
	assert_snippet(&newer, "X25519MLKEM768", true);
}

static void test_paths_that_nginx_would_read_otherwise(void **state)
{
	static const char *const bad[] = { "", "l/x", "/l/$host/x", "/l/\"x", "/l/'x", "/l\\x", "/l\n;x", "/l\x7f" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const struct nginx_pair certificate = { bad[i], "/l/privkey.pem" };
		const struct nginx_pair key = { "/l/fullchain.pem", bad[i] };
		CLEANUP(buf_done) struct buf out = BUF(65536);

		assert_int_equal(nginx_snippet_ssl(&unknown, "a", &certificate, 1, &out, &err), -1);
		assert_int_equal(err.kind, ERROR_USAGE);
		assert_int_equal(nginx_snippet_ssl(&unknown, "a", &key, 1, &out, &err), -1);
		assert_int_equal(nginx_snippet_challenge(bad[i], &out, &err), -1);
		assert_int_equal(out.len, 0);
	}
}

static void test_limits(void **state)
{
	const struct nginx_pair pair = { "/l/fullchain.pem", "/l/privkey.pem" };
	CLEANUP(buf_done) struct buf out = BUF(65536);
	CLEANUP(buf_done) struct buf small = BUF(10);

	(void)state;
	assert_int_equal(nginx_snippet_ssl(&unknown, "a", &pair, 0, &out, &err), -1);
	assert_int_equal(nginx_snippet_ssl(&unknown, "a\nroot /;", &pair, 1, &out, &err), -1);
	assert_int_equal(nginx_snippet_placeholder("a\nroot /;", &out, &err), -1);
	assert_int_equal(nginx_snippet_ssl(&unknown, "a", &pair, 1, &small, &err), -1);
}

static const char *find_nginx(void)
{
	static const char *const places[] = { "/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (access(places[i], X_OK) == 0)
			return places[i];
	}
	print_message("no NGINX here\n");
	skip();
	return NULL;
}

static void make_pair(const struct scratch *s, const char *name, const char *kind)
{
	static const struct testca_name dns[] = { { GEN_DNS, "a.example", 0 } };
	const struct testca_spec spec = { .cn = "a.example", .names = dns, .name_count = 1 };
	struct testca_cert cert = testca_issue(&spec, testca_key(kind), NULL);
	CLEANUP(buf_done) struct buf pem = BUF(65536);
	char path[128];
	FILE *file;

	testca_append_pem(&cert, &pem);
	snprintf(path, sizeof(path), "%s.crt", name);
	scratch_write(s, path, buf_text(&pem), 0644);
	snprintf(path, sizeof(path), "%s.key", name);
	file = fopen(scratch_path(s, path), "w");
	assert_non_null(file);
	assert_int_equal(PEM_write_PrivateKey(file, cert.key, NULL, NULL, 0, NULL, NULL), 1);
	assert_int_equal(fclose(file), 0);
	testca_done(&cert);
}

/* nginx -t on a configuration with these snippets in it; `in_http` stands before the server block. */
static void assert_taken(const struct scratch *s, const char *in_http, const struct buf *ssl, const struct buf *challenge)
{
	CLEANUP(buf_done) struct buf config = BUF(65536);
	struct program_result result = { .output = BUF(65536) };
	const char *argv[] = { find_nginx(), "-p", s->path, "-c", scratch_path(s, "nginx.conf"), "-e", "stderr", "-t", NULL };
	const char *const envp[] = { "PATH=/usr/bin:/bin", NULL };
	const struct program_spec spec = { .argv = argv, .envp = envp, .deadline_ms = 30000 };

	scratch_write(s, "ssl.conf", buf_text(ssl), 0644);
	scratch_write(s, "challenge.conf", buf_text(challenge), 0644);
	buf_printf(&config,
	           "pid nginx.pid; error_log stderr; events { }\n"
	           "http {\n"
	           "access_log off; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4;\n"
	           "scgi_temp_path t5;\n%s\n"
	           "server { listen 127.0.0.1:1; include challenge.conf; location / { return 301 https://$host$request_uri; } }\n"
	           "server { listen 127.0.0.1:2 ssl; server_name a.example; include ssl.conf; }\n"
	           "server { listen 127.0.0.1:2 ssl; server_name b.example; include ssl.conf; }\n"
	           "}\n",
	           in_http);
	scratch_write(s, "nginx.conf", buf_text(&config), 0644);
	assert_works(program_run(runner_system(), &spec, &result, &err));
	if (result.exit_status != 0 || strstr(buf_text(&result.output), "[warn]") != NULL)
		fail_msg("%s", buf_text(&result.output));
	buf_done(&result.output);
}

static void test_nginx_takes_them(void **state)
{
	struct scratch *s = *state;
	const struct nginx_pair pairs[] = {
		{ scratch_path(s, "ec.crt"), scratch_path(s, "ec.key") },
		{ scratch_path(s, "rsa.crt"), scratch_path(s, "rsa.key") },
	};
	CLEANUP(buf_done) struct buf challenge = BUF(65536);
	struct nginx_version version;

	assert_works(nginx_version_ask(runner_system(), find_nginx(), 30000, &version, &err));
	assert_true(version.nginx[0] >= 1);
	make_pair(s, "ec", "P-256");
	make_pair(s, "rsa", "RSA-2048");
	assert_works(nginx_snippet_challenge(scratch_path(s, "web root;{}#"), &challenge, &err));
	for (size_t i = 0; i < 4; i++) {
		CLEANUP(buf_done) struct buf ssl = BUF(65536);

		assert_works(nginx_snippet_ssl(i % 2 == 0 ? &version : &unknown, "a.example", pairs, 1 + i / 2, &ssl, &err));
		assert_taken(s, "", &ssl, &challenge);
		/* What others have said for all servers must neither stop it nor show through. */
		assert_taken(s, "ssl_protocols TLSv1.2; ssl_ecdh_curve prime256v1; ssl_session_cache shared:MozSSL:1m; ssl_session_tickets on;",
		             &ssl, &challenge);
	}
}

static void test_nginx_takes_the_placeholder(void **state)
{
	struct scratch *s = *state;
	CLEANUP(buf_done) struct buf ssl = BUF(65536);
	CLEANUP(buf_done) struct buf challenge = BUF(65536);

	assert_works(nginx_snippet_placeholder("a.example", &ssl, &err));
	assert_works(nginx_snippet_challenge("/var/lib/certd/webroot", &challenge, &err));
	assert_taken(s, "", &ssl, &challenge);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_make, scratch_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ssl),
		cmocka_unit_test(test_fits_the_version),
		cmocka_unit_test(test_paths_that_nginx_would_read_otherwise),
		cmocka_unit_test(test_limits),
		TEST(test_nginx_takes_them),
		TEST(test_nginx_takes_the_placeholder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
