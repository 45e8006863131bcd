/* expand.c: includes, resolved from the files that are there. */
#include "base/error.h"
#include "base/text.h"
#include "nginx/conf_build.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

struct expansion {
	struct nginx_builder *builder;
	const struct nginx_file **sorted; /* by path, for includes without a pattern, and in the order of glob(3) */
	size_t count; /* of directives */
	const struct nginx_file *open[NGINX_CONF_INCLUDE_DEPTH_MAX]; /* the files that we are in */
	size_t depth;
};

struct place {
	const struct nginx_directive *parent;
	const struct nginx_directive **tail;
};

static int expand_list(struct expansion *x, const struct nginx_directive *list, struct place *place, struct error *err);

bool nginx_builder_is_pattern(const char *path)
{
	return strpbrk(path, "*?[") != NULL;
}

const char *nginx_builder_include_path(struct nginx_builder *b, const char *argument)
{
	const char *main_path = b->files[0].path;
	const char *slash = strrchr(main_path, '/');
	size_t directory = slash != NULL ? (size_t)(slash - main_path) + 1 : 0;
	size_t len = strlen(argument);
	char *path;

	if (argument[0] == '/')
		return argument;
	path = nginx_arena_alloc(&b->arena, directory + len + 1, 1);
	if (path != NULL) {
		memcpy(path, main_path, directory);
		memcpy(path + directory, argument, len + 1);
	}
	return path;
}

static int compare_files(const void *a, const void *b)
{
	return strcmp((*(const struct nginx_file *const *)a)->path, (*(const struct nginx_file *const *)b)->path);
}

static int compare_path(const void *path, const void *file)
{
	return strcmp(path, (*(const struct nginx_file *const *)file)->path);
}

static int sort_files(struct expansion *x, struct error *err)
{
	const struct nginx_builder *b = x->builder;

	x->sorted = nginx_arena_alloc(&x->builder->arena, b->file_count, sizeof(const struct nginx_file *));
	if (x->sorted == NULL)
		return error_oom(err);
	for (size_t i = 0; i < b->file_count; i++)
		x->sorted[i] = &b->files[i];
	qsort(x->sorted, b->file_count, sizeof(const struct nginx_file *), compare_files);
	return 0;
}

static int expand_file(struct expansion *x, const struct nginx_directive *include, const struct nginx_file *file,
                       struct place *place, struct error *err)
{
	int r;

	for (size_t i = 0; i < x->depth; i++) {
		if (x->open[i] == file)
			return error_set(err, ERROR_SYSTEM, "%s:%u: %s is included from within itself", include->file,
			                 include->line, file->path);
	}
	if (x->depth >= NGINX_CONF_INCLUDE_DEPTH_MAX)
		return error_set(err, ERROR_SYSTEM, "%s:%u: more than %d files that include each other", include->file,
		                 include->line, NGINX_CONF_INCLUDE_DEPTH_MAX);
	x->open[x->depth++] = file;
	r = expand_list(x, file->first, place, err);
	x->depth--;
	return r;
}

static int expand_include(struct expansion *x, const struct nginx_directive *include, struct place *place,
                          struct error *err)
{
	const struct nginx_builder *b = x->builder;
	const struct nginx_file **found;
	const char *path;

	if (include->arg_count != 1 || include->block)
		return 0;
	path = nginx_builder_include_path(x->builder, include->args[0]);
	if (path == NULL)
		return error_oom(err);
	if (!nginx_builder_is_pattern(path)) {
		found = bsearch(path, x->sorted, b->file_count, sizeof(const struct nginx_file *), compare_path);
		return found == NULL ? 0 : expand_file(x, include, *found, place, err);
	}
	for (size_t i = 0; i < b->file_count; i++) {
		if (fnmatch(path, x->sorted[i]->path, FNM_PATHNAME | FNM_PERIOD) == 0 &&
		    expand_file(x, include, x->sorted[i], place, err) < 0)
			return -1;
	}
	return 0;
}

static int expand_one(struct expansion *x, const struct nginx_directive *from, struct place *place, struct error *err)
{
	struct nginx_directive *d = nginx_arena_alloc(&x->builder->arena, 1, sizeof(*d));
	struct place inside;

	if (d == NULL)
		return error_oom(err);
	if (x->count++ >= NGINX_CONF_DIRECTIVES_MAX)
		return error_set(err, ERROR_SYSTEM, "%s:%u: more than %d directives, counting those of included files at each include",
		                 from->file, from->line, NGINX_CONF_DIRECTIVES_MAX);
	*d = *from;
	d->parent = place->parent;
	d->first = d->next = NULL;
	*place->tail = d;
	place->tail = &d->next;
	inside = (struct place){ .parent = d, .tail = &d->first };
	if (text_equal(d->name, "include") && expand_include(x, d, place, err) < 0)
		return -1;
	return expand_list(x, from->first, &inside, err);
}

/* Recursion: as deep as blocks and files are in each other, which both have their maximum. */
static int expand_list(struct expansion *x, const struct nginx_directive *list, struct place *place, struct error *err)
{
	for (; list != NULL; list = list->next) {
		if (expand_one(x, list, place, err) < 0)
			return -1;
	}
	return 0;
}

int nginx_builder_expand(struct nginx_builder *b, const struct nginx_directive **ret, struct error *err)
{
	struct expansion x = { .builder = b, .open = { &b->files[0] }, .depth = 1 };
	const struct nginx_directive *first = NULL;
	struct place place = { .tail = &first };

	if (sort_files(&x, err) < 0 || expand_list(&x, b->files[0].first, &place, err) < 0)
		return -1;
	*ret = first;
	return 0;
}
