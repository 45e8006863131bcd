/* polite_rules.c: the limits that a CA is known to have. */
#include "job/polite_rules.h"

#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/ident.h"
#include "config/config.h"
#include "plan/polite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool job_polite_is_exempt(const struct job_polite_wish *wish, enum store_ca_log log)
{
	if (!wish->ca->renewals_exempt)
		return false;
	switch (log) {
	case STORE_CA_ORDERS:
		return wish->replaces || wish->renews;
	case STORE_CA_CERTIFICATES:
		return wish->replaces;
	case STORE_CA_FAILURES:
	case STORE_CA_LOG_COUNT:
		break;
	}
	return false;
}

/* When so many more fit (where that many ever do); 0 for now. */
static int64_t free_at(const struct store_ca *memory, enum store_ca_log log, const char *key, const struct config_limit *limit,
                       unsigned int more, int64_t now_at)
{
	CLEANUP(clean_free) int64_t *times = NULL;
	const unsigned int beside = more > 1 && limit->max >= more ? more - 1 : 0;
	size_t count;

	if (limit->max == 0)
		return 0;
	times = calloc(limit->max, sizeof(*times));
	if (!times)
		return 0;
	count = store_ca_event_list(memory, log, key, times, limit->max);
	return plan_limit_free_at(limit->max - beside, limit->window_s, times, count, now_at);
}

__attribute__((format(printf, 5, 6))) static bool wait_until(struct error *ret_why, const struct job_polite_wish *wish,
                                                             int64_t at, const char *directive, const char *format, ...)
{
	char what[512], when[TIME_TEXT_SIZE];
	va_list ap;

	va_start(ap, format);
	if (vsnprintf(what, sizeof(what), format, ap) < 0)
		what[0] = '\0';
	va_end(ap);
	error_set(ret_why, ERROR_LATER, "the CA %s is not asked before %s: %s", wish->ca->name, time_format(at, when), what);
	error_advise(ret_why,
	             "wait: it goes on by itself after that time, and --force does not get past the limits of a CA; if this one takes "
	             "more, %s in its ca block says so",
	             directive);
	ret_why->retry_at = at;
	return false;
}

static bool within_failures(const struct store_ca *memory, const struct job_polite_wish *wish, struct error *ret_why)
{
	const struct config_limit *limit = &wish->ca->failures_per_name;
	char window[TIME_TEXT_SIZE], key[STORE_CA_KEY_SIZE];
	struct error err;

	for (size_t i = 0; limit->max != 0 && i < wish->names->count; i++) {
		const struct ident *ident = &wish->names->items[i];
		int64_t at;

		if (store_ca_key(wish->account_url, ident->value + (ident->wildcard ? strlen("*.") : 0), key, &err) < 0)
			continue;
		at = free_at(memory, STORE_CA_FAILURES, key, limit, 1, wish->now_at);
		if (at != 0)
			return wait_until(ret_why, wish, at, "failures-per-name",
			                  "it lets the validation of a name fail %u times within %s, and %s did", limit->max,
			                  time_format_duration(limit->window_s, window), ident->value);
	}
	return true;
}

bool job_polite_within_limits(const struct store_ca *memory, const struct job_polite_wish *wish, const struct job_polite_keys *keys,
                              struct error *ret_why)
{
	const struct config_limit *orders = &wish->ca->orders_per_account, *certificates = &wish->ca->certificates_per_names;
	char window[TIME_TEXT_SIZE];
	int64_t at;

	if (wish->resumes)
		return true;
	at = job_polite_is_exempt(wish, STORE_CA_CERTIFICATES) ?
	             0 :
	             free_at(memory, STORE_CA_CERTIFICATES, keys->names, certificates, wish->orders, wish->now_at);
	if (at != 0)
		return wait_until(ret_why, wish, at, "certificates-per-names",
		                  "it issues %u certificates for exactly the same names within %s, and did", certificates->max,
		                  time_format_duration(certificates->window_s, window));
	at = keys->account[0] == '\0' || job_polite_is_exempt(wish, STORE_CA_ORDERS) ?
	             0 :
	             free_at(memory, STORE_CA_ORDERS, keys->account, orders, wish->orders, wish->now_at);
	if (at != 0)
		return wait_until(ret_why, wish, at, "orders-per-account",
		                  "it takes %u orders from an account within %s, and got them", orders->max,
		                  time_format_duration(orders->window_s, window));
	return within_failures(memory, wish, ret_why);
}
