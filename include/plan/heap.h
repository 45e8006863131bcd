/* heap.h: things by when they are due, the next one first. Pure.
 *
 * What is in it is a member of something larger and not owned; it knows its place, so that its time can change or it can be taken out
 * without a search. Of equal times any comes first.
 */
#ifndef CERTD_PLAN_HEAP_H
#define CERTD_PLAN_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plan_heap_item {
	int64_t at; /* when it is due, or whatever else is smallest for the first */
	size_t place; /* the heap's; 0 for not in a heap */
};

struct plan_heap {
	struct plan_heap_item **items;
	size_t count;
	size_t room;
};

void plan_heap_done(struct plan_heap *heap);

/* Makes room for that many, after which plan_heap_put() cannot fail as long as there are no more. 0, or -1 without memory. */
int plan_heap_reserve(struct plan_heap *heap, size_t count);

/* Puts the item in, or moves it, to that time. 0, or -1 without memory (it is then as it was). */
int plan_heap_put(struct plan_heap *heap, struct plan_heap_item *item, int64_t at);

/* Takes it out; nothing when it is not in. */
void plan_heap_remove(struct plan_heap *heap, struct plan_heap_item *item);

bool plan_heap_holds(const struct plan_heap_item *item);

/* The one with the smallest time; NULL when there is none. It stays in. */
struct plan_heap_item *plan_heap_first(const struct plan_heap *heap);

#endif
