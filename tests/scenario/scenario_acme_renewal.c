/* scenario_acme_renewal.c: what a CA suggests for renewals (RFC 9773), asked for and obeyed by the conversation alone. */
#include "client.h"

#include "acme/renewal.h"
#include "base/text.h"
#include "crypto/cert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MANY = 120 };

struct scene {
	struct ca *ca;
	struct client *client;
	char id[128];
};

static int setup(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	scene->ca = ca_new_shared();
	scene->ca->verify_signatures = true;
	scene->client = client_new(scene->ca, "a.example www.a.example");
	assert_int_equal(client_issue(scene->client), 0);
	text_copy(scene->id, sizeof(scene->id), scene->ca->orders[0].id);
	assert_true(scene->id[0] != '\0');
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	client_free(scene->client);
	ca_free_shared(scene->ca);
	free(scene);
	return 0;
}

static void ask(struct scene *scene, struct acme_renewal *items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		items[i] = (struct acme_renewal){ .id = scene->id };
	assert_int_equal(acme_renewal_ask(scene->client->session, items, count, &scene->client->err), 0);
	assert_int_equal(scene->ca->violation_count, 0);
}

static void test_a_window(void **state)
{
	struct scene *scene = *state;
	struct acme_renewal item;

	scene->ca->renewal_start_at = 1800000000;
	scene->ca->renewal_end_at = 1800086400;
	text_copy(scene->ca->renewal_explanation, sizeof(scene->ca->renewal_explanation), "https://ca.example/why");
	ask(scene, &item, 1);
	assert_int_equal(item.answer, ACME_RENEWAL_WINDOW);
	assert_int_equal(item.start_at, 1800000000);
	assert_int_equal(item.end_at, 1800086400);
	assert_string_equal(item.explanation_url, "https://ca.example/why");
	assert_true(item.retry_at > clock_wall(&scene->client->clock) + 21000);
}

/* Side by side: as many flights as there are batches, no nonce, no signature, and the directory that is known already. */
static void test_many_at_once(void **state)
{
	static struct acme_renewal items[MANY];
	struct scene *scene = *state;
	size_t flights = scene->ca->flights, requests = scene->ca->requests;
	unsigned int signs = scene->client->signs;

	ask(scene, items, MANY);
	assert_int_equal(scene->ca->requests - requests, MANY);
	assert_int_equal(scene->ca->flights - flights, (MANY + ACME_RENEWAL_BATCH - 1) / ACME_RENEWAL_BATCH);
	assert_int_equal(scene->client->signs, signs);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(items[i].answer, ACME_RENEWAL_WINDOW);
}

static void test_answers_that_are_none(void **state)
{
	static const struct {
		enum ca_action action;
		int status;
		const char *retry_after;
		const char *body;
		enum acme_renewal_answer answer;
		bool all; /* whether the second batch is asked all the same */
	} rows[] = {
		{ CA_BREAK, 0, "", "", ACME_RENEWAL_TEMPORARY, false },
		{ CA_REFUSE, 0, "", "", ACME_RENEWAL_LASTING, false },
		{ CA_ANSWER, 500, "", "", ACME_RENEWAL_TEMPORARY, true },
		{ CA_ANSWER, 503, "7200", "", ACME_RENEWAL_TEMPORARY, false },
		{ CA_ANSWER, 429, "7200", "{\"type\":\"urn:ietf:params:acme:error:rateLimited\"}", ACME_RENEWAL_TEMPORARY, false },
		{ CA_ANSWER, 404, "", "", ACME_RENEWAL_LASTING, true },
		{ CA_ANSWER, 302, "", "", ACME_RENEWAL_LASTING, true },
		{ CA_ANSWER, 200, "", "", ACME_RENEWAL_LASTING, true },
		{ CA_ANSWER, 200, "", "<html>", ACME_RENEWAL_LASTING, true },
		{ CA_ANSWER, 200, "", "{\"suggestedWindow\":{\"start\":\"2027-01-01T00:00:00Z\"}}", ACME_RENEWAL_LASTING, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		static struct acme_renewal items[ACME_RENEWAL_BATCH + 1];
		struct ca_fault fault = { .action = rows[i].action, .endpoint = CA_RENEWAL_INFO, .times = -1,
			                  .status = rows[i].status };
		void *made;
		struct scene *scene;
		size_t asked;

		assert_int_equal(setup(&made), 0);
		scene = made;
		text_copy(fault.retry_after, sizeof(fault.retry_after), rows[i].retry_after);
		text_copy(fault.body, sizeof(fault.body), rows[i].body);
		ca_add_fault(scene->ca, &fault);
		asked = scene->ca->asked[CA_RENEWAL_INFO];
		ask(scene, items, ACME_RENEWAL_BATCH + 1);
		for (size_t k = 0; k <= ACME_RENEWAL_BATCH; k++) {
			assert_int_equal(items[k].answer, rows[i].answer);
			assert_true(items[k].reason[0] != '\0');
			assert_int_equal(items[k].retry_at != 0, rows[i].retry_after[0] != '\0');
		}
		assert_int_equal(scene->ca->asked[CA_RENEWAL_INFO] - asked, ACME_RENEWAL_BATCH + (rows[i].all ? 1 : 0));
		assert_int_equal(teardown(&made), 0);
	}
}

/* Where the directory cannot be had either: a port where nobody listens is an answer for all, what breaks may pass. */
static void test_no_directory(void **state)
{
	struct scene *scene = *state;
	struct ca_fault fault = { .action = CA_REFUSE, .endpoint = CA_ANY, .times = -1 };
	struct acme_renewal items[3];

	client_restart(scene->client);
	ca_add_fault(scene->ca, &fault);
	ask(scene, items, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(items[i].answer, ACME_RENEWAL_LASTING);
		assert_non_null(strstr(items[i].reason, "refused"));
	}
	ca_clear_faults(scene->ca);
	fault.action = CA_BREAK;
	ca_add_fault(scene->ca, &fault);
	assert_int_equal(acme_renewal_ask(scene->client->session, items, 3, &scene->client->err), -1);
	assert_int_equal(scene->client->err.kind, ERROR_NETWORK);
}

static void test_a_ca_without(void **state)
{
	struct scene *scene = *state;
	struct acme_renewal item;

	scene->ca->without_renewal_info = true;
	client_restart(scene->client);
	ask(scene, &item, 1);
	assert_int_equal(item.answer, ACME_RENEWAL_UNSUPPORTED);
	assert_int_equal(scene->ca->asked[CA_RENEWAL_INFO], 0);
	/* Nor is such a CA told of a predecessor. */
	scene->client->replaces = scene->id;
	assert_int_equal(client_issue(scene->client), 0);
	assert_string_equal(scene->ca->orders[1].replaces, "");
}

static void test_the_order_names_its_predecessor(void **state)
{
	struct scene *scene = *state;

	scene->client->replaces = scene->id;
	assert_int_equal(client_issue(scene->client), 0);
	assert_string_equal(scene->ca->orders[1].replaces, scene->id);
	assert_int_equal(scene->ca->asked[CA_NEW_ORDER], 2);
}

/* Whatever the reason: once more without. */
static void test_a_predecessor_that_is_refused(void **state)
{
	static const struct {
		int status;
		const char *type;
	} rows[] = { { 409, "alreadyReplaced" }, { 409, "malformed" }, { 403, "unauthorized" },
		     { 404, "malformed" },       { 400, "malformed" }, { 500, "serverInternal" } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ca_fault fault = { .action = CA_ANSWER, .endpoint = CA_NEW_ORDER, .status = rows[i].status,
			                  .times = rows[i].status == 500 ? 3 : 1, .content_type = "application/problem+json" };
		void *made;
		struct scene *scene;

		assert_int_equal(setup(&made), 0);
		scene = made;
		snprintf(fault.body, sizeof(fault.body), "{\"type\":\"urn:ietf:params:acme:error:%s\",\"detail\":\"no\"}",
		         rows[i].type);
		ca_add_fault(scene->ca, &fault);
		scene->client->replaces = scene->id;
		if (client_issue(scene->client) != 0)
			fail_msg("%s: %s", rows[i].type, scene->client->err.message);
		assert_int_equal(scene->ca->order_count, 2);
		assert_string_equal(scene->ca->orders[1].replaces, "");
		assert_int_equal(teardown(&made), 0);
	}
}

/* A limit is no refusal of the predecessor: asking again would only be counted; a second refusal is the last. */
static void test_what_is_not_tried_again(void **state)
{
	const struct ca_fault limited = { .action = CA_ANSWER, .endpoint = CA_NEW_ORDER, .status = 429, .times = -1,
		                          .retry_after = "7200",
		                          .body = "{\"type\":\"urn:ietf:params:acme:error:rateLimited\",\"detail\":\"no\"}" };
	const struct ca_fault refused = { .action = CA_ANSWER, .endpoint = CA_NEW_ORDER, .status = 400, .times = -1,
		                          .body = "{\"type\":\"urn:ietf:params:acme:error:rejectedIdentifier\",\"detail\":\"no\"}" };
	struct scene *scene = *state;
	size_t asked = scene->ca->asked[CA_NEW_ORDER];

	scene->client->replaces = scene->id;
	ca_add_fault(scene->ca, &limited);
	assert_int_equal(client_issue(scene->client), -1);
	assert_int_equal(scene->client->err.kind, ERROR_LATER);
	assert_int_equal(scene->ca->asked[CA_NEW_ORDER] - asked, 1);
	ca_clear_faults(scene->ca);
	ca_pass_time(scene->ca, 8000);
	ca_add_fault(scene->ca, &refused);
	assert_int_equal(client_issue(scene->client), -1);
	assert_int_equal(scene->client->err.kind, ERROR_REFUSED);
	assert_int_equal(scene->ca->asked[CA_NEW_ORDER] - asked, 3);
}

int main(void)
{
#define SCENE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		SCENE(test_a_window),
		SCENE(test_many_at_once),
		SCENE(test_no_directory),
		cmocka_unit_test(test_answers_that_are_none),
		SCENE(test_a_ca_without),
		SCENE(test_the_order_names_its_predecessor),
		cmocka_unit_test(test_a_predecessor_that_is_refused),
		SCENE(test_what_is_not_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
