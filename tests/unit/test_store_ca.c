/* test_store_ca.c: what is remembered of a CA. */
#include "store/ca.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/strv.h"
#include "base/text.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "scratch.h"

#define CA_URL "https://ca.example/directory"
#define NOW_AT 1795442709
#define FOLDER "state/cas"

enum { DAY_S = 24 * 60 * 60 };

static struct error err;

static struct store *open_store(const struct scratch *s)
{
	struct store *store = NULL;

	assert_works(store_open(scratch_path(s, "state"), true, &store, &err));
	return store;
}

static struct store_ca_hold a_hold(enum store_ca_scope scope, const char *key, int64_t until_at)
{
	struct store_ca_hold hold = {
		.scope = scope,
		.endpoint = STORE_CA_NEW_ORDER,
		.since_at = NOW_AT,
		.until_at = until_at,
		.paused = true,
		.http_status = 429,
		.message = "too many \"orders\"",
		.advice = "visit https://ca.example/unpause",
		.url = "https://ca.example/unpause",
		.problem = "{\"type\":\"rateLimited\"}",
	};

	text_copy(hold.key, sizeof(hold.key), key);
	return hold;
}

static void test_it_is_there_the_next_time(void **state)
{
	CLEANUP(store_cleanup) struct store *store = open_store(*state);
	const struct store_ca_hold hold = a_hold(STORE_CA_ACCOUNT, "0123", NOW_AT + 7200);
	const struct store_ca_hold *got;
	struct store_ca *ca;
	int64_t times[4];
	size_t count;

	assert_works(store_ca_open(store, CA_URL, &ca, &err));
	assert_works(store_ca_hold_add(ca, &hold, &err));
	assert_works(store_ca_event_add(ca, STORE_CA_ORDERS, "0123", NOW_AT, 100, &err));
	assert_works(store_ca_event_add(ca, STORE_CA_ORDERS, "0123", NOW_AT + 50, 100, &err));
	assert_works(store_ca_event_add(ca, STORE_CA_ORDERS, "4567", NOW_AT + 60, 100, &err));
	store_ca_set_seen(ca, NOW_AT);
	assert_works(store_ca_save(ca, &err));
	store_ca_free(ca);
	scratch_assert_mode(*state, FOLDER, 0700);

	assert_works(store_ca_load(store, CA_URL, &ca, &err));
	got = store_ca_holds(ca, &count);
	assert_int_equal(count, 1);
	assert_int_equal(got->scope, STORE_CA_ACCOUNT);
	assert_int_equal(got->until_at, NOW_AT + 7200);
	assert_string_equal(got->message, hold.message);
	assert_string_equal(got->url, hold.url);
	assert_string_equal(got->problem, hold.problem);
	assert_true(got->paused);
	assert_int_equal(store_ca_event_list(ca, STORE_CA_ORDERS, "0123", times, 4), 2);
	assert_int_equal(times[0], NOW_AT);
	assert_int_equal(times[1], NOW_AT + 50);
	assert_int_equal(store_ca_event_list(ca, STORE_CA_CERTIFICATES, "0123", times, 4), 0);
	assert_int_equal(store_ca_seen_at(ca), NOW_AT);
	assert_true(store_ca_is_fresh(ca));
	assert_string_equal(store_ca_directory(ca), CA_URL);
	store_ca_free(ca);

	assert_works(store_ca_load(store, "https://other.example/directory", &ca, &err));
	assert_int_equal(store_ca_seen_at(ca), 0);
	store_ca_free(ca);
}

static void test_a_reader_notices_a_change(void **state)
{
	CLEANUP(store_cleanup) struct store *store = open_store(*state);
	CLEANUP(store_ca_cleanup) struct store_ca *reader = NULL;
	struct store_ca *writer;

	assert_works(store_ca_load(store, CA_URL, &reader, &err));
	assert_works(store_ca_open(store, CA_URL, &writer, &err));
	store_ca_set_seen(writer, NOW_AT);
	assert_works(store_ca_save(writer, &err));
	store_ca_free(writer);
	store_ca_free(TAKE(reader));
	assert_works(store_ca_load(store, CA_URL, &reader, &err));
	assert_true(store_ca_is_fresh(reader));
	assert_works(store_ca_open(store, CA_URL, &writer, &err));
	store_ca_set_seen(writer, NOW_AT + 1);
	assert_works(store_ca_save(writer, &err));
	store_ca_free(writer);
	assert_false(store_ca_is_fresh(reader));
}

static void test_what_is_over_goes(void **state)
{
	CLEANUP(store_cleanup) struct store *store = open_store(*state);
	CLEANUP(store_ca_cleanup) struct store_ca *ca = NULL;
	struct store_ca_hold hold = a_hold(STORE_CA_NAMES, "aa", NOW_AT + 100);
	size_t count;

	assert_works(store_ca_open(store, CA_URL, &ca, &err));
	assert_works(store_ca_hold_add(ca, &hold, &err));
	hold.until_at = NOW_AT + 200;
	assert_works(store_ca_hold_add(ca, &hold, &err)); /* in its place */
	text_copy(hold.key, sizeof(hold.key), "bb");
	hold.since_at = NOW_AT + 2 * DAY_S; /* by a clock that was ahead */
	hold.until_at = NOW_AT + 3 * DAY_S;
	assert_works(store_ca_hold_add(ca, &hold, &err));
	(void)store_ca_holds(ca, &count);
	assert_int_equal(count, 2);
	store_ca_expire(ca, NOW_AT + 150);
	assert_int_equal(store_ca_holds(ca, &count)->until_at, NOW_AT + 200);
	assert_int_equal(count, 1);
	assert_false(store_ca_hold_remove(ca, STORE_CA_NAMES, STORE_CA_NEW_ORDER, "cc"));
	assert_true(store_ca_hold_remove(ca, STORE_CA_NAMES, STORE_CA_NEW_ORDER, "aa"));
	(void)store_ca_holds(ca, &count);
	assert_int_equal(count, 0);
}

static void test_it_does_not_grow_for_ever(void **state)
{
	CLEANUP(store_cleanup) struct store *store = open_store(*state);
	CLEANUP(store_ca_cleanup) struct store_ca *ca = NULL;
	int64_t times[8];
	size_t count;

	assert_works(store_ca_open(store, CA_URL, &ca, &err));
	for (int i = 0; i < 2 * STORE_CA_HOLDS_MAX; i++) {
		char key[16];
		struct store_ca_hold hold;

		snprintf(key, sizeof(key), "%x", (unsigned int)i);
		hold = a_hold(STORE_CA_NAMES, key, NOW_AT + 1000 + i);
		assert_works(store_ca_hold_add(ca, &hold, &err));
	}
	assert_int_equal(store_ca_holds(ca, &count)[0].until_at, NOW_AT + 1000 + STORE_CA_HOLDS_MAX);
	assert_int_equal(count, STORE_CA_HOLDS_MAX);
	assert_works(store_ca_event_add(ca, STORE_CA_ORDERS, "aa", NOW_AT + 10 * DAY_S, 1000, &err)); /* a clock that was ahead */
	for (int i = 0; i < 10000; i++)
		assert_works(store_ca_event_add(ca, STORE_CA_ORDERS, "aa", NOW_AT + i, 5, &err));
	count = store_ca_event_list(ca, STORE_CA_ORDERS, "aa", times, 8);
	assert_int_equal(count, 5);
	assert_int_equal(times[4], NOW_AT + 9999);
	assert_works(store_ca_save(ca, &err));
}

static void test_damage_costs_only_the_history(void **state)
{
	static const char *const texts[] = {
		"", "{", "[]", "{\"version\":0,\"directory\":\"x\"}", "{\"version\":1}",
		"{\"version\":1,\"directory\":\"x\",\"holds\":[1]}",
		"{\"version\":1,\"directory\":\"x\",\"holds\":[{\"scope\":\"all\",\"endpoint\":\"newOrder\"}]}",
		"{\"version\":1,\"directory\":\"x\",\"orders\":{\"../x\":[1]}}",
		"{\"version\":1,\"directory\":\"x\",\"orders\":{\"ab\":[-1]}}",
		"{\"version\":1,\"directory\":\"x\",\"orders\":{\"ab\":[\"1\"]}}",
		"{\"version\":1,\"directory\":\"x\",\"seen_at\":7}",
	};
	CLEANUP(store_cleanup) struct store *store = open_store(*state);
	struct store_ca *ca;
	char path[256], aside[300];
	struct strv files = STRV(8);
	int fd;

	assert_works(store_ca_open(store, CA_URL, &ca, &err));
	assert_works(store_ca_save(ca, &err));
	store_ca_free(ca);
	assert_works(file_open_dir(scratch_path(*state, FOLDER), &fd, &err));
	assert_works(file_list(fd, &files, &err));
	close(fd);
	assert_int_equal(files.count, 1);
	snprintf(path, sizeof(path), FOLDER "/%s", files.items[0]);
	snprintf(aside, sizeof(aside), "%s.damaged", path);
	strv_done(&files);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		scratch_write(*state, path, texts[i], 0600);
		assert_int_equal(store_ca_load(store, CA_URL, &ca, &err), STORE_DAMAGED);
		assert_int_equal(store_ca_seen_at(ca), 0);
		store_ca_free(ca);
		scratch_assert_text(*state, path, texts[i]);
		assert_int_equal(store_ca_open(store, CA_URL, &ca, &err), STORE_DAMAGED);
		assert_non_null(strstr(err.message, "moved aside"));
		scratch_assert_absent(*state, path);
		scratch_assert_text(*state, aside, texts[i]);
		assert_works(store_ca_save(ca, &err));
		store_ca_free(ca);
		assert_works(store_ca_load(store, CA_URL, &ca, &err));
		store_ca_free(ca);
	}
	/* A newer certd's is not touched. */
	scratch_write(*state, path, "{\"version\":9,\"directory\":\"x\"}", 0600);
	assert_fails(store_ca_open(store, CA_URL, &ca, &err), "version 9");
	scratch_assert_text(*state, path, "{\"version\":9,\"directory\":\"x\"}");
}

/* Eight at once count to eight. */
static void test_writers_side_by_side(void **state)
{
	CLEANUP(store_cleanup) struct store *store = open_store(*state);
	CLEANUP(store_ca_cleanup) struct store_ca *ca = NULL;
	int64_t times[16];
	int status;

	for (int i = 0; i < 8; i++) {
		if (fork() == 0) {
			struct store_ca *mine;
			int r = store_ca_open(store, CA_URL, &mine, &err);

			if (r == 0)
				r = store_ca_event_add(mine, STORE_CA_ORDERS, "aa", NOW_AT + i, 1000, &err);
			_exit(r == 0 && store_ca_save(mine, &err) == 0 ? 0 : 1);
		}
	}
	for (int i = 0; i < 8; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_works(store_ca_load(store, CA_URL, &ca, &err));
	assert_int_equal(store_ca_event_list(ca, STORE_CA_ORDERS, "aa", times, 16), 8);
}

static int count_cas(void *self, const struct store_ca *ca, struct error *ignored)
{
	(void)ca;
	(void)ignored;
	(*(int *)self)++;
	return 0;
}

static void test_all_of_them(void **state)
{
	CLEANUP(store_cleanup) struct store *store = open_store(*state);
	struct store_ca *ca;
	int count = 0;

	assert_works(store_ca_each(store, count_cas, &count, &err));
	assert_int_equal(count, 0);
	assert_works(store_ca_open(store, CA_URL, &ca, &err));
	assert_works(store_ca_save(ca, &err));
	store_ca_free(ca);
	assert_works(store_ca_open(store, "https://other.example/", &ca, &err));
	assert_works(store_ca_save(ca, &err));
	store_ca_free(ca);
	scratch_write(*state, FOLDER "/damaged.json", "{", 0600);
	assert_works(store_ca_each(store, count_cas, &count, &err));
	assert_int_equal(count, 2);
}

static void test_keys(void **state)
{
	char a[STORE_CA_KEY_SIZE], b[STORE_CA_KEY_SIZE], c[STORE_CA_KEY_SIZE];

	(void)state;
	assert_works(store_ca_key("a", NULL, a, &err));
	assert_works(store_ca_key("a", "b", b, &err));
	assert_works(store_ca_key("a", "b", c, &err));
	assert_int_equal(strlen(a), STORE_CA_KEY_SIZE - 1);
	assert_string_not_equal(a, b);
	assert_string_equal(b, c);
}

static void test_what_a_crash_left_goes(void **state)
{
	CLEANUP(store_cleanup) struct store *store = open_store(*state);
	CLEANUP(store_ca_cleanup) struct store_ca *ca = NULL;

	assert_works(store_ca_open(store, CA_URL, &ca, &err));
	store_ca_free(TAKE(ca));
	scratch_write(*state, FOLDER "/.tmp-0123456789ab", "half", 0600);
	assert_works(store_ca_open(store, CA_URL, &ca, &err));
	assert_int_equal(access(scratch_path(*state, FOLDER "/.tmp-0123456789ab"), F_OK), -1);
}

int main(void)
{
#define IN_SCRATCH(function) cmocka_unit_test_setup_teardown(function, scratch_make, scratch_remove)
	const struct CMUnitTest tests[] = {
		IN_SCRATCH(test_it_is_there_the_next_time),
		IN_SCRATCH(test_a_reader_notices_a_change),
		IN_SCRATCH(test_what_is_over_goes),
		IN_SCRATCH(test_it_does_not_grow_for_ever),
		IN_SCRATCH(test_damage_costs_only_the_history),
		IN_SCRATCH(test_writers_side_by_side),
		IN_SCRATCH(test_all_of_them),
		IN_SCRATCH(test_what_a_crash_left_goes),
		cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
