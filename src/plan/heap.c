/* heap.c: a binary heap in an array; items[0] is the first. */
#include "plan/heap.h"

#include <stdlib.h>

enum { ROOM_FIRST = 64 };

void plan_heap_done(struct plan_heap *heap)
{
	free(heap->items);
	*heap = (struct plan_heap){ 0 };
}

int plan_heap_reserve(struct plan_heap *heap, size_t count)
{
	struct plan_heap_item **items;

	if (count <= heap->room)
		return 0;
	items = reallocarray(heap->items, count, sizeof(struct plan_heap_item *));
	if (!items)
		return -1;
	heap->items = items;
	heap->room = count;
	return 0;
}

static void set(struct plan_heap *heap, size_t i, struct plan_heap_item *item)
{
	heap->items[i] = item;
	item->place = i + 1;
}

static void rise(struct plan_heap *heap, size_t i, struct plan_heap_item *item)
{
	while (i > 0 && item->at < heap->items[(i - 1) / 2]->at) {
		set(heap, i, heap->items[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	set(heap, i, item);
}

static void sink(struct plan_heap *heap, size_t i, struct plan_heap_item *item)
{
	size_t below;

	while ((below = 2 * i + 1) < heap->count) {
		if (below + 1 < heap->count && heap->items[below + 1]->at < heap->items[below]->at)
			below++;
		if (item->at <= heap->items[below]->at)
			break;
		set(heap, i, heap->items[below]);
		i = below;
	}
	set(heap, i, item);
}

static void settle(struct plan_heap *heap, size_t i, struct plan_heap_item *item)
{
	if (i > 0 && item->at < heap->items[(i - 1) / 2]->at)
		rise(heap, i, item);
	else
		sink(heap, i, item);
}

int plan_heap_put(struct plan_heap *heap, struct plan_heap_item *item, int64_t at)
{
	if (!plan_heap_holds(item)) {
		if (heap->count == heap->room &&
		    plan_heap_reserve(heap, heap->room == 0 ? ROOM_FIRST : heap->room * 2) < 0)
			return -1;
		heap->count++;
		item->place = heap->count;
		heap->items[item->place - 1] = item;
	}
	item->at = at;
	settle(heap, item->place - 1, item);
	return 0;
}

void plan_heap_remove(struct plan_heap *heap, struct plan_heap_item *item)
{
	size_t i = item->place - 1;
	struct plan_heap_item *last;

	if (!plan_heap_holds(item))
		return;
	item->place = 0;
	last = heap->items[--heap->count];
	if (last != item)
		settle(heap, i, last);
}

bool plan_heap_holds(const struct plan_heap_item *item)
{
	return item->place != 0;
}

struct plan_heap_item *plan_heap_first(const struct plan_heap *heap)
{
	return heap->count > 0 ? heap->items[0] : NULL;
}
