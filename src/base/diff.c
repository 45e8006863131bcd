#include "base/diff.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CONTEXT = 3, TABLE_MAX = 4 * 1024 * 1024, LINES_MAX = 65000 };

struct line {
	const char *text;
	size_t len; /* without the end of line */
};

struct lines {
	struct line *items;
	size_t count;
};

/* One line of the result: ' ', '-' or '+'. */
struct edit {
	char sign;
	const struct line *line;
};

struct script {
	struct edit *items;
	size_t count;
};

static int split(const char *text, struct lines *ret)
{
	size_t count = 0;

	for (const char *p = text; *p != '\0'; p += *p == '\n')
		count++, p += strcspn(p, "\n");
	ret->items = calloc(count + 1, sizeof(*ret->items));
	ret->count = 0;
	if (ret->items == NULL)
		return -1;
	for (const char *p = text; *p != '\0'; p += *p == '\n') {
		size_t len = strcspn(p, "\n");

		ret->items[ret->count++] = (struct line){ p, len };
		p += len;
	}
	return 0;
}

static bool same(const struct line *a, const struct line *b)
{
	return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

static void add(struct script *script, char sign, const struct line *line)
{
	script->items[script->count++] = (struct edit){ sign, line };
}

/* The longest common subsequence of what lies between the first and last lines that are the same in both. */
static int compare_middle(const struct line *a, size_t n, const struct line *b, size_t m, struct script *script)
{
	CLEANUP(clean_free) uint16_t *table = NULL;
	size_t i = 0, k = 0;

	if (n < LINES_MAX && m < LINES_MAX && (n + 1) * (m + 1) <= TABLE_MAX) {
		table = calloc((n + 1) * (m + 1), sizeof(*table));
		if (table == NULL)
			return -1;
	}
	for (size_t y = n; table != NULL && y-- > 0;) {
		for (size_t x = m; x-- > 0;) {
			uint16_t down = table[(y + 1) * (m + 1) + x], right = table[y * (m + 1) + x + 1];

			table[y * (m + 1) + x] = same(&a[y], &b[x]) ? (uint16_t)(table[(y + 1) * (m + 1) + x + 1] + 1) :
			                         down > right       ? down :
			                                              right;
		}
	}
	while (i < n && k < m && table != NULL) {
		if (same(&a[i], &b[k])) {
			add(script, ' ', &a[i]);
			i++, k++;
		} else if (table[(i + 1) * (m + 1) + k] >= table[i * (m + 1) + k + 1]) {
			add(script, '-', &a[i++]);
		} else {
			add(script, '+', &b[k++]);
		}
	}
	while (i < n)
		add(script, '-', &a[i++]);
	while (k < m)
		add(script, '+', &b[k++]);
	return 0;
}

static int compare(const struct lines *a, const struct lines *b, struct script *script)
{
	size_t head = 0, tail = 0;

	while (head < a->count && head < b->count && same(&a->items[head], &b->items[head]))
		add(script, ' ', &a->items[head++]);
	while (tail < a->count - head && tail < b->count - head &&
	       same(&a->items[a->count - 1 - tail], &b->items[b->count - 1 - tail]))
		tail++;
	if (compare_middle(a->items + head, a->count - head - tail, b->items + head, b->count - head - tail, script) < 0)
		return -1;
	for (; tail > 0; tail--)
		add(script, ' ', &a->items[a->count - tail]);
	return 0;
}

/* Where the hunk that begins at or behind `from` ends; *ret_begin: where it begins. script->count for none. */
static size_t find_hunk(const struct script *script, size_t from, size_t *ret_begin)
{
	size_t begin = from, end, same_lines = 0;

	while (begin < script->count && script->items[begin].sign == ' ')
		begin++;
	*ret_begin = begin - from > CONTEXT ? begin - CONTEXT : from;
	for (end = begin; end < script->count; end++) {
		same_lines = script->items[end].sign == ' ' ? same_lines + 1 : 0;
		if (same_lines > 2 * CONTEXT)
			return end + 1 - same_lines + CONTEXT;
	}
	return same_lines > CONTEXT ? end - same_lines + CONTEXT : end;
}

static void print_hunk(const struct script *script, size_t begin, size_t end, const size_t before[2], struct buf *out)
{
	size_t count[2] = { 0, 0 };

	for (size_t i = begin; i < end; i++) {
		count[0] += script->items[i].sign != '+';
		count[1] += script->items[i].sign != '-';
	}
	buf_printf(out, "@@ -%zu,%zu +%zu,%zu @@\n", before[0] + (count[0] > 0), count[0], before[1] + (count[1] > 0), count[1]);
	for (size_t i = begin; i < end; i++) {
		buf_append_char(out, script->items[i].sign);
		buf_append(out, script->items[i].line->text, script->items[i].line->len);
		buf_append_char(out, '\n');
	}
}

static void print(const struct script *script, struct buf *out)
{
	size_t before[2] = { 0, 0 }, at = 0;

	while (at < script->count) {
		size_t begin, end = find_hunk(script, at, &begin);

		if (begin >= script->count || script->items[begin].sign == ' ') {
			bool any = false;

			for (size_t i = begin; i < end; i++)
				any = any || script->items[i].sign != ' ';
			if (!any)
				return;
		}
		for (; at < begin; at++)
			before[0]++, before[1]++;
		print_hunk(script, begin, end, before, out);
		for (; at < end; at++) {
			before[0] += script->items[at].sign != '+';
			before[1] += script->items[at].sign != '-';
		}
	}
}

int diff_unified(const char *old_name, const char *old_text, const char *new_name, const char *new_text, struct buf *out,
                 struct error *err)
{
	struct lines a = { NULL, 0 }, b = { NULL, 0 };
	struct script script = { NULL, 0 };
	int r = -1;

	if (strcmp(old_text, new_text) == 0)
		return 0;
	if (split(old_text, &a) == 0 && split(new_text, &b) == 0)
		script.items = calloc(a.count + b.count + 1, sizeof(*script.items));
	if (script.items != NULL && compare(&a, &b, &script) == 0) {
		buf_printf(out, "--- %s\n+++ %s\n", old_name, new_name);
		print(&script, out);
		r = buf_check(out, "the difference", err);
	} else {
		error_oom(err);
	}
	free(script.items);
	free(a.items);
	free(b.items);
	return r;
}
