#include "base/base64.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"

#include <stdint.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int base64url_encode(const void *data, size_t len, struct buf *out)
{
	const unsigned char *p = data;
	size_t before = out->len;
	char text[4];

	for (size_t i = 0; i < len; i += 3) {
		size_t have = len - i < 3 ? len - i : 3;
		uint32_t bits = (uint32_t)p[i] << 16;

		if (have > 1)
			bits |= (uint32_t)p[i + 1] << 8;
		if (have > 2)
			bits |= p[i + 2];
		text[0] = alphabet[bits >> 18];
		text[1] = alphabet[bits >> 12 & 63];
		text[2] = alphabet[bits >> 6 & 63];
		text[3] = alphabet[bits & 63];
		if (buf_append(out, text, have + 1) < 0)
			break;
	}
	if (len == 0)
		buf_append(out, "", 0);
	clean_wipe(text, sizeof(text));
	if (!out->failed)
		return 0;
	/* What failed half-way is taken back: the content is unchanged. */
	if (out->data != NULL) {
		out->len = before;
		out->data[before] = '\0';
	}
	return -1;
}

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-')
		return 62;
	return c == '_' ? 63 : -1;
}

/* Everything is checked before the first byte is written. */
static int check(const char *text, size_t len, struct error *err)
{
	size_t rest = len % 4;

	for (size_t i = 0; i < len; i++) {
		if (value_of(text[i]) >= 0)
			continue;
		if (text[i] == '=')
			return error_set(err, ERROR_PROTOCOL, "base64url: padding at offset %zu", i);
		return error_set(err, ERROR_PROTOCOL, "base64url: byte 0x%02x at offset %zu is not of its alphabet",
				 (unsigned int)(unsigned char)text[i], i);
	}
	if (rest == 1)
		return error_set(err, ERROR_PROTOCOL, "base64url: %zu characters are no whole number of bytes", len);
	if ((rest == 2 && (value_of(text[len - 1]) & 15) != 0) || (rest == 3 && (value_of(text[len - 1]) & 3) != 0))
		return error_set(err, ERROR_PROTOCOL, "base64url: bits are set behind the last byte");
	return 0;
}

int base64url_decode(const char *text, size_t len, struct buf *out, struct error *err)
{
	size_t before = out->len;
	unsigned char bytes[3];

	if (check(text, len, err) < 0)
		return -1;
	for (size_t i = 0; i < len; i += 4) {
		size_t have = len - i < 4 ? len - i : 4;
		uint32_t bits = 0;

		for (size_t j = 0; j < 4; j++)
			bits = bits << 6 | (j < have ? (uint32_t)value_of(text[i + j]) : 0);
		bytes[0] = (unsigned char)(bits >> 16);
		bytes[1] = (unsigned char)(bits >> 8 & 255);
		bytes[2] = (unsigned char)(bits & 255);
		if (buf_append(out, bytes, have - 1) < 0)
			break;
	}
	if (len == 0)
		buf_append(out, "", 0);
	clean_wipe(bytes, sizeof(bytes));
	if (!out->failed)
		return 0;
	if (out->data != NULL) {
		out->len = before;
		out->data[before] = '\0';
	}
	return buf_check(out, "base64url", err);
}
