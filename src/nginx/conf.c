/* conf.c: a configuration of NGINX as a tree. */
#include "nginx/conf.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/text.h"
#include "nginx/arena.h"
#include "nginx/conf_build.h"
#include "nginx/token.h"

#include <stdlib.h>
#include <string.h>

#define MARKER "# configuration file "

/* A block that is open: where its next directive is hung up. */
struct level {
	struct nginx_directive *block; /* NULL for the file itself */
	const struct nginx_directive **tail;
};

struct parse {
	struct nginx_builder *builder;
	struct nginx_lexer *lexer;
	struct nginx_words *words;
	const char *path;
	struct level levels[NGINX_CONF_DEPTH_MAX + 1];
	size_t depth;
};

struct nginx_builder nginx_builder(void)
{
	return (struct nginx_builder){ .notes = STRV(NGINX_CONF_NOTES_MAX) };
}

void nginx_builder_done(struct nginx_builder *b)
{
	nginx_arena_done(&b->arena);
	strv_done(&b->notes);
	*b = nginx_builder();
}

static int copy_words(struct parse *p, struct nginx_directive *d, struct error *err)
{
	struct nginx_arena *arena = &p->builder->arena;
	const struct nginx_words *words = p->words;
	const char **args = nginx_arena_alloc(arena, words->count, sizeof(*args));
	const char *word = nginx_arena_copy(arena, words->text.data, words->text.len);

	if (args == NULL || word == NULL)
		return error_oom(err);
	d->name = word;
	for (size_t i = 0; i + 1 < words->count; i++) {
		word += strlen(word) + 1;
		args[i] = word;
	}
	d->args = args;
	d->arg_count = words->count - 1;
	return 0;
}

static int add_directive(struct parse *p, bool block, struct error *err)
{
	struct nginx_directive *d;
	struct level *level = &p->levels[p->depth];

	if (p->builder->directive_count++ >= NGINX_CONF_DIRECTIVES_MAX)
		return nginx_token_error(p->lexer, p->words->line, err, "more than %d directives", NGINX_CONF_DIRECTIVES_MAX);
	if (block && p->depth >= NGINX_CONF_DEPTH_MAX)
		return nginx_token_error(p->lexer, p->words->line, err, "more than %d blocks in each other",
		                         NGINX_CONF_DEPTH_MAX);
	d = nginx_arena_alloc(&p->builder->arena, 1, sizeof(*d));
	if (d == NULL)
		return error_oom(err);
	if (copy_words(p, d, err) < 0)
		return -1;
	d->block = block;
	d->file = p->path;
	d->line = p->words->line;
	d->end_line = p->lexer->line;
	d->offset = p->words->offset;
	d->end_offset = p->lexer->at - p->lexer->file_start;
	d->parent = level->block;
	*level->tail = d;
	level->tail = &d->next;
	if (block)
		p->levels[++p->depth] = (struct level){ .block = d, .tail = &d->first };
	return 0;
}

static int close_block(struct parse *p, struct error *err)
{
	struct nginx_directive *block = p->levels[p->depth].block;

	if (block == NULL)
		return nginx_token_error(p->lexer, p->lexer->line, err, "unexpected \"}\": no block is open");
	block->end_line = p->lexer->line;
	block->end_offset = p->lexer->at - p->lexer->file_start;
	p->depth--;
	return 0;
}

static int check_closed(const struct parse *p, struct error *err)
{
	const struct nginx_directive *block = p->levels[p->depth].block;

	if (block == NULL)
		return 0;
	return nginx_token_error(p->lexer, block->line, err, "the block \"%s\" that opens here is not closed by \"}\"",
	                         block->name);
}

/* Reads the words of a file up to its end, or to the marker of another file. */
static int parse_words(struct parse *p, bool *ret_more, struct error *err)
{
	bool markers = p->lexer->markers;

	for (;;) {
		enum nginx_token token;
		int r = 0;

		/* Each file's blocks are closed within it: in a block, what looks like a marker is a comment. */
		p->lexer->markers = markers && p->depth == 0;
		if (nginx_token_next(p->lexer, p->words, &token, err) < 0)
			return -1;
		p->lexer->markers = markers;
		switch (token) {
		case NGINX_TOKEN_DIRECTIVE:
			r = add_directive(p, false, err);
			break;
		case NGINX_TOKEN_BLOCK:
			r = add_directive(p, true, err);
			/* Only the outermost level has no block. */
			if (r == 0 && p->levels[p->depth].block != NULL)
				r = nginx_token_skip_code(p->lexer, p->levels[p->depth].block->name, err);
			break;
		case NGINX_TOKEN_CLOSE:
			r = close_block(p, err);
			break;
		case NGINX_TOKEN_FILE:
			/* NGINX names each file once. */
			if (nginx_builder_find(p->builder, p->words->text.data) != NULL)
				break;
			*ret_more = true;
			return 0;
		case NGINX_TOKEN_END:
			*ret_more = false;
			return check_closed(p, err);
		}
		if (r < 0)
			return -1;
	}
}

int nginx_builder_file(struct nginx_builder *b, struct nginx_lexer *lexer, struct nginx_words *words, const char *path,
                       bool *ret_more, struct error *err)
{
	struct parse p = { .builder = b, .lexer = lexer, .words = words };
	const struct nginx_directive *first = NULL;
	struct nginx_file *files;
	size_t index = b->file_count;
	int r;

	if (index >= NGINX_CONF_FILES_MAX)
		return error_set(err, ERROR_SYSTEM, "the configuration of NGINX has more than %d files", NGINX_CONF_FILES_MAX);
	files = nginx_arena_grow(&b->arena, b->files, index, sizeof(*files));
	p.path = nginx_arena_text(&b->arena, path);
	if (files == NULL || p.path == NULL)
		return error_oom(err);
	b->files = files;
	b->file_count++;
	files[index] = (struct nginx_file){ .path = p.path };
	lexer->file = p.path;
	p.levels[0].tail = &first;
	r = parse_words(&p, ret_more, err);
	/* Also what stands before an error: there may be its cause. */
	files[index].first = first;
	return r;
}

const struct nginx_file *nginx_builder_find(const struct nginx_builder *b, const char *path)
{
	for (size_t i = 0; i < b->file_count; i++) {
		if (text_equal(b->files[i].path, path))
			return &b->files[i];
	}
	return NULL;
}

int nginx_builder_finish(struct nginx_builder *b, bool expand, struct nginx_conf **ret, struct error *err)
{
	CLEANUP(nginx_conf_cleanup) struct nginx_conf *conf = calloc(1, sizeof(*conf));
	struct nginx_arena *arena = malloc(sizeof(*arena));

	if (conf == NULL || arena == NULL) {
		free(arena);
		return error_oom(err);
	}
	*arena = (struct nginx_arena){ 0 };
	conf->memory = arena;
	conf->first = b->files[0].first;
	if (expand && nginx_builder_expand(b, &conf->first, err) < 0)
		return -1;
	conf->files = b->files;
	conf->file_count = b->file_count;
	conf->refused = b->refused != NULL ? b->refused : "";
	conf->messages = b->messages != NULL ? b->messages : "";
	conf->notes = b->notes;
	*arena = b->arena;
	*b = nginx_builder();
	*ret = TAKE(conf);
	return 0;
}

/* The first marker, which stands at the beginning of a line; what is before it are NGINX's messages. */
static const char *find_marker(const char *text, size_t len)
{
	const char *end = text + len;
	const char *line = text;

	while (line != NULL && (size_t)(end - line) > strlen(MARKER)) {
		if (memcmp(line, MARKER, strlen(MARKER)) == 0)
			return line;
		line = memchr(line, '\n', (size_t)(end - line));
		if (line != NULL)
			line++;
	}
	return NULL;
}

static void begin_file(struct nginx_lexer *lexer)
{
	if (lexer->at < lexer->len && lexer->text[lexer->at] == '\n')
		lexer->at++;
	lexer->file_start = lexer->at;
	lexer->line = 1;
}

static int parse_files(struct nginx_builder *b, const char *text, size_t len, struct error *err)
{
	CLEANUP(nginx_words_done) struct nginx_words words = nginx_words();
	CLEANUP(clean_free) char *path = NULL;
	struct nginx_lexer lexer = nginx_lexer(text, len, "nginx -T");
	enum nginx_token token;
	bool more = true;

	lexer.markers = true;
	if (nginx_token_next(&lexer, &words, &token, err) < 0)
		return -1;
	if (token != NGINX_TOKEN_FILE)
		return error_set(err, ERROR_SYSTEM, "what `nginx -T` printed holds no configuration");
	while (more) {
		free(path);
		path = strdup(words.text.data);
		if (path == NULL)
			return error_oom(err);
		begin_file(&lexer);
		if (nginx_builder_file(b, &lexer, &words, path, &more, err) < 0)
			return -1;
	}
	return 0;
}

int nginx_conf_parse(const char *text, size_t len, struct nginx_conf **ret, struct error *err)
{
	CLEANUP(nginx_builder_done) struct nginx_builder b = nginx_builder();
	const char *begin = find_marker(text, len);

	if (begin == NULL)
		return error_set(err, ERROR_SYSTEM, "what `nginx -T` printed holds no configuration");
	if (len > NGINX_CONF_TEXT_MAX)
		return error_set(err, ERROR_SYSTEM, "the configuration of NGINX is over %d octets", NGINX_CONF_TEXT_MAX);
	if (parse_files(&b, begin, len - (size_t)(begin - text), err) < 0)
		return -1;
	b.messages = nginx_arena_copy(&b.arena, text, (size_t)(begin - text));
	return b.messages == NULL ? error_oom(err) : nginx_builder_finish(&b, true, ret, err);
}

int nginx_conf_parse_file(const char *path, const char *text, size_t len, struct nginx_conf **ret, struct error *err)
{
	CLEANUP(nginx_builder_done) struct nginx_builder b = nginx_builder();
	CLEANUP(nginx_words_done) struct nginx_words words = nginx_words();
	struct nginx_lexer lexer = nginx_lexer(text, len, path);
	bool more;

	if (len > NGINX_CONF_TEXT_MAX)
		return error_set(err, ERROR_SYSTEM, "%s is over %d octets", path, NGINX_CONF_TEXT_MAX);
	if (nginx_builder_file(&b, &lexer, &words, path, &more, err) < 0)
		return -1;
	return nginx_builder_finish(&b, false, ret, err);
}

void nginx_conf_free(struct nginx_conf *conf)
{
	if (conf == NULL)
		return;
	if (conf->memory != NULL) {
		nginx_arena_done(conf->memory);
		free(conf->memory);
	}
	strv_done(&conf->notes);
	free(conf);
}

void nginx_conf_cleanup(struct nginx_conf **conf)
{
	nginx_conf_free(*conf);
	*conf = NULL;
}

const struct nginx_directive *nginx_directive_find(const struct nginx_directive *list, const char *name)
{
	while (list != NULL && !text_equal(list->name, name))
		list = list->next;
	return list;
}

const char *nginx_directive_arg(const struct nginx_directive *d, size_t i)
{
	return i < d->arg_count ? d->args[i] : "";
}

bool nginx_directive_has_arg(const struct nginx_directive *d, const char *text)
{
	for (size_t i = 0; i < d->arg_count; i++) {
		if (text_equal(d->args[i], text))
			return true;
	}
	return false;
}

const struct nginx_directive *nginx_directive_inherited(const struct nginx_conf *conf, const struct nginx_directive *block,
                                                        const char *name)
{
	for (; block != NULL; block = block->parent) {
		const struct nginx_directive *found = nginx_directive_find(block->first, name);

		if (found != NULL)
			return found;
	}
	return nginx_directive_find(conf->first, name);
}
