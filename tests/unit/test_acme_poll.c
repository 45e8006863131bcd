/* test_acme_poll.c: how long is waited: by the CA's word within limits, else growing, the time on the wire counted in. */
#include "acme/poll.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_growing(void **state)
{
	static const int64_t waits_ms[] = { 100, 250, 500, 1000, 2000, 3000, 5000, 5000, 5000 };
	struct acme_pace pace;
	int64_t now_ms = 1000;

	(void)state;
	acme_pace_begin(&pace, now_ms, 0);
	for (size_t i = 0; i < sizeof(waits_ms) / sizeof(waits_ms[0]); i++) {
		assert_int_equal(acme_pace_wait_ms(&pace, now_ms, 0, 300), waits_ms[i]);
		now_ms += waits_ms[i];
		acme_pace_asked(&pace, now_ms, 0);
	}
	/* A new wait begins anew. */
	acme_pace_begin(&pace, now_ms, 0);
	assert_int_equal(acme_pace_wait_ms(&pace, now_ms, 0, 300), 100);
}

static void test_wire_counts(void **state)
{
	struct acme_pace pace;

	(void)state;
	acme_pace_begin(&pace, 1000, 0);
	assert_int_equal(acme_pace_wait_ms(&pace, 1030, 0, 300), 70);
	assert_int_equal(acme_pace_wait_ms(&pace, 1100, 0, 300), 0);
	assert_int_equal(acme_pace_wait_ms(&pace, 9000, 0, 300), 0);
	/* A clock that went back does not make it longer. */
	assert_int_equal(acme_pace_wait_ms(&pace, 0, 0, 300), 100);
}

static void test_retry_after(void **state)
{
	struct acme_pace pace;

	(void)state;
	acme_pace_begin(&pace, 1000, 5003);
	assert_int_equal(acme_pace_wait_ms(&pace, 1000, 5000, 300), 3000);
	/* What has passed, or was never meant, is a second. */
	assert_int_equal(acme_pace_wait_ms(&pace, 1000, 5003, 300), 1000);
	assert_int_equal(acme_pace_wait_ms(&pace, 1000, 9000, 300), 1000);
	/* Nor longer than the limit. */
	acme_pace_asked(&pace, 1000, INT64_C(400000000000));
	assert_int_equal(acme_pace_wait_ms(&pace, 1000, 5000, 300), 300000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_growing),
		cmocka_unit_test(test_wire_counts),
		cmocka_unit_test(test_retry_after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
