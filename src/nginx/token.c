/* token.c: the words of NGINX's configuration. The states are those of NGINX's own reader. */
#include "nginx/token.h"

#include "base/error.h"
#include "base/text.h"
#include "nginx/conf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MARKER "# configuration file "

enum { WORDS_MAX = 1024 * 1024 };

struct nginx_lexer nginx_lexer(const char *text, size_t len, const char *file)
{
	return (struct nginx_lexer){ .text = text, .len = len, .line = 1, .file = file };
}

struct nginx_words nginx_words(void)
{
	return (struct nginx_words){ .text = BUF(WORDS_MAX) };
}

void nginx_words_done(struct nginx_words *words)
{
	buf_done(&words->text);
}

int nginx_token_error(const struct nginx_lexer *lexer, unsigned int line, struct error *err, const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	return error_set(err, ERROR_SYSTEM, "%s:%u: %s", lexer->file, line, text);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static char advance(struct nginx_lexer *l)
{
	char c = l->text[l->at++];

	if (c == '\n')
		l->line++;
	return c;
}

/* Adds the octets of a word, its escapes resolved. */
static int add_word(struct nginx_lexer *l, struct nginx_words *words, size_t start, size_t end, unsigned int line,
                    struct error *err)
{
	const char *text = l->text;

	if (end - start > NGINX_CONF_WORD_MAX)
		return nginx_token_error(l, line, err, "a word is longer than %d octets, as if a quote were missing",
		                         NGINX_CONF_WORD_MAX);
	if (memchr(text + start, '\0', end - start) != NULL)
		return nginx_token_error(l, line, err, "a word holds a NUL octet");
	if (words->count > NGINX_CONF_ARGS_MAX)
		return nginx_token_error(l, line, err, "a directive with more than %d arguments", NGINX_CONF_ARGS_MAX);
	for (size_t i = start; i < end; i++) {
		const char *found;
		char c = text[i];

		if (c == '\\' && i + 1 < end && (found = strchr("\"'\\t\tr\rn\n", text[i + 1])) != NULL && *found > ' ') {
			c = *found;
			if (c == 't' || c == 'r' || c == 'n')
				c = found[1];
			i++;
		}
		buf_append_char(&words->text, c);
	}
	buf_append_char(&words->text, '\0');
	words->count++;
	return buf_check(&words->text, "a directive", err);
}

/* Behind a closing quote. */
static int check_behind_quote(const struct nginx_lexer *l, struct error *err)
{
	char c;

	if (l->at >= l->len)
		return 0;
	c = l->text[l->at];
	if (is_space(c) || c == ';' || c == '{' || c == ')')
		return 0;
	return nginx_token_error(l, l->line, err, "unexpected \"%c\" right behind a closing quote", c);
}

static int read_quoted(struct nginx_lexer *l, struct nginx_words *words, struct error *err)
{
	unsigned int line = l->line;
	char quote = advance(l);
	size_t start = l->at;

	while (l->at < l->len) {
		char c = advance(l);

		if (c == '\\' && l->at < l->len)
			advance(l);
		else if (c == quote)
			return add_word(l, words, start, l->at - 1, line, err) < 0 ? -1 : check_behind_quote(l, err);
	}
	return nginx_token_error(l, line, err, "the quote %c that opens here is not closed", quote);
}

/* The separator behind the word is left. */
static int read_plain(struct nginx_lexer *l, struct nginx_words *words, struct error *err)
{
	unsigned int line = l->line;
	size_t start = l->at;
	bool variable = false;

	while (l->at < l->len) {
		char c = l->text[l->at];

		/* `${name}`; NGINX leaves the `}` to the word, as it does with every `}` that does not begin one. */
		if (c == '{' && variable) {
			l->at++;
			continue;
		}
		if (is_space(c) || c == ';' || c == '{')
			break;
		advance(l);
		variable = c == '$';
		if (c == '\\' && l->at < l->len)
			advance(l);
	}
	return add_word(l, words, start, l->at, line, err);
}

/* At a `#`: skips the comment, up to its end of line; true when it is a marker, whose path becomes the word. */
static bool read_comment(struct nginx_lexer *l, struct nginx_words *words)
{
	const char *begin = l->text + l->at;
	const char *end = memchr(begin, '\n', l->len - l->at);
	size_t len = end != NULL ? (size_t)(end - begin) : l->len - l->at;
	size_t prefix = strlen(MARKER);
	bool at_line_start = l->at == 0 || l->text[l->at - 1] == '\n';

	l->at += len;
	if (!l->markers || words->count > 0 || !at_line_start || len < prefix + 2 || memcmp(begin, MARKER, prefix) != 0 || begin[len - 1] != ':')
		return false;
	buf_append(&words->text, begin + prefix, len - prefix - 1);
	buf_append_char(&words->text, '\0');
	words->count = 1;
	return !words->text.failed;
}

static int unexpected(const struct nginx_lexer *l, char c, struct error *err)
{
	return nginx_token_error(l, l->line, err, "unexpected \"%c\"", c);
}

static int at_end(const struct nginx_lexer *l, const struct nginx_words *words, enum nginx_token *ret, struct error *err)
{
	if (words->count > 0)
		return nginx_token_error(l, words->line, err, "the directive \"%s\" is not ended by \";\"",
		                         buf_text(&words->text));
	*ret = NGINX_TOKEN_END;
	return 0;
}

/* At a `;`, `{` or `}`. */
static int end_words(struct nginx_lexer *l, const struct nginx_words *words, char c, enum nginx_token *ret,
                     struct error *err)
{
	if ((c == '}') != (words->count == 0))
		return unexpected(l, c, err);
	l->at++;
	*ret = c == ';' ? NGINX_TOKEN_DIRECTIVE : c == '{' ? NGINX_TOKEN_BLOCK : NGINX_TOKEN_CLOSE;
	return 0;
}

static void begin_words(const struct nginx_lexer *l, struct nginx_words *words)
{
	if (words->count > 0)
		return;
	words->line = l->line;
	words->offset = l->at - l->file_start;
}

int nginx_token_next(struct nginx_lexer *l, struct nginx_words *words, enum nginx_token *ret, struct error *err)
{
	buf_reset(&words->text);
	words->count = 0;
	for (;;) {
		char c = l->at < l->len ? l->text[l->at] : '\0';

		begin_words(l, words);
		if (l->at >= l->len)
			return at_end(l, words, ret, err);
		if (is_space(c)) {
			advance(l);
		} else if (c == ';' || c == '{' || c == '}') {
			return end_words(l, words, c, ret, err);
		} else if (c == '#') {
			if (read_comment(l, words)) {
				*ret = NGINX_TOKEN_FILE;
				return 0;
			}
		} else if (c == '"' || c == '\'') {
			if (read_quoted(l, words, err) < 0)
				return -1;
		} else if (read_plain(l, words, err) < 0) {
			return -1;
		}
	}
}

/* Skips a string or a comment of Lua, to behind the octet that ends it. */
static void skip_lua_text(struct nginx_lexer *l, char end)
{
	while (l->at < l->len) {
		char c = advance(l);

		if (c == end)
			return;
		if (c == '\\' && end != '\n' && l->at < l->len)
			advance(l);
	}
}

/* At `[[` or `[=[`: skips the long string of Lua. False when it is none. */
static bool skip_lua_long(struct nginx_lexer *l)
{
	size_t level = 0;
	size_t at = l->at + 1;

	while (at < l->len && l->text[at] == '=') {
		at++;
		level++;
	}
	if (at >= l->len || l->text[at] != '[')
		return false;
	while (l->at < l->len) {
		size_t n = 0;

		if (advance(l) != ']')
			continue;
		while (l->at + n < l->len && n < level && l->text[l->at + n] == '=')
			n++;
		if (n == level && l->at + n < l->len && l->text[l->at + n] == ']') {
			l->at += n + 1;
			return true;
		}
	}
	return true;
}

int nginx_token_skip_code(struct nginx_lexer *l, const char *name, struct error *err)
{
	unsigned int line = l->line;
	size_t depth = 0;

	if (!text_has_suffix(name, "_by_lua_block"))
		return 0;
	while (l->at < l->len) {
		char c = l->text[l->at];
		bool comment = c == '-' && l->at + 1 < l->len && l->text[l->at + 1] == '-';

		if (comment) {
			l->at += 2;
			if (l->at >= l->len || l->text[l->at] != '[' || !skip_lua_long(l))
				skip_lua_text(l, '\n');
		} else if (c == '"' || c == '\'') {
			advance(l);
			skip_lua_text(l, c);
		} else if (c != '[' || !skip_lua_long(l)) {
			if (c == '}' && depth-- == 0)
				return 0;
			depth += c == '{';
			advance(l);
		}
	}
	return nginx_token_error(l, line, err, "the program in \"%s\" is not closed by \"}\"", name);
}
