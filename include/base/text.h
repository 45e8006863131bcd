/* text.h: small questions about strings, and strict parsing of numbers. */
#ifndef CERTD_BASE_TEXT_H
#define CERTD_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

bool text_equal(const char *a, const char *b);
bool text_equal_nocase(const char *a, const char *b); /* ASCII only, whatever the locale */
bool text_has_prefix(const char *text, const char *prefix);
bool text_has_suffix(const char *text, const char *suffix);

/* Copies text into out[size], cut where it does not fit, always terminated. False when it was cut. */
bool text_copy(char *out, size_t size, const char *text);

/* Decimal digits only, no sign, no space, within [min, max]. 0, or -1 and *ret unchanged. */
int text_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret);

/* A duration as people write it: "90", "90s", "5min", "12h", "7d"; seconds into *ret_s. 0 or -1. */
int text_parse_duration(const char *text, int64_t min_s, int64_t max_s, int64_t *ret_s);

/* Replaces by '?', in place, every byte of a control character (C0, DEL, and in UTF-8 C1, the separators of lines and
 * paragraphs, what turns the direction of writing), and every byte that is not UTF-8. */
void text_clean(char *text);

/* The one of `names` (NULL-terminated) nearest to `text` by edit distance, for "did you mean"; NULL if none is near. */
const char *text_nearest(const char *text, const char *const *names);

/* Lower-case hexadecimal of data into out; out holds 2 * len + 1. */
void text_hex(const void *data, size_t len, char *out);

#endif
