/* read.c: libConfuse reads the values into the blocks that the scan has found. */
#include "config/raw.h"

#include "base/clean.h"
#include "config/problem.h"
#include "config/scan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <confuse.h>

enum { DEPTH_MAX = 4 };

/* libConfuse hands no pointer of ours to its callbacks. But it keeps for a "simple" option where the value goes: this one's value
 * goes to the first member here. The option stands first in every block, under a name that no file can say. */
struct reader {
	char *value; /* of the option that is never set */
	struct config_raw *raw;
	size_t at; /* the block that will begin next */
	struct config_block *global;
	struct config_block *inner[DEPTH_MAX]; /* the ones we are in, the innermost last */
	size_t depth;
	size_t problems_before;
	struct config_problems *problems;
};

#define OURS "\002"

static struct reader *reader_of(cfg_t *cfg)
{
	return (struct reader *)(void *)cfg->opts[0].simple_value.string;
}

__attribute__((format(printf, 2, 0))) static void on_error(cfg_t *cfg, const char *format, va_list ap)
{
	struct reader *r = reader_of(cfg);
	char message[256];

	if (vsnprintf(message, sizeof(message), format, ap) < 0)
		message[0] = '\0';
	config_problem(r->problems, r->global->file, cfg->line > 0 ? (unsigned int)cfg->line : 0, "%s", message);
}

/* The block of that scope that we are in. Of a block libConfuse tells first what is in it, or that it ends; so the blocks that we
 * have come into since are the next ones that the scan has found, in their order, down to one of that scope. */
static struct config_block *enter(struct reader *r, enum config_scope scope)
{
	while (r->depth == 0 || r->inner[r->depth - 1]->scope != scope) {
		if (r->at >= r->raw->count || r->depth == DEPTH_MAX) {
			config_problem(r->problems, r->global->file, 0, "a block is not where it was found");
			return NULL;
		}
		r->inner[r->depth++] = r->raw->blocks[r->at++];
	}
	return r->inner[r->depth - 1];
}

/* How libConfuse calls a block, and what the block is. */
static const char *section_name(enum config_scope scope)
{
	return scope == CONFIG_SCOPE_CA ? CONFIG_SCAN_CA : config_block_name(scope);
}

static enum config_scope section_scope(const char *name)
{
	return strcmp(name, CONFIG_SCAN_CA) == 0 ? CONFIG_SCOPE_CA : (enum config_scope)config_block_find(name);
}

/* libConfuse knows a block of a title that there was already as that one: only within the block its title is sure. */
static int put_title(struct reader *r, struct config_block *block, const char *title)
{
	char *copy;

	if (title == NULL || block->title[0] != '\0')
		return 0;
	copy = config_arena_text(r->raw->arena, title);
	if (copy == NULL)
		return config_problem_oom(r->problems);
	block->title = copy;
	return 0;
}

static int on_value(cfg_t *cfg, cfg_opt_t *opt, const char *text, void *result)
{
	struct reader *r = reader_of(cfg);
	bool is_global = cfg->name == NULL || strcmp(cfg->name, "root") == 0;
	struct config_block *block = is_global ? r->global : enter(r, section_scope(cfg->name));
	const struct config_directive *directive;
	struct config_value *values;
	char *copy;

	if (block == NULL || (!is_global && put_title(r, block, cfg->title) < 0))
		return -1;
	directive = config_directive_find(opt->name, block->scope);
	if (directive == NULL)
		return -1;
	copy = config_arena_text(r->raw->arena, text);
	values = config_arena_grow(r->raw->arena, block->values, block->count, sizeof(*values));
	if (copy == NULL || values == NULL)
		return config_problem_oom(r->problems);
	block->values = values;
	block->values[block->count++] =
		(struct config_value){ directive, copy, cfg->line > 0 ? (unsigned int)cfg->line : 0 };
	*(const char **)result = copy;
	return 0;
}

/* libConfuse is at the end of a block. */
static int on_block(cfg_t *cfg, cfg_opt_t *opt)
{
	struct reader *r = reader_of(cfg);
	struct config_block *block = enter(r, section_scope(opt->name));

	if (block == NULL || put_title(r, block, opt->values[opt->nvalues - 1]->section->title) < 0)
		return -1;
	r->depth--;
	return 0;
}

/* The options of one scope and, within, of the blocks in it; in an arena of their own, since libConfuse copies them. */
static cfg_opt_t *make_options(struct reader *r, struct config_arena *arena, enum config_scope scope)
{
	size_t directives_count, scopes_count, count = 0;
	const struct config_directive *directives = config_directives(&directives_count);
	const enum config_scope *scopes = config_block_scopes(&scopes_count);
	cfg_opt_t *options = config_arena_alloc(arena, directives_count + scopes_count + 2, sizeof(*options));

	if (options == NULL)
		return NULL;
	options[count++] = (cfg_opt_t){ .name = OURS, .type = CFGT_STR, .simple_value = { .string = &r->value } };
	for (size_t i = 0; i < directives_count; i++) {
		if ((directives[i].scopes & scope) == 0)
			continue;
		options[count++] = (cfg_opt_t){
			.name = directives[i].name,
			.type = CFGT_STR,
			.flags = CFGF_NODEFAULT | (config_directive_is_list(&directives[i]) ? CFGF_LIST : CFGF_NONE),
			.parsecb = on_value,
		};
	}
	for (size_t i = 0; i < scopes_count; i++) {
		cfg_opt_t *inner;

		if (config_block_parent(scopes[i]) != scope)
			continue;
		inner = make_options(r, arena, scopes[i]);
		if (inner == NULL)
			return NULL;
		options[count++] = (cfg_opt_t){
			.name = section_name(scopes[i]),
			.type = CFGT_SEC,
			.flags = CFGF_NODEFAULT | CFGF_MULTI | (config_block_has_title(scopes[i]) ? CFGF_TITLE : CFGF_NONE),
			.subopts = inner,
			.validcb = on_block,
		};
	}
	return options;
}

static int parse(struct reader *r, const char *text)
{
	CLEANUP(config_arena_done) struct config_arena arena = { NULL };
	cfg_opt_t *options = make_options(r, &arena, CONFIG_SCOPE_GLOBAL);
	cfg_t *cfg;
	int result;

	if (options == NULL)
		return config_problem_oom(r->problems);
	cfg = cfg_init(options, CFGF_NONE);
	if (cfg == NULL)
		return config_problem_oom(r->problems);
	cfg_set_error_function(cfg, on_error);
	result = cfg_parse_buf(cfg, text);
	cfg_free(cfg);
	free(TAKE(r->value));
	if (result != CFG_SUCCESS && r->problems->count == r->problems_before)
		return config_problem(r->problems, r->global->file, 0, "cannot be read");
	return result == CFG_SUCCESS ? 0 : -1;
}

int config_raw_parse(struct config_raw *raw, const char *file, const char *text, size_t len,
                     struct config_problems *problems)
{
	size_t begin = raw->count, problems_before = problems->count;
	char *copy = config_arena_copy(raw->arena, text, len);
	char *path = config_arena_text(raw->arena, file);
	struct reader r = { .raw = raw, .at = begin + 1, .problems = problems };

	if (copy == NULL || path == NULL)
		return config_problem_oom(problems);
	if (len > CONFIG_FILE_MAX)
		return config_problem(problems, path, 0, "larger than %d octets", CONFIG_FILE_MAX);
	if (config_scan(raw, path, copy, len, problems) < 0) {
		raw->count = begin;
		return -1;
	}
	r.global = raw->blocks[begin];
	r.problems_before = problems->count;
	if (parse(&r, copy) < 0) {
		raw->count = begin;
		return -1;
	}
	return problems->count == problems_before ? 0 : -1;
}

const struct config_value *config_block_value(const struct config_block *block, const struct config_directive *directive)
{
	for (size_t i = block->count; i > 0; i--) {
		if (block->values[i - 1].directive == directive)
			return &block->values[i - 1];
	}
	return NULL;
}
