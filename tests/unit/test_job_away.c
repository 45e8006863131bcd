#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "job/away.h"

static const struct config_ca a = { .name = "a", .directory = "https://a.example/dir" };
static const struct config_ca b = { .name = "b", .directory = "https://b.example/dir" };

static void note(struct job_away *away, const struct config_ca *ca, enum error_kind kind, int status)
{
	struct error err;

	error_set(&err, kind, "no route");
	err.http_status = status;
	job_away_note(away, ca, &err);
}

static void test_a_ca_that_is_away_is_not_waited_for_each_time(void **state)
{
	struct job_away away = { .cas = { { .directory = NULL } } };
	struct error err;
	unsigned int asked = 0;

	(void)state;
	assert_int_equal(job_away_check(&away, &a, &err), 0);
	note(&away, &a, ERROR_NETWORK, 0);
	assert_int_equal(job_away_check(&away, &a, &err), 0);
	note(&away, &a, ERROR_NETWORK, 0);
	assert_int_equal(job_away_check(&away, &a, &err), -1);
	assert_int_equal(err.kind, ERROR_NETWORK);
	assert_non_null(strstr(err.message, "a could not be reached for the 2 certificates before this one"));
	assert_non_null(strstr(err.message, "no route"));
	/* The other one is another matter. */
	assert_int_equal(job_away_check(&away, &b, &err), 0);
	for (int i = 0; i < 100; i++) {
		if (job_away_check(&away, &a, &err) == 0) {
			note(&away, &a, ERROR_NETWORK, 0);
			asked++;
		}
	}
	assert_int_equal(asked, 100 / JOB_AWAY_LOOK_EVERY);
	job_away_note(&away, &a, NULL);
	assert_int_equal(job_away_check(&away, &a, &err), 0);
}

static void test_an_answer_shows_that_it_is_there(void **state)
{
	struct job_away away = { .cas = { { .directory = NULL } } };
	struct error err;

	(void)state;
	for (int i = 0; i < 5; i++)
		note(&away, &a, ERROR_NETWORK, 500);
	assert_int_equal(job_away_check(&away, &a, &err), 0);
	for (int i = 0; i < 5; i++)
		note(&away, &a, ERROR_NETWORK, 0);
	/* Of this machine's own trouble nothing follows. */
	note(&away, &a, ERROR_SYSTEM, 0);
	assert_int_equal(job_away_check(&away, &a, &err), -1);
	note(&away, &a, ERROR_REFUSED, 403);
	assert_int_equal(job_away_check(&away, &a, &err), 0);
}

static void test_more_cas_than_places(void **state)
{
	static char urls[2 * CONFIG_CAS_MAX][32];
	struct job_away away = { .cas = { { .directory = NULL } } };
	struct error err;

	(void)state;
	for (int i = 0; i < 2 * CONFIG_CAS_MAX; i++) {
		const struct config_ca ca = { .name = "x", .directory = urls[i] };

		(void)snprintf(urls[i], sizeof(urls[i]), "https://%d.example/", i);
		note(&away, &ca, ERROR_NETWORK, 0);
		note(&away, &ca, ERROR_NETWORK, 0);
		assert_int_equal(job_away_check(&away, &ca, &err), -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_ca_that_is_away_is_not_waited_for_each_time),
		cmocka_unit_test(test_an_answer_shows_that_it_is_there),
		cmocka_unit_test(test_more_cas_than_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
