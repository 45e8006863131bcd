/* backoff.c: a table in place of arithmetic, so that no count of failures can overflow into a delay of nothing. */
#include "plan/backoff.h"

#include "base/clean.h"
#include "base/random.h"

#include <stddef.h>

static const int64_t delays_s[] = { PLAN_BACKOFF_MIN_S, 10 * 60, 100 * 60, PLAN_BACKOFF_MAX_S };

static int64_t with_jitter(int64_t delay_s, const struct random *random)
{
	return delay_s + (int64_t)random_below(random, (uint64_t)delay_s / 10 + 1);
}

static int64_t step_s(uint64_t attempts)
{
	size_t last = ARRAY_SIZE(delays_s) - 1;
	size_t i = attempts == 0 ? 0 : attempts - 1 > last ? last : (size_t)(attempts - 1);

	return delays_s[i];
}

int64_t plan_backoff_s(uint64_t attempts, const struct random *random)
{
	return with_jitter(step_s(attempts), random);
}

int64_t plan_backoff_left_s(uint64_t attempts, int64_t left_s, const struct random *random)
{
	int64_t delay_s = step_s(attempts);
	int64_t part_s = left_s / PLAN_BACKOFF_LEFT_PART;

	if (part_s < PLAN_BACKOFF_HURRY_S)
		part_s = PLAN_BACKOFF_HURRY_S;
	return with_jitter(left_s > 0 && delay_s > part_s ? part_s : delay_s, random);
}

int64_t plan_backoff_deploy_s(uint64_t attempts, const struct random *random)
{
	static const int64_t deploy_delays_s[] = { 0, 0, 10 * 60, 100 * 60, 6 * 60 * 60 };
	size_t last = ARRAY_SIZE(deploy_delays_s) - 1;
	size_t i = attempts == 0 ? 0 : attempts - 1 > last ? last : (size_t)(attempts - 1);

	return deploy_delays_s[i] == 0 ? 0 : with_jitter(deploy_delays_s[i], random);
}
