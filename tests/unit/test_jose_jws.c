/* test_jose_jws.c */
#include "jose/jws.h"

#include "base/base64.h"
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "crypto/pkey.h"
#include "json/doc.h"
#include "testca.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct jws_header with_kid = {
	.url = "https://example.com/acme/new-order",
	.nonce = "5XJ1L3lEkMG7tR6pA00clA",
	.kid = "https://example.com/acme/acct/evOfKhNU60wg",
};

static struct pkey *load(const char *name)
{
	CLEANUP(buf_done) struct buf pem = BUF_SECRET(8192);
	struct error err = { 0 };
	struct pkey *key = NULL;

	testca_read_vector(name, &pem);
	assert_int_equal(crypto_pkey_load(pem.data, pem.len, &key, &err), 0);
	return key;
}

static void expect_vector(const struct buf *jws, const char *name)
{
	CLEANUP(buf_done) struct buf expected = BUF(16 * 1024);

	testca_read_vector(name, &expected);
	assert_string_equal(jws->data, expected.data);
}

/* The member of the JWS, decoded; what is signed is appended to input. */
static void take(const json_t *jws, const char *member, struct buf *bytes, struct buf *input)
{
	struct error err = { 0 };
	const char *text;

	assert_int_equal(json_need_string(jws, "the JWS", member, &text, &err), 0);
	assert_int_equal(base64url_decode(text, strlen(text), bytes, &err), 0);
	if (input) {
		buf_append_text(input, input->len > 0 ? "." : "");
		buf_append_text(input, text);
	}
}

/* Whether OpenSSL, asked by another way, finds the raw ECDSA signature good. */
static bool verifies(const struct pkey *key, const char *hash, const struct buf *input, const struct buf *raw)
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const unsigned char *bytes = (const unsigned char *)raw->data;
	unsigned char *der = NULL;
	int half = (int)raw->len / 2, len, r;

	ECDSA_SIG_set0(sig, BN_bin2bn(bytes, half, NULL), BN_bin2bn(bytes + half, half, NULL));
	len = i2d_ECDSA_SIG(sig, &der);
	assert_int_equal(EVP_DigestVerifyInit_ex(ctx, NULL, hash, NULL, NULL, crypto_pkey_handle(key), NULL), 1);
	r = EVP_DigestVerify(ctx, der, (size_t)len, (const unsigned char *)input->data, input->len);
	OPENSSL_free(der);
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(ctx);
	return r == 1;
}

static void test_rs256_vectors(void **state)
{
	CLEANUP(crypto_pkey_cleanup) struct pkey *key = load("rfc/rfc7515-a2.key.pem");
	CLEANUP(buf_done) struct buf payload = BUF(4096);
	CLEANUP(buf_done) struct buf out = BUF(16 * 1024);
	const struct jws_header with_jwk = { .url = "https://example.com/acme/new-account", .nonce = "6S8IqOGY7eL2lsGoTZYifg" };
	const char *agreed = "{\"termsOfServiceAgreed\":true}";
	struct error err = { 0 };

	(void)state;
	testca_read_vector("jose/new-order.payload", &payload);
	assert_int_equal(jws_sign(key, &with_kid, payload.data, payload.len, &out, &err), 0);
	expect_vector(&out, "jose/new-order.rs256.jws");
	buf_reset(&out);
	assert_int_equal(jws_sign(key, &with_jwk, agreed, strlen(agreed), &out, &err), 0);
	expect_vector(&out, "jose/new-account.rs256.jws");
}

static void test_es256(void **state)
{
	CLEANUP(crypto_pkey_cleanup) struct pkey *key = load("rfc/rfc7515-a3.key.pem");
	CLEANUP(buf_done) struct buf out = BUF(16 * 1024);
	CLEANUP(buf_done) struct buf protected = BUF(4096);
	CLEANUP(buf_done) struct buf payload = BUF(4096);
	CLEANUP(buf_done) struct buf signature = BUF(4096);
	CLEANUP(buf_done) struct buf input = BUF(16 * 1024);
	json_auto_t *jws = NULL;
	struct error err = { 0 };

	(void)state;
	assert_int_equal(jws_sign(key, &with_kid, "{}", 2, &out, &err), 0);
	assert_int_equal(json_doc_parse(out.data, out.len, "the JWS", &jws, &err), 0);
	assert_int_equal(json_object_size(jws), 3);
	take(jws, "protected", &protected, &input);
	take(jws, "payload", &payload, &input);
	take(jws, "signature", &signature, NULL);
	assert_string_equal(payload.data, "{}");
	assert_string_equal(protected.data, "{\"alg\":\"ES256\",\"kid\":\"https://example.com/acme/acct/evOfKhNU60wg\","
					    "\"nonce\":\"5XJ1L3lEkMG7tR6pA00clA\",\"url\":\"https://example.com/acme/new-order\"}");
	assert_int_equal(signature.len, 64);
	assert_true(verifies(key, "SHA256", &input, &signature));
}

static void test_es384_with_jwk_and_without_nonce(void **state)
{
	CLEANUP(crypto_pkey_cleanup) struct pkey *key = NULL;
	CLEANUP(buf_done) struct buf out = BUF(16 * 1024);
	CLEANUP(buf_done) struct buf text = BUF(4096);
	CLEANUP(buf_done) struct buf signature = BUF(4096);
	CLEANUP(buf_done) struct buf input = BUF(16 * 1024);
	json_auto_t *jws = NULL, *protected = NULL;
	const json_t *jwk;
	const char *value;
	struct error err = { 0 };

	(void)state;
	assert_int_equal(crypto_pkey_generate(KEY_ECDSA_P384, &key, &err), 0);
	assert_int_equal(jws_sign(key, &(struct jws_header){ .url = "https://a/key-change" }, "x", 1, &out, &err), 0);
	assert_int_equal(json_doc_parse(out.data, out.len, "the JWS", &jws, &err), 0);
	take(jws, "protected", &text, &input);
	assert_int_equal(json_doc_parse(text.data, text.len, "the header", &protected, &err), 0);
	assert_int_equal(json_object_size(protected), 3); /* alg, jwk, url */
	assert_int_equal(json_need_string(protected, "the header", "alg", &value, &err), 0);
	assert_string_equal(value, "ES384");
	assert_int_equal(json_need_object(protected, "the header", "jwk", &jwk, &err), 0);
	assert_int_equal(json_object_size(jwk), 4);
	assert_int_equal(json_need_string(jwk, "the key", "crv", &value, &err), 0);
	assert_string_equal(value, "P-384");

	buf_reset(&text);
	take(jws, "payload", &text, &input);
	take(jws, "signature", &signature, NULL);
	assert_int_equal(signature.len, 96);
	assert_true(verifies(key, "SHA384", &input, &signature));
}

static void test_post_as_get_has_an_empty_payload(void **state)
{
	CLEANUP(crypto_pkey_cleanup) struct pkey *key = load("rfc/rfc7515-a3.key.pem");
	CLEANUP(buf_done) struct buf out = BUF(16 * 1024);
	struct error err = { 0 };

	(void)state;
	assert_int_equal(jws_sign(key, &with_kid, "", 0, &out, &err), 0);
	assert_non_null(strstr(out.data, "\",\"payload\":\"\",\"signature\":\""));
}

static void test_urls_of_others(void **state)
{
	CLEANUP(crypto_pkey_cleanup) struct pkey *key = load("rfc/rfc7515-a3.key.pem");
	CLEANUP(buf_done) struct buf out = BUF(16 * 1024);
	CLEANUP(buf_done) struct buf protected = BUF(4096);
	json_auto_t *jws = NULL, *header = NULL;
	const char *odd = "https://a/\"},\\\t{\"x\":\"\xc3\xa4?%2f";
	const char *value;
	struct error err = { 0 };

	(void)state;
	assert_int_equal(jws_sign(key, &(struct jws_header){ .url = odd, .nonce = "n", .kid = "k" }, "", 0, &out, &err), 0);
	assert_int_equal(json_doc_parse(out.data, out.len, "the JWS", &jws, &err), 0);
	take(jws, "protected", &protected, NULL);
	assert_int_equal(json_doc_parse(protected.data, protected.len, "the header", &header, &err), 0);
	assert_int_equal(json_need_string(header, "the header", "url", &value, &err), 0);
	assert_string_equal(value, odd);
	assert_int_equal(json_object_size(header), 4);

	buf_reset(&out);
	assert_int_equal(jws_sign(key, &(struct jws_header){ .url = "https://a/\xff", .kid = "k" }, "", 0, &out, &err), -1);
	assert_int_equal(err.kind, ERROR_PROTOCOL);
	assert_int_equal(out.len, 0);
}

static void test_binding(void **state)
{
	CLEANUP(crypto_pkey_cleanup) struct pkey *key = load("rfc/rfc7515-a3.key.pem");
	CLEANUP(buf_done) struct buf out = BUF(16 * 1024);
	static const struct {
		const char *algorithm;
		const char *vector;
	} rows[] = {
		{ NULL, "jose/binding.hs256.jws" },
		{ "HS256", "jose/binding.hs256.jws" },
		{ "HS384", "jose/binding.hs384.jws" },
		{ "HS512", "jose/binding.hs512.jws" },
	};
	unsigned char mac_key[20];
	struct jws_binding binding = { .kid = "kid-1", .mac_key = mac_key, .mac_key_len = sizeof(mac_key) };
	struct error err = { 0 };

	(void)state;
	memset(mac_key, 0x0b, sizeof(mac_key));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		buf_reset(&out);
		binding.algorithm = rows[i].algorithm;
		assert_int_equal(jws_sign_binding(key, &binding, "https://example.com/acme/new-account", &out, &err), 0);
		expect_vector(&out, rows[i].vector);
	}

	buf_reset(&out);
	binding.algorithm = "HS1";
	assert_int_equal(jws_sign_binding(key, &binding, "https://example.com/acme/new-account", &out, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	binding.algorithm = NULL;
	binding.mac_key_len = 0;
	assert_int_equal(jws_sign_binding(key, &binding, "https://example.com/acme/new-account", &out, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_int_equal(out.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rs256_vectors),
		cmocka_unit_test(test_es256),
		cmocka_unit_test(test_es384_with_jwk_and_without_nonce),
		cmocka_unit_test(test_post_as_get_has_an_empty_payload),
		cmocka_unit_test(test_urls_of_others),
		cmocka_unit_test(test_binding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
