/* arena.c: memory that is given back all at once. */
#include "config/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct config_arena_item {
	struct config_arena_item *next;
	max_align_t memory[];
};

void config_arena_done(struct config_arena *arena)
{
	while (arena->items != NULL) {
		struct config_arena_item *item = arena->items;

		arena->items = item->next;
		free(item);
	}
}

void *config_arena_alloc(struct config_arena *arena, size_t count, size_t size)
{
	struct config_arena_item *item;
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - sizeof(*item))
		return NULL;
	item = calloc(1, sizeof(*item) + bytes);
	if (item == NULL)
		return NULL;
	item->next = arena->items;
	arena->items = item;
	return item->memory;
}

char *config_arena_copy(struct config_arena *arena, const char *text, size_t len)
{
	char *copy = len == SIZE_MAX ? NULL : config_arena_alloc(arena, len + 1, 1);

	if (copy != NULL && len > 0)
		memcpy(copy, text, len);
	return copy;
}

char *config_arena_text(struct config_arena *arena, const char *text)
{
	return config_arena_copy(arena, text, strlen(text));
}

void *config_arena_grow(struct config_arena *arena, void *list, size_t count, size_t size)
{
	void *grown;

	if (count > 0 && (count & (count - 1)) != 0)
		return list;
	if (count > SIZE_MAX / 2)
		return NULL;
	grown = config_arena_alloc(arena, count == 0 ? 1 : count * 2, size);
	if (grown != NULL && count > 0)
		memcpy(grown, list, count * size);
	return grown;
}
