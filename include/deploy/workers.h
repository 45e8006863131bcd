/* workers.h: what can be seen of a reload from outside: NGINX's workers, and its error log. For src/deploy/ only. */
#ifndef CERTD_DEPLOY_WORKERS_H
#define CERTD_DEPLOY_WORKERS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { DEPLOY_WORKERS_MAX = 1024 };

struct deploy_workers {
	pid_t master; /* 0 when it cannot be learned */
	pid_t items[DEPLOY_WORKERS_MAX];
	size_t count;
};

/* The process whose number stands in that file, and its children; none when they cannot be learned. */
void deploy_workers_list(const char *pid_file, struct deploy_workers *ret);

/* Whether that one is a worker of NGINX that takes connections. */
bool deploy_workers_takes(pid_t pid);

/* How many of them still take connections. */
size_t deploy_workers_left(const struct deploy_workers *before);

/* Whether their master has one by now that takes connections and is none of them. */
bool deploy_workers_have_new(const struct deploy_workers *before);

/* A place in NGINX's error log. */
struct deploy_log {
	char path[PATH_MAX]; /* "" for none */
	ino_t inode;
	off_t end;
};

/* Its end as of now. */
void deploy_log_mark(const char *path, struct deploy_log *ret);

/* What NGINX says when it has tried often enough; which address it was stands in the line before. */
#define DEPLOY_LOG_UNBOUND "still could not bind()"

/* The last [emerg] or [alert] of that process behind the mark, without date and numbers; DEPLOY_LOG_UNBOUND goes behind the one before it. False when there
 * is none. */
bool deploy_log_find(const struct deploy_log *log, pid_t pid, char *out, size_t size);

#endif
