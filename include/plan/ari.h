/* ari.h: what follows from the window that a CA suggests for a renewal (RFC 9773). Pure: facts in, times out. */
#ifndef CERTD_PLAN_ARI_H
#define CERTD_PLAN_ARI_H

#include <stdbool.h>
#include <stdint.h>

struct random;

enum {
	PLAN_ARI_CHECK_MIN_S = 60,
	PLAN_ARI_CHECK_MAX_S = 24 * 60 * 60,
	PLAN_ARI_LASTING_S = 6 * 60 * 60, /* RFC 9773 section 4.3: after errors that do not pass by themselves */
	PLAN_ARI_UNSUPPORTED_S = 30 * 24 * 60 * 60, /* a CA that has none may have it one day; each new certificate asks anew, too */
	PLAN_ARI_TEMPORARY_MAX = 6, /* failures in a row that are taken for passing ones */
};

/* A window as the CA suggested it, and the instant that was chosen in it. All 0: none. */
struct plan_ari {
	int64_t start_at;
	int64_t end_at;
	int64_t chosen_at;
};

/* Takes what the CA suggests. The chosen instant, drawn uniformly, stays as long as the window stays the same: drawn again at every look it
 * would drift towards the window's beginning. False, and nothing is changed, for a window that says nothing: one that ends before it
 * begins, that begins before 1970 or only when the certificate has ended, or that is all of its life. One that lies in the past means now. */
bool plan_ari_take(struct plan_ari *ari, int64_t start_at, int64_t end_at, int64_t not_before_at, int64_t not_after_at,
                   const struct random *random);

struct plan_ari_facts {
	struct plan_ari ari;
	int64_t not_before_at;
	int64_t not_after_at;
	int64_t lifetime_renew_at; /* what the lifetime alone says (plan/due.h) */
	int64_t last_early_at; /* when a renewal was last made because of a window, before its lifetime called for one; 0 for never */
};

/* When the certificate is due by its window. It never delays beyond the safety point, half of what is left at lifetime_renew_at; and a CA whose
 * every window lies in the past gets an order a day (for lifetimes below ten days: a tenth of the lifetime), not one at every look. */
int64_t plan_ari_renew_at(const struct plan_ari_facts *facts);

enum plan_ari_answer {
	PLAN_ARI_WINDOW, /* an answer, with or without a Retry-After */
	PLAN_ARI_TEMPORARY, /* no answer in time, or a 5xx: it may pass. 1, 2, 4, ... 32 minutes, and then as one that lasts */
	PLAN_ARI_LASTING, /* nobody to ask, an answer that makes no sense, or a 4xx */
	PLAN_ARI_UNSUPPORTED, /* the CA has no renewal information at all */
};

/* When to ask again. retry_at is the answer's Retry-After as a time, 0 for none; failures counts those in a row, this one included. */
int64_t plan_ari_next_check_at(enum plan_ari_answer answer, int64_t now_at, int64_t retry_at, uint64_t failures,
                               const struct random *random);

#endif
