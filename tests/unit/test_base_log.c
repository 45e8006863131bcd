/* test_base_log.c */
#include "base/log.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int saved_stderr, memory;

/* Puts stderr into a file in memory, until read_log(). */
static void catch_stderr(void)
{
	saved_stderr = dup(STDERR_FILENO);
	memory = memfd_create("log", MFD_CLOEXEC);
	assert_true(saved_stderr >= 0 && memory >= 0);
	assert_true(dup2(memory, STDERR_FILENO) >= 0);
}

static void read_log(char *out, size_t size)
{
	ssize_t n = pread(memory, out, size - 1, 0);

	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(memory);
	assert_true(n >= 0);
	out[n] = '\0';
}

static void test_levels_and_prefix(void **state)
{
	char text[4096];

	(void)state;
	assert_int_equal(log_get_level(), LOG_LEVEL_NOTICE);
	catch_stderr();
	log_error("one %d", 1);
	log_notice("two");
	log_info("three");
	log_debug("four");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("five\nsix \033[2J");
	log_set_level(LOG_LEVEL_ERROR);
	log_warning("seven");
	log_set_level(LOG_LEVEL_NOTICE);
	read_log(text, sizeof(text));
	assert_string_equal(text, "certd: one 1\ncertd: two\ncertd: five?six ?[2J\n");
}

static void test_the_journal_gets_levels(void **state)
{
	char text[4096], stream[64];
	struct stat st;

	(void)state;
	catch_stderr();
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_set_level(LOG_LEVEL_DEBUG);
	log_error("a");
	log_warning("b");
	log_notice("c");
	log_info("d");
	log_debug("e");
	log_set_level(LOG_LEVEL_NOTICE);
	setenv("JOURNAL_STREAM", "1:1", 1);
	log_notice("redirected");
	unsetenv("JOURNAL_STREAM");
	read_log(text, sizeof(text));
	assert_string_equal(text, "<3>a\n<4>b\n<5>c\n<6>d\n<7>e\ncertd: redirected\n");
}

static void test_a_long_line_is_one_line(void **state)
{
	static char message[20000], text[20000];

	(void)state;
	memset(message, 'x', sizeof(message) - 1);
	catch_stderr();
	log_notice("%s", message);
	read_log(text, sizeof(text));
	assert_true(strlen(text) < 8192);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void test_failures_and_errno(void **state)
{
	char text[8192];
	struct error err;

	(void)state;
	error_set(&err, ERROR_NETWORK, "cannot connect");
	catch_stderr();
	errno = EDOM;
	log_failure(LOG_LEVEL_ERROR, "example.com", &err);
	error_advise(&err, "check the firewall");
	log_failure(LOG_LEVEL_WARNING, NULL, &err);
	log_failure(LOG_LEVEL_DEBUG, NULL, &err);
	log_notice("%m");
	assert_int_equal(errno, EDOM);
	read_log(text, sizeof(text));
	assert_string_equal(text, "certd: example.com: cannot connect\ncertd: cannot connect\ncertd:   check the firewall\n"
				  "certd: Numerical argument out of domain\n");
}

static void test_a_closed_stderr_is_no_trouble(void **state)
{
	(void)state;
	catch_stderr();
	close(STDERR_FILENO);
	log_error("nobody reads this");
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels_and_prefix),
		cmocka_unit_test(test_the_journal_gets_levels),
		cmocka_unit_test(test_a_long_line_is_one_line),
		cmocka_unit_test(test_failures_and_errno),
		cmocka_unit_test(test_a_closed_stderr_is_no_trouble),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
