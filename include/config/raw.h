/* raw.h: what the files say, before anybody knows what it means: blocks and the values in them, each with its place.
 *
 * Syntax, unknown names and what stands in the wrong place are judged here; values are not.
 */
#ifndef CERTD_CONFIG_RAW_H
#define CERTD_CONFIG_RAW_H

#include "config/arena.h"
#include "config/directive.h"

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct config_problems;

enum { CONFIG_FILE_MAX = 4 * 1024 * 1024 }; /* octets of one file */

struct config_value {
	const struct config_directive *directive;
	const char *text;
	unsigned int line;
};

struct config_block {
	enum config_scope scope;
	const char *title; /* "" for none */
	const char *file;
	unsigned int line; /* where it begins */
	size_t begin; /* its place in the file's text, */
	size_t end; /* behind its last octet */
	struct config_value *values; /* a list's are one after the other */
	size_t count;
	struct config_block **inner; /* the blocks in it; of a file as a whole: none */
	size_t inner_count;
};

/* All blocks of all files in the order in which they begin. What stands outside of blocks is a block of each file, of CONFIG_SCOPE_GLOBAL. */
struct config_raw {
	struct config_arena *arena; /* owns all of it; borrowed */
	struct config_block **blocks;
	size_t count;
};

/* Adds what the text says. 0, or -1 with all errors that could be found reported; what was found in between stays in raw. */
int config_raw_parse(struct config_raw *raw, const char *file, const char *text, size_t len,
                     struct config_problems *problems);

/* Its only (or last) value of that directive, or NULL. */
const struct config_value *config_block_value(const struct config_block *block, const struct config_directive *directive);

/* Appends the text of the block with the blocks in it: parsed again it says the same. Values must hold no control characters. */
int config_block_print(const struct config_block *block, struct buf *out);

/* Appends the text as a string that is read back as it is. */
int config_quote(const char *text, struct buf *out);

#endif
