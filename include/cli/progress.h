/* progress.h: what is being done now: on a terminal one line that shows for how long, else a line a step, on stderr. */
#ifndef CERTD_CLI_PROGRESS_H
#define CERTD_CLI_PROGRESS_H

#include "job/job.h"

#include <stdbool.h>
#include <stdint.h>

enum { CLI_PROGRESS_TEXT_SIZE = 512 };

struct cli_progress {
	bool quiet;
	bool terminal;
	int64_t since_ms; /* monotonic: the step began */
	char text[CLI_PROGRESS_TEXT_SIZE];
};

/* Fills the job's clock, random, runner and progress; `progress` is borrowed. From here on a signal that asks to stop is heard by the job, which ends cleanly
 * within seconds. */
void cli_progress_job(struct cli_progress *progress, const struct config *config, struct job *ret);

void cli_progress_init(struct cli_progress *progress, bool quiet);

/* Clears the line on a terminal: something else will be printed. */
void cli_progress_end(struct cli_progress *progress);

#endif
