/* test_crypto_csr.c */
#include "crypto/csr.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/ident.h"
#include "crypto/pkey.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void add(struct ident_list *list, const char *text)
{
	struct ident ident;
	struct error err = { 0 };

	assert_int_equal(ident_parse(text, &ident, &err), 0);
	assert_int_equal(ident_list_add(list, &ident, &err), 0);
}

static void expect_name(const GENERAL_NAME *name, int kind, const char *data, size_t len)
{
	const ASN1_STRING *value;
	int seen;

	value = GENERAL_NAME_get0_value(name, &seen);
	assert_int_equal(seen, kind);
	assert_int_equal(ASN1_STRING_length(value), len);
	assert_memory_equal(ASN1_STRING_get0_data(value), data, len);
}

static void try_type(enum key_type type, int signature_nid)
{
	CLEANUP(crypto_pkey_cleanup) struct pkey *key = NULL;
	CLEANUP(ident_list_done) struct ident_list idents = { 0 };
	CLEANUP(buf_done) struct buf der = BUF(16 * 1024);
	struct error err = { 0 };
	const unsigned char *at;
	STACK_OF(X509_EXTENSION) *extensions;
	GENERAL_NAMES *names;
	X509_REQ *request;

	add(&idents, "example.com");
	add(&idents, "*.example.com");
	add(&idents, "192.0.2.1");
	add(&idents, "2001:db8::1");
	assert_int_equal(crypto_pkey_generate(type, &key, &err), 0);
	assert_int_equal(csr_create(key, &idents, &der, &err), 0);
	assert_int_equal(ERR_peek_error(), 0);

	at = (const unsigned char *)der.data;
	request = d2i_X509_REQ(NULL, &at, (long)der.len);
	assert_non_null(request);
	assert_ptr_equal(at, der.data + der.len);
	assert_int_equal(X509_REQ_verify(request, crypto_pkey_handle(key)), 1);
	assert_int_equal(X509_REQ_get_version(request), X509_REQ_VERSION_1);
	assert_int_equal(X509_REQ_get_signature_nid(request), signature_nid);
	assert_int_equal(X509_NAME_entry_count(X509_REQ_get_subject_name(request)), 0);

	extensions = X509_REQ_get_extensions(request);
	assert_int_equal(sk_X509_EXTENSION_num(extensions), 1);
	names = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
	assert_int_equal(sk_GENERAL_NAME_num(names), 4);
	expect_name(sk_GENERAL_NAME_value(names, 0), GEN_DNS, "example.com", 11);
	expect_name(sk_GENERAL_NAME_value(names, 1), GEN_DNS, "*.example.com", 13);
	expect_name(sk_GENERAL_NAME_value(names, 2), GEN_IPADD, "\xc0\x00\x02\x01", 4);
	expect_name(sk_GENERAL_NAME_value(names, 3), GEN_IPADD, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16);
	GENERAL_NAMES_free(names);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	X509_REQ_free(request);
}

static void test_requests(void **state)
{
	(void)state;
	try_type(KEY_ECDSA_P256, NID_ecdsa_with_SHA256);
	try_type(KEY_ECDSA_P384, NID_ecdsa_with_SHA384);
	try_type(KEY_RSA_2048, NID_sha256WithRSAEncryption);
}

static void test_a_hundred_names(void **state)
{
	CLEANUP(crypto_pkey_cleanup) struct pkey *key = NULL;
	CLEANUP(ident_list_done) struct ident_list idents = { 0 };
	CLEANUP(buf_done) struct buf der = BUF(64 * 1024);
	struct error err = { 0 };

	(void)state;
	for (int i = 0; i < IDENT_LIST_MAX; i++) {
		char text[64];

		snprintf(text, sizeof(text), "n%d.example.com", i);
		add(&idents, text);
	}
	assert_int_equal(crypto_pkey_generate(KEY_ECDSA_P256, &key, &err), 0);
	assert_int_equal(csr_create(key, &idents, &der, &err), 0);
}

static void test_refuses(void **state)
{
	CLEANUP(crypto_pkey_cleanup) struct pkey *key = NULL;
	CLEANUP(ident_list_done) struct ident_list idents = { 0 };
	CLEANUP(buf_done) struct buf small = BUF(16);
	struct error err = { 0 };

	(void)state;
	assert_int_equal(crypto_pkey_generate(KEY_ECDSA_P256, &key, &err), 0);
	assert_int_equal(csr_create(key, &idents, &small, &err), -1);
	add(&idents, "example.com");
	assert_int_equal(csr_create(key, &idents, &small, &err), -1);
	assert_int_equal(small.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_a_hundred_names),
		cmocka_unit_test(test_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
