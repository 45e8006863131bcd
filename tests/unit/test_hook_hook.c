/* test_hook_hook.c */
#include "hook/hook.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/program.h"
#include "base/strv.h"
#include "base/text.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "scratch.h"

static struct error err;

/* Notes what would be run. */
struct notes {
	char argv[4096];
	char envp[4096];
	int64_t deadline_ms;
	int fails_at; /* the n-th run from now on, 1 being the next */
	const char *output;
};

static int note(void *self, const struct program_spec *spec, struct program_result *result, struct error *ignored)
{
	struct notes *notes = self;

	(void)ignored;
	for (size_t i = 0; spec->argv[i] != NULL; i++)
		snprintf(notes->argv + strlen(notes->argv), sizeof(notes->argv) - strlen(notes->argv), "%s%s",
		         i > 0 ? "|" : "", spec->argv[i]);
	snprintf(notes->argv + strlen(notes->argv), sizeof(notes->argv) - strlen(notes->argv), "\n");
	notes->envp[0] = '\0';
	for (size_t i = 0; spec->envp[i] != NULL; i++)
		snprintf(notes->envp + strlen(notes->envp), sizeof(notes->envp) - strlen(notes->envp), "%s\n", spec->envp[i]);
	notes->deadline_ms = spec->deadline_ms;
	if (notes->output != NULL)
		buf_append_text(&result->output, notes->output);
	result->exit_status = notes->fails_at > 0 && --notes->fails_at == 0 ? 3 : 0;
	return 0;
}

static struct hook_event event_of(const char *name)
{
	return (struct hook_event){ .event = name, .certificate = "a.example", .deadline_ms = 30000 };
}

static void make_hook(const struct scratch *s, const char *name, const char *script)
{
	char text[4096];

	snprintf(text, sizeof(text), "#!/bin/sh\n%s\n", script);
	scratch_write(s, name, text, 0755);
}

static void make_dirs(const struct scratch *s)
{
	assert_int_equal(mkdir(scratch_path(s, "hooks"), 0755), 0);
	assert_int_equal(mkdir(scratch_path(s, "hooks/deploy"), 0755), 0);
}

static void test_what_a_hook_gets(void **state)
{
	struct scratch *s = *state;
	struct notes notes = { .argv = "" };
	const struct runner runner = { .run = note, .self = &notes };
	CLEANUP(strv_done) struct strv environment = STRV(10);
	struct hook_event event = event_of("deploy");
	char expected[256];

	make_hook(s, "hook", "exit 0");
	strv_add(&environment, "CERTD_NAMES=a.example b.example");
	event.environment = &environment;
	assert_int_equal(setenv("TZ", "Europe/Berlin", 1), 0);
	assert_int_equal(setenv("HOME", "/root", 1), 0);
	assert_int_equal(setenv("SECRET", "x", 1), 0);
	assert_int_equal(setenv("LD_PRELOAD_NOT", "x", 1), 0);
	assert_works(hook_run(&runner, scratch_path(s, "hook"), &event, &err));
	snprintf(expected, sizeof(expected), "%s|deploy|a.example\n", scratch_path(s, "hook"));
	assert_string_equal(notes.argv, expected);
	assert_string_equal(notes.envp, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
	                                "LANG=C\nHOME=/root\nTZ=Europe/Berlin\n"
	                                "CERTD_EVENT=deploy\nCERTD_CERTIFICATE=a.example\n"
	                                "CERTD_NAMES=a.example b.example\n");
	assert_int_equal(notes.deadline_ms, 30000);
	assert_int_equal(unsetenv("TZ"), 0);
	assert_int_equal(unsetenv("HOME"), 0);
	event.environment = NULL;
	assert_works(hook_run(&runner, scratch_path(s, "hook"), &event, &err));
	assert_non_null(strstr(notes.envp, "HOME=/\n"));
	assert_null(strstr(notes.envp, "TZ="));
}

static void test_unsafe_hooks_do_not_run(void **state)
{
	struct scratch *s = *state;
	struct notes notes = { .argv = "" };
	const struct runner runner = { .run = note, .self = &notes };
	struct hook_event event = event_of("deploy");

	assert_fails(hook_run(&runner, "hooks/x", &event, &err), "absolute");
	assert_fails(hook_run(&runner, scratch_path(s, "none"), &event, &err), "No such file");
	make_hook(s, "hook", "exit 0");
	assert_int_equal(chmod(scratch_path(s, "hook"), 0757), 0);
	assert_fails(hook_run(&runner, scratch_path(s, "hook"), &event, &err), "written by others");
	assert_int_equal(chmod(scratch_path(s, "hook"), 0775), 0);
	assert_fails(hook_run(&runner, scratch_path(s, "hook"), &event, &err), "written by others");
	assert_non_null(strstr(err.advice, "chmod go-w"));
	assert_int_equal(chmod(scratch_path(s, "hook"), 0644), 0);
	assert_fails(hook_run(&runner, scratch_path(s, "hook"), &event, &err), "cannot be executed");
	assert_fails(hook_run(&runner, s->path, &event, &err), "no regular file");
	assert_int_equal(symlink("hook", scratch_path(s, "link")), 0);
	assert_fails(hook_run(&runner, scratch_path(s, "link"), &event, &err), "cannot be executed");
	if (geteuid() == 0) {
		assert_int_equal(chmod(scratch_path(s, "hook"), 0755), 0);
		assert_int_equal(chown(scratch_path(s, "hook"), 4711, 0), 0);
		assert_fails(hook_run(&runner, scratch_path(s, "hook"), &event, &err), "4711");
	}
	assert_string_equal(notes.argv, "");
}

static void test_all_in_name_order(void **state)
{
	struct scratch *s = *state;
	struct notes notes = { .argv = "" };
	const struct runner runner = { .run = note, .self = &notes };
	struct hook_event event = event_of("deploy");
	static const char *const names[] = { "20-b", "10-a", "Z", "x.sh", ".hidden", "10-a~", "10-a.bak", "10-a.dpkg-old",
	                                     "with space", "README" };
	char expected[1024];
	size_t count = 99;

	assert_works(hook_run_all(&runner, scratch_path(s, "hooks"), &event, &count, &err));
	assert_int_equal(count, 0);
	make_dirs(s);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char name[64];

		snprintf(name, sizeof(name), "hooks/deploy/%s", names[i]);
		make_hook(s, name, "exit 0");
	}
	assert_int_equal(chmod(scratch_path(s, "hooks/deploy/README"), 0644), 0);
	scratch_write(s, "hooks/deploy/15-forgotten", "", 0644);
	assert_int_equal(mkdir(scratch_path(s, "hooks/deploy/dir"), 0755), 0);
	assert_int_equal(rename(scratch_path(s, "hooks/deploy/Z"), scratch_path(s, "elsewhere")), 0);
	assert_int_equal(symlink("../../elsewhere", scratch_path(s, "hooks/deploy/Z")), 0);
	assert_works(hook_run_all(&runner, scratch_path(s, "hooks"), &event, &count, &err));
	assert_int_equal(count, 4);
	snprintf(expected, sizeof(expected),
	         "%1$s/10-a|deploy|a.example\n%1$s/20-b|deploy|a.example\n%1$s/Z|deploy|a.example\n%1$s/x.sh|deploy|a.example\n",
	         scratch_path(s, "hooks/deploy"));
	assert_string_equal(notes.argv, expected);
}

static void test_stops_at_the_first_that_fails(void **state)
{
	struct scratch *s = *state;
	struct notes notes = { .fails_at = 2, .output = "a word\n" };
	const struct runner runner = { .run = note, .self = &notes };
	struct hook_event event = event_of("deploy");

	make_dirs(s);
	make_hook(s, "hooks/deploy/1", "exit 0");
	make_hook(s, "hooks/deploy/2", "exit 0");
	make_hook(s, "hooks/deploy/3", "exit 0");
	assert_fails(hook_run_all(&runner, scratch_path(s, "hooks"), &event, NULL, &err), "hooks/deploy/2");
	assert_non_null(strstr(err.message, "a word"));
	assert_int_equal(err.kind, ERROR_SYSTEM);
	assert_null(strstr(notes.argv, "deploy/3"));
}

static void test_a_directory_of_others(void **state)
{
	struct scratch *s = *state;
	struct notes notes = { .argv = "" };
	const struct runner runner = { .run = note, .self = &notes };
	struct hook_event event = event_of("deploy");

	make_dirs(s);
	make_hook(s, "hooks/deploy/1", "exit 0");
	assert_int_equal(chmod(scratch_path(s, "hooks/deploy"), 0777), 0);
	assert_fails(hook_run_all(&runner, scratch_path(s, "hooks"), &event, NULL, &err), "others may put programs");
	assert_int_equal(chmod(scratch_path(s, "hooks/deploy"), 0755), 0);
	assert_int_equal(symlink("nothing", scratch_path(s, "hooks/deploy/0")), 0);
	assert_fails(hook_run_all(&runner, scratch_path(s, "hooks"), &event, NULL, &err), "hooks/deploy/0");
	assert_string_equal(notes.argv, "");
}

static void test_for_real(void **state)
{
	struct scratch *s = *state;
	struct hook_event event = event_of("post-renew");
	char script[512];

	snprintf(script, sizeof(script), "ls /proc/self/fd | wc -l > %1$s/fds; env > %1$s/env; echo \"$1 $2\" > %1$s/args; cat > %1$s/in",
	         s->path);
	make_hook(s, "hook", script);
	assert_works(hook_run(runner_system(), scratch_path(s, "hook"), &event, &err));
	scratch_assert_text(s, "args", "post-renew a.example\n");
	scratch_assert_text(s, "in", "");
	scratch_assert_text(s, "fds", "4\n"); /* 0, 1, 2, and the directory that ls reads */
	make_hook(s, "hook", "echo first; echo '\033[31mred' >&2; exit 127");
	assert_fails(hook_run(runner_system(), scratch_path(s, "hook"), &event, &err), "127");
	assert_non_null(strstr(err.message, "red"));
	assert_null(strchr(err.message, '\033'));
	make_hook(s, "hook", "kill -KILL $$");
	assert_fails(hook_run(runner_system(), scratch_path(s, "hook"), &event, &err), "hook");
	scratch_write(s, "hook", "#!/no/such/interpreter\n", 0755);
	assert_fails(hook_run(runner_system(), scratch_path(s, "hook"), &event, &err), "hook");
	/* As many lines as nobody wants in a log, and no end of line at all. */
	make_hook(s, "hook", "yes '' | head -c 1000000; head -c 1000000 /dev/zero; exit 1");
	assert_int_equal(hook_run(runner_system(), scratch_path(s, "hook"), &event, &err), -1);
	event.deadline_ms = 100;
	make_hook(s, "hook", "while :; do read -r x < /dev/zero; done");
	assert_int_equal(hook_run(runner_system(), scratch_path(s, "hook"), &event, &err), -1);
}

/* Output goes to the log: with its name in front, and louder when it failed. */
static void test_output_in_the_log(void **state)
{
	struct scratch *s = *state;
	struct notes notes = { .output = "one\ntwo" };
	const struct runner runner = { .run = note, .self = &notes };
	struct hook_event event = event_of("deploy");
	CLEANUP(buf_done) struct buf text = BUF(65536);
	int saved = dup(2);
	int fd = open(scratch_path(s, "log"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	make_hook(s, "hook", "exit 0");
	assert_true(saved >= 0 && fd >= 0);
	log_set_level(LOG_LEVEL_NOTICE);
	dup2(fd, 2);
	hook_run(&runner, scratch_path(s, "hook"), &event, &err);
	notes.fails_at = 1;
	hook_run(&runner, scratch_path(s, "hook"), &event, &err);
	dup2(saved, 2);
	close(saved);
	close(fd);
	assert_works(file_read(s->fd, "log", &text, &err));
	assert_string_equal(buf_text(&text), "certd: hook: one\ncertd: hook: two\n");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_make, scratch_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_a_hook_gets),
		TEST(test_unsafe_hooks_do_not_run),
		TEST(test_all_in_name_order),
		TEST(test_stops_at_the_first_that_fails),
		TEST(test_a_directory_of_others),
		TEST(test_for_real),
		TEST(test_output_in_the_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
