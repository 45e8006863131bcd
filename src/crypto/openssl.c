#include "crypto/openssl.h"

#include "base/text.h"
#include "crypto/keytype.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Texts of system calls' errors are not in OpenSSL's tables. NULL when there is nothing to say. */
static const char *reason_text(unsigned long code, char *space, size_t size)
{
	if (code == 0)
		return NULL;
	if (ERR_SYSTEM_ERROR(code))
		return strerror_r(ERR_GET_REASON(code), space, size);
	return ERR_reason_error_string(code);
}

int openssl_error(struct error *err, enum error_kind kind, const char *format, ...)
{
	unsigned long code = ERR_peek_error();
	char message[1024], space[128];
	const char *reason;
	va_list ap;

	if (code != 0 && !ERR_SYSTEM_ERROR(code) && ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE) {
		ERR_clear_error();
		return error_oom(err);
	}

	va_start(ap, format);
	vsnprintf(message, sizeof(message), format, ap);
	va_end(ap);

	reason = reason_text(code, space, sizeof(space));
	if (reason)
		error_set(err, kind, "%s: OpenSSL says \"%s\"", message, reason);
	else
		error_set(err, kind, "%s", message);

	ERR_clear_error();
	return -1;
}

static int number(const EVP_PKEY *key, const char *name, size_t pad, uint8_t *out, size_t size, size_t *ret_len)
{
	BIGNUM *bn = NULL;
	int len;

	if (EVP_PKEY_get_bn_param(key, name, &bn) != 1)
		return -1;

	len = pad > 0 ? (int)pad : BN_num_bytes(bn);
	if (BN_is_negative(bn) || (size_t)len > size || BN_bn2binpad(bn, out, len) != len) {
		BN_free(bn);
		return -1;
	}

	*ret_len = (size_t)len;
	BN_free(bn);
	return 0;
}

/* Whether the key is one that keytype.h knows, and which. */
static int identify(const EVP_PKEY *key, enum key_type *ret)
{
	if (EVP_PKEY_is_a(key, "EC")) {
		char group[32];
		size_t len;
		int explicit_parameters = 0;

		/* A curve spelled out as numbers may equal a named one and yet is refused by clients (RFC 5480 section 2.1.1). */
		if (EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &explicit_parameters) == 1 &&
		    explicit_parameters != 0)
			return OPENSSL_KEY_OTHER;
		if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group), &len) != 1)
			return OPENSSL_KEY_OTHER;
		if (text_equal(group, "prime256v1"))
			*ret = KEY_ECDSA_P256;
		else if (text_equal(group, "secp384r1"))
			*ret = KEY_ECDSA_P384;
		else
			return OPENSSL_KEY_OTHER;
		return 0;
	}

	if (EVP_PKEY_is_a(key, "RSA")) {
		int bits = EVP_PKEY_get_bits(key);

		if (bits == 2048)
			*ret = KEY_RSA_2048;
		else if (bits == 3072)
			*ret = KEY_RSA_3072;
		else if (bits == 4096)
			*ret = KEY_RSA_4096;
		else
			return OPENSSL_KEY_OTHER;
		return 0;
	}

	return OPENSSL_KEY_OTHER;
}

int openssl_key_public(const EVP_PKEY *key, struct crypto_public *ret, struct error *err)
{
	struct crypto_public pub = { 0 };
	bool failed = true;
	size_t pad;

	if (identify(key, &pub.type) != 0) {
		ERR_clear_error();
		return OPENSSL_KEY_OTHER;
	}

	switch (pub.type) {
	case KEY_ECDSA_P256:
	case KEY_ECDSA_P384:
		pad = pub.type == KEY_ECDSA_P256 ? 32 : 48;
		failed = number(key, OSSL_PKEY_PARAM_EC_PUB_X, pad, pub.x, sizeof(pub.x), &pub.x_len) < 0 ||
			 number(key, OSSL_PKEY_PARAM_EC_PUB_Y, pad, pub.y, sizeof(pub.y), &pub.y_len) < 0;
		break;
	case KEY_RSA_2048:
	case KEY_RSA_3072:
	case KEY_RSA_4096:
		failed = number(key, OSSL_PKEY_PARAM_RSA_N, 0, pub.x, sizeof(pub.x), &pub.x_len) < 0 ||
			 number(key, OSSL_PKEY_PARAM_RSA_E, 0, pub.y, sizeof(pub.y), &pub.y_len) < 0;
		break;
	}
	if (failed)
		return openssl_error(err, ERROR_INTERNAL, "the public half of a key cannot be read");

	ERR_clear_error();
	*ret = pub;
	return 0;
}

void openssl_bio_cleanup(BIO **bio)
{
	BIO_free(*bio);
}

void openssl_key_cleanup(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

void openssl_md_ctx_cleanup(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}
