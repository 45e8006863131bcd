/* test_config_compose.c: what `certd issue` remembers. */
#include "config/config.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
	char path[64];
	char file[96];
	int fd;
};

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	assert_non_null(place);
	snprintf(place->path, sizeof(place->path), "/tmp/test_config_compose-XXXXXX");
	assert_non_null(mkdtemp(place->path));
	snprintf(place->file, sizeof(place->file), "%s/certd.conf", place->path);
	place->fd = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(place->fd >= 0);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;
	CLEANUP(clean_fd) int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct error err;

	assert_int_equal(file_remove_tree(tmp, strrchr(place->path, '/') + 1, &err), 0);
	close(place->fd);
	free(place);
	return 0;
}

static void put(const struct place *place, const char *name, const char *text)
{
	(void)mkdirat(place->fd, "conf.d", 0755);
	CLEANUP(clean_fd) int fd = openat(place->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void holds(const struct place *place, const char *name, const char *text)
{
	CLEANUP(buf_done) struct buf content = BUF(65536);
	struct error err;
	int result = file_read(place->fd, name, &content, &err);

	if (text == NULL) {
		assert_int_equal(result, FILE_ABSENT);
		return;
	}
	assert_int_equal(result, FILE_OK);
	assert_string_equal(buf_text(&content), text);
}

static struct config *load(const struct place *place)
{
	struct config *config = NULL;
	struct error err;

	if (config_load(place->file, true, NULL, &config, &err) < 0)
		fail_msg("%s", err.message);
	return config;
}

static void names_of(const char *const *texts, struct ident_list *ret)
{
	*ret = (struct ident_list){ 0 };
	for (; *texts != NULL; texts++) {
		struct ident ident;
		struct error err;

		assert_int_equal(ident_parse(*texts, &ident, &err), 0);
		assert_int_equal(ident_list_add(ret, &ident, &err), 0);
	}
}

/* Composes, reads what was composed, saves it, and loads the files anew. */
static struct config *issue(const struct place *place, const char *name, const char *const *names,
                            const struct config_option *options, size_t count)
{
	CLEANUP(buf_done) struct buf text = BUF(65536);
	CLEANUP(ident_list_done) struct ident_list list;
	CLEANUP(config_cleanup) struct config *before = load(place);
	CLEANUP(config_cleanup) struct config *with = NULL;
	struct config *after;
	struct error err;

	names_of(names, &list);
	if (config_compose(before, name, &list, options, count, &text, &err) < 0 ||
	    config_load_with(before, name, buf_text(&text), &with, &err) < 0 ||
	    config_save(before, name, buf_text(&text), &err) < 0)
		fail_msg("%s\n%s", err.message, buf_text(&text));
	after = load(place);
	assert_non_null(config_find(with, name));
	assert_true(ident_list_same(&config_find(with, name)->names, &list));
	assert_true(ident_list_same(&config_find(after, name)->names, &list));
	assert_int_equal(config_find(with, name)->settings.keys.types[0], config_find(after, name)->settings.keys.types[0]);
	assert_int_equal(with->certificates_count, after->certificates_count);
	return after;
}

#define NAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void test_a_new_certificate(void **state)
{
	const struct place *place = *state;
	const struct config_option options[] = {
		{ "key", "rsa-2048" }, { "email", "a+b@c.example" }, { "agree-tos", "true" }, { "key", "rsa-3072" },
		{ "webroot", "/srv/it's" },
	};
	struct config *c;

	/* NGINX is not told a path with a quote in it. */
	CLEANUP(buf_done) struct buf text = BUF(65536);
	CLEANUP(ident_list_done) struct ident_list list;
	struct error err;

	c = load(place);
	names_of(NAMES("a.example"), &list);
	assert_int_equal(config_compose(c, "a.example", &list, options, 5, &text, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_memory_equal(err.message, "--webroot \"/srv/it's\": ", 23);
	config_free(c);

	c = issue(place, "a.example", NAMES("a.example", "www.a.example"), options, 4);
	assert_string_equal(config_find(c, "a.example")->settings.email, "a+b@c.example");
	assert_true(config_find(c, "a.example")->settings.agree_tos);
	assert_int_equal(config_find(c, "a.example")->settings.keys.types[0], KEY_RSA_3072);
	config_free(c);
	holds(place, "conf.d/a.example.conf",
	      "# Written by `certd issue`, which changes the block below and nothing else here. See certd.conf(5).\n"
	      "certificate \"a.example\" {\n"
	      "\tnames = { \"a.example\", \"www.a.example\" }\n"
	      "\temail = \"a+b@c.example\"\n"
	      "\tagree-tos = true\n"
	      "\tkey = \"rsa-3072\"\n"
	      "}\n");
}

static void test_a_block_keeps_what_it_says(void **state)
{
	const struct place *place = *state;
	const struct config_option options[] = { { "key", "ecdsa-p384" } };
	const struct config_option same[] = { { "key", "ecdsa-p384" }, { "deploy", "none" }, { "http-port", "80" } };
	const char *text = "# mine\nca \"x\" { directory = https://x.example/ }\n\ncertificate 'a' { names = {b.example,a.example}\n"
	                   "profile='it${X}\\'s' deploy = none # why\n}\n# behind\nhttp-port = 80\n";
	struct config *c;

	put(place, "conf.d/a.conf", text);
	/* Nothing new: not an octet changes. */
	c = issue(place, "a", NAMES("a.example", "b.example"), NULL, 0);
	config_free(c);
	holds(place, "conf.d/a.conf", text);
	c = issue(place, "a", NAMES("b.example", "a.example"), options, 1);
	assert_int_equal(config_find(c, "a")->settings.deploy, CONFIG_DEPLOY_NONE);
	assert_string_equal(config_find(c, "a")->settings.profile, "it${X}'s");
	assert_int_equal(config_find(c, "a")->settings.keys.types[0], KEY_ECDSA_P384);
	config_free(c);
	text = "# mine\nca \"x\" { directory = https://x.example/ }\n\ncertificate \"a\" {\n"
	       "\tnames = { \"b.example\", \"a.example\" }\n\tkey = \"ecdsa-p384\"\n\tprofile = 'it${X}\\'s'\n"
	       "\tdeploy = \"none\"\n}\n# behind\nhttp-port = 80\n";
	holds(place, "conf.d/a.conf", text);
	c = issue(place, "a", NAMES("b.example", "a.example"), same, 3);
	config_free(c);
	holds(place, "conf.d/a.conf", text);
	c = issue(place, "a", NAMES("a.example"), NULL, 0);
	assert_int_equal(config_find(c, "a")->settings.keys.types[0], KEY_ECDSA_P384);
	config_free(c);
}

static void test_a_list_of_cas(void **state)
{
	const struct place *place = *state;
	const struct config_option two[] = { { "ca", "letsencrypt, zerossl" } };
	const struct config_option each[] = { { "ca", "letsencrypt" }, { "ca", "zerossl" } };
	const struct config_option one[] = { { "ca", "actalis" } };
	struct config *c;

	c = issue(place, "a", NAMES("a.example"), two, 1);
	assert_int_equal(config_find(c, "a")->settings.cas_count, 2);
	assert_string_equal(config_find(c, "a")->settings.cas[1]->name, "zerossl");
	config_free(c);
	c = issue(place, "a", NAMES("a.example"), each, 2);
	config_free(c);
	c = issue(place, "a", NAMES("a.example"), NULL, 0);
	config_free(c);
	holds(place, "conf.d/a.conf",
	      "# Written by `certd issue`, which changes the block below and nothing else here. See certd.conf(5).\n"
	      "certificate \"a\" {\n\tnames = { \"a.example\" }\n\tca = { \"letsencrypt\", \"zerossl\" }\n}\n");
	c = issue(place, "a", NAMES("a.example"), one, 1);
	assert_int_equal(config_find(c, "a")->settings.cas_count, 1);
	config_free(c);
	holds(place, "conf.d/a.conf",
	      "# Written by `certd issue`, which changes the block below and nothing else here. See certd.conf(5).\n"
	      "certificate \"a\" {\n\tnames = { \"a.example\" }\n\tca = \"actalis\"\n}\n");
}

static void test_two_keys(void **state)
{
	const struct place *place = *state;
	const struct config_option both[] = { { "key", "ecdsa-p256, rsa-2048" } };
	const struct config_option same[] = { { "key", "ecdsa-p256,rsa-2048" } };
	const struct config_option turned[] = { { "key", "rsa-2048,ecdsa-p256" } };
	const struct config_option one[] = { { "key", "ecdsa-p256" } };
	const struct config_keys *keys;
	const char *text = "\tnames = { \"a.example\" }\n\tkey = { \"ecdsa-p256\", \"rsa-2048\" }\n}\n";
	CLEANUP(buf_done) struct buf written = BUF(65536);
	struct config *c;

	buf_printf(&written,
	           "# Written by `certd issue`, which changes the block below and nothing else here. See certd.conf(5).\n"
	           "certificate \"a\" {\n%s",
	           text);
	c = issue(place, "a", NAMES("a.example"), both, 1);
	keys = &config_find(c, "a")->settings.keys;
	assert_int_equal(keys->count, 2);
	assert_int_equal(keys->types[0], KEY_ECDSA_P256);
	assert_int_equal(keys->types[1], KEY_RSA_2048);
	config_free(c);
	holds(place, "conf.d/a.conf", buf_text(&written));
	c = issue(place, "a", NAMES("a.example"), same, 1);
	config_free(c);
	c = issue(place, "a", NAMES("a.example"), NULL, 0);
	config_free(c);
	holds(place, "conf.d/a.conf", buf_text(&written));
	c = issue(place, "a", NAMES("a.example"), turned, 1);
	assert_int_equal(config_find(c, "a")->settings.keys.types[0], KEY_RSA_2048);
	config_free(c);
	c = issue(place, "a", NAMES("a.example"), one, 1);
	assert_int_equal(config_find(c, "a")->settings.keys.count, 1);
	config_free(c);
	/* What is said for all holds already. */
	put(place, "certd.conf", "key = { ecdsa-p256, rsa-2048 }\n");
	put(place, "conf.d/a.conf", "certificate \"a\" { names = { a.example } }\n");
	c = issue(place, "a", NAMES("a.example"), same, 1);
	assert_int_equal(config_find(c, "a")->settings.keys.count, 2);
	config_free(c);
	holds(place, "conf.d/a.conf", "certificate \"a\" { names = { a.example } }\n");
}

static void test_a_persons_file_is_not_changed(void **state)
{
	const struct place *place = *state;
	const char *text = "agree-tos = yes\ncertificate a { names = { a.example, b.example } key = rsa-2048 }\n";
	const struct config_option same[] = { { "key", "rsa-2048" }, { "agree-tos", "true" } };
	const struct config_option other[] = { { "key", "rsa-3072" } };
	CLEANUP(buf_done) struct buf composed = BUF(65536);
	CLEANUP(ident_list_done) struct ident_list list;
	CLEANUP(config_cleanup) struct config *c = NULL;
	CLEANUP(config_cleanup) struct config *with = NULL;
	struct error err;

	put(place, "certd.conf", text);
	c = issue(place, "a", NAMES("b.example", "a.example"), same, 2);
	holds(place, "conf.d/a.conf", NULL);
	names_of(NAMES("a.example", "b.example"), &list);
	assert_int_equal(config_compose(c, "a", &list, other, 1, &composed, &err), 0);
	assert_int_equal(config_load_with(c, "a", buf_text(&composed), &with, &err), 0);
	assert_int_equal(config_find(with, "a")->settings.keys.types[0], KEY_RSA_3072);
	assert_int_equal(config_save(c, "a", buf_text(&composed), &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_non_null(strstr(err.message, "certd.conf:2: certificate \"a\" is described here"));
	holds(place, "conf.d/a.conf", NULL);
	holds(place, "certd.conf", text);
}

static void test_a_file_without_the_block_gets_one(void **state)
{
	const struct place *place = *state;

	put(place, "conf.d/a.conf", "# empty, but mine");
	config_free(issue(place, "a", NAMES("a.example"), NULL, 0));
	holds(place, "conf.d/a.conf", "# empty, but mine\ncertificate \"a\" {\n\tnames = { \"a.example\" }\n}\n");
}

static void test_options_that_cannot_be(void **state)
{
	static const struct {
		struct config_option option;
		const char *words;
	} rows[] = {
		{ { "key", "rsa" }, "--key \"rsa\": " },
		{ { "ca", "letsencrypt-stagin" }, "--ca \"letsencrypt-stagin\": there is no such CA; did you mean" },
		{ { "ca", "letsencrypt,zerosll" }, "--ca \"zerosll\": there is no such CA; did you mean" },
		{ { "ca", "letsencrypt," }, "--ca \"\": " },
		{ { "challenge", "dns-01" }, "--challenge \"dns-01\": " },
		{ { "webroot", "srv" }, "--webroot \"srv\": a path is absolute" },
		{ { "state-dir", "/x" }, "--state-dir is no option for a certificate" },
		{ { "names", "x" }, "--names is no option for a certificate" },
		{ { "email", "a@b\nc" }, "--email \"a@b?c\": a control character" },
	};
	const struct place *place = *state;
	CLEANUP(config_cleanup) struct config *c = load(place);
	CLEANUP(ident_list_done) struct ident_list list;
	CLEANUP(buf_done) struct buf text = BUF(65536);
	struct error err;

	names_of(NAMES("a.example"), &list);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(config_compose(c, "a.example", &list, &rows[i].option, 1, &text, &err), -1);
		assert_int_equal(err.kind, ERROR_USAGE);
		assert_memory_equal(err.message, rows[i].words, strlen(rows[i].words));
	}
	assert_int_equal(config_compose(c, "../a", &list, NULL, 0, &text, &err), -1);
	assert_int_equal(config_save(c, "../a", "", &err), -1);
	assert_int_equal(config_load_with(c, ".a", "", &c, &err), -1);
	assert_int_equal(text.len, 0);
}

static void test_many_names_stand_in_lines(void **state)
{
	const struct place *place = *state;
	const char *names[IDENT_LIST_MAX + 1];
	char texts[IDENT_LIST_MAX][32];
	struct config *c;

	for (size_t i = 0; i < IDENT_LIST_MAX; i++) {
		snprintf(texts[i], sizeof(texts[i]), "n%zu.a.example", i);
		names[i] = texts[i];
	}
	names[IDENT_LIST_MAX] = NULL;
	c = issue(place, "n0.a.example", names, NULL, 0);
	assert_int_equal(config_find(c, "n0.a.example")->names.count, IDENT_LIST_MAX);
	config_free(c);
}

static void test_a_read_only_place(void **state)
{
	const struct place *place = *state;
	CLEANUP(config_cleanup) struct config *c = load(place);
	struct error err;

	put(place, "conf.d/x", "");
	assert_int_equal(mkdirat(place->fd, "conf.d/a.conf", 0755), 0);
	assert_int_equal(config_save(c, "a", "certificate \"a\" { names = { a.example } }\n", &err), -1);
	assert_non_null(strstr(err.message, "conf.d/a.conf"));
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_a_new_certificate),
		ROW(test_a_block_keeps_what_it_says),
		ROW(test_a_list_of_cas),
		ROW(test_two_keys),
		ROW(test_a_persons_file_is_not_changed),
		ROW(test_a_file_without_the_block_gets_one),
		ROW(test_options_that_cannot_be),
		ROW(test_many_names_stand_in_lines),
		ROW(test_a_read_only_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
