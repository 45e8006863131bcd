/* test_dns_caa.c: CAA records as they stand on the wire, the sets of tests/vectors/dns/caa.txt, and the climb. */
#include "dns/caa.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LINE_SIZE = 1024, RECORDS_MAX = 8, VECTORS_MIN = 60 };

struct vector {
	unsigned int line;
	char head[LINE_SIZE];
	struct dns_caa records[RECORDS_MAX];
	size_t count;
};

/* "0 issue ca.example" by way of the wire. */
static void read_record(const char *line, struct dns_caa *ret)
{
	unsigned char wire[LINE_SIZE];
	const char *tag = strchr(line, ' ');
	const char *value;
	size_t tag_len;

	assert_non_null(tag);
	tag++;
	tag_len = strcspn(tag, " ");
	value = tag[tag_len] ? tag + tag_len + 1 : "";
	wire[0] = (unsigned char)strtoul(line, NULL, 10);
	wire[1] = (unsigned char)tag_len;
	memcpy(wire + 2, tag, tag_len);
	memcpy(wire + 2 + tag_len, value, strlen(value));
	dns_caa_parse(wire, 2 + tag_len + strlen(value), ret);
}

static void judge(const struct vector *vector)
{
	char *save = NULL, *save_issuers = NULL;
	char head[LINE_SIZE];
	const char *issuers[8] = { NULL };
	const char *wanted, *account, *method;
	char *list;
	struct dns_caa_query query = { .issuers = issuers };
	struct dns_caa_answer answer;
	size_t n = 0;

	(void)text_copy(head, sizeof(head), vector->head);
	wanted = strtok_r(head, " ", &save);
	query.wildcard = text_equal(strtok_r(NULL, " ", &save), "wildcard");
	list = strtok_r(NULL, " ", &save);
	account = strtok_r(NULL, " ", &save);
	method = strtok_r(NULL, " ", &save);
	assert_non_null(method);
	for (char *one = strtok_r(list, ",", &save_issuers); one; one = strtok_r(NULL, ",", &save_issuers))
		issuers[n++] = one;
	query.account_url = text_equal(account, "-") ? NULL : account;
	query.method = text_equal(method, "-") ? NULL : method;
	dns_caa_judge(vector->records, vector->count, &query, &answer);
	if (!text_equal(dns_caa_verdict_name(answer.verdict), wanted))
		fail_msg("line %u: %s (%s), not %s", vector->line, dns_caa_verdict_name(answer.verdict), answer.why, wanted);
	assert_int_equal(answer.why[0] == '\0', answer.verdict == DNS_CAA_UNRESTRICTED);
}

static void test_vectors(void **state)
{
	const char *srcdir = getenv("srcdir");
	struct vector vector = { .line = 0 };
	unsigned int line_number = 0, count = 0;
	char path[LINE_SIZE], line[LINE_SIZE];
	FILE *file;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/tests/vectors/dns/caa.txt", srcdir ? srcdir : ".");
	file = fopen(path, "r");
	assert_non_null(file);
	for (bool more = true; more;) {
		more = fgets(line, sizeof(line), file) != NULL;
		line[more ? strcspn(line, "\n") : 0] = '\0';
		line_number++;
		if (line[0] == '#')
			continue;
		if (line[0] == '\0') {
			if (vector.line > 0) {
				judge(&vector);
				count++;
			}
			vector = (struct vector){ .line = 0 };
		} else if (vector.line == 0) {
			vector.line = line_number;
			(void)text_copy(vector.head, sizeof(vector.head), line);
		} else {
			assert_true(vector.count < RECORDS_MAX);
			read_record(line, &vector.records[vector.count++]);
		}
	}
	(void)fclose(file);
	assert_true(count >= VECTORS_MIN);
}

static void test_wire(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		const char *tag;
		const char *value;
		bool critical;
	} cases[] = {
		{ "\0\5issueca.example", 17, "issue", "ca.example", false },
		{ "\200\5issueca.example", 17, "issue", "ca.example", true },
		{ "\1\5issue", 7, "issue", "", false }, /* the other bits mean nothing */
		{ "", 0, "", "", true },
		{ "\0", 1, "", "", true },
		{ "\0\0ca.example", 12, "", "", true },
		{ "\0\6issue", 7, "", "", true },
		{ "\0\377issue", 7, "", "", true },
		{ "\0\5issueca\0.example", 18, "", "", true },
	};
	unsigned char big[2 + 5 + DNS_CAA_VALUE_SIZE] = "\0\5issue";
	struct dns_caa record;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		dns_caa_parse(cases[i].data, cases[i].len, &record);
		assert_string_equal(record.tag, cases[i].tag);
		assert_string_equal(record.value, cases[i].value);
		assert_int_equal(record.critical, cases[i].critical);
	}
	memset(big + 7, 'a', DNS_CAA_VALUE_SIZE);
	dns_caa_parse(big, sizeof(big), &record);
	assert_string_equal(record.tag, "");
	assert_true(record.critical);
	dns_caa_parse(big, sizeof(big) - 1, &record);
	assert_int_equal(strlen(record.value), DNS_CAA_VALUE_SIZE - 1);
}

static void test_climb(void **state)
{
	const char *name = "a.b.example.com";

	(void)state;
	name = dns_caa_parent(name);
	assert_string_equal(name, "b.example.com");
	name = dns_caa_parent(name);
	assert_string_equal(name, "example.com");
	name = dns_caa_parent(name);
	assert_string_equal(name, "com");
	assert_null(dns_caa_parent(name));
	assert_null(dns_caa_parent("com."));
	assert_null(dns_caa_parent(""));
}

/* What a person reads of it. */
static void test_words(void **state)
{
	static const char *const issuers[] = { "letsencrypt.org", NULL };
	const struct dns_caa_query query = { .issuers = issuers };
	struct dns_caa record = { .tag = "issue", .value = "other\x1b[31m.example" };
	struct dns_caa_answer answer;

	(void)state;
	dns_caa_judge(&record, 1, &query, &answer);
	assert_int_equal(answer.verdict, DNS_CAA_FORBIDDEN);
	assert_null(strchr(answer.why, '\x1b'));
	(void)text_copy(record.value, sizeof(record.value), "other.example");
	dns_caa_judge(&record, 1, &query, &answer);
	assert_string_equal(answer.why, "it permits another CA only: issue \"other.example\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors), cmocka_unit_test(test_wire), cmocka_unit_test(test_climb), cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
