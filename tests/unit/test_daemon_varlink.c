/* test_daemon_varlink.c */
#include "daemon/varlink.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_calls(void **state)
{
	static const char text[] = "{\"method\":\"io.certd.Renew\",\"parameters\":{\"force\":true},\"more\":true,\"other\":[]}";
	struct daemon_varlink_call call;
	struct error err;

	(void)state;
	assert_int_equal(daemon_varlink_parse(text, strlen(text), &call, &err), 0);
	assert_string_equal(call.method, "io.certd.Renew");
	assert_true(json_is_true(json_object_get(call.parameters, "force")));
	assert_true(call.more);
	assert_false(call.oneway);
	daemon_varlink_call_done(&call);
	assert_int_equal(daemon_varlink_parse("{\"method\":\"a.b\"}", 16, &call, &err), 0);
	assert_null(call.parameters);
	daemon_varlink_call_done(&call);
}

static void test_what_is_no_call(void **state)
{
	static const char *const texts[] = {
		"", "{}", "[]", "null", "{\"method\":1}", "{\"method\":null}", "{\"method\":\"\"}", "{\"method\":\"a\"}",
		"{\"method\":\".a\"}", "{\"method\":\"a.\"}", "{\"method\":\"a..b\"}", "{\"method\":\"a.b/../c\"}",
		"{\"method\":\"a.b\",\"parameters\":[]}", "{\"method\":\"a.b\",\"more\":1}", "{\"method\":\"a.b\",\"upgrade\":true}",
		"{\"method\":\"a.b\",\"more\":true,\"oneway\":true}", "{\"method\":\"a.b\"} {}", "{\"method\":\"a.b\",\"method\":\"a.b\"}",
		"{\"method\":\"a.b\\u0000\"}",
	};
	CLEANUP(clean_free) char *huge = malloc(DAEMON_VARLINK_CALL_MAX + 1);
	struct daemon_varlink_call call;
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		error_clear(&err);
		assert_int_equal(daemon_varlink_parse(texts[i], strlen(texts[i]), &call, &err), -1);
		assert_int_equal(err.kind, ERROR_PROTOCOL);
	}
	assert_non_null(huge);
	memset(huge, ' ', DAEMON_VARLINK_CALL_MAX + 1);
	assert_int_equal(daemon_varlink_parse(huge, DAEMON_VARLINK_CALL_MAX + 1, &call, &err), -1);
}

static void test_replies(void **state)
{
	static const char expected[] = "{\"parameters\":{\"a\":1},\"continues\":true}\0{\"parameters\":{}}\0"
				       "{\"error\":\"io.certd.Failed\",\"parameters\":{}}";
	CLEANUP(buf_done) struct buf out = BUF(1024);
	CLEANUP(buf_done) struct buf small = BUF(16);
	json_auto_t *parameters = json_pack("{s:i}", "a", 1);
	struct error err;

	(void)state;
	assert_int_equal(daemon_varlink_print_reply(parameters, true, &out, &err), 0);
	assert_int_equal(daemon_varlink_print_reply(NULL, false, &out, &err), 0);
	assert_int_equal(daemon_varlink_print_error("io.certd.Failed", NULL, &out, &err), 0);
	assert_int_equal(out.len, sizeof(expected));
	assert_memory_equal(out.data, expected, sizeof(expected));
	assert_int_equal(daemon_varlink_print_reply(parameters, true, &small, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_what_is_no_call),
		cmocka_unit_test(test_replies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
