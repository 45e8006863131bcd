/* test_crypto_pkey.c */
#include "crypto/pkey.h"

#include "base/base64.h"
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "testca.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct pkey *load_vector(const char *name)
{
	CLEANUP(buf_done) struct buf pem = BUF_SECRET(8192);
	struct error err = { 0 };
	struct pkey *key = NULL;

	testca_read_vector(name, &pem);
	if (crypto_pkey_load(pem.data, pem.len, &key, &err) < 0)
		fail_msg("%s: %s", name, err.message);
	return key;
}

static void refuse(const char *pem, size_t len, const char *expected)
{
	struct error err = { 0 };
	struct pkey *key = (struct pkey *)&err;

	assert_int_equal(crypto_pkey_load(pem, len, &key, &err), -1);
	assert_ptr_equal(key, &err);
	assert_int_equal(err.kind, ERROR_SYSTEM);
	if (!strstr(err.message, expected))
		fail_msg("\"%s\" does not say \"%s\"", err.message, expected);
	assert_null(strstr(err.message, "error:")); /* the form of OpenSSL's raw codes */
	assert_int_equal(ERR_peek_error(), 0);
}

/* How OpenSSL itself would write a key; encrypted with a passphrase where given. */
static void append_key(EVP_PKEY *key, bool traditional, const char *passphrase, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	const EVP_CIPHER *cipher = passphrase ? EVP_aes_128_cbc() : NULL;
	int passphrase_len = passphrase ? (int)strlen(passphrase) : 0;
	char *text;
	long len;

	if (traditional)
		assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, key, cipher, (const unsigned char *)passphrase,
								     passphrase_len, NULL, NULL), 1);
	else
		assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, cipher, passphrase, passphrase_len, NULL, NULL), 1);
	len = BIO_get_mem_data(bio, &text);
	assert_int_equal(buf_append(out, text, (size_t)len), 0);
	BIO_free(bio);
}

/* The DER form of a raw R || S, for OpenSSL to verify. */
static int der_signature(const struct buf *raw, unsigned char **ret)
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	const unsigned char *bytes = (const unsigned char *)raw->data;
	int half = (int)raw->len / 2, len;

	assert_int_equal(ECDSA_SIG_set0(sig, BN_bin2bn(bytes, half, NULL), BN_bin2bn(bytes + half, half, NULL)), 1);
	len = i2d_ECDSA_SIG(sig, ret);
	ECDSA_SIG_free(sig);
	assert_true(len > 0);
	return len;
}

static bool verifies(const struct pkey *key, const char *hash, const void *data, size_t len, const struct buf *signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY *handle = crypto_pkey_handle(key);
	unsigned char *der = NULL;
	int r;

	assert_int_equal(EVP_DigestVerifyInit_ex(ctx, NULL, hash, NULL, NULL, handle, NULL), 1);
	if (EVP_PKEY_is_a(handle, "EC")) {
		int der_len = der_signature(signature, &der);

		r = EVP_DigestVerify(ctx, der, (size_t)der_len, data, len);
	} else {
		r = EVP_DigestVerify(ctx, (const unsigned char *)signature->data, signature->len, data, len);
	}
	OPENSSL_free(der);
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return r == 1;
}

static void test_rfc7515_a2_rs256(void **state)
{
	CLEANUP(crypto_pkey_cleanup) struct pkey *key = load_vector("rfc/rfc7515-a2.key.pem");
	CLEANUP(buf_done) struct buf input = BUF(1024);
	CLEANUP(buf_done) struct buf expected = BUF(1024);
	CLEANUP(buf_done) struct buf signature = BUF(1024);
	CLEANUP(buf_done) struct buf text = BUF(1024);
	struct error err = { 0 };

	(void)state;
	testca_read_vector("rfc/rfc7515-a2.input", &input);
	testca_read_vector("rfc/rfc7515-a2.signature", &expected);
	assert_int_equal(crypto_pkey_type(key), KEY_RSA_2048);
	/* PKCS #1 1.5 has no randomness: the very signature of the RFC. */
	assert_int_equal(crypto_pkey_sign(key, input.data, input.len, &signature, &err), 0);
	assert_int_equal(signature.len, 256);
	assert_int_equal(base64url_encode(signature.data, signature.len, &text), 0);
	assert_string_equal(text.data, expected.data);
	assert_true(verifies(key, "SHA256", input.data, input.len, &signature));
}

static void test_rfc7515_a3_es256(void **state)
{
	CLEANUP(crypto_pkey_cleanup) struct pkey *key = load_vector("rfc/rfc7515-a3.key.pem");
	CLEANUP(buf_done) struct buf input = BUF(1024);
	CLEANUP(buf_done) struct buf text = BUF(1024);
	CLEANUP(buf_done) struct buf expected = BUF(1024);
	struct crypto_public pub;
	struct error err = { 0 };

	(void)state;
	testca_read_vector("rfc/rfc7515-a3.input", &input);
	testca_read_vector("rfc/rfc7515-a3.signature", &text);
	assert_int_equal(crypto_pkey_type(key), KEY_ECDSA_P256);
	assert_int_equal(base64url_decode(text.data, text.len, &expected, &err), 0);
	assert_int_equal(expected.len, 64);
	assert_true(verifies(key, "SHA256", input.data, input.len, &expected));

	assert_int_equal(crypto_pkey_public(key, &pub, &err), 0);
	buf_reset(&text);
	assert_int_equal(base64url_encode(pub.x, pub.x_len, &text), 0);
	assert_string_equal(text.data, "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
	buf_reset(&text);
	assert_int_equal(base64url_encode(pub.y, pub.y_len, &text), 0);
	assert_string_equal(text.data, "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");

	/* Numbers that are short by a byte come about once in 128 signatures; they must be padded. */
	for (int i = 0; i < 300; i++) {
		CLEANUP(buf_done) struct buf signature = BUF(64);

		assert_int_equal(crypto_pkey_sign(key, input.data, input.len, &signature, &err), 0);
		assert_int_equal(signature.len, 64);
		if (i % 60 == 0 || signature.data[0] == 0 || signature.data[32] == 0)
			assert_true(verifies(key, "SHA256", input.data, input.len, &signature));
	}
}

static void test_generate_print_load(void **state)
{
	static const enum key_type types[] = { KEY_ECDSA_P256, KEY_ECDSA_P384, KEY_RSA_2048, KEY_RSA_3072, KEY_RSA_4096 };
	static const size_t sizes[] = { 32, 48, 256, 384, 512 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		CLEANUP(crypto_pkey_cleanup) struct pkey *key = NULL;
		CLEANUP(crypto_pkey_cleanup) struct pkey *again = NULL;
		CLEANUP(buf_done) struct buf pem = BUF_SECRET(8192);
		CLEANUP(buf_done) struct buf signature = BUF(512);
		bool rsa = types[i] != KEY_ECDSA_P256 && types[i] != KEY_ECDSA_P384;
		struct crypto_public a, b;
		struct error err = { 0 };

		/* To make the large ones takes seconds. */
		if (types[i] == KEY_RSA_3072)
			key = load_vector("crypto/rsa-3072.key.pem");
		else if (types[i] == KEY_RSA_4096)
			key = load_vector("crypto/rsa-4096.key.pem");
		else
			assert_int_equal(crypto_pkey_generate(types[i], &key, &err), 0);
		assert_int_equal(crypto_pkey_type(key), types[i]);
		assert_int_equal(crypto_pkey_print(key, &pem, &err), 0);
		assert_int_equal(strncmp(pem.data, "-----BEGIN PRIVATE KEY-----\n", 28), 0);
		assert_int_equal(crypto_pkey_load(pem.data, pem.len, &again, &err), 0);
		assert_int_equal(crypto_pkey_type(again), types[i]);
		assert_int_equal(crypto_pkey_public(key, &a, &err), 0);
		assert_int_equal(crypto_pkey_public(again, &b, &err), 0);
		assert_memory_equal(&a, &b, sizeof(a));
		assert_int_equal(a.x_len, sizes[i]);
		assert_int_equal(a.y_len, rsa ? 3 : sizes[i]);

		assert_int_equal(crypto_pkey_sign(key, "data", 4, &signature, &err), 0);
		assert_int_equal(signature.len, rsa ? sizes[i] : 2 * sizes[i]);
		assert_true(verifies(again, types[i] == KEY_ECDSA_P384 ? "SHA384" : "SHA256", "data", 4, &signature));
		assert_false(verifies(again, types[i] == KEY_ECDSA_P384 ? "SHA384" : "SHA256", "Data", 4, &signature));
		assert_int_equal(ERR_peek_error(), 0);
	}
}

static void test_print_needs_memory_that_is_wiped(void **state)
{
	CLEANUP(crypto_pkey_cleanup) struct pkey *key = load_vector("rfc/rfc7515-a3.key.pem");
	CLEANUP(buf_done) struct buf pem = BUF(8192);
	CLEANUP(buf_done) struct buf small = BUF_SECRET(16);
	struct error err = { 0 };

	(void)state;
	assert_int_equal(crypto_pkey_print(key, &pem, &err), -1);
	assert_int_equal(err.kind, ERROR_INTERNAL);
	assert_int_equal(pem.len, 0);
	assert_int_equal(crypto_pkey_print(key, &small, &err), -1);
}

static void test_traditional_forms(void **state)
{
	CLEANUP(crypto_pkey_cleanup) struct pkey *rsa = load_vector("rfc/rfc7515-a2.key.traditional.pem");
	CLEANUP(crypto_pkey_cleanup) struct pkey *ec = load_vector("rfc/rfc7515-a3.key.traditional.pem");
	CLEANUP(crypto_pkey_cleanup) struct pkey *with_parameters = NULL;
	CLEANUP(buf_done) struct buf pem = BUF_SECRET(8192);
	struct error err = { 0 };

	(void)state;
	assert_int_equal(crypto_pkey_type(rsa), KEY_RSA_2048);
	assert_int_equal(crypto_pkey_type(ec), KEY_ECDSA_P256);

	/* As `openssl ecparam -genkey` writes it. */
	buf_append_text(&pem, "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n");
	testca_read_vector("rfc/rfc7515-a3.key.traditional.pem", &pem);
	if (crypto_pkey_load(pem.data, pem.len, &with_parameters, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(crypto_pkey_type(with_parameters), KEY_ECDSA_P256);
}

static void test_refuses_foreign_files(void **state)
{
	CLEANUP(buf_done) struct buf key = BUF_SECRET(16 * 1024);
	CLEANUP(buf_done) struct buf text = BUF_SECRET(256 * 1024);
	size_t len;

	(void)state;
	testca_read_vector("rfc/rfc7515-a3.key.pem", &key);
	len = key.len;
	refuse("", 0, "it is empty");
	refuse("\0\0\0\0", 4, "NUL characters");
	refuse("garbage\n", 8, "no PEM block");
	refuse("-----BEGIN CERTIFICATE-----\n", 28, "its first PEM block is \"CERTIFICATE\"");
	refuse("-----BEGIN PUBLIC KEY-----\n", 27, "its first PEM block is \"PUBLIC KEY\"");
	refuse("-----BEGIN OPENSSH PRIVATE KEY-----\n", 36, "damaged, cut, or of an unknown kind");
	refuse("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", 54, "damaged, cut");
	refuse(key.data, len / 2, "damaged, cut");
	refuse(key.data, len - 5, "damaged, cut");
	refuse("-----BEGIN ", 11, "first PEM block");
	for (size_t i = 0; i < 70 * 1024; i++)
		buf_append_char(&text, 'x');
	refuse(text.data, text.len, "more than any private key");

	/* Two keys: which one is meant? */
	buf_append(&key, key.data, len);
	refuse(key.data, key.len, "more than one private key");
}

static void test_refuses_other_types(void **state)
{
	static const char *const kinds[] = { "P-521", "ED25519", "RSA-1024" };
	CLEANUP(buf_done) struct buf pem = BUF_SECRET(8192);
	EVP_PKEY *key;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		key = testca_key(kinds[i]);
		buf_reset(&pem);
		append_key(key, false, NULL, &pem);
		EVP_PKEY_free(key);
		refuse(pem.data, pem.len, "none of ecdsa-p256");
	}

	key = testca_explicit_key();
	buf_reset(&pem);
	append_key(key, false, NULL, &pem);
	EVP_PKEY_free(key);
	refuse(pem.data, pem.len, "none of ecdsa-p256");
}

static void test_refuses_encrypted_keys_without_asking(void **state)
{
	CLEANUP(buf_done) struct buf pem = BUF_SECRET(8192);
	EVP_PKEY *key = testca_key("P-256");

	(void)state;
	append_key(key, false, "secret", &pem);
	refuse(pem.data, pem.len, "encrypted with a passphrase");
	buf_reset(&pem);
	append_key(key, true, "secret", &pem);
	refuse(pem.data, pem.len, "encrypted with a passphrase");
	EVP_PKEY_free(key);
}

/* A flipped bit in the numbers leaves a file that parses. */
static void test_refuses_damaged_numbers(void **state)
{
	CLEANUP(buf_done) struct buf pem = BUF_SECRET(8192);
	static const size_t places[] = { 75, 100, 150 };

	(void)state;
	testca_read_vector("rfc/rfc7515-a3.key.traditional.pem", &pem);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		char kept = pem.data[places[i]];
		struct error err = { 0 };
		struct pkey *key = NULL;

		pem.data[places[i]] = kept == 'A' ? 'B' : 'A';
		assert_int_equal(crypto_pkey_load(pem.data, pem.len, &key, &err), -1);
		assert_non_null(strstr(err.message, "damaged"));
		pem.data[places[i]] = kept;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc7515_a2_rs256),
		cmocka_unit_test(test_rfc7515_a3_es256),
		cmocka_unit_test(test_generate_print_load),
		cmocka_unit_test(test_print_needs_memory_that_is_wiped),
		cmocka_unit_test(test_traditional_forms),
		cmocka_unit_test(test_refuses_foreign_files),
		cmocka_unit_test(test_refuses_other_types),
		cmocka_unit_test(test_refuses_encrypted_keys_without_asking),
		cmocka_unit_test(test_refuses_damaged_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
