/* test_crypto_keytype.c */
#include "crypto/keytype.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_names(void **state)
{
	static const char *const expected[] = { "ecdsa-p256", "ecdsa-p384", "rsa-2048", "rsa-3072", "rsa-4096" };
	static const char *const algorithms[] = { "ES256", "ES384", "RS256", "RS256", "RS256" };
	enum key_type type;

	(void)state;
	for (size_t i = 0; i < KEY_TYPE_COUNT; i++) {
		assert_string_equal(key_type_name((enum key_type)i), expected[i]);
		assert_string_equal(key_type_names()[i], expected[i]);
		assert_string_equal(key_type_jws_algorithm((enum key_type)i), algorithms[i]);
		assert_int_equal(key_type_parse(expected[i], &type), 0);
		assert_int_equal(type, i);
	}
	assert_null(key_type_names()[KEY_TYPE_COUNT]);
	assert_string_equal(key_family_name(key_type_family(KEY_ECDSA_P384)), "ecdsa");
	assert_string_equal(key_family_name(key_type_family(KEY_RSA_2048)), "rsa");

	type = KEY_RSA_3072;
	assert_int_equal(key_type_parse("rsa-1024", &type), -1);
	assert_int_equal(key_type_parse("RSA-2048", &type), -1);
	assert_int_equal(key_type_parse("", &type), -1);
	assert_int_equal(type, KEY_RSA_3072);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
