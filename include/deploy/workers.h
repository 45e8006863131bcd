/* workers.h: whether a reload has happened: NGINX's workers of before take no more connections. Its command to reload ends before that, and
 * also when the master then cannot use the new configuration. For src/deploy/ only.
 */
#ifndef CERTD_DEPLOY_WORKERS_H
#define CERTD_DEPLOY_WORKERS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct error;

enum { DEPLOY_WORKERS_MAX = 1024 };

struct deploy_workers {
	pid_t items[DEPLOY_WORKERS_MAX];
	size_t count;
};

/* The children of the process whose number stands in that file; none when it cannot be learned. */
void deploy_workers_list(const char *pid_file, struct deploy_workers *ret);

/* Waits until none of them takes connections. ERROR_DEPLOY after deadline_ms. */
int deploy_workers_wait(const struct deploy_workers *before, int64_t deadline_ms, struct error *err);

#endif
