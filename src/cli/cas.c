#include "cli/cas.h"

#include "base/clock.h"
#include "base/error.h"
#include "cli/outcome.h"
#include "config/config.h"
#include "store/ca.h"
#include "store/store.h"

#include <stdio.h>

struct look {
	const struct config *config;
	int64_t now_at;
	json_t *list; /* NULL: for people */
};

static const char *name_of(const struct look *look, const struct store_ca *memory)
{
	const struct config_ca *ca = config_ca_find(look->config, store_ca_directory(memory));

	return ca ? ca->name : store_ca_directory(memory);
}

static bool in_force(const struct store_ca_hold *hold, int64_t now_at)
{
	enum { CLOCK_SLACK_S = 24 * 60 * 60 };

	return hold->until_at > now_at && hold->since_at <= now_at + CLOCK_SLACK_S;
}

static json_t *hold_json(const struct store_ca_hold *hold)
{
	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:b, s:s?, s:s}", "scope", store_ca_scope_name(hold->scope), "endpoint",
	                 store_ca_endpoint_name(hold->endpoint), "about", hold->about, "since", cli_time_json(hold->since_at),
	                 "until", cli_time_json(hold->until_at), "paused", hold->paused ? 1 : 0, "url",
	                 hold->url[0] != '\0' ? hold->url : NULL, "message", hold->message);
}

static int add_ca(void *self, const struct store_ca *memory, struct error *err)
{
	const struct look *look = self;
	json_t *list = json_array();
	size_t count;
	const struct store_ca_hold *holds = store_ca_holds(memory, &count);

	for (size_t i = 0; list && i < count; i++) {
		if (in_force(&holds[i], look->now_at))
			json_array_append_new(list, hold_json(&holds[i]));
	}
	if (json_array_size(list) == 0) {
		json_decref(list);
		return 0;
	}
	if (json_array_append_new(look->list, json_pack("{s:s, s:s, s:o}", "name", name_of(look, memory), "directory",
	                                                store_ca_directory(memory), "holds", list)) < 0)
		return error_oom(err);
	return 0;
}

json_t *cli_cas_json(const struct config *config, const struct store *store)
{
	struct look look = { config, clock_wall(clock_system()), json_array() };
	struct error ignored;

	if (store && look.list)
		(void)store_ca_each(store, add_ca, &look, &ignored);
	if (json_array_size(look.list) > 0)
		return look.list;
	json_decref(look.list);
	return NULL;
}

static int print_ca(void *self, const struct store_ca *memory, struct error *err)
{
	const struct look *look = self;
	char until[TIME_TEXT_SIZE];
	size_t count;
	const struct store_ca_hold *holds = store_ca_holds(memory, &count);

	(void)err;
	for (size_t i = 0; i < count; i++) {
		if (!in_force(&holds[i], look->now_at) || holds[i].scope == STORE_CA_NAMES)
			continue;
		printf("%s is not asked for %s before %s: %s\n", name_of(look, memory), holds[i].about,
		       time_format(holds[i].until_at, until), holds[i].message);
		if (holds[i].paused)
			printf("  %s\n", holds[i].advice);
	}
	return 0;
}

void cli_cas_print(const struct config *config, const struct store *store)
{
	struct look look = { .config = config, .now_at = clock_wall(clock_system()) };
	struct error ignored;

	if (store)
		(void)store_ca_each(store, print_ca, &look, &ignored);
}
