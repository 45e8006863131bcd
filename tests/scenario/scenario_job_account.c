/* scenario_job_account.c: an account that gets another key, contact, end; cut off at every request that it makes, before the CA acted
 * upon it and after, and with each answer lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "world.h"

#include "base/clean.h"
#include "base/text.h"

static const struct job_account_wish rollover = { .verb = JOB_ACCOUNT_ROLLOVER };

/* A world with an account, before a change of its key. */
static struct world *begin(void)
{
	struct world *world;
	void *state;

	assert_int_equal(world_setup(&state), 0);
	world = state;
	world_must(world, JOB_ISSUED);
	assert_true(world_account_fits(world, 0));
	world->options.force = true;
	world->options.named = true;
	return world;
}

static void end(struct world *world)
{
	void *state = world;

	assert_int_equal(world_teardown(&state), 0);
}

static int run_account(struct world *world, const struct job_account_wish *wish)
{
	world->account = wish;
	assert_true(WIFEXITED(world_run(world)));
	world->account = NULL;
	assert_true(world->last->done);
	return world->last->result;
}

/* Whatever happened to the key: the next run orders with the one that the CA knows. */
static void must_go_on(struct world *world, const char *what, unsigned int request)
{
	size_t orders = world->ca->order_count;

	world_must(world, JOB_ISSUED);
	if (!world_account_fits(world, 0) || world->ca->account_count != 1 || world->ca->order_count != orders + 1)
		fail_msg("%s request %u: %zu accounts, %zu orders", what, request, world->ca->account_count,
		         world->ca->order_count - orders);
}

static size_t count_requests(void)
{
	struct world *world = begin();
	size_t requests = world->ca->requests;

	assert_int_equal(run_account(world, &rollover), 0);
	requests = world->ca->requests - requests;
	end(world);
	return requests;
}

static void test_another_key(void **state)
{
	struct world *world = begin();
	char before[2048];

	(void)state;
	text_copy(before, sizeof(before), world->ca->accounts[0].jwk);
	assert_int_equal(run_account(world, &rollover), 0);
	assert_false(text_equal(before, world->ca->accounts[0].jwk));
	assert_true(world_account_fits(world, 0));
	assert_int_equal(world->ca->asked[CA_NEW_ACCOUNT], 1); /* nothing had to be probed */
	must_go_on(world, "without a fault", 0);
	end(world);
}

static void test_killed_at_each_request(void **state)
{
	static const enum ca_action actions[] = { CA_KILL_BEFORE, CA_KILL_AFTER };
	size_t requests = count_requests();

	(void)state;
	assert_true(requests >= 3);
	for (unsigned int i = 0; i < 2 * requests; i++) {
		struct world *world = begin();

		world->account = &rollover;
		world_run_killed(world, actions[i % 2], i / 2);
		world->account = NULL;
		must_go_on(world, i % 2 == 0 ? "killed before" : "killed after", i / 2);
		end(world);
	}
}

static void test_each_answer_lost(void **state)
{
	size_t requests = count_requests();

	(void)state;
	for (unsigned int i = 0; i < requests; i++) {
		const struct ca_fault lost = { .action = CA_LOSE, .endpoint = CA_ANY, .skip = i };
		struct world *world = begin();

		ca_add_fault(world->ca, &lost);
		/* None of it is a reason to fail: what became of the change can be asked. */
		assert_int_equal(run_account(world, &rollover), 0);
		assert_true(world_account_fits(world, 0));
		must_go_on(world, "lost answer of", i);
		end(world);
	}
}

/* The change did not come to pass: the old key stays, and the next one is gone. */
static void test_the_ca_says_no(void **state)
{
	static const struct ca_fault faults[] = {
		{ .action = CA_ANSWER, .endpoint = CA_KEY_CHANGE, .status = 500, .body = "{}", .content_type = "application/json" },
		{ .action = CA_ANSWER, .endpoint = CA_KEY_CHANGE, .status = 403, .content_type = "application/problem+json",
		  .body = "{\"type\":\"urn:ietf:params:acme:error:unauthorized\",\"detail\":\"not today\"}" },
		{ .action = CA_BREAK, .endpoint = CA_KEY_CHANGE },
		{ .action = CA_SET, .endpoint = CA_DIRECTORY, .path = "keyChange" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		struct world *world = begin();
		char before[2048];

		text_copy(before, sizeof(before), world->ca->accounts[0].jwk);
		ca_add_fault(world->ca, &faults[i]);
		assert_int_equal(run_account(world, &rollover), -1);
		assert_true(text_equal(before, world->ca->accounts[0].jwk));
		assert_true(world_account_fits(world, 0));
		must_go_on(world, "refused", (unsigned int)i);
		end(world);
	}
}

/* As long as the CA cannot be asked, both keys are kept, and nothing is ordered with the wrong one. */
static void test_a_ca_that_is_away(void **state)
{
	const struct ca_fault lost = { .action = CA_LOSE, .endpoint = CA_KEY_CHANGE };
	const struct ca_fault away = { .action = CA_BREAK, .endpoint = CA_NEW_ACCOUNT, .times = -1 };
	struct world *world = begin();

	(void)state;
	ca_add_fault(world->ca, &lost);
	ca_add_fault(world->ca, &away);
	assert_int_equal(run_account(world, &rollover), -1);
	assert_non_null(strstr(world->last->error.advice, "nothing is lost"));
	assert_false(world_account_fits(world, 0));
	world_must(world, JOB_FAILED);
	assert_int_equal(world->last->error.kind, ERROR_NETWORK);
	assert_int_equal(world->ca->order_count, 1);
	ca_clear_faults(world->ca);
	must_go_on(world, "away", 0);
	end(world);
}

static void test_another_contact(void **state)
{
	static const struct job_account_wish update = { .verb = JOB_ACCOUNT_UPDATE, .contact = "new@a.example" };
	struct world *world = begin();

	(void)state;
	assert_int_equal(run_account(world, &update), 0);
	assert_string_equal(world->ca->accounts[0].contact, "mailto:new@a.example");
	world_configure(world, "\"a.example\", \"www.a.example\"", "email = \"new@a.example\"");
	must_go_on(world, "another contact", 0);
	end(world);
}

static void test_the_end(void **state)
{
	static const struct job_account_wish deactivate = { .verb = JOB_ACCOUNT_DEACTIVATE };
	struct world *world = begin();

	(void)state;
	assert_int_equal(run_account(world, &deactivate), 0);
	assert_int_equal(world->ca->accounts[0].status, CA_DEACTIVATED);
	/* Its end was asked for, so the next order is another account's. */
	world_must(world, JOB_ISSUED);
	assert_int_equal(world->ca->account_count, 2);
	assert_true(world_account_fits(world, 1));
	end(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_another_key),
		cmocka_unit_test(test_killed_at_each_request),
		cmocka_unit_test(test_each_answer_lost),
		cmocka_unit_test(test_the_ca_says_no),
		cmocka_unit_test(test_a_ca_that_is_away),
		cmocka_unit_test(test_another_contact),
		cmocka_unit_test(test_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
