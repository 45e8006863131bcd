#include "acme/nonce.h"

#include "base/text.h"

#include <string.h>

static void drop_first(struct acme_nonces *pool, size_t n)
{
	memmove(&pool->items[0], &pool->items[n], (pool->count - n) * sizeof(pool->items[0]));
	pool->count -= n;
}

static void drop_old(struct acme_nonces *pool, int64_t now_ms)
{
	size_t n = 0;

	while (n < pool->count && now_ms - pool->items[n].since_ms > ACME_NONCE_AGE_MAX_MS)
		n++;
	drop_first(pool, n);
}

void acme_nonces_put(struct acme_nonces *pool, const char *nonce, int64_t now_ms)
{
	if (nonce[0] == '\0' || strlen(nonce) >= ACME_NONCE_SIZE)
		return;
	if (pool->count == ACME_NONCES_MAX)
		drop_first(pool, 1);
	text_copy(pool->items[pool->count].text, ACME_NONCE_SIZE, nonce);
	pool->items[pool->count].since_ms = now_ms;
	pool->count++;
}

bool acme_nonces_take(struct acme_nonces *pool, int64_t now_ms, char ret[static ACME_NONCE_SIZE])
{
	drop_old(pool, now_ms);
	if (pool->count == 0)
		return false;
	pool->count--;
	text_copy(ret, ACME_NONCE_SIZE, pool->items[pool->count].text);
	return true;
}

size_t acme_nonces_count(struct acme_nonces *pool, int64_t now_ms)
{
	drop_old(pool, now_ms);
	return pool->count;
}
