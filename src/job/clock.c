#include "job/clock.h"

#include "base/clock.h"
#include "base/error.h"
#include "store/ca.h"
#include "store/store.h"

#ifndef CERTD_BUILT_AT
#define CERTD_BUILT_AT 0
#endif

enum { SLACK_S = 24 * 60 * 60 };

int64_t job_clock_built_at(void)
{
	return CERTD_BUILT_AT;
}

static int take_later(void *self, const struct store_ca *ca, struct error *err)
{
	int64_t *seen_at = self;

	(void)err;
	if (store_ca_seen_at(ca) > *seen_at)
		*seen_at = store_ca_seen_at(ca);
	return 0;
}

int job_clock_check(const struct store *store, int64_t now_at, int64_t built_at, struct error *err)
{
	char now[TIME_TEXT_SIZE], then[TIME_TEXT_SIZE];
	struct error ignored;
	int64_t seen_at = 0;

	if (store)
		(void)store_ca_each(store, take_later, &seen_at, &ignored);
	if (built_at - now_at > SLACK_S)
		error_set(err, ERROR_CLOCK, "the clock of this machine says %s, but certd was built later, at %s", time_format(now_at, now),
		          time_format(built_at, then));
	else if (seen_at - now_at > SLACK_S)
		error_set(err, ERROR_CLOCK, "the clock of this machine says %s, but it was %s already, as a CA's clock said too",
		          time_format(now_at, now), time_format(seen_at, then));
	else
		return 0;
	return error_advise(err, "set the clock, or have it synchronized (`timedatectl` shows how it stands); nothing was decided by it, and the next "
	                         "run goes on");
}
