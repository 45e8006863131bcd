/* compose_site.c: the site block as text. */
#include "config/site.h"

#include "base/error.h"
#include "base/text.h"
#include "config/config.h"
#include "config/value.h"

#include <string.h>

/* "websocket" and "proxy": the scope of such a block; else 0. */
static unsigned int location_scope(const char *name)
{
	unsigned int scope = config_block_find(name);

	return scope == CONFIG_SCOPE_WEBSOCKET || scope == CONFIG_SCOPE_PROXY ? scope : 0;
}

bool config_site_is_option(const struct config_option *option)
{
	return location_scope(option->directive) != 0 || config_block_find(option->directive) == CONFIG_SCOPE_SITE ||
	       config_directive_find(option->directive, CONFIG_SCOPE_SITE) != NULL;
}

int config_site_check_option(const struct config_option *option, struct error *err)
{
	const struct config_directive *directive = config_directive_find(option->directive, CONFIG_SCOPE_SITE);
	unsigned int scope = location_scope(option->directive);
	const char *equals = strchr(option->value, '=');
	char path[256];
	const char *fault;
	struct error why;

	if (directive != NULL) {
		if (config_value_check(directive, option->value, &why) < 0)
			return error_set(err, why.kind, "--%s", why.message);
		return 0;
	}
	if (scope == 0)
		return 0;
	if (equals == NULL || equals == option->value || (size_t)(equals - option->value) >= sizeof(path))
		return error_set(err, ERROR_USAGE, "--%s \"%.128s\": PATH=URL is needed, as /ws=http://localhost:8081",
		                 option->directive, option->value);
	memcpy(path, option->value, (size_t)(equals - option->value));
	path[equals - option->value] = '\0';
	fault = config_site_uri_fault(path);
	if (fault == NULL)
		fault = config_site_upstream_fault(equals + 1);
	return fault == NULL ? 0 :
	                       error_set(err, ERROR_USAGE, "--%s \"%.128s\": %s", option->directive, option->value, fault);
}

static const struct config_block *site_of(const struct config_block *block)
{
	for (size_t i = 0; block != NULL && i < block->inner_count; i++) {
		if (block->inner[i]->scope == CONFIG_SCOPE_SITE)
			return block->inner[i];
	}
	return NULL;
}

static struct config_block *add_inner(struct config_arena *arena, struct config_block *block, unsigned int scope, const char *title)
{
	struct config_block *inner = config_arena_alloc(arena, 1, sizeof(*inner));
	struct config_block **list = config_arena_grow(arena, block->inner, block->inner_count, sizeof(struct config_block *));

	if (inner == NULL || list == NULL)
		return NULL;
	*inner = (struct config_block){ .scope = (enum config_scope)scope, .title = title };
	block->inner = list;
	block->inner[block->inner_count++] = inner;
	return inner;
}

static int put_value(struct config_arena *arena, struct config_block *block, const struct config_directive *directive,
                     const char *text)
{
	struct config_value *values;

	for (size_t i = 0; i < block->count; i++) {
		if (block->values[i].directive == directive) {
			block->values[i].text = text;
			return 0;
		}
	}
	values = config_arena_grow(arena, block->values, block->count, sizeof(*values));
	if (values == NULL)
		return -1;
	block->values = values;
	block->values[block->count++] = (struct config_value){ .directive = directive, .text = text };
	return 0;
}

/* A copy that can be changed. */
static struct config_block *copy_site(const struct config_block *old, struct config_arena *arena, struct config_block *block)
{
	struct config_block *site = add_inner(arena, block, CONFIG_SCOPE_SITE, "");

	for (size_t i = 0; site != NULL && old != NULL && i < old->count; i++) {
		if (put_value(arena, site, old->values[i].directive, old->values[i].text) < 0)
			return NULL;
	}
	for (size_t i = 0; site != NULL && old != NULL && i < old->inner_count; i++) {
		const struct config_block *from = old->inner[i];
		struct config_block *inner = add_inner(arena, site, from->scope, from->title);

		for (size_t k = 0; inner != NULL && k < from->count; k++) {
			if (put_value(arena, inner, from->values[k].directive, from->values[k].text) < 0)
				return NULL;
		}
		if (inner == NULL)
			return NULL;
	}
	return site;
}

/* "PATH=URL" */
static int put_location(struct config_arena *arena, struct config_block *site, const struct config_option *option, bool *changed)
{
	unsigned int scope = location_scope(option->directive);
	const struct config_directive *to = config_directive_find("to", scope);
	const char *equals = strchr(option->value, '=');
	const char *path = config_arena_copy(arena, option->value, (size_t)(equals - option->value));
	const struct config_value *said;
	struct config_block *location = NULL;

	if (path == NULL)
		return -1;
	for (size_t i = 0; i < site->inner_count && location == NULL; i++) {
		if (text_equal(site->inner[i]->title, path))
			location = site->inner[i];
	}
	if (location == NULL)
		location = add_inner(arena, site, scope, path);
	if (location == NULL)
		return -1;
	said = config_block_value(location, to);
	if (location->scope == (enum config_scope)scope && said != NULL && text_equal(said->text, equals + 1))
		return 0;
	*changed = true;
	location->scope = (enum config_scope)scope;
	return put_value(arena, location, to, equals + 1);
}

static int put_option(struct config_arena *arena, struct config_block *site, const struct config_option *option, bool *changed)
{
	const struct config_directive *directive = config_directive_find(option->directive, CONFIG_SCOPE_SITE);
	const struct config_value *said = directive == NULL ? NULL : config_block_value(site, directive);
	const char *holds = said != NULL ? said->text : directive != NULL ? directive->standard : NULL;

	if (location_scope(option->directive) != 0)
		return put_location(arena, site, option, changed);
	if (directive == NULL || config_value_same(directive, option->value, holds == NULL ? "" : holds))
		return 0;
	*changed = true;
	return put_value(arena, site, directive, option->value);
}

int config_site_compose(const struct config_block *old, const struct config_option *options, size_t options_count,
                        struct config_arena *arena, struct config_block *block, bool *changed, struct error *err)
{
	const struct config_block *old_site = site_of(old);
	struct config_block *site;
	bool wanted = old_site != NULL;

	for (size_t i = 0; i < options_count; i++)
		wanted = wanted || config_site_is_option(&options[i]);
	if (!wanted)
		return 0;
	*changed = *changed || old_site == NULL;
	site = copy_site(old_site, arena, block);
	if (site == NULL)
		return error_oom(err);
	for (size_t i = 0; i < options_count; i++) {
		if (config_site_is_option(&options[i]) && put_option(arena, site, &options[i], changed) < 0)
			return error_oom(err);
	}
	return 0;
}
