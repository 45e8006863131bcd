/* run.h: `certd run`: decides when, and starts jobs.
 *
 * One thread, one loop. Holds no private key, opens no network connection; a job is a process of its own, which reads the configuration itself.
 */
#ifndef CERTD_DAEMON_RUN_H
#define CERTD_DAEMON_RUN_H

#include <stdbool.h>
#include <stddef.h>

struct config;
struct daemon_manager;
struct error;
struct sd_event;

struct daemon_options {
	const char *const *job_argv; /* how this program is started as a job */
	const char *job_socket; /* where the service manager starts one for whoever connects; NULL: it is started as a child */
	const char *config_file;
	bool config_may_be_absent;
	/* Receives each error of a configuration that is read again. */
	void (*config_problem)(void *self, const char *text);
	/* What else runs in the loop: called once, before the loop turns; what it returns is given to close(). Both may be NULL. */
	int (*open)(void *self, struct sd_event *event, const struct daemon_manager *manager, void **ret, struct error *err);
	void (*close)(void *opened);
	void *self;
};

/* Runs until it is told to stop. Takes the configuration. 0, or -1 when it could not begin. */
int daemon_run(const struct daemon_options *options, struct config *config, struct error *err);

#endif
