/* test_acme_authorization.c: authorizations and their challenges; above all, tokens. */
#include "acme/authorization.h"

#include "base/clean.h"
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct ident items[] = {
	{ .type = IDENT_DNS, .value = "a.example" },
	{ .type = IDENT_DNS, .wildcard = true, .value = "*.b.example" },
};
static const struct ident_list idents = { .items = items, .count = 2 };
static const char *const types[] = { "http-01", "dns-01", NULL };

#define NAME "\"identifier\":{\"type\":\"dns\",\"value\":\"a.example\"}"
#define HTTP(token) "{\"type\":\"http-01\",\"status\":\"pending\",\"url\":\"https://ca.example/c\",\"token\":" token "}"

static int parse(const char *text, struct acme_authorization *ret, struct error *err)
{
	return acme_authorization_parse(text, strlen(text), "https://ca.example/directory", &idents, types, ret, err);
}

static void test_pending(void **state)
{
	CLEANUP(acme_authorization_done) struct acme_authorization a = { 0 };
	const struct acme_challenge *challenge;
	struct error err;

	(void)state;
	assert_int_equal(parse("{\"status\":\"pending\"," NAME ",\"challenges\":[{\"type\":\"dns-persist-01\",\"token\":\"../x\"},"
	                       "{\"type\":\"tls-alpn-01\"}," HTTP("\"abc-_9\"") "," HTTP("\"second\"") "]}",
	                       &a, &err),
	                 0);
	assert_int_equal(a.status, ACME_AUTHORIZATION_PENDING);
	assert_string_equal(a.identifier.value, "a.example");
	assert_string_equal(a.offered, "dns-persist-01, tls-alpn-01, http-01, http-01");
	assert_int_equal(a.challenge_count, 1);
	challenge = acme_authorization_find(&a, "http-01");
	assert_non_null(challenge);
	assert_string_equal(challenge->token, "abc-_9");
	assert_string_equal(challenge->url, "https://ca.example/c");
	assert_int_equal(challenge->status, ACME_CHALLENGE_PENDING);
	assert_null(acme_authorization_find(&a, "dns-01"));
	assert_null(acme_authorization_find(&a, "tls-alpn-01"));
}

static void test_wildcard(void **state)
{
	CLEANUP(acme_authorization_done) struct acme_authorization a = { 0 };
	struct error err;

	(void)state;
	assert_int_equal(parse("{\"status\":\"valid\",\"wildcard\":true,\"identifier\":{\"type\":\"dns\",\"value\":\"B.example\"}}", &a,
	                       &err),
	                 0);
	assert_string_equal(a.identifier.value, "*.b.example");
	assert_true(a.identifier.wildcard);
	assert_int_equal(parse("{\"status\":\"valid\",\"wildcard\":false,\"identifier\":{\"type\":\"dns\",\"value\":\"b.example\"}}",
	                       &a, &err),
	                 -1);
}

/* One that is settled is not looked into: its challenges serve for nothing any more but the reason of a failure. */
static void test_settled(void **state)
{
	static const char *const names[] = { "valid", "invalid", "deactivated", "expired", "revoked" };
	char text[1024];
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		CLEANUP(acme_authorization_done) struct acme_authorization a = { 0 };

		snprintf(text, sizeof(text),
		         "{\"status\":\"%s\"," NAME ",\"challenges\":[{\"type\":\"http-01\",\"token\":7,\"error\":{\"type\":\"t\",\"detail\":"
		         "\"why\"}}]}",
		         names[i]);
		if (parse(text, &a, &err) != 0)
			fail_msg("%s", err.message);
		assert_string_equal(acme_authorization_status_name(a.status), names[i]);
		assert_int_equal(a.challenge_count, 0);
		assert_non_null(a.problem);
	}
}

static void test_tokens(void **state)
{
	static const char *const tokens[] = {
		"\"\"",		   "null",	       "7",		"[]",	     "{}",	   "true",
		"\"..\"",	   "\".\"",	       "\"a/b\"",	"\"/etc/x\"", "\"../../x\"", "\"a\\\\b\"",
		"\"a b\"",	   "\"a;b\"",	       "\"a|b\"",	"\"`id`\"",  "\"$(id)\"",  "\"a&b\"",
		"\"a#b\"",	   "\"a'b\"",	       "\"a\\\"b\"",	"\"a\\nb\"", "\"a\\tb\"",  "\"\\u00e9\"",
		"\"%2e%2e\"",	   "\"abcd=\"",	       "\"a+b\"",	"\"a.b\"",   "\"~a\"",	   "\"\\u202e\"",
	};
	char text[2048], token[600];
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		CLEANUP(acme_authorization_done) struct acme_authorization a = { 0 };

		snprintf(text, sizeof(text), "{\"status\":\"pending\"," NAME ",\"challenges\":[" HTTP("%s") "]}", tokens[i]);
		if (parse(text, &a, &err) == 0 || err.kind != ERROR_PROTOCOL || strstr(err.message, "a.example") == NULL ||
		    strstr(err.message, "token") == NULL)
			fail_msg("%s: %s", tokens[i], err.message);
		assert_int_equal(a.challenge_count, 0);
	}
	for (int len = 254; len <= 257; len++) {
		CLEANUP(acme_authorization_done) struct acme_authorization a = { 0 };

		memset(token, 'x', (size_t)len + 2);
		token[0] = token[len + 1] = '"';
		token[len + 2] = '\0';
		snprintf(text, sizeof(text), "{\"status\":\"pending\"," NAME ",\"challenges\":[" HTTP("%s") "]}", token);
		assert_int_equal(parse(text, &a, &err), len <= 255 ? 0 : -1);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *words;
	} rows[] = {
		{ "{\"status\":\"pending\",\"challenges\":[]}", ".identifier" },
		{ "{\"status\":\"pending\",\"identifier\":\"a.example\",\"challenges\":[]}", ".identifier" },
		{ "{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":\"c.example\"},\"challenges\":[]}", "not ordered" },
		{ "{" NAME ",\"challenges\":[]}", "the authorization of a.example: .status" },
		{ "{\"status\":\"processing\"," NAME ",\"challenges\":[]}", "\"processing\"" },
		{ "{\"status\":\"pending\"," NAME "}", ".challenges" },
		{ "{\"status\":\"pending\"," NAME ",\"challenges\":{}}", ".challenges" },
		{ "{\"status\":\"pending\"," NAME ",\"challenges\":[null]}", ".challenges[0] is not an object" },
		{ "{\"status\":\"pending\"," NAME ",\"challenges\":[{}]}", ".challenges[0]: .type" },
		{ "{\"status\":\"pending\"," NAME ",\"challenges\":[{\"type\":\"http-01\",\"token\":\"a\"}]}", ".status" },
		{ "{\"status\":\"pending\"," NAME ",\"challenges\":[{\"type\":\"http-01\",\"token\":\"a\",\"status\":\"pending\"}]}", ".url" },
		{ "{\"status\":\"pending\"," NAME ",\"challenges\":[{\"type\":\"http-01\",\"token\":\"a\",\"status\":\"pending\",\"url\":"
		  "\"http://ca.example/\"}]}",
		  ".challenges[0]: .url" },
	};
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(acme_authorization_done) struct acme_authorization a = { 0 };

		if (parse(rows[i].text, &a, &err) == 0 || err.kind != ERROR_PROTOCOL ||
		    strstr(err.message, rows[i].words) == NULL)
			fail_msg("%s: %s", rows[i].text, err.message);
	}
}

static void test_many(void **state)
{
	CLEANUP(acme_authorization_done) struct acme_authorization a = { 0 };
	char text[8192] = "{\"status\":\"pending\"," NAME ",\"challenges\":[";
	size_t len = strlen(text);
	struct error err;

	(void)state;
	for (int i = 0; i <= ACME_CHALLENGES_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s{\"type\":\"a-rather-long-name-%d\"}", i > 0 ? "," : "", i);
	snprintf(text + len, sizeof(text) - len, "]}");
	assert_int_equal(parse(text, &a, &err), -1);
	/* One less is taken, though not all of their names fit into the message. */
	*strrchr(text, ',') = ']';
	text[strlen(text) - 1] = '\0';
	strrchr(text, ']')[0] = '\0';
	len = strlen(text);
	while (text[len - 1] != ']')
		text[--len] = '\0';
	snprintf(text + len, sizeof(text) - len, "}");
	assert_int_equal(parse(text, &a, &err), 0);
	assert_true(strlen(a.offered) > 150);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pending), cmocka_unit_test(test_wildcard), cmocka_unit_test(test_settled),
		cmocka_unit_test(test_tokens),	cmocka_unit_test(test_refused),	 cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
