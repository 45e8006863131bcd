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

/* libConfuse hands no pointer of ours to its callbacks. But it keeps for a "simple" option where the value goes: this one's value
 * goes to the first member here. The option stands first in every block, under a name that no file can say. */
struct reader {
	char *value; /* of the option that is never set */
	struct config_raw *raw;
	size_t at; /* the block that will begin next */
	struct config_block *global;
	struct config_block *inner; /* the one we are in, or NULL */
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

/* The blocks come in the order in which the scan found them. */
static struct config_block *enter(struct reader *r, const char *title)
{
	struct config_block *block = r->at < r->raw->count ? r->raw->blocks[r->at] : NULL;
	char *copy = block == NULL ? NULL : config_arena_text(r->raw->arena, title == NULL ? "" : title);

	if (copy == NULL) {
		config_problem_oom(r->problems);
		return NULL;
	}
	r->at++;
	block->title = copy;
	r->inner = block;
	return block;
}

static int on_value(cfg_t *cfg, cfg_opt_t *opt, const char *text, void *result)
{
	struct reader *r = reader_of(cfg);
	bool is_global = cfg->name == NULL || strcmp(cfg->name, "root") == 0;
	struct config_block *block = is_global ? r->global : r->inner;
	const struct config_directive *directive;
	struct config_value *values;
	char *copy;

	if (block == NULL)
		block = enter(r, cfg->title);
	directive = block == NULL ? NULL : config_directive_find(opt->name, block->scope);
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

	if (r->inner == NULL && enter(r, opt->values[opt->nvalues - 1]->section->title) == NULL)
		return -1;
	r->inner = NULL;
	return 0;
}

/* The options of one scope, with room for more; in an arena of their own, since libConfuse copies them. */
static cfg_opt_t *make_options(struct reader *r, struct config_arena *arena, enum config_scope scope, size_t room,
                               size_t *ret_count)
{
	size_t directives_count, count = 0;
	const struct config_directive *directives = config_directives(&directives_count);
	cfg_opt_t *options = config_arena_alloc(arena, directives_count + 2 + room, sizeof(*options));

	if (options == NULL)
		return NULL;
	options[count++] = (cfg_opt_t){ .name = OURS, .type = CFGT_STR, .simple_value = { .string = &r->value } };
	for (size_t i = 0; i < directives_count; i++) {
		if ((directives[i].scopes & scope) == 0)
			continue;
		options[count++] = (cfg_opt_t){
			.name = directives[i].name,
			.type = CFGT_STR,
			.flags = CFGF_NODEFAULT | (directives[i].kind == CONFIG_KIND_NAMES ? CFGF_LIST : CFGF_NONE),
			.parsecb = on_value,
		};
	}
	*ret_count = count;
	return options;
}

static int parse(struct reader *r, const char *text)
{
	static const enum config_scope scopes[] = { CONFIG_SCOPE_CERTIFICATE, CONFIG_SCOPE_CA, CONFIG_SCOPE_NGINX };
	CLEANUP(config_arena_done) struct config_arena arena = { NULL };
	size_t count, inner_count;
	cfg_opt_t *options = make_options(r, &arena, CONFIG_SCOPE_GLOBAL, ARRAY_SIZE(scopes), &count);
	cfg_t *cfg;
	int result;

	if (options == NULL)
		return config_problem_oom(r->problems);
	for (size_t i = 0; i < ARRAY_SIZE(scopes); i++) {
		cfg_opt_t *inner = make_options(r, &arena, scopes[i], 0, &inner_count);
		bool title = config_block_has_title(scopes[i]);

		if (inner == NULL)
			return config_problem_oom(r->problems);
		options[count++] = (cfg_opt_t){
			.name = scopes[i] == CONFIG_SCOPE_CA ? CONFIG_SCAN_CA : config_block_name(scopes[i]),
			.type = CFGT_SEC,
			.flags = CFGF_NODEFAULT | CFGF_MULTI | (title ? CFGF_TITLE : CFGF_NONE),
			.subopts = inner,
			.validcb = on_block,
		};
	}
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
