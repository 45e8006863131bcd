#include "crypto/pkey.h"

#include "base/buf.h"
#include "base/clean.h"
#include "crypto/openssl.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	PEM_KEY_MAX = 64 * 1024, /* octets; an RSA 4096 key has 3.3 KiB */
	DER_SIGNATURE_MAX = 512, /* RSA 4096 */
};

struct pkey {
	EVP_PKEY *handle;
	enum key_type type;
};

static int wrap(EVP_PKEY **handle, enum key_type type, struct pkey **ret, struct error *err)
{
	struct pkey *key = calloc(1, sizeof(*key));

	if (!key)
		return error_oom(err);

	key->handle = TAKE(*handle);
	key->type = type;
	*ret = key;
	return 0;
}

int crypto_pkey_generate(enum key_type type, struct pkey **ret, struct error *err)
{
	CLEANUP(openssl_key_cleanup) EVP_PKEY *handle = NULL;

	ERR_clear_error();
	switch (type) {
	case KEY_ECDSA_P256:
		handle = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
		break;
	case KEY_ECDSA_P384:
		handle = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
		break;
	case KEY_RSA_2048:
		handle = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
		break;
	case KEY_RSA_3072:
		handle = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)3072);
		break;
	case KEY_RSA_4096:
		handle = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)4096);
		break;
	}
	if (!handle)
		return openssl_error(err, ERROR_SYSTEM, "a new %s key could not be made", key_type_name(type));

	ERR_clear_error();
	return wrap(&handle, type, ret, err);
}

/* The label of the first PEM block, by which a person can tell what the file is. */
static int look_at(const char *pem, size_t len, struct error *err)
{
	static const char begin[] = "-----BEGIN ";
	const char *label, *end;
	size_t label_len, left;

	if (len == 0)
		return error_set(err, ERROR_SYSTEM, "it is empty, expected a private key in PEM");
	if (len > PEM_KEY_MAX)
		return error_set(err, ERROR_SYSTEM, "it has %zu octets, more than any private key in PEM", len);
	if (memchr(pem, '\0', len))
		return error_set(err, ERROR_SYSTEM, "it holds NUL characters, expected a private key in PEM");

	label = memmem(pem, len, begin, sizeof(begin) - 1);
	if (!label)
		return error_set(err, ERROR_SYSTEM, "it holds no PEM block, expected a private key");
	label += sizeof(begin) - 1;
	left = len - (size_t)(label - pem);
	end = memmem(label, left, "-----", 5);
	label_len = end ? (size_t)(end - label) : left;

	if ((label_len == 21 && memcmp(label, "ENCRYPTED PRIVATE KEY", 21) == 0) ||
	    memmem(label, left, "Proc-Type: 4,ENCRYPTED", 22))
		return error_set(err, ERROR_SYSTEM, "the private key is encrypted with a passphrase, which nobody is there to enter");
	if (label_len == 13 && memcmp(label, "EC PARAMETERS", 13) == 0)
		return 0; /* `openssl ecparam -genkey` puts this before the key */
	if (label_len < 11 || label_len > 40 || memcmp(label + label_len - 11, "PRIVATE KEY", 11) != 0)
		return error_set(err, ERROR_SYSTEM, "its first PEM block is \"%.*s\", expected a private key",
				 label_len < 40 ? (int)label_len : 40, label);

	return 0;
}

static bool holds_several(const char *pem, size_t len)
{
	static const char tail[] = "PRIVATE KEY-----";
	const char *at = pem;
	size_t ends = 0;

	/* A key has one line of this kind that begins it and one that ends it. */
	while ((at = memmem(at, len - (size_t)(at - pem), tail, sizeof(tail) - 1))) {
		at += sizeof(tail) - 1;
		ends++;
	}

	return ends > 2;
}

/* Without this, OpenSSL would ask on the terminal. */
static int no_passphrase(char *out, int size, int writing, void *data)
{
	(void)out;
	(void)size;
	(void)writing;
	(void)data;
	return -1;
}

/* A damaged file can still parse as numbers. A key that verifies its own signature is whole. */
static int try_out(EVP_PKEY *handle, struct error *err)
{
	static const unsigned char text[] = "certd";
	unsigned char signature[DER_SIGNATURE_MAX];
	size_t len = sizeof(signature);
	CLEANUP(openssl_md_ctx_cleanup) EVP_MD_CTX *sign = EVP_MD_CTX_new();
	CLEANUP(openssl_md_ctx_cleanup) EVP_MD_CTX *verify = EVP_MD_CTX_new();

	if (!sign || !verify)
		return error_oom(err);
	if (EVP_DigestSignInit_ex(sign, NULL, "SHA256", NULL, NULL, handle, NULL) != 1 ||
	    EVP_DigestSign(sign, signature, &len, text, sizeof(text)) != 1 ||
	    EVP_DigestVerifyInit_ex(verify, NULL, "SHA256", NULL, NULL, handle, NULL) != 1 ||
	    EVP_DigestVerify(verify, signature, len, text, sizeof(text)) != 1) {
		ERR_clear_error();
		return error_set(err, ERROR_SYSTEM, "the private key is damaged: it does not verify its own signature");
	}

	return 0;
}

int crypto_pkey_load(const char *pem, size_t len, struct pkey **ret, struct error *err)
{
	CLEANUP(openssl_bio_cleanup) BIO *bio = NULL;
	CLEANUP(openssl_key_cleanup) EVP_PKEY *handle = NULL;
	struct crypto_public pub;
	int r;

	if (look_at(pem, len, err) < 0)
		return -1;
	if (holds_several(pem, len))
		return error_set(err, ERROR_SYSTEM, "it holds more than one private key");

	ERR_clear_error();
	bio = BIO_new_mem_buf(pem, (int)len);
	if (!bio)
		return error_oom(err);
	handle = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	if (!handle)
		return openssl_error(err, ERROR_SYSTEM, "the private key is damaged, cut, or of an unknown kind");

	r = openssl_key_public(handle, &pub, err);
	if (r == OPENSSL_KEY_OTHER)
		return error_set(err, ERROR_SYSTEM,
				 "the private key is none of ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072, rsa-4096 (it is %s of %d bits)",
				 EVP_PKEY_get0_type_name(handle) ? EVP_PKEY_get0_type_name(handle) : "unknown",
				 EVP_PKEY_get_bits(handle));
	if (r < 0 || try_out(handle, err) < 0)
		return -1;

	ERR_clear_error();
	return wrap(&handle, pub.type, ret, err);
}

int crypto_pkey_print(const struct pkey *key, struct buf *out, struct error *err)
{
	/* This kind of BIO wipes its memory. */
	CLEANUP(openssl_bio_cleanup) BIO *bio = BIO_new(BIO_s_secmem());
	char *text;
	long len;

	if (!out->secret)
		return error_set(err, ERROR_INTERNAL, "a private key was to be written to memory that is not wiped");
	if (!bio)
		return error_oom(err);

	ERR_clear_error();
	if (PEM_write_bio_PKCS8PrivateKey(bio, key->handle, NULL, NULL, 0, NULL, NULL) != 1)
		return openssl_error(err, ERROR_INTERNAL, "a private key could not be written as PEM");
	len = BIO_get_mem_data(bio, &text);
	if (len <= 0)
		return error_set(err, ERROR_INTERNAL, "a private key could not be written as PEM");

	buf_append(out, text, (size_t)len);
	return buf_check(out, "the private key's PEM", err);
}

void crypto_pkey_free(struct pkey *key)
{
	if (!key)
		return;

	EVP_PKEY_free(key->handle);
	free(key);
}

void crypto_pkey_cleanup(struct pkey **key)
{
	crypto_pkey_free(*key);
	*key = NULL;
}

enum key_type crypto_pkey_type(const struct pkey *key)
{
	return key->type;
}

int crypto_pkey_public(const struct pkey *key, struct crypto_public *ret, struct error *err)
{
	int r = openssl_key_public(key->handle, ret, err);

	if (r == OPENSSL_KEY_OTHER)
		return error_set(err, ERROR_INTERNAL, "a private key has changed its type");
	return r;
}

/* OpenSSL gives an ECDSA signature as a DER sequence of two integers; JWS wants both padded and side by side (RFC 7518 section 3.4). */
static int append_raw(const unsigned char *der, size_t der_len, size_t half, struct buf *out, struct error *err)
{
	const unsigned char *at = der;
	unsigned char raw[2 * 48];
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)der_len);
	bool fits;

	if (!sig)
		return openssl_error(err, ERROR_INTERNAL, "a signature that was just made cannot be read");
	fits = BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, (int)half) == (int)half &&
	       BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + half, (int)half) == (int)half;
	ECDSA_SIG_free(sig);
	if (!fits)
		return openssl_error(err, ERROR_INTERNAL, "a signature that was just made has numbers beyond the curve");

	buf_append(out, raw, 2 * half);
	return buf_check(out, "the signature", err);
}

int crypto_pkey_sign(const struct pkey *key, const void *data, size_t len, struct buf *out, struct error *err)
{
	CLEANUP(openssl_md_ctx_cleanup) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const char *hash = key->type == KEY_ECDSA_P384 ? "SHA384" : "SHA256";
	unsigned char signature[DER_SIGNATURE_MAX];
	size_t signature_len = sizeof(signature);

	if (!ctx)
		return error_oom(err);
	ERR_clear_error();
	if (EVP_DigestSignInit_ex(ctx, NULL, hash, NULL, NULL, key->handle, NULL) != 1 ||
	    EVP_DigestSign(ctx, signature, &signature_len, len > 0 ? data : "", len) != 1)
		return openssl_error(err, ERROR_INTERNAL, "signing with a %s key failed", key_type_name(key->type));
	ERR_clear_error();

	switch (key->type) {
	case KEY_ECDSA_P256:
		return append_raw(signature, signature_len, 32, out, err);
	case KEY_ECDSA_P384:
		return append_raw(signature, signature_len, 48, out, err);
	case KEY_RSA_2048:
	case KEY_RSA_3072:
	case KEY_RSA_4096:
		break;
	}

	buf_append(out, signature, signature_len);
	return buf_check(out, "the signature", err);
}

void *crypto_pkey_handle(const struct pkey *key)
{
	return key->handle;
}
