/* outcome.h: what came of a run, for people and as JSON; and the exit status. */
#ifndef CERTD_CLI_OUTCOME_H
#define CERTD_CLI_OUTCOME_H

#include "base/log.h"
#include "job/job.h"
#include "json/doc.h"

#include <stdbool.h>
#include <stddef.h>

/* One line on stdout for what went well, unless quiet; lines on stderr for what did not. */
void cli_outcome_print(const struct job_outcome *outcome, bool quiet);

/* "CERT: text": a line on stdout, or a record of the journal where that would be read there anyway, with these fields (base/log.h). */
void cli_outcome_say(enum event event, const struct config_certificate *certificate, const struct log_field *fields,
                     const char *text);

/* The same with the fields of an outcome that is good. */
void cli_outcome_say_done(enum event event, const struct job_outcome *outcome, const char *text);

/* {"certificates": [...]}, see certd(8). A new reference, or NULL without memory. */
json_t *cli_outcome_json(const struct job_outcome *outcomes, size_t count);

/* {"kind", "message", "advice", "problem"}, or JSON null for no error. */
json_t *cli_error_json(const struct error *error);

/* An RFC 3339 string, or JSON null for 0. */
json_t *cli_time_json(int64_t at);

/* One of its members. */
json_t *cli_outcome_one_json(const struct job_outcome *outcome);

/* The exit status for both: a failure weighs more than being asked to come back later. */
int cli_outcome_worst(int a, int b);

/* That of all. */
int cli_outcome_status(const struct job_outcome *outcomes, size_t count);

/* Prints the document and a newline on stdout; takes the reference. Returns status, or CLI_EXIT_FAILED when it could not. */
int cli_json_print(json_t *document, int status);

#endif
