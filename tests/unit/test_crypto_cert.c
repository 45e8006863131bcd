/* test_crypto_cert.c: reading chains. What a good one is stands in test_crypto_check.c. */
#include "crypto/cert.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "crypto/keytype.h"
#include "testca.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct cert_chain *parse(const struct buf *pem)
{
	struct cert_chain *chain = NULL;
	struct error err = { 0 };

	if (cert_chain_parse(pem->data, pem->len, &chain, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(ERR_peek_error(), 0);
	return chain;
}

static void refuse(const char *pem, size_t len, const char *expected)
{
	struct error err = { 0 };
	struct cert_chain *chain = (struct cert_chain *)&err;

	assert_int_equal(cert_chain_parse(pem, len, &chain, &err), -1);
	assert_ptr_equal(chain, &err);
	assert_int_equal(err.kind, ERROR_PROTOCOL);
	if (!strstr(err.message, expected))
		fail_msg("\"%s\" does not say \"%s\"", err.message, expected);
	assert_null(strstr(err.message, "error:"));
	assert_int_equal(ERR_peek_error(), 0);
}

static void issue(const struct testca_spec *spec, EVP_PKEY *key, struct buf *pem)
{
	struct testca_cert cert = testca_issue(spec, key, NULL);

	testca_append_pem(&cert, pem);
	testca_done(&cert);
}

static void test_rfc9773_facts(void **state)
{
	CLEANUP(buf_done) struct buf pem = BUF(8192);
	CLEANUP(cert_chain_cleanup) struct cert_chain *chain = NULL;
	struct cert_facts facts;
	struct error err = { 0 };

	(void)state;
	testca_read_vector("rfc/rfc9773-a.cert.pem", &pem);
	chain = parse(&pem);
	assert_int_equal(cert_chain_count(chain), 1);
	assert_int_equal(cert_chain_facts(chain, 0, &facts, &err), 0);
	assert_string_equal(facts.ari_id, "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
	assert_string_equal(facts.serial, "87654321");
	assert_string_equal(facts.subject, "example.com");
	assert_string_equal(facts.issuer, "Example CA");
	assert_string_equal(facts.key, "ecdsa-p256");
	assert_string_equal(facts.fingerprint, "4488f983790f68fff82e7d27dd56d8da0ee4a751db510d35e54360abad069ea2");
	assert_true(facts.not_before_at == -62135596800); /* 0001-01-01 */
	assert_true(facts.not_after_at == -62135596800);
	assert_int_equal(cert_chain_facts(chain, 1, &facts, &err), -1);
	assert_int_equal(ERR_peek_error(), 0);
}

static void test_odd_facts(void **state)
{
	static const struct {
		const char *serial, *text;
	} serials[] = { { "0", "00" }, { "-1", "-01" }, { "-80", "-80" }, { "80", "80" },
			{ "7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", "7fffffffffffffffffffffffffffffffffffffff" } };
	struct error err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(serials); i++) {
		CLEANUP(buf_done) struct buf pem = BUF(8192);
		CLEANUP(cert_chain_cleanup) struct cert_chain *chain = NULL;
		struct cert_facts facts;

		issue(&(struct testca_spec){ .serial = serials[i].serial }, NULL, &pem);
		chain = parse(&pem);
		assert_int_equal(cert_chain_facts(chain, 0, &facts, &err), 0);
		assert_string_equal(facts.serial, serials[i].text);
		assert_string_equal(facts.subject, "");
		assert_string_equal(facts.issuer, "");
		assert_string_equal(facts.ari_id, ""); /* no authority key identifier */
		assert_int_equal(facts.not_before_at, 1767225600);
		assert_int_equal(facts.not_after_at, 1798761600);
	}
}

static void test_serial_beyond_reason(void **state)
{
	CLEANUP(buf_done) struct buf pem = BUF(8192);
	CLEANUP(cert_chain_cleanup) struct cert_chain *chain = NULL;
	struct cert_facts facts;
	struct error err = { 0 };
	char serial[129];

	(void)state;
	memset(serial, '7', sizeof(serial) - 1);
	serial[sizeof(serial) - 1] = '\0';
	issue(&(struct testca_spec){ .serial = serial }, NULL, &pem);
	chain = parse(&pem);
	assert_int_equal(cert_chain_facts(chain, 0, &facts, &err), -1);
	assert_int_equal(err.kind, ERROR_PROTOCOL);
	assert_non_null(strstr(err.message, "serial number has 64 octets"));
}

static void test_names_of_people_and_terminals(void **state)
{
	CLEANUP(buf_done) struct buf pem = BUF(8192);
	CLEANUP(cert_chain_cleanup) struct cert_chain *chain = NULL;
	struct cert_facts facts;
	struct error err = { 0 };

	(void)state;
	issue(&(struct testca_spec){ .cn = "\x1b[31mM\xc3\xbcller\n" }, testca_key("RSA-2048"), &pem);
	chain = parse(&pem);
	assert_int_equal(cert_chain_facts(chain, 0, &facts, &err), 0);
	assert_string_equal(facts.subject, "?[31mM\xc3\xbcller?");
	assert_string_equal(facts.key, "rsa-2048");
}

static void test_print_gives_back_the_same_octets(void **state)
{
	CLEANUP(buf_done) struct buf pem = BUF(32 * 1024);
	CLEANUP(buf_done) struct buf crlf = BUF(32 * 1024);
	CLEANUP(buf_done) struct buf out = BUF(32 * 1024);
	CLEANUP(cert_chain_cleanup) struct cert_chain *chain = NULL;
	struct error err = { 0 };
	size_t first_len;

	(void)state;
	issue(&(struct testca_spec){ .cn = "a" }, NULL, &pem);
	first_len = pem.len;
	issue(&(struct testca_spec){ .cn = "b" }, NULL, &pem);
	issue(&(struct testca_spec){ .cn = "c" }, NULL, &pem);
	for (size_t i = 0; i + 1 < pem.len; i++) {
		if (pem.data[i] == '\n')
			buf_append_char(&crlf, '\r');
		buf_append_char(&crlf, pem.data[i]);
	}
	chain = parse(&crlf); /* CRLF, and no end of the last line */
	assert_int_equal(cert_chain_count(chain), 3);
	assert_int_equal(cert_chain_print(chain, 0, 3, &out, &err), 0);
	assert_string_equal(out.data, pem.data);
	buf_reset(&out);
	assert_int_equal(cert_chain_print(chain, 1, 2, &out, &err), 0);
	assert_string_equal(out.data, pem.data + first_len);
	buf_reset(&out);
	assert_int_equal(cert_chain_print(chain, 3, 0, &out, &err), 0);
	assert_int_equal(out.len, 0);
	assert_int_equal(cert_chain_print(chain, 1, 3, &out, &err), -1);
	assert_int_equal(cert_chain_print(chain, 4, 0, &out, &err), -1);
	assert_int_equal(cert_chain_print(chain, 1, SIZE_MAX, &out, &err), -1);
}

static void test_refuses_pem_that_is_not_strict(void **state)
{
	CLEANUP(buf_done) struct buf good = BUF(8192);
	CLEANUP(buf_done) struct buf bad = BUF(512 * 1024);

	(void)state;
	issue(&(struct testca_spec){ .cn = "a" }, NULL, &good);
	refuse("", 0, "the certificate chain is empty");
	refuse("\n\n", 2, "the certificate chain is empty");
	refuse("<html>", 6, "not strict PEM");
	refuse(good.data, good.len - 20, "not strict PEM");

	buf_append_text(&bad, "subject=CN = a\n");
	buf_append(&bad, good.data, good.len);
	refuse(bad.data, bad.len, "line 1 is not");

	buf_reset(&bad);
	buf_append(&bad, good.data, good.len);
	buf_append(&bad, "\0", 1);
	refuse(bad.data, bad.len, "not strict PEM");

	buf_reset(&bad);
	for (int i = 0; i <= CERT_CHAIN_MAX; i++)
		buf_append(&bad, good.data, good.len);
	refuse(bad.data, bad.len, "more than 10 certificates");

	buf_reset(&bad);
	for (size_t i = 0; i <= CERT_PEM_MAX; i++)
		buf_append_char(&bad, '\n');
	refuse(bad.data, bad.len, "more than the 262144 permitted");

	refuse("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", 54, "is empty");
	refuse("-----BEGIN TRUSTED CERTIFICATE-----\nMAA=\n-----END TRUSTED CERTIFICATE-----\n", 77, "another kind");
	refuse("-----BEGIN X509 CERTIFICATE-----\nMAA=\n-----END X509 CERTIFICATE-----\n", 71, "another kind");
	refuse("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", 59,
	       "certificate 1 of the chain is refused: it is not well formed");
}

/* The DER of a certificate as PEM, after a change. */
static void refuse_der(const unsigned char *der, size_t len, const char *expected)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long text_len;

	assert_true(PEM_write_bio(bio, "CERTIFICATE", "", der, (long)len) > 0);
	text_len = BIO_get_mem_data(bio, &text);
	refuse(text, (size_t)text_len, expected);
	BIO_free(bio);
}

static void test_refuses_der_with_more_or_less(void **state)
{
	struct testca_cert cert = testca_issue(&(struct testca_spec){ .cn = "a" }, NULL, NULL);
	unsigned char *der = NULL, *more;
	size_t len = (size_t)i2d_X509(cert.x509, &der);

	(void)state;
	more = calloc(1, len + 1);
	memcpy(more, der, len);
	refuse_der(more, len + 1, "it is not well formed");
	for (size_t cut = 1; cut < len; cut += 7)
		refuse_der(der, len - cut, "it is not well formed");
	free(more);
	OPENSSL_free(der);
	testca_done(&cert);
}

static void test_every_flipped_octet_is_survived(void **state)
{
	struct testca_cert cert = testca_issue(&(struct testca_spec){ .cn = "a", .ca = true }, NULL, NULL);
	unsigned char *der = NULL;
	size_t len = (size_t)i2d_X509(cert.x509, &der);

	(void)state;
	for (size_t i = 0; i < len; i++) {
		CLEANUP(cert_chain_cleanup) struct cert_chain *chain = NULL;
		struct crypto_public pub;
		struct cert_facts facts;
		struct error err = { 0 };
		BIO *bio = BIO_new(BIO_s_mem());
		char *text;
		long text_len;

		der[i] ^= 0xff;
		assert_true(PEM_write_bio(bio, "CERTIFICATE", "", der, (long)len) > 0);
		der[i] ^= 0xff;
		text_len = BIO_get_mem_data(bio, &text);
		if (cert_chain_parse(text, (size_t)text_len, &chain, &err) == 0) {
			cert_chain_facts(chain, 0, &facts, &err);
			cert_chain_public(chain, &pub, &err);
		}
		assert_int_equal(ERR_peek_error(), 0);
		BIO_free(bio);
	}
	OPENSSL_free(der);
	testca_done(&cert);
}

/* Issued by an ordinary CA for a hostile key. */
static void issue_for(EVP_PKEY *key, struct buf *pem)
{
	struct testca_cert ca = testca_issue(&(struct testca_spec){ .cn = "CA", .ca = true }, NULL, NULL);
	struct testca_cert cert = testca_issue(&(struct testca_spec){ .cn = "a" }, key, &ca);

	testca_append_pem(&cert, pem);
	testca_done(&cert);
	testca_done(&ca);
}

static void test_hostile_keys(void **state)
{
	CLEANUP(buf_done) struct buf pem = BUF(64 * 1024);

	(void)state;
	issue_for(testca_explicit_key(), &pem);
	refuse(pem.data, pem.len, "its elliptic curve has no name");

	buf_reset(&pem);
	issue_for(testca_rsa_number(16384), &pem);
	refuse(pem.data, pem.len, "more than 8192 bits");

	buf_reset(&pem);
	issue_for(testca_rsa_number(65536), &pem);
	refuse(pem.data, pem.len, "its public key is too large");
}

static void test_keys_of_no_known_type(void **state)
{
	EVP_PKEY *keys[] = { testca_key("ED25519"), testca_key("P-521"), testca_rsa_number(8192), testca_rsa_number(1024) };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		CLEANUP(buf_done) struct buf pem = BUF(64 * 1024);
		CLEANUP(cert_chain_cleanup) struct cert_chain *chain = NULL;
		struct crypto_public pub;
		struct cert_facts facts;
		struct error err = { 0 };

		issue_for(keys[i], &pem);
		chain = parse(&pem);
		assert_int_equal(cert_chain_facts(chain, 0, &facts, &err), 0);
		assert_string_equal(facts.key, "other");
		assert_int_equal(cert_chain_public(chain, &pub, &err), -1);
		assert_non_null(strstr(err.message, "none of ecdsa-p256"));
	}
}

static void test_fingerprint(void **state)
{
	char out[CERT_FINGERPRINT_SIZE];

	(void)state;
	cert_fingerprint("abc", 3, out);
	assert_string_equal(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* LEAF <- Sub <- Top, where Top's issuer is Root: as PEM without the root, as CAs send it. */
static void make_chains(struct buf *ret_long, struct buf *ret_short, char fingerprint[static CERT_FINGERPRINT_SIZE])
{
	struct testca_cert root = testca_issue(&(struct testca_spec){ .cn = "Root X1", .ca = true }, NULL, NULL);
	struct testca_cert top = testca_issue(&(struct testca_spec){ .cn = "Root X2", .ca = true }, NULL, &root);
	struct testca_cert sub = testca_issue(&(struct testca_spec){ .cn = "Sub E1", .ca = true }, NULL, &top);
	struct testca_cert leaf = testca_issue(&(struct testca_spec){ .cn = "a.example" }, NULL, &sub);
	unsigned char *der = NULL;
	int len = i2d_X509(sub.x509, &der);

	testca_append_pem(&leaf, ret_long);
	testca_append_pem(&sub, ret_long);
	buf_append(ret_short, ret_long->data, ret_long->len);
	testca_append_pem(&top, ret_long);
	cert_fingerprint(der, (size_t)len, fingerprint);
	OPENSSL_free(der);
	testca_done(&leaf);
	testca_done(&sub);
	testca_done(&top);
	testca_done(&root);
}

static void test_which_chain_is_preferred(void **state)
{
	CLEANUP(buf_done) struct buf long_pem = BUF(32768);
	CLEANUP(buf_done) struct buf short_pem = BUF(32768);
	CLEANUP(cert_chain_cleanup) struct cert_chain *to_x1 = NULL;
	CLEANUP(cert_chain_cleanup) struct cert_chain *to_x2 = NULL;
	char fingerprint[CERT_FINGERPRINT_SIZE], colons[2 * CERT_FINGERPRINT_SIZE] = "";
	struct error err;

	(void)state;
	make_chains(&long_pem, &short_pem, fingerprint);
	assert_int_equal(cert_chain_parse(long_pem.data, long_pem.len, &to_x1, &err), 0);
	assert_int_equal(cert_chain_parse(short_pem.data, short_pem.len, &to_x2, &err), 0);
	assert_int_equal(cert_chain_prefer(to_x1, "Root X1"), CERT_PREFERENCE_END);
	assert_int_equal(cert_chain_prefer(to_x1, "root x1"), CERT_PREFERENCE_END);
	assert_int_equal(cert_chain_prefer(to_x2, "Root X1"), CERT_PREFERENCE_NONE);
	/* X2 is in both; the one that ends there is more what is meant. */
	assert_int_equal(cert_chain_prefer(to_x1, "Root X2"), CERT_PREFERENCE_PART);
	assert_int_equal(cert_chain_prefer(to_x2, "Root X2"), CERT_PREFERENCE_END);
	assert_int_equal(cert_chain_prefer(to_x1, "Sub E1"), CERT_PREFERENCE_PART);
	assert_int_equal(cert_chain_prefer(to_x1, "Sub"), CERT_PREFERENCE_NONE);
	assert_int_equal(cert_chain_prefer(to_x1, ""), CERT_PREFERENCE_NONE);
	assert_int_equal(cert_chain_prefer(to_x1, ":"), CERT_PREFERENCE_NONE);
	assert_int_equal(cert_chain_prefer(to_x1, fingerprint), CERT_PREFERENCE_PART);
	for (size_t i = 0; fingerprint[i] != '\0'; i += 2)
		snprintf(colons + strlen(colons), 4, "%s%c%c", i > 0 ? ":" : "", fingerprint[i], fingerprint[i + 1] >= 'a' ?
		         fingerprint[i + 1] - 32 : fingerprint[i + 1]);
	assert_int_equal(cert_chain_prefer(to_x2, colons), CERT_PREFERENCE_PART);
	fingerprint[10] = fingerprint[10] == '0' ? '1' : '0';
	assert_int_equal(cert_chain_prefer(to_x2, fingerprint), CERT_PREFERENCE_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc9773_facts),
		cmocka_unit_test(test_odd_facts),
		cmocka_unit_test(test_serial_beyond_reason),
		cmocka_unit_test(test_names_of_people_and_terminals),
		cmocka_unit_test(test_print_gives_back_the_same_octets),
		cmocka_unit_test(test_refuses_pem_that_is_not_strict),
		cmocka_unit_test(test_refuses_der_with_more_or_less),
		cmocka_unit_test(test_every_flipped_octet_is_survived),
		cmocka_unit_test(test_hostile_keys),
		cmocka_unit_test(test_keys_of_no_known_type),
		cmocka_unit_test(test_fingerprint),
		cmocka_unit_test(test_which_chain_is_preferred),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
