/* test_store_access.c */
#include "store/access.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "scratch.h"

#define CERT "state/certificates/a.example"

enum { SOMEBODY = 4711, SOME_GROUP = 4712 };

static struct error err;

struct world {
	struct store *store;
	struct store_cert *cert;
};

static void world_done(struct world *world)
{
	store_cert_free(world->cert);
	store_free(world->store);
}

/* With two generations. */
static void make_world(const struct scratch *s, const struct store_access *access, struct world *ret)
{
	const struct store_files files = { .privkey = "key\n", .cert = "cert\n", .chain = "chain\n", .fullchain = "both\n" };
	uint64_t generation;

	assert_works(store_open(scratch_path(s, "state"), true, &ret->store, &err));
	assert_works(store_cert_open(ret->store, "a.example", true, &ret->cert, &err));
	if (access != NULL)
		store_cert_set_access(ret->cert, access);
	assert_works(store_generation_add(ret->cert, &files, 1, &generation, &err));
	assert_works(store_generation_add(ret->cert, &files, 1, &generation, &err));
}

struct seen {
	size_t count, keys, exposed, mended, failed;
	char last[1024];
	struct store_drift drift;
};

static void note(void *self, const struct store_drift *drift)
{
	struct seen *seen = self;

	seen->count++;
	seen->keys += drift->key ? 1 : 0;
	seen->exposed += drift->exposed ? 1 : 0;
	seen->mended += drift->mended ? 1 : 0;
	seen->failed += drift->error != NULL ? 1 : 0;
	snprintf(seen->last, sizeof(seen->last), "%s", drift->path);
	seen->drift = *drift;
}

static struct seen look(const struct world *world, bool mend)
{
	struct seen seen = { .count = 0 };
	const struct store_access_watcher watcher = { .drift = note, .self = &seen };

	assert_works(store_access_look(world->cert, mend, &watcher, &err));
	return seen;
}

static void assert_owner(const struct scratch *s, const char *name, uid_t uid, gid_t gid)
{
	struct stat st;

	assert_int_equal(stat(scratch_path(s, name), &st), 0);
	assert_int_equal(st.st_uid, uid);
	assert_int_equal(st.st_gid, gid);
}

static void test_private_without_a_word(void **state)
{
	struct scratch *s = *state;
	CLEANUP(world_done) struct world world = { NULL };

	make_world(s, NULL, &world);
	scratch_assert_mode(s, CERT "/1/privkey.pem", 0600);
	scratch_assert_mode(s, CERT "/1", 0700);
	scratch_assert_mode(s, CERT, 0700);
	assert_int_equal(look(&world, true).count, 0);
	assert_false(store_access_is_open(&(struct store_access){ geteuid(), (gid_t)-1, 0600, 0600 }));
	assert_works(store_access_probe(world.store, &(struct store_access){ geteuid(), (gid_t)-1, 0600, 0600 }, &err));
}

/* Loosened by hand, in each generation there is. */
static void test_a_mode_that_drifted(void **state)
{
	struct scratch *s = *state;
	CLEANUP(world_done) struct world world = { NULL };
	struct seen seen;

	make_world(s, NULL, &world);
	assert_int_equal(chmod(scratch_path(s, CERT "/1/privkey.pem"), 0644), 0);
	assert_int_equal(chmod(scratch_path(s, CERT "/2/cert.pem"), 0644), 0);
	assert_int_equal(chmod(scratch_path(s, CERT "/2"), 0755), 0);
	seen = look(&world, false);
	assert_int_equal(seen.count, 3);
	assert_int_equal(seen.exposed, 1);
	assert_int_equal(seen.mended + seen.failed, 0);
	scratch_assert_mode(s, CERT "/1/privkey.pem", 0644);
	seen = look(&world, true);
	assert_int_equal(seen.count, 3);
	assert_int_equal(seen.mended, 3);
	assert_int_equal(seen.keys, 1);
	scratch_assert_mode(s, CERT "/1/privkey.pem", 0600);
	scratch_assert_mode(s, CERT "/2/cert.pem", 0600);
	scratch_assert_mode(s, CERT "/2", 0700);
	assert_int_equal(look(&world, true).count, 0);
}

/* Narrower than it should be is no danger, but not as configured. */
static void test_a_mode_too_narrow(void **state)
{
	struct scratch *s = *state;
	CLEANUP(world_done) struct world world = { NULL };
	struct seen seen;

	make_world(s, NULL, &world);
	assert_int_equal(chmod(scratch_path(s, CERT "/2/privkey.pem"), 0400), 0);
	seen = look(&world, true);
	assert_int_equal(seen.mended, 1);
	assert_int_equal(seen.exposed, 0);
	assert_string_equal(strrchr(seen.last, '/'), "/privkey.pem");
	assert_int_equal(seen.drift.mode, 0400);
	assert_int_equal(seen.drift.wanted_mode, 0600);
}

static void test_for_a_group(void **state)
{
	struct scratch *s = *state;
	CLEANUP(world_done) struct world world = { NULL };
	const struct store_access access = { geteuid(), SOME_GROUP, 0640, 0644 };
	struct stat st;

	if (geteuid() != 0)
		skip();
	assert_true(store_access_is_open(&access));
	make_world(s, &access, &world);
	assert_works(store_access_probe(world.store, &access, &err));
	scratch_assert_mode(s, CERT "/2/privkey.pem", 0640);
	assert_owner(s, CERT "/2/privkey.pem", 0, SOME_GROUP);
	scratch_assert_mode(s, CERT "/2/fullchain.pem", 0644);
	scratch_assert_mode(s, CERT "/2", 0711);
	assert_owner(s, CERT "/2", 0, SOME_GROUP);
	/* The directory of the certificate is older. */
	assert_int_equal(look(&world, true).mended, 1);
	scratch_assert_mode(s, CERT, 0711);
	scratch_assert_mode(s, "state/certificates", 0700);
	assert_works(store_access_let_pass(world.store, &err));
	scratch_assert_mode(s, "state/certificates", 0711);
	scratch_assert_mode(s, "state/live", 0711);
	assert_int_equal(stat(scratch_path(s, CERT "/.tmp-access"), &st), -1);
	/* Back again. */
	store_cert_set_access(world.cert, &(struct store_access){ 0, (gid_t)-1, 0600, 0600 });
	assert_int_equal(look(&world, true).exposed, 2);
	scratch_assert_mode(s, CERT "/1/privkey.pem", 0600);
	scratch_assert_mode(s, CERT "/1", 0700);
}

/* Whether somebody can read that file. */
static bool can_read(const struct scratch *s, const char *name, uid_t uid, gid_t gid)
{
	const char *path = scratch_path(s, name);
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(setgid(gid) == 0 && setuid(uid) == 0 && access(path, R_OK) == 0 ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void test_for_an_owner(void **state)
{
	struct scratch *s = *state;
	CLEANUP(world_done) struct world world = { NULL };
	const struct store_access access = { SOMEBODY, SOME_GROUP, 0400, 0440 };

	if (geteuid() != 0)
		skip();
	make_world(s, &access, &world);
	assert_works(store_access_let_pass(world.store, &err));
	(void)look(&world, true);
	assert_works(store_live_switch(world.cert, 2, &err));
	assert_owner(s, CERT "/2/privkey.pem", SOMEBODY, SOME_GROUP);
	assert_owner(s, CERT "/2", 0, SOME_GROUP);
	assert_true(can_read(s, "state/live/a.example/privkey.pem", SOMEBODY, 4713));
	assert_false(can_read(s, "state/live/a.example/privkey.pem", 4714, SOME_GROUP));
	assert_true(can_read(s, "state/live/a.example/cert.pem", 4714, SOME_GROUP));
	assert_false(can_read(s, "state/live/a.example/cert.pem", 4714, 4713));
	/* Who is given the key gets nothing else. */
	assert_false(can_read(s, CERT "/last-generation", SOMEBODY, SOME_GROUP));
	assert_int_equal(chown(scratch_path(s, CERT "/1/privkey.pem"), 4714, 0), 0);
	assert_int_equal(look(&world, true).mended, 1);
	assert_owner(s, CERT "/1/privkey.pem", SOMEBODY, SOME_GROUP);
}

/* Who may not give files away learns it before there is a key. */
static void test_not_permitted(void **state)
{
	struct scratch *s = *state;
	pid_t child;
	int status;

	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(s->path, 0777), 0);
	child = fork();
	if (child == 0) {
		const struct store_access access = { SOMEBODY, (gid_t)-1, 0600, 0600 };
		struct store *store = NULL;

		if (setgid(4714) != 0 || setuid(4714) != 0 || store_open(scratch_path(s, "state"), true, &store, &err) != 0)
			_exit(2);
		_exit(store_access_probe(store, &access, &err) == -1 && err.kind == ERROR_USAGE && strstr(err.message, "4711") ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_what_is_no_file(void **state)
{
	struct scratch *s = *state;
	CLEANUP(world_done) struct world world = { NULL };

	make_world(s, NULL, &world);
	scratch_write(s, "outside", "x", 0644);
	assert_int_equal(unlink(scratch_path(s, CERT "/1/privkey.pem")), 0);
	assert_int_equal(symlink(scratch_path(s, "outside"), scratch_path(s, CERT "/1/privkey.pem")), 0);
	assert_int_equal(look(&world, true).count, 0);
	scratch_assert_mode(s, "outside", 0644);
	assert_fails(file_set_access(s->fd, CERT "/1/privkey.pem", &(struct file_access){ 0600, (uid_t)-1, (gid_t)-1 }, &err), "no file");
	scratch_assert_mode(s, "outside", 0644);
}

int main(void)
{
#define HERE(function) cmocka_unit_test_setup_teardown(function, scratch_make, scratch_remove)
	const struct CMUnitTest tests[] = {
		HERE(test_private_without_a_word), HERE(test_a_mode_that_drifted), HERE(test_a_mode_too_narrow), HERE(test_for_a_group),
		HERE(test_for_an_owner),           HERE(test_not_permitted),       HERE(test_what_is_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
