/* test_base_address.c */
#include "base/address.h"

#include "base/strv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_reach(void **state)
{
	static const struct {
		const char *address;
		enum address_reach reach;
	} rows[] = {
		{ "127.0.0.1", ADDRESS_LOOPBACK },       { "127.255.3.4", ADDRESS_LOOPBACK },  { "0.0.0.0", ADDRESS_LOOPBACK },
		{ "::1", ADDRESS_LOOPBACK },             { "::", ADDRESS_LOOPBACK },           { "::ffff:127.0.0.1", ADDRESS_LOOPBACK },
		{ "10.0.0.1", ADDRESS_PRIVATE },         { "172.15.0.1", ADDRESS_PUBLIC },     { "172.16.0.0", ADDRESS_PRIVATE },
		{ "172.31.255.255", ADDRESS_PRIVATE },   { "172.32.0.0", ADDRESS_PUBLIC },     { "192.168.1.1", ADDRESS_PRIVATE },
		{ "192.167.1.1", ADDRESS_PUBLIC },       { "169.254.169.254", ADDRESS_PRIVATE }, { "100.63.0.1", ADDRESS_PUBLIC },
		{ "100.64.0.1", ADDRESS_PRIVATE },       { "100.127.255.255", ADDRESS_PRIVATE }, { "100.128.0.1", ADDRESS_PUBLIC },
		{ "192.0.2.1", ADDRESS_RESERVED },       { "198.51.100.9", ADDRESS_RESERVED }, { "203.0.113.255", ADDRESS_RESERVED },
		{ "198.17.0.1", ADDRESS_PUBLIC },        { "198.19.0.1", ADDRESS_RESERVED },   { "224.0.0.1", ADDRESS_RESERVED },
		{ "255.255.255.255", ADDRESS_RESERVED }, { "223.255.255.255", ADDRESS_PUBLIC }, { "1.1.1.1", ADDRESS_PUBLIC },
		{ "::ffff:10.0.0.1", ADDRESS_PRIVATE },  { "fc00::1", ADDRESS_PRIVATE },       { "fdff::1", ADDRESS_PRIVATE },
		{ "fe80::1", ADDRESS_PRIVATE },          { "febf::1", ADDRESS_PRIVATE },       { "fec0::1", ADDRESS_RESERVED },
		{ "ff02::1", ADDRESS_RESERVED },         { "2001:db8::1", ADDRESS_RESERVED },  { "2001:0:1::1", ADDRESS_RESERVED },
		{ "2001:200::1", ADDRESS_PUBLIC },       { "2606:4700:4700::1111", ADDRESS_PUBLIC }, { "3fff:fff::1", ADDRESS_RESERVED },
		{ "3ffe::1", ADDRESS_PUBLIC },           { "4000::1", ADDRESS_RESERVED },      { "64:ff9b::1.2.3.4", ADDRESS_RESERVED },
		{ "a.example", ADDRESS_RESERVED },       { "", ADDRESS_RESERVED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (address_reach(rows[i].address) != rows[i].reach)
			fail_msg("%s is %s", rows[i].address, address_reach_name(address_reach(rows[i].address)));
	}
	assert_string_equal(address_reach_name(ADDRESS_PRIVATE), "a private address");
}

static void test_local(void **state)
{
	struct strv local = STRV(64), none = STRV(0);

	(void)state;
	address_list_local(&local);
	for (size_t i = 0; i < local.count; i++)
		assert_true(address_is_local(local.items[i], &local));
	assert_true(address_is_local("127.9.9.9", &local));
	assert_true(address_is_local("::1", &local));
	assert_false(address_is_local("192.0.2.1", &local));
	/* What does not fit is left out. */
	address_list_local(&none);
	assert_int_equal(none.count, 0);
	assert_false(none.failed);
	strv_done(&local);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reach),
		cmocka_unit_test(test_local),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
