/* test_jose_jwk.c */
#include "jose/jwk.h"

#include "base/base64.h"
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "crypto/pkey.h"
#include "json/doc.h"
#include "testca.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void load_public(const char *name, struct crypto_public *ret)
{
	CLEANUP(buf_done) struct buf pem = BUF_SECRET(8192);
	CLEANUP(crypto_pkey_cleanup) struct pkey *key = NULL;
	struct error err = { 0 };

	testca_read_vector(name, &pem);
	assert_int_equal(crypto_pkey_load(pem.data, pem.len, &key, &err), 0);
	assert_int_equal(crypto_pkey_public(key, ret, &err), 0);
}

static void read_number(const json_t *jwk, const char *member, uint8_t *out, size_t size, size_t *ret_len)
{
	CLEANUP(buf_done) struct buf bytes = BUF(size);
	struct error err = { 0 };
	const char *text;

	assert_int_equal(json_need_string(jwk, "the key", member, &text, &err), 0);
	assert_int_equal(base64url_decode(text, strlen(text), &bytes, &err), 0);
	memcpy(out, bytes.data, bytes.len);
	*ret_len = bytes.len;
}

static void test_rfc7638(void **state)
{
	CLEANUP(buf_done) struct buf text = BUF(4096);
	CLEANUP(buf_done) struct buf expected = BUF(4096);
	CLEANUP(buf_done) struct buf out = BUF(4096);
	struct crypto_public pub = { .type = KEY_RSA_2048 };
	struct error err = { 0 };
	json_auto_t *jwk = NULL;

	(void)state;
	testca_read_vector("rfc/rfc7638-3.1.jwk.json", &text);
	testca_read_vector("rfc/rfc7638-3.1.thumbprint", &expected);
	assert_int_equal(json_doc_parse(text.data, text.len, "the key", &jwk, &err), 0);
	read_number(jwk, "n", pub.x, sizeof(pub.x), &pub.x_len);
	read_number(jwk, "e", pub.y, sizeof(pub.y), &pub.y_len);

	assert_int_equal(jwk_thumbprint(&pub, &out, &err), 0);
	assert_string_equal(out.data, expected.data);
	assert_int_equal(out.len, 43);

	buf_reset(&out);
	assert_int_equal(jwk_print(&pub, &out, &err), 0);
	assert_int_equal(strncmp(out.data, "{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"0vx7", 33), 0);
}

static void test_elliptic(void **state)
{
	CLEANUP(buf_done) struct buf out = BUF(1024);
	CLEANUP(buf_done) struct buf expected = BUF(1024);
	struct crypto_public pub;
	struct error err = { 0 };

	(void)state;
	load_public("rfc/rfc7515-a3.key.pem", &pub);
	assert_int_equal(jwk_print(&pub, &out, &err), 0);
	assert_string_equal(out.data, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
				      "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}");

	buf_reset(&out);
	testca_read_vector("jose/rfc7515-a3.thumbprint", &expected);
	assert_int_equal(jwk_thumbprint(&pub, &out, &err), 0);
	assert_string_equal(out.data, expected.data);

	/* Coordinates keep their zeros in front (RFC 7518 section 6.2.1.2). */
	memset(&pub, 0, sizeof(pub));
	pub.type = KEY_ECDSA_P384;
	pub.x_len = pub.y_len = 48;
	pub.x[47] = 1;
	buf_reset(&out);
	assert_int_equal(jwk_print(&pub, &out, &err), 0);
	assert_non_null(strstr(out.data, "{\"crv\":\"P-384\",\"kty\":\"EC\",\"x\":\"AAAAAAAA"));
	assert_int_equal(out.len, strlen("{\"crv\":\"P-384\",\"kty\":\"EC\",\"x\":\"\",\"y\":\"\"}") + 2 * 64);
}

static void test_key_authorization(void **state)
{
	CLEANUP(buf_done) struct buf out = BUF(1024);
	CLEANUP(buf_done) struct buf thumbprint = BUF(64);
	struct crypto_public pub;
	struct error err = { 0 };
	const char *token = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowjxyjEuX0"; /* RFC 8555 section 8.3 */

	(void)state;
	load_public("rfc/rfc7515-a3.key.pem", &pub);
	assert_int_equal(jwk_thumbprint(&pub, &thumbprint, &err), 0);
	assert_int_equal(jwk_key_authorization(token, &pub, &out, &err), 0);
	assert_int_equal(strncmp(out.data, token, strlen(token)), 0);
	assert_int_equal(out.data[strlen(token)], '.');
	assert_string_equal(out.data + strlen(token) + 1, thumbprint.data);

	buf_reset(&out);
	assert_int_equal(jwk_key_authorization("../../x", &pub, &out, &err), -1);
	assert_int_equal(out.len, 0);
}

static void test_tokens(void **state)
{
	static const char *const bad[] = {
		"", "/", ".", "..", "../../../../tmp/x", "/etc/passwd", "a/b", "a;b", "a|b", "a`b`", "$(a)", "a&b", "a#b", "a b",
		" a", "a ", "a\n", "a\"b", "a'b", "a=", "a==", "%2e%2e", "a+b", "a%00", "\xc3\xa4", "\x7f", "a\\b", "a~", "-.",
	};
	char longest[257];
	struct error err = { 0 };

	(void)state;
	assert_int_equal(jwk_check_token("A", &err), 0);
	assert_int_equal(jwk_check_token("-_", &err), 0);
	assert_int_equal(jwk_check_token("evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA", &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		error_clear(&err);
		if (jwk_check_token(bad[i], &err) != -1)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_int_equal(err.kind, ERROR_PROTOCOL);
	}
	memset(longest, 'a', sizeof(longest));
	longest[256] = '\0';
	assert_int_equal(jwk_check_token(longest, &err), -1);
	longest[255] = '\0';
	assert_int_equal(jwk_check_token(longest, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc7638),
		cmocka_unit_test(test_elliptic),
		cmocka_unit_test(test_key_authorization),
		cmocka_unit_test(test_tokens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
