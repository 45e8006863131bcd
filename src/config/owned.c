/* owned.c: what a configuration owns, and what is asked of it. */
#include "config/owned.h"

#include "base/error.h"
#include "base/text.h"
#include "config/config.h"
#include "config/problem.h"
#include "config/value.h"

#include <stdlib.h>
#include <string.h>

int config_build_tell(struct config_build *b, const char *file, unsigned int line, const struct error *err)
{
	return config_problem_error(b->problems, file, line, err);
}

void config_build_put(struct config_build *b, const struct config_placed *placed, void *member)
{
	const struct config_directive *directive = placed->value->directive;
	const struct config_block *block = placed->block;
	struct error err;

	if (!config_directive_is_list(directive)) {
		if (config_value_read(directive, placed->value->text, &b->owned->arena, member, &err) < 0)
			config_build_tell(b, placed->file, placed->value->line, &err);
		return;
	}
	config_value_clear_list(directive, member);
	for (size_t i = 0; i < block->count; i++) {
		if (block->values[i].directive == directive &&
		    config_value_read(directive, block->values[i].text, &b->owned->arena, member, &err) < 0)
			config_build_tell(b, placed->file, block->values[i].line, &err);
	}
}

void config_build_gather(const struct config_block *block, struct config_placed placed[static CONFIG_DIRECTIVES_MAX])
{
	for (size_t i = 0; i < block->count; i++) {
		const struct config_value *value = &block->values[i];

		placed[config_directive_index(value->directive)] = (struct config_placed){ value, block->file, block };
	}
}

const struct config_placed *config_placed_of(const struct config_placed *placed, const char *name, unsigned int scopes)
{
	return &placed[config_directive_index(config_directive_find(name, scopes))];
}

const char *config_placed_text(const struct config_placed *placed)
{
	return placed->value == NULL || placed->value->text[0] == '\0' ? NULL : placed->value->text;
}

void config_free(struct config *config)
{
	struct config_owned *o;

	if (config == NULL)
		return;
	o = config->owned;
	for (size_t i = 0; i < config->certificates_count; i++)
		ident_list_done(&config->certificates[i]->names);
	if (o != NULL)
		config_arena_done(&o->arena);
	free(o);
	free(config);
}

void config_cleanup(struct config **config)
{
	config_free(*config);
	*config = NULL;
}

static const struct config_named *find_named(const struct config *config, const char *name)
{
	const struct config_owned *o = config->owned;
	size_t low = 0, high = o->named_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, o->named[middle].block->title);

		if (order == 0)
			return &o->named[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const struct config_certificate *config_find(const struct config *config, const char *name)
{
	const struct config_named *named = find_named(config, name);

	return named == NULL ? NULL : named->certificate;
}

const struct config_ca *config_ca_find(const struct config *config, const char *name_or_url)
{
	const struct config_owned *o = config->owned;

	for (size_t i = 0; i < o->cas_count; i++) {
		if (text_equal(o->cas[i]->name, name_or_url) ||
		    (o->cas[i]->directory != NULL && text_equal(o->cas[i]->directory, name_or_url)))
			return o->cas[i];
	}
	return NULL;
}

const struct config_ca *config_settings_ca(const struct config_settings *settings, const char *directory)
{
	for (size_t i = 0; i < settings->cas_count; i++) {
		if (text_equal(settings->cas[i]->directory, directory))
			return settings->cas[i];
	}
	return NULL;
}

const struct config_block *config_block_of(const struct config *config, const char *name)
{
	const struct config_named *named = find_named(config, name);

	return named == NULL ? NULL : named->block;
}

const struct config_file *config_files(const struct config *config, size_t *ret_count)
{
	const struct config_owned *o = config->owned;

	*ret_count = o->files_count;
	return o->files;
}

const struct config_raw *config_raw(const struct config *config)
{
	return &((const struct config_owned *)config->owned)->raw;
}

const char *config_effective(const struct config *config, const struct config_block *block,
                             const struct config_directive *directive)
{
	const struct config_owned *o = config->owned;
	const struct config_value *value = block == NULL ? NULL : config_block_value(block, directive);

	if (value == NULL)
		value = o->global[config_directive_index(directive)].value;
	if (value != NULL)
		return value->text;
	if (text_equal(directive->name, "webroot"))
		return config->defaults.webroot;
	return directive->standard;
}
