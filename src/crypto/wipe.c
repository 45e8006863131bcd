/* wipe.c: OpenSSL's memory, wiped when it is given back. OpenSSL itself wipes its numbers, but not the DER and PEM that it decodes them from. */
#include "base/clean.h"
#include "crypto/pkey.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

static void *take(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return malloc(size);
}

static void give_back(void *memory, const char *file, int line)
{
	(void)file;
	(void)line;
	if (memory)
		clean_wipe(memory, malloc_usable_size(memory));
	free(memory);
}

/* realloc(3) may move, and leaves what stood there. */
static void *take_more(void *memory, size_t size, const char *file, int line)
{
	size_t before = memory ? malloc_usable_size(memory) : 0;
	void *moved;

	if (memory && size == 0) {
		give_back(memory, file, line);
		return NULL;
	}
	if (memory && size <= before && size >= before / 2)
		return memory;
	moved = malloc(size);
	if (!moved || !memory)
		return moved;
	memcpy(moved, memory, before < size ? before : size);
	give_back(memory, file, line);
	return moved;
}

bool crypto_pkey_wipe_freed(void)
{
	return CRYPTO_set_mem_functions(take, take_more, give_back) == 1;
}
