#include "plan/heap.h"

#include "base/clean.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void comes_out_in_order(void **state)
{
	static const int64_t times[] = { 5, 3, 9, -4, 3, INT64_MAX, 0, INT64_MIN, 7, 3 };
	struct plan_heap_item items[ARRAY_SIZE(times)] = { 0 };
	CLEANUP(plan_heap_done) struct plan_heap heap = { 0 };
	int64_t before = INT64_MIN;

	(void)state;
	assert_null(plan_heap_first(&heap));
	for (size_t i = 0; i < ARRAY_SIZE(times); i++)
		assert_int_equal(plan_heap_put(&heap, &items[i], times[i]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		struct plan_heap_item *first = plan_heap_first(&heap);

		assert_non_null(first);
		assert_true(first->at >= before);
		before = first->at;
		plan_heap_remove(&heap, first);
		assert_false(plan_heap_holds(first));
	}
	assert_null(plan_heap_first(&heap));
}

static int64_t least(const struct plan_heap_item *items, size_t count)
{
	int64_t at = INT64_MAX;

	for (size_t i = 0; i < count; i++) {
		if (plan_heap_holds(&items[i]) && items[i].at < at)
			at = items[i].at;
	}
	return at;
}

/* Whatever is put, moved and taken out, the first is the least. */
static void any_change_keeps_the_order(void **state)
{
	struct plan_heap_item items[257] = { 0 };
	CLEANUP(plan_heap_done) struct plan_heap heap = { 0 };
	unsigned int seed = 1;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct plan_heap_item *item = &items[(size_t)rand_r(&seed) % ARRAY_SIZE(items)];

		if (rand_r(&seed) % 3 == 0)
			plan_heap_remove(&heap, item);
		else
			assert_int_equal(plan_heap_put(&heap, item, rand_r(&seed) % 1000), 0);
		if (heap.count > 0)
			assert_int_equal(plan_heap_first(&heap)->at, least(items, ARRAY_SIZE(items)));
		else
			assert_null(plan_heap_first(&heap));
	}
}

static void removes_what_is_not_in(void **state)
{
	struct plan_heap_item in = { 0 }, out = { 0 };
	CLEANUP(plan_heap_done) struct plan_heap heap = { 0 };

	(void)state;
	plan_heap_remove(&heap, &out);
	assert_int_equal(plan_heap_reserve(&heap, 1), 0);
	assert_int_equal(plan_heap_put(&heap, &in, 1), 0);
	plan_heap_remove(&heap, &out);
	assert_ptr_equal(plan_heap_first(&heap), &in);
	assert_int_equal(heap.count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_out_in_order),
		cmocka_unit_test(any_change_keeps_the_order),
		cmocka_unit_test(removes_what_is_not_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
