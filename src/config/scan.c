/* scan.c: makes the text of a file ready for libConfuse, and finds what it would misread. */
#include "config/scan.h"

#include "base/clean.h"
#include "base/text.h"
#include "config/problem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum token_type {
	TOKEN_END,
	TOKEN_WORD, /* without quotes */
	TOKEN_STRING,
	TOKEN_EQUALS, /* = or += */
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_COMMA,
	TOKEN_BAD, /* told already */
};

struct token {
	enum token_type type;
	size_t begin;
	size_t end;
	unsigned int line;
};

struct scan {
	struct config_raw *raw;
	const char *file;
	char *text;
	size_t len;
	size_t at;
	unsigned int line;
	bool broken; /* libConfuse could not read it */
	struct config_problems *problems;
};

enum { NAME_MAX_SHOWN = 64, VARIABLE_MAX = 128 };

#define PROBLEM(s, line_, ...) config_problem((s)->problems, (s)->file, (line_), __VA_ARGS__)

static char peek(const struct scan *s, size_t ahead)
{
	return s->len - s->at > ahead ? s->text[s->at + ahead] : '\0';
}

/* Overwrites with spaces; ends of lines stay. */
static void blank(struct scan *s, size_t begin, size_t end)
{
	for (size_t i = begin; i < end; i++) {
		if (s->text[i] != '\n')
			s->text[i] = ' ';
	}
}

/* At the beginning of a comment: moves behind it. */
static int skip_comment(struct scan *s)
{
	size_t begin = s->at;
	unsigned int line = s->line;

	if (peek(s, 0) == '/' && peek(s, 1) == '*') {
		for (s->at += 2; !(peek(s, 0) == '*' && peek(s, 1) == '/'); s->at++) {
			if (s->at >= s->len)
				return PROBLEM(s, line, "this comment has no end: \"*/\" is missing");
			if (s->text[s->at] == '\n')
				s->line++;
		}
		s->at += 2;
	} else {
		while (s->at < s->len && s->text[s->at] != '\n')
			s->at++;
	}
	blank(s, begin, s->at);
	return 0;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/* Moves to the next token, over white space and comments. */
static int skip_space(struct scan *s)
{
	while (s->at < s->len) {
		char c = s->text[s->at];

		if (is_space(c)) {
			s->line += c == '\n';
			s->at++;
		} else if (c == '#' || (c == '/' && (peek(s, 1) == '/' || peek(s, 1) == '*'))) {
			if (skip_comment(s) < 0)
				return -1;
		} else {
			break;
		}
	}
	return 0;
}

static bool is_name_char(char c, bool first)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || (!first && c >= '0' && c <= '9');
}

/* At "${" within double quotes: the variable must be well written and set. Moves behind it. */
static int skip_variable(struct scan *s)
{
	char name[VARIABLE_MAX];
	size_t n = 0;

	s->at += 2;
	while (n < sizeof(name) - 1 && is_name_char(peek(s, 0), n == 0))
		name[n++] = s->text[s->at++];
	name[n] = '\0';
	if (n > 0 && peek(s, 0) == ':' && peek(s, 1) == '-') {
		while (s->at < s->len && strchr("}\"\\\n", s->text[s->at]) == NULL)
			s->at++;
	} else if (n > 0 && peek(s, 0) == '}' && getenv(name) == NULL) {
		return PROBLEM(s, s->line, "the environment variable %s is not set; ${%s:-VALUE} says what holds then",
		               name, name);
	}
	if (n == 0 || peek(s, 0) != '}')
		return PROBLEM(s, s->line,
		               "\"${\" begins an environment variable, ${NAME} or ${NAME:-VALUE}; where it shall be just these "
		               "characters, write the string in single quotes");
	s->at++;
	return 0;
}

static size_t span(const struct scan *s, size_t ahead, const char *set, size_t max)
{
	size_t n = 0;

	while (n < max && peek(s, ahead + n) != '\0' && strchr(set, peek(s, ahead + n)) != NULL)
		n++;
	return n;
}

/* At a backslash within a string: moves behind what it escapes. */
static int skip_escape(struct scan *s, char quote)
{
	size_t octal = span(s, 1, "01234567", 3);
	size_t hex = peek(s, 1) == 'x' ? span(s, 2, "0123456789abcdefABCDEF", 2) : 0;
	size_t zeros = octal > 0 ? span(s, 1, "0", octal) : span(s, 2, "0", hex);

	if (quote == '"' && octal + hex > 0 && zeros == octal + hex)
		return PROBLEM(s, s->line, "a NUL in a string");
	/* The end of a line, or of the file, is for the caller. */
	s->at += peek(s, 1) == '\0' || peek(s, 1) == '\n' ? 1 : 2;
	return 0;
}

static int skip_string(struct scan *s)
{
	char quote = s->text[s->at++];

	while (peek(s, 0) != quote) {
		char c = peek(s, 0);

		if (c == '\0' || c == '\n')
			return PROBLEM(s, s->line, "this string is not closed before the end of its line: %s is missing",
			               quote == '"' ? "'\"'" : "\"'\"");
		if (c == '\\') {
			if (skip_escape(s, quote) < 0)
				return -1;
		} else if (c == '$' && peek(s, 1) == '{' && quote == '"') {
			if (skip_variable(s) < 0)
				return -1;
		} else {
			s->at++;
		}
	}
	s->at++;
	return 0;
}

static int skip_word(struct scan *s)
{
	while (s->at < s->len && !is_space(s->text[s->at]) && strchr("#\"'={},", s->text[s->at]) == NULL) {
		char c = s->text[s->at];

		if (c == '+' && peek(s, 1) == '=')
			break;
		/* libConfuse ends the word here, and drops the character or reads a variable. */
		if (strchr("()*+", c) != NULL || (c == '$' && peek(s, 1) == '{'))
			return PROBLEM(s, s->line, "a value with '%c' in it goes into quotes", c);
		s->at++;
	}
	return 0;
}

static struct token next(struct scan *s)
{
	struct token token = { .type = TOKEN_BAD };
	int result = skip_space(s);

	token.begin = s->at;
	token.line = s->line;
	switch (peek(s, 0)) {
	case '\0':
		token.type = TOKEN_END;
		break;
	case '"':
	case '\'':
		token.type = TOKEN_STRING;
		result = result < 0 ? result : skip_string(s);
		break;
	case '{':
	case '}':
		token.type = peek(s, 0) == '{' ? TOKEN_OPEN : TOKEN_CLOSE;
		s->at++;
		break;
	case ',':
		token.type = TOKEN_COMMA;
		s->at++;
		break;
	case '=':
	case '+':
		if (peek(s, 0) == '=' || peek(s, 1) == '=') {
			token.type = TOKEN_EQUALS;
			s->at += peek(s, 0) == '=' ? 1 : 2;
			break;
		}
		__attribute__((fallthrough));
	default:
		token.type = TOKEN_WORD;
		result = result < 0 ? result : skip_word(s);
		break;
	}
	if (result < 0)
		token.type = TOKEN_BAD;
	token.end = s->at;
	return token;
}

/* What the next token will be; nothing moves but over white space and comments. */
static struct token look(struct scan *s)
{
	struct token token;
	size_t at;
	unsigned int line;

	if (skip_space(s) < 0)
		return (struct token){ .type = TOKEN_BAD };
	at = s->at;
	line = s->line;
	token = next(s);
	if (token.type != TOKEN_BAD) {
		s->at = at;
		s->line = line;
	}
	return token;
}

/* Behind an OPEN: moves behind its CLOSE. */
static int skip_block(struct scan *s, unsigned int line)
{
	for (size_t depth = 1; depth > 0;) {
		struct token token = next(s);

		if (token.type == TOKEN_BAD)
			return -1;
		if (token.type == TOKEN_END)
			return PROBLEM(s, line, "the block that begins here is not closed: '}' is missing");
		if (token.type == TOKEN_OPEN)
			depth++;
		if (token.type == TOKEN_CLOSE)
			depth--;
	}
	return 0;
}

/* Behind the OPEN of a list: moves behind its CLOSE. */
static int skip_list(struct scan *s, unsigned int line, bool *ret_empty)
{
	for (size_t i = 0;; i++) {
		struct token token = next(s);

		if (token.type == TOKEN_BAD)
			return -1;
		*ret_empty = i == 0;
		if (token.type == TOKEN_CLOSE)
			return 0;
		if (token.type == TOKEN_END || token.type == TOKEN_EQUALS || token.type == TOKEN_OPEN)
			return PROBLEM(s, line, "the list that begins here is not closed: '}' is missing");
	}
}

/* parent: the block that it stands in, or NULL. */
static struct config_block *add_block(struct scan *s, enum config_scope scope, const struct token *name,
                                      struct config_block *parent)
{
	struct config_raw *raw = s->raw;
	struct config_block *block = config_arena_alloc(raw->arena, 1, sizeof(*block));
	struct config_block **blocks = config_arena_grow(raw->arena, raw->blocks, raw->count, sizeof(struct config_block *));

	if (block == NULL || blocks == NULL) {
		config_problem_oom(s->problems);
		return NULL;
	}
	*block = (struct config_block){ .scope = scope, .title = "", .file = s->file, .line = name->line, .begin = name->begin };
	raw->blocks = blocks;
	raw->blocks[raw->count++] = block;
	if (parent == NULL || parent->scope == CONFIG_SCOPE_GLOBAL)
		return block;
	blocks = config_arena_grow(raw->arena, parent->inner, parent->inner_count, sizeof(struct config_block *));
	if (blocks == NULL) {
		config_problem_oom(s->problems);
		return NULL;
	}
	parent->inner = blocks;
	parent->inner[parent->inner_count++] = block;
	return block;
}

/* A name that does not belong where it stands, as NAME = VALUE or as a block: says where it does, or what was meant. */
static void tell_unknown(struct scan *s, unsigned int line, const char *name, enum config_scope scope, bool is_block)
{
	const struct config_directive *here = config_directive_find(name, scope);
	const struct config_directive *elsewhere = config_directive_find(name, ~0U);
	const char *near = config_directive_nearest(name, scope);
	unsigned int block = config_block_find(name);

	if (here != NULL)
		PROBLEM(s, line, "%s is no block: %s = VALUE", name, name);
	else if (block != 0 && is_block && config_block_parent((enum config_scope)block) == CONFIG_SCOPE_GLOBAL)
		PROBLEM(s, line, "a block in a block: %s stands outside of all blocks (is a '}' missing above?)", name);
	else if (block != 0 && is_block)
		PROBLEM(s, line, "a %s block stands in a %s block", name,
		        config_block_name(config_block_parent((enum config_scope)block)));
	else if (block != 0 && scope == config_block_parent((enum config_scope)block))
		PROBLEM(s, line, "%s is a block: %s%s { ... }", name, name,
		        config_block_has_title((enum config_scope)block) ? " \"NAME\"" : "");
	else if (elsewhere != NULL && (elsewhere->scopes & CONFIG_SCOPE_GLOBAL) != 0)
		PROBLEM(s, line, "%s stands outside of all blocks%s", name,
		        (elsewhere->scopes & CONFIG_SCOPE_CERTIFICATE) != 0 ? " or in a certificate block" : "");
	else if (elsewhere != NULL)
		PROBLEM(s, line, "%s stands in a %s block", name,
		        config_block_name((enum config_scope)(elsewhere->scopes & -elsewhere->scopes)));
	else if (near != NULL)
		PROBLEM(s, line, "there is no directive \"%s\"; did you mean \"%s\"?", name, near);
	else
		PROBLEM(s, line, "there is no directive \"%s\"", name);
}

/* Behind NAME and '=': the value. Statements that libConfuse shall not see are blanked. */
static int scan_assignment(struct scan *s, const struct token *name_token, const char *name, enum config_scope scope,
                           unsigned int *lines)
{
	const struct config_directive *directive = config_directive_find(name, scope);
	bool append = s->text[s->at - 1] == '=' && s->text[s->at - 2] == '+';
	struct token value = next(s);
	bool list = value.type == TOKEN_OPEN;
	bool empty = false;
	unsigned int *seen;

	if (value.type == TOKEN_BAD || (list && skip_list(s, value.line, &empty) < 0))
		return -1;
	if (!list && value.type != TOKEN_WORD && value.type != TOKEN_STRING)
		return PROBLEM(s, name_token->line, "%s has no value", name);
	seen = directive == NULL ? NULL : &lines[config_directive_index(directive)];
	if (seen == NULL)
		tell_unknown(s, name_token->line, name, scope, false);
	else if (!config_directive_is_list(directive) && (list || append))
		PROBLEM(s, name_token->line, "%s has one value, not a list: %s = VALUE", name, name);
	else if (directive->kind != CONFIG_KIND_NAMES && empty)
		PROBLEM(s, name_token->line, "%s is an empty list", name);
	else if (*seen != 0 && !append)
		PROBLEM(s, name_token->line, "%s is said in line %u already", name, *seen);
	else {
		*seen = name_token->line;
		return 0;
	}
	blank(s, name_token->begin, s->at);
	return 0;
}

static int scan_statements(struct scan *s, struct config_block *block);

/* Behind NAME and perhaps a title: at the OPEN of a block. */
static int scan_block(struct scan *s, const struct token *name_token, const char *name, struct config_block *parent, bool title)
{
	enum config_scope scope = parent->scope;
	unsigned int inner = config_block_find(name);
	struct token open = next(s);
	struct config_block *block;

	if (inner != 0 && config_block_parent(inner) != scope)
		inner = 0;
	if (inner != 0 && title == config_block_has_title(inner)) {
		block = add_block(s, (enum config_scope)inner, name_token, parent);
		if (block == NULL || scan_statements(s, block) < 0)
			return -1;
		block->end = s->at;
		if (inner == CONFIG_SCOPE_CA)
			memcpy(s->text + name_token->begin, CONFIG_SCAN_CA, strlen(CONFIG_SCAN_CA));
		return 0;
	}
	if (skip_block(s, open.line) < 0)
		return -1;
	if (inner == 0)
		tell_unknown(s, name_token->line, name, scope, true);
	else if (title)
		PROBLEM(s, name_token->line, "the %s block has no name: %s { ... }", name, name);
	else
		PROBLEM(s, name_token->line, "this %s block has no name: %s \"NAME\" { ... }", name, name);
	blank(s, name_token->begin, s->at);
	return 0;
}

/* "NAME VALUE", or NAME at the end of a line and another statement in the next: goes on behind it to find more errors. */
static int recover(struct scan *s, const struct token *name_token, const char *name, const struct token *value)
{
	if (value->line != name_token->line) {
		s->at = value->begin;
		s->line = value->line;
	}
	s->broken = true;
	PROBLEM(s, name_token->line, "'=' is missing behind \"%s\"", name);
	return 0;
}

static int scan_statement(struct scan *s, const struct token *name_token, struct config_block *block, unsigned int *lines)
{
	size_t len = name_token->end - name_token->begin;
	char name[NAME_MAX_SHOWN + 1];
	struct token token = look(s);
	bool title = token.type == TOKEN_WORD || token.type == TOKEN_STRING;

	if (len >= sizeof(name))
		len = sizeof(name) - 1;
	memcpy(name, s->text + name_token->begin, len);
	name[len] = '\0';

	if (token.type == TOKEN_EQUALS) {
		next(s);
		return scan_assignment(s, name_token, name, block->scope, lines);
	}
	if (title) {
		struct token value = next(s);

		token = look(s);
		if (token.type != TOKEN_OPEN && token.type != TOKEN_BAD)
			return recover(s, name_token, name, &value);
	}
	if (token.type == TOKEN_OPEN)
		return scan_block(s, name_token, name, block, title);
	if (token.type == TOKEN_BAD)
		return -1;
	return PROBLEM(s, name_token->line, "'=' is missing behind \"%s\"", name);
}

/* Up to the end of the file or, in a block, behind its CLOSE. */
static int scan_statements(struct scan *s, struct config_block *block)
{
	enum config_scope scope = block->scope;
	unsigned int lines[CONFIG_DIRECTIVES_MAX] = { 0 };
	unsigned int begin = s->line;

	for (;;) {
		struct token token = next(s);

		switch (token.type) {
		case TOKEN_END:
			if (scope != CONFIG_SCOPE_GLOBAL)
				return PROBLEM(s, begin, "the block that begins here is not closed: '}' is missing");
			return 0;
		case TOKEN_CLOSE:
			if (scope == CONFIG_SCOPE_GLOBAL)
				return PROBLEM(s, token.line, "a '}' that closes nothing");
			return 0;
		case TOKEN_WORD:
			if (scan_statement(s, &token, block, lines) < 0)
				return -1;
			break;
		case TOKEN_STRING:
			return PROBLEM(s, token.line, "a directive is expected here, and not %.*s",
			               (int)(token.end - token.begin < 80 ? token.end - token.begin : 80),
			               s->text + token.begin);
		case TOKEN_EQUALS:
		case TOKEN_OPEN:
		case TOKEN_COMMA:
			return PROBLEM(s, token.line, "a directive is expected here, and not '%c'", s->text[token.begin]);
		case TOKEN_BAD:
			return -1;
		}
	}
}

/* Characters that nothing in a configuration needs, and that a person cannot see. */
static int check_characters(struct scan *s)
{
	unsigned int line = 1;

	if (s->len >= 3 && memcmp(s->text, "\xef\xbb\xbf", 3) == 0)
		blank(s, 0, 3);
	for (size_t i = 0; i < s->len; i++) {
		unsigned char c = (unsigned char)s->text[i];

		if (c == '\r' && i + 1 < s->len && s->text[i + 1] == '\n')
			s->text[i] = ' ';
		else if ((c < ' ' && c != '\t' && c != '\n') || c == 0x7f)
			return PROBLEM(s, line, "a control character (0x%02x)", (unsigned int)c);
		line += c == '\n';
	}
	return 0;
}

int config_scan(struct config_raw *raw, const char *file, char *text, size_t len, struct config_problems *problems)
{
	struct scan s = { .raw = raw, .file = file, .text = text, .len = len, .line = 1, .problems = problems };
	struct token whole = { .line = 1 };
	struct config_block *global;

	if (check_characters(&s) < 0)
		return -1;
	global = add_block(&s, CONFIG_SCOPE_GLOBAL, &whole, NULL);
	if (global == NULL)
		return -1;
	global->end = len;
	return scan_statements(&s, global) < 0 || s.broken ? -1 : 0;
}
