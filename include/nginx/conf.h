/* conf.h: a configuration of NGINX as a tree of directives, each with the file and line that it stands in.
 *
 * It is read from what `nginx -T` prints, or from the files themselves. The tree is the effective configuration: what an
 * `include` brings stands right behind that `include`, as if it had been written there (each directive still has its own file and
 * line). Beside it, each file has a tree of its own, as it is written. Which directives exist and what they mean is not known
 * here: "server_name a, b" is a directive with two arguments, as it is for NGINX.
 *
 * A struct nginx_conf owns all memory; nothing in it changes once it is made.
 */
#ifndef CERTD_NGINX_CONF_H
#define CERTD_NGINX_CONF_H

#include "base/strv.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct runner;

enum {
	NGINX_CONF_TEXT_MAX = 8 * 1024 * 1024, /* octets of all files */
	NGINX_CONF_FILES_MAX = 8192,
	NGINX_CONF_DIRECTIVES_MAX = 200000, /* in all files, and again with includes resolved */
	NGINX_CONF_ARGS_MAX = 8192, /* of one directive */
	NGINX_CONF_WORD_MAX = 4096, /* octets: NGINX's own limit */
	NGINX_CONF_DEPTH_MAX = 64, /* blocks in blocks */
	NGINX_CONF_INCLUDE_DEPTH_MAX = 32,
	NGINX_CONF_NOTES_MAX = 100,
};

struct nginx_directive {
	const char *name;
	const char *const *args; /* without the name; NULL-terminated; quotes and escapes are resolved as NGINX does it */
	size_t arg_count;
	bool block; /* `name args { ... }`, else `name args;` */
	const char *file;
	unsigned int line; /* of the name's first character, from 1 */
	unsigned int end_line; /* of the `;` or the `}` */
	size_t offset, end_offset; /* octets in the file as it was read: from the name's first to behind the `;` or the `}`. Who wants to
	                            * change a file reads it by nginx_conf_parse_file(): NGINX's output comes with CRLF as LF */
	const struct nginx_directive *parent; /* NULL outside of all blocks */
	const struct nginx_directive *first; /* of a block: the first in it, or NULL */
	const struct nginx_directive *next; /* the next in the same block, or NULL */
};

struct nginx_file {
	const char *path; /* as NGINX calls it: links are not resolved */
	const struct nginx_directive *first; /* as it is written: an `include` stays alone */
};

struct nginx_conf {
	const struct nginx_directive *first; /* the effective tree, from the main file */
	const struct nginx_file *files; /* files[0] is the main file */
	size_t file_count;
	/* nginx_conf_ask(): why NGINX itself does not say it, and the files were read in its place; "" otherwise. In NGINX's own words
	 * where it refuses its configuration. */
	const char *refused;
	/* nginx_conf_ask(): what NGINX printed before the configuration: its warnings. "" for none. */
	const char *messages;
	/* What could not be looked at, a sentence each, with file and line: files that cannot be read. */
	struct strv notes;
	void *memory;
};

/* Parses what `nginx -T` prints. ERROR_SYSTEM with "file:line: " and what is wrong there; also when the text holds no configuration. */
int nginx_conf_parse(const char *text, size_t len, struct nginx_conf **ret, struct error *err);

/* Parses one file; includes are left unresolved. */
int nginx_conf_parse_file(const char *path, const char *text, size_t len, struct nginx_conf **ret, struct error *err);

/* Reads the main file and what it includes, as NGINX would. A file that cannot be read is a note; that the main file cannot
 * is an error. */
int nginx_conf_read(const char *path, struct nginx_conf **ret, struct error *err);

/* Runs `BINARY -T [-p prefix] [-c config]` (NULL or "" for none) and parses what it prints. Where NGINX fails, because it refuses its
 * configuration or because we are not root, the files are read instead, and `refused` says why. */
int nginx_conf_ask(const struct runner *runner, const char *binary, const char *prefix, const char *config,
                   int64_t deadline_ms, struct nginx_conf **ret, struct error *err);

void nginx_conf_free(struct nginx_conf *conf);
void nginx_conf_cleanup(struct nginx_conf **conf); /* for CLEANUP() */

/* The first directive of that name from `list` (of a file, a block, or a directive's `next`) on; or NULL. */
const struct nginx_directive *nginx_directive_find(const struct nginx_directive *list, const char *name);

/* Argument i, or "" where there are fewer. */
const char *nginx_directive_arg(const struct nginx_directive *d, size_t i);

/* Whether one of the arguments is this text. */
bool nginx_directive_has_arg(const struct nginx_directive *d, const char *text);

/* The first directive of that name in `block`, else in the blocks around it, else outside of all blocks of the effective tree; or NULL. It is
 * how NGINX inherits most directives. */
const struct nginx_directive *nginx_directive_inherited(const struct nginx_conf *conf, const struct nginx_directive *block,
                                                        const char *name);

#endif
