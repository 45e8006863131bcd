/* arena.h: memory that is given back all at once, for things that are made once and never changed. */
#ifndef CERTD_NGINX_ARENA_H
#define CERTD_NGINX_ARENA_H

#include <stddef.h>

struct nginx_arena {
	struct nginx_arena_chunk *chunks;
};

void nginx_arena_done(struct nginx_arena *arena);

/* Zeroed memory for count things of that size; or NULL. */
void *nginx_arena_alloc(struct nginx_arena *arena, size_t count, size_t size);

/* A copy with a NUL behind it; or NULL. */
char *nginx_arena_copy(struct nginx_arena *arena, const char *text, size_t len);
char *nginx_arena_text(struct nginx_arena *arena, const char *text);

/* Room for one more in a list of `count` things of that size, which may move; or NULL, and the list stays as it is. Lists grow at
 * each power of two. */
void *nginx_arena_grow(struct nginx_arena *arena, void *list, size_t count, size_t size);

#endif
