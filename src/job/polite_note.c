/* polite_note.c: what is to be remembered of a CA's refusal. */
#include "job/polite_rules.h"

#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/log.h"
#include "base/text.h"
#include "config/config.h"
#include "json/doc.h"
#include "plan/polite.h"

#include <stdio.h>
#include <string.h>

enum { SERVICE_UNAVAILABLE = 503, CLOCK_SLACK_S = 24 * 60 * 60, SEEN_EVERY_S = 6 * 60 * 60 };

struct refusal {
	const struct job_polite_wish *wish;
	const struct error *error;
	struct job_polite_keys keys;
};

static const char *text_member(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

/* What the CA said itself, without our words around it. */
static json_t *problem_of(const struct error *error)
{
	json_t *problem = NULL;
	struct error ignored;

	if (error->problem[0] != '\0' &&
	    json_doc_parse(error->problem, strlen(error->problem), "the problem document", &problem, &ignored) < 0)
		return NULL;
	return problem;
}

/* Whom a 429 on newOrder is about. */
static enum plan_scope scope_of(const struct refusal *refusal)
{
	json_auto_t *problem = problem_of(refusal->error);

	if (json_array_size(json_object_get(problem, "subproblems")) > 0)
		return PLAN_SCOPE_NAMES;
	return plan_limit_scope(text_member(problem, "detail"), refusal->wish->names);
}

static void about_names(const struct ident_list *names, const char *what, char out[static STORE_CA_ABOUT_SIZE])
{
	if (names->count == 1)
		snprintf(out, STORE_CA_ABOUT_SIZE, "%s %.150s", what, names->items[0].value);
	else
		snprintf(out, STORE_CA_ABOUT_SIZE, "%s %.150s and %zu names more", what, names->items[0].value, names->count - 1);
}

static void fill_scope(const struct refusal *refusal, enum plan_scope scope, struct store_ca_hold *hold)
{
	hold->vague = scope == PLAN_SCOPE_VAGUE;
	if (scope == PLAN_SCOPE_ACCOUNT && refusal->keys.account[0] != '\0') {
		hold->scope = STORE_CA_ACCOUNT;
		text_copy(hold->key, sizeof(hold->key), refusal->keys.account);
		snprintf(hold->about, sizeof(hold->about), "certificates of the account %.200s", refusal->wish->account_url);
		return;
	}
	hold->scope = STORE_CA_NAMES;
	text_copy(hold->key, sizeof(hold->key), refusal->keys.names);
	about_names(refusal->wish->names, "a certificate for", hold->about);
}

/* What must not be asked for now, by what was asked when the CA said so. A CA whose service is not available says that to everybody; a rate limit is
 * everybody's only before an account is known. */
static void judge(const struct refusal *refusal, struct store_ca_hold *hold)
{
	const struct error *error = refusal->error;
	const char *endpoint = error->endpoint;

	hold->scope = STORE_CA_WHOLE;
	hold->endpoint = STORE_CA_ANYTHING;
	text_copy(hold->about, sizeof(hold->about), "anything");
	if (text_equal(endpoint, "the directory") || text_equal(endpoint, "newNonce"))
		return;
	if (text_equal(endpoint, "newAccount")) {
		hold->endpoint = STORE_CA_NEW_ACCOUNT;
		text_copy(hold->about, sizeof(hold->about), "a new account");
	} else if (text_equal(endpoint, "newOrder")) {
		hold->endpoint = STORE_CA_NEW_ORDER;
		text_copy(hold->about, sizeof(hold->about), "a certificate");
		if (error->http_status != SERVICE_UNAVAILABLE)
			fill_scope(refusal, scope_of(refusal), hold);
	} else if (error->http_status != SERVICE_UNAVAILABLE) {
		fill_scope(refusal, PLAN_SCOPE_NAMES, hold);
		/* An order that failed so leaves nothing to be gone on with; elsewhere the order stays, and waits. */
		hold->endpoint = endpoint[0] == '\0' ? STORE_CA_NEW_ORDER : STORE_CA_ANYTHING;
	}
}

/* Two sets of names that were refused without a word about whose fault it is: then it is the account's. */
static void widen(const struct store_ca *memory, const struct refusal *refusal, struct store_ca_hold *hold)
{
	size_t count;
	const struct store_ca_hold *holds = store_ca_holds(memory, &count);

	for (size_t i = 0; hold->vague && i < count; i++) {
		if (holds[i].vague && holds[i].until_at > hold->since_at && holds[i].endpoint == hold->endpoint &&
		    !text_equal(holds[i].key, hold->key)) {
			hold->vague = false;
			fill_scope(refusal, PLAN_SCOPE_ACCOUNT, hold);
			return;
		}
	}
}

static int add_hold(struct store_ca *memory, void *self, struct error *err)
{
	const struct refusal *refusal = self;
	const struct error *error = refusal->error;
	const int64_t now_at = refusal->wish->now_at;
	struct store_ca_hold hold = { .since_at = now_at, .until_at = plan_hold_until(now_at, error->retry_at) };

	if (error->url[0] != '\0') {
		hold.paused = true;
		hold.until_at = now_at + PLAN_PAUSE_S;
	}
	judge(refusal, &hold);
	hold.http_status = error->http_status;
	text_copy(hold.message, sizeof(hold.message), error->message);
	text_copy(hold.advice, sizeof(hold.advice), error->advice);
	text_copy(hold.url, sizeof(hold.url), error->url);
	/* Half a document is none. */
	if (strlen(error->problem) < sizeof(hold.problem))
		text_copy(hold.problem, sizeof(hold.problem), error->problem);
	store_ca_expire(memory, now_at);
	widen(memory, refusal, &hold);
	return store_ca_hold_add(memory, &hold, err);
}

static int count_name(struct store_ca *memory, const struct refusal *refusal, const json_t *identifier, struct error *err)
{
	const struct job_polite_wish *wish = refusal->wish;
	const char *value = text_member(identifier, "value");
	char key[STORE_CA_KEY_SIZE];

	for (size_t i = 0; i < wish->names->count; i++) {
		const struct ident *ident = &wish->names->items[i];

		if (!text_equal(ident->value + (ident->wildcard ? strlen("*.") : 0), value))
			continue;
		if (store_ca_key(wish->account_url, value, key, err) < 0)
			return -1;
		return store_ca_event_add(memory, STORE_CA_FAILURES, key, wish->now_at, wish->ca->failures_per_name.window_s, err);
	}
	return 0;
}

/* Counts each name whose validation failed: the problem document says which. */
static int count_failures(struct store_ca *memory, void *self, struct error *err)
{
	const struct refusal *refusal = self;
	json_auto_t *problem = problem_of(refusal->error);
	const json_t *subproblems = json_object_get(problem, "subproblems");

	if (json_object_get(problem, "identifier"))
		return count_name(memory, refusal, json_object_get(problem, "identifier"), err);
	for (size_t i = 0; i < json_array_size(subproblems); i++) {
		if (count_name(memory, refusal, json_object_get(json_array_get(subproblems, i), "identifier"), err) < 0)
			return -1;
	}
	return 0;
}

/* What a challenge failed with is in no answer of its own, but in an authorization. */
static bool is_validation(const struct error *error)
{
	return error->kind == ERROR_REFUSED && error->http_status == 0 && error->endpoint[0] == '\0' && error->problem[0] != '\0';
}

void job_polite_note_failure(struct job_polite *polite, const struct job_polite_wish *wish, const struct error *error)
{
	struct refusal refusal = { .wish = wish, .error = error };
	const bool limited = error->kind == ERROR_LATER && error->retry_at > wish->now_at;
	const bool paused = error->kind == ERROR_REFUSED && error->url[0] != '\0';
	struct error err;

	if (wish->account_url[0] != '\0' && store_ca_key(wish->account_url, NULL, refusal.keys.account, &err) < 0)
		return;
	if (job_polite_names_key(wish->names, refusal.keys.names, &err) < 0)
		return;
	if (limited || paused)
		(void)job_polite_change(polite, wish->store, wish->ca, add_hold, &refusal);
	else if (is_validation(error) && wish->ca->failures_per_name.max != 0)
		(void)job_polite_change(polite, wish->store, wish->ca, count_failures, &refusal);
}

struct windows {
	int64_t now_at;
	int64_t retry_at;
	const char *reason;
};

static int hold_windows(struct store_ca *memory, void *self, struct error *err)
{
	const struct windows *windows = self;
	struct store_ca_hold hold = {
		.scope = STORE_CA_WHOLE,
		.endpoint = STORE_CA_RENEWAL_INFO,
		.about = "renewal information",
		.since_at = windows->now_at,
		.until_at = plan_hold_until(windows->now_at, windows->retry_at),
	};

	text_copy(hold.message, sizeof(hold.message), windows->reason);
	store_ca_expire(memory, windows->now_at);
	return store_ca_hold_add(memory, &hold, err);
}

void job_polite_note_windows(struct job_polite *polite, const struct store *store, const struct config_ca *ca, int64_t now_at,
                             int64_t retry_at, const char *reason)
{
	struct windows windows = { now_at, retry_at, reason };

	(void)job_polite_change(polite, store, ca, hold_windows, &windows);
}

static int set_seen(struct store_ca *memory, void *self, struct error *err)
{
	(void)err;
	store_ca_set_seen(memory, *(const int64_t *)self);
	return 0;
}

void job_polite_note_seen(struct job_polite *polite, const struct store *store, const struct config_ca *ca, int64_t now_at,
                          int64_t date_at)
{
	const struct store_ca *memory;

	if (date_at == 0 || date_at > now_at + CLOCK_SLACK_S || date_at < now_at - CLOCK_SLACK_S)
		return;
	memory = job_polite_recall(polite, store, ca);
	/* The earlier of both is what both agree upon. */
	if (date_at > now_at)
		date_at = now_at;
	if (!memory || date_at >= store_ca_seen_at(memory) + SEEN_EVERY_S)
		(void)job_polite_change(polite, store, ca, set_seen, &date_at);
}
