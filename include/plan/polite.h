/* polite.h: how much may be asked of a CA, and whom its refusals are about. Pure. */
#ifndef CERTD_PLAN_POLITE_H
#define CERTD_PLAN_POLITE_H

#include <stddef.h>
#include <stdint.h>

struct ident_list;
struct random;

enum { PLAN_HOLD_MIN_S = 60, PLAN_HOLD_MAX_S = 24 * 60 * 60, PLAN_PAUSE_S = 7 * 24 * 60 * 60 };

/* A limit of max in any window_s, where these times (ascending) were counted: 0 when one more fits now, else the time when it does. A max of 0 is
 * no limit. Who keeps to any such window keeps to a bucket of that size that fills at that rate, too, which is what CAs have. */
int64_t plan_limit_free_at(unsigned int max, int64_t window_s, const int64_t *times, size_t count, int64_t now_at);

enum plan_scope {
	PLAN_SCOPE_NAMES, /* these names, so this certificate */
	PLAN_SCOPE_ACCOUNT,
	PLAN_SCOPE_VAGUE, /* it does not say: these names, until it says the same to others */
};

/* What the text of a rate limit (or of a pause) on newOrder is about: it names one of the names (or a domain above), or sets of names; or the
 * account, its address, or its orders. What stands in URLs is not looked at. */
enum plan_scope plan_limit_scope(const char *detail, const struct ident_list *names);

/* How long to stay away when the CA says retry_at: within [PLAN_HOLD_MIN_S, PLAN_HOLD_MAX_S] from now. */
int64_t plan_hold_until(int64_t now_at, int64_t retry_at);

/* When a certificate is tried again after `attempts` failures in a row, the one in use ending in left_s: by the backoff (plan/backoff.h), and not before the CA's own time (0 for none). Who is told to come
 * back soon, again and again, comes less and less often all the same, up to some hundred minutes. */
int64_t plan_next_attempt_at(int64_t now_at, uint64_t attempts, int64_t left_s, int64_t retry_at, const struct random *random);

#endif
