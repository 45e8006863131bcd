/* test_crypto_digest.c */
#include "crypto/digest.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/text.h"
#include "testca.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static size_t unhex(const char *text, unsigned char *out, size_t size)
{
	size_t len = strlen(text) / 2;

	assert_true(len <= size);
	for (size_t i = 0; i < len; i++) {
		char pair[] = { text[2 * i], text[2 * i + 1], '\0' };

		out[i] = (unsigned char)strtoul(pair, NULL, 16);
	}
	return len;
}

static void test_sha256(void **state)
{
	uint8_t digest[DIGEST_SHA256_SIZE];
	char hex[2 * DIGEST_SHA256_SIZE + 1];
	struct error err = { 0 };

	(void)state;
	assert_int_equal(digest_sha256("abc", 3, digest, &err), 0);
	text_hex(digest, sizeof(digest), hex);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(digest_sha256(NULL, 0, digest, &err), 0);
	text_hex(digest, sizeof(digest), hex);
	assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void test_rfc4231(void **state)
{
	static const enum digest_hash hashes[] = { DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512 };
	CLEANUP(buf_done) struct buf file = BUF(16 * 1024);
	char *line, *rest;
	size_t cases = 0;

	(void)state;
	testca_read_vector("rfc/rfc4231.txt", &file);
	for (line = strtok_r(file.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		unsigned char key[256], data[256];
		char *word, *words;
		size_t key_len, data_len;

		if (*line == '#')
			continue;
		word = strtok_r(line, " ", &words);
		key_len = unhex(word, key, sizeof(key));
		word = strtok_r(NULL, " ", &words);
		data_len = unhex(word, data, sizeof(data));
		for (size_t i = 0; i < ARRAY_SIZE(hashes); i++) {
			CLEANUP(buf_done) struct buf mac = BUF(64);
			struct error err = { 0 };
			char hex[129];

			assert_int_equal(digest_hmac(hashes[i], key, key_len, data, data_len, &mac, &err), 0);
			text_hex(mac.data, mac.len, hex);
			assert_string_equal(hex, strtok_r(NULL, " ", &words));
		}
		cases++;
	}
	assert_int_equal(cases, 6);
}

static void test_hmac_limits(void **state)
{
	CLEANUP(buf_done) struct buf mac = BUF(64);
	CLEANUP(buf_done) struct buf small = BUF(16);
	struct error err = { 0 };
	char hex[65];

	(void)state;
	assert_int_equal(digest_hmac(DIGEST_SHA256, NULL, 0, NULL, 0, &mac, &err), 0);
	text_hex(mac.data, mac.len, hex);
	assert_string_equal(hex, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
	assert_int_equal(digest_hmac(DIGEST_SHA256, "k", 1, "d", 1, &small, &err), -1);
	assert_int_equal(small.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_rfc4231),
		cmocka_unit_test(test_hmac_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
