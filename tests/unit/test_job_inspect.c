/* test_job_inspect.c: findings come from a net process that may have been taken over: what becomes of them. */
#include "job/inspect.h"

#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct error err;

static void test_add(void **state)
{
	struct job_inspection inspection = { .names = json_pack("[{s:s, s:[]}, {s:s, s:[]}]", "name", "a.example", "findings", "name", "b.example", "findings") };
	struct check_finding finding = {
		.name = "b.example", .subject = "dns", .level = CHECK_WARNING, .asked = "A\x1b[2J", .seen = "1\n2", .means = "", .advice = "",
	};
	char endless[4 * MESSAGE_CHECK_TEXT_MAX];
	const json_t *list, *added;

	(void)state;
	memset(endless, 'x', sizeof(endless) - 1);
	endless[sizeof(endless) - 1] = '\0';
	finding.advice = endless;
	assert_int_equal(job_inspection_add(&inspection, &finding, &err), 0);
	finding.name = "c.example"; /* not asked for */
	assert_int_equal(job_inspection_add(&inspection, &finding, &err), 0);

	assert_int_equal(json_array_size(json_object_get(json_array_get(inspection.names, 0), "findings")), 0);
	list = json_object_get(json_array_get(inspection.names, 1), "findings");
	assert_int_equal(json_array_size(list), 1);
	added = json_array_get(list, 0);
	assert_string_equal(json_string_value(json_object_get(added, "level")), "warning");
	assert_string_equal(json_string_value(json_object_get(added, "asked")), "A?[2J");
	assert_string_equal(json_string_value(json_object_get(added, "seen")), "1?2");
	assert_int_equal(strlen(json_string_value(json_object_get(added, "do"))), MESSAGE_CHECK_TEXT_MAX);
	assert_int_equal(inspection.counts[CHECK_WARNING], 1);
	assert_int_equal(inspection.counts[CHECK_OK] + inspection.counts[CHECK_FAILURE], 0);
	job_inspection_done(&inspection);
	assert_null(inspection.names);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_add) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
