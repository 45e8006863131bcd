/* test_nginx_site.c: the text of a site, and whether the NGINX of this machine takes it. */
#include "nginx/site.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/program.h"
#include "nginx/snippet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "scratch.h"

static const struct nginx_version bookworm = { .nginx = { 1, 22, 1 }, .openssl = { 3, 0, 22 }, .http2 = true };
static const struct nginx_version trixie = { .nginx = { 1, 26, 3 }, .openssl = { 3, 5, 7 }, .http2 = true, .http3 = true };

static const struct nginx_site_location locations[] = {
	{ "/ws", "http://localhost:8081", true },
	{ "/api", "https://inner.example", false },
};

static struct ident idents[] = {
	{ .type = IDENT_DNS, .value = "a.example" },
	{ .type = IDENT_DNS, .value = "www.a.example" },
	{ .type = IDENT_IP, .value = "2001:db8::1" },
};
static const struct ident_list names = { idents, 2 };
static const struct ident_list with_address = { idents, 3 };

static struct nginx_site plain(void)
{
	return (struct nginx_site){ .certificate_name = "a.example",
		                    .names = &names,
		                    .http_port = 80,
		                    .https_port = 443,
		                    .ipv6 = true,
		                    .snippet = "/s/certd/a.example.conf",
		                    .challenge_snippet = "/s/certd-acme-challenge.conf",
		                    .root = "/srv/www",
		                    .http2 = true };
}

static void print(const struct nginx_version *version, const struct nginx_site *site, struct buf *out)
{
	struct error err;

	assert_works(nginx_site_print(version, site, out, &err));
}

static void assert_text(const struct buf *out, const char *text, bool there)
{
	if ((strstr(buf_text(out), text) != NULL) != there)
		fail_msg("\"%s\" %s in:\n%s", text, there ? "is not" : "is", buf_text(out));
}

static size_t count(const struct buf *out, const char *text)
{
	size_t n = 0;

	for (const char *p = buf_text(out); (p = strstr(p, text)) != NULL; p += strlen(text))
		n++;
	return n;
}

static void test_plain(void **state)
{
	CLEANUP(buf_done) struct buf out = BUF(65536);
	struct nginx_site site = plain();

	(void)state;
	print(&bookworm, &site, &out);
	assert_text(&out, "server {\n\tlisten 80;\n\tlisten [::]:80;\n\tserver_name a.example www.a.example;\n", true);
	assert_text(&out, "\tinclude \"/s/certd-acme-challenge.conf\";\n\n\tlocation / {\n\t\treturn 301 https://$host$request_uri;\n\t}\n}\n",
	            true);
	assert_text(&out, "\tlisten 443 ssl http2;\n\tlisten [::]:443 ssl http2;\n", true);
	assert_text(&out, "\tinclude \"/s/certd/a.example.conf\";\n", true);
	assert_text(&out, "\troot \"/srv/www\";\n", true);
	assert_text(&out, "\t\ttry_files $uri $uri/ =404;\n", true);
	assert_text(&out, "http2 on;", false);
	assert_text(&out, "Strict-Transport-Security", false);
	assert_text(&out, "error_page", false);
	assert_false(nginx_site_has_websocket(&site));
	assert_int_equal(count(&out, "server_tokens off;"), 2);
}

static void test_fits_the_version(void **state)
{
	CLEANUP(buf_done) struct buf out = BUF(65536);
	CLEANUP(buf_done) struct buf old = BUF(65536);
	CLEANUP(buf_done) struct buf unknown = BUF(65536);
	struct nginx_site site = plain();

	(void)state;
	site.ipv6 = false;
	site.http3 = true;
	print(&trixie, &site, &out);
	assert_text(&out, "\tlisten 443 ssl;\n\thttp2 on;\n\tlisten 443 quic;\n", true);
	assert_text(&out, "\tadd_header Alt-Svc 'h3=\":443\"; ma=86400' always;\n", true);
	assert_text(&out, "[::]", false);
	print(&bookworm, &site, &old);
	assert_text(&old, "quic", false);
	assert_text(&old, "Alt-Svc", false);
	print(&(struct nginx_version){ .nginx = { 0 } }, &site, &unknown);
	assert_text(&unknown, "http2", false);
}

static void test_locations(void **state)
{
	CLEANUP(buf_done) struct buf out = BUF(65536);
	struct nginx_site site = plain();

	(void)state;
	site.locations = locations;
	site.locations_count = 2;
	site.error_page_404 = "/404.html";
	site.error_page_50x = "/50x.html";
	site.hsts_s = 63072000;
	print(&bookworm, &site, &out);
	assert_true(nginx_site_has_websocket(&site));
	assert_text(&out, "\tlocation /ws {\n\t\tproxy_pass http://localhost:8081;\n\t\tproxy_http_version 1.1;\n"
	                  "\t\tproxy_set_header Upgrade $http_upgrade;\n"
	                  "\t\tproxy_set_header Connection $certd_connection_upgrade;\n"
	                  "\t\tproxy_set_header Host $host;\n",
	            true);
	assert_int_equal(count(&out, "proxy_read_timeout 24h;"), 1);
	assert_int_equal(count(&out, "Upgrade $http_upgrade"), 1);
	assert_text(&out, "\tlocation /api {\n\t\tproxy_pass https://inner.example;\n\t\tproxy_http_version 1.1;\n\t\tproxy_ssl_server_name on;\n",
	            true);
	assert_text(&out, "\terror_page 404 /404.html;\n\tlocation = /404.html {\n\t\tinternal;\n\t}\n", true);
	assert_text(&out, "\terror_page 500 502 503 504 /50x.html;\n", true);
	assert_text(&out, "\tadd_header Strict-Transport-Security \"max-age=63072000\" always;\n", true);
}

static void test_canonical(void **state)
{
	CLEANUP(buf_done) struct buf out = BUF(65536);
	struct nginx_site site = plain();

	(void)state;
	site.names = &with_address;
	site.canonical = "www.a.example";
	site.https_port = 8443;
	print(&bookworm, &site, &out);
	assert_int_equal(count(&out, "\t\treturn 301 https://www.a.example:8443$request_uri;\n"), 2);
	assert_int_equal(count(&out, "server {\n"), 3);
	assert_text(&out, "\tserver_name a.example www.a.example [2001:db8::1];\n", true);
	assert_text(&out, "\tserver_name a.example [2001:db8::1];\n", true);
	assert_text(&out, "\tserver_name www.a.example;\n", true);
}

static void test_waiting(void **state)
{
	CLEANUP(buf_done) struct buf out = BUF(65536);
	struct nginx_site site = plain();

	(void)state;
	site.waiting = true;
	site.locations = locations;
	site.locations_count = 1;
	print(&bookworm, &site, &out);
	assert_text(&out, "return 301", false);
	assert_int_equal(count(&out, "\troot \"/srv/www\";\n"), 2);
	assert_int_equal(count(&out, "\tlocation /ws {\n"), 2);
	assert_int_equal(count(&out, "include \"/s/certd-acme-challenge.conf\";"), 1);
}

static void test_nothing_to_serve(void **state)
{
	CLEANUP(buf_done) struct buf out = BUF(65536);
	struct nginx_site site = plain();
	struct error err;

	(void)state;
	site.root = NULL;
	site.locations = locations;
	site.locations_count = 2;
	assert_int_equal(nginx_site_print(&bookworm, &site, &out, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_non_null(strstr(err.advice, "--root"));
	site.include = "/e/more.conf";
	print(&bookworm, &site, &out);
	assert_text(&out, "\tinclude \"/e/more.conf\";\n", true);
}

static void test_defaults(void **state)
{
	const struct nginx_site_default both = { 80, 443, true, true, true };
	const struct nginx_site_default one = { .https_port = 443 };
	CLEANUP(buf_done) struct buf out = BUF(65536);
	CLEANUP(buf_done) struct buf more = BUF(65536);
	struct error err;

	(void)state;
	assert_works(nginx_site_print_default(&trixie, &both, &out, &err));
	assert_text(&out, "\tlisten 80 default_server;\n\tlisten [::]:80 default_server;\n\tserver_name _;\n\treturn 444;\n", true);
	assert_text(&out, "\tlisten 443 quic reuseport default_server;\n", true);
	assert_text(&out, "\tssl_reject_handshake on;\n", true);
	/* Before 1.29.2 only the default server's count. */
	assert_text(&out, "ssl_protocols TLSv1.2 TLSv1.3;\n", true);
	assert_works(nginx_site_print_default(&bookworm, &one, &more, &err));
	assert_text(&more, "listen 80", false);
	assert_text(&more, "\tlisten 443 ssl default_server;\n\tserver_name _;\n", true);
	assert_text(&more, "return 444", false);
}

/* Who connects to an address names nobody: there is a certificate to show, and still nothing for unknown names. */
static void test_default_of_addresses(void **state)
{
	const struct nginx_site_default what = { .https_port = 443, .snippet = "/etc/nginx/snippets/certd/192.0.2.1.conf" };
	CLEANUP(buf_done) struct buf out = BUF(65536);
	struct error err;

	(void)state;
	assert_works(nginx_site_print_default(&bookworm, &what, &out, &err));
	assert_text(&out, "\tlisten 443 ssl default_server;\n\tserver_name _;\n", true);
	assert_text(&out, "\tinclude \"/etc/nginx/snippets/certd/192.0.2.1.conf\";\n\treturn 444;\n}\n", true);
	assert_text(&out, "ssl_reject_handshake", false);
	assert_text(&out, "ssl_protocols", false);
}

static const char *find_nginx(void)
{
	static const char *const places[] = { "/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (access(places[i], X_OK) == 0)
			return places[i];
	}
	skip();
	return NULL;
}

/* nginx -t with all of it, the second time with what Debian says for all servers. */
static void test_nginx_takes_it(void **state)
{
	struct scratch *s = *state;
	const char *nginx = find_nginx();
	const char *argv[] = { nginx, "-p", s->path, "-c", scratch_path(s, "nginx.conf"), "-e", "stderr", "-t", NULL };
	const char *envp[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
	const struct program_spec spec = { .argv = argv, .envp = envp, .deadline_ms = 30000 };
	static const struct nginx_site_location local[] = { { "/ws", "http://127.0.0.1:8081", true }, { "/api", "https://127.0.0.1", false } };
	struct nginx_version version;
	struct nginx_site site = plain();
	CLEANUP(buf_done) struct buf text = BUF(65536);
	struct program_result result = { .output = BUF(65536) };
	struct error err;

	assert_works(nginx_version_ask(runner_system(), nginx, 30000, &version, &err));
	assert_works(nginx_snippet_placeholder("a.example", &text, &err));
	scratch_write(s, "ssl.conf", buf_text(&text), 0644);
	buf_reset(&text);
	assert_works(nginx_snippet_challenge("/var/lib/certd/webroot", &text, &err));
	scratch_write(s, "challenge.conf", buf_text(&text), 0644);
	buf_reset(&text);
	site.snippet = strdup(scratch_path(s, "ssl.conf"));
	site.challenge_snippet = strdup(scratch_path(s, "challenge.conf"));
	site.http_port = 20080;
	site.https_port = 20443;
	site.ipv6 = false;
	site.locations = local;
	site.locations_count = 2;
	site.error_page_404 = "/404.html";
	site.error_page_50x = "/50x.html";
	site.canonical = "a.example";
	site.hsts_s = 1;
	site.http3 = true;
	buf_printf(&text, "pid %s/pid;\nevents { worker_connections 32; }\nhttp {\naccess_log off;\n"
	                  "ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_prefer_server_ciphers on; gzip on;\n", s->path);
	assert_works(nginx_site_print_map(&text, &err));
	assert_works(nginx_site_print_default(&version, &(struct nginx_site_default){ 20080, 20443, false, true, true }, &text, &err));
	assert_works(nginx_site_print(&version, &site, &text, &err));
	buf_append_text(&text, "}\n");
	scratch_write(s, "nginx.conf", buf_text(&text), 0644);
	assert_works(program_run(runner_system(), &spec, &result, &err));
	if (result.exit_status != 0 || strstr(buf_text(&result.output), "[warn]") != NULL)
		fail_msg("%s\n%s", buf_text(&result.output), buf_text(&text));
	buf_done(&result.output);
	free((char *)(uintptr_t)site.snippet);
	free((char *)(uintptr_t)site.challenge_snippet);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_fits_the_version),
		cmocka_unit_test(test_locations),
		cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_waiting),
		cmocka_unit_test(test_nothing_to_serve),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_default_of_addresses),
		cmocka_unit_test_setup_teardown(test_nginx_takes_it, scratch_make, scratch_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
