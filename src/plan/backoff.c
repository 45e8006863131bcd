/* backoff.c: a table in place of arithmetic, so that no count of failures can overflow into a delay of nothing. */
#include "plan/backoff.h"

#include "base/clean.h"
#include "base/random.h"

#include <stddef.h>

static const int64_t delays_s[] = { PLAN_BACKOFF_MIN_S, 10 * 60, 100 * 60, PLAN_BACKOFF_MAX_S };

int64_t plan_backoff_s(uint64_t attempts, const struct random *random)
{
	size_t last = ARRAY_SIZE(delays_s) - 1;
	size_t i = attempts == 0 ? 0 : attempts - 1 > last ? last : (size_t)(attempts - 1);
	int64_t delay_s = delays_s[i];

	return delay_s + (int64_t)random_below(random, (uint64_t)delay_s / 10 + 1);
}
