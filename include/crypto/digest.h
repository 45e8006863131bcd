/* digest.h: SHA-256 and HMAC. */
#ifndef CERTD_CRYPTO_DIGEST_H
#define CERTD_CRYPTO_DIGEST_H

#include <stddef.h>
#include <stdint.h>

struct buf;
struct error;

enum { DIGEST_SHA256_SIZE = 32 };

enum digest_hash { DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512 };

int digest_sha256(const void *data, size_t len, uint8_t out[static DIGEST_SHA256_SIZE], struct error *err);

/* Appends the HMAC of data to out. */
int digest_hmac(enum digest_hash hash, const void *key, size_t key_len, const void *data, size_t len, struct buf *out,
                struct error *err);

#endif
