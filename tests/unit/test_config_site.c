/* test_config_site.c: the site block: read, refused, and written. */
#include "config/build.h"
#include "config/config.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "config/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HEAD "certificate \"a.example\" {\n"                                   \
	     "\tnames = { \"a.example\", \"www.a.example\" }\n"

static struct config *build(const char *text, struct error *err)
{
	const struct config_file file = { "/e/certd/certd.conf", text, strlen(text) };
	const struct config_input input = { .main_file = file.path, .files = &file, .count = 1 };
	struct config_problems problems = { .err = err };
	struct config *config = NULL;

	error_clear(err);
	if (config_build(&input, &problems, &config) < 0)
		return NULL;
	return config;
}

static struct config *good(const char *text)
{
	struct error err;
	struct config *config = build(text, &err);

	if (config == NULL)
		fail_msg("%s\n%s", err.message, text);
	return config;
}

static void test_all_that_a_site_can_say(void **state)
{
	CLEANUP(config_cleanup) struct config *config =
		good("certificate \"a.example\" {\n"
	             "  site {\n"
	             "    websocket \"/ws\" { to = \"http://localhost:8081\" }\n"
	             "    root = \"/srv/www/\"  index = \"index.html index.htm\"\n"
	             "    error-page-404 = \"/404.html\"  error-page-50x = \"/50x.html\"\n"
	             "    include = \"/etc/nginx/more.conf\"\n"
	             "    canonical = \"WWW.a.example\"  hsts = 730d  http2 = off  http3 = on\n"
	             "    proxy \"/api/\" { to = \"https://inner.example/x/\" }\n"
	             "  }\n"
	             "  names = { \"a.example\", \"www.a.example\" }\n"
	             "}\n"
	             "certificate b.example { names = { \"b.example\" } site { } }\n"
	             "certificate c.example { names = { \"c.example\" } }\n");
	const struct config_site *site = config_find(config, "a.example")->site;

	(void)state;
	assert_non_null(site);
	assert_string_equal(site->root, "/srv/www");
	assert_string_equal(site->index, "index.html index.htm");
	assert_string_equal(site->error_page_404, "/404.html");
	assert_string_equal(site->error_page_50x, "/50x.html");
	assert_string_equal(site->include, "/etc/nginx/more.conf");
	assert_string_equal(site->canonical, "www.a.example");
	assert_int_equal(site->hsts_ms / 1000, 63072000);
	assert_false(site->http2);
	assert_true(site->http3);
	assert_int_equal(site->locations_count, 2);
	assert_string_equal(site->locations[0].path, "/ws");
	assert_string_equal(site->locations[0].to, "http://localhost:8081");
	assert_true(site->locations[0].websocket);
	assert_string_equal(site->locations[1].path, "/api/");
	assert_string_equal(site->locations[1].to, "https://inner.example/x/");
	assert_false(site->locations[1].websocket);
	assert_int_equal(config_find(config, "a.example")->names.count, 2);
	site = config_find(config, "b.example")->site;
	assert_non_null(site);
	assert_null(site->root);
	assert_true(site->http2);
	assert_false(site->http3);
	assert_int_equal(site->locations_count, 0);
	assert_null(config_find(config, "c.example")->site);
}

static void test_what_is_refused(void **state)
{
	static const struct {
		const char *site;
		const char *message; /* behind "FILE:" */
	} bad[] = {
		{ "site { root = \"www\" }", "3: root \"www\": a path is absolute" },
		{ "site { root = \"/srv/$host\" }", "3: root" },
		{ "site {\n}\nsite { }", "5: site is described in line 3 already" },
		{ "site \"x\" { }", "3: the site block has no name" },
		{ "root = \"/srv\"", "3: root stands in a site block" },
		{ "websocket \"/ws\" { }", "3: a websocket block stands in a site block" },
		{ "site { websocket { } }", "3: this websocket block has no name" },
		{ "site { websocket \"/ws\" { } }", "3: websocket \"/ws\": whom to ask is missing" },
		{ "site { websocket \"ws\" { to = \"http://h\" } }", "3: websocket \"ws\": the path of a URL is needed" },
		{ "site { websocket \"/w s\" { to = \"http://h\" } }", "3: websocket \"/w s\": NGINX cannot be told" },
		{ "site { websocket \"/ws\" { to = \"ws://h\" } }", "3: to \"ws://h\": NGINX is told http://" },
		{ "site { proxy \"/\" { to = \"localhost:80\" } }", "3: to \"localhost:80\": a URL is needed" },
		{ "site { proxy \"/\" { to = \"http://h;}\" } }", "3: to \"http://h;}\": NGINX cannot be told" },
		{ "site { proxy \"/.well-known/acme-challenge/\" { to = \"http://h\" } }", "3: proxy" },
		{ "site { proxy \"/a\" { to = \"http://h\" }\nwebsocket \"/a\" { to = \"http://h\" } }",
		  "4: websocket \"/a\": this path is described above already" },
		{ "site {\n canonical = \"b.example\" }", "4: canonical \"b.example\": this is none of" },
		{ "site { hsts = 0 }", "3: hsts" },
		{ "site { rot = \"/srv\" }", "3: there is no directive \"rot\"; did you mean \"root\"?" },
		{ "site { error-page-404 = \"404.html\" }", "3: error-page-404" },
		{ "site { index = \"a;b\" }", "3: index" },
		{ "site { proxy \"/a\" { site { } } }", "3: a site block stands in a certificate block" },
		{ "site { ca \"x\" { } }", "3: a block in a block: ca stands outside" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CLEANUP(buf_done) struct buf text = BUF(4096);
		struct error err;
		struct config *config;

		buf_printf(&text, HEAD "%s\n}\n", bad[i].site);
		config = build(buf_text(&text), &err);
		if (config != NULL)
			fail_msg("taken: %s", bad[i].site);
		if (strstr(err.message, bad[i].message) == NULL)
			fail_msg("%s\n%s\nand not: %s", bad[i].site, err.message, bad[i].message);
	}
}

static void test_titles_that_stand_twice(void **state)
{
	struct error err;

	(void)state;
	assert_null(build("certificate a { names = { \"a.example\" } }\ncertificate b { names = { \"b.example\" } }\n"
	                  "certificate a { site { proxy \"/\" { to = \"http://h\" } } names = { \"c.example\" } }\n",
	                  &err));
	assert_non_null(strstr(err.message, "certd.conf:3: certificate \"a\" is described in "));
	/* In two sites the same path is two locations. */
	CLEANUP(config_cleanup) struct config *config =
		good("certificate a { names = { \"a.example\" } site { proxy \"/x\" { to = \"http://1\" } } }\n"
	             "certificate b { names = { \"b.example\" } site { proxy \"/y\" { to = \"http://2\" } proxy \"/x\" { to = \"http://3\" } } }\n");
	assert_string_equal(config_find(config, "a")->site->locations[0].to, "http://1");
	assert_string_equal(config_find(config, "b")->site->locations[0].path, "/y");
	assert_string_equal(config_find(config, "b")->site->locations[1].path, "/x");
	assert_string_equal(config_find(config, "b")->site->locations[1].to, "http://3");
}

static void compose(const struct config *config, const struct config_option *options, size_t count, struct buf *out)
{
	static const char *const texts[] = { "a.example", "www.a.example" };
	struct ident_list names = { 0 };
	struct error err;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct ident ident;

		assert_int_equal(ident_parse(texts[i], &ident, &err), 0);
		assert_int_equal(ident_list_add(&names, &ident, &err), 0);
	}
	if (config_compose(config, "a.example", &names, options, count, out, &err) < 0)
		fail_msg("%s", err.message);
	ident_list_done(&names);
}

static void test_composed(void **state)
{
	static const struct config_option first[] = {
		{ "site", "true" },           { "root", "/srv/www" },
		{ "http3", "false" },         { "websocket", "/ws=http://localhost:8081" },
		{ "proxy", "/api=http://h/x=y" },
	};
	static const struct config_option second[] = { { "websocket", "/ws=http://localhost:9" }, { "websocket", "/two=http://2" } };
	CLEANUP(config_cleanup) struct config *nothing = good("");
	CLEANUP(config_cleanup) struct config *config = NULL;
	CLEANUP(buf_done) struct buf text = BUF(65536);
	CLEANUP(buf_done) struct buf again = BUF(65536);
	CLEANUP(buf_done) struct buf more = BUF(65536);
	struct error err;

	(void)state;
	compose(nothing, first, ARRAY_SIZE(first), &text);
	assert_non_null(strstr(buf_text(&text), "certificate \"a.example\" {\n"
	                                        "\tnames = { \"a.example\", \"www.a.example\" }\n"
	                                        "\tsite {\n"
	                                        "\t\troot = \"/srv/www\"\n"
	                                        "\t\twebsocket \"/ws\" {\n"
	                                        "\t\t\tto = \"http://localhost:8081\"\n"
	                                        "\t\t}\n"
	                                        "\t\tproxy \"/api\" {\n"
	                                        "\t\t\tto = \"http://h/x=y\"\n"
	                                        "\t\t}\n"
	                                        "\t}\n"
	                                        "}\n"));
	assert_int_equal(config_load_with(nothing, "a.example", buf_text(&text), &config, &err), 0);
	assert_int_equal(config_find(config, "a.example")->site->locations_count, 2);
	compose(config, first, ARRAY_SIZE(first), &again);
	assert_string_equal(buf_text(&again), buf_text(&text));
	compose(config, second, ARRAY_SIZE(second), &more);
	assert_non_null(strstr(buf_text(&more), "\t\twebsocket \"/ws\" {\n\t\t\tto = \"http://localhost:9\"\n"));
	assert_non_null(strstr(buf_text(&more), "\t\twebsocket \"/two\" {\n\t\t\tto = \"http://2\"\n"));
	assert_non_null(strstr(buf_text(&more), "\t\tproxy \"/api\" {\n"));
	assert_non_null(strstr(buf_text(&more), "\t\troot = \"/srv/www\"\n"));
}

static void test_options_that_are_refused(void **state)
{
	static const struct config_option bad[] = {
		{ "websocket", "/ws" }, { "websocket", "=http://h" },    { "proxy", "/x=ftp://h" },
		{ "proxy", "x=http://h" }, { "root", "www" }, { "canonical", "x..y" }, { "hsts", "soon" }, { "to", "http://h" },
	};
	CLEANUP(config_cleanup) struct config *nothing = good("");
	struct ident_list names = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CLEANUP(buf_done) struct buf text = BUF(65536);
		struct error err;

		assert_int_equal(config_compose(nothing, "a.example", &names, &bad[i], 1, &text, &err), -1);
		assert_int_equal(err.kind, ERROR_USAGE);
		assert_non_null(strstr(err.message, bad[i].directive));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_that_a_site_can_say), cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_titles_that_stand_twice), cmocka_unit_test(test_composed),
		cmocka_unit_test(test_options_that_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
