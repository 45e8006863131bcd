/* scenario_job_polite.c: what a CA said, and what it is known to take, is kept to: by every certificate that it is about, in every later run, by
 * --force too. */
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
#include "base/strv.h"
#include "base/text.h"

enum { MINUTE_S = 60, HOUR_S = 60 * MINUTE_S, DAY_S = 24 * HOUR_S, STORM = 12 };

#define PROBLEM(detail) "{\"type\":\"urn:ietf:params:acme:error:rateLimited\",\"detail\":\"" detail "\"}"

/* As many certificates as that: a.example, b.example, ...; and what the ca block says. */
static void configure(struct world *world, unsigned int count, const char *ca)
{
	CLEANUP(buf_done) struct buf more = BUF(WORLD_MORE_MAX - 1);

	for (unsigned int i = 1; i < count; i++)
		buf_printf(&more, "certificate \"%c.example\" {\n names = { \"%c.example\" }\n}\n", (int)('a' + i), (int)('a' + i));
	buf_printf(&more, "ca \"test\" {\n directory = \"%s/directory\"\n %s\n}\n", world->ca->base, ca);
	assert_false(more.failed);
	text_copy(world->more, sizeof(world->more), buf_text(&more));
	world_configure(world, "\"a.example\"", "");
}

static void refuse(struct world *world, enum ca_endpoint endpoint, int status, const char *retry_after, const char *body, int times)
{
	struct ca_fault fault = {
		.action = CA_ANSWER,
		.endpoint = endpoint,
		.times = times,
		.status = status,
		.content_type = "application/problem+json",
	};

	text_copy(fault.retry_after, sizeof(fault.retry_after), retry_after);
	text_copy(fault.body, sizeof(fault.body), body);
	ca_add_fault(world->ca, &fault);
}

static void run(struct world *world)
{
	int status = world_run(world);

	if (!WIFEXITED(status) || !world->last->done || world->last->result != 0)
		fail_msg("run %u: %d: %s", world->runs, status, world->last->error.message);
}

static void assert_result(const struct world *world, size_t i, enum job_result result)
{
	if (world->last->results[i] != result)
		fail_msg("run %u, certificate %zu: %s, expected %s: %s", world->runs, i, job_result_name(world->last->results[i]),
		         job_result_name(result), world->last->error.message);
}

/* Whatever is tried, nobody is asked. */
static void assert_silence(struct world *world, size_t from)
{
	const size_t asked = world->ca->requests;
	const struct job_options options = world->options;

	for (int i = 0; i < 4; i++) {
		world->options.named = i == 1;
		world->options.force = options.force || i == 2;
		world->options.dry_run = i == 3;
		run(world);
		for (size_t k = from; k < world->last->count; k++) {
			assert_result(world, k, JOB_BLOCKED);
			/* An unattended run may be held back by the backoff alone. */
			assert_true(i == 0 || world->last->kinds[k] == ERROR_LATER);
			assert_true(world->last->retry_at[k] > world->ca->wall_at_ms / 1000);
		}
	}
	world->options = options;
	assert_int_equal(world->ca->requests, asked);
}

static void test_about_the_account(void **state)
{
	struct world *world = *state;

	configure(world, 3, "");
	refuse(world, CA_NEW_ORDER, 429, "7200", PROBLEM("too many new orders (300) from this account in the last 3h0m0s"), 1);
	run(world);
	assert_result(world, 0, JOB_FAILED);
	assert_result(world, 1, JOB_BLOCKED);
	assert_result(world, 2, JOB_BLOCKED);
	assert_int_equal(world->ca->asked[CA_NEW_ORDER], 1);
	assert_silence(world, 0);
	assert_non_null(strstr(world->last->error.message, "too many new orders"));
	ca_pass_time(world->ca, 7200 - MINUTE_S);
	assert_silence(world, 0);
	ca_pass_time(world->ca, 2 * MINUTE_S);
	run(world);
	for (size_t i = 0; i < 3; i++)
		assert_result(world, i, JOB_ISSUED);
}

/* The schedule of the others stays as it was. */
static void test_about_names(void **state)
{
	struct world *world = *state;

	configure(world, 2, "");
	refuse(world, CA_NEW_ORDER, 429, "7200", PROBLEM("too many certificates (5) already issued for this exact set of identifiers"), 1);
	run(world);
	assert_result(world, 0, JOB_FAILED);
	assert_result(world, 1, JOB_ISSUED);
	world->options.force = true;
	run(world);
	assert_result(world, 0, JOB_BLOCKED);
	assert_result(world, 1, JOB_ISSUED);
	world->options.force = false;
	/* Other names are another matter. */
	world_configure(world, "\"a.example\", \"www.a.example\"", "");
	run(world);
	assert_result(world, 0, JOB_ISSUED);
}

static void test_about_nobody_knows_whom(void **state)
{
	struct world *world = *state;

	configure(world, 4, "");
	refuse(world, CA_NEW_ORDER, 429, "7200", PROBLEM("slow down"), -1);
	run(world);
	assert_result(world, 0, JOB_FAILED);
	assert_result(world, 1, JOB_FAILED);
	assert_result(world, 2, JOB_BLOCKED);
	assert_result(world, 3, JOB_BLOCKED);
	assert_int_equal(world->ca->asked[CA_NEW_ORDER], 2);
	assert_silence(world, 0);
}

static void test_new_account(void **state)
{
	struct world *world = *state;

	configure(world, 2, "");
	refuse(world, CA_NEW_ACCOUNT, 429, "10800", PROBLEM("too many new registrations (10) from this IP address"), 1);
	run(world);
	assert_result(world, 0, JOB_FAILED);
	assert_result(world, 1, JOB_BLOCKED);
	assert_silence(world, 0);
	assert_int_equal(world->ca->asked[CA_NEW_ACCOUNT], 1);
	ca_pass_time(world->ca, 10800 + MINUTE_S);
	run(world);
	assert_result(world, 0, JOB_ISSUED);
	assert_result(world, 1, JOB_ISSUED);
}

/* 503 on newOrder: for everybody. On the directory: nothing at all is asked. */
static void test_not_available(void **state)
{
	struct world *world = *state;

	configure(world, 2, "");
	refuse(world, CA_NEW_ORDER, 503, "3600", "<html>busy</html>", 1);
	run(world);
	assert_result(world, 0, JOB_FAILED);
	assert_result(world, 1, JOB_BLOCKED);
	assert_silence(world, 0);
	ca_pass_time(world->ca, HOUR_S + MINUTE_S);
	run(world);
	assert_result(world, 1, JOB_ISSUED);
	world->options.force = true;
	refuse(world, CA_DIRECTORY, 503, "3600", "", 1);
	run(world);
	assert_result(world, 0, JOB_FAILED);
	assert_result(world, 1, JOB_BLOCKED);
	assert_silence(world, 0);
}

/* A 500 says nothing of others, whatever time comes with it. */
static void test_a_failure_of_one(void **state)
{
	struct world *world = *state;

	configure(world, 2, "");
	refuse(world, CA_FINALIZE, 500, "3600", "{\"type\":\"urn:ietf:params:acme:error:serverInternal\"}", 1);
	run(world);
	assert_result(world, 0, JOB_FAILED);
	assert_result(world, 1, JOB_ISSUED);
	ca_pass_time(world->ca, HOUR_S + MINUTE_S);
	run(world);
	assert_result(world, 0, JOB_ISSUED);
	assert_int_equal(world->ca->order_count, 2);
}

static void test_renewal_information(void **state)
{
	struct world *world = *state;
	size_t asked;

	configure(world, 1, "");
	world->ca->without_renewal_info = false;
	text_copy(world->ca->renewal_retry_after, sizeof(world->ca->renewal_retry_after), "3600");
	run(world);
	assert_result(world, 0, JOB_ISSUED);
	ca_pass_time(world->ca, 2 * HOUR_S);
	refuse(world, CA_RENEWAL_INFO, 429, "14400", PROBLEM("too often"), 1);
	run(world);
	asked = world->ca->asked[CA_RENEWAL_INFO];
	ca_pass_time(world->ca, 2 * HOUR_S);
	/* Not even for what is new; but a certificate is not held back by it. */
	configure(world, 2, "");
	run(world);
	assert_result(world, 1, JOB_ISSUED);
	assert_int_equal(world->ca->asked[CA_RENEWAL_INFO], asked);
	ca_pass_time(world->ca, 2 * HOUR_S + MINUTE_S);
	run(world);
	assert_int_equal(world->ca->asked[CA_RENEWAL_INFO], asked + 2);
}

static void test_paused(void **state)
{
	struct world *world = *state;
	size_t asked;

	configure(world, 2, "");
	refuse(world, CA_NEW_ORDER, 429, "",
	       PROBLEM("Your account is temporarily prevented from requesting certificates for a.example and possibly others. Please visit: "
	               "https://portal.example/unpause?jwt=a.b.c."),
	       1);
	run(world);
	assert_result(world, 0, JOB_FAILED);
	assert_int_equal(world->last->kinds[0], ERROR_REFUSED);
	assert_string_equal(world->last->error.url, "https://portal.example/unpause?jwt=a.b.c");
	assert_result(world, 1, JOB_ISSUED); /* which is not paused */
	asked = world->ca->asked[CA_NEW_ORDER];
	for (int hour = 0; hour < 6 * 24; hour += 7) {
		run(world);
		assert_result(world, 0, JOB_BLOCKED);
		assert_int_equal(world->last->kinds[0], ERROR_REFUSED);
		assert_non_null(strstr(world->last->error.advice, "https://portal.example/unpause?jwt=a.b.c"));
		ca_pass_time(world->ca, 7 * HOUR_S);
	}
	assert_int_equal(world->ca->asked[CA_NEW_ORDER], asked);
	/* Somebody acted, and says so. */
	world->options.named = true;
	run(world);
	assert_result(world, 0, JOB_ISSUED);
	world->options.named = false;
	world->options.force = true;
	run(world);
	assert_result(world, 0, JOB_ISSUED);
}

/* A dozen are due, and the CA takes five in three hours: no more in any such time, nobody is forgotten, and it is told when it goes on. */
static void test_a_storm(void **state)
{
	struct world *world = *state;
	size_t orders = 0;

	configure(world, STORM, "orders-per-account = \"5/3h\"");
	run(world);
	assert_int_equal(world->ca->order_count, 5);
	assert_result(world, STORM - 1, JOB_BLOCKED);
	assert_silence(world, 5);
	for (int hour = 0; hour < 7; hour++) {
		ca_pass_time(world->ca, HOUR_S);
		orders = world->ca->order_count;
		run(world);
		assert_true(world->ca->order_count - orders <= 5);
		assert_true(world->ca->order_count <= (size_t)(5 * (hour / 3 + 2)));
	}
	assert_int_equal(ca_issued(world->ca), STORM);
	assert_int_equal(world->ca->order_count, STORM);
}

static void test_the_same_names_again(void **state)
{
	struct world *world = *state;

	configure(world, 1, "certificates-per-names = \"3/7d\"");
	world->options.force = true;
	for (int i = 0; i < 3; i++) {
		run(world);
		assert_result(world, 0, JOB_ISSUED);
		ca_pass_time(world->ca, HOUR_S);
	}
	assert_silence(world, 0);
	assert_non_null(strstr(world->last->error.advice, "--force does not"));
	ca_pass_time(world->ca, 7 * (int64_t)DAY_S - 2 * HOUR_S);
	run(world);
	assert_result(world, 0, JOB_ISSUED);
}

/* A pair of certificates spends two: the first one alone would be of no use. */
static void test_a_pair_spends_two(void **state)
{
	struct world *world = *state;

	configure(world, 1, "certificates-per-names = \"3/7d\"");
	world_configure(world, "\"a.example\"", "key = { \"ecdsa-p256\", \"rsa-2048\" }");
	run(world);
	assert_result(world, 0, JOB_ISSUED);
	assert_int_equal(world->ca->order_count, 2);
	world->options.force = true;
	assert_silence(world, 0);
	world_configure(world, "\"a.example\"", "");
	run(world);
	assert_result(world, 0, JOB_ISSUED);
	assert_silence(world, 0);
}

/* Failures are counted by name: what fails for one certificate is known to fail for another. */
static void test_validations_that_fail(void **state)
{
	struct world *world = *state;

	configure(world, 1, "failures-per-name = \"2/1h\"");
	world_configure(world, "\"a.example\", \"www.a.example\"", "");
	ca_fail(world->ca, "www.a.example", "dns", "NXDOMAIN", -1);
	world->options.named = true;
	for (int i = 0; i < 2; i++) {
		run(world);
		assert_result(world, 0, JOB_FAILED);
		ca_pass_time(world->ca, MINUTE_S);
	}
	assert_silence(world, 0);
	assert_non_null(strstr(world->last->error.message, "www.a.example"));
	world_configure(world, "\"a.example\"", "");
	run(world);
	assert_result(world, 0, JOB_ISSUED);
}

/* What renews within its window does not count where the CA says so. */
static void test_renewals_are_exempt(void **state)
{
	struct world *world = *state;

	world->ca->without_renewal_info = false;
	configure(world, 1, "orders-per-account = \"1/31d\"\n certificates-per-names = \"1/31d\"\n renewals-exempt = true");
	world->ca->lifetime_s = 10 * DAY_S;
	for (int i = 0; i < 4; i++) {
		run(world);
		assert_result(world, 0, JOB_ISSUED);
		assert_true(i == 0 || world->last->reason == PLAN_ARI);
		ca_pass_time(world->ca, world->last->renew_at - world->ca->wall_at_ms / 1000);
	}
	ca_pass_time(world->ca, DAY_S);
	world->options.force = true;
	run(world);
	assert_result(world, 0, JOB_BLOCKED);
}

/* The memory of a CA that cannot be read costs that memory, and no certificate. */
static void test_damage(void **state)
{
	CLEANUP(strv_done) struct strv files = STRV(8);
	struct world *world = *state;
	char path[256];
	struct error err;
	int fd = -1;
	FILE *file;

	configure(world, 1, "");
	refuse(world, CA_NEW_ORDER, 503, "3600", "", 1);
	run(world);
	run(world);
	assert_result(world, 0, JOB_BLOCKED);
	snprintf(path, sizeof(path), "%s/state/cas", world->path);
	assert_int_equal(file_open_dir(path, &fd, &err), 0);
	assert_int_equal(file_list(fd, &files, &err), 0);
	clean_fd(&fd);
	assert_int_equal(files.count, 1);
	snprintf(path, sizeof(path), "%s/state/cas/%s", world->path, files.items[0]);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs("{\"version\":1,", file) >= 0);
	assert_int_equal(fclose(file), 0);
	world->options.force = true;
	run(world);
	assert_result(world, 0, JOB_ISSUED);
}

/* Nothing is decided by a clock that cannot be right: nobody is asked, nothing is counted, and it goes on when the clock is set. */
static void assert_no_decision(struct world *world, const char *words)
{
	const size_t orders = world->ca->order_count;

	assert_true(WIFEXITED(world_run(world)));
	assert_true(world->last->done);
	assert_int_equal(world->last->result, -1);
	assert_int_equal(world->last->error.kind, ERROR_CLOCK);
	assert_non_null(strstr(world->last->error.message, words));
	assert_int_equal(world->ca->order_count, orders);
}

static void test_a_clock_that_went_back(void **state)
{
	struct world *world = *state;
	size_t asked;

	configure(world, 2, "");
	world->built_at = world->ca->wall_at_ms / 1000 - DAY_S;
	run(world);
	assert_result(world, 1, JOB_ISSUED);
	asked = world->ca->requests;
	ca_pass_time(world->ca, -3 * (int64_t)DAY_S);
	assert_no_decision(world, "certd was built later");
	world->built_at = 0;
	assert_no_decision(world, "as a CA's clock said too");
	ca_pass_time(world->ca, -56 * 365 * (int64_t)DAY_S); /* about 1970 */
	assert_no_decision(world, "as a CA's clock said too");
	assert_int_equal(world->ca->requests, asked);
	ca_pass_time(world->ca, 56 * 365 * (int64_t)DAY_S + 3 * (int64_t)DAY_S);
	run(world);
	assert_result(world, 0, JOB_NOT_DUE);
}

/* Ten years ahead, so that all seem to have ended long since: no order, and no memory of it. */
static void test_a_clock_that_is_ahead(void **state)
{
	struct world *world = *state;
	const int64_t ten_years_s = 3650 * (int64_t)DAY_S;
	size_t asked;

	configure(world, 3, "");
	run(world);
	assert_result(world, 2, JOB_ISSUED);
	ca_pass_time(world->ca, ten_years_s);
	world->ca->date_offset_s = -ten_years_s;
	asked = world->ca->requests;
	for (int i = 0; i < 3; i++) {
		world->options.named = i == 1;
		world->options.force = i == 2;
		assert_no_decision(world, "the clock of this machine says 2036");
	}
	/* The directory, and a nonce to be sure: of one CA, not for each certificate. */
	assert_int_equal(world->ca->requests, asked + (size_t)(3 * 2));
	world->options.named = world->options.force = false;
	ca_pass_time(world->ca, -ten_years_s);
	world->ca->date_offset_s = 0;
	run(world);
	for (size_t i = 0; i < 3; i++)
		assert_result(world, i, JOB_NOT_DUE);
}

/* A little is nothing; and a CA alone cannot say what time it is when we know nothing of it yet: a day is let pass. */
static void test_a_clock_that_is_a_little_off(void **state)
{
	struct world *world = *state;

	configure(world, 1, "");
	world->ca->date_offset_s = 23 * HOUR_S;
	run(world);
	assert_result(world, 0, JOB_ISSUED);
	world->ca->date_offset_s = 0;
	run(world);
	assert_result(world, 0, JOB_NOT_DUE);
}

int main(void)
{
#define STORY(function) cmocka_unit_test_setup_teardown(function, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		STORY(test_about_the_account),
		STORY(test_about_names),
		STORY(test_about_nobody_knows_whom),
		STORY(test_new_account),
		STORY(test_not_available),
		STORY(test_a_failure_of_one),
		STORY(test_renewal_information),
		STORY(test_paused),
		STORY(test_a_storm),
		STORY(test_the_same_names_again),
		STORY(test_a_pair_spends_two),
		STORY(test_validations_that_fail),
		STORY(test_renewals_are_exempt),
		STORY(test_damage),
		STORY(test_a_clock_that_went_back),
		STORY(test_a_clock_that_is_ahead),
		STORY(test_a_clock_that_is_a_little_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
