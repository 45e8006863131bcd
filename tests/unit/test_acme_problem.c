/* test_acme_problem.c: what is made of an answer that is no success. */
#include "acme/problem.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/text.h"
#include "http/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW INT64_C(1795435200)

struct answer {
	int status;
	const char *content_type, *retry_after, *body;
};

static enum acme_problem_type make(const struct answer *answer, struct error *err)
{
	static struct http_response response;
	enum acme_problem_type type = ACME_PROBLEM_COUNT;

	memset(&response, 0, sizeof(response));
	response.status = answer->status;
	text_copy(response.content_type, sizeof(response.content_type), answer->content_type);
	text_copy(response.retry_after, sizeof(response.retry_after), answer->retry_after);
	response.body = BUF(65536);
	if (answer->body[0] != '\0')
		assert_int_equal(buf_append_text(&response.body, answer->body), 0);
	assert_int_equal(acme_problem_from_response(&response, "newOrder", NOW, &type, err), -1);
	assert_int_equal(err->http_status, answer->status);
	buf_done(&response.body);
	return type;
}

static void test_table(void **state)
{
	char urn[128];

	(void)state;
	for (unsigned int i = ACME_PROBLEM_OTHER + 1; i < ACME_PROBLEM_COUNT; i++) {
		enum acme_problem_type type = (enum acme_problem_type)i;

		snprintf(urn, sizeof(urn), "urn:ietf:params:acme:error:%s", acme_problem_type_name(type));
		assert_int_equal(acme_problem_type_parse(urn), type);
		assert_int_not_equal(acme_problem_kind(type), ERROR_NONE);
		/* What an operator must mend comes with a word on how; "compound" has those of its parts. */
		if (acme_problem_kind(type) == ERROR_REFUSED && type != ACME_PROBLEM_COMPOUND)
			assert_true(acme_problem_advice(type)[0] != '\0');
	}
	assert_int_equal(acme_problem_type_parse(NULL), ACME_PROBLEM_OTHER);
	assert_int_equal(acme_problem_type_parse("urn:ietf:params:acme:error:BADNONCE"), ACME_PROBLEM_OTHER);
	assert_int_equal(acme_problem_type_parse("badNonce"), ACME_PROBLEM_OTHER);
	assert_int_equal(acme_problem_type_parse("urn:ietf:params:acme:error:agreementRequired"),
	                 ACME_PROBLEM_USER_ACTION_REQUIRED);
}

static void test_answers(void **state)
{
	static const struct {
		struct answer answer;
		enum error_kind kind;
		enum acme_problem_type type;
		int64_t retry_at;
		const char *words;
	} rows[] = {
		{ { 400, "application/problem+json", "", "{\"type\":\"urn:ietf:params:acme:error:badCSR\",\"detail\":\"no\"}" },
		  ERROR_REFUSED, ACME_PROBLEM_BAD_CSR, 0, "newOrder: the CA answered HTTP 400: badCSR: no" },
		{ { 400, "text/plain", "", "{\"type\":\"urn:ietf:params:acme:error:badCSR\",\"detail\":\"no\"}" }, ERROR_REFUSED,
		  ACME_PROBLEM_BAD_CSR, 0, "badCSR" },
		{ { 404, "", "", "" }, ERROR_PROTOCOL, ACME_PROBLEM_OTHER, 0, "HTTP 404: no reason was given" },
		{ { 403, "", "", "" }, ERROR_REFUSED, ACME_PROBLEM_OTHER, 0, "HTTP 403" },
		{ { 502, "text/html", "", "<html>" }, ERROR_NETWORK, ACME_PROBLEM_OTHER, 0, "web page" },
		{ { 502, "", "", "\n <HTML>" }, ERROR_NETWORK, ACME_PROBLEM_OTHER, 0, "web page" },
		{ { 503, "text/plain", "", "down for maintenance" }, ERROR_NETWORK, ACME_PROBLEM_OTHER, 0, "down for maintenance" },
		{ { 503, "", "120", "" }, ERROR_LATER, ACME_PROBLEM_OTHER, NOW + 120, "not before 2026-11-23T12:02:00Z (HTTP 503)" },
		{ { 500, "", "60", "{\"type\":\"urn:ietf:params:acme:error:serverInternal\",\"detail\":\"oops\"}" }, ERROR_LATER,
		  ACME_PROBLEM_SERVER_INTERNAL, NOW + 60, "serverInternal: oops" },
		{ { 503, "", "Mon, 23 Nov 2026 13:00:00 GMT", "" }, ERROR_LATER, ACME_PROBLEM_OTHER, NOW + 3600, "13:00:00Z" },
		{ { 503, "", "soon", "" }, ERROR_NETWORK, ACME_PROBLEM_OTHER, 0, "HTTP 503" },
		{ { 429, "", "60", "" }, ERROR_LATER, ACME_PROBLEM_RATE_LIMITED, NOW + 60, "HTTP 429" },
		{ { 429, "", "", "" }, ERROR_LATER, ACME_PROBLEM_RATE_LIMITED, NOW + 3600, "HTTP 429" },
		{ { 429, "", "-1", "" }, ERROR_LATER, ACME_PROBLEM_RATE_LIMITED, NOW + 3600, "HTTP 429" },
		{ { 429, "", "99999999", "" }, ERROR_LATER, ACME_PROBLEM_RATE_LIMITED, NOW + 86400, "not before 2030" },
		{ { 403, "", "", "{\"type\":\"urn:ietf:params:acme:error:rateLimited\",\"detail\":\"slow\"}" }, ERROR_LATER,
		  ACME_PROBLEM_RATE_LIMITED, NOW + 3600, "slow" },
		{ { 429, "", "", "{\"type\":\"urn:ietf:params:acme:error:rateLimited\",\"detail\":\"visit https://ca.example/u?a=b).\"}" },
		  ERROR_REFUSED, ACME_PROBLEM_RATE_LIMITED, 0, "paused" },
		/* No place to lift anything. */
		{ { 429, "", "", "{\"type\":\"urn:ietf:params:acme:error:rateLimited\",\"detail\":\"see https://ca.example/docs/rate-limits/\"}" },
		  ERROR_LATER, ACME_PROBLEM_RATE_LIMITED, NOW + 3600, "docs" },
		{ { 400, "", "", "{\"type\":[],\"detail\":{}}" }, ERROR_PROTOCOL, ACME_PROBLEM_OTHER, 0, "HTTP 400" },
		{ { 400, "", "", "{\"type\":\"about:blank\",\"title\":\"Bad\"}" }, ERROR_PROTOCOL, ACME_PROBLEM_OTHER, 0, "no type: Bad" },
		{ { 400, "", "", "{\"type\":\"https://ca.example/errors/7\",\"detail\":\"x\"}" }, ERROR_PROTOCOL, ACME_PROBLEM_OTHER, 0,
		  "https://ca.example/errors/7: x" },
	};
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum acme_problem_type type = make(&rows[i].answer, &err);

		if (err.kind != rows[i].kind || type != rows[i].type || err.retry_at != rows[i].retry_at ||
		    strstr(err.message, rows[i].words) == NULL)
			fail_msg("row %zu: kind %s, type %d, at %lld: %s", i, error_kind_name(err.kind), (int)type,
			         (long long)err.retry_at, err.message);
	}
}

static void test_paused(void **state)
{
	static const struct answer answer = {
		429, "", "", "{\"type\":\"urn:ietf:params:acme:error:rateLimited\",\"detail\":\"Please visit: https://ca.example/u?a=b).\"}"
	};
	struct error err;

	(void)state;
	make(&answer, &err);
	assert_non_null(strstr(err.advice, "visit https://ca.example/u?a=b and"));
	assert_string_equal(err.url, "https://ca.example/u?a=b");
}

static void test_subproblems(void **state)
{
	static const struct answer answer = {
		403, "", "",
		"{\"type\":\"urn:ietf:params:acme:error:compound\",\"detail\":\"two\",\"subproblems\":[{\"type\":"
		"\"urn:ietf:params:acme:error:dns\",\"detail\":\"one\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.example\"}},7,"
		"{\"type\":\"urn:ietf:params:acme:error:caa\",\"detail\":\"two\"}]}"
	};
	struct error err;

	(void)state;
	assert_int_equal(make(&answer, &err), ACME_PROBLEM_COMPOUND);
	assert_non_null(strstr(err.message, "compound: two: a.example (dns): one;"));
	assert_non_null(strstr(err.message, "a name (caa): two"));
}

/* However long it is, err->problem holds JSON, and the message its beginning. */
static void test_long(void **state)
{
	CLEANUP(buf_done) struct buf body = BUF(65536);
	struct answer answer = { .status = 400, .content_type = "", .retry_after = "" };
	json_auto_t *doc = NULL;
	struct error err, parse;

	(void)state;
	buf_append_text(&body, "{\"type\":\"urn:ietf:params:acme:error:malformed\",\"detail\":\"");
	for (int i = 0; i < 2000; i++)
		buf_append_text(&body, "\xc3\xa9z");
	buf_append_text(&body, "\",\"other\":[1,2,3]}");
	answer.body = buf_text(&body);
	assert_int_equal(make(&answer, &err), ACME_PROBLEM_MALFORMED);
	assert_true(strlen(err.message) < 1200);
	assert_true(err.problem[0] == '{');
	if (json_doc_parse(err.problem, strlen(err.problem), "it", &doc, &parse) != 0)
		fail_msg("%s", parse.message);
	assert_string_equal(json_string_value(json_object_get(doc, "type")), "urn:ietf:params:acme:error:malformed");
}

static void test_from_json(void **state)
{
	json_auto_t *problem = json_pack("{s:s,s:s}", "type", "urn:ietf:params:acme:error:dns", "detail", "no\033[31m such name");
	enum acme_problem_type type;
	struct error err;

	(void)state;
	assert_int_equal(acme_problem_from_json(problem, "the order failed", &type, &err), -1);
	assert_int_equal(type, ACME_PROBLEM_DNS);
	assert_int_equal(err.kind, ERROR_REFUSED);
	assert_string_equal(err.message, "the order failed: dns: no?[31m such name");
	assert_true(err.advice[0] != '\0');
	assert_int_equal(acme_problem_from_json(NULL, "the order failed", &type, &err), -1);
	assert_string_equal(err.message, "the order failed: the CA gave no reason");
	assert_int_equal(err.kind, ERROR_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),	    cmocka_unit_test(test_answers), cmocka_unit_test(test_paused),
		cmocka_unit_test(test_subproblems), cmocka_unit_test(test_long),    cmocka_unit_test(test_from_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
