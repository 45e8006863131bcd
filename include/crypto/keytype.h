/* keytype.h: the kinds of keys, and a public key as plain numbers. Holds nothing secret. */
#ifndef CERTD_CRYPTO_KEYTYPE_H
#define CERTD_CRYPTO_KEYTYPE_H

#include <stddef.h>
#include <stdint.h>

enum key_type { KEY_ECDSA_P256, KEY_ECDSA_P384, KEY_RSA_2048, KEY_RSA_3072, KEY_RSA_4096 };

enum { KEY_TYPE_COUNT = KEY_RSA_4096 + 1 };

/* "ecdsa-p256" ... as in the configuration. Static. */
const char *key_type_name(enum key_type type);

/* 0, or -1 for a name that there is not. */
int key_type_parse(const char *name, enum key_type *ret);

/* NULL-terminated, for messages and "did you mean". */
const char *const *key_type_names(void);

/* What clients tell apart: who takes signatures of the one may not take those of the other. */
enum key_family { KEY_FAMILY_ECDSA, KEY_FAMILY_RSA };

enum { KEY_FAMILY_COUNT = KEY_FAMILY_RSA + 1 };

enum key_family key_type_family(enum key_type type);

/* "ecdsa", "rsa". Static. */
const char *key_family_name(enum key_family family);

/* The JWS algorithm of a key (RFC 7518 section 3.1): "ES256", "ES384", "RS256". */
const char *key_type_jws_algorithm(enum key_type type);

/* A public key in numbers, big endian. EC: x and y padded to the curve's size. RSA: x is the modulus, y the public exponent,
 * without leading zeros. */
struct crypto_public {
	enum key_type type;
	uint8_t x[512];
	size_t x_len;
	uint8_t y[512];
	size_t y_len;
};

#endif
