/* test_store_written.c: whose a file is. */
#include "store/written.h"

#include "base/clean.h"
#include "base/error.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scratch.h"

static struct error err;

static void test_whose(void **state)
{
	struct scratch *s = *state;
	CLEANUP(store_cleanup) struct store *store = NULL;
	CLEANUP(store_written_cleanup) struct store_written *written = NULL;
	CLEANUP(store_written_cleanup) struct store_written *again = NULL;

	assert_int_equal(store_open(scratch_path(s, "state"), true, &store, &err), 0);
	assert_int_equal(store_written_load(store, &written, &err), 0);
	assert_false(store_written_knows(written, "/a"));
	assert_false(store_written_is(written, "/a", "1"));
	assert_int_equal(store_written_begin(written, "/a", "1", &err), 0);
	assert_int_equal(store_written_set(written, "/a", "1", &err), 0);
	/* While 2 is being written both are ours. */
	assert_int_equal(store_written_begin(written, "/a", "2", &err), 0);
	assert_int_equal(store_written_begin(written, "/a", "2", &err), 0);
	assert_true(store_written_is(written, "/a", "1"));
	assert_true(store_written_is(written, "/a", "2"));
	assert_false(store_written_is(written, "/a", "3"));
	/* It was not written; 3 is. */
	assert_int_equal(store_written_begin(written, "/a", "3", &err), 0);
	assert_true(store_written_is(written, "/a", "1"));
	assert_true(store_written_is(written, "/a", "3"));
	assert_int_equal(store_written_set(written, "/a", "3", &err), 0);
	assert_false(store_written_is(written, "/a", "1"));
	assert_int_equal(store_written_set(written, "/b", "x", &err), 0);
	assert_int_equal(store_written_save(written, &err), 0);
	assert_int_equal(store_written_load(store, &again, &err), 0);
	assert_true(store_written_is(again, "/a", "3"));
	assert_true(store_written_knows(again, "/b"));
	assert_int_equal(store_written_set(again, "/b", NULL, &err), 0);
	assert_false(store_written_knows(again, "/b"));
}

static void test_damaged(void **state)
{
	static const char *const bad[] = { "", "{}", "{\"version\":2,\"files\":{}}", "{\"version\":1,\"files\":[]}", "[" };
	struct scratch *s = *state;
	CLEANUP(store_cleanup) struct store *store = NULL;
	struct store_written *written = NULL;

	assert_int_equal(store_open(scratch_path(s, "state"), true, &store, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		scratch_write(s, "state/written.json", bad[i], 0600);
		assert_int_equal(store_written_load(store, &written, &err), -1);
		assert_int_equal(err.kind, ERROR_SYSTEM);
		assert_non_null(strstr(err.message, "written.json"));
	}
	/* What is no list of digests in it is nobody's file. */
	scratch_write(s, "state/written.json", "{\"version\":1,\"files\":{\"/a\":7,\"/b\":[7]}}", 0600);
	assert_int_equal(store_written_load(store, &written, &err), 0);
	assert_false(store_written_is(written, "/a", "1"));
	assert_int_equal(store_written_begin(written, "/a", "1", &err), 0);
	assert_true(store_written_is(written, "/a", "1"));
	store_written_free(written);
	assert_int_equal(store_written_load(NULL, &written, &err), 0);
	assert_int_equal(store_written_save(written, &err), -1);
	store_written_free(written);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_whose, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_damaged, scratch_make, scratch_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
