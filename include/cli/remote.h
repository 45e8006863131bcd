/* remote.h: work that the daemon does for a command, where one runs: it holds the locks, so the command cannot do it itself. */
#ifndef CERTD_CLI_REMOTE_H
#define CERTD_CLI_REMOTE_H

#include "job/job.h"

#include <stddef.h>

struct config;
struct error;

enum { CLI_REMOTE_DONE = 0, CLI_REMOTE_NONE = 1 };

/* As job_run(), by the daemon: with its progress and outcomes. CLI_REMOTE_NONE: there is no daemon, or it cannot do this (a dry run, --no-deploy). */
int cli_remote_run(const struct job *job, const struct config_certificate *const *certificates, size_t count,
                   const struct job_options *options, struct job_outcome *outcomes, struct error *err);

bool cli_remote_is_there(const struct config *config);

/* Has the daemon read the configuration again, and waits for that. CLI_REMOTE_NONE without one. */
int cli_remote_reload(const struct config *config, struct error *err);

/* What the daemon does, in one line ("the daemon runs (PID 4711): 1 queued, 1 at work"). CLI_REMOTE_NONE without one. */
int cli_remote_describe(const struct config *config, char *text, size_t size);

#endif
