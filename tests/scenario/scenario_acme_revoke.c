/* scenario_acme_revoke.c: the revocation of a certificate, by whom the CA lets do it. */
#include "client.h"

#include "acme/revoke.h"
#include "base/base64.h"
#include "base/clean.h"
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
	struct buf certificate; /* base64url */
};

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	CLEANUP(cert_chain_cleanup) struct cert_chain *chain = NULL;
	CLEANUP(buf_done) struct buf der = BUF(8192);
	struct error err;

	world->ca = ca_new_shared();
	world->ca->verify_signatures = true;
	world->client = client_new(world->ca, "a.example");
	world->certificate = BUF(16384);
	client_know(world->client);
	*state = world;
	return cert_chain_parse(world->client->pem.data, world->client->pem.len, &chain, &err) ||
	       cert_chain_der(chain, 0, &der, &err) || base64url_encode(der.data, der.len, &world->certificate);
}

static int teardown(void **state)
{
	struct world *world = *state;

	client_free(world->client);
	buf_done(&world->certificate);
	ca_unshare(world->ca, sizeof(*world->ca));
	free(world);
	return 0;
}

static int revoke(struct world *world, int reason, bool key, bool key_first)
{
	const struct acme_revocation revocation = { .certificate = buf_text(&world->certificate), .reason = reason,
		                                    .certificate_key = key, .certificate_key_first = key_first };

	error_clear(&world->client->err);
	return acme_revoke(world->client->session, &revocation, &world->client->err);
}

static void test_by_the_account(void **state)
{
	struct world *world = *state;

	assert_int_equal(revoke(world, 4, true, false), 0);
	assert_true(world->ca->orders[0].revoked);
	assert_int_equal(world->ca->orders[0].revoked_reason, 4);
	assert_false(world->ca->orders[0].revoked_by_key);
	assert_int_equal(world->ca->requests, 3); /* directory, nonce, revokeCert */
	assert_int_equal(revoke(world, 4, true, false), ACME_REVOKED_BEFORE);
	assert_int_equal(world->ca->violation_count, 0);
}

static void test_by_the_certificates_key(void **state)
{
	struct world *world = *state;

	assert_int_equal(revoke(world, 1, true, true), 0);
	assert_true(world->ca->orders[0].revoked_by_key);
}

/* Of another account, or of none: the certificate's key is tried then; and no account is registered for it. */
static void test_by_the_other_where_the_one_may_not(void **state)
{
	struct world *world = *state;
	struct client *other = client_new(world->ca, "b.example");

	client_know(other);
	client_share_account(world->client, other);
	assert_int_equal(revoke(world, 0, false, false), -1);
	assert_int_equal(world->client->err.kind, ERROR_REFUSED);
	assert_non_null(strstr(world->client->err.message, "who are you?"));
	assert_int_equal(revoke(world, 0, true, false), 0);
	assert_true(world->ca->orders[0].revoked_by_key);
	world->ca->orders[0].revoked = false;
	world->client->kid[0] = '\0';
	client_restart(world->client);
	assert_int_equal(revoke(world, 0, false, false), -1);
	assert_int_equal(revoke(world, 0, true, false), 0);
	assert_int_equal(world->ca->asked[CA_NEW_ACCOUNT], 0);
	client_free(other);
}

static void test_refusals(void **state)
{
	struct world *world = *state;

	assert_int_equal(revoke(world, 7, true, false), -1);
	assert_non_null(strstr(world->client->err.message, "badRevocationReason"));
	assert_int_equal(world->ca->asked[CA_REVOKE], 1); /* another key would not help */
	ca_add_fault(world->ca, &(struct ca_fault){ .action = CA_LOSE, .endpoint = CA_REVOKE });
	/* Done, and the answer lost: asked again, it was revoked before. */
	assert_int_equal(revoke(world, 0, true, false), ACME_REVOKED_BEFORE);
}

static void test_a_ca_that_does_not(void **state)
{
	struct world *world = *state;

	ca_add_fault(world->ca, &(struct ca_fault){ .action = CA_SET, .endpoint = CA_DIRECTORY, .path = "revokeCert" });
	assert_int_equal(revoke(world, 0, true, false), -1);
	assert_int_equal(world->client->err.kind, ERROR_REFUSED);
	assert_non_null(strstr(world->client->err.message, "no revokeCert"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_by_the_account, setup, teardown),
		cmocka_unit_test_setup_teardown(test_by_the_certificates_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_by_the_other_where_the_one_may_not, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_ca_that_does_not, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
