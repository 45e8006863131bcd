#include "crypto/pem.h"

#include "base/base64.h"
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"

#include <stdbool.h>
#include <string.h>

#define BEGIN "-----BEGIN "
#define END "-----END "
#define DASHES "-----"

struct line {
	const char *text;
	size_t len;
};

void pem_reader_init(struct pem_reader *reader, const char *pem, size_t len)
{
	*reader = (struct pem_reader){ .at = pem, .end = pem + len };
}

/* False behind the last line. */
static bool next_line(struct pem_reader *reader, struct line *ret)
{
	const char *newline;
	size_t left = (size_t)(reader->end - reader->at);

	if (left == 0)
		return false;

	newline = memchr(reader->at, '\n', left);
	ret->text = reader->at;
	ret->len = newline ? (size_t)(newline - reader->at) : left;
	reader->at = newline ? newline + 1 : reader->end;
	reader->line++;
	if (ret->len > 0 && ret->text[ret->len - 1] == '\r')
		ret->len--;
	return true;
}

static bool is_boundary(const struct line *line, const char *start, const char *label)
{
	size_t start_len = strlen(start), label_len = strlen(label), dashes_len = strlen(DASHES);

	return line->len == start_len + label_len + dashes_len && memcmp(line->text, start, start_len) == 0 &&
	       memcmp(line->text + start_len, label, label_len) == 0 &&
	       memcmp(line->text + start_len + label_len, DASHES, dashes_len) == 0;
}

static bool begins(const struct line *line, const char *text)
{
	return line->len >= strlen(text) && memcmp(line->text, text, strlen(text)) == 0;
}

/* The PEM alphabet to base64url's, whose decoder is strict about the rest. Nothing may follow padding. */
static int take_line(const struct line *line, struct buf *text, size_t *padding, size_t number, struct error *err)
{
	for (size_t i = 0; i < line->len; i++) {
		char c = line->text[i];

		if (c == '=' && *padding < 2) {
			++*padding;
			continue;
		}
		if (*padding > 0 || c == '-' || c == '_' || c == '=')
			return error_set(err, ERROR_PROTOCOL, "line %zu is not base64 (column %zu)", number, i + 1);
		if (c == '+')
			c = '-';
		else if (c == '/')
			c = '_';
		buf_append_char(text, c);
	}

	return 0;
}

static int decode(const struct buf *text, size_t padding, size_t first_line, struct buf *out, struct error *err)
{
	if (text->len == 0)
		return error_set(err, ERROR_PROTOCOL, "the block that begins in line %zu is empty", first_line);
	if ((text->len + padding) % 4 != 0)
		return error_set(err, ERROR_PROTOCOL, "the base64 of the block that begins in line %zu is cut or wrongly padded",
				 first_line);
	if (base64url_decode(text->data, text->len, out, err) < 0)
		return error_context(err, "the block that begins in line %zu", first_line);

	return 0;
}

int pem_next(struct pem_reader *reader, const char *label, struct buf *out, struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF((size_t)(reader->end - reader->at));
	struct line line;
	size_t first, padding = 0;

	do {
		if (!next_line(reader, &line))
			return PEM_END;
	} while (line.len == 0);

	first = reader->line;
	if (!is_boundary(&line, BEGIN, label)) {
		if (begins(&line, BEGIN))
			return error_set(err, ERROR_PROTOCOL, "line %zu begins a block of another kind: %.*s", first,
					 line.len < 64 ? (int)line.len : 64, line.text);
		return error_set(err, ERROR_PROTOCOL, "line %zu is not \"" BEGIN "%s" DASHES "\"", first, label);
	}

	text.secret = out->secret;
	while (next_line(reader, &line)) {
		if (is_boundary(&line, END, label)) {
			if (buf_check(&text, "a PEM block", err) < 0)
				return -1;
			return decode(&text, padding, first, out, err);
		}
		if (take_line(&line, &text, &padding, reader->line, err) < 0)
			return -1;
	}

	return error_set(err, ERROR_PROTOCOL, "the block that begins in line %zu has no end", first);
}
