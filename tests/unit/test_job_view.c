#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clean.h"
#include "base/error.h"
#include "base/text.h"
#include "config/config.h"
#include "job/polite.h"
#include "job/view.h"
#include "store/ca.h"
#include "store/store.h"

#include "scratch.h"

enum { NOW_AT = 1795435200, HOUR_S = 60 * 60 };

static const struct config_ca a = { .name = "a", .directory = "https://a.example/dir" };
static const struct config_ca b = { .name = "b", .directory = "https://b.example/dir" };
static const struct config_ca *const cas[] = { &a, &b };
static const struct config_certificate certificate = { .name = "a.example",
	                                               .settings = { .ca = &a, .cas = cas, .cas_count = 2, .deploy = CONFIG_DEPLOY_NONE } };

static void hold(const struct store *store, const char *directory)
{
	CLEANUP(store_ca_cleanup) struct store_ca *ca = NULL;
	struct store_ca_hold one = { .scope = STORE_CA_WHOLE, .endpoint = STORE_CA_ANYTHING, .since_at = NOW_AT, .until_at = NOW_AT + 9 * HOUR_S };
	struct error err;

	text_copy(one.message, sizeof(one.message), "too many requests");
	assert_int_equal(store_ca_open(store, directory, &ca, &err), STORE_OK);
	assert_int_equal(store_ca_hold_add(ca, &one, &err), 0);
	assert_int_equal(store_ca_save(ca, &err), 0);
}

static void test_who_is_asked_next(void **state)
{
	CLEANUP(store_cleanup) struct store *store = NULL;
	CLEANUP(job_polite_done) struct job_polite polite = { .ca = NULL };
	struct job_view view;
	struct error err;

	assert_int_equal(store_open(scratch_path(*state, "state"), true, &store, &err), STORE_OK);
	assert_int_equal(job_view_read(store, &certificate, NOW_AT, &view, &err), 0);
	assert_false(job_view_hold(&view, store, &polite, &err));
	assert_ptr_equal(view.next.ca, &a);
	assert_string_equal(view.next.why, "");
	hold(store, a.directory);
	assert_false(job_view_hold(&view, store, &polite, &err));
	assert_ptr_equal(view.next.ca, &b);
	assert_non_null(strstr(view.next.why, "a is passed over: "));
	assert_non_null(strstr(view.next.why, "too many requests"));
	job_view_done(&view);
	hold(store, b.directory);
	assert_int_equal(job_view_read(store, &certificate, NOW_AT, &view, &err), 0);
	assert_true(job_view_hold(&view, store, &polite, &err));
	assert_int_equal(err.retry_at, NOW_AT + 9 * HOUR_S);
	job_view_done(&view);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_who_is_asked_next, scratch_make, scratch_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
