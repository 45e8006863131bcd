/* test_base_diff.c: what `diff -u` would say. */
#include "base/diff.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_diff(const char *a, const char *b, const char *expected)
{
	CLEANUP(buf_done) struct buf out = BUF(1024 * 1024);
	struct error err;

	assert_int_equal(diff_unified("a", a, "b", b, &out, &err), 0);
	assert_string_equal(buf_text(&out), expected);
}

static void test_small(void **state)
{
	(void)state;
	assert_diff("", "", "");
	assert_diff("x\n", "x\n", "");
	assert_diff("", "x\n", "--- a\n+++ b\n@@ -0,0 +1,1 @@\n+x\n");
	assert_diff("x\n", "", "--- a\n+++ b\n@@ -1,1 +0,0 @@\n-x\n");
	assert_diff("1\n2\n3\n", "1\nx\n3\n", "--- a\n+++ b\n@@ -1,3 +1,3 @@\n 1\n-2\n+x\n 3\n");
	assert_diff("1\n2\n3\n4\n", "1\n3\n4\n5\n", "--- a\n+++ b\n@@ -1,4 +1,4 @@\n 1\n-2\n 3\n 4\n+5\n");
}

static void test_hunks(void **state)
{
	(void)state;
	assert_diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n", "1\n2\n3\n4\nx\n6\n7\n8\n9\n10\n11\n12\n",
	            "--- a\n+++ b\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+x\n 6\n 7\n 8\n");
	assert_diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n", "x\n2\n3\n4\n5\n6\n7\n8\n9\ny\n",
	            "--- a\n+++ b\n@@ -1,4 +1,4 @@\n-1\n+x\n 2\n 3\n 4\n@@ -7,4 +7,4 @@\n 7\n 8\n 9\n-10\n+y\n");
	assert_diff("1\n2\n3\n4\n5\n6\n7\n8\n", "x\n2\n3\n4\n5\n6\n7\ny\n",
	            "--- a\n+++ b\n@@ -1,8 +1,8 @@\n-1\n+x\n 2\n 3\n 4\n 5\n 6\n 7\n-8\n+y\n");
}

static void test_large(void **state)
{
	CLEANUP(buf_done) struct buf a = BUF(1024 * 1024);
	CLEANUP(buf_done) struct buf b = BUF(1024 * 1024);
	CLEANUP(buf_done) struct buf out = BUF(1024 * 1024);
	struct error err;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		buf_printf(&a, "a%d\n", i);
		buf_printf(&b, "b%d\n", i);
	}
	assert_int_equal(diff_unified("a", buf_text(&a), "b", buf_text(&b), &out, &err), 0);
	assert_non_null(strstr(buf_text(&out), "@@ -1,5000 +1,5000 @@\n-a0\n"));
	out.max = 100;
	buf_done(&out);
	assert_int_equal(diff_unified("a", buf_text(&a), "b", buf_text(&b), &out, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_hunks),
		cmocka_unit_test(test_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
