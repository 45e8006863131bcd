/* test_acme_session.c: opening a session, and the names of the steps. */
#include "acme/acme.h"

#include "base/clean.h"
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_open(void **state)
{
	static const char *const urls[] = { "", "http://ca.example/directory", "ca.example", "https://u@ca.example/", "https://a b/" };
	struct acme_session_config config = { .directory_url = "https://ca.example/directory" };
	CLEANUP(acme_session_cleanup) struct acme_session *session = NULL;
	struct error err;

	(void)state;
	assert_int_equal(acme_session_open(&config, &session, &err), 0);
	assert_non_null(session);
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct acme_session *other = NULL;

		config.directory_url = urls[i];
		assert_int_equal(acme_session_open(&config, &other, &err), -1);
		assert_int_equal(err.kind, ERROR_USAGE);
		assert_null(other);
	}
	acme_session_free(NULL);
}

static void test_steps(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ACME_STEP_COUNT; i++)
		for (unsigned int k = 0; k < i; k++)
			assert_string_not_equal(acme_step_name((enum acme_step)i), acme_step_name((enum acme_step)k));
	assert_string_equal(acme_step_name(ACME_STEP_DIRECTORY), "directory");
	assert_string_equal(acme_step_name(ACME_STEP_COUNT), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
