/* openssl.h: what the files that call OpenSSL share: its errors in words, cleanup functions, a handle's public half.
 *
 * OpenSSL keeps a queue of errors per thread. It belongs to the call that has just failed: every function of this room
 * leaves it empty, so that an old entry is never taken for the reason of a later failure.
 */
#ifndef CERTD_CRYPTO_OPENSSL_H
#define CERTD_CRYPTO_OPENSSL_H

#include "base/error.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

struct crypto_public;

/* Fills *err with the message and ": " and OpenSSL's reason in words (the first of its queue: the deepest), and empties
 * the queue. Never a raw code. Always returns -1. */
int openssl_error(struct error *err, enum error_kind kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

enum { OPENSSL_KEY_OTHER = 1 };

/* The public half of a key as numbers. OPENSSL_KEY_OTHER when it is of no type that keytype.h knows (another algorithm,
 * curve or size, or a curve given by its parameters instead of its name). */
int openssl_key_public(const EVP_PKEY *key, struct crypto_public *ret, struct error *err);

/* For CLEANUP(). */
void openssl_bio_cleanup(BIO **bio);
void openssl_key_cleanup(EVP_PKEY **key);
void openssl_md_ctx_cleanup(EVP_MD_CTX **ctx);

#endif
