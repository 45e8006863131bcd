#include "base/text.h"

#include <string.h>

/* Longer texts are nobody's misspelt directive. */
enum { NEAREST_LEN_MAX = 64 };

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool text_equal(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

bool text_equal_nocase(const char *a, const char *b)
{
	while (*a != '\0' && lower(*a) == lower(*b)) {
		a++;
		b++;
	}
	return lower(*a) == lower(*b);
}

bool text_has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool text_has_suffix(const char *text, const char *suffix)
{
	size_t len = strlen(text), suffix_len = strlen(suffix);

	return len >= suffix_len && memcmp(text + len - suffix_len, suffix, suffix_len) == 0;
}

bool text_copy(char *out, size_t size, const char *text)
{
	size_t len = strnlen(text, size);

	if (size == 0)
		return false;
	if (len == size) {
		memmove(out, text, size - 1);
		out[size - 1] = '\0';
		return false;
	}
	memmove(out, text, len);
	out[len] = '\0';
	return true;
}

/* Reads the digits at *text and moves it behind them. */
static int read_digits(const char **text, uint64_t *ret)
{
	const char *p = *text;
	uint64_t value = 0;

	if (*p < '0' || *p > '9')
		return -1;
	for (; *p >= '0' && *p <= '9'; p++) {
		uint64_t digit = (uint64_t)(*p - '0');

		if (value > (UINT64_MAX - digit) / 10)
			return -1;
		value = value * 10 + digit;
	}
	*text = p;
	*ret = value;
	return 0;
}

int text_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
	uint64_t value;

	if (read_digits(&text, &value) < 0 || *text != '\0' || value < min || value > max)
		return -1;
	*ret = value;
	return 0;
}

int text_parse_duration(const char *text, int64_t min_s, int64_t max_s, int64_t *ret_s)
{
	static const struct {
		const char *unit;
		uint64_t seconds;
	} units[] = { { "", 1 }, { "s", 1 }, { "min", 60 }, { "h", 3600 }, { "d", 86400 } };
	uint64_t value;

	if (read_digits(&text, &value) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!text_equal(text, units[i].unit))
			continue;
		if (value > (uint64_t)INT64_MAX / units[i].seconds)
			return -1;
		value *= units[i].seconds;
		if ((int64_t)value < min_s || (int64_t)value > max_s)
			return -1;
		*ret_s = (int64_t)value;
		return 0;
	}
	return -1;
}

/* The length of the UTF-8 character at p and its code point; 0 when there is none (RFC 3629: no overlong forms, no
 * surrogates, nothing above U+10FFFF). Stops at the NUL. */
static size_t utf8_char(const unsigned char *p, uint32_t *ret_code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t code;
	size_t len;

	if (p[0] < 0x80) {
		*ret_code = p[0];
		return 1;
	}
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		len = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		len = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		len = 4;
	else
		return 0;
	code = p[0] & (0x7fU >> len);
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3fU);
	}
	if (code < least[len] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret_code = code;
	return len;
}

/* C0, DEL, C1; the line and paragraph separators; and what turns the direction of writing, with which a text can be made
 * to read as another one. */
static bool is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x061c || code == 0x200e || code == 0x200f ||
	       (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

void text_clean(char *text)
{
	unsigned char *p = (unsigned char *)text;

	while (*p != '\0') {
		uint32_t code = 0;
		size_t len = utf8_char(p, &code);

		if (len == 0 || is_control(code)) {
			if (len == 0)
				len = 1;
			memset(p, '?', len);
		}
		p += len;
	}
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

/* The optimal string alignment distance: insertions, deletions, replacements, and neighbours that changed places. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][NEAREST_LEN_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2];

	for (size_t j = 0; j <= b_len; j++)
		last[j] = j;
	memset(before, 0, sizeof(rows[0]));
	for (size_t i = 1; i <= a_len; i++) {
		size_t *free_row = before;

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t cost = lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1;

			row[j] = min3(last[j] + 1, row[j - 1] + 1, last[j - 1] + cost);
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]) &&
			    before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		before = last;
		last = row;
		row = free_row;
	}
	return last[b_len];
}

const char *text_nearest(const char *text, const char *const *names)
{
	size_t len = strnlen(text, NEAREST_LEN_MAX + 1);
	size_t near = len <= 3 ? 1 : len <= 6 ? 2 : 3;
	const char *best = NULL;

	if (len == 0 || len > NEAREST_LEN_MAX)
		return NULL;
	for (; *names != NULL; names++) {
		size_t name_len = strlen(*names), d;

		if (name_len > NEAREST_LEN_MAX)
			continue;
		d = distance(text, len, *names, name_len);
		if (d > near || (best != NULL && d == near))
			continue;
		best = *names;
		near = d;
	}
	return best;
}

void text_hex(const void *data, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 0x0f];
	}
	out[2 * len] = '\0';
}
