/* conf_build.h: how a struct nginx_conf is made: its files are parsed one by one, then the includes are resolved. */
#ifndef CERTD_NGINX_CONF_BUILD_H
#define CERTD_NGINX_CONF_BUILD_H

#include "nginx/arena.h"
#include "nginx/conf.h"
#include "nginx/token.h"

struct nginx_builder {
	struct nginx_arena arena;
	struct nginx_file *files;
	size_t file_count;
	size_t directive_count;
	struct strv notes;
	const char *refused, *messages; /* or NULL; in the arena */
};

struct nginx_builder nginx_builder(void);
void nginx_builder_done(struct nginx_builder *b);

/* Adds a file with what the lexer yields until its end or the next marker. *ret_more is true at a marker: the path of the next
 * file is then in words. */
int nginx_builder_file(struct nginx_builder *b, struct nginx_lexer *lexer, struct nginx_words *words, const char *path,
                       bool *ret_more, struct error *err);

/* The file of that path, or NULL. */
const struct nginx_file *nginx_builder_find(const struct nginx_builder *b, const char *path);

/* The argument of an `include` as a path: relative ones are beneath the main file's directory. NULL without memory. */
const char *nginx_builder_include_path(struct nginx_builder *b, const char *argument);

/* Whether an `include` of that path is a pattern. */
bool nginx_builder_is_pattern(const char *path);

/* The tree of the main file, includes resolved from the files that the builder holds. */
int nginx_builder_expand(struct nginx_builder *b, const struct nginx_directive **ret, struct error *err);

/* Makes it a configuration. The builder is empty afterwards. */
int nginx_builder_finish(struct nginx_builder *b, bool expand, struct nginx_conf **ret, struct error *err);

#endif
