/* test_base_error.c */
#include "base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_set_replaces_everything(void **state)
{
	struct error err;

	(void)state;
	error_clear(&err);
	err.retry_at = 5;
	err.http_status = 429;
	memcpy(err.problem, "{}", 3);
	error_advise(&err, "wait");
	assert_int_equal(error_set(&err, ERROR_NETWORK, "cannot reach %s", "ca.example"), -1);
	assert_int_equal(err.kind, ERROR_NETWORK);
	assert_string_equal(err.message, "cannot reach ca.example");
	assert_string_equal(err.advice, "");
	assert_string_equal(err.problem, "");
	assert_int_equal(err.retry_at, 0);
	assert_int_equal(err.http_status, 0);
	error_clear(&err);
	assert_int_equal(err.kind, ERROR_NONE);
	assert_string_equal(err.message, "");
}

static void test_texts_are_cleaned(void **state)
{
	struct error err;

	(void)state;
	error_set(&err, ERROR_REFUSED, "said %s", "\033[31mred\n\x9b \xff");
	assert_string_equal(err.message, "said ?[31mred?? ?");
	error_context(&err, "at\t%s", "\r");
	assert_string_equal(err.message, "at??: said ?[31mred?? ?");
	error_advise(&err, "do\n%s", "\033c");
	assert_string_equal(err.advice, "do??c");
}

static void test_arguments_may_lie_in_the_error(void **state)
{
	struct error err;

	(void)state;
	error_set(&err, ERROR_SYSTEM, "inner");
	error_set(&err, ERROR_DEPLOY, "outer: %s", err.message);
	assert_string_equal(err.message, "outer: inner");
	error_advise(&err, "about %s", err.message);
	error_advise(&err, "say %s", err.advice);
	assert_string_equal(err.advice, "say about outer: inner");
	error_context(&err, "%s", err.message);
	assert_string_equal(err.message, "outer: inner: outer: inner");
	assert_int_equal(err.kind, ERROR_DEPLOY);
}

static void test_too_long_is_cut_and_marked(void **state)
{
	static char text[3 * ERROR_MESSAGE_MAX];
	struct error err;
	size_t len;

	(void)state;
	for (size_t i = 0; i + 3 < sizeof(text); i += 3)
		memcpy(text + i, "\xe2\x82\xac", 3);
	for (int shift = 0; shift < 3; shift++) {
		error_set(&err, ERROR_PROTOCOL, "%.*s%s", shift, "ab", text);
		len = strlen(err.message);
		assert_in_range(len, ERROR_MESSAGE_MAX - 4, ERROR_MESSAGE_MAX - 1);
		assert_string_equal(err.message + len - 3, "...");
		assert_null(strchr(err.message, '?'));
	}
	error_context(&err, "context");
	len = strlen(err.message);
	assert_memory_equal(err.message, "context: ", 9);
	assert_string_equal(err.message + len - 3, "...");
	error_context(&err, "%s", text);
	assert_string_equal(err.message + strlen(err.message) - 3, "...");
	error_advise(&err, "%s", text);
	assert_true(strlen(err.advice) < ERROR_ADVICE_MAX);
}

static void test_sys_names_the_cause_and_what_to_do(void **state)
{
	static const int advised[] = { ENOSPC, EDQUOT, EROFS, EACCES, EPERM };
	struct error err;

	(void)state;
	assert_int_equal(error_sys(&err, ENOENT, "cannot open %s", "/x"), -1);
	assert_int_equal(err.kind, ERROR_SYSTEM);
	assert_string_equal(err.message, "cannot open /x: No such file or directory");
	assert_string_equal(err.advice, "");
	for (size_t i = 0; i < sizeof(advised) / sizeof(advised[0]); i++) {
		error_sys(&err, advised[i], "cannot write");
		assert_string_not_equal(err.advice, "");
	}
	assert_int_equal(error_oom(&err), -1);
	assert_int_equal(err.kind, ERROR_INTERNAL);
	assert_string_equal(err.advice, "");
}

static void test_kinds_have_names_and_exit_statuses(void **state)
{
	enum error_kind kind;

	(void)state;
	for (unsigned int i = 0; i < ERROR_KIND_COUNT; i++) {
		assert_int_equal(error_kind_parse(error_kind_name((enum error_kind)i), &kind), 0);
		assert_int_equal(kind, i);
		assert_in_range(error_exit_status((enum error_kind)i), i == 0 ? 0 : 1, 4);
	}
	kind = ERROR_DEPLOY;
	assert_int_equal(error_kind_parse("nonsense", &kind), -1);
	assert_int_equal(error_kind_parse("", &kind), -1);
	assert_int_equal(kind, ERROR_DEPLOY);
	assert_int_equal(error_exit_status(ERROR_NONE), 0);
	assert_int_equal(error_exit_status(ERROR_NETWORK), 1);
	assert_int_equal(error_exit_status(ERROR_USAGE), 2);
	assert_int_equal(error_exit_status(ERROR_LATER), 3);
	assert_int_equal(error_exit_status(ERROR_LOCKED), 4);
	assert_string_equal(error_kind_name(ERROR_REFUSED), "refused");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_replaces_everything),
		cmocka_unit_test(test_texts_are_cleaned),
		cmocka_unit_test(test_arguments_may_lie_in_the_error),
		cmocka_unit_test(test_too_long_is_cut_and_marked),
		cmocka_unit_test(test_sys_names_the_cause_and_what_to_do),
		cmocka_unit_test(test_kinds_have_names_and_exit_statuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
