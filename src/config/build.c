/* build.c: from the texts of the files to the checked configuration. */
#include "config/owned.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/text.h"
#include "config/config.h"
#include "config/problem.h"
#include "config/value.h"

#include <stdlib.h>
#include <string.h>

/* What is said outside of certificates and CAs, in all files together. */
static void gather_global(struct config_build *b)
{
	struct config_owned *o = b->owned;

	for (size_t i = 0; i < o->raw.count; i++) {
		const struct config_block *block = o->raw.blocks[i];

		if (block->scope != CONFIG_SCOPE_GLOBAL && block->scope != CONFIG_SCOPE_NGINX)
			continue;
		for (size_t j = 0; j < block->count; j++) {
			const struct config_value *value = &block->values[j];
			struct config_placed *placed = &o->global[config_directive_index(value->directive)];

			if (placed->value != NULL && placed->block != block)
				config_problem(b->problems, block->file, value->line, "%s is said in %s:%u already",
				               value->directive->name, placed->file, placed->value->line);
			else
				*placed = (struct config_placed){ value, block->file, block };
		}
	}
	config_build_check_eab(b, o->global);
}

void config_build_put_members(struct config_build *b, const struct config_placed *placed, unsigned int with, unsigned int without,
                              void *base)
{
	size_t count;
	const struct config_directive *directives = config_directives(&count);

	for (size_t i = 0; i < count; i++) {
		const struct config_directive *d = &directives[i];

		if ((d->scopes & with) != 0 && (d->scopes & without) == 0 && d->offset != CONFIG_NO_OFFSET &&
		    placed[i].value != NULL)
			config_build_put(b, &placed[i], (char *)base + d->offset);
	}
}

static int put_defaults(struct config_build *b)
{
	struct config *c = b->config;
	size_t count;
	const struct config_directive *directives = config_directives(&count);
	struct error err;

	for (size_t i = 0; i < count; i++) {
		const struct config_directive *d = &directives[i];
		char *base = (d->scopes & CONFIG_SCOPE_CERTIFICATE) != 0 ? (char *)&c->defaults : (char *)c;

		if (d->offset == CONFIG_NO_OFFSET || d->standard == NULL || (d->scopes & CONFIG_SCOPE_SITE) != 0)
			continue;
		if (config_value_read(d, d->standard, &b->owned->arena, base + d->offset, &err) < 0)
			return config_build_tell(b, "the built-in default", 0, &err);
	}
	return 0;
}

static void build_globals(struct config_build *b)
{
	static const struct config_placed nothing[CONFIG_DIRECTIVES_MAX];
	struct config *c = b->config;
	const struct config_placed *global = b->owned->global;

	if (put_defaults(b) < 0)
		return;
	config_build_put_members(b, global, CONFIG_SCOPE_GLOBAL | CONFIG_SCOPE_NGINX, CONFIG_SCOPE_CERTIFICATE, c);
	config_build_put_members(b, global, CONFIG_SCOPE_CERTIFICATE, 0, &c->defaults);
	config_build_choose_cas(b, NULL, nothing, global, &c->defaults);
	if (c->defaults.webroot == NULL) {
		char *webroot = config_arena_alloc(&b->owned->arena, strlen(c->state_dir) + sizeof("/webroot"), 1);

		if (webroot == NULL) {
			config_problem_oom(b->problems);
			return;
		}
		memcpy(webroot, c->state_dir, strlen(c->state_dir));
		memcpy(webroot + strlen(c->state_dir), "/webroot", sizeof("/webroot"));
		c->defaults.webroot = webroot;
	}
}

static void add_name(struct config_build *b, struct config_certificate *certificate, const struct config_block *block,
                     const char *text, unsigned int line)
{
	struct ident ident;
	struct error err;

	if (ident_parse(text, &ident, &err) < 0 || ident_list_add(&certificate->names, &ident, &err) < 0) {
		error_context(&err, "names");
		config_build_tell(b, block->file, line, &err);
		return;
	}
	if (ident.wildcard && text_equal(certificate->settings.challenge, "http-01"))
		config_problem(b->problems, block->file, line,
		               "names: %s: a wildcard cannot be proven by http-01: name each host that is served",
		               ident.value);
}

static void build_names(struct config_build *b, struct config_certificate *certificate, const struct config_block *block)
{
	size_t said = 0;

	for (size_t i = 0; i < block->count; i++) {
		if (block->values[i].directive->kind != CONFIG_KIND_NAMES)
			continue;
		/* One too many is told once. */
		if (++said <= IDENT_LIST_MAX + 1)
			add_name(b, certificate, block, block->values[i].text, block->values[i].line);
	}
	if (said == 0)
		config_problem(b->problems, block->file, block->line,
		               "certificate \"%s\": its names are missing: names = { \"%s\", ... }", block->title,
		               block->title);
}

static struct config_certificate *build_certificate(struct config_build *b, const struct config_block *block)
{
	struct config_owned *o = b->owned;
	struct config *c = b->config;
	struct config_placed placed[CONFIG_DIRECTIVES_MAX] = { 0 };
	struct config_certificate *certificate = config_arena_alloc(&o->arena, 1, sizeof(*certificate));
	struct config_certificate **certificates =
		config_arena_grow(&o->arena, c->certificates, c->certificates_count, sizeof(*certificates));
	struct error err;

	if (certificate == NULL || certificates == NULL) {
		config_problem_oom(b->problems);
		return NULL;
	}
	/* Into the list at once: what it owns is freed by way of it. */
	c->certificates = certificates;
	c->certificates[c->certificates_count++] = certificate;
	*certificate = (struct config_certificate){
		.name = block->title, .settings = c->defaults, .file = block->file, .line = block->line
	};
	if (ident_check_certificate_name(block->title, &err) < 0)
		config_build_tell(b, block->file, block->line, &err);
	config_build_gather(block, placed);
	config_build_put_members(b, placed, CONFIG_SCOPE_CERTIFICATE, 0, &certificate->settings);
	if (certificate->settings.webroot == NULL)
		certificate->settings.webroot = c->defaults.webroot;
	config_build_check_eab(b, placed);
	config_build_choose_cas(b, block, placed, o->global, &certificate->settings);
	build_names(b, certificate, block);
	config_build_site(b, block, certificate);
	return certificate;
}

static int compare_named(const void *left, const void *right)
{
	const struct config_named *a = left, *b = right;
	int by_title = strcmp(a->block->title, b->block->title);

	return by_title != 0 ? by_title : a->order < b->order ? -1 : 1;
}

static void build_certificates(struct config_build *b)
{
	struct config_owned *o = b->owned;

	o->named = config_arena_alloc(&o->arena, o->raw.count + 1, sizeof(*o->named));
	if (o->named == NULL) {
		config_problem_oom(b->problems);
		return;
	}
	for (size_t i = 0; i < o->raw.count; i++) {
		const struct config_block *block = o->raw.blocks[i];
		struct config_certificate *certificate;

		if (block->scope != CONFIG_SCOPE_CERTIFICATE)
			continue;
		certificate = build_certificate(b, block);
		if (certificate == NULL)
			return;
		o->named[o->named_count] = (struct config_named){ block, certificate, o->named_count };
		o->named_count++;
	}
	if (o->named_count > 1)
		qsort(o->named, o->named_count, sizeof(*o->named), compare_named);
	for (size_t i = 1; i < o->named_count; i++) {
		const struct config_block *block = o->named[i].block, *before = o->named[i - 1].block;

		if (text_equal(block->title, before->title))
			config_problem(b->problems, block->file, block->line, "certificate \"%s\" is described in %s:%u already",
			               block->title, before->file, before->line);
	}
}

static int keep_files(struct config_build *b, const struct config_input *input)
{
	struct config_owned *o = b->owned;
	char *conf_dir;
	size_t folder;

	o->raw.arena = &o->arena;
	o->files = config_arena_alloc(&o->arena, input->count + 1, sizeof(*o->files));
	b->config->file = config_arena_text(&o->arena, input->main_file);
	folder = (size_t)(strrchr(input->main_file, '/') - input->main_file);
	conf_dir = config_arena_alloc(&o->arena, folder + sizeof("/conf.d"), 1);
	if (o->files == NULL || b->config->file == NULL || conf_dir == NULL)
		return config_problem_oom(b->problems);
	memcpy(conf_dir, input->main_file, folder);
	memcpy(conf_dir + folder, "/conf.d", sizeof("/conf.d"));
	b->config->conf_dir = conf_dir;
	for (size_t i = 0; i < input->count; i++) {
		struct config_file *file = &o->files[i];

		file->path = config_arena_text(&o->arena, input->files[i].path);
		file->text = config_arena_copy(&o->arena, input->files[i].text, input->files[i].len);
		file->len = input->files[i].len;
		if (file->path == NULL || file->text == NULL)
			return config_problem_oom(b->problems);
		o->files_count++;
	}
	return 0;
}

/* Takes out what other files say of the certificate that counts in one file only. */
static void drop_others(struct config_owned *o, const struct config_input *input)
{
	size_t kept = 0;

	for (size_t i = 0; i < o->raw.count; i++) {
		struct config_block *block = o->raw.blocks[i];

		if (input->only_certificate == NULL || block->scope != CONFIG_SCOPE_CERTIFICATE ||
		    !text_equal(block->title, input->only_certificate) || text_equal(block->file, input->only_in))
			o->raw.blocks[kept++] = block;
	}
	o->raw.count = kept;
}

int config_build(const struct config_input *input, struct config_problems *problems, struct config **ret)
{
	CLEANUP(config_cleanup) struct config *config = calloc(1, sizeof(*config));
	struct config_build b = { .config = config, .problems = problems };
	size_t problems_before = problems->count;

	if (config == NULL)
		return config_problem_oom(problems);
	config->owned = b.owned = calloc(1, sizeof(*b.owned));
	if (b.owned == NULL)
		return config_problem_oom(problems);
	if (input->main_file[0] != '/')
		return config_problem(problems, input->main_file, 0, "this is no absolute path");
	if (keep_files(&b, input) < 0)
		return -1;
	for (size_t i = 0; i < b.owned->files_count; i++) {
		const struct config_file *file = &b.owned->files[i];

		config_raw_parse(&b.owned->raw, file->path, file->text, file->len, problems);
	}
	drop_others(b.owned, input);
	gather_global(&b);
	config_build_cas(&b);
	build_globals(&b);
	/* Without defaults nothing that is built on them means anything. */
	if (config->defaults.challenge != NULL && config->defaults.webroot != NULL)
		build_certificates(&b);
	if (problems->count > problems_before)
		return -1;
	*ret = TAKE(config);
	return 0;
}
