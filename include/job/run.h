/* run.h: what the stories of one run share: the lock, the store, the net process. Used within this room, and where something else is changed
 * that no run may meanwhile change. */
#ifndef CERTD_JOB_RUN_H
#define CERTD_JOB_RUN_H

#include "base/error.h"
#include "job/away.h"
#include "job/job.h"
#include "job/net.h"
#include "job/polite.h"

#include <stdbool.h>
#include <stddef.h>

struct config_certificate;
struct error;
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

/* One whose story stops short of the deployment, which it shares with others. */
struct job_pending {
	bool issued; /* by this run; else by an earlier one */
	size_t place; /* for the caller */
	struct job_outcome outcome;
};

/* One story as far as it is its own: up to the commit. True when it waits for job_run_finish() now; else it is told, and what came of it stands in
 * ret->outcome. What there is to remember of it is on disk: it may be finished by another run as well. */
bool job_run_begin(struct job_run *run, const struct config_certificate *certificate, struct job_pending *ret);

/* Deploys, proves and tells these, each certificate once, together. What goes wrong with one stands in its outcome. */
void job_run_finish(struct job_run *run, struct job_pending *const *pending, size_t count);

/* One story, from its beginning to its end; what goes wrong stands in the outcome. */
void job_run_one(struct job_run *run, const struct config_certificate *certificate, struct job_outcome *outcome);

#endif
