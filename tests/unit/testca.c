#include "testca.h"

#include "base/buf.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

EVP_PKEY *testca_key(const char *kind)
{
	EVP_PKEY *key;

	if (strncmp(kind, "RSA-", 4) == 0)
		key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)strtoul(kind + 4, NULL, 10));
	else if (strncmp(kind, "P-", 2) == 0)
		key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", kind);
	else
		key = EVP_PKEY_Q_keygen(NULL, NULL, kind);
	assert_non_null(key);
	return key;
}

EVP_PKEY *testca_rsa_number(int bits)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	BIGNUM *n = BN_new(), *e = BN_new();
	OSSL_PARAM *params;
	EVP_PKEY *key = NULL;

	assert_int_equal(BN_set_bit(n, bits - 1), 1);
	assert_int_equal(BN_add_word(n, 12345), 1);
	assert_int_equal(BN_set_word(e, 65537), 1);
	assert_int_equal(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n), 1);
	assert_int_equal(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e), 1);
	params = OSSL_PARAM_BLD_to_param(build);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	BN_free(n);
	BN_free(e);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

EVP_PKEY *testca_explicit_key(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;

	assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_group_name(ctx, "P-256"), 1);
	assert_int_equal(EVP_PKEY_CTX_set_ec_param_enc(ctx, OPENSSL_EC_EXPLICIT_CURVE), 1);
	assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static void set_names(X509 *x509, const struct testca_spec *spec)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();

	for (size_t i = 0; i < spec->name_count; i++) {
		const struct testca_name *from = &spec->names[i];
		size_t len = from->len > 0 ? from->len : strlen(from->data);
		GENERAL_NAME *name = GENERAL_NAME_new();
		ASN1_STRING *value = from->kind == GEN_IPADD ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();

		assert_int_equal(ASN1_STRING_set(value, from->data, (int)len), 1);
		GENERAL_NAME_set0_value(name, from->kind, value);
		assert_true(sk_GENERAL_NAME_push(names, name) > 0);
	}
	assert_int_equal(X509_add1_ext_i2d(x509, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT), 1);
	GENERAL_NAMES_free(names);
}

static void extend(X509 *x509, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *extension;
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, x509, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(extension);
	assert_int_equal(X509_add_ext(x509, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static void set_extensions(X509 *x509, X509 *issuer, const struct testca_spec *spec)
{
	char constraints[64];

	if (spec->ca) {
		snprintf(constraints, sizeof(constraints), "critical,CA:TRUE%s%s", spec->path ? ",pathlen:" : "",
			 spec->path ? spec->path : "");
		extend(x509, issuer, NID_basic_constraints, constraints);
		extend(x509, issuer, NID_subject_key_identifier, "hash");
	}
	if (!spec->without_authority && issuer != x509)
		extend(x509, issuer, NID_authority_key_identifier, "keyid");
	if (spec->key_usage)
		extend(x509, issuer, NID_key_usage, spec->key_usage);
	if (spec->extended_key_usage)
		extend(x509, issuer, NID_ext_key_usage, spec->extended_key_usage);
	if (spec->name_count > 0)
		set_names(x509, spec);
}

struct testca_cert testca_issue(const struct testca_spec *spec, EVP_PKEY *key, const struct testca_cert *issuer)
{
	struct testca_cert cert = { X509_new(), key ? key : testca_key("P-256") };
	const struct testca_cert *by = issuer ? issuer : &cert;
	BIGNUM *serial = NULL;

	assert_int_equal(X509_set_version(cert.x509, X509_VERSION_3), 1);
	assert_true(BN_hex2bn(&serial, spec->serial ? spec->serial : "1234") > 0);
	assert_non_null(BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(cert.x509)));
	BN_free(serial);
	assert_non_null(ASN1_TIME_set(X509_getm_notBefore(cert.x509),
				      spec->not_after_at == 0 ? 1767225600 : spec->not_before_at));
	assert_non_null(ASN1_TIME_set(X509_getm_notAfter(cert.x509),
				      spec->not_after_at == 0 ? 1798761600 : spec->not_after_at));
	if (spec->cn)
		assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(cert.x509), "CN", MBSTRING_UTF8,
							    (const unsigned char *)spec->cn, -1, -1, 0), 1);
	assert_int_equal(X509_set_issuer_name(cert.x509, X509_get_subject_name(by->x509)), 1);
	assert_int_equal(X509_set_pubkey(cert.x509, cert.key), 1);
	set_extensions(cert.x509, by->x509, spec);
	assert_true(X509_sign(cert.x509, by->key, EVP_sha256()) > 0);
	return cert;
}

void testca_done(struct testca_cert *cert)
{
	X509_free(cert->x509);
	EVP_PKEY_free(cert->key);
	*cert = (struct testca_cert){ 0 };
}

void testca_append_pem(const struct testca_cert *cert, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len;

	assert_int_equal(PEM_write_bio_X509(bio, cert->x509), 1);
	len = BIO_get_mem_data(bio, &text);
	assert_int_equal(buf_append(out, text, (size_t)len), 0);
	BIO_free(bio);
}

void testca_read_vector(const char *name, struct buf *out)
{
	const char *srcdir = getenv("srcdir");
	char path[512], part[4096];
	FILE *file;
	size_t got;

	snprintf(path, sizeof(path), "%s/tests/vectors/%s", srcdir ? srcdir : ".", name);
	file = fopen(path, "rb");
	if (!file)
		fail_msg("%s cannot be opened", path);
	while ((got = fread(part, 1, sizeof(part), file)) > 0)
		assert_int_equal(buf_append(out, part, got), 0);
	fclose(file);
}
