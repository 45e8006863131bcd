/* renewal.h: asking a CA what it suggests for the renewal of its certificates (RFC 9773): all that are due for it in one go, before any of
 * their stories begins, and the new ones at the end. Used within this room. */
#ifndef CERTD_JOB_RENEWAL_H
#define CERTD_JOB_RENEWAL_H

#include "job/job.h"

struct job_run;
struct store_state;

/* Looks which of the certificates are due to be asked about, asks the CA that issued each, and remembers the answers. A failure is logged and
 * changes nothing but when it is tried again: what is known goes on to hold. */
void job_renewal_look(struct job_run *run, const struct config_certificate *const *certificates, size_t count);

/* Forgets what is remembered: there is another generation. */
void job_renewal_forget(struct store_state *state);

#endif
