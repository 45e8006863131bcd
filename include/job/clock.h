/* clock.h: whether this machine's clock can be right: what is decided by one that is wrong is a mass of renewals, or none at all. */
#ifndef CERTD_JOB_CLOCK_H
#define CERTD_JOB_CLOCK_H

#include <stdint.h>

struct error;
struct store;

/* When this certd was built, or SOURCE_DATE_EPOCH. */
int64_t job_clock_built_at(void);

/* An ERROR_CLOCK where it is before built_at (0: not known), or before the time at which a CA's clock last agreed with it, by more than a day: that
 * is remembered with each CA in the store (may be NULL). A clock that is ahead is found when a CA is asked. */
int job_clock_check(const struct store *store, int64_t now_at, int64_t built_at, struct error *err);

#endif
