#include "daemon/process.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { TERM_TO_KILL_MS = 10 * 1000, US_PER_MS = 1000, CHUNK = 64 * 1024, WHY_SIZE = 256 };

struct daemon_process {
	struct daemon_process_handler handler;
	sd_event_source *input, *child, *limit;
	struct buf line;
	int64_t limit_ms;
	pid_t pid; /* 0 for one at the other end of a connection */
	int fd;
	bool said_end; /* its last word */
	bool terminated, killed;
	char why[WHY_SIZE]; /* it ended otherwise */
};

static void process_free(struct daemon_process *process)
{
	if (!process)
		return;
	sd_event_source_disable_unref(process->input);
	sd_event_source_disable_unref(process->child);
	sd_event_source_disable_unref(process->limit);
	clean_fd(&process->fd);
	buf_done(&process->line);
	free(process);
}

static void process_cleanup(struct daemon_process **process)
{
	process_free(*process);
}

/* To the job and whom it started, but for hooks, which have groups of their own and are the job's to end. A job at the other end of a connection
 * sees that nobody listens any more. */
static void signal_it(const struct daemon_process *process, int number)
{
	if (process->pid == 0) {
		shutdown(process->fd, number == SIGKILL ? SHUT_RDWR : SHUT_WR);
		return;
	}
	if (number == SIGKILL)
		kill(-process->pid, number);
	kill(process->pid, number);
}

static void restart_limit(struct daemon_process *process, int64_t ms)
{
	sd_event_source_set_time_relative(process->limit, (uint64_t)ms * US_PER_MS);
	sd_event_source_set_enabled(process->limit, SD_EVENT_ONESHOT);
}

void daemon_process_stop(struct daemon_process *process)
{
	if (process->terminated)
		return;
	process->terminated = true;
	signal_it(process, SIGTERM);
	restart_limit(process, TERM_TO_KILL_MS);
}

void daemon_process_kill(struct daemon_process *process)
{
	process->terminated = true;
	process->killed = true;
	signal_it(process, SIGKILL);
	/* Of a connection this is the end: told from the loop, not from here. */
	if (process->pid == 0)
		restart_limit(process, 0);
}

static void finish(struct daemon_process *process)
{
	CLEANUP(process_cleanup) struct daemon_process *ended = process;

	ended->handler.ended(ended->handler.self, ended->said_end ? NULL : ended->why);
}

static int on_limit(sd_event_source *source, uint64_t now, void *self)
{
	struct daemon_process *process = self;
	char limit[TIME_TEXT_SIZE];

	(void)source;
	(void)now;
	if (process->killed && process->pid == 0) {
		snprintf(process->why, sizeof(process->why), "its connection was closed");
		finish(process);
		return 0;
	}
	if (process->terminated) {
		daemon_process_kill(process);
		return 0;
	}
	log_event(LOG_LEVEL_ERROR, EVENT_JOB_LOST, NULL, "a job said nothing for %s, longer than any step may take, and is ended",
	          time_format_duration(process->limit_ms / 1000, limit));
	daemon_process_stop(process);
	return 0;
}

static void take_line(struct daemon_process *process, const char *line, size_t len)
{
	json_auto_t *doc = NULL;
	struct daemon_answer answer;
	struct error err;

	error_clear(&err);
	if (daemon_answer_parse(line, len, &doc, &answer, &err) < 0) {
		log_failure(LOG_LEVEL_ERROR, NULL, &err);
		return;
	}
	if (!process->terminated)
		restart_limit(process, process->limit_ms);
	process->said_end = process->said_end || answer.kind == DAEMON_ANSWER_END;
	process->handler.answer(process->handler.self, &answer);
}

/* What is whole of what has come. One line that is longer than any that a job says is no job's. */
static void take_lines(struct daemon_process *process)
{
	char *at = process->line.data, *end;
	size_t left = process->line.len;

	while (left > 0 && (end = memchr(at, '\n', left))) {
		take_line(process, at, (size_t)(end - at));
		left -= (size_t)(end + 1 - at);
		at = end + 1;
	}
	if (left > DAEMON_ANSWER_MAX) {
		log_event(LOG_LEVEL_ERROR, EVENT_JOB_LOST, NULL, "a job says what no job says and is ended");
		daemon_process_kill(process);
		left = 0;
	}
	if (left > 0)
		memmove(process->line.data, at, left);
	process->line.len = left;
}

/* False when there is no more. */
static bool read_some(struct daemon_process *process)
{
	char chunk[CHUNK];
	ssize_t n;

	errno = 0;
	n = recv(process->fd, chunk, sizeof(chunk), MSG_DONTWAIT);

	if (n <= 0)
		return n < 0 && errno == EINTR;
	if (buf_append(&process->line, chunk, (size_t)n) == 0)
		take_lines(process);
	return true;
}

static int on_input(sd_event_source *source, int fd, uint32_t events, void *self)
{
	struct daemon_process *process = self;

	(void)fd;
	(void)events;
	if (read_some(process) || errno == EAGAIN)
		return 0;
	/* The end of a child comes by itself. */
	sd_event_source_set_enabled(source, SD_EVENT_OFF);
	if (process->pid == 0) {
		snprintf(process->why, sizeof(process->why), "its connection ended without a word");
		finish(process);
	}
	return 0;
}

static int on_child(sd_event_source *source, const siginfo_t *info, void *self)
{
	struct daemon_process *process = self;

	(void)source;
	/* It is reaped when we return: its number is still its own, and so is its group's. */
	kill(-process->pid, SIGKILL);
	while (read_some(process))
		;
	if (info->si_code != CLD_EXITED)
		snprintf(process->why, sizeof(process->why), "it was ended by signal %d (%s)", info->si_status,
		         strsignal(info->si_status));
	else if (!process->said_end)
		snprintf(process->why, sizeof(process->why), "it ended with status %d and without a word", info->si_status);
	finish(process);
	return 0;
}

static int spawn(const struct daemon_process_spec *spec, int end, pid_t *ret_pid, struct error *err)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int r;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_adddup2(&actions, end, DAEMON_TALK_FD);
	/* What it prints is for the journal. */
	posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	/* It changes neither list; its prototype is older than const. */
	r = posix_spawn(ret_pid, spec->argv[0], &actions, &attributes, (char *const *)(uintptr_t)spec->argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return r == 0 ? 0 : error_sys(err, r, "cannot start %s", spec->argv[0]);
}

static int add_sources(sd_event *event, struct daemon_process *process, struct error *err)
{
	int r = 0;

	if (process->pid != 0)
		r = sd_event_add_child(event, &process->child, process->pid, WEXITED, on_child, process);
	if (r >= 0)
		r = sd_event_add_io(event, &process->input, process->fd, EPOLLIN, on_input, process);
	if (r >= 0)
		r = sd_event_add_time_relative(event, &process->limit, CLOCK_MONOTONIC,
		                               (uint64_t)process->limit_ms * US_PER_MS, 0, on_limit, process);
	return r < 0 ? error_sys(err, -r, "cannot watch a job") : 0;
}

/* A child, and a pair of sockets between us. */
static int start_child(struct daemon_process *process, const struct daemon_process_spec *spec, struct error *err)
{
	CLEANUP(clean_fd) int theirs = -1;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return error_sys(err, errno, "cannot start a job");
	process->fd = ends[0];
	theirs = ends[1];
	return spawn(spec, theirs, &process->pid, err);
}

static int connect_to(struct daemon_process *process, const char *path, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (!text_copy(address.sun_path, sizeof(address.sun_path), path))
		return error_set(err, ERROR_USAGE, "the path of the socket %s is too long", path);
	process->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (process->fd < 0 || connect(process->fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		error_sys(err, errno, "cannot have a job started by way of %s", path);
		return error_advise(err, "look at the unit that listens there: systemctl status certd-job.socket");
	}
	return 0;
}

int daemon_process_start(sd_event *event, const struct daemon_process_spec *spec, const struct buf *request,
                         const struct daemon_process_handler *handler, struct daemon_process **ret, struct error *err)
{
	CLEANUP(process_cleanup) struct daemon_process *process = calloc(1, sizeof(*process));
	int r;

	if (!process)
		return error_oom(err);
	*process = (struct daemon_process){
		.handler = *handler, .line = BUF(DAEMON_ANSWER_MAX + CHUNK), .limit_ms = spec->limit_ms, .fd = -1
	};
	r = spec->socket ? connect_to(process, spec->socket, err) : start_child(process, spec, err);
	if (r < 0)
		return -1;
	if (daemon_request_send(process->fd, request, spec->locks, err) < 0 || add_sources(event, process, err) < 0) {
		signal_it(process, SIGKILL);
		return -1;
	}
	*ret = TAKE(process);
	return 0;
}
