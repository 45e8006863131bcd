/* program.h: runs another program: argv, no shell, closed descriptors, a given environment, a deadline, bounded output.
 *
 * Standard input is /dev/null; standard output and error go to one pipe that is drained always and kept up to a
 * maximum. The program gets a process group of its own; at the deadline the group gets SIGTERM, two seconds later
 * SIGKILL. When this process itself is asked to stop, the deadline is two seconds away at most. Signal dispositions and mask are reset. Behind an interface, so that tests can run no program at all.
 */
#ifndef CERTD_BASE_PROGRAM_H
#define CERTD_BASE_PROGRAM_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct error;

struct program_spec {
	const char *const *argv; /* argv[0] is the path, absolute; NULL-terminated */
	const char *const *envp; /* the whole environment; NULL-terminated */
	const char *directory; /* working directory; NULL for "/" */
	int64_t deadline_ms;
};

struct program_result {
	int exit_status; /* 0 to 255, or -1 when it was ended by a signal */
	int signal; /* or 0 */
	bool timed_out;
	bool interrupted; /* timed out early, because we were asked to stop (base/interrupt.h) */
	bool output_cut; /* more was printed than kept */
	struct buf output; /* the last bytes printed, cleaned; the caller gives the maximum before the call */
};

struct runner {
	int (*run)(void *self, const struct program_spec *spec, struct program_result *result, struct error *err);
	void *self;
};

/* The real one. Static. */
const struct runner *runner_system(void);

/* Runs spec to its end. 0 whatever its exit status is; -1 when it could not be started (absent, not executable, no
 * process to be had). */
int program_run(const struct runner *r, const struct program_spec *spec, struct program_result *result, struct error *err);

/* 0 when the program ended with status 0; else an ERROR_SYSTEM that says how it ended, with the last lines it printed. */
int program_check(const struct program_spec *spec, const struct program_result *result, struct error *err);

#endif
