/* scenario_job_story.c: the job against a CA in virtual time: issue, renewals, waits, failures that end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "world.h"

#include "base/text.h"

enum { HOUR_S = 60 * 60, DAY_S = 24 * HOUR_S };

static void test_an_issue_and_then_nothing(void **state)
{
	struct world *world = *state;
	size_t requests;

	world_must(world, JOB_ISSUED);
	assert_int_equal(world_live(world), 1);
	requests = world->ca->requests;
	world_must(world, JOB_NOT_DUE);
	assert_int_equal(world->ca->requests, requests);
}

/* A run a day for a year: due at a third of the lifetime left, every sixty days; in between a CA without renewal information is asked once
 * whether it has some now. */
static void test_a_year_of_renewals(void **state)
{
	struct world *world = *state;
	size_t requests_of_idle_days = 0;

	world->ca->lifetime_s = 90 * (int64_t)DAY_S;
	for (int day = 0; day < 365; day++) {
		size_t before = world->ca->requests;
		size_t issued = ca_issued(world->ca);

		assert_true(WIFEXITED(world_run(world)));
		assert_int_equal(world->last->result, 0);
		if (ca_issued(world->ca) == issued)
			requests_of_idle_days += world->ca->requests - before;
		ca_pass_time(world->ca, DAY_S);
	}
	assert_int_equal(ca_issued(world->ca), 7); /* on days 0, 60, 120, ... 360 */
	assert_int_equal(requests_of_idle_days, 6);
	assert_int_equal(world_live(world), 7);
}

/* The CA is down for ten days: the job tries less and less often, what is live stays, and it recovers by itself. */
static void test_a_ca_that_is_down(void **state)
{
	const struct ca_fault down = { .action = CA_BREAK, .endpoint = CA_ANY, .times = -1 };
	struct world *world = *state;
	size_t requests;

	world_must(world, JOB_ISSUED);
	ca_pass_time(world->ca, 61 * (int64_t)DAY_S);
	requests = world->ca->requests;
	ca_add_fault(world->ca, &down);
	for (int hour = 0; hour < 10 * 24; hour++) {
		world_run(world);
		assert_true(world->last->job_result == JOB_FAILED || world->last->job_result == JOB_BLOCKED);
		ca_pass_time(world->ca, HOUR_S);
	}
	assert_int_equal(world_live(world), 1);
	assert_true(world->ca->requests - requests <= (size_t)(14 * 10));
	ca_clear_faults(world->ca);
	ca_pass_time(world->ca, 2 * (int64_t)DAY_S);
	world_must(world, JOB_ISSUED);
	assert_int_equal(world_live(world), 2);
	assert_int_equal(ca_issued(world->ca), 2);
}

/* The clock was ten years ahead when an attempt failed, and was then set right: that is no reason to wait for ten years. */
static void test_a_failure_in_the_future(void **state)
{
	const struct ca_fault down = { .action = CA_BREAK, .endpoint = CA_ANY, .times = -1 };
	struct world *world = *state;

	ca_pass_time(world->ca, 3650 * (int64_t)DAY_S);
	ca_add_fault(world->ca, &down);
	world_must(world, JOB_FAILED);
	world_must(world, JOB_BLOCKED);
	ca_clear_faults(world->ca);
	ca_pass_time(world->ca, -3650 * (int64_t)DAY_S);
	world_must(world, JOB_ISSUED);
}

static void test_the_ca_asks_to_wait(void **state)
{
	const struct ca_fault limited = {
		.action = CA_ANSWER,
		.endpoint = CA_NEW_ORDER,
		.times = 1,
		.status = 429,
		.content_type = "application/problem+json",
		.retry_after = "7200",
		.body = "{\"type\":\"urn:ietf:params:acme:error:rateLimited\",\"detail\":\"too many orders\"}",
	};
	struct world *world = *state;
	size_t requests;

	ca_add_fault(world->ca, &limited);
	world->options.named = true;
	world_must(world, JOB_FAILED);
	assert_int_equal(world->last->error.kind, ERROR_LATER);
	assert_int_equal(error_exit_status(world->last->error.kind), 3);
	requests = world->ca->requests;
	ca_pass_time(world->ca, 7200 - 60);
	world_must(world, JOB_BLOCKED);
	assert_int_equal(world->ca->requests, requests);
	ca_pass_time(world->ca, 120);
	world_must(world, JOB_ISSUED);
}

/* The order is processing for three hours: no second one is made meanwhile, and its certificate is taken with the key it was made for. */
static void test_an_order_that_takes_hours(void **state)
{
	struct world *world = *state;

	world->ca->issuance_ms = 3 * HOUR_S * (int64_t)1000;
	world->options.named = true;
	for (int hour = 0; hour < 4; hour++) {
		world_run(world);
		assert_int_equal(world->ca->order_count, 1);
		if (world->last->job_result == JOB_ISSUED)
			break;
		assert_int_equal(world->last->job_result, JOB_FAILED);
		ca_pass_time(world->ca, HOUR_S);
	}
	assert_int_equal(world_live(world), 1);
	assert_int_equal(world->ca->asked[CA_FINALIZE], 1);
}

static void test_a_name_that_fails_is_mended(void **state)
{
	struct world *world = *state;

	world_hook(world, "failure", "CERTD_ATTEMPTS:$CERTD_ERROR", 0);
	ca_fail(world->ca, "www.a.example", "dns", "NXDOMAIN looking up A for www.a.example", 1);
	world_must(world, JOB_FAILED);
	assert_int_equal(world->last->error.kind, ERROR_REFUSED);
	assert_non_null(strstr(world->last->error.message, "www.a.example"));
	assert_non_null(strstr(world->last->error.message, "NXDOMAIN looking up A"));
	assert_int_equal(world_ran(world), 1);
	assert_true(world_ran_with(world, "failure a.example 1:"));
	world_must(world, JOB_BLOCKED);
	assert_int_equal(world_ran(world), 1);
	world->options.named = true;
	world_must(world, JOB_ISSUED);
	assert_int_equal(world_ran(world), 1);
}

/* A configuration that changed is not held back by what failed before it. */
/* What is known to be refused is told before the CA is asked. */
static void test_an_address_and_a_profile_without(void **state)
{
	struct world *world = *state;

	world_configure(world, "\"a.example\", \"192.0.2.1\"", "ca = \"letsencrypt\"\n preflight = true");
	world_must(world, JOB_FAILED);
	assert_int_equal(world->last->error.kind, ERROR_USAGE);
	assert_non_null(strstr(world->last->error.message, "192.0.2.1"));
	assert_non_null(strstr(world->last->error.message, "shortlived"));
	assert_int_equal(world->ca->requests, 0);
}

static void test_other_names_are_another_matter(void **state)
{
	struct world *world = *state;

	ca_fail(world->ca, "www.a.example", "dns", "NXDOMAIN", -1);
	world_must(world, JOB_FAILED);
	world_must(world, JOB_BLOCKED);
	world_configure(world, "\"a.example\"", "");
	world_must(world, JOB_ISSUED);
	world_configure(world, "\"a.example\", \"b.example\"", "");
	world_must(world, JOB_ISSUED);
	assert_int_equal(world_live(world), 2);
}

static void test_another_key_type_is_due(void **state)
{
	struct world *world = *state;

	world_must(world, JOB_ISSUED);
	world_configure(world, "\"a.example\", \"www.a.example\"", "key = \"ecdsa-p384\"");
	world_must(world, JOB_ISSUED);
	world_must(world, JOB_NOT_DUE);
	assert_int_equal(world_live(world), 2);
}

static void test_a_dry_run_leaves_what_is_live(void **state)
{
	struct world *world = *state;

	world_must(world, JOB_ISSUED);
	world->options.dry_run = true;
	world_must(world, JOB_TRIED);
	assert_int_equal(world_live(world), 1);
	assert_int_equal(ca_issued(world->ca), 2);
	world->options.dry_run = false;
	world_must(world, JOB_NOT_DUE);
}

/* A certificate for another key is refused; nothing of it is kept. */
static void test_a_certificate_for_another_key(void **state)
{
	struct ca_fault other = { .action = CA_BODY, .endpoint = CA_CERTIFICATE, .times = 1 };
	struct world *world = *state;

	world_must(world, JOB_ISSUED);
	assert_true(text_copy(other.body, sizeof(other.body), world->ca->orders[0].pem));
	ca_add_fault(world->ca, &other);
	world->options.force = true;
	world_must(world, JOB_FAILED);
	assert_int_equal(world->last->error.kind, ERROR_PROTOCOL);
	assert_int_equal(world_live(world), 1);
	ca_clear_faults(world->ca);
	world_must(world, JOB_ISSUED);
	assert_int_equal(world_live(world), 2);
}

/* A deploy hook that fails: the certificate stays, the one before goes live again, and the next run deploys without an order. */
static void test_a_deployment_that_fails(void **state)
{
	struct world *world = *state;
	size_t orders;

	world_must(world, JOB_ISSUED);
	world_hook(world, "deploy", "CERTD_GENERATION", 1);
	world->options.force = true;
	world_must(world, JOB_FAILED);
	assert_int_equal(world->last->error.kind, ERROR_DEPLOY);
	assert_int_equal(world_live(world), 1);
	orders = world->ca->order_count;
	world_hook(world, "deploy", "CERTD_GENERATION", 0);
	world->options.force = false;
	world_must(world, JOB_DEPLOYED);
	assert_int_equal(world_live(world), 2);
	assert_int_equal(world->ca->order_count, orders);
	world_must(world, JOB_NOT_DUE);
}

/* The next run tries it at once, and the one after; then they take their time. A person who names it need not wait. */
static void test_a_deployment_that_keeps_failing(void **state)
{
	struct world *world = *state;

	world_must(world, JOB_ISSUED);
	world_hook(world, "deploy", "CERTD_GENERATION", 1);
	world_hook(world, "failure", "CERTD_ATTEMPTS", 0);
	world->options.force = true;
	world_must(world, JOB_FAILED);
	world->options.force = false;
	world_must(world, JOB_FAILED);
	world_must(world, JOB_FAILED);
	world_must(world, JOB_BLOCKED);
	assert_non_null(strstr(world->last->error.message, "not tried again before"));
	assert_int_equal(world->last->error.kind, ERROR_DEPLOY);
	assert_int_equal(world->ca->order_count, 2);
	ca_pass_time(world->ca, 12 * 60);
	world_must(world, JOB_FAILED);
	ca_pass_time(world->ca, 12 * 60);
	world_must(world, JOB_BLOCKED);
	assert_true(world_ran_with(world, "failure a.example 1"));
	assert_false(world_ran_with(world, "failure a.example 2"));
	world_hook(world, "deploy", "CERTD_GENERATION", 0);
	world->options.named = true;
	world_must(world, JOB_DEPLOYED);
	assert_int_equal(world_live(world), 2);
	assert_int_equal(world->ca->order_count, 2);
}

/* One of two that cannot be deployed is no matter of the other one. */
static void test_a_deployment_that_fails_for_one(void **state)
{
	struct world *world = *state;

	world_configure(world, "\"a.example\"", "}\ncertificate \"b.example\" {\n names = { \"b.example\" }");
	world_must(world, JOB_ISSUED);
	world_hook_for(world, "deploy", "b.example");
	world->options.force = true;
	world_must(world, JOB_ISSUED);
	assert_int_equal(world->last->results[1], JOB_FAILED);
	assert_int_equal(world_live(world), 2);
	world->options.force = false;
	world_hook(world, "deploy", "CERTD_GENERATION", 0);
	world_must(world, JOB_NOT_DUE);
	assert_int_equal(world->last->results[1], JOB_DEPLOYED);
	assert_int_equal(world->ca->order_count, 4);
}

/* Once for each certificate, and again only as long as it fails. */
static void test_post_renew_hooks(void **state)
{
	struct world *world = *state;

	world_hook(world, "post-renew", "CERTD_GENERATION", 1);
	world_must(world, JOB_ISSUED);
	assert_int_equal(world_ran(world), 1);
	assert_int_not_equal(world->last->error.kind, ERROR_NONE);
	world_hook(world, "post-renew", "CERTD_GENERATION", 0);
	world_must(world, JOB_NOT_DUE);
	assert_int_equal(world_ran(world), 2);
	world_must(world, JOB_NOT_DUE);
	assert_int_equal(world_ran(world), 2);
	assert_int_equal(world->ca->order_count, 1);
}

static void test_half_of_the_nonces_refused(void **state)
{
	struct world *world = *state;

	world->ca->nonce_reject_percent = 50;
	world->options.force = true;
	for (int i = 0; i < 10; i++)
		world_must(world, JOB_ISSUED);
	assert_int_equal(world_live(world), 10);
}

/* The account is known to the CA no more: it is registered once more, with the same key. */
static void test_an_account_that_the_ca_forgot(void **state)
{
	struct world *world = *state;

	world_must(world, JOB_ISSUED);
	world->ca->accounts[0].used = false;
	world->options.force = true;
	world_must(world, JOB_ISSUED);
	assert_int_equal(world->ca->asked[CA_NEW_ACCOUNT], 2);
}

int main(void)
{
#define STORY(function) cmocka_unit_test_setup_teardown(function, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		STORY(test_an_issue_and_then_nothing),
		STORY(test_a_year_of_renewals),
		STORY(test_a_ca_that_is_down),
		STORY(test_a_failure_in_the_future),
		STORY(test_the_ca_asks_to_wait),
		STORY(test_an_order_that_takes_hours),
		STORY(test_a_name_that_fails_is_mended),
		STORY(test_an_address_and_a_profile_without),
		STORY(test_other_names_are_another_matter),
		STORY(test_another_key_type_is_due),
		STORY(test_a_dry_run_leaves_what_is_live),
		STORY(test_a_certificate_for_another_key),
		STORY(test_a_deployment_that_fails),
		STORY(test_a_deployment_that_keeps_failing),
		STORY(test_a_deployment_that_fails_for_one),
		STORY(test_post_renew_hooks),
		STORY(test_half_of_the_nonces_refused),
		STORY(test_an_account_that_the_ca_forgot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
