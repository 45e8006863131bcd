/* test_nginx_conf.c */
#include "nginx/conf.h"

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

#include "scratch.h"

static struct error err;

/* name[arg][arg]{name;...} */
static void print(const struct nginx_directive *d, struct buf *out)
{
	for (; d != NULL; d = d->next) {
		buf_append_text(out, d->name);
		for (size_t i = 0; i < d->arg_count; i++)
			buf_printf(out, "[%s]", d->args[i]);
		assert_null(d->args[d->arg_count]);
		buf_append_text(out, d->block ? "{" : ";");
		if (d->block)
			print(d->first, out);
		buf_append_text(out, d->block ? "}" : "");
	}
}

struct sample {
	const char *text;
	const char *tree; /* or the error, from its line's number on, behind a "!" */
};

static const struct sample samples[] = {
	{ "", "" },
	{ " \t\r\n", "" },
	{ "# nothing", "" },
	{ "user www-data;\nworker_processes auto;", "user[www-data];worker_processes[auto];" },
	{ "a{b;}", "a{b;}" },
	{ "a { b { c d; } e; } f;", "a{b{c[d];}e;}f;" },
	{ "events{}", "events{}" },
	/* A `#` begins a comment only where a word begins. */
	{ "a b#c; # d;\n#e;\nf;", "a[b#c];f;" },
	{ "a # b;\n c;", "a[c];" },
	/* Quotes, likewise; within them nothing separates. */
	{ "a \"b c;{}#\" 'd \"e';", "a[b c;{}#][d \"e];" },
	{ "a b\"c d\";", "a[b\"c][d\"];" },
	{ "a '';", "a[];" },
	{ "'a' b;", "a[b];" },
	{ "a \"b\nc\";", "a[b\nc];" },
	/* Escapes. */
	{ "a \"\\\"\" '\\'' \\;x \\ y;", "a[\"]['][\\;x][\\ y];" },
	{ "a \\t\\n\\r\\\\;", "a[\t\n\r\\];" },
	{ "a ~\\.php$ \\d+;", "a[~\\.php$][\\d+];" },
	{ "a b\\ c;", "a[b\\ c];" },
	{ "a {b};}", "a{b};}" },
	/* Variables. */
	{ "a ${b}c d${e};", "a[${b}c][d${e}];" },
	{ "a $b{c;}", "a[$b]{c;}" },
	{ "a \"$b{c\";", "a[$b{c];" },
	{ "a \\${b;}", "a[\\$]{b;}" },
	/* What `if` needs: a `)` right behind a quote is a word of its own. */
	{ "if ($a = \"b\") { return 404; }", "if[($a][=][b][)]{return[404];}" },
	{ "if ($a) {}", "if[($a)]{}" },
	/* A `}` is special at the start of a word only. */
	{ "a b};c d}e;", "a[b}];c[d}e];" },
	/* Not what the writer meant, but what NGINX reads. */
	{ "server_name a.example, b.example;", "server_name[a.example,][b.example];" },
	{ "// see below\nserver_name a;", "//[see][below][server_name][a];" },
	{ "a\r\nb;\r\n", "a[b];" },
	{ "content_by_lua_block { if x { y = \"}\" } -- }\n z = [[ } ]] --[[ } ]] z = '\\'}' } a;", "content_by_lua_block{}a;" },
	{ "a \303\244\377;", "a[\303\244\377];" },
	{ "\n;", "!2: unexpected \";\"" },
	{ "{}", "!1: unexpected \"{\"" },
	{ "a\n}", "!2: unexpected \"}\"" },
	{ "a;\n}", "!2: unexpected \"}\": no block is open" },
	{ "a;\nb {\nc;\n", "!2: the block \"b\" that opens here is not closed by \"}\"" },
	{ "a;\nb\nc", "!2: the directive \"b\" is not ended by \";\"" },
	{ "a;\nb 'c;\n\n", "!2: the quote ' that opens here is not closed" },
	{ "a 'b'c;", "!1: unexpected \"c\" right behind a closing quote" },
	{ "\nx_by_lua_block {\n{ }", "!2: the program in \"x_by_lua_block\" is not closed by \"}\"" },
};

static struct nginx_conf *parse_file(const char *text)
{
	struct nginx_conf *conf = NULL;

	assert_works(nginx_conf_parse_file("/x.conf", text, strlen(text), &conf, &err));
	return conf;
}

static void test_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		CLEANUP(nginx_conf_cleanup) struct nginx_conf *conf = NULL;
		CLEANUP(buf_done) struct buf tree = BUF(4096);
		const char *text = samples[i].text;
		int r = nginx_conf_parse_file("/x", text, strlen(text), &conf, &err);

		if (samples[i].tree[0] == '!') {
			if (r != -1 || err.kind != ERROR_SYSTEM || strcmp(err.message + 3, samples[i].tree + 1) != 0)
				fail_msg("\"%s\": %s, expected %s", text, r == 0 ? "good" : err.message, samples[i].tree + 1);
			continue;
		}
		if (r != 0)
			fail_msg("\"%s\": %s", text, err.message);
		print(conf->first, &tree);
		if (strcmp(buf_text(&tree), samples[i].tree) != 0)
			fail_msg("\"%s\": %s, expected %s", text, buf_text(&tree), samples[i].tree);
	}
}

static void test_places(void **state)
{
	CLEANUP(nginx_conf_cleanup) struct nginx_conf *conf = parse_file("a;\n\n  b {\n\tc\n\"d\n\"\n;\n}\ne;");
	const struct nginx_directive *a = conf->first, *b = a->next, *c = b->first, *e = b->next;

	(void)state;
	assert_int_equal(a->line, 1);
	assert_int_equal(b->line, 3);
	assert_int_equal(b->end_line, 8);
	assert_int_equal(c->line, 4);
	assert_int_equal(c->end_line, 7);
	assert_int_equal(e->line, 9);
	assert_int_equal(a->offset, 0);
	assert_int_equal(a->end_offset, 2);
	assert_int_equal(b->offset, 6);
	assert_int_equal(b->end_offset, 21);
	assert_int_equal(e->end_offset, 24);
	assert_ptr_equal(c->parent, b);
	assert_null(b->parent);
	assert_string_equal(c->file, "/x.conf");
	assert_ptr_equal(nginx_directive_find(conf->first, "e"), e);
	assert_null(nginx_directive_find(conf->first, "c"));
	assert_ptr_equal(nginx_directive_inherited(conf, b, "c"), c);
	assert_ptr_equal(nginx_directive_inherited(conf, b, "e"), e);
	assert_string_equal(nginx_directive_arg(c, 0), "d\n");
	assert_string_equal(nginx_directive_arg(c, 1), "");
	assert_true(nginx_directive_has_arg(c, "d\n"));
}

static const char dump[] =
	"nginx: [warn] conflicting server name \"a\" on 0.0.0.0:80, ignored\n"
	"nginx: the configuration file /etc/nginx/nginx.conf syntax is ok\n"
	"nginx: configuration file /etc/nginx/nginx.conf test is successful\n"
	"# configuration file /etc/nginx/nginx.conf:\n"
	"user w;\n"
	"# configuration file /etc/nginx/nginx.conf:\n"
	"http {\n"
	"# configuration file /etc/nginx/no-file:\n"
	"include conf.d/*.conf;\n"
	"include /etc/nginx/s/*;\n"
	"include absent.conf;\n"
	"}\n"
	"\n# configuration file /etc/nginx/conf.d/b.conf:\n"
	"server { include snippets/s.conf; }\n"
	"\n# configuration file /etc/nginx/snippets/s.conf:\n"
	"x\n;"
	"\n# configuration file /etc/nginx/conf.d/a.conf:\n"
	"\nserver { include snippets/s.conf; y; }\n"
	"\n# configuration file /etc/nginx/conf.d/.hidden.conf:\n"
	"z;\n"
	"\n# configuration file /etc/nginx/s/with space:\n"
	"\n";

static void test_dump(void **state)
{
	CLEANUP(nginx_conf_cleanup) struct nginx_conf *conf = NULL;
	CLEANUP(buf_done) struct buf tree = BUF(4096);
	const struct nginx_directive *x;

	(void)state;
	assert_works(nginx_conf_parse(dump, strlen(dump), &conf, &err));
	print(conf->first, &tree);
	assert_string_equal(buf_text(&tree), "user[w];http{include[conf.d/*.conf];server{include[snippets/s.conf];x;y;}"
	                                     "server{include[snippets/s.conf];x;}include[/etc/nginx/s/*];"
	                                     "include[absent.conf];}");
	assert_int_equal(conf->file_count, 6);
	assert_string_equal(conf->files[3].path, "/etc/nginx/conf.d/a.conf");
	assert_string_equal(conf->files[5].path, "/etc/nginx/s/with space");
	assert_string_equal(conf->refused, "");
	assert_true(text_has_prefix(conf->messages, "nginx: [warn] conflicting"));
	x = nginx_directive_find(conf->first, "http")->first->next;
	assert_string_equal(x->file, "/etc/nginx/conf.d/a.conf");
	assert_int_equal(x->line, 2);
	assert_string_equal(x->first->next->file, "/etc/nginx/snippets/s.conf");
	assert_int_equal(x->first->next->line, 1);
	assert_string_equal(x->first->next->parent->file, "/etc/nginx/conf.d/a.conf");
	buf_reset(&tree);
	print(conf->files[1].first, &tree);
	assert_string_equal(buf_text(&tree), "server{include[snippets/s.conf];}");
}

static void test_dump_bad(void **state)
{
	static const char *const bad[] = {
		"", "nginx: [emerg] no\n", "user w;\n", "# configuration file ", "# configuration file x:",
		"# configuration file /a:\ninclude b;\n# configuration file /b:\ninclude a;\n",
		"# configuration file /a:\na {\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CLEANUP(nginx_conf_cleanup) struct nginx_conf *conf = NULL;
		int r = nginx_conf_parse(bad[i], strlen(bad[i]), &conf, &err);

		/* An empty file is a configuration, for us. */
		if (r != (i == 4 ? 0 : -1))
			fail_msg("\"%s\" parsed", bad[i]);
	}
}

static void fails(const char *text, size_t len, const char *why)
{
	CLEANUP(nginx_conf_cleanup) struct nginx_conf *conf = NULL;

	assert_fails(nginx_conf_parse(text, len, &conf, &err), why);
}

static void test_limits(void **state)
{
	CLEANUP(buf_done) struct buf text = BUF(NGINX_CONF_TEXT_MAX + 4096);

	(void)state;
	buf_append_text(&text, "# configuration file /a:\n");
	for (size_t i = 0; i <= NGINX_CONF_DEPTH_MAX; i++)
		buf_append_text(&text, "a {\n");
	fails(buf_text(&text), text.len, "/a:65: more than 64 blocks");
	buf_reset(&text);
	buf_append_text(&text, "# configuration file /a:\n");
	for (size_t i = 0; i <= NGINX_CONF_DIRECTIVES_MAX; i++)
		buf_append_text(&text, "a;");
	fails(buf_text(&text), text.len, "/a:1: more than 200000 directives");
	buf_reset(&text);
	buf_append_text(&text, "# configuration file /a:\na ");
	for (size_t i = 0; i <= NGINX_CONF_ARGS_MAX; i++)
		buf_append_text(&text, "b ");
	fails(buf_text(&text), text.len, "more than 8192 arguments");
	buf_reset(&text);
	buf_append_text(&text, "# configuration file /a:\na ");
	for (size_t i = 0; i <= NGINX_CONF_WORD_MAX; i++)
		buf_append_text(&text, "b");
	buf_append_text(&text, ";");
	fails(buf_text(&text), text.len, "longer than 4096 octets");
	buf_reset(&text);
	buf_append(&text, "# configuration file /a:\na b\0c;", 31);
	fails(buf_text(&text), text.len, "/a:1: a word holds a NUL octet");
	while (text.len <= NGINX_CONF_TEXT_MAX)
		buf_append_text(&text, "\n\n\n\n\n\n\n\n\n\n\n\n");
	fails(buf_text(&text), text.len, "over 8388608 octets");
}

/* A file that includes two that include two: two to the power of twenty would be the end. */
static void test_bomb(void **state)
{
	CLEANUP(buf_done) struct buf text = BUF(65536);

	(void)state;
	for (size_t i = 0; i < 20; i++)
		buf_printf(&text, "# configuration file /%zu:\ninclude %zu; include %zu;\n", i, i + 1, i + 1);
	fails(buf_text(&text), text.len, "more than 200000 directives");
	buf_reset(&text);
	for (size_t i = 0; i < 40; i++)
		buf_printf(&text, "# configuration file /%zu:\ninclude %zu;\n", i, i + 1);
	fails(buf_text(&text), text.len, "more than 32 files that include each other");
}

static void test_read(void **state)
{
	const struct scratch *s = *state;
	CLEANUP(nginx_conf_cleanup) struct nginx_conf *conf = NULL;
	CLEANUP(buf_done) struct buf tree = BUF(4096);

	assert_int_equal(mkdir(scratch_path(s, "d"), 0755), 0);
	scratch_write(s, "nginx.conf", "http { include d/*; include absent.conf; }\n", 0644);
	scratch_write(s, "d/2", "b;", 0644);
	scratch_write(s, "d/1", "a { include one.conf; }\n", 0644);
	scratch_write(s, "d/.3", "c;", 0644);
	scratch_write(s, "d/3", "d;\ne {\n", 0644);
	scratch_write(s, "one.conf", "include nginx-no-*.conf; f;", 0644);
	assert_works(nginx_conf_read(scratch_path(s, "nginx.conf"), &conf, &err));
	print(conf->first, &tree);
	/* What is readable of a broken file is there. */
	assert_string_equal(buf_text(&tree), "http{include[d/*];a{include[one.conf];include[nginx-no-*.conf];f;}b;d;e{}"
	                                     "include[absent.conf];}");
	assert_int_equal(conf->notes.count, 2);
	assert_non_null(strstr(conf->notes.items[0], "/nginx.conf:1: "));
	assert_non_null(strstr(conf->notes.items[0], "/d/3:2: the block \"e\""));
	assert_non_null(strstr(conf->notes.items[1], "/absent.conf, which it includes, does not exist"));
	nginx_conf_cleanup(&conf);
	assert_fails(nginx_conf_read(scratch_path(s, "absent"), &conf, &err), "there is no configuration");
}

struct answer {
	const char *output;
	int status;
	bool fails;
	char args[256];
};

static int run(void *self, const struct program_spec *spec, struct program_result *result, struct error *why)
{
	struct answer *answer = self;

	answer->args[0] = '\0';
	for (size_t i = 0; spec->argv[i] != NULL; i++) {
		size_t len = strlen(answer->args);

		snprintf(answer->args + len, sizeof(answer->args) - len, "%s ", spec->argv[i]);
	}
	if (answer->fails)
		return error_set(why, ERROR_SYSTEM, "cannot start it");
	buf_append_text(&result->output, answer->output);
	result->exit_status = answer->status;
	return 0;
}

static void test_ask(void **state)
{
	const struct scratch *s = *state;
	struct answer answer = { .output = dump };
	const struct runner runner = { .run = run, .self = &answer };
	CLEANUP(nginx_conf_cleanup) struct nginx_conf *conf = NULL;
	char said[256];

	assert_works(nginx_conf_ask(&runner, "/opt/nginx", NULL, "", 5000, &conf, &err));
	assert_string_equal(answer.args, "/opt/nginx -T ");
	assert_int_equal(conf->file_count, 6);
	nginx_conf_cleanup(&conf);

	/* NGINX names the file and the reason. */
	scratch_write(s, "nginx.conf", "a;\nhttp {\n// b\n}", 0644);
	snprintf(said, sizeof(said), "nginx: [warn] no\nnginx: [emerg] unknown directive \"//\" in %s/nginx.conf:3\n"
	         "nginx: configuration file %s/nginx.conf test failed\n", s->path, s->path);
	answer = (struct answer){ .output = said, .status = 1 };
	scratch_write(s, "nginx.conf", "a;\nhttp {\n// b\n; }", 0644);
	assert_works(nginx_conf_ask(&runner, "/opt/nginx", "/p", "c.conf", 5000, &conf, &err));
	assert_string_equal(answer.args, "/opt/nginx -T -p /p -c c.conf ");
	assert_true(text_has_prefix(conf->refused, "unknown directive \"//\" in "));
	assert_true(text_has_suffix(conf->refused, "nginx.conf:3"));
	assert_string_equal(conf->first->next->first->name, "//");
	nginx_conf_cleanup(&conf);

	/* No NGINX at all: the file that was asked for, beneath the prefix. */
	answer = (struct answer){ .fails = true };
	assert_works(nginx_conf_ask(&runner, "/opt/nginx", s->path, "nginx.conf", 5000, &conf, &err));
	assert_string_equal(conf->refused, "cannot start it");
	nginx_conf_cleanup(&conf);
	assert_fails(nginx_conf_ask(&runner, "/opt/nginx", s->path, "x.conf", 5000, &conf, &err), "cannot start it");
	/* It ended well and said nothing. */
	answer = (struct answer){ .output = "hello\n" };
	assert_works(nginx_conf_ask(&runner, "/opt/nginx", s->path, "nginx.conf", 5000, &conf, &err));
	assert_non_null(strstr(conf->refused, "no configuration"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_dump),
		cmocka_unit_test(test_dump_bad),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_bomb),
		cmocka_unit_test_setup_teardown(test_read, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_ask, scratch_make, scratch_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
