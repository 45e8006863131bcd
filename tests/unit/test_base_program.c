/* test_base_program.c: runs real programs: /bin/sh and what every system has beside it. */
#include "base/program.h"

#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { OUTPUT_MAX = 4096, LONG_MS = 60000 };

static char place[] = "/tmp/certd-test-XXXXXX";

static int make_place(void **state)
{
	(void)state;
	return mkdtemp(place) == NULL ? -1 : 0;
}

static int remove_place(void **state)
{
	(void)state;
	return rmdir(place);
}

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

/* What every run must leave: no descriptor more than before, no child. */
static void check_nothing_left(int fds)
{
	assert_int_equal(count_fds(), fds);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static int run(const struct program_spec *spec, struct program_result *result, struct error *err)
{
	int fds = count_fds();
	int r = program_run(runner_system(), spec, result, err);

	check_nothing_left(fds);
	return r;
}

/* Runs a script of /bin/sh. */
static void run_script(const char *script, int64_t deadline_ms, struct program_result *result)
{
	static const char *const envp[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL };
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };
	const struct program_spec spec = { .argv = argv, .envp = envp, .deadline_ms = deadline_ms };
	struct error err;

	result->output.max = OUTPUT_MAX;
	if (run(&spec, result, &err) != 0)
		fail_msg("%s", err.message);
}

/* A file in `place` that is run and removed. */
static int run_file(const char *content, mode_t mode, struct program_result *result, struct error *err)
{
	static const char *const envp[] = { NULL };
	char path[64];
	const char *const argv[] = { path, "argument", NULL };
	const struct program_spec spec = { .argv = argv, .envp = envp, .deadline_ms = LONG_MS };
	int fd, r;

	snprintf(path, sizeof(path), "%s/program", place);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), strlen(content));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	result->output.max = OUTPUT_MAX;
	r = run(&spec, result, err);
	unlink(path);
	return r;
}

static void result_done(struct program_result *result)
{
	buf_done(&result->output);
}

#define RESULT(name) CLEANUP(result_done) struct program_result name = { 0 }

static void test_status_and_output(void **state)
{
	RESULT(result);

	(void)state;
	run_script("echo out; echo err >&2; exit 7", LONG_MS, &result);
	assert_int_equal(result.exit_status, 7);
	assert_int_equal(result.signal, 0);
	assert_false(result.timed_out);
	assert_false(result.output_cut);
	assert_string_equal(buf_text(&result.output), "out\nerr\n");
	run_script("kill -9 $$", LONG_MS, &result);
	assert_int_equal(result.exit_status, -1);
	assert_int_equal(result.signal, SIGKILL);
	assert_string_equal(buf_text(&result.output), "");
	run_script("exit 0", LONG_MS, &result);
	assert_int_equal(result.exit_status, 0);
}

static void test_only_three_descriptors_and_the_given_environment(void **state)
{
	static const char *const envp[] = { "CERTD_EVENT=deploy", "EMPTY=", NULL };
	static const char *const env_argv[] = { "/usr/bin/env", NULL };
	const struct program_spec spec = { .argv = env_argv, .envp = envp, .deadline_ms = LONG_MS };
	RESULT(result);
	struct error err;
	/* Not closed by exec, as a library may leave them. */
	int leaked = open("/dev/null", O_RDWR), high = fcntl(leaked, F_DUPFD, 200);

	(void)state;
	assert_true(high >= 200);
	run_script("ls /proc/$$/fd; cd /proc/$$/fd; readlink 0; test -p 1 && test -p 2 && echo pipes", LONG_MS, &result);
	assert_string_equal(buf_text(&result.output), "0\n1\n2\n/dev/null\npipes\n");
	close(leaked);
	close(high);
	setenv("CERTD_TEST_SECRET", "x", 1);
	result.output.max = OUTPUT_MAX;
	assert_int_equal(run(&spec, &result, &err), 0);
	assert_string_equal(buf_text(&result.output), "CERTD_EVENT=deploy\nEMPTY=\n");
	unsetenv("CERTD_TEST_SECRET");
}

static void ignore(int s)
{
	(void)s;
}

static void test_signals_group_and_directory(void **state)
{
	const char *const argv[] = { "/bin/sh", "-c", "pwd", NULL };
	const char *const envp[] = { NULL };
	struct program_spec spec = { .argv = argv, .envp = envp, .directory = place, .deadline_ms = LONG_MS };
	RESULT(result);
	char expected[64], word[16];
	unsigned long long blocked, ignored;
	struct error err;
	sigset_t set, before;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, ignore);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &before);
	run_script("grep -E '^Sig(Blk|Ign)' /proc/self/status; pwd; read -r pid comm state ppid pgrp rest < /proc/$$/stat; "
		   "test $pgrp = $$ && echo leader",
		   LONG_MS, &result);
	assert_int_equal(sscanf(buf_text(&result.output), "SigBlk: %llx SigIgn: %llx / %15s", &blocked, &ignored, word), 3);
	assert_int_equal(blocked, 0);
	/* But for the two that the C library keeps to itself. */
	assert_int_equal(ignored & ~(3ULL << 31), 0);
	assert_string_equal(word, "leader");
	sigprocmask(SIG_BLOCK, NULL, &set);
	assert_int_equal(sigismember(&set, SIGTERM), 1);
	sigprocmask(SIG_SETMASK, &before, NULL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	result.output.max = OUTPUT_MAX;
	assert_int_equal(run(&spec, &result, &err), 0);
	snprintf(expected, sizeof(expected), "%s\n", place);
	assert_string_equal(buf_text(&result.output), expected);
	spec.directory = "/no/such/directory";
	assert_int_equal(run(&spec, &result, &err), -1);
	assert_non_null(strstr(err.message, "/no/such/directory"));
}

static void test_what_cannot_be_started(void **state)
{
	static const char *const envp[] = { NULL };
	const char *argv[] = { "/no/such/program", NULL };
	const struct program_spec spec = { .argv = argv, .envp = envp, .deadline_ms = LONG_MS };
	RESULT(result);
	struct error err;

	(void)state;
	assert_int_equal(run(&spec, &result, &err), -1);
	assert_int_equal(err.kind, ERROR_SYSTEM);
	assert_string_equal(err.message, "cannot start /no/such/program: No such file or directory");
	argv[0] = "true";
	assert_int_equal(run(&spec, &result, &err), -1);
	assert_non_null(strstr(err.message, "absolute"));
	argv[0] = NULL;
	assert_int_equal(run(&spec, &result, &err), -1);
	argv[0] = place;
	assert_int_equal(run(&spec, &result, &err), -1);
	assert_int_equal(run_file("#!/bin/sh\n", 0600, &result, &err), -1);
	assert_non_null(strstr(err.message, "Permission denied"));
	assert_non_null(strstr(err.advice, "chmod +x"));
	/* valgrind starts scripts itself, and ends when it cannot. */
	if (getenv("LD_PRELOAD") != NULL && strstr(getenv("LD_PRELOAD"), "vgpreload") != NULL)
		skip();
	assert_int_equal(run_file("#!/no/such/interpreter\n", 0700, &result, &err), -1);
	assert_non_null(strstr(err.message, "interpreter"));
	assert_int_equal(run_file("echo without a first line\n", 0700, &result, &err), -1);
	assert_non_null(strstr(err.message, "neither a program nor a script"));
	assert_int_equal(run_file("", 0700, &result, &err), -1);
	assert_int_equal(run_file("#!/bin/sh\necho \"$0\" \"$1\"; exit 127\n", 0700, &result, &err), 0);
	assert_int_equal(result.exit_status, 127);
	assert_non_null(strstr(buf_text(&result.output), "/program argument"));
}

static void test_the_last_bytes_are_kept(void **state)
{
	RESULT(result);

	(void)state;
	run_script("i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i + 1)); done", LONG_MS, &result);
	assert_int_equal(result.exit_status, 0);
	assert_true(result.output_cut);
	assert_int_equal(result.output.len, OUTPUT_MAX);
	assert_string_equal(buf_text(&result.output) + OUTPUT_MAX - 20, "line 1998\nline 1999\n");
	/* Exactly what fits is not cut. */
	run_script("printf %04096d 7", LONG_MS, &result);
	assert_false(result.output_cut);
	assert_int_equal(result.output.len, OUTPUT_MAX);
	run_script("printf x%04096d 7", LONG_MS, &result);
	assert_true(result.output_cut);
	assert_int_equal(result.output.data[0], '0');
}

static void test_a_gigabyte_is_drained(void **state)
{
	RESULT(result);

	(void)state;
	run_script("head -c 1073741824 /dev/zero; printf end", LONG_MS, &result);
	assert_int_equal(result.exit_status, 0);
	assert_true(result.output_cut);
	assert_int_equal(result.output.len, OUTPUT_MAX);
	assert_string_equal(buf_text(&result.output) + OUTPUT_MAX - 6, "???end");
}

static void test_output_is_cleaned(void **state)
{
	RESULT(result);

	(void)state;
	run_script("printf 'a\\033[2Jb\\000c\\td\\r\\ne\\rf\\377\\n\\303\\274'", LONG_MS, &result);
	assert_string_equal(buf_text(&result.output), "a?[2Jb?c d\ne\nf?\n\xc3\xbc");
	assert_int_equal(strlen(buf_text(&result.output)), result.output.len);
	/* Half a character at the cut is left away. */
	run_script("printf '\\303\\274%04095d' 7", LONG_MS, &result);
	assert_true(result.output_cut);
	assert_int_equal(result.output.len, OUTPUT_MAX - 1);
	assert_int_equal(result.output.data[0], '0');
}

static void test_no_output_is_wanted(void **state)
{
	const char *const argv[] = { "/bin/sh", "-c", "echo text; exit 3", NULL };
	const char *const envp[] = { NULL };
	const struct program_spec spec = { .argv = argv, .envp = envp, .deadline_ms = LONG_MS };
	RESULT(result);
	struct error err;

	(void)state;
	assert_int_equal(run(&spec, &result, &err), 0);
	assert_int_equal(result.exit_status, 3);
	assert_true(result.output_cut);
	assert_int_equal(result.output.len, 0);
	assert_int_equal(program_check(&spec, &result, &err), -1);
}

static void test_the_deadline(void **state)
{
	RESULT(result);
	int64_t before = clock_monotonic_ms(clock_system());

	(void)state;
	run_script("echo begun; exec sleep 1000", 200, &result);
	assert_true(result.timed_out);
	assert_int_equal(result.exit_status, -1);
	assert_int_equal(result.signal, SIGTERM);
	assert_string_equal(buf_text(&result.output), "begun\n");
	/* A program that ends in good order when it is asked to. */
	run_script("trap 'echo bye; exit 5' TERM; echo begun; while :; do sleep 0.05; done", 200,
		   &result);
	assert_true(result.timed_out);
	assert_int_equal(result.exit_status, 5);
	assert_non_null(strstr(buf_text(&result.output), "bye\n"));
	run_script("exec sleep 1000", 0, &result);
	assert_true(result.timed_out);
	run_script("exec sleep 1000", -5, &result);
	assert_true(result.timed_out);
	assert_true(clock_monotonic_ms(clock_system()) - before < 20000);
}

static void test_nobody_of_the_group_survives(void **state)
{
	RESULT(result);
	int pid;

	(void)state;
	/* Neither the program nor its child obeys SIGTERM, and the output does not end either. */
	run_script("trap '' TERM; sleep 1000 & echo $!; while :; do sleep 1000; done", 200, &result);
	assert_true(result.timed_out);
	assert_int_equal(result.signal, SIGKILL);
	assert_int_equal(sscanf(buf_text(&result.output), "%d", &pid), 1);
	/* It is a zombie until init has reaped it; it runs no more. */
	for (int i = 0; i < 1000 && kill(pid, 0) == 0; i++) {
		char path[64], line[256] = "";
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		file = fopen(path, "r");
		if (file == NULL)
			break;
		if (fgets(line, sizeof(line), file) == NULL || strstr(line, ") Z ") != NULL)
			line[0] = '\0';
		fclose(file);
		if (line[0] == '\0')
			break;
		assert_true(i < 999);
		clock_sleep_ms(clock_system(), 5);
	}
}

static void test_a_grandchild_may_keep_the_pipe(void **state)
{
	RESULT(result);
	int64_t before = clock_monotonic_ms(clock_system());
	int pid;

	(void)state;
	run_script("sleep 1000 & echo $!; exit 4", LONG_MS, &result);
	assert_int_equal(result.exit_status, 4);
	assert_false(result.timed_out);
	assert_int_equal(sscanf(buf_text(&result.output), "%d", &pid), 1);
	/* A service that a hook started is left alone. */
	assert_int_equal(kill(pid, SIGKILL), 0);
	/* Even one that never stops to write. */
	run_script("(trap 'exit' PIPE; while :; do echo x || exit; done) & echo begun; exit 0", LONG_MS, &result);
	assert_int_equal(result.exit_status, 0);
	assert_true(clock_monotonic_ms(clock_system()) - before < 20000);
}

static void test_closed_output_is_not_the_end(void **state)
{
	RESULT(result);

	(void)state;
	run_script("echo a; exec >&- 2>&-; sleep 0.1; exit 6", LONG_MS, &result);
	assert_int_equal(result.exit_status, 6);
	assert_string_equal(buf_text(&result.output), "a\n");
}

static void test_a_parent_that_ignores_its_children(void **state)
{
	RESULT(result);
	struct sigaction action;

	(void)state;
	signal(SIGCHLD, SIG_IGN);
	run_script("exit 9", LONG_MS, &result);
	assert_int_equal(result.exit_status, 9);
	sigaction(SIGCHLD, NULL, &action);
	assert_ptr_equal(action.sa_handler, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
}

static void test_a_parent_without_standard_descriptors(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		static const char *const argv[] = { "/bin/sh", "-c", "echo out; echo err >&2; readlink /proc/$$/fd/0", NULL };
		static const char *const envp[] = { "PATH=/usr/bin:/bin", NULL };
		const struct program_spec spec = { .argv = argv, .envp = envp, .deadline_ms = LONG_MS };
		struct program_result result = { .output = BUF(OUTPUT_MAX) };
		struct error err;
		bool right;

		close(STDIN_FILENO);
		close(STDOUT_FILENO);
		close(STDERR_FILENO);
		right = program_run(runner_system(), &spec, &result, &err) == 0 && result.exit_status == 0 &&
			strcmp(buf_text(&result.output), "out\nerr\n/dev/null\n") == 0;
		buf_done(&result.output);
		_exit(right ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_no_descriptors_to_be_had(void **state)
{
	static const char *const argv[] = { "/bin/true", NULL };
	static const char *const envp[] = { NULL };
	const struct program_spec spec = { .argv = argv, .envp = envp, .deadline_ms = LONG_MS };
	int fds = count_fds(), failures = 0, lowest = dup(STDIN_FILENO);
	RESULT(result);
	struct rlimit before, limit;
	struct error err;

	(void)state;
	close(lowest);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	for (int more = 0; more < 6; more++) {
		int r;

		limit = before;
		limit.rlim_cur = (rlim_t)(lowest + more);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		r = program_run(runner_system(), &spec, &result, &err);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
		if (r < 0) {
			assert_int_equal(err.kind, ERROR_SYSTEM);
			assert_non_null(strstr(err.message, "cannot start /bin/true"));
			failures++;
		} else {
			assert_int_equal(result.exit_status, 0);
		}
		check_nothing_left(fds);
	}
	assert_in_range(failures, 1, 5);
}

static void check_message(const struct program_result *result, const char *message)
{
	static const char *const argv[] = { "/etc/certd/hooks/nginx", "deploy", "example.com", NULL };
	const struct program_spec spec = { .argv = argv, .deadline_ms = 300000 };
	struct error err;

	assert_int_equal(program_check(&spec, result, &err), -1);
	assert_int_equal(err.kind, ERROR_SYSTEM);
	assert_string_equal(err.message, message);
}

static void test_how_it_ended_is_told(void **state)
{
	RESULT(result);
	struct program_spec spec = { .deadline_ms = 1 };
	struct error err;

	(void)state;
	assert_int_equal(program_check(&spec, &result, &err), 0);
	result.output.max = OUTPUT_MAX;
	result.exit_status = 1;
	check_message(&result, "/etc/certd/hooks/nginx deploy example.com ended with status 1");
	buf_append_text(&result.output, "one\ntwo\n\n\nthree\n\nfour\n \n");
	check_message(&result, "/etc/certd/hooks/nginx deploy example.com ended with status 1: two | three | four");
	result.timed_out = true;
	check_message(&result, "/etc/certd/hooks/nginx deploy example.com did not end within 5 min and was ended: "
			       "two | three | four");
	result.timed_out = false;
	result.exit_status = -1;
	result.signal = SIGSEGV;
	buf_reset(&result.output);
	buf_append_text(&result.output, "\n\n");
	check_message(&result, "/etc/certd/hooks/nginx deploy example.com was ended by signal 11 (Segmentation fault)");
}

/* Only as much of the output is told as fits, whatever it looks like. */
static void test_long_output_is_told_in_part(void **state)
{
	static const char *const shapes[] = { "word ", "a\nb\n ", "\n", "a\n", "\xe2\x82\xac" };
	const char *const argv[] = { "/x", NULL };
	const struct program_spec spec = { .argv = argv };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		RESULT(result);
		struct error err;

		result.exit_status = 1;
		result.output.max = OUTPUT_MAX;
		while (buf_append_text(&result.output, shapes[i]) == 0)
			;
		result.output.failed = false;
		assert_int_equal(program_check(&spec, &result, &err), -1);
		assert_true(strlen(err.message) < 700);
	}
}

static int scripted(void *self, const struct program_spec *spec, struct program_result *result, struct error *err)
{
	(void)err;
	assert_string_equal(spec->argv[0], "/x");
	assert_int_equal(result->output.len, 0);
	result->exit_status = *(int *)self;
	return 0;
}

static void test_behind_an_interface(void **state)
{
	const char *const argv[] = { "/x", NULL };
	const struct program_spec spec = { .argv = argv };
	int status = 42;
	const struct runner runner = { scripted, &status };
	RESULT(result);
	struct error err;

	(void)state;
	result.timed_out = true;
	assert_int_equal(program_run(&runner, &spec, &result, &err), 0);
	assert_int_equal(result.exit_status, 42);
	assert_false(result.timed_out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status_and_output),
		cmocka_unit_test(test_only_three_descriptors_and_the_given_environment),
		cmocka_unit_test(test_signals_group_and_directory),
		cmocka_unit_test(test_what_cannot_be_started),
		cmocka_unit_test(test_the_last_bytes_are_kept),
		cmocka_unit_test(test_a_gigabyte_is_drained),
		cmocka_unit_test(test_output_is_cleaned),
		cmocka_unit_test(test_no_output_is_wanted),
		cmocka_unit_test(test_the_deadline),
		cmocka_unit_test(test_nobody_of_the_group_survives),
		cmocka_unit_test(test_a_grandchild_may_keep_the_pipe),
		cmocka_unit_test(test_closed_output_is_not_the_end),
		cmocka_unit_test(test_a_parent_that_ignores_its_children),
		cmocka_unit_test(test_a_parent_without_standard_descriptors),
		cmocka_unit_test(test_no_descriptors_to_be_had),
		cmocka_unit_test(test_how_it_ended_is_told),
		cmocka_unit_test(test_long_output_is_told_in_part),
		cmocka_unit_test(test_behind_an_interface),
	};

	return cmocka_run_group_tests(tests, make_place, remove_place);
}
