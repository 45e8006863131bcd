/* nonce.h: nonces that the CA gave and that were not used yet (RFC 8555 section 6.5). Never kept for long, never on disk. */
#ifndef CERTD_ACME_NONCE_H
#define CERTD_ACME_NONCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ACME_NONCE_SIZE = 512,
	ACME_NONCES_MAX = 32,
	ACME_NONCE_AGE_MAX_MS = 3 * 60 * 1000, /* older ones are likely forgotten by the CA: dropped */
};

struct acme_nonces {
	struct {
		char text[ACME_NONCE_SIZE];
		int64_t since_ms;
	} items[ACME_NONCES_MAX]; /* the oldest first */
	size_t count;
};

/* Keeps a nonce; "" is none. The oldest is dropped when the pool is full. now_ms is monotonic. */
void acme_nonces_put(struct acme_nonces *pool, const char *nonce, int64_t now_ms);

/* Takes the newest out. False when none is left that is young enough. */
bool acme_nonces_take(struct acme_nonces *pool, int64_t now_ms, char ret[static ACME_NONCE_SIZE]);

/* How many can be taken. */
size_t acme_nonces_count(struct acme_nonces *pool, int64_t now_ms);

#endif
