/* test_base_base64.c */
#include "base/base64.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void check_vector(const char *hex, const char *text)
{
	CLEANUP(buf_done) struct buf encoded = BUF(1024);
	CLEANUP(buf_done) struct buf decoded = BUF(1024);
	CLEANUP(buf_done) struct buf again = BUF(4096);
	struct error err;
	char back[256];

	assert_int_equal(base64url_decode(text, strlen(text), &decoded, &err), 0);
	assert_true(decoded.len * 2 < sizeof(back));
	text_hex(buf_text(&decoded), decoded.len, back);
	assert_string_equal(back, hex);
	assert_int_equal(base64url_encode(decoded.data, decoded.len, &encoded), 0);
	assert_string_equal(buf_text(&encoded), text);
	/* Appended, not replaced. */
	buf_append_text(&again, "{\"x\":\"");
	assert_int_equal(base64url_encode(decoded.data, decoded.len, &again), 0);
	assert_int_equal(again.len, 6 + strlen(text));
}

static void test_vectors(void **state)
{
	const char *srcdir = getenv("srcdir");
	char path[4096], line[1024], hex[512], text[512];
	size_t count = 0;
	FILE *file;

	(void)state;
	snprintf(path, sizeof(path), "%s/tests/vectors/base/rfc4648.txt", srcdir != NULL ? srcdir : ".");
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		if (line[0] == '#')
			continue;
		if (sscanf(line, "%511s %511s", hex, text) == 2)
			check_vector(hex, text);
		else
			check_vector("", "");
		count++;
	}
	fclose(file);
	assert_int_equal(count, 11);
}

static void test_all_lengths_and_bytes_come_back(void **state)
{
	unsigned char data[300];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)(i * 167 + 13);
	for (size_t len = 0; len <= sizeof(data); len++) {
		CLEANUP(buf_done) struct buf encoded = BUF(1024);
		CLEANUP(buf_done) struct buf decoded = BUF(len);
		struct error err;

		assert_int_equal(base64url_encode(data, len, &encoded), 0);
		assert_int_equal(encoded.len, (len * 4 + 2) / 3);
		assert_null(strpbrk(buf_text(&encoded), "+/="));
		assert_int_equal(base64url_decode(encoded.data, encoded.len, &decoded, &err), 0);
		assert_int_equal(decoded.len, len);
		assert_memory_equal(decoded.data, data, len);
	}
}

static void test_what_is_refused(void **state)
{
	static const struct {
		const char *text;
		const char *word;
	} cases[] = {
		{ "Zg==", "padding at offset 2" }, { "Zm8=", "padding" }, { "Z", "whole number" }, { "Zm9vY", "whole number" },
		{ "Zm 9v", "0x20 at offset 2" }, { "Zm9v\n", "0x0a at offset 4" }, { "Zm+v", "0x2b" }, { "Zm/v", "0x2f" },
		{ "\xc3\xa4==", "0xc3 at offset 0" }, { "Zh", "behind the last byte" }, { "Zm9", "behind the last byte" },
		{ "_x", "behind the last byte" },
	};
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CLEANUP(buf_done) struct buf out = BUF(64);

		buf_append_text(&out, "before");
		assert_int_equal(base64url_decode(cases[i].text, strlen(cases[i].text), &out, &err), -1);
		assert_int_equal(err.kind, ERROR_PROTOCOL);
		assert_non_null(strstr(err.message, cases[i].word));
		assert_string_equal(buf_text(&out), "before");
		assert_false(out.failed);
	}
	CLEANUP(buf_done) struct buf out = BUF(64);
	assert_int_equal(base64url_decode("Zm9v\0Zm9", 8, &out, &err), -1);
}

static void test_the_maximum_holds(void **state)
{
	CLEANUP(buf_done) struct buf out = BUF(7);
	struct error err;

	(void)state;
	buf_append_text(&out, "ab");
	assert_int_equal(base64url_encode("123456", 6, &out), -1);
	assert_true(out.failed);
	assert_string_equal(buf_text(&out), "ab");
	buf_reset(&out);
	buf_append_text(&out, "ab");
	assert_int_equal(base64url_decode("Zm9vYmFy", 8, &out, &err), -1);
	assert_true(out.failed);
	assert_string_equal(buf_text(&out), "ab");
	assert_int_equal(err.kind, ERROR_INTERNAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_all_lengths_and_bytes_come_back),
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_the_maximum_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
