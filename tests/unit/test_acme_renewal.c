/* test_acme_renewal.c: one answer about a renewal, as it comes from anybody */
#include "acme/renewal.h"

#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct error err;

static int parse(const char *text, struct acme_renewal *item)
{
	error_clear(&err);
	return acme_renewal_parse(text, strlen(text), item, &err);
}

static void test_the_example_of_the_rfc(void **state)
{
	struct acme_renewal item = { .explanation_url = "old" };

	(void)state;
	assert_int_equal(parse("{\"suggestedWindow\":{\"start\":\"2025-01-02T04:00:00Z\",\"end\":\"2025-01-03T04:00:00Z\"},"
	                       "\"explanationURL\":\"https://acme.example.com/docs/ari\"}",
	                       &item),
	                 0);
	assert_int_equal(item.start_at, 1735790400);
	assert_int_equal(item.end_at, 1735790400 + 86400);
	assert_string_equal(item.explanation_url, "https://acme.example.com/docs/ari");
	assert_int_equal(parse("{\"suggestedWindow\":{\"start\":\"2025-01-02T04:00:00.5Z\",\"end\":\"2025-01-03T04:00:00+01:00\"}}",
	                       &item),
	                 0);
	assert_int_equal(item.end_at, 1735790400 + 86400 - 3600);
	assert_string_equal(item.explanation_url, "");
}

static void test_what_is_no_answer(void **state)
{
	static const char *const texts[] = {
		"",
		"null",
		"[]",
		"{}",
		"{\"suggestedWindow\":null}",
		"{\"suggestedWindow\":[]}",
		"{\"suggestedWindow\":{}}",
		"{\"suggestedWindow\":{\"start\":\"2025-01-02T04:00:00Z\"}}",
		"{\"suggestedWindow\":{\"end\":\"2025-01-02T04:00:00Z\"}}",
		"{\"suggestedWindow\":{\"start\":1735790400,\"end\":1735876800}}",
		"{\"suggestedWindow\":{\"start\":\"2025-01-02\",\"end\":\"2025-01-03\"}}",
		"{\"suggestedWindow\":{\"start\":\"2025-01-02T04:00:00Z\",\"end\":\"2025-01-02T04:00:00Z\"}}",
		"{\"suggestedWindow\":{\"start\":\"2025-01-03T04:00:00Z\",\"end\":\"2025-01-02T04:00:00Z\"}}",
		"{\"suggestedWindow\":{\"start\":\"2025-01-02T04:00:00Z\",\"end\":\"2025-01-03T04:00:00Z\"},\"explanationURL\":1}",
		"{\"suggestedWindow\":{\"start\":\"2025-01-02T04:00:00Z\",\"end\":\"2025-01-03T04:00:00Z\"}} more",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct acme_renewal item = { .start_at = 7, .end_at = 8 };

		assert_int_equal(parse(texts[i], &item), -1);
		assert_int_equal(err.kind, ERROR_PROTOCOL);
		assert_int_equal(item.start_at, 7);
		assert_int_equal(item.end_at, 8);
	}
}

static void test_an_explanation_is_for_people(void **state)
{
	static char text[2048];
	struct acme_renewal item = { 0 };

	(void)state;
	snprintf(text, sizeof(text), "%s", "{\"suggestedWindow\":{\"start\":\"2025-01-02T04:00:00Z\",\"end\":\"2025-01-03T04:00:00Z\"},"
	             "\"explanationURL\":\"https://a/\\u001b[31m\\u202e\"}");
	assert_int_equal(parse(text, &item), 0);
	assert_null(strpbrk(item.explanation_url, "\033\xe2"));
	/* One that is cut would be another: too long is as good as none. */
	memset(strstr(text, "https"), 'h', 1000);
	memcpy(strstr(text, "hhhh") + 1000, "\"}", sizeof("\"}"));
	assert_int_equal(parse(text, &item), 0);
	assert_string_equal(item.explanation_url, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_example_of_the_rfc),
		cmocka_unit_test(test_what_is_no_answer),
		cmocka_unit_test(test_an_explanation_is_for_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
