/* test_store_index.c */
#include "store/index.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "scratch.h"

static struct error err;

#define KEY_PATH "state/certificates/a.example/1/privkey.pem"

struct opened {
	struct store *store;
	struct store_cert *cert;
};

static struct opened open_both(const struct scratch *s, const char *name)
{
	struct opened o = { NULL, NULL };

	assert_works(store_open(scratch_path(s, "state"), true, &o.store, &err));
	assert_works(store_cert_open(o.store, name, true, &o.cert, &err));
	return o;
}

static void close_both(struct opened *o)
{
	store_cert_free(TAKE(o->cert));
	store_free(TAKE(o->store));
}

static struct opened made(const struct scratch *s, const char *name)
{
	const struct store_files files = { .privkey = "key", .cert = "cert", .chain = "chain", .fullchain = "fullchain" };
	struct opened o = open_both(s, name);
	uint64_t generation = 0;

	assert_works(store_generation_add(o.cert, &files, 1, &generation, &err));
	assert_int_equal(generation, 1);
	return o;
}

/* As it will be when a moment has passed. */
static struct store_stamp stamp_of(const struct opened *o)
{
	struct store_stamp stamp;

	assert_works(store_generation_stamp(o->cert, 1, &stamp, &err));
	stamp.fresh = false;
	return stamp;
}

static bool recalls(const struct opened *o, const struct store_stamp *stamp, const char *text)
{
	CLEANUP(buf_done) struct buf out = BUF(1024);

	if (store_index_recall(o->cert, stamp, &out) == STORE_ABSENT)
		return false;
	assert_string_equal(buf_text(&out), text);
	return true;
}

static void test_stamp(void **state)
{
	struct scratch *s = *state;
	struct opened o = made(s, "a.example");
	struct store_stamp before, after;

	assert_works(store_generation_stamp(o.cert, 1, &before, &err));
	assert_true(before.fresh);
	assert_works(store_generation_stamp(o.cert, 1, &after, &err));
	assert_string_equal(before.digest, after.digest);
	/* The same text again is another file. */
	scratch_write(s, "state/certificates/a.example/1/other", "key", 0600);
	assert_int_equal(rename(scratch_path(s, "state/certificates/a.example/1/other"), scratch_path(s, KEY_PATH)), 0);
	assert_works(store_generation_stamp(o.cert, 1, &after, &err));
	assert_string_not_equal(before.digest, after.digest);
	before = after;
	assert_int_equal(chmod(scratch_path(s, KEY_PATH), 0644), 0);
	assert_works(store_generation_stamp(o.cert, 1, &after, &err));
	assert_string_not_equal(before.digest, after.digest);
	assert_int_equal(unlink(scratch_path(s, "state/certificates/a.example/1/chain.pem")), 0);
	assert_fails(store_generation_stamp(o.cert, 1, &after, &err), "chain.pem of generation 1 is missing");
	assert_fails(store_generation_stamp(o.cert, 2, &after, &err), "no generation 2");
	close_both(&o);
}

static void test_keep(void **state)
{
	struct scratch *s = *state;
	struct opened o = made(s, "b.example");
	struct store_stamp stamp = stamp_of(&o), other = stamp;

	assert_false(recalls(&o, &stamp, ""));
	stamp.fresh = true;
	store_index_keep(o.cert, &stamp, "never");
	stamp.fresh = false;
	assert_false(recalls(&o, &stamp, ""));
	store_index_keep(o.cert, &stamp, "two\nlines");
	assert_false(recalls(&o, &stamp, ""));
	assert_works(store_index_save(o.store, &err));
	scratch_assert_absent(s, "state/index");

	store_index_keep(o.cert, &stamp, "first");
	store_index_keep(o.cert, &stamp, "a\tb\t");
	assert_true(recalls(&o, &stamp, "a\tb\t"));
	other.generation = 2;
	assert_false(recalls(&o, &other, ""));
	other = stamp;
	other.digest[0] = other.digest[0] == '0' ? '1' : '0';
	assert_false(recalls(&o, &other, ""));
	assert_works(store_index_save(o.store, &err));
	scratch_assert_mode(s, "state/index", 0600);
	close_both(&o);

	o = open_both(s, "b.example");
	assert_true(recalls(&o, &stamp, "a\tb\t"));
	close_both(&o);
}

static void test_many(void **state)
{
	static const char *const names[] = { "m.example", "z.example", "a.example", "n.example", "mm.example" };
	struct scratch *s = *state;
	struct store_stamp stamps[5];
	struct opened o;

	for (size_t i = 0; i < 5; i++) {
		o = made(s, names[i]);
		stamps[i] = stamp_of(&o);
		store_index_keep(o.cert, &stamps[i], names[i]);
		assert_works(store_index_save(o.store, &err));
		close_both(&o);
	}
	assert_int_equal(rename(scratch_path(s, "state/certificates/n.example"), scratch_path(s, "gone")), 0);
	o = open_both(s, "m.example");
	store_index_keep(o.cert, &stamps[0], "new");
	assert_works(store_index_save(o.store, &err));
	close_both(&o);
	for (size_t i = 0; i < 5; i++) {
		o = open_both(s, names[i]);
		assert_int_equal(recalls(&o, &stamps[i], i == 0 ? "new" : names[i]), i != 3);
		close_both(&o);
	}
}

/* Whatever stands there, it is looked at anew. */
static void test_damaged(void **state)
{
	static const char *const texts[] = {
		"", "\n", "certd index 2", "certd index 1\na.example\t1\tx\ty\n", "certd index 2\na.example\n\n\t\t\n", "certd index 2\na.example\t1",
	};
	struct scratch *s = *state;
	struct opened o = made(s, "a.example");
	struct store_stamp stamp = stamp_of(&o);

	close_both(&o);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		scratch_write(s, "state/index", texts[i], 0600);
		o = open_both(s, "a.example");
		assert_false(recalls(&o, &stamp, ""));
		close_both(&o);
	}
	assert_int_equal(unlink(scratch_path(s, "state/index")), 0);
	assert_int_equal(mkdir(scratch_path(s, "state/index"), 0700), 0);
	o = open_both(s, "a.example");
	assert_false(recalls(&o, &stamp, ""));
	store_index_keep(o.cert, &stamp, "x");
	assert_fails(store_index_save(o.store, &err), "index");
	close_both(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_stamp, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_keep, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_many, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_damaged, scratch_make, scratch_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
