/* backoff.h: how long to wait after failures. Pure. */
#ifndef CERTD_PLAN_BACKOFF_H
#define CERTD_PLAN_BACKOFF_H

#include <stdint.h>

struct random;

enum { PLAN_BACKOFF_MIN_S = 60, PLAN_BACKOFF_MAX_S = 24 * 60 * 60, PLAN_BACKOFF_HURRY_S = 60 * 60, PLAN_BACKOFF_LEFT_PART = 8 };

/* Seconds until the next try after `attempts` failures in a row (1 for the first): about 1, 10, 100 minutes, then a day, with up to a
 * tenth of jitter, always within [PLAN_BACKOFF_MIN_S, PLAN_BACKOFF_MAX_S * 11 / 10], whatever the count. */
int64_t plan_backoff_s(uint64_t attempts, const struct random *random);

/* The same where a certificate is in use that ends in left_s: of that no more than an eighth is waited, but an hour always may be. So a week before the
 * end waits begin to be shorter than a day, and an outage that ends before the certificate does is not slept through. Where it has ended
 * (left_s is 0 or less) there is no hurry any more. */
int64_t plan_backoff_left_s(uint64_t attempts, int64_t left_s, const struct random *random);

/* The same for a deployment, which costs the CA nothing: none after the first two failures, then about 10 and 100 minutes, then six hours. */
int64_t plan_backoff_deploy_s(uint64_t attempts, const struct random *random);

#endif
