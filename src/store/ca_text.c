/* ca_text.c: what is remembered of a CA as text. */
#include "store/ca.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "json/doc.h"
#include "store/private.h"
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

static const char what[] = "the memory of a CA";
static const int64_t time_max_at = 253402300799; /* the last second of the year 9999 */

static const char *const scopes[STORE_CA_SCOPE_COUNT] = {
	[STORE_CA_WHOLE] = "ca",
	[STORE_CA_ACCOUNT] = "account",
	[STORE_CA_NAMES] = "names",
};

static const char *const endpoints[STORE_CA_ENDPOINT_COUNT] = {
	[STORE_CA_ANYTHING] = "anything",
	[STORE_CA_NEW_ACCOUNT] = "newAccount",
	[STORE_CA_NEW_ORDER] = "newOrder",
	[STORE_CA_RENEWAL_INFO] = "renewalInfo",
};

static const char *const logs[STORE_CA_LOG_COUNT] = {
	[STORE_CA_ORDERS] = "orders",
	[STORE_CA_CERTIFICATES] = "certificates",
	[STORE_CA_FAILURES] = "failures",
};

/* The texts of a hold and where they stand in the struct: one table serves reading and printing. */
static const struct text_field {
	const char *name;
	size_t offset;
	size_t size;
} texts[] = {
#define TEXT(name_, member_)                                                                                      \
	{                                                                                                         \
		name_, offsetof(struct store_ca_hold, member_), sizeof(((struct store_ca_hold *)NULL)->member_)   \
	}
	TEXT("key", key),         TEXT("about", about), TEXT("message", message),
	TEXT("advice", advice),   TEXT("url", url),     TEXT("problem", problem),
};

const char *store_ca_scope_name(enum store_ca_scope scope)
{
	return scopes[scope];
}

const char *store_ca_endpoint_name(enum store_ca_endpoint endpoint)
{
	return endpoints[endpoint];
}

static int damaged(struct error *err, const char *field, const char *why)
{
	error_set(err, ERROR_SYSTEM, "%s: .%s %s", what, field, why);
	return STORE_DAMAGED;
}

/* The word's place in the list, or -1. */
static int find_word(const char *word, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (text_equal(word, list[i]))
			return (int)i;
	}
	return -1;
}

static int read_word(const json_t *object, const char *field, const char *const *list, size_t count, unsigned int *ret,
                     struct error *err)
{
	const char *word = NULL;
	int at;

	if (json_need_string(object, what, field, &word, err) < 0)
		return STORE_DAMAGED;
	at = find_word(word, list, count);
	if (at < 0)
		return damaged(err, field, "is none that there is");
	*ret = (unsigned int)at;
	return 0;
}

static int read_time(const json_t *object, const char *field, int64_t *ret, struct error *err)
{
	int64_t at = 0;

	if (json_field_time(object, what, field, &at, err) < 0)
		return STORE_DAMAGED;
	if (at < 0 || at > time_max_at)
		return damaged(err, field, "is before 1970");
	*ret = at;
	return 0;
}

static int read_texts(const json_t *json, struct store_ca_hold *hold, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const char *text = NULL;
		char *out = (char *)hold + texts[i].offset;
		int r = json_field_string(json, what, texts[i].name, &text, err);

		if (r < 0)
			return STORE_DAMAGED;
		if (r == JSON_FIELD_OK && !text_copy(out, texts[i].size, text))
			return damaged(err, texts[i].name, "is too long");
		text_clean(out);
	}
	return 0;
}

static int read_hold(const json_t *json, struct store_ca_hold *hold, struct error *err)
{
	unsigned int scope = 0, endpoint = 0;
	int64_t status = 0;
	int r;

	if (!json_is_object(json))
		return damaged(err, "holds[]", "is no object");
	r = read_word(json, "scope", scopes, ARRAY_SIZE(scopes), &scope, err);
	if (r == 0)
		r = read_word(json, "endpoint", endpoints, ARRAY_SIZE(endpoints), &endpoint, err);
	if (r == 0)
		r = read_time(json, "since", &hold->since_at, err);
	if (r == 0)
		r = read_time(json, "until", &hold->until_at, err);
	if (r == 0)
		r = read_texts(json, hold, err);
	if (r == 0 && (json_field_bool(json, what, "paused", &hold->paused, err) < 0 ||
	               json_field_bool(json, what, "vague", &hold->vague, err) < 0 ||
	               json_field_int(json, what, "http_status", &status, err) < 0))
		r = STORE_DAMAGED;
	if (r != 0)
		return r;
	if (status < 0 || status > 999)
		return damaged(err, "http_status", "is none that there is");
	hold->scope = (enum store_ca_scope)scope;
	hold->endpoint = (enum store_ca_endpoint)endpoint;
	hold->http_status = (int)status;
	return 0;
}

static int read_holds(const json_t *doc, struct store_ca *ca, struct error *err)
{
	const json_t *list = NULL;
	int r = json_field_array(doc, what, "holds", &list, err);

	if (r != JSON_FIELD_OK)
		return r < 0 ? STORE_DAMAGED : 0;
	if (json_array_size(list) > STORE_CA_HOLDS_MAX)
		return damaged(err, "holds", "has more than certd ever writes");
	ca->holds = calloc(json_array_size(list) + 1, sizeof(*ca->holds));
	if (ca->holds == NULL)
		return error_oom(err);
	for (size_t i = 0; i < json_array_size(list); i++) {
		r = read_hold(json_array_get(list, i), &ca->holds[i], err);
		if (r != 0)
			return r;
		ca->holds_count++;
	}
	return 0;
}

static int by_time(const void *a, const void *b)
{
	const struct store_ca_event *one = a, *other = b;

	return one->at < other->at ? -1 : one->at > other->at;
}

static int read_key(const char *key, const json_t *times, struct store_ca_events *events, struct error *err)
{
	size_t len = strspn(key, "0123456789abcdef");

	if (key[len] != '\0' || len >= STORE_CA_KEY_SIZE)
		return damaged(err, "orders, .certificates or .failures", "has a key that is none");
	if (json_array_size(times) > events->room - events->count)
		return damaged(err, "orders, .certificates or .failures", "has more than certd ever writes");
	for (size_t i = 0; i < json_array_size(times); i++) {
		const json_t *time = json_array_get(times, i);
		struct store_ca_event *event = &events->items[events->count];

		if (!json_is_integer(time) || json_integer_value(time) < 0 || json_integer_value(time) > time_max_at)
			return damaged(err, "orders, .certificates or .failures", "has a time that is none");
		text_copy(event->key, sizeof(event->key), key);
		event->at = json_integer_value(time);
		events->count++;
	}
	return 0;
}

static int read_log(const json_t *doc, const char *name, struct store_ca_events *events, struct error *err)
{
	const json_t *object = NULL;
	const char *key;
	json_t *times;
	int r = json_field_object(doc, what, name, &object, err);

	if (r != JSON_FIELD_OK)
		return r < 0 ? STORE_DAMAGED : 0;
	events->items = calloc(STORE_CA_EVENTS_MAX, sizeof(*events->items));
	if (events->items == NULL)
		return error_oom(err);
	events->room = STORE_CA_EVENTS_MAX;
	json_object_foreach((json_t *)(uintptr_t)object, key, times) {
		r = read_key(key, times, events, err);
		if (r != 0)
			return r;
	}
	if (events->count > 1)
		qsort(events->items, events->count, sizeof(*events->items), by_time);
	return 0;
}

static int read_head(const json_t *doc, const char **ret_directory, struct error *err)
{
	int64_t version = 0;

	if (json_need_int(doc, what, "version", &version, err) < 0 ||
	    json_need_string(doc, what, "directory", ret_directory, err) < 0)
		return STORE_DAMAGED;
	if (version > STORE_CA_VERSION)
		return error_set(err, ERROR_SYSTEM, "%s is of version %lld, this certd knows up to %d", what, (long long)version,
		                 (int)STORE_CA_VERSION);
	return version < 1 ? damaged(err, "version", "is less than 1") : 0;
}

int store_ca_parse(const char *data, size_t len, struct store_ca **ret, struct error *err)
{
	CLEANUP(store_ca_cleanup) struct store_ca *ca = NULL;
	json_auto_t *doc = NULL;
	const char *directory = NULL;
	int r;

	if (json_doc_parse(data, len, what, &doc, err) < 0)
		return err->kind == ERROR_INTERNAL ? -1 : STORE_DAMAGED;
	r = read_head(doc, &directory, err);
	if (r != 0)
		return r;
	ca = store_ca_new(directory, err);
	if (ca == NULL)
		return -1;
	r = read_time(doc, "seen_at", &ca->seen_at, err);
	if (r == 0)
		r = read_holds(doc, ca, err);
	for (size_t i = 0; r == 0 && i < STORE_CA_LOG_COUNT; i++)
		r = read_log(doc, logs[i], &ca->logs[i], err);
	if (r == 0)
		*ret = TAKE(ca);
	return r;
}

static json_t *hold_json(const struct store_ca_hold *hold)
{
	char since[TIME_TEXT_SIZE], until[TIME_TEXT_SIZE];
	struct store_ca_hold clean = *hold;
	json_t *json = json_pack("{s:s, s:s, s:s, s:s}", "scope", scopes[hold->scope], "endpoint", endpoints[hold->endpoint],
	                         "since", time_format(hold->since_at < time_max_at ? hold->since_at : time_max_at, since), "until",
	                         time_format(hold->until_at < time_max_at ? hold->until_at : time_max_at, until));
	bool failed = json == NULL;

	for (size_t i = 0; !failed && i < ARRAY_SIZE(texts); i++) {
		char *text = (char *)&clean + texts[i].offset;

		/* JSON holds UTF-8 only, and a text that was cut may end in the middle of a character. */
		text[texts[i].size - 1] = '\0';
		text_clean(text);
		failed = text[0] != '\0' && json_object_set_new(json, texts[i].name, json_string(text)) < 0;
	}
	if (!failed && hold->paused)
		failed = json_object_set_new(json, "paused", json_true()) < 0;
	if (!failed && hold->vague)
		failed = json_object_set_new(json, "vague", json_true()) < 0;
	if (!failed && hold->http_status > 0 && hold->http_status <= 999)
		failed = json_object_set_new(json, "http_status", json_integer(hold->http_status)) < 0;
	if (!failed)
		return json;
	json_decref(json);
	return NULL;
}

static json_t *holds_json(const struct store_ca *ca)
{
	json_t *list = json_array();

	for (size_t i = 0; list != NULL && i < ca->holds_count; i++) {
		if (json_array_append_new(list, hold_json(&ca->holds[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *log_json(const struct store_ca_events *events)
{
	json_t *object = json_object();

	for (size_t i = 0; object != NULL && i < events->count; i++) {
		json_t *times = json_object_get(object, events->items[i].key);

		if (times == NULL) {
			times = json_array();
			if (json_object_set_new(object, events->items[i].key, times) < 0)
				times = NULL;
		}
		if (json_array_append_new(times, json_integer(events->items[i].at)) < 0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

int store_ca_print(const struct store_ca *ca, struct buf *out, struct error *err)
{
	json_auto_t *doc = json_pack("{s:i, s:s}", "version", (int)STORE_CA_VERSION, "directory", ca->directory);
	char seen[TIME_TEXT_SIZE];
	bool failed = doc == NULL || json_object_set_new(doc, "holds", holds_json(ca)) < 0;

	if (!failed && ca->seen_at > 0)
		failed = json_object_set_new(doc, "seen_at", json_string(time_format(ca->seen_at, seen))) < 0;
	for (size_t i = 0; !failed && i < STORE_CA_LOG_COUNT; i++)
		failed = json_object_set_new(doc, logs[i], log_json(&ca->logs[i])) < 0;
	if (failed)
		return error_oom(err);
	if (json_doc_print(doc, true, out, err) < 0)
		return -1;
	buf_append_char(out, '\n');
	return buf_check(out, what, err);
}
