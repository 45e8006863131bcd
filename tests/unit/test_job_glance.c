/* test_job_glance.c: when a certificate wants attention: what its CA is not to be asked now is no reason to look again each minute. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "job/glance.h"

#include "base/clean.h"
#include "base/text.h"
#include "config/config.h"
#include "job/polite.h"
#include "store/ca.h"
#include "store/store.h"

#include "scratch.h"

enum { NOW_AT = 1795435200, HOUR_S = 60 * 60 };

static const struct config_ca ca = { .name = "a", .directory = "https://a.example/dir" };
static const struct config_ca *const cas[] = { &ca };
static const struct config_certificate certificate = { .name = "a.example",
	                                               .settings = { .ca = &ca, .cas = cas, .cas_count = 1, .keys.count = 1 } };

static void test_what_is_held_back(void **state)
{
	CLEANUP(store_cleanup) struct store *store = NULL;
	CLEANUP(job_polite_done) struct job_polite polite = { .ca = NULL };
	const struct store_ca_hold hold = { .scope = STORE_CA_WHOLE, .since_at = NOW_AT, .until_at = NOW_AT + 9 * HOUR_S, .message = "busy" };
	struct store_ca *memory;
	struct job_glance glance;
	struct error err;

	assert_works(store_open(scratch_path(*state, "state"), true, &store, &err));
	job_glance(store, &certificate, NOW_AT, &polite, &glance);
	assert_int_equal(glance.reason, PLAN_MISSING);
	assert_int_equal(glance.next_at, NOW_AT);
	assert_works(store_ca_open(store, ca.directory, &memory, &err));
	assert_works(store_ca_hold_add(memory, &hold, &err));
	assert_works(store_ca_save(memory, &err));
	store_ca_free(memory);
	job_glance(store, &certificate, NOW_AT, &polite, &glance);
	assert_int_equal(glance.renew_at, NOW_AT);
	assert_int_equal(glance.next_at, NOW_AT + 9 * HOUR_S);
	job_glance(store, &certificate, NOW_AT + 9 * HOUR_S, &polite, &glance);
	assert_int_equal(glance.next_at, NOW_AT + 9 * HOUR_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_is_held_back, scratch_make, scratch_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
