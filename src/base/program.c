#include "base/program.h"

#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	TERM_TO_KILL_MS = 2000,
	/* How long the output is waited for after the program's end: a child of it may keep the pipe for ever. */
	OUTPUT_GRACE_MS = 200,
	/* How long a program that does not even end by SIGKILL (a disk that does not answer) is waited for. */
	KILL_TO_END_MS = 5000,
	POLL_MS_WITHOUT_PIDFD = 20,
	POLL_MS_INTERRUPT = 200,
	INTERRUPT_GRACE_MS = 2000,
	REPORT_FD = 3, /* the child's end of the report */
	LINES_SHOWN = 3,
	LINES_SHOWN_MAX = 600,
};

/* What the child tells when it could not become the program. Nothing is told when it did: exec(2) closes the pipe. */
struct report {
	enum { REPORT_CHDIR, REPORT_EXEC } step;
	int errnum;
};

struct child {
	pid_t pid;
	int pidfd; /* -1 where the kernel has none */
	int output; /* -1 after its end */
	int report; /* -1 after its end */
	struct report failure;
	bool failed; /* to start */
	bool ended; /* not reaped yet, so its PID and its group are still its own */
	bool terminated, killed;
	bool interrupted; /* we were asked to stop: the deadline is nearer */
	int64_t deadline_at_ms, kill_at_ms, give_up_at_ms, ended_at_ms;
};

static void child_done(struct child *c)
{
	clean_fd(&c->pidfd);
	clean_fd(&c->output);
	clean_fd(&c->report);
}

static int64_t now_ms(void)
{
	return clock_monotonic_ms(clock_system());
}

static void close_from(int first)
{
	long max;

	if (syscall(SYS_close_range, first, ~0U, 0) == 0)
		return;
	/* An old kernel. All of ours are closed by exec(2) anyway; this is for what we inherited. */
	max = sysconf(_SC_OPEN_MAX);
	for (int fd = first; fd < (max < 0 || max > 65536 ? 65536 : (int)max); fd++)
		close(fd);
}

/* Between fork and exec: async-signal-safe calls only. */
_Noreturn static void become(const struct program_spec *spec, int null, int output, int report)
{
	struct sigaction reset = { .sa_handler = SIG_DFL };
	struct report failure = { .step = REPORT_CHDIR };

	setpgid(0, 0);
	for (int s = 1; s < NSIG; s++)
		sigaction(s, &reset, NULL);
	dup2(null, STDIN_FILENO);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	if (report != REPORT_FD)
		dup3(report, REPORT_FD, O_CLOEXEC);
	close_from(REPORT_FD + 1);
	if (chdir(spec->directory != NULL ? spec->directory : "/") == 0) {
		sigset_t none;

		failure.step = REPORT_EXEC;
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		/* execve(2) changes neither list; its prototype is older than const. */
		execve(spec->argv[0], (char *const *)(uintptr_t)spec->argv, (char *const *)(uintptr_t)spec->envp);
	}
	failure.errnum = errno;
	(void)!write(REPORT_FD, &failure, sizeof(failure));
	_exit(127);
}

/* Descriptors that stay out of the way of 0, 1, 2, whatever this process was started with. */
static int move_up(int *fd)
{
	int moved;

	if (*fd > STDERR_FILENO)
		return 0;
	moved = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (moved < 0)
		return -1;
	close(*fd);
	*fd = moved;
	return 0;
}

static int open_pipe(int *ret_read, int *ret_write)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	*ret_read = ends[0];
	*ret_write = ends[1];
	return move_up(ret_read) < 0 || move_up(ret_write) < 0 ? -1 : 0;
}

static pid_t fork_child(const struct program_spec *spec, int null, int output, int report)
{
	sigset_t all, before;
	pid_t pid;
	int errnum;

	/* No handler of ours may run in the child. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	pid = fork();
	if (pid == 0)
		become(spec, null, output, report);
	errnum = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (pid > 0)
		setpgid(pid, pid); /* here too, so that the group exists before anything is sent to it */
	errno = errnum;
	return pid;
}

static int start(const struct program_spec *spec, struct child *c, struct error *err)
{
	CLEANUP(clean_fd) int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	CLEANUP(clean_fd) int output = -1;
	CLEANUP(clean_fd) int report = -1;

	if (null < 0 || move_up(&null) < 0 || open_pipe(&c->output, &output) < 0 || open_pipe(&c->report, &report) < 0 ||
	    fcntl(c->output, F_SETFL, O_NONBLOCK) < 0 || fcntl(c->report, F_SETFL, O_NONBLOCK) < 0)
		return error_sys(err, errno, "cannot start %s", spec->argv[0]);
	c->pid = fork_child(spec, null, output, report);
	if (c->pid < 0)
		return error_sys(err, errno, "cannot start %s", spec->argv[0]);
	c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	return 0;
}

/* Keeps the last bytes within the maximum of out. */
static void keep(struct program_result *result, const char *data, size_t len)
{
	struct buf *out = &result->output;
	size_t drop;

	if (len > out->max) {
		data += len - out->max;
		len = out->max;
		result->output_cut = true;
	}
	drop = out->len > out->max - len ? out->len - (out->max - len) : 0;
	if (drop > 0) {
		memmove(out->data, out->data + drop, out->len - drop);
		out->len -= drop;
		out->data[out->len] = '\0';
		result->output_cut = true;
	}
	if (buf_append(out, data, len) < 0)
		result->output_cut = true;
}

static void read_output(struct child *c, struct program_result *result)
{
	char chunk[16384];
	ssize_t n = read(c->output, chunk, sizeof(chunk));

	if (n > 0)
		keep(result, chunk, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		clean_fd(&c->output);
}

static void read_report(struct child *c)
{
	ssize_t n = read(c->report, &c->failure, sizeof(c->failure));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	c->failed = n == (ssize_t)sizeof(c->failure);
	clean_fd(&c->report);
}

static void look_for_end(struct child *c, int64_t now)
{
	siginfo_t info = { .si_pid = 0 };

	if (c->ended)
		return;
	/* Left to be reaped until the group needs no more signals: so no other process can have come to its number. */
	if (waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ? errno != EINTR : info.si_pid != 0) {
		c->ended = true;
		c->ended_at_ms = now;
	}
}

/* The program may have left its group, and its children may have stayed in it. */
static void send(const struct child *c, int s)
{
	if (kill(-c->pid, s) < 0 || s == SIGKILL)
		kill(c->pid, s);
}

/* Does what is due now, and says when the next thing is; false when there is nothing more to wait for. */
static bool advance(struct child *c, int64_t now, int64_t *ret_next_ms)
{
	if (c->ended) {
		*ret_next_ms = c->terminated ? c->kill_at_ms : c->ended_at_ms + OUTPUT_GRACE_MS;
		return c->output >= 0 && now < *ret_next_ms;
	}
	if (!c->terminated && now >= c->deadline_at_ms) {
		send(c, SIGTERM);
		c->terminated = true;
		c->kill_at_ms = now + TERM_TO_KILL_MS;
	} else if (c->terminated && !c->killed && now >= c->kill_at_ms) {
		send(c, SIGKILL);
		c->killed = true;
		c->give_up_at_ms = now + KILL_TO_END_MS;
	}
	*ret_next_ms = c->killed ? c->give_up_at_ms : c->terminated ? c->kill_at_ms : c->deadline_at_ms;
	return !c->killed || now < c->give_up_at_ms;
}

/* Asked to stop ourselves, we give the program a moment to end in peace, and then no more. */
static void look_for_interrupt(struct child *c, int64_t now)
{
	if (c->interrupted || interrupt_pending() == 0)
		return;
	c->interrupted = true;
	if (c->deadline_at_ms > now + INTERRUPT_GRACE_MS)
		c->deadline_at_ms = now + INTERRUPT_GRACE_MS;
}

static void attend(struct child *c, struct program_result *result)
{
	bool held = interrupt_held();
	int64_t now = now_ms(), next;

	while (look_for_end(c, now), look_for_interrupt(c, now), advance(c, now, &next)) {
		struct pollfd fds[] = { { c->output, POLLIN, 0 }, { c->report, POLLIN, 0 }, { c->pidfd, POLLIN, 0 } };
		int64_t wait_ms = next - now;

		if (c->ended)
			fds[2].fd = -1; /* it stays readable */
		else if (c->pidfd < 0 && wait_ms > POLL_MS_WITHOUT_PIDFD)
			wait_ms = POLL_MS_WITHOUT_PIDFD;
		if (held && !c->interrupted && wait_ms > POLL_MS_INTERRUPT)
			wait_ms = POLL_MS_INTERRUPT;
		poll(fds, ARRAY_SIZE(fds), wait_ms > INT_MAX ? INT_MAX : (int)wait_ms);
		if (fds[0].revents != 0)
			read_output(c, result);
		if (fds[1].revents != 0)
			read_report(c);
		now = now_ms();
	}
	if (c->report >= 0)
		read_report(c);
	result->timed_out = c->terminated;
	result->interrupted = c->terminated && c->interrupted;
	/* What is left of a program that was ended ends with it. */
	if (c->terminated)
		send(c, SIGKILL);
}

static int reap(struct child *c, const struct program_spec *spec, struct program_result *result, struct error *err)
{
	siginfo_t info = { .si_pid = 0 };
	int r;

	do
		r = waitid(P_PID, (id_t)c->pid, &info, WEXITED | (c->ended ? 0 : WNOHANG));
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return error_sys(err, errno, "cannot learn how %s ended", spec->argv[0]);
	if (info.si_pid == 0) {
		result->signal = SIGKILL; /* it was sent, and will be obeyed when the kernel can */
		return 0;
	}
	if (info.si_code == CLD_EXITED)
		result->exit_status = info.si_status;
	else
		result->signal = info.si_status;
	return 0;
}

static int tell_failure(const struct child *c, const struct program_spec *spec, struct error *err)
{
	const char *path = spec->argv[0];
	int errnum = c->failure.errnum;

	if (c->failure.step == REPORT_CHDIR)
		return error_sys(err, errnum, "cannot start %s in the directory %s", path,
				 spec->directory != NULL ? spec->directory : "/");
	if (errnum == ENOENT && access(path, F_OK) == 0) {
		error_set(err, ERROR_SYSTEM, "cannot start %s: the interpreter that its first line names does not exist", path);
		return error_advise(err, "mend the line that begins with #!, or install that interpreter");
	}
	if (errnum == ENOEXEC) {
		error_set(err, ERROR_SYSTEM, "cannot start %s: it is neither a program nor a script with an interpreter", path);
		return error_advise(err, "begin it with a line like #!/bin/sh");
	}
	error_sys(err, errnum, "cannot start %s", path);
	if (errnum == EACCES)
		error_advise(err, "make it executable (chmod +x), on a file system that permits that");
	return -1;
}

/* Lines stay lines, however they were ended; the rest is cleaned. */
static void clean_output(struct program_result *result)
{
	struct buf *out = &result->output;
	char *line, *end, *to;
	size_t skip = 0;

	if (out->data == NULL)
		return;
	/* What is left of a character that was cut in two. */
	while (result->output_cut && skip < 3 && skip < out->len && ((unsigned char)out->data[skip] & 0xc0) == 0x80)
		skip++;
	to = out->data;
	for (size_t i = skip; i < out->len; i++) {
		char c = out->data[i];

		if (c == '\r' && i + 1 < out->len && out->data[i + 1] == '\n')
			continue;
		*to++ = c == '\0' ? '?' : c == '\r' ? '\n' : c == '\t' ? ' ' : c;
	}
	*to = '\0';
	out->len = (size_t)(to - out->data);
	for (line = out->data; line != NULL; line = end) {
		end = strchr(line, '\n');
		if (end != NULL)
			*end = '\0';
		text_clean(line);
		if (end != NULL)
			*end++ = '\n';
	}
}

static int system_run(void *self, const struct program_spec *spec, struct program_result *result, struct error *err)
{
	CLEANUP(child_done) struct child c = { .pidfd = -1, .output = -1, .report = -1 };
	struct sigaction chld, wanted = { .sa_handler = SIG_DFL };
	bool ignored;
	int r;

	(void)self;
	if (spec->argv[0] == NULL || spec->argv[0][0] != '/')
		return error_set(err, ERROR_USAGE, "cannot start %s: that is no absolute path",
				 spec->argv[0] != NULL ? spec->argv[0] : "nothing");
	/* A process that was started with SIGCHLD ignored never learns how its children end. */
	sigaction(SIGCHLD, NULL, &chld);
	ignored = (chld.sa_flags & SA_NOCLDWAIT) != 0 ||
		  ((chld.sa_flags & SA_SIGINFO) == 0 && chld.sa_handler == SIG_IGN);
	if (ignored)
		sigaction(SIGCHLD, &wanted, NULL);
	c.deadline_at_ms = now_ms();
	if (spec->deadline_ms > 0)
		c.deadline_at_ms += spec->deadline_ms < INT64_MAX / 2 ? spec->deadline_ms : INT64_MAX / 2;
	r = start(spec, &c, err);
	if (r == 0) {
		attend(&c, result);
		r = reap(&c, spec, result, err);
	}
	if (ignored)
		sigaction(SIGCHLD, &chld, NULL);
	if (r == 0 && c.failed)
		r = tell_failure(&c, spec, err);
	clean_output(result);
	return r;
}

const struct runner *runner_system(void)
{
	static const struct runner runner = { system_run, NULL };

	return &runner;
}

int program_run(const struct runner *r, const struct program_spec *spec, struct program_result *result, struct error *err)
{
	result->exit_status = -1;
	result->signal = 0;
	result->timed_out = false;
	result->interrupted = false;
	result->output_cut = false;
	buf_reset(&result->output);
	return r->run(r->self, spec, result, err);
}

/* The last lines that are not empty, joined by " | ". */
static void last_lines(const struct buf *output, char *out, size_t size)
{
	static const char separator[] = " | ";
	const char *text = buf_text(output);
	size_t end = output->len, begin, lines = 0;
	size_t max = size - 1 - LINES_SHOWN * strlen(separator);

	while (end > 0 && strchr(" \n", text[end - 1]) != NULL)
		end--;
	for (begin = end; begin > 0 && end - begin < max; begin--) {
		if (text[begin - 1] == '\n' && text[begin] != '\n' && ++lines == LINES_SHOWN)
			break;
	}
	for (; begin < end; begin++) {
		if (text[begin] != '\n') {
			*out++ = text[begin];
		} else if (text[begin + 1] != '\n') {
			memcpy(out, separator, strlen(separator));
			out += strlen(separator);
		}
	}
	*out = '\0';
}

/* The program and its arguments, as far as they fit. */
static void describe(const struct program_spec *spec, char *out, size_t size)
{
	size_t len = 0;

	out[0] = '\0';
	for (const char *const *arg = spec->argv; *arg != NULL && len + 1 < size; arg++) {
		snprintf(out + len, size - len, "%s%s", len > 0 ? " " : "", *arg);
		len = strlen(out);
	}
}

int program_check(const struct program_spec *spec, const struct program_result *result, struct error *err)
{
	char command[256], lines[LINES_SHOWN_MAX], duration[TIME_TEXT_SIZE];
	const char *separator;

	if (result->exit_status == 0 && !result->timed_out)
		return 0;
	describe(spec, command, sizeof(command));
	last_lines(&result->output, lines, sizeof(lines));
	separator = lines[0] != '\0' ? ": " : "";
	if (result->interrupted)
		return error_set(err, ERROR_SYSTEM, "%s was ended because certd was told to stop%s%s", command, separator, lines);
	if (result->timed_out) {
		error_set(err, ERROR_SYSTEM, "%s did not end within %s and was ended%s%s", command,
			  time_format_duration((spec->deadline_ms + 999) / 1000, duration), separator, lines);
		return error_advise(err, "find out what it waits for, or give it more time in the configuration");
	}
	if (result->exit_status < 0)
		return error_set(err, ERROR_SYSTEM, "%s was ended by signal %d (%s)%s%s", command, result->signal,
				 strsignal(result->signal), separator, lines);
	return error_set(err, ERROR_SYSTEM, "%s ended with status %d%s%s", command, result->exit_status, separator, lines);
}
