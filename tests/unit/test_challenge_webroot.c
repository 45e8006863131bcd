/* test_challenge_webroot.c */
#include "challenge/challenge.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/ident.h"
#include "base/strv.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "scratch.h"

#define DIRECTORY "webroot/.well-known/acme-challenge"
#define THUMBPRINT "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"

static struct error err;
static const struct ident a_example = { .type = IDENT_DNS, .value = "a.example" };

static const struct challenge_method *http01(void)
{
	const struct challenge_method *method = challenge_find("http-01");

	assert_non_null(method);
	return method;
}

static int present(const struct scratch *s, const char *token, const char *authorization)
{
	const struct challenge_config config = { .webroot = scratch_path(s, "webroot") };
	const struct challenge_proof proof = { &a_example, token, authorization };

	return http01()->present(&config, &proof, &err);
}

static int cleanup(const struct scratch *s, const char *token, const char *authorization)
{
	const struct challenge_config config = { .webroot = scratch_path(s, "webroot") };
	const struct challenge_proof proof = { &a_example, token, authorization };

	return http01()->cleanup(&config, &proof, &err);
}

static int check(const struct scratch *s)
{
	const struct challenge_config config = { .webroot = scratch_path(s, "webroot") };

	return http01()->check(&config, &err);
}

static void test_table(void **state)
{
	size_t n = 0;

	(void)state;
	for (const char *const *type = challenge_types(); *type != NULL; type++, n++) {
		const struct challenge_method *method = challenge_find(*type);

		assert_non_null(method);
		assert_string_equal(method->type, *type);
		assert_true(method->present && method->cleanup && method->check && method->sweep);
	}
	assert_true(n >= 1);
	assert_null(challenge_find("http-02"));
	assert_null(challenge_find(""));
	assert_false(http01()->wildcard);
}

static void test_present_and_cleanup(void **state)
{
	static const mode_t masks[] = { 0, 0022, 0077, 0777 };
	struct scratch *s = *state;

	for (size_t i = 0; i < ARRAY_SIZE(masks); i++) {
		mode_t before = umask(masks[i]);
		int r = present(s, "to-ken_1", "to-ken_1." THUMBPRINT);

		umask(before);
		assert_int_equal(r, 0);
		scratch_assert_text(s, DIRECTORY "/to-ken_1", "to-ken_1." THUMBPRINT);
		scratch_assert_mode(s, DIRECTORY "/to-ken_1", 0644);
		scratch_assert_mode(s, DIRECTORY, 0755);
		scratch_assert_mode(s, "webroot/.well-known", 0755);
		scratch_assert_mode(s, "webroot", 0755);
		/* Again, as after a crash. */
		assert_works(present(s, "to-ken_1", "to-ken_1." THUMBPRINT));
		assert_works(cleanup(s, "to-ken_1", "to-ken_1." THUMBPRINT));
		scratch_assert_absent(s, DIRECTORY "/to-ken_1");
		assert_works(cleanup(s, "to-ken_1", "to-ken_1." THUMBPRINT));
		assert_works(file_remove_tree(s->fd, "webroot", &err));
		assert_works(cleanup(s, "to-ken_1", "to-ken_1." THUMBPRINT));
	}
}

static void test_hostile_tokens(void **state)
{
	static const char *const bad[] = {
		"", ".", "..", "../x", "../../../../tmp/x", "/etc/passwd", "a/b", "a.b", "a b", "a\nb", "a;b", "a=", "%2e%2e", "\xc3\xa4",
	};
	struct scratch *s = *state;
	char longest[257], body[512];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(body, sizeof(body), "%s." THUMBPRINT, bad[i]);
		assert_int_equal(present(s, bad[i], body), -1);
		assert_int_equal(cleanup(s, bad[i], body), -1);
	}
	memset(longest, 'a', 256);
	longest[256] = '\0';
	snprintf(body, sizeof(body), "%s." THUMBPRINT, longest);
	assert_int_equal(present(s, longest, body), -1);
	/* Before any file was touched. */
	scratch_assert_absent(s, "webroot");
	longest[255] = '\0';
	assert_works(present(s, longest, body + 1));
	assert_works(cleanup(s, longest, body + 1));
}

static void test_only_key_authorizations(void **state)
{
	struct scratch *s = *state;
	const struct ident wildcard = { .type = IDENT_DNS, .wildcard = true, .value = "*.a.example" };
	const struct challenge_config config = { .webroot = scratch_path(s, "webroot") };
	const struct challenge_proof proof = { &wildcard, "abc", "abc." THUMBPRINT };

	assert_int_equal(present(s, "abc", "<?php"), -1);
	assert_int_equal(present(s, "abc", "abcd." THUMBPRINT), -1);
	assert_int_equal(http01()->present(&config, &proof, &err), -1);
	assert_non_null(strstr(err.message, "*.a.example"));
	scratch_assert_absent(s, "webroot");
}

static void test_files_of_others(void **state)
{
	struct scratch *s = *state;

	assert_works(present(s, "abc", "abc." THUMBPRINT));
	scratch_write(s, DIRECTORY "/robots", "not a challenge", 0644);
	/* The CA chose this name. */
	assert_fails(present(s, "robots", "robots." THUMBPRINT), "robots");
	assert_true(err.advice[0] != '\0');
	scratch_assert_text(s, DIRECTORY "/robots", "not a challenge");
	assert_works(cleanup(s, "robots", "robots." THUMBPRINT));
	scratch_assert_text(s, DIRECTORY "/robots", "not a challenge");
	assert_int_equal(mkdir(scratch_path(s, DIRECTORY "/directory"), 0755), 0);
	assert_int_equal(present(s, "directory", "directory." THUMBPRINT), -1);
	assert_works(cleanup(s, "directory", "directory." THUMBPRINT));
	assert_int_equal(symlink("robots", scratch_path(s, DIRECTORY "/link")), 0);
	assert_int_equal(present(s, "link", "link." THUMBPRINT), -1);
	scratch_assert_text(s, DIRECTORY "/robots", "not a challenge");
	/* The same token of another account is not ours to remove. */
	scratch_write(s, DIRECTORY "/abc", "abc.another-thumbprint", 0644);
	assert_works(cleanup(s, "abc", "abc." THUMBPRINT));
	scratch_assert_text(s, DIRECTORY "/abc", "abc.another-thumbprint");
}

static void test_links(void **state)
{
	struct scratch *s = *state;

	assert_int_equal(mkdir(scratch_path(s, "elsewhere"), 0755), 0);
	assert_int_equal(mkdir(scratch_path(s, "webroot"), 0755), 0);
	assert_int_equal(symlink("../elsewhere", scratch_path(s, "webroot/.well-known")), 0);
	assert_fails(present(s, "abc", "abc." THUMBPRINT), ".well-known is a symbolic link");
	assert_fails(check(s), ".well-known is a symbolic link");
	assert_true(err.advice[0] != '\0');
	assert_int_equal(unlink(scratch_path(s, "webroot/.well-known")), 0);
	assert_int_equal(mkdir(scratch_path(s, "webroot/.well-known"), 0755), 0);
	assert_int_equal(symlink("/etc", scratch_path(s, "webroot/.well-known/acme-challenge")), 0);
	assert_fails(present(s, "abc", "abc." THUMBPRINT), "acme-challenge is a symbolic link");
	assert_int_equal(unlink(scratch_path(s, "webroot/.well-known/acme-challenge")), 0);
	/* The webroot itself may be one. */
	assert_int_equal(rename(scratch_path(s, "webroot"), scratch_path(s, "real")), 0);
	assert_int_equal(symlink("real", scratch_path(s, "webroot")), 0);
	assert_works(check(s));
	assert_works(present(s, "abc", "abc." THUMBPRINT));
	scratch_assert_text(s, "real/.well-known/acme-challenge/abc", "abc." THUMBPRINT);
	scratch_assert_absent(s, "elsewhere/acme-challenge");
}

static void test_check(void **state)
{
	struct scratch *s = *state;
	const struct challenge_config none = { .webroot = NULL };
	const struct challenge_config relative = { .webroot = "webroot" };
	CLEANUP(strv_done) struct strv names = STRV(10);
	int fd;

	assert_fails(http01()->check(&none, &err), "webroot");
	assert_fails(http01()->check(&relative, &err), "absolute");
	assert_works(check(s));
	assert_works(file_open_dir(scratch_path(s, DIRECTORY), &fd, &err));
	assert_works(file_list(fd, &names, &err));
	assert_int_equal(names.count, 0);
	close(fd);
	assert_works(file_remove_tree(s->fd, "webroot", &err));
	scratch_write(s, "webroot", "a file", 0644);
	assert_fails(check(s), "no directory");
}

/* A disk of 64 KiB that is full, and one that is read-only. */
static void test_disk(void **state)
{
	struct scratch *s = *state;
	char filler[4096] = { 1 };
	int fd;

	assert_int_equal(mkdir(scratch_path(s, "webroot"), 0755), 0);
	if (mount("none", scratch_path(s, "webroot"), "tmpfs", 0, "size=64k") < 0) {
		print_message("nothing may be mounted here\n");
		skip();
	}
	assert_works(check(s));
	fd = open(scratch_path(s, "webroot/filler"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	while (write(fd, filler, sizeof(filler)) > 0)
		continue;
	close(fd);
	assert_fails(check(s), "No space left");
	assert_non_null(strstr(err.advice, "free space"));
	assert_int_equal(present(s, "abc", "abc." THUMBPRINT), -1);
	scratch_assert_absent(s, DIRECTORY "/abc");
	assert_int_equal(unlink(scratch_path(s, "webroot/filler")), 0);
	assert_works(present(s, "abc", "abc." THUMBPRINT));
	assert_int_equal(mount("none", scratch_path(s, "webroot"), "tmpfs", MS_REMOUNT | MS_RDONLY, "size=64k"), 0);
	assert_fails(check(s), "Read-only");
	assert_true(err.advice[0] != '\0');
	assert_int_equal(present(s, "def", "def." THUMBPRINT), -1);
	assert_int_equal(umount(scratch_path(s, "webroot")), 0);
}

static void set_time(const struct scratch *s, const char *name, time_t at)
{
	const struct timespec times[2] = { { .tv_sec = at }, { .tv_sec = at } };

	assert_int_equal(utimensat(s->fd, scratch_path(s, name), times, AT_SYMLINK_NOFOLLOW), 0);
}

static void test_sweep(void **state)
{
	static const struct {
		const char *name;
		const char *text;
		time_t at;
		bool swept;
	} files[] = {
		{ "ours", "ours." THUMBPRINT, 1000, true },
		{ "in-flight", "in-flight." THUMBPRINT, 2000, false },
		{ "of-another-account", "of-another-account.0000000000000000000000000000000000000000000", 1000, false },
		{ "of-another-token", "ours." THUMBPRINT, 1000, false },
		{ "longer", "longer." THUMBPRINT "0", 1000, false },
		{ "with-end", "with-end." THUMBPRINT "\n", 1000, false },
		{ "index.html", "index.html." THUMBPRINT, 1000, false },
		{ "empty", "", 1000, false },
		{ ".tmp-0123456789ab", "ou", 1000, true },
		{ ".tmp-ba9876543210", "in", 2000, false },
		{ ".hidden", "x", 1000, false },
	};
	struct scratch *s = *state;
	char webroot[128];
	const struct challenge_config config = { .webroot = webroot };
	size_t count = 99;
	struct stat st;

	snprintf(webroot, sizeof(webroot), "%s/webroot", s->path);
	assert_works(http01()->sweep(&config, THUMBPRINT, 1500, &count, &err));
	assert_int_equal(count, 0);
	scratch_assert_absent(s, "webroot");
	assert_works(check(s));
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char name[128];

		snprintf(name, sizeof(name), DIRECTORY "/%s", files[i].name);
		scratch_write(s, name, files[i].text, 0644);
		set_time(s, name, files[i].at);
	}
	assert_int_equal(symlink("ours", scratch_path(s, DIRECTORY "/link")), 0);
	set_time(s, DIRECTORY "/link", 1000);
	assert_works(http01()->sweep(&config, THUMBPRINT, 1500, &count, &err));
	assert_int_equal(count, 2);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char name[128];

		snprintf(name, sizeof(name), DIRECTORY "/%s", files[i].name);
		if ((lstat(scratch_path(s, name), &st) == 0) == files[i].swept)
			fail_msg("%s", files[i].name);
	}
	assert_int_equal(lstat(scratch_path(s, DIRECTORY "/link"), &st), 0);
}

/* Somebody who may write the webroot exchanges a directory and a link to elsewhere as fast as possible: nothing comes out there. */
static void test_swapped_directory(void **state)
{
	struct scratch *s = *state;
	CLEANUP(strv_done) struct strv names = STRV(1000);
	int status, fd;
	pid_t pid;

	assert_works(check(s));
	assert_int_equal(mkdir(scratch_path(s, "elsewhere"), 0755), 0);
	assert_int_equal(symlink("../../elsewhere", scratch_path(s, "webroot/.well-known/link")), 0);
	fd = open(scratch_path(s, "webroot/.well-known"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		for (;;)
			renameat2(fd, "link", fd, "acme-challenge", RENAME_EXCHANGE);
	}
	for (int i = 0; i < 500; i++) {
		char token[32], body[128];

		snprintf(token, sizeof(token), "token%d", i);
		snprintf(body, sizeof(body), "%s." THUMBPRINT, token);
		present(s, token, body);
		cleanup(s, token, body);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(fd);
	assert_works(file_open_dir(scratch_path(s, "elsewhere"), &fd, &err));
	assert_works(file_list(fd, &names, &err));
	close(fd);
	assert_int_equal(names.count, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_make, scratch_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		TEST(test_present_and_cleanup),
		TEST(test_hostile_tokens),
		TEST(test_only_key_authorizations),
		TEST(test_files_of_others),
		TEST(test_links),
		TEST(test_check),
		TEST(test_disk),
		TEST(test_sweep),
		TEST(test_swapped_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
