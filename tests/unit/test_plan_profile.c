/* test_plan_profile.c */
#include "plan/profile.h"

#include "base/error.h"
#include "base/ident.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PRODUCTION "https://acme-v02.api.letsencrypt.org/directory"
#define STAGING "https://acme-staging-v02.api.letsencrypt.org/directory"

static char text[512];

static void add(struct ident_list *list, const char *value)
{
	struct ident ident;
	struct error err;

	assert_int_equal(ident_parse(value, &ident, &err), 0);
	assert_int_equal(ident_list_add(list, &ident, &err), 0);
}

static struct ident_list names_of(int count)
{
	struct ident_list list = { 0 };

	for (int i = 0; i < count; i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%d.example", i);
		add(&list, name);
	}
	return list;
}

static void test_how_many_names(void **state)
{
	static const struct {
		const char *directory_url;
		const char *profile;
		int names;
		bool refuses;
	} rows[] = {
		{ PRODUCTION, NULL, 100, false },        { PRODUCTION, "classic", 100, false },
		{ PRODUCTION, "tlsserver", 25, false },  { PRODUCTION, "tlsserver", 26, true },
		{ STAGING, "shortlived", 26, true },     { STAGING, "shortlived", 25, false },
		{ PRODUCTION, "new", 100, false },       { "https://ca.example/", "tlsserver", 100, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ident_list list = names_of(rows[i].names);

		assert_int_equal(plan_profile_refuses(rows[i].directory_url, rows[i].profile, &list, text, sizeof(text)),
		                 rows[i].refuses);
		if (rows[i].refuses)
			assert_non_null(strstr(text, "25"));
		ident_list_done(&list);
	}
}

static void test_addresses(void **state)
{
	struct ident_list list = names_of(1);

	(void)state;
	add(&list, "192.0.2.1");
	assert_true(plan_profile_refuses(PRODUCTION, NULL, &list, text, sizeof(text)));
	assert_non_null(strstr(text, "192.0.2.1"));
	assert_true(plan_profile_refuses(PRODUCTION, "tlsserver", &list, text, sizeof(text)));
	assert_false(plan_profile_refuses(PRODUCTION, "shortlived", &list, text, sizeof(text)));
	ident_list_done(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_how_many_names),
		cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
