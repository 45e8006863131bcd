/* test_acme_order.c: orders: what is asked for, and what is taken as the answer. */
#include "acme/order.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct ident items[] = {
	{ .type = IDENT_DNS, .value = "a.example" },
	{ .type = IDENT_DNS, .wildcard = true, .value = "*.b.example" },
	{ .type = IDENT_IP, .value = "2001:db8::1" },
};
static const struct ident_list idents = { .items = items, .count = 3 };

#define IDENTS "\"identifiers\":[{\"type\":\"ip\",\"value\":\"2001:db8::1\"},{\"type\":\"dns\",\"value\":\"A.example\"}," \
	       "{\"type\":\"dns\",\"value\":\"*.b.example\"}]"
#define REST "\"authorizations\":[\"https://ca.example/1\",\"https://ca.example/2\",\"https://ca.example/1\"]," \
	     "\"finalize\":\"https://ca.example/f\""

static int parse(const char *text, struct acme_order *ret, struct error *err)
{
	return acme_order_parse(text, strlen(text), "https://ca.example/directory", &idents, ret, err);
}

static void test_payload(void **state)
{
	CLEANUP(buf_done) struct buf out = BUF(4096);
	struct error err;

	(void)state;
	assert_int_equal(acme_order_payload(&(struct acme_order_wish){ .idents = &idents }, &out, &err), 0);
	assert_string_equal(buf_text(&out), "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.example\"},{\"type\":\"dns\",\"value\":"
	                                    "\"*.b.example\"},{\"type\":\"ip\",\"value\":\"2001:db8::1\"}]}");
	buf_reset(&out);
	assert_int_equal(acme_order_payload(&(struct acme_order_wish){ &idents, "tls\"server", "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE" }, &out, &err), 0);
	assert_non_null(strstr(buf_text(&out), "\"profile\":\"tls\\\"server\""));
}

static void test_statuses(void **state)
{
	static const struct {
		const char *text;
		enum acme_order_status status;
	} rows[] = {
		{ "{\"status\":\"pending\"," IDENTS "," REST "}", ACME_ORDER_PENDING },
		{ "{\"status\":\"ready\"," IDENTS "," REST "}", ACME_ORDER_READY },
		{ "{\"status\":\"processing\"," IDENTS "," REST "}", ACME_ORDER_PROCESSING },
		{ "{\"status\":\"valid\"," IDENTS "," REST ",\"certificate\":\"https://ca.example/c\"}", ACME_ORDER_VALID },
		{ "{\"status\":\"invalid\"," IDENTS "," REST ",\"error\":{\"type\":\"x\"}}", ACME_ORDER_INVALID },
	};
	CLEANUP(acme_order_done) struct acme_order order = ACME_ORDER;
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (parse(rows[i].text, &order, &err) != 0)
			fail_msg("%s", err.message);
		assert_int_equal(order.status, rows[i].status);
		assert_non_null(strstr(rows[i].text, acme_order_status_name(order.status)));
		assert_int_equal(order.authorizations.count, 2);
		assert_string_equal(order.finalize, "https://ca.example/f");
		assert_int_equal(order.problem != NULL, rows[i].status == ACME_ORDER_INVALID);
		assert_int_equal(order.certificate[0] != '\0', rows[i].status == ACME_ORDER_VALID);
	}
}

static void test_expires(void **state)
{
	CLEANUP(acme_order_done) struct acme_order order = ACME_ORDER;
	struct error err;

	(void)state;
	assert_int_equal(parse("{\"status\":\"ready\",\"expires\":\"2026-11-23T12:00:00.5Z\"," IDENTS "," REST "}", &order, &err), 0);
	assert_int_equal(order.expires_at, 1795435200);
	/* A failure leaves the order as it was. */
	assert_int_equal(parse("{\"status\":\"pending\",\"expires\":\"tomorrow\"," IDENTS "," REST "}", &order, &err), -1);
	assert_int_equal(order.status, ACME_ORDER_READY);
	assert_int_equal(order.expires_at, 1795435200);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *words;
	} rows[] = {
		{ "{" IDENTS "," REST "}", ".status" },
		{ "{\"status\":\"Pending\"," IDENTS "," REST "}", "\"Pending\"" },
		{ "{\"status\":\"pending\"," REST "}", ".identifiers" },
		{ "{\"status\":\"pending\",\"identifiers\":[]," REST "}", "leaves out \"a.example\"" },
		{ "{\"status\":\"pending\",\"identifiers\":[7]," REST "}", ".identifiers[0] is not an object" },
		{ "{\"status\":\"pending\",\"identifiers\":[{\"type\":\"dns\",\"value\":\"b.example\"}]," REST "}", "not ordered" },
		{ "{\"status\":\"pending\",\"identifiers\":[{\"type\":\"dns\",\"value\":\"2001:db8::1\"}]," REST "}", "not of type dns" },
		{ "{\"status\":\"pending\"," IDENTS ",\"finalize\":\"https://ca.example/f\"}", ".authorizations" },
		{ "{\"status\":\"pending\"," IDENTS ",\"authorizations\":[],\"finalize\":\"https://ca.example/f\"}", "empty" },
		{ "{\"status\":\"pending\"," IDENTS ",\"authorizations\":[\"ftp://ca.example/\"],\"finalize\":\"https://ca.example/f\"}",
		  ".authorizations[0]" },
		{ "{\"status\":\"ready\"," IDENTS ",\"authorizations\":[]}", ".finalize" },
		{ "{\"status\":\"valid\"," IDENTS "," REST "}", ".certificate" },
	};
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(acme_order_done) struct acme_order order = ACME_ORDER;

		if (parse(rows[i].text, &order, &err) == 0 || err.kind != ERROR_PROTOCOL ||
		    strstr(err.message, rows[i].words) == NULL)
			fail_msg("%s: %s", rows[i].text, err.message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_payload),
		cmocka_unit_test(test_statuses),
		cmocka_unit_test(test_expires),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
