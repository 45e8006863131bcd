/* arena.c: memory that is given back all at once, in chunks: a large configuration is a hundred thousand small things. */
#include "nginx/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_SIZE = 64 * 1024 };

struct nginx_arena_chunk {
	struct nginx_arena_chunk *next;
	size_t used, size;
	max_align_t memory[];
};

void nginx_arena_done(struct nginx_arena *arena)
{
	while (arena->chunks != NULL) {
		struct nginx_arena_chunk *chunk = arena->chunks;

		arena->chunks = chunk->next;
		free(chunk);
	}
}

static struct nginx_arena_chunk *add_chunk(struct nginx_arena *arena, size_t bytes)
{
	size_t size = bytes > CHUNK_SIZE ? bytes : CHUNK_SIZE;
	struct nginx_arena_chunk *chunk = calloc(1, sizeof(*chunk) + size);

	if (chunk == NULL)
		return NULL;
	chunk->size = size;
	/* What is large gets a chunk of its own behind the present one, whose rest is not lost. */
	if (bytes > CHUNK_SIZE / 2 && arena->chunks != NULL) {
		chunk->next = arena->chunks->next;
		arena->chunks->next = chunk;
	} else {
		chunk->next = arena->chunks;
		arena->chunks = chunk;
	}
	return chunk;
}

void *nginx_arena_alloc(struct nginx_arena *arena, size_t count, size_t size)
{
	struct nginx_arena_chunk *chunk = arena->chunks;
	size_t bytes;
	void *memory;

	if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 2)
		return NULL;
	bytes = (bytes + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	if (chunk == NULL || chunk->size - chunk->used < bytes)
		chunk = add_chunk(arena, bytes);
	if (chunk == NULL)
		return NULL;
	memory = (char *)chunk->memory + chunk->used;
	chunk->used += bytes;
	return memory;
}

char *nginx_arena_copy(struct nginx_arena *arena, const char *text, size_t len)
{
	char *copy = len == SIZE_MAX ? NULL : nginx_arena_alloc(arena, len + 1, 1);

	if (copy != NULL && len > 0)
		memcpy(copy, text, len);
	return copy;
}

char *nginx_arena_text(struct nginx_arena *arena, const char *text)
{
	return nginx_arena_copy(arena, text, strlen(text));
}

void *nginx_arena_grow(struct nginx_arena *arena, void *list, size_t count, size_t size)
{
	void *grown;

	if (count > 0 && (count & (count - 1)) != 0)
		return list;
	if (count > SIZE_MAX / 2)
		return NULL;
	grown = nginx_arena_alloc(arena, count == 0 ? 1 : count * 2, size);
	if (grown != NULL && count > 0)
		memcpy(grown, list, count * size);
	return grown;
}
