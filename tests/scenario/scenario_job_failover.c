/* scenario_job_failover.c: two CAs: one that fails, and the other one that helps out. Nothing of the one ever goes to the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "world.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/file.h"
#include "base/text.h"

#include <fcntl.h>

enum { HOUR_S = 60 * 60, DAY_S = 24 * HOUR_S };

static const struct ca_fault down = { .action = CA_BREAK, .endpoint = CA_ANY, .times = -1 };

static int setup(void **state)
{
	struct world *world;
	int r = world_setup(state);

	world = *state;
	world_add_ca(world);
	world->ca->lifetime_s = world->other->lifetime_s = 90 * (int64_t)DAY_S;
	return r;
}

static int setup_with_windows(void **state)
{
	struct world *world;
	int r = setup(state);

	world = *state;
	world->ca->without_renewal_info = world->other->without_renewal_info = false;
	return r;
}

/* It takes orders, and is gone for all that comes behind. */
static void die_in_the_middle(struct ca *ca)
{
	static const enum ca_endpoint later[] = { CA_AUTHORIZATION, CA_ORDER, CA_CHALLENGE, CA_FINALIZE };

	for (size_t i = 0; i < ARRAY_SIZE(later); i++) {
		const struct ca_fault fault = { .action = CA_BREAK, .endpoint = later[i], .times = -1 };

		ca_add_fault(ca, &fault);
	}
}

static void must_fail(struct world *world, enum error_kind kind)
{
	world_must(world, JOB_FAILED);
	assert_int_equal(world->last->error.kind, kind);
}

/* A certificate of the first one, which is due for renewal, with weeks left. */
static void begin(struct world *world)
{
	world_must(world, JOB_ISSUED);
	assert_int_equal(world->other->requests, 0);
	ca_pass_time(world->ca, 61 * (int64_t)DAY_S);
}

static bool state_has(const struct world *world, const char *text)
{
	CLEANUP(buf_done) struct buf json = BUF(256 * 1024);
	char path[512];
	struct error err;

	snprintf(path, sizeof(path), "%s/state/certificates/" WORLD_CERT "/state.json", world->path);
	assert_int_equal(file_read(AT_FDCWD, path, &json, &err), FILE_OK);
	return strstr(buf_text(&json), text) != NULL;
}

static void test_the_other_one_helps_out_and_the_first_comes_back(void **state)
{
	struct world *world = *state;
	size_t questions;

	begin(world);
	die_in_the_middle(world->ca);
	must_fail(world, ERROR_NETWORK);
	assert_int_equal(world->ca->order_count, 2);
	assert_string_equal(world->ca->orders[1].replaces, world->ca->orders[0].id);
	ca_add_fault(world->ca, &down);
	ca_pass_time(world->ca, HOUR_S);
	must_fail(world, ERROR_NETWORK);
	assert_int_equal(world->other->requests, 0);
	assert_true(state_has(world, world->ca->base));
	ca_pass_time(world->ca, HOUR_S);
	/* The third time the other one is asked in the same run. */
	world_must(world, JOB_ISSUED);
	assert_int_equal(ca_issued(world->other), 1);
	assert_int_equal(world->other->order_count, 1);
	assert_string_equal(world->other->orders[0].replaces, "");
	assert_int_equal(world->ca->order_count, 2);
	assert_int_equal(world_live(world), 2);
	/* The order at the first one was for the key that is used now. */
	assert_false(state_has(world, world->ca->base));
	ca_clear_faults(world->ca);
	questions = world->ca->asked[CA_RENEWAL_INFO];
	assert_int_equal(world->other->asked[CA_RENEWAL_INFO], 1);
	ca_pass_time(world->ca, 12 * HOUR_S);
	/* That the first one is back is no reason for another certificate; and it is asked nothing about that of the other one. */
	world_must(world, JOB_NOT_DUE);
	assert_int_equal(world->other->asked[CA_RENEWAL_INFO], 2);
	assert_int_equal(world->ca->asked[CA_RENEWAL_INFO], questions);
	ca_pass_time(world->ca, 61 * (int64_t)DAY_S);
	questions = world->other->asked[CA_NEW_ORDER];
	world_must(world, JOB_ISSUED);
	assert_int_equal(world->ca->order_count, 3);
	assert_string_equal(world->ca->orders[2].replaces, "");
	assert_int_equal(world->other->asked[CA_NEW_ORDER], questions);
	ca_pass_time(world->ca, 61 * (int64_t)DAY_S);
	world_must(world, JOB_ISSUED);
	assert_string_equal(world->ca->orders[3].replaces, world->ca->orders[2].id);
	assert_int_equal(world_live(world), 4);
}

/* Both die with an order in flight; each goes on with its own when it comes back. */
static void test_each_keeps_its_order(void **state)
{
	struct world *world = *state;

	begin(world);
	die_in_the_middle(world->ca);
	die_in_the_middle(world->other);
	for (int i = 0; i < 5; i++) {
		must_fail(world, ERROR_NETWORK);
		ca_pass_time(world->ca, DAY_S + 3 * HOUR_S);
	}
	assert_int_equal(world->ca->order_count, 2);
	assert_int_equal(world->other->order_count, 1);
	ca_clear_faults(world->ca);
	/* The other one had three turns too, so the first one is asked again. */
	world_must(world, JOB_ISSUED);
	assert_int_equal(world->ca->order_count, 2);
	assert_int_equal(world->other->order_count, 1);
	assert_int_equal(ca_issued(world->ca), 2);
	assert_int_equal(world_live(world), 2);
	assert_false(state_has(world, world->other->base));
	/* The next one has a key of its own, and so an order of its own. */
	ca_clear_faults(world->other);
	ca_add_fault(world->ca, &down);
	ca_pass_time(world->ca, 80 * (int64_t)DAY_S);
	world_must(world, JOB_ISSUED);
	assert_int_equal(ca_issued(world->other), 1);
	assert_int_equal(world_live(world), 3);
}

static void test_no_certificate_waits_for_no_ca(void **state)
{
	struct world *world = *state;

	ca_add_fault(world->ca, &down);
	world_must(world, JOB_ISSUED);
	assert_int_equal(ca_issued(world->other), 1);
	assert_int_equal(world_live(world), 1);
	/* And so with little time left. */
	ca_pass_time(world->ca, 80 * (int64_t)DAY_S);
	world_must(world, JOB_ISSUED);
	assert_int_equal(ca_issued(world->other), 2);
}

static void refuse(struct ca *ca, int status, const char *retry_after, const char *type)
{
	struct ca_fault fault = { .action = CA_ANSWER, .endpoint = CA_NEW_ORDER, .times = -1, .status = status,
		                  .content_type = "application/problem+json" };

	text_copy(fault.retry_after, sizeof(fault.retry_after), retry_after);
	snprintf(fault.body, sizeof(fault.body), "{\"type\":\"urn:ietf:params:acme:error:%s\",\"detail\":\"no\"}", type);
	ca_add_fault(ca, &fault);
}

static void test_a_no_for_good_is_not_asked_for_thrice(void **state)
{
	struct world *world = *state;

	begin(world);
	refuse(world->ca, 400, "", "rejectedIdentifier");
	world_must(world, JOB_ISSUED);
	assert_int_equal(ca_issued(world->other), 1);
	assert_int_equal(world->ca->asked[CA_NEW_ORDER], 2);
}

static void test_a_long_limit_is_not_waited_for(void **state)
{
	struct world *world = *state;

	begin(world);
	refuse(world->ca, 429, "122400", "rateLimited");
	world_must(world, JOB_ISSUED);
	assert_int_equal(ca_issued(world->other), 1);
}

static void test_a_short_limit_is(void **state)
{
	struct world *world = *state;

	begin(world);
	refuse(world->ca, 429, "7200", "rateLimited");
	must_fail(world, ERROR_LATER);
	world_must(world, JOB_BLOCKED);
	assert_int_equal(world->other->requests, 0);
	ca_clear_faults(world->ca);
	ca_pass_time(world->ca, 2 * HOUR_S + 1);
	world_must(world, JOB_ISSUED);
	assert_int_equal(world->other->requests, 0);
}

/* What every CA would say. */
static void test_a_failure_of_the_site_is_no_cas(void **state)
{
	struct world *world = *state;

	ca_fail(world->ca, "a.example", "dns", "NXDOMAIN", -1);
	for (int i = 0; i < 5; i++) {
		must_fail(world, ERROR_REFUSED);
		ca_pass_time(world->ca, 2 * DAY_S);
	}
	assert_int_equal(world->other->requests, 0);
}

static void test_both_are_down(void **state)
{
	struct world *world = *state;

	ca_add_fault(world->ca, &down);
	ca_add_fault(world->other, &down);
	must_fail(world, ERROR_NETWORK);
	assert_non_null(strstr(world->last->error.message, "after ca.example failed, other.example failed too: "));
	world_must(world, JOB_BLOCKED);
	ca_clear_faults(world->other);
	ca_pass_time(world->ca, HOUR_S);
	world_must(world, JOB_ISSUED);
	assert_int_equal(ca_issued(world->other), 1);
}

/* Not each of many certificates waits for a CA that is away. */
static void test_many_certificates_and_one_that_is_away(void **state)
{
	enum { MORE = 20 };
	struct world *world = *state;
	size_t asked;

	for (int i = 0; i < MORE; i++) {
		size_t len = strlen(world->more);

		snprintf(world->more + len, sizeof(world->more) - len, "certificate \"m%d\" { names = { m%d.example } }\n", i, i);
	}
	world_configure(world, "\"a.example\"", "");
	ca_add_fault(world->ca, &down);
	world_must(world, JOB_ISSUED);
	asked = world->ca->requests;
	for (size_t i = 0; i <= MORE; i++)
		assert_int_equal(world->last->results[i], JOB_ISSUED);
	assert_int_equal(ca_issued(world->other), MORE + 1);
	/* The first two, and then each tenth: as many requests as a few attempts make. */
	assert_in_range(asked, 1, 5 * 6);
	ca_clear_faults(world->ca);
	ca_pass_time(world->ca, 61 * (int64_t)DAY_S);
	world_must(world, JOB_ISSUED);
	assert_int_equal(ca_issued(world->ca), MORE + 1);
}

/* Of two certificates the first one is there when the CA dies: the generation gets none of it, but both of the other CA. */
static void test_two_kinds_of_key_are_of_one_ca(void **state)
{
	const struct ca_fault second = { .action = CA_BREAK, .endpoint = CA_NEW_ORDER, .skip = 1, .times = -1 };
	static const char *const files[] = { "cert.pem", "cert-rsa.pem" };
	struct world *world = *state;

	world_configure(world, "\"a.example\"", "key = { \"ecdsa-p256\", \"rsa-2048\" }");
	ca_add_fault(world->ca, &second);
	world_must(world, JOB_ISSUED);
	assert_int_equal(ca_issued(world->ca), 1);
	assert_int_equal(ca_issued(world->other), 2);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		CLEANUP(buf_done) struct buf pem = BUF(64 * 1024);
		char path[512];
		struct error err;

		snprintf(path, sizeof(path), "%s/state/live/" WORLD_CERT "/%s", world->path, files[i]);
		assert_int_equal(file_read(AT_FDCWD, path, &pem, &err), FILE_OK);
		assert_string_equal(buf_text(&pem), world->other->orders[i].leaf_pem);
	}
	/* And the next ones are of the first CA again, and take the place of none of its own. */
	ca_clear_faults(world->ca);
	ca_pass_time(world->ca, 61 * (int64_t)DAY_S);
	world_must(world, JOB_ISSUED);
	assert_int_equal(ca_issued(world->ca), 3);
	assert_int_equal(ca_issued(world->other), 2);
	for (size_t i = 0; i < world->ca->order_count; i++)
		assert_string_equal(world->ca->orders[i].replaces, "");
}

/* A CA that is known to want it is not asked without. */
static void test_without_external_account_binding(void **state)
{
	struct world *world = *state;

	world->head = "ca \"zerossl\" { directory = \"https://ca.example/directory\" }\n";
	world_configure(world, "\"a.example\"", "");
	world_must(world, JOB_ISSUED);
	assert_int_equal(world->ca->requests, 0);
	assert_int_equal(ca_issued(world->other), 1);
	world_configure(world, "\"a.example\"", "ca = zerossl");
	must_fail(world, ERROR_USAGE);
	assert_int_equal(world->ca->requests, 0);
	assert_non_null(strstr(world->last->error.message, "zerossl makes no account without external account binding"));
	assert_non_null(strstr(world->last->error.advice, "eab-kid"));
}

/* Killed at each request to the other one, and after its answer: the next run brings it to an end, with one order. */
static void kill_at(struct world *world, enum ca_action action, unsigned int request)
{
	const struct ca_fault fault = { .action = action, .endpoint = CA_ANY, .skip = request, .victim = CA_VICTIM_PARENT };
	int status;

	ca_add_fault(world->other, &fault);
	status = world_run(world);
	if (WIFEXITED(status)) {
		assert_int_equal(world->last->job_result, JOB_ISSUED);
		return;
	}
	ca_clear_faults(world->other);
	assert_true(WIFEXITED(world_run(world)));
	/* The last requests come when the certificate is there. */
	assert_true(world->last->job_result == JOB_ISSUED || world->last->job_result == JOB_NOT_DUE);
	assert_int_equal(world->other->order_count, 1);
	assert_int_equal(ca_issued(world->other), 1);
	assert_int_equal(world_live(world), 1);
	assert_true(world->ca->order_count <= 1);
}

static void test_killed_while_the_other_helps_out(void **state)
{
	static const enum ca_action actions[] = { CA_KILL_BEFORE, CA_KILL_AFTER };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		for (unsigned int request = 0;; request++) {
			void *one;
			bool done;

			assert_int_equal(setup(&one), 0);
			die_in_the_middle(((struct world *)one)->ca);
			kill_at(one, actions[i], request);
			done = ((struct world *)one)->runs == 1;
			assert_int_equal(world_teardown(&one), 0);
			if (done)
				break;
			assert_in_range(request, 0, 100);
		}
	}
}

int main(void)
{
#define STORY(function) cmocka_unit_test_setup_teardown(function, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_the_other_one_helps_out_and_the_first_comes_back, setup_with_windows, world_teardown),
		STORY(test_each_keeps_its_order),
		STORY(test_no_certificate_waits_for_no_ca),
		STORY(test_a_no_for_good_is_not_asked_for_thrice),
		STORY(test_a_long_limit_is_not_waited_for),
		STORY(test_a_short_limit_is),
		STORY(test_a_failure_of_the_site_is_no_cas),
		STORY(test_both_are_down),
		STORY(test_many_certificates_and_one_that_is_away),
		cmocka_unit_test_setup_teardown(test_two_kinds_of_key_are_of_one_ca, setup_with_windows, world_teardown),
		STORY(test_without_external_account_binding),
		cmocka_unit_test(test_killed_while_the_other_helps_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
