#include "job/polite.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/log.h"
#include "base/strv.h"
#include "base/text.h"
#include "config/config.h"
#include "job/polite_rules.h"
#include "plan/polite.h"
#include "store/ca.h"
#include "store/store.h"

#include <stdlib.h>

enum { NAMES_TEXT_MAX = IDENT_LIST_MAX * (IDENT_VALUE_SIZE + 1), CLOCK_SLACK_S = 24 * 60 * 60 };

void job_polite_done(struct job_polite *polite)
{
	store_ca_free(TAKE(polite->ca));
}

/* That there is no memory is told once in a run. */
static void warn(struct job_polite *polite, const struct config_ca *ca, const struct error *err)
{
	if (!polite->warned)
		log_failure(LOG_LEVEL_WARNING, ca->name, err);
	polite->warned = true;
}

const struct store_ca *job_polite_recall(struct job_polite *polite, const struct store *store, const struct config_ca *ca)
{
	struct error err;

	error_clear(&err);
	if (polite->ca && text_equal(store_ca_directory(polite->ca), ca->directory) && store_ca_is_fresh(polite->ca))
		return polite->ca;
	job_polite_done(polite);
	if (store_ca_load(store, ca->directory, &polite->ca, &err) != STORE_OK)
		warn(polite, ca, &err);
	return polite->ca;
}

int job_polite_names_key(const struct ident_list *names, char ret[static STORE_CA_KEY_SIZE], struct error *err)
{
	CLEANUP(strv_done) struct strv sorted = STRV(IDENT_LIST_MAX);
	CLEANUP(buf_done) struct buf text = BUF(NAMES_TEXT_MAX);

	for (size_t i = 0; i < names->count; i++)
		(void)strv_add(&sorted, names->items[i].value);
	if (sorted.failed)
		return error_oom(err);
	strv_sort(&sorted);
	for (size_t i = 0; i < sorted.count; i++)
		(void)buf_printf(&text, "%s\n", sorted.items[i]);
	if (buf_check(&text, "the names", err) < 0)
		return -1;
	return store_ca_key(buf_text(&text), NULL, ret, err);
}

static int make_keys(const struct job_polite_wish *wish, struct job_polite_keys *ret, struct error *err)
{
	ret->account[0] = '\0';
	if (wish->account_url[0] != '\0' && store_ca_key(wish->account_url, NULL, ret->account, err) < 0)
		return -1;
	return job_polite_names_key(wish->names, ret->names, err);
}

/* Whether the hold is about what is wished. */
static bool holds_back(const struct store_ca_hold *hold, const struct job_polite_wish *wish, const struct job_polite_keys *keys)
{
	if (hold->until_at <= wish->now_at || hold->since_at > wish->now_at + CLOCK_SLACK_S)
		return false;
	if (hold->paused && wish->named)
		return false;
	switch (hold->endpoint) {
	case STORE_CA_ANYTHING:
		break;
	case STORE_CA_NEW_ORDER:
		if (wish->resumes)
			return false;
		break;
	case STORE_CA_NEW_ACCOUNT:
		if (keys->account[0] != '\0')
			return false;
		break;
	case STORE_CA_RENEWAL_INFO:
	case STORE_CA_ENDPOINT_COUNT:
		return false;
	}
	switch (hold->scope) {
	case STORE_CA_WHOLE:
		return true;
	case STORE_CA_ACCOUNT:
		return text_equal(hold->key, keys->account);
	case STORE_CA_NAMES:
		return text_equal(hold->key, keys->names);
	case STORE_CA_SCOPE_COUNT:
		break;
	}
	return false;
}

void job_polite_hold_error(const struct store_ca_hold *hold, const char *ca, struct error *ret)
{
	char until[TIME_TEXT_SIZE], since[TIME_TEXT_SIZE];

	if (hold->paused) {
		error_set(ret, ERROR_REFUSED, "the CA %s has paused %s since %s: %s", ca, hold->about,
		          time_format(hold->since_at, since), hold->message);
		error_advise(ret, "%s; then run `certd renew` with the name of the certificate, which asks at once (else it is looked again after %s)",
		             hold->advice, time_format(hold->until_at, until));
	} else {
		error_set(ret, ERROR_LATER, "the CA %s is not asked for %s before %s, as it said at %s: %s", ca, hold->about,
		          time_format(hold->until_at, until), time_format(hold->since_at, since), hold->message);
		error_advise(ret, "wait: it goes on by itself after that time, and --force does not get past it");
	}
	ret->retry_at = hold->until_at;
	ret->http_status = hold->http_status;
	text_copy(ret->url, sizeof(ret->url), hold->url);
	text_copy(ret->problem, sizeof(ret->problem), hold->problem);
}

/* The one that ends last; one that somebody has to lift before all others. */
static const struct store_ca_hold *find_hold(const struct store_ca *ca, const struct job_polite_wish *wish,
                                             const struct job_polite_keys *keys)
{
	const struct store_ca_hold *last = NULL;
	size_t count;
	const struct store_ca_hold *holds = store_ca_holds(ca, &count);

	for (size_t i = 0; i < count; i++) {
		if (holds_back(&holds[i], wish, keys) &&
		    (!last || holds[i].paused > last->paused ||
		     (holds[i].paused == last->paused && holds[i].until_at > last->until_at)))
			last = &holds[i];
	}
	return last;
}

int job_polite_look(struct job_polite *polite, const struct job_polite_wish *wish, struct error *ret_why)
{
	const struct store_ca *ca = job_polite_recall(polite, wish->store, wish->ca);
	const struct store_ca_hold *hold;
	struct job_polite_keys keys;
	struct error err;

	error_clear(&err);
	if (!ca)
		return JOB_POLITE_GO;
	if (make_keys(wish, &keys, &err) < 0) {
		warn(polite, wish->ca, &err);
		return JOB_POLITE_GO;
	}
	hold = find_hold(ca, wish, &keys);
	if (hold) {
		job_polite_hold_error(hold, wish->ca->name, ret_why);
		return JOB_POLITE_WAIT;
	}
	return job_polite_within_limits(ca, wish, &keys, ret_why) ? JOB_POLITE_GO : JOB_POLITE_WAIT;
}

bool job_polite_may_ask_windows(struct job_polite *polite, const struct store *store, const struct config_ca *ca, int64_t now_at)
{
	const struct store_ca *memory = job_polite_recall(polite, store, ca);
	size_t count = 0;
	const struct store_ca_hold *holds = memory ? store_ca_holds(memory, &count) : NULL;

	for (size_t i = 0; i < count; i++) {
		if (holds[i].scope == STORE_CA_WHOLE && holds[i].until_at > now_at && holds[i].since_at <= now_at + CLOCK_SLACK_S &&
		    (holds[i].endpoint == STORE_CA_ANYTHING || holds[i].endpoint == STORE_CA_RENEWAL_INFO))
			return false;
	}
	return true;
}

int job_polite_change(struct job_polite *polite, const struct store *store, const struct config_ca *ca,
                      int (*change)(struct store_ca *memory, void *self, struct error *err), void *self)
{
	CLEANUP(store_ca_cleanup) struct store_ca *memory = NULL;
	struct error err;
	int r;

	error_clear(&err);
	if (!store)
		return 0;
	r = store_ca_open(store, ca->directory, &memory, &err);
	if (r == STORE_DAMAGED)
		log_failure(LOG_LEVEL_WARNING, ca->name, &err);
	if (r >= 0)
		r = change(memory, self, &err);
	if (r >= 0)
		r = store_ca_save(memory, &err);
	if (r < 0)
		warn(polite, ca, &err);
	return r;
}

struct count {
	enum store_ca_log log;
	const char *key;
	int64_t at;
	const struct config_limit *limit;
};

static int count_one(struct store_ca *memory, void *self, struct error *err)
{
	const struct count *count = self;

	return store_ca_event_add(memory, count->log, count->key, count->at, count->limit->window_s, err);
}

/* An order that was taken is the CA's latest word: what was paused is not any more. */
static int lift(struct store_ca *memory, void *self, struct error *err)
{
	const struct job_polite_keys *keys = self;

	(void)err;
	(void)store_ca_hold_remove(memory, STORE_CA_NAMES, STORE_CA_NEW_ORDER, keys->names);
	(void)store_ca_hold_remove(memory, STORE_CA_ACCOUNT, STORE_CA_NEW_ORDER, keys->account);
	return 0;
}

static void lift_holds(struct job_polite *polite, const struct job_polite_wish *wish)
{
	const struct store_ca *memory = job_polite_recall(polite, wish->store, wish->ca);
	size_t count = 0;
	const struct store_ca_hold *holds = memory ? store_ca_holds(memory, &count) : NULL;
	struct job_polite_keys keys;
	struct error err;
	bool any = false;

	if (count == 0 || make_keys(wish, &keys, &err) < 0)
		return;
	for (size_t i = 0; i < count; i++)
		any = any || (holds[i].endpoint == STORE_CA_NEW_ORDER &&
		              (text_equal(holds[i].key, keys.names) || text_equal(holds[i].key, keys.account)));
	if (any)
		(void)job_polite_change(polite, wish->store, wish->ca, lift, &keys);
}

void job_polite_note_order(struct job_polite *polite, const struct job_polite_wish *wish)
{
	struct count count = { STORE_CA_ORDERS, NULL, wish->now_at, &wish->ca->orders_per_account };
	struct job_polite_keys keys;
	struct error err;

	lift_holds(polite, wish);

	if (job_polite_is_exempt(wish, STORE_CA_ORDERS) || wish->ca->orders_per_account.max == 0 ||
	    make_keys(wish, &keys, &err) < 0)
		return;
	count.key = keys.account;
	(void)job_polite_change(polite, wish->store, wish->ca, count_one, &count);
}

void job_polite_note_certificate(struct job_polite *polite, const struct job_polite_wish *wish)
{
	struct count count = { STORE_CA_CERTIFICATES, NULL, wish->now_at, &wish->ca->certificates_per_names };
	struct job_polite_keys keys;
	struct error err;

	if (job_polite_is_exempt(wish, STORE_CA_CERTIFICATES) || wish->ca->certificates_per_names.max == 0 ||
	    make_keys(wish, &keys, &err) < 0)
		return;
	count.key = keys.names;
	(void)job_polite_change(polite, wish->store, wish->ca, count_one, &count);
}
