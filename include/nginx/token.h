/* token.h: the words of NGINX's configuration, by NGINX's own lexical rules.
 *
 * White space separates; `;` ends a directive, `{` opens its block, `}` closes one; a `#` is a comment at the start of a word only; quotes
 * are quotes at the start of a word only, and what follows the closing one must be a separator or `)`; a backslash takes
 * the meaning of the next character away (and stays, but before a quote, a backslash, t, r and n); `${` opens no block.
 */
#ifndef CERTD_NGINX_TOKEN_H
#define CERTD_NGINX_TOKEN_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct error;

enum nginx_token {
	NGINX_TOKEN_DIRECTIVE, /* words and a `;` */
	NGINX_TOKEN_BLOCK, /* words and a `{` */
	NGINX_TOKEN_CLOSE, /* `}` */
	NGINX_TOKEN_FILE, /* "# configuration file PATH:" of `nginx -T`; the path is the only word */
	NGINX_TOKEN_END,
};

struct nginx_lexer {
	const char *text;
	size_t len;
	size_t at;
	unsigned int line;
	size_t file_start; /* where the present file begins in text */
	bool markers; /* whether a line can be a NGINX_TOKEN_FILE */
	const char *file; /* for messages */
};

struct nginx_words {
	struct buf text; /* the words, a NUL behind each */
	size_t count;
	unsigned int line; /* of the first */
	size_t offset; /* in the file */
};

struct nginx_lexer nginx_lexer(const char *text, size_t len, const char *file);
struct nginx_words nginx_words(void);
void nginx_words_done(struct nginx_words *words);

/* Reads the next words, replacing those that *words holds. Behind it the lexer's line and position are those of the end. */
int nginx_token_next(struct nginx_lexer *lexer, struct nginx_words *words, enum nginx_token *ret, struct error *err);

/* Behind the `{` of a block `name` that holds a program and no directives ("content_by_lua_block"): skips the program, up to its `}`. Does
 * nothing for other blocks. */
int nginx_token_skip_code(struct nginx_lexer *lexer, const char *name, struct error *err);

/* An ERROR_SYSTEM that begins with "file:line: ". */
int nginx_token_error(const struct nginx_lexer *lexer, unsigned int line, struct error *err, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
