/* turn.h: what jobs that run side by side do one after the other. Used within this room. */
#ifndef CERTD_JOB_TURN_H
#define CERTD_JOB_TURN_H

struct error;
struct job;

/* Waits until no other job does `what`, a file in the runtime directory. *ret_fd holds the turn until it is closed; -1 where there are no others.
 * ERROR_INTERRUPTED when told to stop meanwhile, ERROR_LOCKED after the time of one attempt. */
int job_turn_take(const struct job *job, const char *what, int *ret_fd, struct error *err);

#endif
