/* test_deploy_change.c: changes of files, made together and taken back together. */
#include "deploy/change.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/strv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "scratch.h"

static struct error err;

static void assert_file(const struct scratch *s, const char *name, const char *text)
{
	CLEANUP(buf_done) struct buf there = BUF(4096);

	assert_int_equal(file_read(s->fd, name, &there, &err), text == NULL ? FILE_ABSENT : FILE_OK);
	if (text != NULL)
		assert_string_equal(buf_text(&there), text);
}

static void make_all(struct scratch *s, struct deploy_changes *changes)
{
	scratch_write(s, "old", "1", 0644);
	scratch_write(s, "away", "2", 0644);
	assert_int_equal(symlink("old", scratch_path(s, "link")), 0);
	assert_int_equal(deploy_change_write(changes, scratch_path(s, "old"), "one", &err), 0);
	assert_int_equal(deploy_change_write(changes, scratch_path(s, "new"), "three", &err), 0);
	assert_int_equal(deploy_change_rename(changes, scratch_path(s, "away"), scratch_path(s, "kept"), &err), 0);
	assert_int_equal(deploy_change_unlink(changes, scratch_path(s, "link"), &err), 0);
	assert_int_equal(deploy_change_link(changes, scratch_path(s, "link"), "new", &err), 0);
	/* It is that already. */
	assert_int_equal(deploy_change_link(changes, scratch_path(s, "link"), "new", &err), 0);
	/* Where the moved file was something new may stand. */
	assert_int_equal(deploy_change_write(changes, scratch_path(s, "away"), "two", &err), 0);
	assert_file(s, "old", "one");
	assert_file(s, "kept", "2");
	assert_file(s, "link", "three");
}

static void test_undone(void **state)
{
	struct scratch *s = *state;
	CLEANUP(deploy_changes_done) struct deploy_changes changes = { .count = 0 };
	CLEANUP(strv_done) struct strv names = STRV(100);

	make_all(s, &changes);
	error_set(&err, ERROR_DEPLOY, "why");
	assert_int_equal(deploy_changes_undo(&changes, &err), -1);
	assert_string_equal(err.message, "why");
	assert_file(s, "old", "1");
	assert_file(s, "new", NULL);
	assert_file(s, "away", "2");
	assert_file(s, "link", "1");
	assert_int_equal(file_list(s->fd, &names, &err), 0);
	assert_int_equal(names.count, 3);
	assert_int_equal(changes.count, 0);
}

static void test_not_undone(void **state)
{
	struct scratch *s = *state;
	CLEANUP(deploy_changes_done) struct deploy_changes changes = { .count = 0 };

	make_all(s, &changes);
	assert_int_equal(unlink(scratch_path(s, "kept")), 0);
	error_set(&err, ERROR_DEPLOY, "why");
	assert_int_equal(deploy_changes_undo(&changes, &err), -1);
	assert_true(strncmp(err.message, "why; and ", strlen("why; and ")) == 0);
	assert_non_null(strstr(err.message, "/away could not be put back"));
	assert_file(s, "old", "1");
	assert_file(s, "link", "1");
}

static void test_in_the_way(void **state)
{
	struct scratch *s = *state;
	CLEANUP(deploy_changes_done) struct deploy_changes changes = { .count = 0 };

	scratch_write(s, "a", "1", 0644);
	scratch_write(s, "b", "2", 0644);
	assert_int_equal(deploy_change_link(&changes, scratch_path(s, "a"), "b", &err), -1);
	assert_non_null(strstr(err.message, "is no link to b"));
	assert_int_equal(deploy_change_rename(&changes, scratch_path(s, "a"), scratch_path(s, "b"), &err), -1);
	assert_int_equal(deploy_change_unlink(&changes, scratch_path(s, "none"), &err), -1);
	assert_int_equal(deploy_change_write(&changes, scratch_path(s, "no/folder"), "x", &err), -1);
	assert_int_equal(deploy_change_write(&changes, "relative", "x", &err), -1);
	error_set(&err, ERROR_DEPLOY, "why");
	deploy_changes_undo(&changes, &err);
	assert_string_equal(err.message, "why");
	assert_file(s, "a", "1");
	assert_file(s, "b", "2");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_make, scratch_remove)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_undone), TEST(test_not_undone), TEST(test_in_the_way) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
