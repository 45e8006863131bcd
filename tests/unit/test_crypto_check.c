/* test_crypto_check.c: what a CA sends is for this key, these names, now, or it is refused. */
#include "crypto/cert.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/ident.h"
#include "crypto/keytype.h"
#include "crypto/openssl.h"
#include "testca.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define DAY ((int64_t)86400)

static const struct testca_name two_names[] = {
	{ GEN_DNS, "example.com", 0 },
	{ GEN_DNS, "www.example.com", 0 },
};

/* A root, an intermediate below it and a leaf, any of which a test may have made otherwise. */
struct pki {
	struct testca_spec root_spec, middle_spec, leaf_spec;
	struct testca_cert root, middle, leaf;
	struct buf pem;
	struct ident_list idents;
	struct crypto_public key;
};

static void want(struct ident_list *list, const char *text)
{
	struct ident ident;
	struct error err = { 0 };

	if (ident_parse(text, &ident, &err) < 0 || ident_list_add(list, &ident, &err) < 0)
		fail_msg("%s: %s", text, err.message);
}

static void start(struct pki *pki)
{
	*pki = (struct pki){
		.root_spec = { .cn = "Root", .ca = true, .key_usage = "critical,keyCertSign,cRLSign" },
		.middle_spec = { .cn = "Middle", .ca = true, .path = "0", .key_usage = "critical,keyCertSign,cRLSign" },
		.leaf_spec = { .names = two_names, .name_count = 2, .key_usage = "critical,digitalSignature",
			       .extended_key_usage = "serverAuth" },
		.pem = BUF(CERT_PEM_MAX),
	};
}

static void issue(struct pki *pki, EVP_PKEY *leaf_key)
{
	struct error err = { 0 };

	pki->root = testca_issue(&pki->root_spec, NULL, NULL);
	pki->middle = testca_issue(&pki->middle_spec, NULL, &pki->root);
	pki->leaf = testca_issue(&pki->leaf_spec, leaf_key, &pki->middle);
	assert_int_equal(openssl_key_public(pki->leaf.key, &pki->key, &err), 0);
	testca_append_pem(&pki->leaf, &pki->pem);
	testca_append_pem(&pki->middle, &pki->pem);
}

static void finish(struct pki *pki)
{
	testca_done(&pki->root);
	testca_done(&pki->middle);
	testca_done(&pki->leaf);
	buf_done(&pki->pem);
	ident_list_done(&pki->idents);
}

static int check(const struct pki *pki, int64_t now_at, struct error *err)
{
	CLEANUP(cert_chain_cleanup) struct cert_chain *chain = NULL;
	int r;

	error_clear(err);
	if (cert_chain_parse(pki->pem.data, pki->pem.len, &chain, err) < 0)
		return -1;
	r = cert_chain_check(chain, &pki->key, &pki->idents, now_at, 300, err);
	assert_int_equal(ERR_peek_error(), 0);
	return r;
}

static void accept_chain(const struct pki *pki)
{
	struct error err;

	if (check(pki, TESTCA_NOW, &err) < 0)
		fail_msg("%s", err.message);
}

static void refuse_at(const struct pki *pki, int64_t now_at, const char *expected)
{
	struct error err;

	assert_int_equal(check(pki, now_at, &err), -1);
	assert_int_equal(err.kind, ERROR_PROTOCOL);
	if (!strstr(err.message, expected))
		fail_msg("\"%s\" does not say \"%s\"", err.message, expected);
	assert_null(strstr(err.message, "error:"));
}

static void refuse(const struct pki *pki, const char *expected)
{
	refuse_at(pki, TESTCA_NOW, expected);
}

/* A leaf with these names, an order for those. NULL: accepted; else the refusal. */
static void try_names(const struct testca_name *names, size_t count, const char *const *wanted, const char *refusal)
{
	struct pki pki;

	start(&pki);
	pki.leaf_spec.names = names;
	pki.leaf_spec.name_count = count;
	issue(&pki, NULL);
	for (; *wanted; wanted++)
		want(&pki.idents, *wanted);
	if (refusal)
		refuse(&pki, refusal);
	else
		accept_chain(&pki);
	finish(&pki);
}

#define WANTED(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void test_good_chains(void **state)
{
	struct pki pki;

	(void)state;
	start(&pki);
	issue(&pki, NULL);
	want(&pki.idents, "www.example.com");
	want(&pki.idents, "example.com");
	accept_chain(&pki);
	/* With the root, which is usually left out. */
	testca_append_pem(&pki.root, &pki.pem);
	accept_chain(&pki);
	finish(&pki);
}

static void test_all_types_of_keys(void **state)
{
	static const char *const kinds[] = { "P-384", "RSA-2048" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct pki pki;

		start(&pki);
		issue(&pki, testca_key(kinds[i]));
		want(&pki.idents, "www.example.com");
		want(&pki.idents, "example.com");
		accept_chain(&pki);
		finish(&pki);
	}
}

static void test_another_key(void **state)
{
	EVP_PKEY *others[] = { testca_key("P-256"), testca_key("P-384"), testca_key("RSA-2048") };
	struct error err = { 0 };
	struct pki pki;

	(void)state;
	start(&pki);
	issue(&pki, NULL);
	want(&pki.idents, "www.example.com");
	want(&pki.idents, "example.com");
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		assert_int_equal(openssl_key_public(others[i], &pki.key, &err), 0);
		refuse(&pki, "for another key");
		EVP_PKEY_free(others[i]);
	}
	finish(&pki);
}

static void test_names_must_be_exactly_these(void **state)
{
	static const struct testca_name wildcard[] = { { GEN_DNS, "*.example.com", 0 } };
	static const struct testca_name shouting[] = { { GEN_DNS, "Example.COM", 0 }, { GEN_DNS, "WWW.example.com", 0 } };
	static const struct testca_name twice[] = { { GEN_DNS, "example.com", 0 }, { GEN_DNS, "example.com", 0 } };
	static const struct testca_name mail[] = { { GEN_DNS, "example.com", 0 }, { GEN_EMAIL, "a@example.com", 0 } };

	(void)state;
	try_names(two_names, 2, WANTED("example.com", "www.example.com"), NULL);
	try_names(two_names, 1, WANTED("example.com", "www.example.com"), "not for www.example.com, which was asked for");
	try_names(two_names, 2, WANTED("example.com"), "also for www.example.com, which was not asked for");
	try_names(two_names, 2, WANTED("example.org"), "not for example.org");
	try_names(wildcard, 1, WANTED("*.example.com"), NULL);
	try_names(wildcard, 1, WANTED("www.example.com"), "not for www.example.com");
	try_names(two_names + 1, 1, WANTED("*.example.com"), "not for *.example.com");
	try_names(shouting, 2, WANTED("example.com", "www.example.com"), NULL);
	try_names(twice, 2, WANTED("example.com"), NULL);
	try_names(mail, 2, WANTED("example.com"), NULL);
	try_names(mail + 1, 1, WANTED("example.com"), "not for example.com");
	try_names(NULL, 0, WANTED("example.com"), "not for example.com");
}

static void test_addresses(void **state)
{
	static const struct testca_name both[] = {
		{ GEN_IPADD, "\xc0\x00\x02\x01", 4 },
		{ GEN_IPADD, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16 },
	};
	static const struct testca_name text[] = { { GEN_DNS, "192.0.2.1", 0 } };
	static const struct testca_name odd[] = { { GEN_IPADD, "\xc0\x00\x02", 3 } };

	(void)state;
	try_names(both, 2, WANTED("192.0.2.1", "2001:db8::1"), NULL);
	try_names(both, 2, WANTED("192.0.2.1"), "also for 2001:db8::1");
	try_names(both, 1, WANTED("192.0.2.2"), "not for 192.0.2.2");
	try_names(text, 1, WANTED("192.0.2.1"), "192.0.2.1");
	try_names(odd, 1, WANTED("192.0.2.1"), "an IP address of 3 octets");
}

static void test_hostile_names(void **state)
{
	static const struct testca_name nul[] = { { GEN_DNS, "example.com\0.evil.org", 21 } };
	static const struct testca_name dot[] = { { GEN_DNS, "example.com.", 0 } };
	static const struct testca_name unicode[] = { { GEN_DNS, "b\xc3\xbc" "cher.example", 0 } };
	static const struct testca_name escape[] = { { GEN_DNS, "\x1b[31m.example", 0 } };
	static const struct testca_name space[] = { { GEN_DNS, " example.com", 0 } };
	static const struct testca_name nothing[] = { { GEN_DNS, "\0", 1 } };
	static char octets[4000];
	const struct testca_name huge[] = { { GEN_DNS, octets, sizeof(octets) } };

	(void)state;
	memset(octets, 'a', sizeof(octets));
	try_names(nul, 1, WANTED("example.com"), "NUL character");
	try_names(dot, 1, WANTED("example.com"), "example.com.");
	try_names(unicode, 1, WANTED("xn--bcher-kva.example"), "which is none");
	try_names(escape, 1, WANTED("example.com"), "a name that is none");
	try_names(space, 1, WANTED("example.com"), "is none");
	try_names(nothing, 1, WANTED("example.com"), "NUL character");
	try_names(huge, 1, WANTED("example.com"), "a DNS name of 4000 octets");
}

static void test_thousands_of_names(void **state)
{
	static struct testca_name names[5000];
	static char texts[5000][24];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(texts[i], sizeof(texts[i]), "n%zu.example.com", i);
		names[i] = (struct testca_name){ GEN_DNS, texts[i], 0 };
	}
	try_names(names, ARRAY_SIZE(names), WANTED("n0.example.com"), "the certificate's names");
}

static void test_common_name_alone_is_no_name(void **state)
{
	struct pki pki;

	(void)state;
	start(&pki);
	pki.leaf_spec.cn = "example.com";
	pki.leaf_spec.name_count = 0;
	issue(&pki, NULL);
	want(&pki.idents, "example.com");
	refuse(&pki, "not for example.com");
	finish(&pki);
}

static void test_dates(void **state)
{
	const int64_t from = 1767225600, to = 1798761600;
	struct error err;
	struct pki pki;

	(void)state;
	start(&pki);
	issue(&pki, NULL);
	want(&pki.idents, "example.com");
	want(&pki.idents, "www.example.com");
	assert_int_equal(check(&pki, from, &err), 0);
	assert_int_equal(check(&pki, from - 300, &err), 0); /* a clock that is behind */
	refuse_at(&pki, from - 301, "certificate 1 of the chain is not valid yet: it begins 2026-01-01T00:00:00Z");
	assert_int_equal(check(&pki, to - 1, &err), 0);
	refuse_at(&pki, to, "certificate 1 of the chain has expired: it was valid until 2027-01-01T00:00:00Z");
	refuse_at(&pki, -DAY, ", now is 1969-12-31T00:00:00Z");
	assert_int_equal(check(&pki, to, &err), -1);
	assert_non_null(strstr(err.advice, "clock"));
	finish(&pki);
}

/* The leaf, then the intermediate, with these dates. */
static void try_dates(int64_t from, int64_t to, int64_t now_at, const char *what)
{
	for (int i = 0; i < 2; i++) {
		struct testca_spec *spec;
		char expected[128];
		struct pki pki;

		start(&pki);
		spec = i == 0 ? &pki.leaf_spec : &pki.middle_spec;
		spec->not_before_at = from;
		spec->not_after_at = to;
		issue(&pki, NULL);
		want(&pki.idents, "example.com");
		want(&pki.idents, "www.example.com");
		snprintf(expected, sizeof(expected), "certificate %d of the chain %s", i + 1, what);
		refuse_at(&pki, now_at, expected);
		finish(&pki);
	}
}

static void test_odd_dates(void **state)
{
	(void)state;
	try_dates(TESTCA_NOW + DAY, TESTCA_NOW - DAY, TESTCA_NOW, "ends (2026-06-30T00:00:00Z) before it begins");
	try_dates(TESTCA_NOW, TESTCA_NOW, TESTCA_NOW, "ends");
	try_dates(TESTCA_NOW - 2 * DAY, TESTCA_NOW - DAY, TESTCA_NOW, "has expired");
	try_dates(-62167219200, -62135596800, TESTCA_NOW, "has expired"); /* years 0 and 1 */
	try_dates(TESTCA_NOW + DAY, 253402300799, TESTCA_NOW, "is not valid yet"); /* year 9999 */
}

static void test_expired_root_is_for_show(void **state)
{
	struct pki pki;

	(void)state;
	start(&pki);
	pki.root_spec.not_before_at = TESTCA_NOW - 20 * DAY;
	pki.root_spec.not_after_at = TESTCA_NOW - 10 * DAY;
	issue(&pki, NULL);
	testca_append_pem(&pki.root, &pki.pem);
	want(&pki.idents, "example.com");
	want(&pki.idents, "www.example.com");
	accept_chain(&pki);
	finish(&pki);
}

static void test_chains_that_are_none(void **state)
{
	struct testca_cert other;
	struct pki pki;

	(void)state;
	start(&pki);
	issue(&pki, NULL);
	want(&pki.idents, "example.com");
	want(&pki.idents, "www.example.com");

	buf_reset(&pki.pem);
	testca_append_pem(&pki.leaf, &pki.pem);
	refuse(&pki, "the certificate alone, without the one of its issuer");

	testca_append_pem(&pki.leaf, &pki.pem);
	refuse(&pki, "certificate 1 of the chain was not issued by certificate 2");

	buf_reset(&pki.pem);
	testca_append_pem(&pki.leaf, &pki.pem);
	testca_append_pem(&pki.root, &pki.pem);
	refuse(&pki, "was not issued by certificate 2");

	buf_reset(&pki.pem);
	testca_append_pem(&pki.middle, &pki.pem);
	testca_append_pem(&pki.leaf, &pki.pem);
	refuse(&pki, "for another key");

	/* The same name, another key. */
	other = testca_issue(&pki.middle_spec, NULL, &pki.root);
	buf_reset(&pki.pem);
	testca_append_pem(&pki.leaf, &pki.pem);
	testca_append_pem(&other, &pki.pem);
	refuse(&pki, "was not issued by certificate 2");
	testca_done(&other);

	/* Something behind the root. */
	buf_reset(&pki.pem);
	testca_append_pem(&pki.leaf, &pki.pem);
	testca_append_pem(&pki.middle, &pki.pem);
	testca_append_pem(&pki.root, &pki.pem);
	testca_append_pem(&pki.middle, &pki.pem);
	refuse(&pki, "certificate 3 of the chain was not issued by certificate 4");
	finish(&pki);
}

static void test_same_name_other_key_without_identifiers(void **state)
{
	struct testca_cert other;
	struct pki pki;

	(void)state;
	start(&pki);
	pki.leaf_spec.without_authority = true;
	issue(&pki, NULL);
	want(&pki.idents, "example.com");
	want(&pki.idents, "www.example.com");
	other = testca_issue(&pki.middle_spec, NULL, &pki.root);
	buf_reset(&pki.pem);
	testca_append_pem(&pki.leaf, &pki.pem);
	testca_append_pem(&other, &pki.pem);
	refuse(&pki, "certificate 1 of the chain is not signed by certificate 2");
	testca_done(&other);
	finish(&pki);
}

static void test_issuers_that_may_not(void **state)
{
	struct pki pki;

	(void)state;
	start(&pki);
	pki.middle_spec.ca = false;
	pki.middle_spec.key_usage = NULL;
	pki.leaf_spec.without_authority = true;
	issue(&pki, NULL);
	want(&pki.idents, "example.com");
	want(&pki.idents, "www.example.com");
	refuse(&pki, "certificate 2 of the chain may not certify others");
	finish(&pki);

	start(&pki);
	pki.middle_spec.key_usage = "critical,digitalSignature";
	issue(&pki, NULL);
	want(&pki.idents, "example.com");
	want(&pki.idents, "www.example.com");
	refuse(&pki, "was not issued by certificate 2");
	finish(&pki);

	/* The root permits no CA below it. */
	start(&pki);
	pki.root_spec.path = "0";
	issue(&pki, NULL);
	testca_append_pem(&pki.root, &pki.pem);
	want(&pki.idents, "example.com");
	want(&pki.idents, "www.example.com");
	refuse(&pki, "certificate 3 of the chain has more CAs below it than the 0 it permits");
	finish(&pki);
}

static void test_not_for_servers(void **state)
{
	struct pki pki;

	(void)state;
	start(&pki);
	pki.leaf_spec.extended_key_usage = "clientAuth";
	issue(&pki, NULL);
	want(&pki.idents, "example.com");
	want(&pki.idents, "www.example.com");
	refuse(&pki, "not for servers");
	finish(&pki);

	start(&pki);
	pki.leaf_spec.extended_key_usage = NULL;
	issue(&pki, NULL);
	want(&pki.idents, "example.com");
	want(&pki.idents, "www.example.com");
	accept_chain(&pki);
	finish(&pki);
}

static void test_damaged_signature(void **state)
{
	unsigned char *der = NULL;
	struct pki pki;
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len;
	int der_len;

	(void)state;
	start(&pki);
	issue(&pki, NULL);
	want(&pki.idents, "example.com");
	want(&pki.idents, "www.example.com");
	der_len = i2d_X509(pki.leaf.x509, &der);
	der[der_len - 1] ^= 1;
	assert_true(PEM_write_bio(bio, "CERTIFICATE", "", der, der_len) > 0);
	len = BIO_get_mem_data(bio, &text);
	buf_reset(&pki.pem);
	buf_append(&pki.pem, text, (size_t)len);
	testca_append_pem(&pki.middle, &pki.pem);
	refuse(&pki, "is not signed by certificate 2");
	BIO_free(bio);
	OPENSSL_free(der);
	finish(&pki);
}

static void test_idents_are_added(void **state)
{
	CLEANUP(cert_chain_cleanup) struct cert_chain *chain = NULL;
	CLEANUP(ident_list_done) struct ident_list list = { 0 };
	struct error err = { 0 };
	struct pki pki;

	(void)state;
	start(&pki);
	issue(&pki, NULL);
	want(&list, "www.example.com");
	assert_int_equal(cert_chain_parse(pki.pem.data, pki.pem.len, &chain, &err), 0);
	assert_int_equal(cert_chain_idents(chain, &list, &err), 0);
	assert_int_equal(list.count, 2);
	assert_string_equal(list.items[0].value, "www.example.com");
	assert_string_equal(list.items[1].value, "example.com");
	finish(&pki);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_chains),
		cmocka_unit_test(test_all_types_of_keys),
		cmocka_unit_test(test_another_key),
		cmocka_unit_test(test_names_must_be_exactly_these),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_thousands_of_names),
		cmocka_unit_test(test_common_name_alone_is_no_name),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_odd_dates),
		cmocka_unit_test(test_expired_root_is_for_show),
		cmocka_unit_test(test_chains_that_are_none),
		cmocka_unit_test(test_same_name_other_key_without_identifiers),
		cmocka_unit_test(test_issuers_that_may_not),
		cmocka_unit_test(test_not_for_servers),
		cmocka_unit_test(test_damaged_signature),
		cmocka_unit_test(test_idents_are_added),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
