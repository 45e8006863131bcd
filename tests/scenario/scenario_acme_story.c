/* scenario_acme_story.c: the conversation with a CA that behaves, or that fails as honest CAs do. */
#include "client.h"

#include "base/text.h"

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
};

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	world->ca = ca_new_shared();
	world->ca->verify_signatures = true;
	world->client = client_new(world->ca, "a.example www.a.example");
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	if (world->ca->violation_count > 0)
		fprintf(stderr, "violation: %s\n", world->ca->violations[0]);
	client_free(world->client);
	ca_free_shared(world->ca);
	free(world);
	return 0;
}

static void must_issue(struct world *world)
{
	if (client_issue(world->client) != 0)
		fail_msg("not issued: %s", world->client->err.message);
	assert_true(strstr(buf_text(&world->client->pem), "-----BEGIN CERTIFICATE-----") != NULL);
	assert_true(client_is_clean(world->client));
	assert_int_equal(world->ca->violation_count, 0);
}

static void must_fail(struct world *world, enum error_kind kind, const char *words)
{
	assert_int_equal(client_issue(world->client), -1);
	if (world->client->err.kind != kind || strstr(world->client->err.message, words) == NULL)
		fail_msg("kind %s: %s", error_kind_name(world->client->err.kind), world->client->err.message);
	assert_true(client_is_clean(world->client));
	assert_int_equal(world->client->pem.len, 0);
}

static void test_first(void **state)
{
	struct world *world = *state;

	must_issue(world);
	assert_string_equal(world->client->kid, "https://ca.example/account/0");
	assert_int_equal(world->client->proof_count, 2);
	assert_int_equal(ca_issued(world->ca), 1);
}

/* A known account and two names: 11 requests, one of them for a nonce. */
static void test_minimum(void **state)
{
	struct world *world = *state;
	size_t polls;

	client_know(world->client);
	must_issue(world);
	polls = world->ca->asked[CA_ORDER];
	assert_int_equal(polls, 2);
	assert_int_equal(world->ca->requests, 11);
	assert_int_equal(world->ca->asked[CA_NEW_NONCE], 1);
	assert_int_equal(world->ca->asked[CA_FINALIZE], 1);
	/* Connecting takes two round trips; the polls lie within the CA's own time. */
	assert_true(world->ca->flights - polls + 2 <= 11);
}

/* Ten names take no round trip more than one does; the nonces come along with other requests. */
static void test_ten_names(void **state)
{
	struct world *world = *state;
	char names[256] = "";
	size_t len = 0, flights;

	for (int i = 0; i < 10; i++)
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%sn%d.example", i > 0 ? " " : "", i);
	client_free(world->client);
	world->client = client_new(world->ca, "one.example");
	client_know(world->client);
	must_issue(world);
	flights = world->ca->flights;
	client_free(world->client);
	world->client = client_new(world->ca, names);
	client_know(world->client);
	must_issue(world);
	assert_int_equal(world->client->proof_count, 10);
	assert_int_equal(world->ca->flights, flights);
	assert_int_equal(world->ca->asked[CA_NEW_NONCE], 10);
}

static void test_many_names(void **state)
{
	struct world *world = *state;
	char names[4096] = "";
	size_t len = 0;

	for (int i = 0; i < 100; i++)
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%sn%d.example", i > 0 ? " " : "", i);
	client_free(world->client);
	world->client = client_new(world->ca, names);
	client_know(world->client);
	must_issue(world);
	assert_int_equal(world->client->proof_count, 100);
	assert_true(world->ca->flights < 40);
}

/* A second certificate in the same session needs neither directory nor nonce. */
static void test_second_in_session(void **state)
{
	struct world *world = *state;

	must_issue(world);
	world->ca->requests = 0;
	memset(world->ca->asked, 0, sizeof(world->ca->asked));
	must_issue(world);
	assert_int_equal(world->ca->requests, 9);
	assert_int_equal(world->ca->asked[CA_DIRECTORY] + world->ca->asked[CA_NEW_NONCE] + world->ca->asked[CA_NEW_ACCOUNT],
	                 0);
	/* After a day the directory is asked for again, and old nonces are not used. */
	ca_pass_time(world->ca, 25 * 3600);
	must_issue(world);
	assert_int_equal(world->ca->asked[CA_DIRECTORY], 1);
	assert_int_equal(world->ca->asked[CA_NEW_NONCE], 1);
}

static void test_wildcard_and_ip(void **state)
{
	struct world *world = *state;

	client_free(world->client);
	world->client = client_new(world->ca, "*.a.example a.example");
	world->client->challenges[0] = "dns-01";
	must_issue(world);
	assert_int_equal(world->client->proof_count, 2);
	assert_string_equal(world->client->proofs[0].type, "dns-01");
	client_free(world->client);
	world->client = client_new(world->ca, "192.0.2.1 2001:db8::1");
	must_issue(world);
	assert_int_equal(world->client->proof_count, 2);
}

static void test_valid_before(void **state)
{
	struct world *world = *state;

	world->ca->reuse_authorizations = true;
	client_know(world->client);
	must_issue(world);
	assert_int_equal(world->client->proof_count, 0);
	assert_int_equal(world->ca->asked[CA_AUTHORIZATION] + world->ca->asked[CA_CHALLENGE], 0);
	assert_int_equal(world->ca->requests, 6);
}

/* One of the two authorizations is valid already, the order is pending. */
static void test_half_valid(void **state)
{
	struct world *world = *state;
	struct client *other = client_new(world->ca, "a.example");

	world->ca->reuse_authorizations = true;
	assert_int_equal(client_issue(other), 0);
	client_share_account(world->client, other);
	must_issue(world);
	assert_int_equal(world->client->proof_count, 1);
	assert_string_equal(world->client->proofs[0].value, "www.a.example");
	client_free(other);
}

static void test_signed_at_once(void **state)
{
	struct world *world = *state;

	world->ca->issuance_ms = 0;
	client_know(world->client);
	must_issue(world);
	assert_int_equal(world->ca->requests, 10);
}

static void test_processing_long(void **state)
{
	struct world *world = *state;
	int64_t began_ms = world->ca->monotonic_ms;

	world->ca->issuance_ms = 120000;
	world->ca->retry_after_s = 30;
	must_issue(world);
	assert_in_range(world->ca->asked[CA_ORDER], 4, 6);
	assert_in_range(world->ca->monotonic_ms - began_ms, 120000, 160000);
	world->ca->retry_after_date = true;
	must_issue(world);
	assert_in_range(world->ca->asked[CA_ORDER], 8, 12);
	/* Without a hint: more often at first, then every five seconds. */
	world->ca->retry_after_s = 0;
	memset(world->ca->asked, 0, sizeof(world->ca->asked));
	must_issue(world);
	assert_in_range(world->ca->asked[CA_ORDER], 25, 40);
}

/* Longer than the attempt may take: the order is kept, and the next run fetches the certificate without a new one. */
static void test_processing_too_long(void **state)
{
	struct world *world = *state;

	world->ca->issuance_ms = 15 * 60 * 1000;
	must_fail(world, ERROR_NETWORK, "not done within 10 min");
	assert_string_equal(world->client->order_url, "https://ca.example/order/0");
	assert_int_equal(world->client->csrs, 1);
	ca_pass_time(world->ca, 600);
	client_restart(world->client);
	must_issue(world);
	assert_int_equal(world->ca->asked[CA_NEW_ORDER], 1);
	assert_int_equal(world->ca->asked[CA_FINALIZE], 1);
	assert_int_equal(world->client->csrs, 1);
}

static void test_validation_too_long(void **state)
{
	struct world *world = *state;

	world->ca->validation_ms = 11 * 60 * 1000;
	must_fail(world, ERROR_NETWORK, "validation at ca.example: not done within 10 min");
	assert_string_equal(world->client->order_url, "https://ca.example/order/0");
	assert_true(world->ca->asked[CA_ORDER] < 200);
	/* The second run finds the challenges being processed, publishes again, and does not announce them twice. */
	world->ca->asked[CA_CHALLENGE] = 0;
	client_restart(world->client);
	must_issue(world);
	assert_int_equal(world->client->proof_count, 4);
	assert_int_equal(world->ca->asked[CA_CHALLENGE], 0);
	assert_int_equal(world->ca->asked[CA_NEW_ORDER], 1);
}

static void fault(struct world *world, enum ca_endpoint endpoint, enum ca_action action, int times, int status,
                  const char *retry_after, const char *body)
{
	struct ca_fault f = { .action = action, .endpoint = endpoint, .times = times, .status = status };

	text_copy(f.retry_after, sizeof(f.retry_after), retry_after);
	text_copy(f.body, sizeof(f.body), body);
	if (body[0] == '{')
		text_copy(f.content_type, sizeof(f.content_type), "application/problem+json");
	ca_add_fault(world->ca, &f);
}

static void test_bad_nonce_once(void **state)
{
	struct world *world = *state;

	for (enum ca_endpoint e = CA_NEW_ACCOUNT; e <= CA_CERTIFICATE; e++)
		fault(world, e, CA_BAD_NONCE, 1, 0, "", "");
	must_issue(world);
	assert_int_equal(world->ca->asked[CA_NEW_NONCE], 1);
	assert_int_equal(world->ca->asked[CA_FINALIZE], 2);
}

static void test_bad_nonce_half(void **state)
{
	struct world *world = *state;

	world->ca->nonce_reject_percent = 50;
	for (int i = 0; i < 20; i++) {
		world->ca->rng += (uint64_t)i;
		must_issue(world);
	}
	assert_int_equal(ca_issued(world->ca), 20);
}

static void test_bad_nonce_always(void **state)
{
	struct world *world = *state;

	client_know(world->client);
	world->ca->nonce_reject_percent = 100;
	must_fail(world, ERROR_NETWORK, "badNonce");
	assert_int_equal(world->ca->asked[CA_NEW_ORDER], 10);
}

/* The error of a badNonce brings no nonce: another one is asked for. */
static void test_bad_nonce_without_nonce(void **state)
{
	struct world *world = *state;
	struct ca_fault f = { .action = CA_BAD_NONCE, .endpoint = CA_NEW_ORDER, .times = 3, .no_nonce = true };

	ca_add_fault(world->ca, &f);
	must_issue(world);
	assert_int_equal(world->ca->asked[CA_NEW_NONCE], 4);
}

#define LIMITED "{\"type\":\"urn:ietf:params:acme:error:rateLimited\",\"detail\":\"too many certificates\"}"

static void test_rate_limited(void **state)
{
	struct world *world = *state;
	int64_t now_at = world->ca->wall_at_ms / 1000;

	client_know(world->client);
	fault(world, CA_NEW_ORDER, CA_ANSWER, 1, 429, "7200", LIMITED);
	must_fail(world, ERROR_LATER, "too many certificates");
	assert_in_range(world->client->err.retry_at, now_at + 7200, now_at + 7210);
	assert_int_equal(world->client->err.http_status, 429);
	assert_string_equal(world->client->err.problem, LIMITED);
	assert_int_equal(world->ca->asked[CA_NEW_ORDER], 1);
	/* Without a time: in an hour. */
	ca_clear_faults(world->ca);
	fault(world, CA_NEW_ORDER, CA_ANSWER, 1, 429, "", LIMITED);
	must_fail(world, ERROR_LATER, "newOrder at ca.example");
	assert_in_range(world->client->err.retry_at, now_at + 3600, now_at + 3620);
	/* A time that no one can mean. */
	ca_clear_faults(world->ca);
	fault(world, CA_NEW_ORDER, CA_ANSWER, 1, 429, "1000000000", LIMITED);
	must_fail(world, ERROR_LATER, "newOrder at ca.example");
	assert_in_range(world->client->err.retry_at, now_at + 86400, now_at + 86430);
	/* One that is short is waited for, within the run. */
	ca_clear_faults(world->ca);
	world->ca->asked[CA_NEW_ORDER] = 0;
	now_at = world->ca->wall_at_ms / 1000;
	fault(world, CA_NEW_ORDER, CA_ANSWER, 1, 429, "90", LIMITED);
	must_issue(world);
	assert_int_equal(world->ca->asked[CA_NEW_ORDER], 2);
	assert_true(world->ca->wall_at_ms / 1000 >= now_at + 90);
}

static void test_paused(void **state)
{
	struct world *world = *state;

	fault(world, CA_NEW_ORDER, CA_ANSWER, -1, 429, "",
	      "{\"type\":\"urn:ietf:params:acme:error:rateLimited\",\"detail\":\"Your account is temporarily prevented from "
	      "requesting certificates for a.example and possibly others. Please visit: https://ca.example/unpause?jwt=abc.\"}");
	must_fail(world, ERROR_REFUSED, "paused");
	assert_non_null(strstr(world->client->err.advice, "visit https://ca.example/unpause?jwt=abc and"));
}

/* While the account cannot be had before a time, further certificates of the session do not ask again. */
static void test_account_limited(void **state)
{
	struct world *world = *state;

	fault(world, CA_NEW_ACCOUNT, CA_ANSWER, -1, 429, "3600", LIMITED);
	must_fail(world, ERROR_LATER, "newAccount");
	must_fail(world, ERROR_LATER, "newAccount");
	assert_int_equal(world->ca->asked[CA_NEW_ACCOUNT], 1);
	ca_clear_faults(world->ca);
	ca_pass_time(world->ca, 3600);
	must_issue(world);
}

/* Each step survives one failure of the server's and one broken connection, and no order or finalize is doubled. */
static void test_transient(void **state)
{
	static const int statuses[] = { 500, 502, 503, 504 };
	struct world *world = *state;

	for (enum ca_endpoint e = CA_DIRECTORY; e <= CA_CERTIFICATE; e++) {
		for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
			ca_clear_faults(world->ca);
			fault(world, e, CA_ANSWER, 1, statuses[i], i == 2 ? "5" : "", i == 1 ? "<html>bad gateway</html>" : "");
			client_restart(world->client);
			must_issue(world);
		}
		ca_clear_faults(world->ca);
		fault(world, e, CA_BREAK, 1, 0, "", "");
		client_restart(world->client);
		must_issue(world);
		ca_clear_faults(world->ca);
		fault(world, e, CA_LOSE, 1, 0, "", "");
		client_restart(world->client);
		must_issue(world);
	}
}

static void test_down_for_long(void **state)
{
	struct world *world = *state;

	client_know(world->client);
	for (enum ca_endpoint e = CA_DIRECTORY; e <= CA_CERTIFICATE; e++) {
		if (e == CA_NEW_ACCOUNT || e == CA_ACCOUNT)
			continue;
		for (int i = 0; i < 3; i++) {
			ca_clear_faults(world->ca);
			fault(world, e, i < 2 ? CA_ANSWER : CA_BREAK, -1, i == 0 ? 502 : 503, i == 1 ? "86400" : "",
			      i == 0 ? "<html>bad gateway</html>" : "");
			world->client->order_url[0] = '\0';
			client_restart(world->client);
			must_fail(world, i == 1 ? ERROR_LATER : ERROR_NETWORK,
			          i == 0 ? "HTTP 502" : i == 1 ? "HTTP 503" : "the connection broke");
			/* What was begun is kept. */
			assert_int_equal(world->client->order_url[0] != '\0', e > CA_NEW_ORDER);
		}
	}
	ca_clear_faults(world->ca);
	client_restart(world->client);
	must_issue(world);
}

/* The answer to finalize is lost: what became of it, the order tells. */
static void test_finalize_lost(void **state)
{
	struct world *world = *state;

	fault(world, CA_FINALIZE, CA_LOSE, 1, 0, "", "");
	must_issue(world);
	assert_int_equal(world->ca->asked[CA_FINALIZE], 1);
	assert_int_equal(ca_issued(world->ca), 1);
	/* It never arrived: the order still says ready. */
	ca_clear_faults(world->ca);
	fault(world, CA_FINALIZE, CA_BREAK, 1, 0, "", "");
	must_issue(world);
	assert_int_equal(world->ca->asked[CA_FINALIZE], 3);
	assert_int_equal(world->client->csrs, 2);
}

/* All is lost from finalize on: the next run finds the certificate by the order that was kept. */
static void test_partition(void **state)
{
	struct world *world = *state;

	fault(world, CA_FINALIZE, CA_LOSE, 1, 0, "", "");
	fault(world, CA_ORDER, CA_BREAK, -1, 0, "", "");
	/* The order is first polled for the validation, so let that pass. */
	world->ca->faults[1].skip = 1;
	must_fail(world, ERROR_NETWORK, "the connection broke");
	assert_string_equal(world->client->order_url, "https://ca.example/order/0");
	ca_clear_faults(world->ca);
	client_restart(world->client);
	must_issue(world);
	assert_int_equal(ca_issued(world->ca), 1);
	assert_int_equal(world->ca->asked[CA_NEW_ORDER], 1);
}

static void test_names_fail(void **state)
{
	struct world *world = *state;

	ca_fail(world->ca, "a.example", "dns", "no A record for a.example", 1);
	ca_fail(world->ca, "www.a.example", "connection", "192.0.2.1: connection refused", 1);
	must_fail(world, ERROR_REFUSED, "the CA could not validate 2 of 2 names");
	assert_non_null(strstr(world->client->err.message, "a.example (dns: no A record for a.example)"));
	assert_non_null(strstr(world->client->err.message, "www.a.example (connection: 192.0.2.1: connection refused)"));
	assert_non_null(strstr(world->client->err.problem, "compound"));
	assert_true(world->client->err.advice[0] != '\0');
	assert_string_equal(world->client->order_url, "");
	must_issue(world);
	ca_fail(world->ca, "a.example", "caa", "CAA record forbids", 1);
	must_fail(world, ERROR_REFUSED, "1 of 2 names: a.example (caa: CAA record forbids)");
	assert_non_null(strstr(world->client->err.problem, "\"value\":\"a.example\""));
	assert_non_null(strstr(world->client->err.advice, "CAA"));
}

static void test_many_names_fail(void **state)
{
	struct world *world = *state;
	char names[8192] = "", last[32];
	size_t len = 0;

	for (int i = 0; i < 16; i++) {
		char value[128];

		snprintf(value, sizeof(value), "%0100d.n%d.example", i, i);
		memmove(value + 40, value + 80, strlen(value + 80) + 1);
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", i > 0 ? " " : "", value);
		ca_fail(world->ca, value, "unauthorized",
		        "Invalid response from http://somewhere.example/.well-known/acme-challenge/abcdefghijklmnopqrstuvwxyz: "
		        "404 and a long text that goes on and on and on and on and on",
		        1);
	}
	client_free(world->client);
	world->client = client_new(world->ca, names);
	must_fail(world, ERROR_REFUSED, "16 of 16 names");
	for (int i = 0; i < 16; i++) {
		snprintf(last, sizeof(last), ".n%d.example (unauthorized", i);
		assert_non_null(strstr(world->client->err.message, last));
	}
}

/* A CA that leaves the order pending although a name has failed. */
static void test_order_stays_pending(void **state)
{
	struct world *world = *state;
	int64_t began_ms = world->ca->monotonic_ms;
	struct ca_fault f = { .action = CA_SET, .endpoint = CA_ORDER, .times = -1, .path = "status", .body = "\"pending\"" };

	ca_add_fault(world->ca, &f);
	ca_fail(world->ca, "a.example", "dns", "NXDOMAIN", -1);
	must_fail(world, ERROR_REFUSED, "a.example (dns: NXDOMAIN)");
	assert_true(world->ca->monotonic_ms - began_ms < 60000);
}

/* The certificate is refused after all names were proven: the order itself says why. */
static void test_order_fails_late(void **state)
{
	struct world *world = *state;
	struct ca_fault f = { .action = CA_BODY, .endpoint = CA_ORDER, .times = -1, .skip = 1 };

	text_copy(f.body, sizeof(f.body),
	          "{\"status\":\"invalid\",\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.example\"},{\"type\":\"dns\",\"value\":"
	          "\"www.a.example\"}],\"authorizations\":[\"https://ca.example/authorization/0\"],\"finalize\":"
	          "\"https://ca.example/finalize/0\",\"error\":{\"type\":\"urn:ietf:params:acme:error:caa\",\"detail\":\"rechecking "
	          "CAA\",\"subproblems\":[{\"type\":\"urn:ietf:params:acme:error:caa\",\"detail\":\"forbidden\",\"identifier\":"
	          "{\"type\":\"dns\",\"value\":\"www.a.example\"}}]}}");
	ca_add_fault(world->ca, &f);
	must_fail(world, ERROR_REFUSED, "caa: rechecking CAA: www.a.example (caa): forbidden");
	assert_string_equal(world->client->order_url, "");
	assert_int_equal(world->ca->asked[CA_AUTHORIZATION], 2);
}

static void test_publishing_fails(void **state)
{
	struct world *world = *state;

	/* The CA names them the other way round: one is published before the other fails. */
	world->client->fail_present = "a.example";
	must_fail(world, ERROR_SYSTEM, "no space for the proof");
	assert_int_equal(world->client->proof_count, 1);
	assert_int_equal(world->ca->asked[CA_CHALLENGE], 0);
	assert_string_equal(world->client->order_url, "https://ca.example/order/0");
	world->client->fail_present = NULL;
	must_issue(world);
	assert_int_equal(world->ca->asked[CA_NEW_ORDER], 1);
}

static void test_declined(void **state)
{
	struct world *world = *state;

	world->client->challenges[0] = "tls-alpn-01";
	world->client->challenges[1] = "http-01";
	world->client->decline = "tls-alpn-01";
	must_issue(world);
	assert_string_equal(world->client->proofs[0].type, "http-01");
	world->client->challenges[1] = NULL;
	must_fail(world, ERROR_REFUSED, "cannot be published here");
	world->client->challenges[0] = "dns-account-01";
	must_fail(world, ERROR_REFUSED, "the CA offers dns-persist-01, dns-01, tls-alpn-01, http-01; to be used is dns-account-01");
}

static void test_terms(void **state)
{
	struct world *world = *state;

	text_copy(world->ca->terms_of_service, sizeof(world->ca->terms_of_service), "https://ca.example/terms/v1");
	world->client->config.agree_tos = false;
	client_restart(world->client);
	must_fail(world, ERROR_REFUSED, "https://ca.example/terms/v1");
	assert_non_null(strstr(world->client->err.advice, "--agree-tos"));
	assert_int_equal(world->ca->asked[CA_NEW_ACCOUNT], 0);
	world->client->config.agree_tos = true;
	client_restart(world->client);
	must_issue(world);
}

static void test_binding(void **state)
{
	struct world *world = *state;

	world->ca->external_account_required = true;
	must_fail(world, ERROR_REFUSED, "externalAccountRequired");
	assert_non_null(strstr(world->client->err.advice, "--eab-kid"));
	assert_int_equal(world->ca->asked[CA_NEW_ACCOUNT], 0);
	world->client->config.binding = true;
	client_restart(world->client);
	must_issue(world);
	assert_true(world->ca->accounts[0].bound);
}

static void test_profile(void **state)
{
	struct world *world = *state;

	world->client->profile = "tlsserver";
	world->client->require_profile = true;
	must_fail(world, ERROR_REFUSED, "does not offer the profile");
	text_copy(world->ca->profiles[0], sizeof(world->ca->profiles[0]), "classic");
	client_restart(world->client);
	must_fail(world, ERROR_REFUSED, "does not offer the profile \"tlsserver\"");
	assert_non_null(strstr(world->client->err.advice, "(classic)"));
	text_copy(world->ca->profiles[1], sizeof(world->ca->profiles[1]), "tlsserver");
	client_restart(world->client);
	must_issue(world);
	assert_string_equal(world->ca->orders[0].profile, "tlsserver");
	assert_string_equal(acme_session_warning(world->client->session), "");
}

/* One that is only preferred is done without, with a warning. */
static void test_profile_preferred(void **state)
{
	struct world *world = *state;

	world->client->profile = "tlsserver";
	text_copy(world->ca->profiles[0], sizeof(world->ca->profiles[0]), "classic");
	must_issue(world);
	assert_string_equal(world->ca->orders[0].profile, "");
	assert_non_null(strstr(acme_session_warning(world->client->session), "tlsserver"));
	assert_non_null(strstr(acme_session_warning(world->client->session), "(classic)"));
}

/* The CA has forgotten the account: registered anew, once, with the same key. */
static void test_account_lost(void **state)
{
	struct world *world = *state;

	client_know(world->client);
	world->ca->accounts[0].used = false;
	must_issue(world);
	assert_int_equal(world->ca->asked[CA_NEW_ACCOUNT], 1);
	assert_string_equal(world->client->kid, "https://ca.example/account/1");
	/* Never twice in a session. */
	world->ca->accounts[1].used = false;
	must_fail(world, ERROR_REFUSED, "accountDoesNotExist");
	assert_int_equal(world->ca->asked[CA_NEW_ACCOUNT], 1);
	/* Again, with an order that was kept: the order is gone with the account. */
	client_restart(world->client);
	text_copy(world->client->order_url, sizeof(world->client->order_url), "https://ca.example/order/0");
	must_issue(world);
	assert_int_equal(world->ca->asked[CA_NEW_ACCOUNT], 2);
}

static void test_account_deactivated(void **state)
{
	struct world *world = *state;

	client_know(world->client);
	world->ca->accounts[0].status = CA_DEACTIVATED;
	must_fail(world, ERROR_REFUSED, "deactivated");
	assert_int_equal(world->ca->asked[CA_NEW_ACCOUNT], 0);
}

/* An order that was kept and is of no use any more. */
static void test_resume_stale(void **state)
{
	static const char *const urls[] = { "https://ca.example/order/99", "https://ca.example/order/0",
		                            "http://ca.example/order/0", "https://169.254.169.254/order/0" };
	struct world *world = *state;

	client_know(world->client);
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		size_t before = ca_issued(world->ca);

		/* The known one is for other names. */
		if (i == 1) {
			client_free(world->client);
			world->client = client_new(world->ca, "b.example");
			client_know(world->client);
			before = ca_issued(world->ca);
		}
		text_copy(world->client->order_url, sizeof(world->client->order_url), urls[i]);
		must_issue(world);
		assert_int_equal(ca_issued(world->ca), before + 1);
	}
	/* Expired, by the CA's own word. */
	world->ca->validation_ms = 20 * 60 * 1000;
	must_fail(world, ERROR_NETWORK, "not done");
	assert_true(world->client->order_url[0] != '\0');
	world->ca->validation_ms = 40;
	ca_pass_time(world->ca, 8 * 24 * 3600);
	client_restart(world->client);
	must_issue(world);
}

/* Killed before and after each request in turn, and started anew: one certificate comes out, nothing is ordered or signed twice that the
 * notary was told of. */
static void test_killed_everywhere(void **state)
{
	struct world *world = *state;
	unsigned int skip = 0;
	bool killed = true;

	while (killed) {
		killed = false;
		for (int after = 0; after < 2; after++) {
			struct ca_fault f = { .action = after ? CA_KILL_AFTER : CA_KILL_BEFORE, .skip = skip };
			size_t before = ca_issued(world->ca), orders = world->ca->order_count;
			int r;

			ca_clear_faults(world->ca);
			ca_add_fault(world->ca, &f);
			r = client_issue_apart(world->client);
			killed = killed || r == 1;
			if (r == 1)
				r = client_issue_apart(world->client);
			assert_int_equal(r, 0);
			assert_int_equal(ca_issued(world->ca), before + 1);
			/* An order is lost only when the process died before it learned of it. */
			assert_in_range(world->ca->order_count, orders + 1, orders + 2);
			assert_int_equal(world->ca->violation_count, 0);
		}
		skip++;
	}
	assert_in_range(skip, 11, 14);
	assert_int_equal(world->ca->account_count, 1);
}

/* The order that was kept is alive, but one of its authorizations is not: a new order. */
static void test_resume_authorization_gone(void **state)
{
	struct world *world = *state;
	struct ca_fault f = { .action = CA_BREAK, .endpoint = CA_AUTHORIZATION, .times = -1 };
	struct ca_fault gone = { .action = CA_ANSWER, .endpoint = CA_AUTHORIZATION, .status = 404, .times = 2 };

	ca_add_fault(world->ca, &f);
	must_fail(world, ERROR_NETWORK, "the connection broke");
	ca_clear_faults(world->ca);
	ca_add_fault(world->ca, &gone);
	client_restart(world->client);
	must_issue(world);
	assert_int_equal(world->ca->asked[CA_NEW_ORDER], 2);
}

static void test_contact(void **state)
{
	struct world *world = *state;

	world->client->config.contact = "mailto:admin@a.example";
	client_restart(world->client);
	must_issue(world);
	assert_string_equal(world->ca->accounts[0].contact, "mailto:admin@a.example");
}

/* Even with names so long that not all fit, the message says how many there are. */
static void test_hundred_names_fail(void **state)
{
	struct world *world = *state;
	char names[100 * 240] = "";
	size_t len = 0;

	world->ca->validation = CA_VALIDATE_WEBROOT;
	text_copy(world->ca->webroot, sizeof(world->ca->webroot), "/nonexistent");
	for (int i = 0; i < 100; i++)
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%060d.%060d.%060d.example", i > 0 ? " " : "", i, i, i);
	client_free(world->client);
	world->client = client_new(world->ca, names);
	must_fail(world, ERROR_REFUSED, "the CA could not validate 100 of 100 names: ");
	assert_non_null(strstr(world->client->err.message, " more"));
	assert_non_null(strstr(world->client->err.advice, "/.well-known/acme-challenge/"));
}

static void test_validation_limited(void **state)
{
	struct world *world = *state;

	ca_fail(world->ca, "a.example", "rateLimited", "too many failed validations", 1);
	must_fail(world, ERROR_LATER, "a.example (rateLimited: too many failed validations)");
	assert_true(world->client->err.retry_at > world->ca->wall_at_ms / 1000);
	/* What an operator must mend outweighs it. */
	ca_fail(world->ca, "a.example", "rateLimited", "too many failed validations", 1);
	ca_fail(world->ca, "www.a.example", "dns", "NXDOMAIN", 1);
	must_fail(world, ERROR_REFUSED, "2 of 2 names");
}

static void test_no_nonce(void **state)
{
	struct world *world = *state;
	struct ca_fault f = { .action = CA_HEAD, .times = -1, .no_nonce = true };

	ca_add_fault(world->ca, &f);
	must_fail(world, ERROR_PROTOCOL, "no usable Replay-Nonce");
}

static void test_chain_too_long(void **state)
{
	struct world *world = *state;

	world->client->pem.max = 1000;
	must_fail(world, ERROR_PROTOCOL, "longer than the 1000 accepted");
	/* It may be ours to mend, so the order is kept. */
	assert_string_equal(world->client->order_url, "https://ca.example/order/0");
}

/* A CA that leaves an authorization pending when its challenge failed is not waited for until the end of the attempt. */
static void test_a_failure_that_stays_pending(void **state)
{
	struct world *world = *state;
	int64_t began_ms;

	world->ca->stalls = true;
	ca_fail(world->ca, "www.a.example", "connection", "nobody answers there", -1);
	began_ms = world->ca->monotonic_ms;
	must_fail(world, ERROR_REFUSED, "www.a.example (connection: nobody answers there)");
	assert_true(world->ca->monotonic_ms - began_ms < 60 * 1000);
	assert_string_equal(world->client->order_url, "");
	/* And what is stalled from before does not stand in the way of a new try. */
	ca_fail(world->ca, "www.a.example", "connection", "", 0);
	memset(world->ca->failures, 0, sizeof(world->ca->failures));
	must_issue(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define STORY(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
		STORY(first),
		STORY(minimum),
		STORY(ten_names),
		STORY(many_names),
		STORY(second_in_session),
		STORY(wildcard_and_ip),
		STORY(valid_before),
		STORY(half_valid),
		STORY(signed_at_once),
		STORY(processing_long),
		STORY(processing_too_long),
		STORY(validation_too_long),
		STORY(bad_nonce_once),
		STORY(bad_nonce_half),
		STORY(bad_nonce_always),
		STORY(bad_nonce_without_nonce),
		STORY(rate_limited),
		STORY(paused),
		STORY(account_limited),
		STORY(transient),
		STORY(down_for_long),
		STORY(finalize_lost),
		STORY(partition),
		STORY(names_fail),
		STORY(many_names_fail),
		STORY(order_stays_pending),
		STORY(a_failure_that_stays_pending),
		STORY(order_fails_late),
		STORY(publishing_fails),
		STORY(declined),
		STORY(terms),
		STORY(binding),
		STORY(profile),
		STORY(profile_preferred),
		STORY(account_lost),
		STORY(account_deactivated),
		STORY(resume_stale),
		STORY(killed_everywhere),
		STORY(resume_authorization_gone),
		STORY(contact),
		STORY(hundred_names_fail),
		STORY(validation_limited),
		STORY(no_nonce),
		STORY(chain_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
