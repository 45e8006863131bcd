/* run.h: what the stories of one run share: the lock, the store, the net process. Used within this room, and where something else is changed
 * that no run may meanwhile change. */
#ifndef CERTD_JOB_RUN_H
#define CERTD_JOB_RUN_H

#include "base/error.h"
#include "job/away.h"
#include "job/net.h"
#include "job/polite.h"

struct config_certificate;
struct error;
struct job;
struct job_options;
struct job_outcome;
struct store;

struct job_run {
	const struct job *job;
	const struct job_options *options;
	int lock_fd;
	int state_lock_fd; /* -1 where the file system has no locks */
	struct store *store;
	struct job_net net;
	struct job_away away;
	struct job_polite polite;
	struct error clock; /* an ERROR_CLOCK that was met while nobody could be told; else ERROR_NONE */
};

/* Takes the lock and opens the store. job_run_close() is right also after a failure. */
int job_run_open(struct job_run *run, const struct job *job, const struct job_options *options, struct error *err);
void job_run_close(struct job_run *run);

/* One story, from its beginning to its end; what goes wrong stands in the outcome. */
void job_run_one(struct job_run *run, const struct config_certificate *certificate, struct job_outcome *outcome);

#endif
