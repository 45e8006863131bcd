/* compose.c: the configuration as text: what `certd issue` remembers, in the syntax a person would write. */
#include "config/config.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "config/ca.h"
#include "config/owned.h"
#include "config/problem.h"
#include "config/site.h"
#include "config/value.h"
#include "config/words.h"

#include <string.h>

enum { LINE_WIDTH = 100 };

static const char heading[] = "# Written by `certd issue`, which changes the block below and nothing else here. See certd.conf(5).\n";

int config_quote(const char *text, struct buf *out)
{
	/* In single quotes nothing is expanded. */
	char quote = strpbrk(text, "\"\\$") == NULL ? '"' : '\'';

	buf_append_char(out, quote);
	for (; *text != '\0'; text++) {
		if (quote == '\'' && (*text == '\'' || *text == '\\'))
			buf_append_char(out, '\\');
		buf_append_char(out, *text);
	}
	return buf_append_char(out, quote);
}

static bool goes_bare(const struct config_value *value)
{
	enum config_kind kind = value->directive->kind;
	size_t len = strspn(value->text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");

	return len > 0 && value->text[len] == '\0' &&
	       (kind == CONFIG_KIND_BOOL || kind == CONFIG_KIND_PORT || kind == CONFIG_KIND_COUNT ||
	        kind == CONFIG_KIND_DURATION);
}

static void print_indent(unsigned int depth, struct buf *out)
{
	for (unsigned int i = 0; i < depth; i++)
		buf_append_char(out, '\t');
}

static void print_list(const struct config_block *block, const struct config_directive *directive, struct buf *out)
{
	size_t width = 0, printed = 0;

	for (size_t i = 0; i < block->count; i++) {
		if (block->values[i].directive == directive)
			width += strlen(block->values[i].text) + 4;
	}
	for (size_t i = 0; i < block->count; i++) {
		if (block->values[i].directive != directive)
			continue;
		buf_append_text(out, printed++ > 0 ? "," : "{");
		buf_append_text(out, width > LINE_WIDTH ? "\n\t\t" : " ");
		config_quote(block->values[i].text, out);
	}
	buf_append_text(out, width > LINE_WIDTH ? "\n\t}" : " }");
}

/* A list of one that a person may have written without braces is printed so. */
static bool is_printed_as_list(const struct config_block *block, const struct config_value *last)
{
	if (last->directive->kind == CONFIG_KIND_NAMES)
		return true;
	for (size_t i = 0; i < block->count; i++) {
		if (&block->values[i] != last && block->values[i].directive == last->directive)
			return true;
	}
	return false;
}

static void print_values(const struct config_block *block, unsigned int depth, struct buf *out)
{
	size_t count;
	const struct config_directive *directives = config_directives(&count);

	for (size_t i = 0; i < count; i++) {
		const struct config_value *value = config_block_value(block, &directives[i]);

		if (value == NULL)
			continue;
		print_indent(depth, out);
		buf_printf(out, "%s = ", directives[i].name);
		if (is_printed_as_list(block, value))
			print_list(block, &directives[i], out);
		else if (goes_bare(value))
			buf_append_text(out, value->text);
		else
			config_quote(value->text, out);
		buf_append_char(out, '\n');
	}
}

static void print_block(const struct config_block *block, unsigned int depth, struct buf *out)
{
	if (block->scope == CONFIG_SCOPE_GLOBAL) {
		print_values(block, depth, out);
		return;
	}
	print_indent(depth, out);
	buf_printf(out, "%s ", config_block_name(block->scope));
	if (config_block_has_title(block->scope)) {
		config_quote(block->title, out);
		buf_append_char(out, ' ');
	}
	buf_append_text(out, "{\n");
	print_values(block, depth + 1, out);
	for (size_t i = 0; i < block->inner_count; i++) {
		print_block(block->inner[i], depth + 1, out);
		buf_append_char(out, '\n');
	}
	print_indent(depth, out);
	buf_append_char(out, '}');
}

int config_block_print(const struct config_block *block, struct buf *out)
{
	print_block(block, 0, out);
	return out->failed ? -1 : 0;
}

/* conf.d/NAME.conf */
static int path_of(const struct config *config, const char *name, struct buf *out, struct error *err)
{
	if (ident_check_certificate_name(name, err) < 0)
		return -1;
	buf_printf(out, "%s/%s.conf", config->conf_dir, name);
	return buf_check(out, "path", err);
}

static const struct config_file *file_of(const struct config *config, const char *path)
{
	size_t count;
	const struct config_file *files = config_files(config, &count);

	for (size_t i = 0; i < count; i++) {
		if (text_equal(files[i].path, path))
			return &files[i];
	}
	return NULL;
}

static int add_value(struct config_arena *arena, struct config_block *block, const struct config_directive *directive,
                     const char *text, struct error *err)
{
	struct config_value *values = config_arena_grow(arena, block->values, block->count, sizeof(*values));

	if (values == NULL)
		return error_oom(err);
	block->values = values;
	block->values[block->count++] = (struct config_value){ .directive = directive, .text = text };
	return 0;
}

/* "letsencrypt,zerossl" as values of the list. */
static int add_cas(struct config_arena *arena, struct config_block *block, const char *text, struct error *err)
{
	const struct config_directive *directive = config_directive_find("ca", CONFIG_SCOPE_CERTIFICATE);

	for (;;) {
		const size_t len = strcspn(text, ",");
		const size_t skip = strspn(text, " ");
		size_t end = len;
		char *one;

		while (end > skip && text[end - 1] == ' ')
			end--;
		one = config_arena_copy(arena, text + (skip < end ? skip : end), end - (skip < end ? skip : end));
		if (one == NULL)
			return error_oom(err);
		if (add_value(arena, block, directive, one, err) < 0)
			return -1;
		if (text[len] == '\0')
			return 0;
		text += len + 1;
	}
}

static int check_cas(const struct config *config, const struct config_option *option, struct config_arena *arena,
                     struct error *err)
{
	const struct config_owned *o = config->owned;
	struct config_block block = { .count = 0 };
	const struct config_ca *ca;

	if (add_cas(arena, &block, option->value, err) < 0)
		return -1;
	for (size_t i = 0; i < block.count; i++) {
		if (config_value_check(block.values[i].directive, block.values[i].text, err) < 0 ||
		    config_ca_resolve(o->cas, o->cas_count, block.values[i].text, arena, &ca, err) < 0)
			return -1;
	}
	return 0;
}

static int check_option(const struct config *config, const struct config_option *option, struct config_arena *arena,
                        struct error *err)
{
	const struct config_directive *directive = config_directive_find(option->directive, CONFIG_SCOPE_CERTIFICATE);
	struct error why;
	int r;

	if (config_site_is_option(option))
		return config_site_check_option(option, err);
	if (directive == NULL || directive->kind == CONFIG_KIND_NAMES)
		return error_set(err, ERROR_USAGE, "--%.64s is no option for a certificate", option->directive);
	r = directive->kind == CONFIG_KIND_CAS ? check_cas(config, option, arena, &why) :
	                                         config_value_check(directive, option->value, &why);
	return r == 0 ? 0 : error_set(err, why.kind, "--%s", why.message);
}

static const struct config_option *option_of(const struct config_directive *directive, const struct config_option *options,
                                             size_t count)
{
	for (size_t i = count; i > 0; i--) {
		if (text_equal(options[i - 1].directive, directive->name))
			return &options[i - 1];
	}
	return NULL;
}

/* The names as the block has them, or, where these are others, as given. */
static int compose_names(const struct config *config, const struct config_block *old, const struct ident_list *names,
                         struct config_arena *arena, struct config_block *block, bool *changed, struct error *err)
{
	const struct config_directive *directive = config_directive_find("names", CONFIG_SCOPE_CERTIFICATE);

	if (old != NULL && ident_list_same(&config_find(config, old->title)->names, names)) {
		for (size_t i = 0; i < old->count; i++) {
			if (old->values[i].directive == directive &&
			    add_value(arena, block, directive, old->values[i].text, err) < 0)
				return -1;
		}
		return 0;
	}
	*changed = true;
	for (size_t i = 0; i < names->count; i++) {
		if (add_value(arena, block, directive, names->items[i].value, err) < 0)
			return -1;
	}
	return 0;
}

/* All that the old block says of the directive. */
static int add_said(struct config_arena *arena, struct config_block *block, const struct config_block *old,
                    const struct config_directive *directive, struct error *err)
{
	if (!config_directive_is_list(directive))
		return add_value(arena, block, directive, config_block_value(old, directive)->text, err);
	for (size_t i = 0; i < old->count; i++) {
		if (old->values[i].directive == directive && add_value(arena, block, directive, old->values[i].text, err) < 0)
			return -1;
	}
	return 0;
}

/* The values of `ca` that hold for a block (NULL: for one that says nothing): its own, those for all, or none: the default. Borrowed. */
static const struct config_block *effective_cas(const struct config *config, const struct config_block *old)
{
	const struct config_directive *directive = config_directive_find("ca", CONFIG_SCOPE_CERTIFICATE);
	const struct config_owned *o = config->owned;

	if (old != NULL && config_block_value(old, directive) != NULL)
		return old;
	return o->global[config_directive_index(directive)].block;
}

static bool same_cas(const struct config_block *wished, const struct config_block *said)
{
	const struct config_directive *directive = config_directive_find("ca", CONFIG_SCOPE_CERTIFICATE);
	size_t n = 0;

	if (said == NULL)
		return wished->count == 1 && text_equal(wished->values[0].text, directive->standard);
	for (size_t i = 0; i < said->count; i++) {
		if (said->values[i].directive != directive)
			continue;
		if (n >= wished->count || !text_equal(wished->values[n++].text, said->values[i].text))
			return false;
	}
	return n == wished->count;
}

/* The CAs as wished, or, where that is what holds already, as the block has them. */
static int compose_cas(const struct config *config, const struct config_block *old, const struct config_option *options,
                       size_t options_count, struct config_arena *arena, struct config_block *block, bool *changed,
                       struct error *err)
{
	const struct config_directive *directive = config_directive_find("ca", CONFIG_SCOPE_CERTIFICATE);
	const struct config_block *from = old;
	struct config_block wished = { .count = 0 };

	for (size_t i = 0; i < options_count; i++) {
		if (text_equal(options[i].directive, "ca") && add_cas(arena, &wished, options[i].value, err) < 0)
			return -1;
	}
	if (wished.count > 0 && !(old != NULL && same_cas(&wished, effective_cas(config, old)))) {
		*changed = true;
		from = &wished;
	}
	for (size_t i = 0; from != NULL && i < from->count; i++) {
		if (from->values[i].directive == directive && add_value(arena, block, directive, from->values[i].text, err) < 0)
			return -1;
	}
	return 0;
}

/* What an option says; of a list each word is a value. */
static int add_option(struct config_arena *arena, struct config_block *block, const struct config_directive *directive,
                      const struct config_option *option, struct error *err)
{
	char word[CONFIG_WORD_SIZE];
	const char *at = option->value;

	if (!config_directive_is_list(directive))
		return add_value(arena, block, directive, option->value, err);
	while (config_words_next(&at, word, sizeof(word))) {
		char *copy = config_arena_text(arena, word);

		if (copy == NULL)
			return error_oom(err);
		if (add_value(arena, block, directive, copy, err) < 0)
			return -1;
	}
	return 0;
}

/* Whether the values of a list that hold are those of the option. */
static bool is_list_as_said(const struct config *config, const struct config_block *old, const struct config_directive *directive,
                            const struct config_option *option)
{
	const struct config_owned *o = config->owned;
	const struct config_block *block = config_block_value(old, directive) != NULL ?
	                                           old :
	                                           o->global[config_directive_index(directive)].block;
	char word[CONFIG_WORD_SIZE];
	const char *at = option->value;

	if (block == NULL)
		return text_equal(option->value, directive->standard != NULL ? directive->standard : "");
	for (size_t i = 0; i < block->count; i++) {
		if (block->values[i].directive == directive &&
		    (!config_words_next(&at, word, sizeof(word)) || !text_equal(word, block->values[i].text)))
			return false;
	}
	return at == NULL;
}

/* Whether the option says what holds for the block already. */
static bool is_as_said(const struct config *config, const struct config_block *old, const struct config_directive *directive,
                       const struct config_option *option)
{
	const char *effective = config_effective(config, old, directive);

	if (config_directive_is_list(directive))
		return is_list_as_said(config, old, directive, option);
	return config_value_same(directive, option->value, effective == NULL ? "" : effective);
}

static int compose_values(const struct config *config, const struct config_block *old,
                          const struct config_option *options, size_t options_count, struct config_arena *arena,
                          struct config_block *block, bool *changed, struct error *err)
{
	size_t count;
	const struct config_directive *directives = config_directives(&count);

	for (size_t i = 0; i < count; i++) {
		const struct config_directive *d = &directives[i];
		const struct config_option *option = option_of(d, options, options_count);
		const struct config_value *said = old == NULL ? NULL : config_block_value(old, d);

		if ((d->scopes & CONFIG_SCOPE_CERTIFICATE) == 0 || d->kind == CONFIG_KIND_NAMES || d->kind == CONFIG_KIND_CAS)
			continue;
		/* What holds already need not be said once more: a person's file stays as it is. */
		if (option != NULL && old != NULL && is_as_said(config, old, d, option))
			option = NULL;
		if (option == NULL && said == NULL)
			continue;
		*changed = *changed || option != NULL;
		if ((option == NULL ? add_said(arena, block, old, d, err) : add_option(arena, block, d, option, err)) < 0)
			return -1;
	}
	return 0;
}

int config_compose(const struct config *config, const char *name, const struct ident_list *names,
                   const struct config_option *options, size_t options_count, struct buf *text, struct error *err)
{
	CLEANUP(config_arena_done) struct config_arena arena = { NULL };
	CLEANUP(buf_done) struct buf path = BUF(CONFIG_FILE_MAX);
	const struct config_block *old = config_block_of(config, name);
	const struct config_file *file;
	struct config_block block = { .scope = CONFIG_SCOPE_CERTIFICATE, .title = name };
	bool changed = false, ours;

	for (size_t i = 0; i < options_count; i++) {
		if (check_option(config, &options[i], &arena, err) < 0)
			return -1;
	}
	if (path_of(config, name, &path, err) < 0 ||
	    compose_names(config, old, names, &arena, &block, &changed, err) < 0 ||
	    compose_cas(config, old, options, options_count, &arena, &block, &changed, err) < 0 ||
	    compose_values(config, old, options, options_count, &arena, &block, &changed, err) < 0 ||
	    config_site_compose(old, options, options_count, &arena, &block, &changed, err) < 0)
		return -1;
	file = file_of(config, buf_text(&path));
	ours = old != NULL && file != NULL && text_equal(old->file, file->path);
	if (ours && !changed) {
		buf_append(text, file->text, file->len);
		return buf_check(text, "configuration", err);
	}
	if (ours)
		buf_append(text, file->text, old->begin);
	else if (file != NULL && file->len > 0)
		buf_printf(text, "%s%s", file->text, text_has_suffix(file->text, "\n") ? "" : "\n");
	else
		buf_append_text(text, heading);
	config_block_print(&block, text);
	if (ours)
		buf_append(text, file->text + old->end, file->len - old->end);
	else
		buf_append_char(text, '\n');
	return buf_check(text, "configuration", err);
}

/* The files with this one in its place by name. */
static int replace_file(const struct config *config, const struct config_file *file, struct config_arena *arena,
                        struct config_input *ret, struct error *err)
{
	size_t count, n = 0;
	const struct config_file *files = config_files(config, &count);
	struct config_file *replaced = config_arena_alloc(arena, count + 1, sizeof(*replaced));
	bool done = false;

	if (replaced == NULL)
		return error_oom(err);
	for (size_t i = 0; i < count; i++) {
		if (text_equal(files[i].path, file->path))
			continue;
		if (!done && !text_equal(files[i].path, config->file) && strcmp(files[i].path, file->path) > 0) {
			replaced[n++] = *file;
			done = true;
		}
		replaced[n++] = files[i];
	}
	if (!done)
		replaced[n++] = *file;
	ret->main_file = config->file;
	ret->files = replaced;
	ret->count = n;
	return 0;
}

int config_load_with(const struct config *config, const char *name, const char *text, struct config **ret,
                     struct error *err)
{
	CLEANUP(config_arena_done) struct config_arena arena = { NULL };
	CLEANUP(buf_done) struct buf path = BUF(CONFIG_FILE_MAX);
	struct config_problems problems = { .err = err };
	struct config_input input = { .only_certificate = name };
	struct config_file file;

	if (path_of(config, name, &path, err) < 0)
		return -1;
	file = (struct config_file){ .path = buf_text(&path), .text = text, .len = strlen(text) };
	input.only_in = file.path;
	if (replace_file(config, &file, &arena, &input, err) < 0)
		return -1;
	return config_build(&input, &problems, ret);
}

/* Whether the text says of the certificate what the block says. */
static bool says_the_same(const struct config_block *block, const char *path, const char *text)
{
	CLEANUP(config_arena_done) struct config_arena arena = { NULL };
	CLEANUP(buf_done) struct buf ours = BUF(CONFIG_FILE_MAX);
	CLEANUP(buf_done) struct buf theirs = BUF(CONFIG_FILE_MAX);
	struct config_raw raw = { .arena = &arena };
	struct error err;
	struct config_problems problems = { .err = &err };

	if (config_raw_parse(&raw, path, text, strlen(text), &problems) < 0 || config_block_print(block, &theirs) < 0)
		return false;
	for (size_t i = 0; i < raw.count; i++) {
		if (raw.blocks[i]->scope == CONFIG_SCOPE_CERTIFICATE && text_equal(raw.blocks[i]->title, block->title))
			return config_block_print(raw.blocks[i], &ours) == 0 && text_equal(buf_text(&ours), buf_text(&theirs));
	}
	return false;
}

/* Whether it is another file's; its path is appended. */
static int check_place(const struct config *config, const char *name, const char *text, struct buf *path, bool *ret_same,
                       struct error *err)
{
	const struct config_block *old = config_block_of(config, name);

	*ret_same = false;
	if (path_of(config, name, path, err) < 0)
		return -1;
	if (old == NULL || text_equal(old->file, buf_text(path)))
		return 0;
	*ret_same = says_the_same(old, buf_text(path), text);
	if (*ret_same)
		return 0;
	error_set(err, ERROR_USAGE, "%s:%u: certificate \"%s\" is described here, in a file that certd does not change",
	          old->file, old->line, name);
	return error_advise(err, "write there what shall change, or take the block out and let certd issue write it");
}

int config_save_check(const struct config *config, const char *name, const char *text, struct error *err)
{
	CLEANUP(buf_done) struct buf path = BUF(CONFIG_FILE_MAX);
	bool same;

	return check_place(config, name, text, &path, &same, err);
}

int config_save(const struct config *config, const char *name, const char *text, struct error *err)
{
	CLEANUP(buf_done) struct buf path = BUF(CONFIG_FILE_MAX);
	CLEANUP(buf_done) struct buf present = BUF(CONFIG_FILE_MAX);
	CLEANUP(clean_fd) int fd = -1;
	const char *leaf;
	bool same;
	int result;

	if (check_place(config, name, text, &path, &same, err) < 0)
		return -1;
	if (same)
		return 0;
	leaf = strrchr(buf_text(&path), '/') + 1;
	if (file_make_dirs(config->conf_dir, 0755, &fd, err) < 0)
		return -1;
	result = file_read(fd, leaf, &present, err);
	if (result == FILE_OK && text_equal(buf_text(&present), text))
		return 0;
	if (result < 0 || file_write(fd, leaf, text, strlen(text), 0644, err) < 0)
		return error_context(err, "%s", buf_text(&path));
	return 0;
}
