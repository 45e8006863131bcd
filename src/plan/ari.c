/* ari.c: what follows from the window that a CA suggests for a renewal. Its times come from a CA, any two numbers. */
#include "plan/ari.h"

#include "base/random.h"

enum { SPACING_S = 24 * 60 * 60, SHORT_LIFETIME_S = 10 * 24 * 60 * 60, SHORT_PART = 10, FIRST_WAIT_S = 60, JITTER_PART = 10 };

bool plan_ari_take(struct plan_ari *ari, int64_t start_at, int64_t end_at, int64_t not_before_at, int64_t not_after_at,
                   const struct random *random)
{
	if (end_at <= start_at || start_at <= 0 || start_at >= not_after_at ||
	    (start_at <= not_before_at && end_at >= not_after_at))
		return false;
	if (end_at > not_after_at)
		end_at = not_after_at;
	if (ari->start_at == start_at && ari->end_at == end_at)
		return true;
	ari->start_at = start_at;
	ari->end_at = end_at;
	ari->chosen_at = start_at + (int64_t)random_below(random, (uint64_t)end_at - (uint64_t)start_at);
	return true;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t spacing_s(const struct plan_ari_facts *facts)
{
	int64_t lifetime_s;

	if (__builtin_sub_overflow(facts->not_after_at, facts->not_before_at, &lifetime_s) || lifetime_s >= SHORT_LIFETIME_S)
		return SPACING_S;
	return lifetime_s > 0 ? lifetime_s / SHORT_PART : 0;
}

int64_t plan_ari_renew_at(const struct plan_ari_facts *facts)
{
	/* The lifetime's rule leaves half a lifetime at most, so what is left there cannot overflow. */
	int64_t left_s = facts->not_after_at > facts->lifetime_renew_at ? facts->not_after_at - facts->lifetime_renew_at : 0;
	int64_t renew_at = least(facts->ari.chosen_at, facts->lifetime_renew_at + left_s / 2);
	int64_t spaced_at = facts->last_early_at + spacing_s(facts);

	if (facts->last_early_at != 0 && renew_at < spaced_at)
		renew_at = least(spaced_at, facts->lifetime_renew_at);
	return renew_at;
}

/* One minute, two, four, ... and a little more, so that many do not come back together. */
static int64_t wait_after_failure(uint64_t failures, const struct random *random)
{
	int64_t wait_s = FIRST_WAIT_S << (failures > 0 ? failures - 1 : 0);

	return wait_s + (int64_t)random_below(random, (uint64_t)wait_s / JITTER_PART + 1);
}

int64_t plan_ari_next_check_at(enum plan_ari_answer answer, int64_t now_at, int64_t retry_at, uint64_t failures,
                               const struct random *random)
{
	int64_t wait_s = PLAN_ARI_LASTING_S;

	switch (answer) {
	case PLAN_ARI_WINDOW:
		break;
	case PLAN_ARI_TEMPORARY:
		if (failures <= PLAN_ARI_TEMPORARY_MAX)
			wait_s = wait_after_failure(failures, random);
		break;
	case PLAN_ARI_LASTING:
	case PLAN_ARI_UNSUPPORTED:
		break;
	}
	if (answer == PLAN_ARI_UNSUPPORTED)
		return now_at + PLAN_ARI_UNSUPPORTED_S;
	if (retry_at > now_at)
		wait_s = retry_at - now_at;
	if (wait_s < PLAN_ARI_CHECK_MIN_S)
		wait_s = PLAN_ARI_CHECK_MIN_S;
	if (wait_s > PLAN_ARI_CHECK_MAX_S)
		wait_s = PLAN_ARI_CHECK_MAX_S;
	return now_at + wait_s;
}
