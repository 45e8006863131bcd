#include "jose/jwk.h"

#include "base/base64.h"
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "crypto/digest.h"
#include "crypto/keytype.h"

#include <stdbool.h>
#include <string.h>

enum { JWK_MAX = 1024, TOKEN_MAX = 255 };

static const char *curve_name(enum key_type type)
{
	switch (type) {
	case KEY_ECDSA_P256:
		return "P-256";
	case KEY_ECDSA_P384:
		return "P-384";
	case KEY_RSA_2048:
	case KEY_RSA_3072:
	case KEY_RSA_4096:
		return NULL;
	}

	return NULL;
}

/* Written by hand: the order of members and the absence of white space are what is hashed, and every value is base64url. */
int jwk_print(const struct crypto_public *key, struct buf *out, struct error *err)
{
	const char *curve = curve_name(key->type);

	if (curve) {
		buf_printf(out, "{\"crv\":\"%s\",\"kty\":\"EC\",\"x\":\"", curve);
		base64url_encode(key->x, key->x_len, out);
		buf_append_text(out, "\",\"y\":\"");
		base64url_encode(key->y, key->y_len, out);
	} else {
		buf_append_text(out, "{\"e\":\"");
		base64url_encode(key->y, key->y_len, out);
		buf_append_text(out, "\",\"kty\":\"RSA\",\"n\":\"");
		base64url_encode(key->x, key->x_len, out);
	}
	buf_append_text(out, "\"}");

	return buf_check(out, "a JSON Web Key", err);
}

int jwk_thumbprint(const struct crypto_public *key, struct buf *out, struct error *err)
{
	CLEANUP(buf_done) struct buf jwk = BUF(JWK_MAX);
	uint8_t digest[DIGEST_SHA256_SIZE];

	if (jwk_print(key, &jwk, err) < 0 || digest_sha256(jwk.data, jwk.len, digest, err) < 0)
		return -1;

	base64url_encode(digest, sizeof(digest), out);
	return buf_check(out, "a key's thumbprint", err);
}

static bool is_base64url(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

int jwk_check_token(const char *token, struct error *err)
{
	size_t len = strlen(token);

	if (len == 0)
		return error_set(err, ERROR_PROTOCOL, "the challenge's token is empty");
	if (len > TOKEN_MAX)
		return error_set(err, ERROR_PROTOCOL, "the challenge's token has %zu characters, more than the %d permitted", len,
				 (int)TOKEN_MAX);
	for (size_t i = 0; i < len; i++)
		if (!is_base64url(token[i]))
			return error_set(err, ERROR_PROTOCOL,
					 "the challenge's token holds byte 0x%02x at offset %zu, which is not base64url",
					 (unsigned int)(unsigned char)token[i], i);

	return 0;
}

int jwk_key_authorization(const char *token, const struct crypto_public *account, struct buf *out, struct error *err)
{
	if (jwk_check_token(token, err) < 0)
		return -1;

	buf_append_text(out, token);
	buf_append_char(out, '.');
	return jwk_thumbprint(account, out, err);
}
