/* arena.h: memory that is given back all at once. A configuration is read once and never changed: all its strings and structs
 * live and end together. */
#ifndef CERTD_CONFIG_ARENA_H
#define CERTD_CONFIG_ARENA_H

#include <stddef.h>

struct config_arena {
	struct config_arena_item *items;
};

void config_arena_done(struct config_arena *arena);

/* Zeroed memory for count things of that size; or NULL. */
void *config_arena_alloc(struct config_arena *arena, size_t count, size_t size);

/* A copy with a NUL behind it; or NULL. */
char *config_arena_copy(struct config_arena *arena, const char *text, size_t len);
char *config_arena_text(struct config_arena *arena, const char *text);

/* Room for one more in a list of `count` things of that size, which may move; or NULL, and the list stays as it is. Lists grow at
 * each power of two. */
void *config_arena_grow(struct config_arena *arena, void *list, size_t count, size_t size);

#endif
