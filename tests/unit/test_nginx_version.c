/* test_nginx_version.c */
#include "nginx/version.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/program.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct error err;

struct sample {
	const char *text;
	struct nginx_version version;
};

static const struct sample samples[] = {
	{ "nginx version: nginx/1.22.1\nbuilt with OpenSSL 3.0.15 3 Sep 2024 (running with OpenSSL 3.0.22 25 Aug 2026)\n"
	  "TLS SNI support enabled\nconfigure arguments: --with-cc-opt='-g' --with-http_v2_module\n",
	  { .nginx = { 1, 22, 1 }, .openssl = { 3, 0, 22 }, .http2 = true } },
	{ "nginx version: nginx/1.26.3 (Ubuntu)\nbuilt with OpenSSL 3.5.7 1 Jul 2025\n"
	  "configure arguments: --with-http_v2_module --with-http_v3_module\n",
	  { .nginx = { 1, 26, 3 }, .openssl = { 3, 5, 7 }, .http2 = true, .http3 = true } },
	{ "nginx version: nginx/1.18.0\nbuilt by gcc 10.2.1\nbuilt with OpenSSL 1.1.1w  11 Sep 2023\n",
	  { .nginx = { 1, 18, 0 }, .openssl = { 1, 1, 1 } } },
	{ "nginx version: openresty/1.21.4.1\nbuilt with OpenSSL 1.1.1n  15 Mar 2022\n", { .nginx = { 1, 21, 4 }, .openssl = { 1, 1, 1 } } },
	{ "nginx version: freenginx/1.27.0\n", { .nginx = { 1, 27, 0 }, .openssl = { 0, 0, 0 } } },
	{ "Tengine version: Tengine/2.3.3\nnginx version: nginx/1.18.0\n", { .nginx = { 1, 18, 0 }, .openssl = { 0, 0, 0 } } },
	{ "nginx version: nginx/1.30.6\nbuilt with OpenSSL 4.0.0-dev  (running with OpenSSL 3.6.5 1 Jan 2026)",
	  { .nginx = { 1, 30, 6 }, .openssl = { 3, 6, 5 } } },
	/* Not to be taken for OpenSSL. */
	{ "nginx version: nginx/1.25.3\nbuilt with LibreSSL 3.8.2\n", { .nginx = { 1, 25, 3 }, .openssl = { 0, 0, 0 } } },
	{ "nginx version: nginx/1.25.3\nbuilt with OpenSSL 3.5.0 (compatible; BoringSSL) (running with BoringSSL)\n",
	  { .nginx = { 1, 25, 3 }, .openssl = { 0, 0, 0 } } },
	/* The library that it runs with stands in the same line, or nowhere. */
	{ "nginx version: nginx/1.25.3\nbuilt with OpenSSL 3.0.1\nx (running with OpenSSL 3.5.0)\n",
	  { .nginx = { 1, 25, 3 }, .openssl = { 3, 0, 1 } } },
	{ "nginx version: nginx/1.29\n", { .nginx = { 1, 29, 0 }, .openssl = { 0, 0, 0 } } },
};

static const char *const bad[] = {
	"",
	"nginx version: nginx/",
	"nginx version: nginx/1",
	"nginx version: nginx/x.y.z",
	"nginx version: nginx/99999999999.1.1",
	"nginx version: Angie/1.5.0",
	"nginx/1.22.1",
	"Usage: something else",
};

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		struct nginx_version version;

		memset(&version, 0xff, sizeof(version));
		assert_int_equal(nginx_version_parse(samples[i].text, &version, &err), 0);
		if (memcmp(version.nginx, samples[i].version.nginx, sizeof(version.nginx)) != 0 ||
		    memcmp(version.openssl, samples[i].version.openssl, sizeof(version.openssl)) != 0 ||
		    version.http2 != samples[i].version.http2 || version.http3 != samples[i].version.http3)
			fail_msg("%s: nginx %u.%u.%u, OpenSSL %u.%u.%u", samples[i].text, version.nginx[0], version.nginx[1],
			         version.nginx[2], version.openssl[0], version.openssl[1], version.openssl[2]);
	}
}

static void test_refuse(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct nginx_version version = { .nginx = { 7, 7, 7 } };

		error_clear(&err);
		assert_int_equal(nginx_version_parse(bad[i], &version, &err), -1);
		assert_int_equal(err.kind, ERROR_SYSTEM);
		assert_int_equal(version.nginx[2], 7);
	}
}

struct answer {
	const char *output;
	int status;
};

static int run(void *self, const struct program_spec *spec, struct program_result *result, struct error *ignored)
{
	const struct answer *answer = self;

	(void)ignored;
	assert_string_equal(spec->argv[0], "/opt/nginx");
	assert_string_equal(spec->argv[1], "-V");
	assert_null(spec->argv[2]);
	assert_int_equal(spec->deadline_ms, 5000);
	buf_append_text(&result->output, answer->output);
	result->exit_status = answer->status;
	return 0;
}

static void test_ask(void **state)
{
	struct answer answer = { .output = samples[0].text };
	const struct runner runner = { .run = run, .self = &answer };
	struct nginx_version version;

	(void)state;
	assert_int_equal(nginx_version_ask(&runner, "/opt/nginx", 5000, &version, &err), 0);
	assert_memory_equal(&version, &samples[0].version, sizeof(version));
	answer.status = 1;
	assert_int_equal(nginx_version_ask(&runner, "/opt/nginx", 5000, &version, &err), -1);
	assert_non_null(strstr(err.message, "/opt/nginx"));
	answer = (struct answer){ .output = "hello\nworld\n" };
	assert_int_equal(nginx_version_ask(&runner, "/opt/nginx", 5000, &version, &err), -1);
	assert_non_null(strstr(err.message, "\"hello\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_refuse),
		cmocka_unit_test(test_ask),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
