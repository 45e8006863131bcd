/* strv.h: a list of strings with a maximum. Owns its strings. NULL-terminated, so it serves as argv and envp. */
#ifndef CERTD_BASE_STRV_H
#define CERTD_BASE_STRV_H

#include <stdbool.h>
#include <stddef.h>

struct strv {
	char **items; /* items[count] is NULL; NULL itself as long as nothing was added */
	size_t count;
	size_t max;
	bool failed; /* an addition failed; stays */
};

#define STRV(max_) ((struct strv){ .max = (max_) })

void strv_done(struct strv *v);

/* Adds a copy. 0, or -1 with `failed` set. */
int strv_add(struct strv *v, const char *text);
int strv_addf(struct strv *v, const char *format, ...) __attribute__((format(printf, 2, 3)));

bool strv_contains(const struct strv *v, const char *text);

/* Sorts by byte value. */
void strv_sort(struct strv *v);

#endif
