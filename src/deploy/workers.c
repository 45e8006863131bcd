#include "deploy/workers.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/text.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_MAX = 64 * 1024, PATH_SIZE = 64, PID_DIGITS = 10 };

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

static void list_children(pid_t master, struct deploy_workers *ret)
{
	CLEANUP(buf_done) struct buf children = BUF(TEXT_MAX);
	char path[PATH_SIZE];
	const char *p;
	pid_t pid;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)master, (int)master);
	read_text(path, &children);
	p = buf_text(&children);
	ret->count = 0;
	while (ret->count < DEPLOY_WORKERS_MAX && (pid = read_pid(&p)) > 0)
		ret->items[ret->count++] = pid;
}

void deploy_workers_list(const char *pid_file, struct deploy_workers *ret)
{
	CLEANUP(buf_done) struct buf text = BUF(TEXT_MAX);
	const char *p;
	pid_t pid;

	ret->master = 0;
	ret->count = 0;
	read_text(pid_file, &text);
	p = buf_text(&text);
	pid = read_pid(&p);
	if (pid <= 1)
		return;
	ret->master = pid;
	list_children(pid, ret);
}

/* NGINX says in its title what a worker does. Its helpers (of a cache) take no connections. */
bool deploy_workers_takes(pid_t pid)
{
	CLEANUP(buf_done) struct buf title = BUF(TEXT_MAX);
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	read_text(path, &title);
	return text_has_prefix(buf_text(&title), "nginx: worker process") && strstr(buf_text(&title), "shutting down") == NULL;
}

size_t deploy_workers_left(const struct deploy_workers *before)
{
	size_t left = 0;

	for (size_t i = 0; i < before->count; i++)
		left += deploy_workers_takes(before->items[i]);
	return left;
}

static bool is_in(const struct deploy_workers *workers, pid_t pid)
{
	for (size_t i = 0; i < workers->count; i++) {
		if (workers->items[i] == pid)
			return true;
	}
	return false;
}

bool deploy_workers_have_new(const struct deploy_workers *before)
{
	struct deploy_workers now = { .count = 0 };

	if (before->master != 0)
		list_children(before->master, &now);
	for (size_t i = 0; i < now.count; i++) {
		if (!is_in(before, now.items[i]) && deploy_workers_takes(now.items[i]))
			return true;
	}
	return false;
}

void deploy_log_mark(const char *path, struct deploy_log *ret)
{
	struct stat st;

	ret->path[0] = '\0';
	if (path[0] == '\0' || stat(path, &st) < 0 || !S_ISREG(st.st_mode) || !text_copy(ret->path, sizeof(ret->path), path))
		return;
	ret->inode = st.st_ino;
	ret->end = st.st_size;
}

/* "2026/01/02 03:04:05 [emerg] 12#12: what" of that process: its "what", else NULL. */
static char *complaint(char *line, pid_t pid)
{
	char mark[PATH_SIZE];
	char *level = strstr(line, " [emerg] ");
	char *what;

	if (level == NULL)
		level = strstr(line, " [alert] ");
	if (level == NULL)
		return NULL;
	snprintf(mark, sizeof(mark), "%d#", (int)pid);
	if (!text_has_prefix(level + sizeof(" [emerg] ") - 1, mark))
		return NULL;
	what = strstr(level, ": ");
	return what != NULL ? what + 2 : NULL;
}

bool deploy_log_find(const struct deploy_log *log, pid_t pid, char *out, size_t size)
{
	CLEANUP(clean_fd) int fd = log->path[0] != '\0' ? open(log->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	char text[TEXT_MAX + 1];
	struct stat st;
	ssize_t n;
	bool found = false;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	/* One that was rotated away meanwhile is read from its beginning. */
	n = pread(fd, text, TEXT_MAX, st.st_ino == log->inode && st.st_size >= log->end ? log->end : 0);
	if (n <= 0)
		return false;
	text[n] = '\0';
	for (char *line = text, *next; line != NULL; line = next) {
		char *what;

		next = strchr(line, '\n');
		/* A line without its end is one that is being written. */
		if (next == NULL)
			break;
		*next++ = '\0';
		what = complaint(line, pid);
		if (what == NULL)
			continue;
		if (found && text_equal(what, DEPLOY_LOG_UNBOUND))
			(void)text_copy(out + strlen(out), size - strlen(out), "; " DEPLOY_LOG_UNBOUND);
		else
			(void)text_copy(out, size, what);
		text_clean(out);
		found = true;
	}
	return found;
}
