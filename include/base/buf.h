/* buf.h: bytes that grow up to a maximum given at creation.
 *
 * Owns its memory. The data is always followed by a NUL that `len` does not count, so text can be used as a C string
 * once it is known to hold no NUL. Once an append failed (over the maximum, or no memory) the buffer is marked
 * `failed` and stays so: a builder may append many times and look once.
 */
#ifndef CERTD_BASE_BUF_H
#define CERTD_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct error;

struct buf {
	char *data; /* never NULL after an append; use buf_text() where it may be empty */
	size_t len;
	size_t cap;
	size_t max; /* of len */
	bool failed;
	bool secret; /* wiped whenever memory is given back */
};

#define BUF(max_) ((struct buf){ .max = (max_) })
#define BUF_SECRET(max_) ((struct buf){ .max = (max_), .secret = true })

/* Frees (and wipes, if secret) the memory; the maximum stays, the buffer can be used again. */
void buf_done(struct buf *b);

/* Empties it and keeps the memory. */
void buf_reset(struct buf *b);

/* 0, or -1 with `failed` set and the content unchanged. */
int buf_append(struct buf *b, const void *data, size_t len);
int buf_append_text(struct buf *b, const char *text);
int buf_append_char(struct buf *b, char c);
int buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *b, const char *format, va_list ap) __attribute__((format(printf, 2, 0)));

/* The content as a C string; "" for an empty one. Owned by the buffer. */
const char *buf_text(const struct buf *b);

/* 0, or -1 with *err saying that `what` is over its maximum or memory is out, when the buffer is marked failed. */
int buf_check(const struct buf *b, const char *what, struct error *err);

/* Hands the NUL-terminated memory over (free() it), and empties the buffer. NULL when it failed or is out of memory. */
char *buf_take(struct buf *b);

#endif
