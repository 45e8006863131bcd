/* lock.h: one certd at a time. A kernel lock (flock) on a file that holds the owner's PID; a crash frees it. */
#ifndef CERTD_BASE_LOCK_H
#define CERTD_BASE_LOCK_H

#include <sys/types.h>

struct error;

/* Takes the lock file `name` in dirfd, creating it (0644). *ret_fd holds the lock until it is closed, by every process that
 * got it by fork(2): a child that lives longer closes it. exec(2) closes it. When another process has it: -1 with an
 * ERROR_LOCKED that names its PID. */
int lock_take(int dirfd, const char *name, int *ret_fd, struct error *err);

/* Whether fd, which another process gave us, holds that lock: the lock goes with the open file, so that to have it is proof. 0, or -1
 * with an ERROR_LOCKED. */
int lock_check(int dirfd, const char *name, int fd, struct error *err);

#endif
