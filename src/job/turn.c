#include "job/turn.h"

#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "config/config.h"
#include "job/job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/file.h>

enum { PAUSE_MS = 50, RUNTIME_DIR_MODE = 0755, NAME_MAX_SIZE = 64 };

static int wait_for(const struct job *job, int fd, const char *what, struct error *err)
{
	const int64_t end_ms = clock_monotonic_ms(job->clock) + job->config->timeouts.attempt_ms;

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return error_sys(err, errno, "cannot lock %s/%s", job->config->runtime_dir, what);
		if (interrupt_check(err) < 0)
			return -1;
		if (clock_monotonic_ms(job->clock) >= end_ms)
			return error_set(err, ERROR_LOCKED, "another job kept %s/%s locked all the time", job->config->runtime_dir,
			                 what);
		if (job->tick)
			job->tick(job->self);
		clock_sleep_ms(job->clock, PAUSE_MS);
	}
	return 0;
}

int job_turn_take(const struct job *job, const char *what, int *ret_fd, struct error *err)
{
	CLEANUP(clean_fd) int dir = -1;
	CLEANUP(clean_fd) int fd = -1;
	char name[NAME_MAX_SIZE];

	if (!job->shared)
		return 0;
	snprintf(name, sizeof(name), "%s.turn", what);
	if (file_make_dirs(job->config->runtime_dir, RUNTIME_DIR_MODE, &dir, err) < 0)
		return -1;
	fd = openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0)
		return error_sys(err, errno, "cannot open %s/%s", job->config->runtime_dir, name);
	if (wait_for(job, fd, name, err) < 0)
		return -1;
	*ret_fd = TAKE_FD(fd);
	return 0;
}
