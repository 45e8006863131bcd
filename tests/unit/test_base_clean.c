/* test_base_clean.c */
#include "base/clean.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void test_take_leaves_null(void **state)
{
	char *whole = strdup("x");
	char *taken = TAKE(whole);

	(void)state;
	assert_null(whole);
	assert_string_equal(taken, "x");
	free(taken);
}

static void test_fd_is_closed_at_the_end_of_its_scope(void **state)
{
	int number;

	(void)state;
	{
		CLEANUP(clean_fd) int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

		assert_true(fd >= 0);
		number = fd;
	}
	assert_int_equal(fcntl(number, F_GETFD), -1);
	assert_int_equal(errno, EBADF);
}

static void test_taken_fd_stays_open(void **state)
{
	int kept;

	(void)state;
	{
		CLEANUP(clean_fd) int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

		kept = TAKE_FD(fd);
		assert_int_equal(fd, -1);
	}
	assert_true(fcntl(kept, F_GETFD) >= 0);
	close(kept);
}

static void test_fd_keeps_errno(void **state)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	close(fd);
	errno = ENOSPC;
	clean_fd(&fd); /* close() fails with EBADF */
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(fd, -1);
}

static void test_wipe(void **state)
{
	uint8_t key[4] = { 1, 2, 3, 4 };
	const uint8_t zero[3] = { 0, 0, 0 };

	(void)state;
	clean_wipe(key, 3);
	assert_memory_equal(key, zero, 3);
	assert_int_equal(key[3], 4);
	clean_wipe(NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_take_leaves_null),
		cmocka_unit_test(test_fd_is_closed_at_the_end_of_its_scope),
		cmocka_unit_test(test_taken_fd_stays_open),
		cmocka_unit_test(test_fd_keeps_errno),
		cmocka_unit_test(test_wipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
