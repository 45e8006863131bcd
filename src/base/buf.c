#include "base/buf.h"

#include "base/clean.h"
#include "base/error.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void free_memory(char *data, size_t cap, bool secret)
{
	if (secret && data != NULL)
		clean_wipe(data, cap);
	free(data);
}

void buf_done(struct buf *b)
{
	free_memory(b->data, b->cap, b->secret);
	b->data = NULL;
	b->len = 0;
	b->cap = 0;
	b->failed = false;
}

void buf_reset(struct buf *b)
{
	if (b->secret && b->data != NULL)
		clean_wipe(b->data, b->cap);
	if (b->data != NULL)
		b->data[0] = '\0';
	b->len = 0;
	b->failed = false;
}

/* Finds the capacity for `len` bytes and the NUL: powers of two, but never more than the maximum asks for. */
static size_t next_cap(const struct buf *b, size_t len)
{
	size_t cap = b->cap < 64 ? 64 : b->cap;

	while (cap < len + 1 && cap <= SIZE_MAX / 2)
		cap *= 2;
	if (cap < len + 1 || (b->max < SIZE_MAX && cap > b->max + 1))
		cap = b->max < SIZE_MAX ? b->max + 1 : len + 1;
	return cap;
}

/* Makes room for `more` bytes. The old memory, where it was replaced, goes to *ret_old (with its size): whoever appends
 * may append a part of the buffer itself, so it is given back only after the copy. */
static int reserve(struct buf *b, size_t more, char **ret_old, size_t *ret_old_cap)
{
	char *data;
	size_t cap;

	*ret_old = NULL;
	*ret_old_cap = 0;
	if (b->failed || b->len > b->max || more > b->max - b->len || more >= SIZE_MAX - b->len)
		goto fail;
	if (b->data != NULL && b->len + more < b->cap)
		return 0;
	cap = next_cap(b, b->len + more);
	data = malloc(cap);
	if (data == NULL)
		goto fail;
	if (b->data != NULL)
		memcpy(data, b->data, b->len);
	data[b->len] = '\0';
	*ret_old = b->data;
	*ret_old_cap = b->cap;
	b->data = data;
	b->cap = cap;
	return 0;
fail:
	b->failed = true;
	return -1;
}

int buf_append(struct buf *b, const void *data, size_t len)
{
	char *old;
	size_t old_cap;

	if (reserve(b, len, &old, &old_cap) < 0)
		return -1;
	if (len > 0)
		memmove(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
	free_memory(old, old_cap, b->secret);
	return 0;
}

int buf_append_text(struct buf *b, const char *text)
{
	return buf_append(b, text, strlen(text));
}

int buf_append_char(struct buf *b, char c)
{
	return buf_append(b, &c, 1);
}

int buf_printf(struct buf *b, const char *format, ...)
{
	va_list ap;
	int r;

	va_start(ap, format);
	r = buf_vprintf(b, format, ap);
	va_end(ap);
	return r;
}

int buf_vprintf(struct buf *b, const char *format, va_list ap)
{
	char *old;
	size_t old_cap;
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (n < 0) {
		b->failed = true;
		return -1;
	}
	if (reserve(b, (size_t)n, &old, &old_cap) < 0)
		return -1;
	vsnprintf(b->data + b->len, (size_t)n + 1, format, ap);
	b->len += (size_t)n;
	free_memory(old, old_cap, b->secret);
	return 0;
}

const char *buf_text(const struct buf *b)
{
	return b->data != NULL ? b->data : "";
}

int buf_check(const struct buf *b, const char *what, struct error *err)
{
	if (!b->failed)
		return 0;
	return error_set(err, ERROR_INTERNAL, "%s: over the maximum of %zu bytes, or out of memory", what, b->max);
}

char *buf_take(struct buf *b)
{
	/* A failed buffer stays as it is: the caller may still want buf_check() to say so. */
	if (b->failed || (b->data == NULL && buf_append(b, "", 0) < 0))
		return NULL;
	b->len = 0;
	b->cap = 0;
	return TAKE(b->data);
}
