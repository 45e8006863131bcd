/* test_json_doc.c */
#include "json/doc.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/strv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static json_t *parse(const char *text)
{
	struct error err = { 0 };
	json_t *doc = NULL;

	if (json_doc_parse(text, strlen(text), "the order", &doc, &err) < 0)
		fail_msg("%s: %s", text, err.message);
	return doc;
}

static void refuse(const char *data, size_t len, const char *expected)
{
	struct error err = { 0 };
	json_t *doc = (json_t *)&err;

	assert_int_equal(json_doc_parse(data, len, "the order", &doc, &err), -1);
	assert_ptr_equal(doc, &err); /* nothing is written on failure */
	assert_int_equal(err.kind, ERROR_PROTOCOL);
	if (!strstr(err.message, expected))
		fail_msg("\"%s\" does not say \"%s\"", err.message, expected);
}

/* len counts the NULs within the literal, but not the one behind it. */
#define REFUSE(literal, expected) refuse(literal, sizeof(literal) - 1, expected)

static void test_refuses_what_is_no_single_object(void **state)
{
	(void)state;
	REFUSE("", "the order is empty");
	REFUSE(" ", "the order is not valid JSON: line 1, column 1");
	REFUSE("[]", "the order is an array, expected an object");
	REFUSE("\"text\"", "not valid JSON");
	REFUSE("1", "not valid JSON");
	REFUSE("null", "not valid JSON");
	REFUSE("<html><body>502 Bad Gateway</body></html>", "not valid JSON");
	REFUSE("{} {}", "end of file expected");
	REFUSE("{}x", "end of file expected");
	REFUSE("{}\0", "not valid JSON");
	REFUSE("\xef\xbb\xbf{}", "not valid JSON");
	REFUSE("{\"a\":1,\"a\":2}", "duplicate object key");
	REFUSE("{\"a\":{\"b\":1,\"b\":1}}", "duplicate object key");
	REFUSE("{", "not valid JSON");
	REFUSE("{\"a\":", "not valid JSON");
	REFUSE("{\"a\":\"b", "premature end of input");
	REFUSE("{\"a\":\"b\\", "not valid JSON");
	REFUSE("{'a':1}", "not valid JSON");
	REFUSE("{\"a\":1,}", "not valid JSON");
}

static void test_refuses_bad_strings_and_numbers(void **state)
{
	(void)state;
	REFUSE("{\"a\":\"x\\u0000y\"}", "a NUL character in a string");
	REFUSE("{\"x\\u0000y\":1}", "a NUL character in a string");
	REFUSE("{\"a\":\"x\0y\"}", "not valid JSON");
	REFUSE("{\"a\":\"\xff\"}", "unable to decode byte 0xff");
	REFUSE("{\"a\":\"\xc0\xaf\"}", "unable to decode byte");
	REFUSE("{\"a\":\"\\ud800\"}", "invalid Unicode");
	REFUSE("{\"a\":\"\\udc00\"}", "invalid Unicode");
	REFUSE("{\"a\":\"\n\"}", "not valid JSON");
	REFUSE("{\"a\":9223372036854775808}", "too big integer");
	REFUSE("{\"a\":1e999}", "real number overflow");
	REFUSE("{\"a\":NaN}", "not valid JSON");
	REFUSE("{\"a\":01}", "not valid JSON");
}

static void test_messages_are_clean(void **state)
{
	struct error err = { 0 };
	const char text[] = "{\"a\":\x1b[31mred}";
	json_t *doc;

	(void)state;
	assert_int_equal(json_doc_parse(text, sizeof(text) - 1, "the order", &doc, &err), -1);
	assert_null(strchr(err.message, '\x1b'));
}

/* An object with `levels` levels of nesting in all. */
static void nested(struct buf *out, size_t levels)
{
	buf_append_text(out, "{\"a\":");
	for (size_t i = 1; i < levels; i++)
		buf_append_char(out, '[');
	buf_append_char(out, '1');
	for (size_t i = 1; i < levels; i++)
		buf_append_char(out, ']');
	buf_append_char(out, '}');
	assert_false(out->failed);
}

static void test_depth(void **state)
{
	CLEANUP(buf_done) struct buf text = BUF(1 << 20);
	json_t *doc;

	(void)state;
	nested(&text, JSON_DEPTH_MAX);
	doc = parse(buf_text(&text));
	json_decref(doc);

	buf_reset(&text);
	nested(&text, JSON_DEPTH_MAX + 1);
	refuse(text.data, text.len, "nested deeper than 32 levels");

	buf_reset(&text);
	nested(&text, 100000);
	refuse(text.data, text.len, "nested deeper than 32 levels");

	buf_reset(&text);
	for (size_t i = 0; i < 100000; i++)
		buf_append_text(&text, "{\"a\":");
	refuse(text.data, text.len, "nested deeper than 32 levels");
}

static void test_depth_knows_strings(void **state)
{
	CLEANUP(buf_done) struct buf text = BUF(4096);
	json_t *doc;
	const char *value;
	struct error err = { 0 };

	(void)state;
	/* Brackets in strings and keys, behind an escaped quote and a doubled backslash, are no nesting. */
	buf_append_text(&text, "{\"");
	for (size_t i = 0; i < 100; i++)
		buf_append_char(&text, '{');
	buf_append_text(&text, "\":\"\\\"");
	for (size_t i = 0; i < 100; i++)
		buf_append_char(&text, '[');
	buf_append_text(&text, "\\\\\",\"b\":\"\\\\\",\"c\":[\"]]]]\"]}");
	doc = parse(buf_text(&text));
	assert_int_equal(json_need_string(doc, "the order", "b", &value, &err), 0);
	assert_string_equal(value, "\\");
	json_decref(doc);

	/* A string that seems to end, and does not, hides nothing. */
	buf_reset(&text);
	buf_append_text(&text, "{\"a\":\"\\\\\",\"b\":");
	for (size_t i = 0; i < 100; i++)
		buf_append_char(&text, '[');
	refuse(text.data, text.len, "nested deeper than 32 levels");

	/* Closing brackets before opening ones buy no depth. */
	buf_reset(&text);
	for (size_t i = 0; i < 100; i++)
		buf_append_char(&text, ']');
	for (size_t i = 0; i < 100; i++)
		buf_append_char(&text, '[');
	refuse(text.data, text.len, "nested deeper than 32 levels");
}

static const char sample[] =
	"{\"status\":\"pending\",\"count\":3,\"real\":3.0,\"yes\":true,\"no\":false,\"nothing\":null,"
	"\"at\":\"2026-11-23T14:05:09.63Z\",\"later\":\"tomorrow\",\"list\":[\"a\",\"b\"],\"mixed\":[\"a\",2],"
	"\"object\":{\"x\":1},\"least\":-9223372036854775808}";

static void test_fields(void **state)
{
	json_auto_t *doc = parse(sample);
	struct error err = { 0 };
	const json_t *value = NULL;
	const char *text = NULL;
	int64_t number = 0, at = 0;
	bool flag = false;

	(void)state;
	assert_int_equal(json_field_string(doc, "it", "status", &text, &err), JSON_FIELD_OK);
	assert_string_equal(text, "pending");
	assert_int_equal(json_field_int(doc, "it", "count", &number, &err), JSON_FIELD_OK);
	assert_int_equal(number, 3);
	assert_int_equal(json_field_int(doc, "it", "least", &number, &err), JSON_FIELD_OK);
	assert_true(number == INT64_MIN);
	assert_int_equal(json_field_bool(doc, "it", "yes", &flag, &err), JSON_FIELD_OK);
	assert_true(flag);
	assert_int_equal(json_field_bool(doc, "it", "no", &flag, &err), JSON_FIELD_OK);
	assert_false(flag);
	assert_int_equal(json_field_time(doc, "it", "at", &at, &err), JSON_FIELD_OK);
	assert_int_equal(at, 1795442709);
	assert_int_equal(json_field_object(doc, "it", "object", &value, &err), JSON_FIELD_OK);
	assert_int_equal(json_need_int(value, "it: .object", "x", &number, &err), 0);
	assert_int_equal(number, 1);
	assert_int_equal(json_field_array(doc, "it", "list", &value, &err), JSON_FIELD_OK);
	assert_int_equal(json_array_size(value), 2);
}

static void test_absent_and_null_are_the_same(void **state)
{
	json_auto_t *doc = parse(sample);
	struct error err = { 0 };
	const char *fields[] = { "nothing", "never" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		CLEANUP(strv_done) struct strv list = STRV(4);
		const json_t *value = doc;
		const char *text = "untouched";
		int64_t number = 42;
		bool flag = true;

		error_clear(&err);
		assert_int_equal(json_field_string(doc, "it", fields[i], &text, &err), JSON_FIELD_ABSENT);
		assert_int_equal(json_field_int(doc, "it", fields[i], &number, &err), JSON_FIELD_ABSENT);
		assert_int_equal(json_field_bool(doc, "it", fields[i], &flag, &err), JSON_FIELD_ABSENT);
		assert_int_equal(json_field_object(doc, "it", fields[i], &value, &err), JSON_FIELD_ABSENT);
		assert_int_equal(json_field_array(doc, "it", fields[i], &value, &err), JSON_FIELD_ABSENT);
		assert_int_equal(json_field_time(doc, "it", fields[i], &number, &err), JSON_FIELD_ABSENT);
		assert_int_equal(json_field_strings(doc, "it", fields[i], &list, &err), JSON_FIELD_ABSENT);
		assert_int_equal(err.kind, ERROR_NONE);
		assert_string_equal(text, "untouched");
		assert_int_equal(number, 42);
		assert_true(flag);
		assert_ptr_equal(value, doc);
		assert_int_equal(list.count, 0);

		assert_int_equal(json_need_string(doc, "the order", fields[i], &text, &err), -1);
		assert_int_equal(json_need_array(doc, "the order", fields[i], &value, &err), -1);
		assert_int_equal(json_need_object(doc, "the order", fields[i], &value, &err), -1);
		assert_int_equal(json_need_int(doc, "the order", fields[i], &number, &err), -1);
		assert_int_equal(err.kind, ERROR_PROTOCOL);
		assert_non_null(strstr(err.message, i == 0 ? "the order: .nothing is missing" : ".never is missing"));
	}
}

#define MISMATCH(call, text)                              \
	do {                                              \
		error_clear(&err);                        \
		assert_int_equal(call, -1);               \
		assert_int_equal(err.kind, ERROR_PROTOCOL); \
		assert_string_equal(err.message, text);   \
	} while (0)

static void test_wrong_types_are_named(void **state)
{
	json_auto_t *doc = parse(sample);
	CLEANUP(strv_done) struct strv list = STRV(4);
	struct error err = { 0 };
	const json_t *value = NULL;
	const char *text = NULL;
	int64_t number = 42;
	bool flag = false;

	(void)state;
	MISMATCH(json_field_string(doc, "the order", "count", &text, &err),
		 "the order: .count is a number, expected a string");
	MISMATCH(json_field_string(doc, "the order", "list", &text, &err),
		 "the order: .list is an array, expected a string");
	MISMATCH(json_need_string(doc, "the order", "object", &text, &err),
		 "the order: .object is an object, expected a string");
	MISMATCH(json_field_int(doc, "the order", "real", &number, &err),
		 "the order: .real is a number with a fraction or exponent, expected a whole number");
	MISMATCH(json_field_int(doc, "the order", "status", &number, &err),
		 "the order: .status is a string, expected a whole number");
	MISMATCH(json_field_bool(doc, "the order", "count", &flag, &err),
		 "the order: .count is a number, expected a boolean");
	MISMATCH(json_field_object(doc, "the order", "list", &value, &err),
		 "the order: .list is an array, expected an object");
	MISMATCH(json_field_array(doc, "the order", "yes", &value, &err),
		 "the order: .yes is a boolean, expected an array");
	MISMATCH(json_field_time(doc, "the order", "later", &number, &err),
		 "the order: .later is \"tomorrow\", expected a time such as 2026-01-31T12:00:00Z");
	MISMATCH(json_field_strings(doc, "the order", "mixed", &list, &err),
		 "the order: .mixed[1] is a number, expected a string");
	assert_int_equal(list.count, 0);
	assert_int_equal(number, 42);

	/* What should have been an object to look into is none. */
	assert_int_equal(json_field_array(doc, "it", "list", &value, &err), 0);
	MISMATCH(json_field_string(value, "the order: .list", "x", &text, &err),
		 "the order: .list is an array, expected an object");
	MISMATCH(json_field_string(NULL, "the order", "x", &text, &err), "the order is missing, expected an object");
}

static void test_strings_have_a_maximum(void **state)
{
	json_auto_t *doc = parse("{\"list\":[\"a\",\"b\",\"c\"]}");
	CLEANUP(strv_done) struct strv two = STRV(2);
	CLEANUP(strv_done) struct strv three = STRV(3);
	struct error err = { 0 };

	(void)state;
	assert_int_equal(json_field_strings(doc, "it", "list", &two, &err), -1);
	assert_string_equal(err.message, "it: .list has 3 entries, more than the 2 permitted");
	assert_int_equal(two.count, 0);
	assert_int_equal(json_field_strings(doc, "it", "list", &three, &err), 0);
	assert_int_equal(three.count, 3);
	assert_string_equal(three.items[2], "c");
}

static void test_print(void **state)
{
	json_auto_t *doc = parse("{ \"b\" : [1, \"x/\\u00e9\\n\"], \"a\" : { } }");
	CLEANUP(buf_done) struct buf out = BUF(256);
	CLEANUP(buf_done) struct buf small = BUF(20);
	struct error err = { 0 };

	(void)state;
	buf_append_text(&out, "> ");
	assert_int_equal(json_doc_print(doc, true, &out, &err), 0);
	assert_string_equal(out.data, "> {\"a\":{},\"b\":[1,\"x/\xc3\xa9\\n\"]}");

	buf_append_text(&small, "before ");
	assert_int_equal(json_doc_print(doc, true, &small, &err), -1);
	assert_non_null(strstr(err.message, "the JSON text"));
	assert_string_equal(small.data, "before ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refuses_what_is_no_single_object),
		cmocka_unit_test(test_refuses_bad_strings_and_numbers),
		cmocka_unit_test(test_messages_are_clean),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_depth_knows_strings),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_absent_and_null_are_the_same),
		cmocka_unit_test(test_wrong_types_are_named),
		cmocka_unit_test(test_strings_have_a_maximum),
		cmocka_unit_test(test_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
