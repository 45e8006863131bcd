/* urgency.h: whose turn it is first, where many are due: a CA's limits or an outage may end the run before all of them had theirs. Used within this
 * room. */
#ifndef CERTD_JOB_URGENCY_H
#define CERTD_JOB_URGENCY_H

#include <stddef.h>

struct config_certificate;
struct job_survey_options;
struct store;

/* Sorts certificates, and places with them: what is due (or waits for its deployment) first, by the end of the certificate in use, a missing or revoked
 * one as if it ended now; then, in the order that they have, all others. Nothing changes without memory. */
void job_urgency_sort(const struct store *store, const struct job_survey_options *options,
                      const struct config_certificate **certificates, size_t *places, size_t count);

#endif
