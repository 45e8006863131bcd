/* due.c: whether a certificate is due, and why. */
#include "plan/due.h"

enum { SHORT_LIFETIME_S = 10 * 24 * 60 * 60 };

const char *plan_reason_name(enum plan_reason reason)
{
	switch (reason) {
	case PLAN_LIFETIME:
		return "lifetime";
	case PLAN_MISSING:
		return "missing";
	case PLAN_NAMES:
		return "names";
	case PLAN_KEY:
		return "key";
	case PLAN_CA:
		return "ca";
	case PLAN_REVOKED:
		return "revoked";
	case PLAN_ARI:
		return "ari";
	case PLAN_PROFILE:
		return "profile";
	case PLAN_FORCED:
		return "forced";
	case PLAN_REASON_COUNT:
		break;
	}
	return "unknown";
}

/* The times come from a certificate: any two numbers. */
int64_t plan_lifetime_renew_at(int64_t not_before_at, int64_t not_after_at)
{
	int64_t lifetime_s;

	if (__builtin_sub_overflow(not_after_at, not_before_at, &lifetime_s))
		lifetime_s = not_after_at > not_before_at ? INT64_MAX : 0;
	if (lifetime_s <= 0)
		return not_after_at;
	/* At most half a lifetime before the end: not below not_before_at, so it cannot overflow. */
	return not_after_at - lifetime_s / (lifetime_s < SHORT_LIFETIME_S ? 2 : 3);
}

/* Where nothing else calls for it: by the window, or by the lifetime. */
static void decide_by_time(const struct plan_facts *facts, struct plan_decision *decision)
{
	const struct plan_ari_facts ari = {
		.ari = facts->ari,
		.not_before_at = facts->not_before_at,
		.not_after_at = facts->not_after_at,
		.lifetime_renew_at = plan_lifetime_renew_at(facts->not_before_at, facts->not_after_at),
		.last_early_at = facts->last_early_at,
	};

	decision->renew_at = ari.lifetime_renew_at;
	if (ari.ari.end_at == 0)
		return;
	decision->reason = PLAN_ARI;
	decision->renew_at = plan_ari_renew_at(&ari);
}

void plan_due(const struct plan_facts *facts, struct plan_decision *ret)
{
	struct plan_decision decision = { .verdict = PLAN_DUE, .reason = PLAN_LIFETIME, .renew_at = facts->now_at };

	if (facts->forced) {
		decision.reason = PLAN_FORCED;
		*ret = decision;
		return;
	}
	if (!facts->have)
		decision.reason = PLAN_MISSING;
	else if (facts->revoked)
		decision.reason = PLAN_REVOKED;
	else if (!facts->same_ca)
		decision.reason = PLAN_CA;
	else if (!facts->same_names)
		decision.reason = PLAN_NAMES;
	else if (!facts->same_key)
		decision.reason = PLAN_KEY;
	else if (!facts->same_profile)
		decision.reason = PLAN_PROFILE;
	else
		decide_by_time(facts, &decision);

	if (decision.renew_at > facts->now_at)
		decision.verdict = PLAN_NOT_DUE;
	else if (facts->blocked_until_at != 0 && facts->blocked_until_at > facts->now_at)
		decision.verdict = PLAN_BLOCKED;
	*ret = decision;
}
