/* scenario_acme_chain.c: which of the chains that the CA offers is taken; and that none of it ever costs the certificate. */
#include "client.h"

#include "base/clean.h"
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

struct world {
	struct ca *ca;
	struct client *client;
	char root[CERT_FINGERPRINT_SIZE]; /* is in the alternates only */
};

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	world->ca = ca_new_shared();
	world->ca->verify_signatures = true;
	world->ca->alternates = 2;
	world->client = client_new(world->ca, "a.example");
	client_know(world->client);
	cert_fingerprint(world->ca->root_der, world->ca->root_der_len, world->root);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	client_free(world->client);
	ca_unshare(world->ca, sizeof(*world->ca));
	free(world);
	return 0;
}

/* How many certificates the chain has; asked is how many requests for certificates there were. */
static size_t issue(struct world *world, const char *preferred, size_t *ret_asked)
{
	CLEANUP(cert_chain_cleanup) struct cert_chain *chain = NULL;
	struct error err;
	size_t before = world->ca->asked[CA_CERTIFICATE];

	world->client->preferred_chain = preferred;
	if (client_issue(world->client) != 0)
		fail_msg("not issued: %s", world->client->err.message);
	*ret_asked = world->ca->asked[CA_CERTIFICATE] - before;
	assert_int_equal(cert_chain_parse(world->client->pem.data, world->client->pem.len, &chain, &err), 0);
	assert_int_equal(world->ca->violation_count, 0);
	return cert_chain_count(chain);
}

static void test_without_a_wish_nothing_more_is_asked(void **state)
{
	struct world *world = *state;
	size_t asked;

	assert_int_equal(issue(world, NULL, &asked), 2);
	assert_int_equal(asked, 1);
	/* Nor where the default ends where it shall. */
	assert_int_equal(issue(world, "scripted root", &asked), 2);
	assert_int_equal(asked, 1);
}

static void test_an_alternate_is_taken(void **state)
{
	struct world *world = *state;
	size_t asked;

	assert_int_equal(issue(world, world->root, &asked), 3);
	assert_int_equal(asked, 3);
}

static void test_what_is_not_offered(void **state)
{
	struct world *world = *state;
	size_t asked;

	assert_int_equal(issue(world, "Nobody's Root", &asked), 2);
	assert_int_equal(asked, 3);
	/* The default is as good as an alternate that is no better. */
	assert_int_equal(issue(world, "Scripted Intermediate", &asked), 2);
	world->ca->alternates = 0;
	assert_int_equal(issue(world, world->root, &asked), 2);
	assert_int_equal(asked, 1);
}

static void test_alternates_that_fail(void **state)
{
	static const struct ca_fault faults[] = {
		{ .action = CA_ANSWER, .endpoint = CA_CERTIFICATE, .skip = 1, .times = -1, .status = 500 },
		{ .action = CA_ANSWER, .endpoint = CA_CERTIFICATE, .skip = 1, .times = -1, .status = 404 },
		{ .action = CA_ANSWER, .endpoint = CA_CERTIFICATE, .skip = 1, .times = -1, .status = 429, .retry_after = "86400" },
		{ .action = CA_BREAK, .endpoint = CA_CERTIFICATE, .skip = 1, .times = -1 },
		{ .action = CA_BODY, .endpoint = CA_CERTIFICATE, .skip = 1, .times = -1, .body = "<html>" },
		{ .action = CA_BODY, .endpoint = CA_CERTIFICATE, .skip = 1, .times = -1, .body = "" },
	};
	struct world *world = *state;
	size_t asked;

	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		ca_clear_faults(world->ca);
		ca_add_fault(world->ca, &faults[i]);
		assert_int_equal(issue(world, world->root, &asked), 2);
	}
	/* One of both is enough. */
	ca_clear_faults(world->ca);
	ca_add_fault(world->ca, &(struct ca_fault){ .action = CA_ANSWER, .endpoint = CA_CERTIFICATE, .skip = 1, .status = 404 });
	assert_int_equal(issue(world, world->root, &asked), 3);
}

/* One that is for another leaf, or whose certificates do not certify each other, is no alternate. */
static void test_an_alternate_that_is_none(void **state)
{
	struct world *world = *state;
	char root_pem[4096];
	struct ca_fault fault = { .action = CA_BODY, .endpoint = CA_CERTIFICATE, .skip = 1, .times = -1 };
	size_t asked;

	ca_root_pem(world->ca, root_pem, sizeof(root_pem));
	/* The leaf of another order, before the same root. */
	assert_true((size_t)snprintf(fault.body, sizeof(fault.body), "%s%s", world->ca->orders[0].leaf_pem, root_pem) <
	            sizeof(fault.body));
	ca_add_fault(world->ca, &fault);
	assert_int_equal(issue(world, world->root, &asked), 2);
	ca_clear_faults(world->ca);
	text_copy(fault.body, sizeof(fault.body), root_pem);
	ca_add_fault(world->ca, &fault);
	assert_int_equal(issue(world, world->root, &asked), 2);
}

static void test_a_ca_that_offers_without_end(void **state)
{
	struct world *world = *state;
	size_t asked;

	world->ca->alternates = 60;
	assert_int_equal(issue(world, "Nobody's Root", &asked), 2);
	assert_int_equal(asked, 1 + 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_without_a_wish_nothing_more_is_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_alternate_is_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_not_offered, setup, teardown),
		cmocka_unit_test_setup_teardown(test_alternates_that_fail, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_alternate_that_is_none, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_ca_that_offers_without_end, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
