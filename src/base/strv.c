#include "base/strv.h"

#include "base/clean.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void strv_done(struct strv *v)
{
	for (size_t i = 0; i < v->count; i++)
		free(v->items[i]);
	free(v->items);
	v->items = NULL;
	v->count = 0;
	v->failed = false;
}

/* Takes text, also when it fails. */
static int add_owned(struct strv *v, char *text)
{
	CLEANUP(clean_free) char *owned = text;
	/* Grown at each power of two; one more for the NULL at the end. */
	bool full = v->count == 0 ? v->items == NULL : (v->count & (v->count - 1)) == 0;

	if (owned == NULL || v->failed || v->count >= v->max || v->count > SIZE_MAX / sizeof(char *) / 2 - 2)
		goto fail;
	if (full) {
		size_t room = v->count == 0 ? 1 : v->count * 2;
		char **items = realloc(v->items, (room + 1) * sizeof(*items));

		if (items == NULL)
			goto fail;
		v->items = items;
	}
	v->items[v->count++] = TAKE(owned);
	v->items[v->count] = NULL;
	return 0;
fail:
	v->failed = true;
	return -1;
}

int strv_add(struct strv *v, const char *text)
{
	return add_owned(v, strdup(text));
}

int strv_addf(struct strv *v, const char *format, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	return add_owned(v, n < 0 ? NULL : text);
}

bool strv_contains(const struct strv *v, const char *text)
{
	for (size_t i = 0; i < v->count; i++) {
		if (text_equal(v->items[i], text))
			return true;
	}
	return false;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strv_sort(struct strv *v)
{
	if (v->count > 1)
		qsort(v->items, v->count, sizeof(*v->items), compare);
}
