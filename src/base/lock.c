#include "base/lock.h"

#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES = 20, PAUSE_MS = 5 };

/* The PID in the lock file; 0 when there is none, or not that of a living process. */
static pid_t read_owner(int fd)
{
	char text[32];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	uint64_t pid;

	if (n <= 0 || text[n - 1] != '\n')
		return 0;
	text[n - 1] = '\0';
	if (text_parse_u64(text, 1, INT_MAX, &pid) < 0 || (kill((pid_t)pid, 0) < 0 && errno == ESRCH))
		return 0;
	return (pid_t)pid;
}

/* The owner writes its PID right after it took the lock: until then an empty file, or the PID of the one before. */
static pid_t wait_for_owner(int fd)
{
	pid_t pid = 0;

	for (int i = 0; i < TRIES; i++) {
		pid = read_owner(fd);
		if (pid != 0)
			break;
		clock_sleep_ms(clock_system(), PAUSE_MS);
	}
	return pid;
}

static int refuse(int fd, const char *path, struct error *err)
{
	pid_t pid = wait_for_owner(fd);

	if (pid == 0)
		error_set(err, ERROR_LOCKED, "another certd holds the lock %s", path);
	else
		error_set(err, ERROR_LOCKED, "another certd (process %d) holds the lock %s", (int)pid, path);
	return error_advise(err, "wait until it has ended; the daemon, `certd run`, does so only when it is stopped");
}

static int write_owner(int fd, const char *path, struct error *err)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	if (fchmod(fd, 0644) < 0 && errno != EPERM)
		return error_sys(err, errno, "cannot set the mode of the lock %s", path);
	if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)n, 0) == n)
		return 0;
	/* On a full disk the lock holds all the same; whoever meets it is told no PID. */
	if (errno == 0 || errno == ENOSPC || errno == EDQUOT)
		return 0;
	return error_sys(err, errno, "cannot write the lock %s", path);
}

/* Whether the name still shows the file that was locked: it may have been removed in between, and then the lock keeps
 * nobody out. */
static bool is_current(int dirfd, const char *name, int fd)
{
	struct stat by_name, by_fd;

	return fstatat(dirfd, name, &by_name, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &by_fd) == 0 &&
	       by_name.st_dev == by_fd.st_dev && by_name.st_ino == by_fd.st_ino;
}

int lock_take(int dirfd, const char *name, int *ret_fd, struct error *err)
{
	char path[FILE_PATH_SIZE];

	file_path(dirfd, name, path);
	for (int i = 0; i < TRIES; i++) {
		CLEANUP(clean_fd) int fd = openat(dirfd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
		int r;

		if (fd < 0)
			return error_sys(err, errno, "cannot open the lock %s", path);
		do
			r = flock(fd, LOCK_EX | LOCK_NB);
		while (r < 0 && errno == EINTR);
		if (r < 0 && errno == EWOULDBLOCK)
			return refuse(fd, path, err);
		if (r < 0)
			return error_sys(err, errno, "cannot take the lock %s", path);
		if (!is_current(dirfd, name, fd))
			continue;
		errno = 0;
		if (write_owner(fd, path, err) < 0)
			return -1;
		*ret_fd = TAKE_FD(fd);
		return 0;
	}
	return error_set(err, ERROR_SYSTEM, "cannot take the lock %s: it is removed again and again", path);
}

int lock_check(int dirfd, const char *name, int fd, struct error *err)
{
	char path[FILE_PATH_SIZE];
	int r;

	file_path(dirfd, name, path);
	if (!is_current(dirfd, name, fd))
		return error_set(err, ERROR_LOCKED, "the descriptor that was handed over is not that of the lock %s", path);
	do
		r = flock(fd, LOCK_EX | LOCK_NB);
	while (r < 0 && errno == EINTR);
	return r == 0 ? 0 : refuse(fd, path, err);
}
