/* pkey.h: private keys. The only header through which one can be made, loaded or used.
 *
 * The net process never includes it, nor anything that does. A struct pkey owns its key; the bytes of a PEM are in
 * secret buffers that wipe themselves.
 */
#ifndef CERTD_CRYPTO_PKEY_H
#define CERTD_CRYPTO_PKEY_H

#include "crypto/keytype.h"

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct crypto_public;
struct error;
struct pkey;

/* From here on OpenSSL wipes all memory that it gives back, so that a process that is forked later inherits no trace of a key. To be called before
 * OpenSSL is used for anything in this process; false when it was used already, and nothing has changed. */
bool crypto_pkey_wipe_freed(void);

/* A new key from OpenSSL's random generator; its failure is an error, never a weak key. */
int crypto_pkey_generate(enum key_type type, struct pkey **ret, struct error *err);

/* Reads one unencrypted PEM private key (PKCS#8 or the traditional forms) of a type that keytype.h knows. An empty, truncated or
 * foreign file is an ERROR_SYSTEM that says so. */
int crypto_pkey_load(const char *pem, size_t len, struct pkey **ret, struct error *err);

/* Appends PKCS#8 PEM. out must be secret. */
int crypto_pkey_print(const struct pkey *key, struct buf *out, struct error *err);

void crypto_pkey_free(struct pkey *key);
void crypto_pkey_cleanup(struct pkey **key); /* for CLEANUP() */

enum key_type crypto_pkey_type(const struct pkey *key);

/* The public half. */
int crypto_pkey_public(const struct pkey *key, struct crypto_public *ret, struct error *err);

/* Appends the signature of data as JWS wants it (RFC 7518 section 3): ES256/ES384 as R || S, RS256 for RSA. */
int crypto_pkey_sign(const struct pkey *key, const void *data, size_t len, struct buf *out, struct error *err);

/* OpenSSL's own handle, borrowed, as EVP_PKEY *: for csr.c and the other files of this room only. */
void *crypto_pkey_handle(const struct pkey *key);

#endif
