#include "deploy/workers.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/text.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TEXT_MAX = 64 * 1024, TICK_MS = 20, PATH_SIZE = 64, PID_DIGITS = 10 };

/* What a file of /proc says: it has no size, so it is read until its end. */
static void read_text(const char *path, struct buf *out)
{
	CLEANUP(clean_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char chunk[4096];
	ssize_t n;

	while (fd >= 0 && (n = read(fd, chunk, sizeof(chunk))) > 0) {
		if (buf_append(out, chunk, (size_t)n) < 0)
			return;
	}
}

static pid_t read_pid(const char **text)
{
	unsigned long pid = 0;
	size_t digits = 0;

	*text += strspn(*text, " \n");
	for (; **text >= '0' && **text <= '9' && digits < PID_DIGITS; digits++)
		pid = pid * 10 + (unsigned long)(*(*text)++ - '0');
	return (pid_t)pid;
}

void deploy_workers_list(const char *pid_file, struct deploy_workers *ret)
{
	CLEANUP(buf_done) struct buf text = BUF(TEXT_MAX);
	CLEANUP(buf_done) struct buf children = BUF(TEXT_MAX);
	const char *p;
	char path[PATH_SIZE];
	pid_t pid;

	ret->count = 0;
	read_text(pid_file, &text);
	p = buf_text(&text);
	pid = read_pid(&p);
	if (pid <= 1)
		return;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	read_text(path, &children);
	p = buf_text(&children);
	while (ret->count < DEPLOY_WORKERS_MAX && (pid = read_pid(&p)) > 0)
		ret->items[ret->count++] = pid;
}

/* NGINX says in its title what a worker does. Its helpers (of a cache) take no connections. */
static bool takes_connections(pid_t pid)
{
	CLEANUP(buf_done) struct buf title = BUF(TEXT_MAX);
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	read_text(path, &title);
	return text_has_prefix(buf_text(&title), "nginx: worker process") && strstr(buf_text(&title), "shutting down") == NULL;
}

int deploy_workers_wait(const struct deploy_workers *before, int64_t deadline_ms, struct error *err)
{
	const struct clock *clock = clock_system();
	const struct timespec tick = { .tv_nsec = TICK_MS * 1000000L };
	int64_t end_ms = clock_monotonic_ms(clock) + deadline_ms;

	for (;;) {
		size_t left = 0;

		for (size_t i = 0; i < before->count; i++)
			left += takes_connections(before->items[i]);
		if (left == 0)
			return 0;
		if (interrupt_check(err) < 0)
			return -1;
		if (clock_monotonic_ms(clock) >= end_ms) {
			error_set(err, ERROR_DEPLOY,
			          "NGINX was told to load its configuration anew, but %zu of its workers still go by the old one after %lld s",
			          left, (long long)deadline_ms / 1000);
			return error_advise(err, "look into NGINX's error log for [emerg]: a port that another program has is a usual reason");
		}
		nanosleep(&tick, NULL);
	}
}
