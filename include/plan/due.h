/* due.h: whether a certificate is due, and why. Pure: facts in, decision out. */
#ifndef CERTD_PLAN_DUE_H
#define CERTD_PLAN_DUE_H

#include "plan/ari.h"

#include <stdbool.h>
#include <stdint.h>

enum plan_reason {
	PLAN_LIFETIME, /* its time is (or will be) near enough to its end */
	PLAN_MISSING, /* there is none, or its files are not whole */
	PLAN_NAMES, /* other names than configured */
	PLAN_KEY, /* another key type than configured */
	PLAN_CA, /* of another CA than configured */
	PLAN_REVOKED,
	PLAN_ARI, /* the window that its CA suggests (RFC 9773) */
	PLAN_PROFILE, /* of another profile than configured */
	PLAN_FORCED,
	PLAN_REASON_COUNT
};

/* As in `certd status --json`: "lifetime", "missing", "names", ... Static. */
const char *plan_reason_name(enum plan_reason reason);

struct plan_facts {
	int64_t now_at;
	bool forced;
	bool have; /* a live generation with all its files, key and certificate matching */
	bool revoked; /* by us */
	bool same_names;
	bool same_key;
	bool same_ca;
	bool same_profile;
	int64_t not_before_at;
	int64_t not_after_at;
	struct plan_ari ari; /* all 0 for none */
	int64_t last_early_at; /* as in plan/ari.h */
	int64_t blocked_until_at; /* the CA or our backoff asks not to try before; 0 for none */
};

enum plan_verdict { PLAN_NOT_DUE, PLAN_DUE, PLAN_BLOCKED };

struct plan_decision {
	enum plan_verdict verdict;
	enum plan_reason reason;
	int64_t renew_at; /* when it becomes (or became) due */
};

/* When the lifetime alone calls for a renewal: a third of it left, half of it where it is shorter than ten days. */
int64_t plan_lifetime_renew_at(int64_t not_before_at, int64_t not_after_at);

/* Due by the CA's window; where there is none, by the lifetime. PLAN_BLOCKED when due but asked to wait
 * (forced is never blocked). */
void plan_due(const struct plan_facts *facts, struct plan_decision *ret);

#endif
