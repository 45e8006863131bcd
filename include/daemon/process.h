/* process.h: a job as the daemon sees it: a process of this program, what it answers, and its end.
 *
 * It is a child; or, where the daemon has not the rights that a job needs, one that the service manager starts for whoever connects to a
 * socket, of which the daemon then knows no more than the connection.
 */
#ifndef CERTD_DAEMON_PROCESS_H
#define CERTD_DAEMON_PROCESS_H

#include "daemon/talk.h"

#include <stdint.h>
#include <systemd/sd-event.h>

struct buf;
struct daemon_process;
struct error;

struct daemon_process_spec {
	const char *const *argv; /* how the program is started as a job; argv[0] is its path */
	const char *socket; /* where to connect to in its place; or NULL */
	int locks[DAEMON_LOCKS];
	int64_t limit_ms; /* without a word; then SIGTERM, and ten seconds later SIGKILL */
};

struct daemon_process_handler {
	void (*answer)(void *self, const struct daemon_answer *answer);
	/* Called once, with all answers told; the process is freed after it. why is NULL for one that said its "end". */
	void (*ended)(void *self, const char *why);
	void *self;
};

/* Starts it and tells it what to do. */
int daemon_process_start(sd_event *event, const struct daemon_process_spec *spec, const struct buf *request,
                         const struct daemon_process_handler *handler, struct daemon_process **ret, struct error *err);

/* Asks it to end. */
void daemon_process_stop(struct daemon_process *process);

/* Ends it. */
void daemon_process_kill(struct daemon_process *process);

#endif
