/* test_base_interrupt.c: signals that are held and looked for. Each case in a child, whose mask and fate are its own. */
#include "base/interrupt.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/program.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* 0 when `act` says true in a process of its own; else what waitpid() says. */
static int in_child(bool (*act)(void))
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(act() ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static bool each_is_heard(void)
{
	static const struct {
		int number;
		const char *text;
	} signals[] = { { SIGHUP, "interrupted by SIGHUP" }, { SIGTERM, "interrupted by SIGTERM" }, { SIGINT, "interrupted by SIGINT" } };
	struct error err;

	error_clear(&err);
	interrupt_hold();
	if (!interrupt_held() || interrupt_pending() != 0 || interrupt_check(&err) != 0 || err.kind != ERROR_NONE)
		return false;
	/* Asked for in this order, the later one is found first. */
	for (size_t i = 0; i < 3; i++) {
		raise(signals[i].number);
		if (interrupt_pending() != signals[i].number || interrupt_check(&err) != -1 || err.kind != ERROR_INTERRUPTED ||
		    strcmp(err.message, signals[i].text) != 0 || err.advice[0] == '\0')
			return false;
	}
	return error_exit_status(ERROR_INTERRUPTED) == 1;
}

static bool without_hold(void)
{
	if (interrupt_held() || interrupt_pending() != 0)
		return false;
	raise(SIGTERM);
	return true;
}

/* As under nohup(1). */
static bool ignored_stays_ignored(void)
{
	signal(SIGHUP, SIG_IGN);
	interrupt_hold();
	raise(SIGHUP);
	return interrupt_held() && interrupt_pending() == 0;
}

static bool program_ends_early(void)
{
	static const char *const argv[] = { "/bin/sh", "-c", "trap '' TERM; echo begun; while :; do sleep 60; done", NULL };
	static const char *const envp[] = { "PATH=/usr/bin:/bin", NULL };
	const struct program_spec spec = { .argv = argv, .envp = envp, .deadline_ms = 3600 * 1000 };
	struct program_result result = { .output = BUF(1024) };
	int64_t begun_ms = clock_monotonic_ms(clock_system());
	struct error err;
	bool good;

	interrupt_hold();
	raise(SIGINT);
	good = program_run(runner_system(), &spec, &result, &err) == 0 && result.timed_out && result.interrupted &&
	       program_check(&spec, &result, &err) == -1 && strstr(err.message, "told to stop") != NULL &&
	       clock_monotonic_ms(clock_system()) - begun_ms < 30000;
	buf_done(&result.output);
	return good;
}

/* What is in time ends as it would have. */
static bool program_may_end(void)
{
	static const char *const argv[] = { "/bin/sh", "-c", "exit 3", NULL };
	static const char *const envp[] = { NULL };
	const struct program_spec spec = { .argv = argv, .envp = envp, .deadline_ms = 3600 * 1000 };
	struct program_result result = { .output = BUF(1024) };
	struct error err;
	bool good;

	interrupt_hold();
	raise(SIGTERM);
	good = program_run(runner_system(), &spec, &result, &err) == 0 && result.exit_status == 3 && !result.interrupted;
	buf_done(&result.output);
	return good;
}

static void test_held(void **state)
{
	(void)state;
	assert_int_equal(in_child(each_is_heard), 0);
	assert_int_equal(in_child(ignored_stays_ignored), 0);
}

static void test_not_held(void **state)
{
	int status = in_child(without_hold);

	(void)state;
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static void test_program(void **state)
{
	(void)state;
	assert_int_equal(in_child(program_ends_early), 0);
	assert_int_equal(in_child(program_may_end), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_not_held),
		cmocka_unit_test(test_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
