/* test_config_load.c: the files on the disk. */
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
	char path[64]; /* of the directory */
	char file[96]; /* certd.conf in it */
	int fd;
};

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	assert_non_null(place);
	snprintf(place->path, sizeof(place->path), "/tmp/test_config_load-XXXXXX");
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
	if (strncmp(name, "conf.d/", 7) == 0)
		(void)mkdirat(place->fd, "conf.d", 0755);
	CLEANUP(clean_fd) int fd = openat(place->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, 0644), 0);
}

static void collect(void *self, const char *text)
{
	buf_printf(self, "%s\n", text);
}

static struct config *load(const struct place *place)
{
	struct config *config = NULL;
	struct error err;

	if (config_load(place->file, false, NULL, &config, &err) < 0)
		fail_msg("%s", err.message);
	return config;
}

static void refused(const struct place *place, const char *words)
{
	CLEANUP(buf_done) struct buf lines = BUF(65536);
	struct config_report report = { collect, &lines };
	struct config *config = NULL;
	struct error err;

	assert_int_equal(config_load(place->file, false, &report, &config, &err), -1);
	assert_null(config);
	assert_int_equal(err.kind, ERROR_USAGE);
	if (strstr(buf_text(&lines), words) == NULL)
		fail_msg("wanted: %s\ntold: %s", words, buf_text(&lines));
	assert_memory_equal(buf_text(&lines), err.message, strlen(err.message));
}

static void test_files_in_name_order(void **state)
{
	const struct place *place = *state;
	struct config *c;

	put(place, "certd.conf", "certificate \"m\" { names = { m.example } }\n");
	put(place, "conf.d/b.conf", "\ncertificate \"b\" { names = { b.example } }\n");
	put(place, "conf.d/a.conf", "certificate \"a\" { names = { a.example } }\n");
	put(place, "conf.d/.hidden.conf", "what = is this\n");
	put(place, "conf.d/a.conf~", "what = is this\n");
	put(place, "conf.d/a.conf.bak", "what = is this\n");
	c = load(place);
	assert_int_equal(c->certificates_count, 3);
	assert_string_equal(c->certificates[0]->name, "m");
	assert_string_equal(c->certificates[1]->name, "a");
	assert_string_equal(c->certificates[2]->name, "b");
	assert_int_equal(c->certificates[2]->line, 2);
	assert_true(strstr(c->certificates[2]->file, "/conf.d/b.conf") != NULL);
	config_free(c);
}

static void test_a_missing_file(void **state)
{
	const struct place *place = *state;
	struct config *c = NULL;
	struct error err;

	refused(place, "certd.conf: there is no such file");
	assert_int_equal(config_load(place->file, true, NULL, &c, &err), 0);
	assert_string_equal(c->file, place->file);
	config_free(c);
	put(place, "conf.d/a.conf", "certificate \"a\" { names = { a.example } }\n");
	assert_int_equal(config_load(place->file, true, NULL, &c, &err), 0);
	assert_non_null(config_find(c, "a"));
	config_free(c);
}

static void test_a_relative_path(void **state)
{
	const struct place *place = *state;
	CLEANUP(clean_free) char *here = getcwd(NULL, 0);
	struct config *c = NULL;
	struct error err;

	put(place, "certd.conf", "key = rsa-2048\n");
	assert_int_equal(chdir(place->path), 0);
	assert_int_equal(config_load("certd.conf", false, NULL, &c, &err), 0);
	assert_int_equal(chdir(here), 0);
	assert_string_equal(c->file, place->file);
	config_free(c);
}

static void test_things_that_are_no_files(void **state)
{
	const struct place *place = *state;
	CLEANUP(buf_done) struct buf large = BUF(8 * 1024 * 1024);

	assert_int_equal(mkdirat(place->fd, "certd.conf", 0755), 0);
	refused(place, "certd.conf: is no regular file");
	assert_int_equal(unlinkat(place->fd, "certd.conf", AT_REMOVEDIR), 0);
	assert_int_equal(mkfifoat(place->fd, "certd.conf", 0644), 0);
	refused(place, "certd.conf: is no regular file");
	assert_int_equal(unlinkat(place->fd, "certd.conf", 0), 0);
	while (large.len <= 4 * 1024 * 1024)
		buf_append_text(&large, "# a line that says nothing at all and is here only to take some room\n");
	put(place, "certd.conf", buf_text(&large));
	refused(place, "certd.conf: larger than");
	put(place, "certd.conf", "");
	assert_int_equal(symlinkat("/nonexistent/x", place->fd, "conf.d"), 0);
	config_free(load(place));
	assert_int_equal(unlinkat(place->fd, "conf.d", 0), 0);
	put(place, "conf.d", "");
	refused(place, "conf.d");
}

static void test_all_files_are_told_of(void **state)
{
	const struct place *place = *state;

	put(place, "certd.conf", "kee = 1\n");
	put(place, "conf.d/a.conf", "\nemail = x\n");
	refused(place, "certd.conf:1: there is no directive \"kee\"; did you mean \"key\"?\n");
	refused(place, "conf.d/a.conf:2: email \"x\"");
}

static void test_what_others_may_write_is_refused_to_root(void **state)
{
	const struct place *place = *state;

	if (geteuid() != 0)
		skip();
	put(place, "certd.conf", "");
	put(place, "conf.d/a.conf", "");
	assert_int_equal(fchmodat(place->fd, "conf.d/a.conf", 0666, 0), 0);
	refused(place, "conf.d/a.conf: its mode 0666 lets everybody write");
	assert_int_equal(fchmodat(place->fd, "conf.d/a.conf", 0664, 0), 0);
	config_free(load(place));
	assert_int_equal(fchownat(place->fd, "conf.d/a.conf", 0, 65534, 0), 0);
	refused(place, "conf.d/a.conf: its mode 0664 lets group 65534 write");
	assert_int_equal(fchownat(place->fd, "conf.d/a.conf", 65534, 0, 0), 0);
	refused(place, "conf.d/a.conf: belongs to user 65534");
	assert_int_equal(fchownat(place->fd, "conf.d/a.conf", 0, 0, 0), 0);
	assert_int_equal(fchmodat(place->fd, "conf.d", 0777, 0), 0);
	refused(place, "conf.d: its mode 0777 lets everybody write");
	assert_int_equal(fchmodat(place->fd, "conf.d", 0755, 0), 0);
	assert_int_equal(fchmod(place->fd, 0777), 0);
	refused(place, ": its mode 0777 lets everybody write");
	assert_int_equal(fchmod(place->fd, 01777), 0);
	config_free(load(place));
}

static void test_a_key_of_the_ca_that_others_read(void **state)
{
	const struct place *place = *state;
	CLEANUP(buf_done) struct buf text = BUF(4096);

	buf_printf(&text, "ca \"x\" {\n\tdirectory = https://x.example/\n\teab-kid = k\n\teab-hmac-file = %s/hmac\n}\n",
	           place->path);
	put(place, "certd.conf", buf_text(&text));
	put(place, "hmac", "AAAA\n");
	refused(place, "certd.conf:4: eab-hmac-file ");
	assert_int_equal(fchmodat(place->fd, "hmac", 0640, 0), 0);
	config_free(load(place));
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_files_in_name_order),
		ROW(test_a_missing_file),
		ROW(test_a_relative_path),
		ROW(test_things_that_are_no_files),
		ROW(test_all_files_are_told_of),
		ROW(test_what_others_may_write_is_refused_to_root),
		ROW(test_a_key_of_the_ca_that_others_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
