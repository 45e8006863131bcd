/* scenario_acme_hostile.c: a CA that breaks the protocol or attacks. Each row changes one thing in what an honest CA answers. */
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

enum what_then {
	NOTHING_SHOWN, /* no proof was published, no order is kept */
	NOT_ISSUED, /* proofs were taken back, no certificate came out */
	ISSUED,
};

struct row {
	const char *name;
	enum ca_endpoint endpoint;
	const char *path; /* the member that is changed */
	const char *value; /* JSON; "" takes it out */
	enum what_then then;
	enum error_kind kind;
	const char *words; /* in the message */
};

static char huge[4000];

#define TOKEN(name, value, words) { name, CA_AUTHORIZATION, "challenges.3.token", value, NOTHING_SHOWN, ERROR_PROTOCOL, words }
#define URL_ROW(name, value) { name, CA_DIRECTORY, "newOrder", value, NOTHING_SHOWN, ERROR_PROTOCOL, "the directory: .newOrder" }

static const struct row rows[] = {
	/* CA-01 to CA-06: tokens */
	TOKEN("CA-01", "\"../../../../tmp/x\"", "challenges[3]: .token"),
	TOKEN("CA-02 slash", "\"a/b\"", ".token"),
	TOKEN("CA-02 absolute", "\"/etc/passwd\"", ".token"),
	TOKEN("CA-02 dot", "\".\"", ".token"),
	TOKEN("CA-02 dots", "\"..\"", ".token"),
	TOKEN("CA-03 empty", "\"\"", ".token"),
	TOKEN("CA-03 missing", "", ".token"),
	TOKEN("CA-03 null", "null", ".token"),
	TOKEN("CA-03 number", "7", ".token"),
	TOKEN("CA-03 array", "[\"abc\"]", ".token"),
	TOKEN("CA-03 object", "{\"a\":\"b\"}", ".token"),
	TOKEN("CA-04 semicolon", "\"a;id\"", ".token"),
	TOKEN("CA-04 pipe", "\"a|id\"", ".token"),
	TOKEN("CA-04 backquote", "\"a`id`\"", ".token"),
	TOKEN("CA-04 dollar", "\"$(id)\"", ".token"),
	TOKEN("CA-04 ampersand", "\"a&b\"", ".token"),
	TOKEN("CA-04 hash", "\"a#b\"", ".token"),
	TOKEN("CA-04 space", "\"a b\"", ".token"),
	TOKEN("CA-04 quote", "\"a\\\"b\"", ".token"),
	TOKEN("CA-04 newline", "\"a\\nb\"", ".token"),
	TOKEN("CA-05 non-ASCII", "\"\\u00e9\"", ".token"),
	TOKEN("CA-05 percent", "\"%2e%2e\"", ".token"),
	TOKEN("CA-05 padding", "\"abcd==\"", ".token"),
	TOKEN("CA-06 4 KiB", huge, ".token"),

	/* CA-17: each required field missing */
	{ "CA-17 newNonce", CA_DIRECTORY, "newNonce", "", NOTHING_SHOWN, ERROR_PROTOCOL, "newNonce" },
	{ "CA-17 newAccount", CA_DIRECTORY, "newAccount", "", NOTHING_SHOWN, ERROR_PROTOCOL, "newAccount" },
	{ "CA-17 newOrder", CA_DIRECTORY, "newOrder", "", NOTHING_SHOWN, ERROR_PROTOCOL, "newOrder" },
	{ "CA-17 account status", CA_NEW_ACCOUNT, "status", "", NOTHING_SHOWN, ERROR_PROTOCOL, "the account: .status" },
	{ "CA-17 order status", CA_NEW_ORDER, "status", "", NOTHING_SHOWN, ERROR_PROTOCOL, "the order: .status" },
	{ "CA-17 identifiers", CA_NEW_ORDER, "identifiers", "", NOTHING_SHOWN, ERROR_PROTOCOL, ".identifiers" },
	{ "CA-17 identifier type", CA_NEW_ORDER, "identifiers.0.type", "", NOTHING_SHOWN, ERROR_PROTOCOL, ".type" },
	{ "CA-17 identifier value", CA_NEW_ORDER, "identifiers.0.value", "", NOTHING_SHOWN, ERROR_PROTOCOL, ".value" },
	{ "CA-17 authorizations", CA_NEW_ORDER, "authorizations", "", NOTHING_SHOWN, ERROR_PROTOCOL, ".authorizations" },
	{ "CA-17 finalize", CA_NEW_ORDER, "finalize", "", NOTHING_SHOWN, ERROR_PROTOCOL, ".finalize" },
	{ "CA-17 authorization status", CA_AUTHORIZATION, "status", "", NOTHING_SHOWN, ERROR_PROTOCOL, ".status" },
	{ "CA-17 identifier", CA_AUTHORIZATION, "identifier", "", NOTHING_SHOWN, ERROR_PROTOCOL, ".identifier" },
	{ "CA-17 challenges", CA_AUTHORIZATION, "challenges", "", NOTHING_SHOWN, ERROR_PROTOCOL, ".challenges" },
	{ "CA-17 challenge type", CA_AUTHORIZATION, "challenges.0.type", "", NOTHING_SHOWN, ERROR_PROTOCOL, ".type" },
	{ "CA-17 challenge url", CA_AUTHORIZATION, "challenges.3.url", "", NOTHING_SHOWN, ERROR_PROTOCOL, ".url" },
	{ "CA-17 challenge status", CA_AUTHORIZATION, "challenges.3.status", "", NOTHING_SHOWN, ERROR_PROTOCOL, ".status" },
	{ "CA-17 certificate", CA_ORDER, "certificate", "", NOT_ISSUED, ERROR_PROTOCOL, ".certificate" },

	/* CA-18: optional ones */
	{ "CA-18 keyChange", CA_DIRECTORY, "keyChange", "", ISSUED, ERROR_NONE, "" },
	{ "CA-18 revokeCert", CA_DIRECTORY, "revokeCert", "", ISSUED, ERROR_NONE, "" },
	{ "CA-18 renewalInfo", CA_DIRECTORY, "renewalInfo", "", ISSUED, ERROR_NONE, "" },
	{ "CA-18 meta", CA_DIRECTORY, "meta", "", ISSUED, ERROR_NONE, "" },
	{ "CA-18 meta null", CA_DIRECTORY, "meta", "null", ISSUED, ERROR_NONE, "" },
	{ "CA-18 order expires", CA_NEW_ORDER, "expires", "", ISSUED, ERROR_NONE, "" },
	{ "CA-18 authorization expires", CA_AUTHORIZATION, "expires", "", ISSUED, ERROR_NONE, "" },
	{ "CA-18 unknown member", CA_NEW_ORDER, "surprise", "[1,2,{}]", ISSUED, ERROR_NONE, "" },
	{ "expires with a fraction", CA_NEW_ORDER, "expires", "\"2026-12-01T00:00:00.48+01:00\"", ISSUED, ERROR_NONE, "" },

	/* CA-15: types */
	{ "CA-15 status as array", CA_NEW_ORDER, "status", "[\"ready\"]", NOTHING_SHOWN, ERROR_PROTOCOL, ".status is an array" },
	{ "CA-15 url as number", CA_NEW_ORDER, "finalize", "1e300", NOTHING_SHOWN, ERROR_PROTOCOL, ".finalize" },
	{ "CA-15 expires as number", CA_NEW_ORDER, "expires", "99999999999999", NOTHING_SHOWN, ERROR_PROTOCOL, ".expires" },
	{ "CA-15 expires as word", CA_NEW_ORDER, "expires", "\"soon\"", NOTHING_SHOWN, ERROR_PROTOCOL, ".expires" },
	{ "CA-15 challenges as object", CA_AUTHORIZATION, "challenges", "{}", NOTHING_SHOWN, ERROR_PROTOCOL, ".challenges" },
	{ "CA-15 challenge as string", CA_AUTHORIZATION, "challenges.3", "\"http-01\"", NOTHING_SHOWN, ERROR_PROTOCOL,
	  "challenges[3]" },
	{ "CA-15 wildcard as string", CA_AUTHORIZATION, "wildcard", "\"true\"", NOTHING_SHOWN, ERROR_PROTOCOL, ".wildcard" },
	{ "CA-15 meta as array", CA_DIRECTORY, "meta", "[]", NOTHING_SHOWN, ERROR_PROTOCOL, "meta" },
	{ "CA-15 profiles as string", CA_DIRECTORY, "meta.profiles", "\"classic\"", NOTHING_SHOWN, ERROR_PROTOCOL, ".profiles" },

	/* CA-22, CA-24 */
	{ "CA-22 without http-01", CA_AUTHORIZATION, "challenges.3.type", "\"http-02\"", NOTHING_SHOWN, ERROR_REFUSED,
	  "the CA offers" },
	{ "CA-22 none at all", CA_AUTHORIZATION, "challenges", "[]", NOTHING_SHOWN, ERROR_REFUSED, "offers no challenge" },
	{ "CA-24 another name", CA_AUTHORIZATION, "identifier.value", "\"bank.example\"", NOTHING_SHOWN, ERROR_PROTOCOL,
	  "\"bank.example\", which was not ordered" },
	{ "CA-24 another type", CA_AUTHORIZATION, "identifier.type", "\"ip\"", NOTHING_SHOWN, ERROR_PROTOCOL, "is not of type ip" },
	{ "CA-24 a type that is none", CA_AUTHORIZATION, "identifier.type", "\"mac\"", NOTHING_SHOWN, ERROR_PROTOCOL,
	  "expected dns or ip" },
	{ "CA-24 a wildcard", CA_AUTHORIZATION, "wildcard", "true", NOTHING_SHOWN, ERROR_PROTOCOL, "which was not ordered" },
	{ "CA-24 order for another name", CA_NEW_ORDER, "identifiers.0.value", "\"bank.example\"", NOTHING_SHOWN,
	  ERROR_PROTOCOL, "\"bank.example\", which was not ordered" },
	{ "CA-24 order for less", CA_NEW_ORDER, "identifiers", "[{\"type\":\"dns\",\"value\":\"a.example\"}]", NOTHING_SHOWN,
	  ERROR_PROTOCOL, "leaves out \"www.a.example\"" },
	{ "CA-24 no name", CA_NEW_ORDER, "identifiers.0.value", "\"a..example\"", NOTHING_SHOWN, ERROR_PROTOCOL,
	  "is no identifier" },
	{ "upper case is the same name", CA_AUTHORIZATION, "surprise", "\"A.EXAMPLE\"", ISSUED, ERROR_NONE, "" },

	/* CA-30 */
	{ "CA-30 unknown", CA_NEW_ORDER, "status", "\"deactivated\"", NOTHING_SHOWN, ERROR_PROTOCOL, "\"deactivated\"" },
	{ "CA-30 upper case", CA_NEW_ORDER, "status", "\"PENDING\"", NOTHING_SHOWN, ERROR_PROTOCOL, "\"PENDING\"" },
	{ "CA-30 long", CA_NEW_ORDER, "status", huge, NOTHING_SHOWN, ERROR_PROTOCOL, ".status" },
	{ "CA-30 authorization", CA_AUTHORIZATION, "status", "\"processing\"", NOTHING_SHOWN, ERROR_PROTOCOL, "\"processing\"" },
	{ "CA-30 challenge", CA_AUTHORIZATION, "challenges.3.status", "\"ready\"", NOTHING_SHOWN, ERROR_PROTOCOL, "\"ready\"" },
	{ "account revoked", CA_NEW_ACCOUNT, "status", "\"revoked\"", NOTHING_SHOWN, ERROR_REFUSED, "is \"revoked\"" },

	/* Statuses that are known and lead nowhere. */
	{ "authorization expired", CA_AUTHORIZATION, "status", "\"expired\"", NOTHING_SHOWN, ERROR_REFUSED, "is expired" },
	{ "authorization deactivated", CA_AUTHORIZATION, "status", "\"deactivated\"", NOTHING_SHOWN, ERROR_REFUSED,
	  "is deactivated" },
	{ "authorization revoked", CA_AUTHORIZATION, "status", "\"revoked\"", NOTHING_SHOWN, ERROR_REFUSED, "is revoked" },
	{ "order invalid at once", CA_NEW_ORDER, "status", "\"invalid\"", NOTHING_SHOWN, ERROR_REFUSED, "no reason" },
	{ "authorizations empty", CA_NEW_ORDER, "authorizations", "[]", NOTHING_SHOWN, ERROR_PROTOCOL, "is empty" },
	{ "valid without being asked", CA_NEW_ORDER, "status", "\"valid\"", NOTHING_SHOWN, ERROR_PROTOCOL, ".certificate" },

	/* CA-38, CA-39: URLs */
	URL_ROW("CA-38 http", "\"http://ca.example/new-order\""),
	URL_ROW("CA-38 file", "\"file:///etc/passwd\""),
	URL_ROW("CA-38 gopher", "\"gopher://ca.example/_x\""),
	URL_ROW("CA-38 user", "\"https://user:pass@ca.example/new-order\""),
	URL_ROW("CA-38 CRLF", "\"https://ca.example/a\\r\\nX: y\""),
	URL_ROW("CA-38 long", huge),
	URL_ROW("CA-38 port 0", "\"https://ca.example:0/new-order\""),
	URL_ROW("CA-38 relative", "\"/new-order\""),
	URL_ROW("CA-39 loopback", "\"https://127.0.0.1/new-order\""),
	URL_ROW("CA-39 loopback in one number", "\"https://2130706433/new-order\""),
	URL_ROW("CA-39 loopback in hexadecimal", "\"https://0x7f.1/new-order\""),
	URL_ROW("CA-39 loopback, short", "\"https://127.1/new-order\""),
	URL_ROW("CA-39 metadata", "\"https://169.254.169.254/latest/meta-data/\""),
	URL_ROW("CA-39 IPv6 loopback", "\"https://[::1]/new-order\""),
	URL_ROW("CA-39 IPv4 in IPv6", "\"https://[::ffff:127.0.0.1]/new-order\""),
	URL_ROW("CA-39 link-local", "\"https://[fe80::1]/new-order\""),
	URL_ROW("CA-39 localhost", "\"https://localhost:8443/new-order\""),
	URL_ROW("CA-39 localhost.", "\"https://LOCALHOST./new-order\""),
	URL_ROW("CA-39 this host", "\"https://0.0.0.0/new-order\""),
	{ "CA-39 newNonce", CA_DIRECTORY, "newNonce", "\"https://127.0.0.1/\"", NOTHING_SHOWN, ERROR_PROTOCOL, ".newNonce" },
	{ "CA-39 renewalInfo", CA_DIRECTORY, "renewalInfo", "\"https://127.0.0.1/\"", NOTHING_SHOWN, ERROR_PROTOCOL,
	  ".renewalInfo" },
	{ "CA-39 authorization", CA_NEW_ORDER, "authorizations.0", "\"https://[::1]/\"", NOTHING_SHOWN, ERROR_PROTOCOL,
	  ".authorizations[0]" },
	{ "CA-39 challenge", CA_AUTHORIZATION, "challenges.3.url", "\"https://127.0.0.1/\"", NOTHING_SHOWN, ERROR_PROTOCOL,
	  ".url" },
	{ "CA-38 authorization as number", CA_NEW_ORDER, "authorizations.0", "4", NOTHING_SHOWN, ERROR_PROTOCOL,
	  ".authorizations[0] is not a string" },
	{ "CA-39 finalize", CA_NEW_ORDER, "finalize", "\"https://127.0.0.1/\"", NOTHING_SHOWN, ERROR_PROTOCOL, ".finalize" },
	{ "CA-39 certificate", CA_ORDER, "certificate", "\"https://127.0.0.1/\"", NOT_ISSUED, ERROR_PROTOCOL, ".certificate" },
};

struct world {
	struct ca *ca;
	struct client *client;
};

static void begin(struct world *world)
{
	world->ca = ca_new_shared();
	world->client = client_new(world->ca, "a.example www.a.example");
}

static void end(struct world *world)
{
	client_free(world->client);
	ca_free_shared(world->ca);
}

static void check(struct world *world, const char *name, enum what_then then, enum error_kind kind, const char *words)
{
	struct client *client = world->client;
	int64_t began_ms = world->ca->monotonic_ms;
	int r = client_issue(client);

	if ((r == 0) != (then == ISSUED) || (r != 0 && client->err.kind != kind) ||
	    (r != 0 && strstr(client->err.message, words) == NULL))
		fail_msg("%s: %d, kind %s: %s", name, r, error_kind_name(client->err.kind), client->err.message);
	if (!client_is_clean(client) || (then != ISSUED && client->pem.len != 0))
		fail_msg("%s: a proof or a part of a chain was left", name);
	if (then == NOTHING_SHOWN && (client->proof_count != 0 || client->order_url[0] != '\0'))
		fail_msg("%s: %zu proofs were shown, the order is \"%s\"", name, client->proof_count, client->order_url);
	/* Whatever the CA does, it ends by the attempt's deadline (and the time of one flight). */
	if (world->ca->monotonic_ms - began_ms > 601000)
		fail_msg("%s: took %lld ms", name, (long long)(world->ca->monotonic_ms - began_ms));
	if (world->ca->requests > 800)
		fail_msg("%s: %zu requests", name, world->ca->requests);
}

static void test_rows(void **state)
{
	(void)state;
	memset(huge, 'a', sizeof(huge) - 1);
	huge[0] = '"';
	huge[sizeof(huge) - 2] = '"';
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world world;
		struct ca_fault fault = { .action = CA_SET, .endpoint = rows[i].endpoint, .times = -1 };

		begin(&world);
		text_copy(fault.path, sizeof(fault.path), rows[i].path);
		text_copy(fault.body, sizeof(fault.body), rows[i].value);
		ca_add_fault(world.ca, &fault);
		check(&world, rows[i].name, rows[i].then, rows[i].kind, rows[i].words);
		end(&world);
	}
}

/* CA-16, CA-34, CA-35: bodies that are no answer, at each step. */
static void test_bodies(void **state)
{
	static const struct {
		const char *name;
		int status;
		const char *content_type, *location, *body, *words;
	} bodies[] = {
		{ "empty", 200, "", "", "", "is empty" },
		{ "HTML", 200, "text/html", "", "<html><title>Login</title></html>", "HTML" },
		{ "HTML by itself", 200, "-", "", "  <!DOCTYPE html>", "HTML" },
		{ "garbage", 200, "", "", "\x01\x02garbage", "" },
		{ "bad UTF-8", 200, "", "", "{\"status\":\"\xff\xfe\"}", "" },
		{ "lone surrogate", 200, "", "", "{\"status\":\"\\ud800\"}", "" },
		{ "BOM", 200, "", "", "\xef\xbb\xbf{}", "" },
		{ "two documents", 200, "", "", "{}{}", "" },
		{ "trailing garbage", 200, "", "", "{} x", "" },
		{ "an array", 200, "", "", "[]", "" },
		{ "duplicate keys", 200, "", "", "{\"status\":\"valid\",\"status\":\"invalid\"}", "" },
		{ "nothing in it", 200, "", "", "{}", "" },
		{ "NUL", 200, "", "", "{\"status\":\"a\\u0000b\"}", "" },
		{ "redirect to http", 302, "", "http://ca.example/", "", "redirects to http://ca.example/, which is not followed" },
		{ "redirect to file", 302, "", "file:///etc/passwd", "", "redirects" },
		{ "HTML 404", 404, "text/html", "", "<html>", "HTTP 404" },
		{ "nothing 404", 404, "-", "", "", "HTTP 404" },
		{ "status 299 and nothing", 299, "", "", "", "" },
		{ "status 100", 100, "", "", "", "HTTP 100" },
		{ "problem that is none", 400, "application/problem+json", "", "{\"type\":7,\"detail\":[]}", "HTTP 400" },
		{ "problem without detail", 400, "application/problem+json", "",
		  "{\"type\":\"urn:ietf:params:acme:error:malformed\"}", "malformed: no detail was given" },
		{ "problem with a terminal in it", 400, "application/problem+json", "",
		  "{\"type\":\"urn:ietf:params:acme:error:malformed\",\"detail\":\"\\u001b[2J\\u0007owned\"}", "?[2J?owned" },
	};

	(void)state;
	for (enum ca_endpoint e = CA_DIRECTORY; e <= CA_CERTIFICATE; e++) {
		for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
			struct ca_fault fault = { .action = CA_BODY, .endpoint = e, .times = -1, .status = bodies[i].status };
			char name[96];
			struct world world;

			/* What the chain is, the caller checks; how a challenge's answer looks, nobody needs to know. */
			if (e == CA_ACCOUNT || e == CA_NEW_NONCE || ((e == CA_CERTIFICATE || e == CA_CHALLENGE) && bodies[i].status < 300))
				continue;
			/* That the challenge is known to the CA already is what malformed may mean. */
			if (e == CA_CHALLENGE && strstr(bodies[i].body, "malformed") != NULL)
				continue;
			snprintf(name, sizeof(name), "%s at endpoint %d", bodies[i].name, (int)e);
			begin(&world);
			text_copy(fault.content_type, sizeof(fault.content_type), bodies[i].content_type);
			text_copy(fault.location, sizeof(fault.location), bodies[i].location);
			text_copy(fault.body, sizeof(fault.body), bodies[i].body);
			ca_add_fault(world.ca, &fault);
			check(&world, name, e <= CA_NEW_ORDER ? NOTHING_SHOWN : NOT_ISSUED, ERROR_PROTOCOL, bodies[i].words);
			assert_int_equal(strcspn(world.client->err.message, "\x1b\x07\n\r"), strlen(world.client->err.message));
			end(&world);
		}
	}
}

static void test_deep_json(void **state)
{
	struct ca_fault fault = { .action = CA_BODY, .endpoint = CA_DIRECTORY, .times = -1 };
	struct world world;

	(void)state;
	begin(&world);
	text_copy(fault.body, sizeof(fault.body), "{\"a\":");
	memset(fault.body + 5, '[', 4000);
	ca_add_fault(world.ca, &fault);
	check(&world, "CA-13", NOTHING_SHOWN, ERROR_PROTOCOL, "");
	end(&world);
}

/* CA-32: what Content-Types there are. */
static void test_content_types(void **state)
{
	static const char *const types[] = { "-", "application/json; charset=utf-8", "APPLICATION/JSON", "text/plain",
		                             "application/octet-stream" };

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct ca_fault fault = { .action = CA_HEAD, .times = -1 };
		struct world world;

		begin(&world);
		text_copy(fault.content_type, sizeof(fault.content_type), types[i]);
		ca_add_fault(world.ca, &fault);
		check(&world, types[i], ISSUED, ERROR_NONE, "");
		end(&world);
	}
}

static void test_locations(void **state)
{
	static const char *const locations[] = { "-", "/order/0", "http://ca.example/order/0", "https://127.0.0.1/order/0" };

	(void)state;
	for (size_t i = 0; i < sizeof(locations) / sizeof(locations[0]); i++) {
		for (enum ca_endpoint e = CA_NEW_ACCOUNT; e <= CA_NEW_ORDER; e++) {
			struct ca_fault fault = { .action = CA_HEAD, .endpoint = e, .times = -1 };
			struct world world;

			begin(&world);
			text_copy(fault.location, sizeof(fault.location), locations[i]);
			ca_add_fault(world.ca, &fault);
			check(&world, locations[i], NOTHING_SHOWN, ERROR_PROTOCOL, "Location");
			end(&world);
		}
	}
}

/* CA-26, CA-27: orders that never end. CA-43: times that no one can mean, on answers that are no errors. */
static void test_for_ever(void **state)
{
	static const char *const statuses[] = { "\"pending\"", "\"ready\"", "\"processing\"" };
	static const char *const times[] = { "", "-5", "abc", "1000000000", "18446744073709551616", "3.5", "0",
		                             "Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:00 GMT" };

	(void)state;
	for (size_t k = 0; k < sizeof(times) / sizeof(times[0]); k++) {
		for (size_t i = 0; i <= sizeof(statuses) / sizeof(statuses[0]); i++) {
			struct world world;

			begin(&world);
			world.ca->issuance_ms = 3600 * 1000;
			for (unsigned int n = 0; n < 30; n++) {
				struct ca_fault fault = { .action = CA_SET, .endpoint = CA_ORDER, .path = "status" };

				/* One of them always, or one after the other. */
				text_copy(fault.body, sizeof(fault.body), statuses[i < 3 ? i : n % 3]);
				text_copy(fault.retry_after, sizeof(fault.retry_after), times[k]);
				fault.times = n == 29 ? -1 : 1;
				ca_add_fault(world.ca, &fault);
			}
			check(&world, times[k], NOT_ISSUED, ERROR_NETWORK, "not done within 10 min");
			assert_true(world.client->order_url[0] != '\0');
			assert_true(world.ca->asked[CA_FINALIZE] <= 1);
			end(&world);
		}
	}
}

/* A body that is over the limit, at each step. */
static void test_endless(void **state)
{
	(void)state;
	for (enum ca_endpoint e = CA_DIRECTORY; e <= CA_CERTIFICATE; e++) {
		struct ca_fault fault = { .action = CA_BODY, .endpoint = e, .times = -1 };
		struct world world;

		if (e == CA_NEW_NONCE || e == CA_ACCOUNT)
			continue;
		begin(&world);
		world.client->config.limits.http.body_max = 2048;
		client_restart(world.client);
		memset(fault.body, ' ', sizeof(fault.body) - 1);
		ca_add_fault(world.ca, &fault);
		check(&world, "CA-10", e <= CA_NEW_ORDER ? NOTHING_SHOWN : NOT_ISSUED, ERROR_PROTOCOL, "longer than 2048 octets");
		end(&world);
	}
}

/* CA-67 and others: problem documents, at newOrder, and what is made of them. */
static void test_problems(void **state)
{
	static const struct {
		const char *type;
		int status;
		enum error_kind kind;
		const char *advice;
	} problems[] = {
		{ "userActionRequired", 403, ERROR_REFUSED, "--agree-tos" },
		{ "agreementRequired", 403, ERROR_REFUSED, "--agree-tos" },
		{ "externalAccountRequired", 403, ERROR_REFUSED, "--eab-kid" },
		{ "rejectedIdentifier", 400, ERROR_REFUSED, "does not issue" },
		{ "unsupportedIdentifier", 400, ERROR_REFUSED, "does not issue" },
		{ "invalidProfile", 400, ERROR_REFUSED, "profile" },
		{ "unauthorized", 403, ERROR_REFUSED, "" },
		{ "caa", 403, ERROR_REFUSED, "CAA" },
		{ "malformed", 400, ERROR_PROTOCOL, "" },
		{ "serverInternal", 500, ERROR_NETWORK, "" },
		{ "somethingNew", 400, ERROR_PROTOCOL, "" },
		{ "somethingNew", 403, ERROR_REFUSED, "" },
		{ "conflict", 409, ERROR_PROTOCOL, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(problems) / sizeof(problems[0]); i++) {
		struct ca_fault fault = { .action = CA_ANSWER, .endpoint = CA_NEW_ORDER, .times = -1,
			                  .status = problems[i].status };
		struct world world;

		begin(&world);
		snprintf(fault.body, sizeof(fault.body),
		         "{\"type\":\"urn:ietf:params:acme:error:%s\",\"detail\":\"the reason\",\"status\":%d}", problems[i].type,
		         problems[i].status);
		ca_add_fault(world.ca, &fault);
		check(&world, problems[i].type, NOTHING_SHOWN, problems[i].kind, "the reason");
		assert_non_null(strstr(world.client->err.message, problems[i].type));
		assert_non_null(strstr(world.client->err.message, "newOrder at ca.example"));
		assert_non_null(strstr(world.client->err.advice, problems[i].advice));
		assert_int_equal(world.client->err.http_status, problems[i].status);
		assert_non_null(strstr(world.client->err.problem, problems[i].type));
		end(&world);
	}
}

/* Re-announcing a challenge that is under way is answered with 409, or with 400: neither is the end. */
static void test_under_way(void **state)
{
	static const char *const types[] = { "conflict", "malformed" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct ca_fault lost = { .action = CA_LOSE, .endpoint = CA_CHALLENGE };
		struct ca_fault fault = { .action = CA_ANSWER, .endpoint = CA_CHALLENGE, .status = i == 0 ? 409 : 400 };
		struct world world;

		begin(&world);
		ca_add_fault(world.ca, &lost);
		/* The first request is not seen by the second fault, so this is the repetition (the other challenge comes between). */
		fault.skip = 1;
		snprintf(fault.body, sizeof(fault.body), "{\"type\":\"urn:ietf:params:acme:error:%s\",\"detail\":\"processing\"}",
		         types[i]);
		ca_add_fault(world.ca, &fault);
		check(&world, types[i], ISSUED, ERROR_NONE, "");
		assert_int_equal(world.ca->asked[CA_CHALLENGE], 3);
		end(&world);
	}
}

/* A private CA at an address of this machine may of course lead there. */
static void test_private_ca(void **state)
{
	static const char *const bases[] = { "https://127.0.0.1:14000", "https://localhost:14000", "https://[::1]:14000" };

	(void)state;
	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		struct world world;

		begin(&world);
		text_copy(world.ca->base, sizeof(world.ca->base), bases[i]);
		client_free(world.client);
		world.client = client_new(world.ca, "a.example");
		check(&world, bases[i], ISSUED, ERROR_NONE, "");
		end(&world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),	      cmocka_unit_test(test_bodies),   cmocka_unit_test(test_deep_json),
		cmocka_unit_test(test_content_types), cmocka_unit_test(test_locations), cmocka_unit_test(test_for_ever),
		cmocka_unit_test(test_endless),	      cmocka_unit_test(test_problems),	cmocka_unit_test(test_under_way),
		cmocka_unit_test(test_private_ca),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
