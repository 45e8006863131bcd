/* test_crypto_wipe.c: OpenSSL on top of an allocator that wipes. That nothing is left is seen from outside, in tests/system/test_privileges.py. */
#include "crypto/pkey.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"

#include <openssl/crypto.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool first;

static void test_it_was_in_time(void **state)
{
	(void)state;
	assert_true(first);
}

/* Through every branch: growing, shrinking a little and much, from nothing, to nothing. */
static void test_memory_keeps_what_it_holds(void **state)
{
	static const size_t sizes[] = { 1, 100, 99, 4000, 3000, 10, 70000, 1 };
	unsigned char *memory = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		unsigned char *moved = OPENSSL_realloc(memory, sizes[i]);

		assert_non_null(moved);
		if (i > 0)
			assert_int_equal(moved[0], 'x');
		memset(moved, 'x', sizes[i]);
		memory = moved;
	}
	assert_null(OPENSSL_realloc(memory, 0));
	OPENSSL_free(NULL);
}

static void test_keys_work(void **state)
{
	CLEANUP(buf_done) struct buf pem = BUF_SECRET(16384);
	CLEANUP(buf_done) struct buf signature = BUF(1024);
	CLEANUP(crypto_pkey_cleanup) struct pkey *key = NULL;
	CLEANUP(crypto_pkey_cleanup) struct pkey *again = NULL;
	struct error err;

	(void)state;
	assert_int_equal(crypto_pkey_generate(KEY_RSA_2048, &key, &err), 0);
	assert_int_equal(crypto_pkey_print(key, &pem, &err), 0);
	assert_int_equal(crypto_pkey_load(pem.data, pem.len, &again, &err), 0);
	assert_int_equal(crypto_pkey_sign(again, "text", 4, &signature, &err), 0);
	assert_int_equal(signature.len, 256);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_was_in_time),
		cmocka_unit_test(test_memory_keeps_what_it_holds),
		cmocka_unit_test(test_keys_work),
	};

	first = crypto_pkey_wipe_freed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
