/* test_base_lock.c */
#include "base/lock.h"

#include "base/clean.h"
#include "base/error.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char place[] = "/tmp/certd-test-XXXXXX";
static int dirfd;

static int make_place(void **state)
{
	(void)state;
	if (mkdtemp(place) == NULL)
		return -1;
	dirfd = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dirfd < 0 ? -1 : 0;
}

static int remove_place(void **state)
{
	(void)state;
	unlinkat(dirfd, "lock", 0);
	close(dirfd);
	return rmdir(place);
}

static void test_one_at_a_time(void **state)
{
	CLEANUP(clean_fd) int fd = -1;
	struct error err;
	char pid[64];
	struct stat st;
	int second = -1;
	mode_t mask = umask(0777);

	(void)state;
	assert_int_equal(lock_take(dirfd, "lock", &fd, &err), 0);
	umask(mask);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(lock_take(dirfd, "lock", &second, &err), -1);
	assert_int_equal(second, -1);
	assert_int_equal(err.kind, ERROR_LOCKED);
	snprintf(pid, sizeof(pid), "(process %d)", (int)getpid());
	assert_non_null(strstr(err.message, pid));
	assert_non_null(strstr(err.message, place));
	assert_string_not_equal(err.advice, "");
	clean_fd(&fd);
	assert_int_equal(lock_take(dirfd, "lock", &fd, &err), 0);
}

static void test_a_crash_frees_it(void **state)
{
	CLEANUP(clean_fd) int fd = -1;
	struct error err;
	int ready[2];
	char byte, text[64];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (lock_take(dirfd, "lock", &fd, &err) == 0)
			(void)!write(ready[1], "x", 1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(lock_take(dirfd, "lock", &fd, &err), -1);
	snprintf(text, sizeof(text), "(process %d)", (int)pid);
	assert_non_null(strstr(err.message, text));
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(lock_take(dirfd, "lock", &fd, &err), 0);
	close(ready[0]);
	close(ready[1]);
}

/* Whatever stands in the file, no wrong process is named. */
static void test_what_stands_in_the_file(void **state)
{
	static const char *const contents[] = { "", "x\n", "-1\n", "0\n", "12", "2147483647\n", "99999999999999\n" };
	struct error err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(contents); i++) {
		CLEANUP(clean_fd) int holder = openat(dirfd, "lock", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		CLEANUP(clean_fd) int fd = -1;

		assert_int_equal(flock(holder, LOCK_EX | LOCK_NB), 0);
		assert_int_equal(write(holder, contents[i], strlen(contents[i])), strlen(contents[i]));
		assert_int_equal(lock_take(dirfd, "lock", &fd, &err), -1);
		assert_int_equal(err.kind, ERROR_LOCKED);
		assert_null(strstr(err.message, "process"));
	}
}

static void test_what_cannot_be_a_lock(void **state)
{
	struct error err;
	int fd = -1;

	(void)state;
	assert_int_equal(unlinkat(dirfd, "lock", 0), 0);
	assert_int_equal(symlinkat("/dev/null", dirfd, "lock"), 0);
	assert_int_equal(lock_take(dirfd, "lock", &fd, &err), -1);
	assert_int_equal(err.kind, ERROR_SYSTEM);
	assert_int_equal(unlinkat(dirfd, "lock", 0), 0);
	assert_int_equal(lock_take(dirfd, "no/such/directory", &fd, &err), -1);
	assert_int_equal(err.kind, ERROR_SYSTEM);
}

/* A lock file that was removed keeps nobody out: the next one makes a new file, and the old holder keeps its own. */
static void test_a_removed_file(void **state)
{
	CLEANUP(clean_fd) int first = -1;
	CLEANUP(clean_fd) int second = -1;
	CLEANUP(clean_fd) int third = -1;
	struct error err;

	(void)state;
	assert_int_equal(lock_take(dirfd, "lock", &first, &err), 0);
	assert_int_equal(unlinkat(dirfd, "lock", 0), 0);
	assert_int_equal(lock_take(dirfd, "lock", &second, &err), 0);
	assert_int_equal(lock_take(dirfd, "lock", &third, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_at_a_time),
		cmocka_unit_test(test_a_crash_frees_it),
		cmocka_unit_test(test_what_stands_in_the_file),
		cmocka_unit_test(test_what_cannot_be_a_lock),
		cmocka_unit_test(test_a_removed_file),
	};

	return cmocka_run_group_tests(tests, make_place, remove_place);
}
