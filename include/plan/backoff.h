/* backoff.h: how long to wait after failures. Pure. */
#ifndef CERTD_PLAN_BACKOFF_H
#define CERTD_PLAN_BACKOFF_H

#include <stdint.h>

struct random;

enum { PLAN_BACKOFF_MIN_S = 60, PLAN_BACKOFF_MAX_S = 24 * 60 * 60 };

/* Seconds until the next try after `attempts` failures in a row (1 for the first): about 1, 10, 100 minutes, then a day, with up to a
 * tenth of jitter, always within [PLAN_BACKOFF_MIN_S, PLAN_BACKOFF_MAX_S * 11 / 10], whatever the count. */
int64_t plan_backoff_s(uint64_t attempts, const struct random *random);

#endif
