/* ca_crypto.c: what the scripted CA signs and verifies, with OpenSSL. */
#include "ca_internal.h"

#include "base/base64.h"
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/text.h"
#include "crypto/cert.h"
#include "crypto/keytype.h"
#include "jose/jwk.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void need(bool ok)
{
	/* The script is broken, not what it tests. */
	if (!ok)
		abort();
}

char *ca_decode(const char *b64url, size_t *ret_len)
{
	CLEANUP(buf_done) struct buf out = BUF(1024 * 1024);
	struct error err;

	if (base64url_decode(b64url, strlen(b64url), &out, &err) != 0)
		return NULL;
	if (ret_len != NULL)
		*ret_len = out.len;
	return buf_take(&out);
}

char *ca_encode(const void *data, size_t len)
{
	CLEANUP(buf_done) struct buf out = BUF(1024 * 1024);

	need(base64url_encode(data, len, &out) == 0);
	return buf_take(&out);
}

/* --- JWK and JWS --- */

int ca_canonical_jwk(const json_t *jwk, char *out, size_t size)
{
	static const char *const ec[] = { "crv", "kty", "x", "y", NULL }, *const rsa[] = { "e", "kty", "n", NULL };
	const char *kty = json_string_value(json_object_get(jwk, "kty"));
	const char *const *names = kty != NULL && text_equal(kty, "RSA") ? rsa : ec;
	json_t *canonical = json_object();
	char *text = NULL;
	bool ok = kty != NULL;

	for (; *names != NULL && ok; names++)
		ok = json_is_string(json_object_get(jwk, *names)) &&
		     json_object_set(canonical, *names, json_object_get(jwk, *names)) == 0;
	if (ok)
		text = json_dumps(canonical, JSON_COMPACT | JSON_SORT_KEYS);
	ok = text != NULL && text_copy(out, size, text);
	free(text);
	json_decref(canonical);
	return ok ? 0 : -1;
}

void ca_thumbprint(const char *jwk_text, char out[static 64])
{
	unsigned char digest[32];
	char *text;

	need(EVP_Digest(jwk_text, strlen(jwk_text), digest, NULL, EVP_sha256(), NULL) == 1);
	text = ca_encode(digest, sizeof(digest));
	text_copy(out, 64, text);
	free(text);
}

static BIGNUM *number_of(const json_t *jwk, const char *name)
{
	size_t len = 0;
	char *bytes = ca_decode(json_string_value(json_object_get(jwk, name)), &len);
	BIGNUM *n = bytes != NULL ? BN_bin2bn((unsigned char *)bytes, (int)len, NULL) : NULL;

	free(bytes);
	return n;
}

static void push_ec(OSSL_PARAM_BLD *build, const json_t *jwk, unsigned char point[static 200])
{
	const char *crv = json_string_value(json_object_get(jwk, "crv"));
	size_t xlen = 0, ylen = 0;
	char *x = ca_decode(json_string_value(json_object_get(jwk, "x")), &xlen);
	char *y = ca_decode(json_string_value(json_object_get(jwk, "y")), &ylen);

	need(x != NULL && y != NULL && xlen == ylen && xlen <= 66);
	point[0] = 4;
	memcpy(point + 1, x, xlen);
	memcpy(point + 1 + xlen, y, ylen);
	OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, text_equal(crv, "P-384") ? "P-384" : "P-256", 0);
	OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + xlen + ylen);
	free(x);
	free(y);
}

static EVP_PKEY *key_of(const json_t *jwk, bool is_rsa)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, is_rsa ? "RSA" : "EC", NULL);
	BIGNUM *n = NULL, *e = NULL;
	unsigned char point[200];
	OSSL_PARAM *params;
	EVP_PKEY *key = NULL;

	if (is_rsa) {
		n = number_of(jwk, "n");
		e = number_of(jwk, "e");
		need(n != NULL && e != NULL);
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n);
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e);
	} else {
		push_ec(build, jwk, point);
	}
	params = OSSL_PARAM_BLD_to_param(build);
	if (EVP_PKEY_fromdata_init(ctx) != 1 || EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(ctx);
	BN_free(n);
	BN_free(e);
	return key;
}

/* R || S as ECDSA-Sig-Value in DER. */
static unsigned char *der_signature(const char *raw, size_t len, size_t *ret_len)
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	unsigned char *der = NULL;
	int n;

	need(ECDSA_SIG_set0(sig, BN_bin2bn((const unsigned char *)raw, (int)(len / 2), NULL),
	                    BN_bin2bn((const unsigned char *)raw + len / 2, (int)(len / 2), NULL)) == 1);
	n = i2d_ECDSA_SIG(sig, &der);
	need(n > 0);
	*ret_len = (size_t)n;
	ECDSA_SIG_free(sig);
	return der;
}

int ca_verify(const char *jwk_text, const char *signed_text, size_t signed_len, const char *signature_b64)
{
	json_t *jwk = json_loads(jwk_text, 0, NULL);
	bool is_rsa = text_equal(json_string_value(json_object_get(jwk, "kty")), "RSA");
	const char *crv = json_string_value(json_object_get(jwk, "crv"));
	const EVP_MD *md = crv != NULL && text_equal(crv, "P-384") ? EVP_sha384() : EVP_sha256();
	EVP_PKEY *key = key_of(jwk, is_rsa);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = 0, der_len = 0;
	char *raw = ca_decode(signature_b64, &len);
	unsigned char *der = NULL;
	int r = -1;

	if (key != NULL && raw != NULL && len > 0 && EVP_DigestVerifyInit(ctx, NULL, md, NULL, key) == 1) {
		if (!is_rsa)
			der = der_signature(raw, len, &der_len);
		r = EVP_DigestVerify(ctx, is_rsa ? (unsigned char *)raw : der, is_rsa ? len : der_len,
		                     (const unsigned char *)signed_text, signed_len) == 1
		            ? 0
		            : -1;
	}
	OPENSSL_free(der);
	free(raw);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	json_decref(jwk);
	return r;
}

/* --- certificates --- */

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	need(extension != NULL && X509_add_ext(cert, extension, -1) == 1);
	X509_EXTENSION_free(extension);
}

static void set_name(X509_NAME *name, const char *cn)
{
	need(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0) == 1);
}

static X509 *begin_certificate(struct ca *ca, EVP_PKEY *key, int64_t lifetime_s)
{
	X509 *cert = X509_new();
	unsigned char serial[16];
	BIGNUM *bn;

	need(cert != NULL && X509_set_version(cert, 2) == 1 && X509_set_pubkey(cert, key) == 1);
	for (size_t i = 0; i < sizeof(serial); i++)
		serial[i] = (unsigned char)ca_random(ca);
	serial[0] = (unsigned char)((serial[0] & 0x7f) | 0x40);
	bn = BN_bin2bn(serial, sizeof(serial), NULL);
	need(BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(cert)) != NULL);
	BN_free(bn);
	ca->serial++;
	need(ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)(ca_now_at(ca) - 3600)) != NULL);
	need(ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)(ca_now_at(ca) - 3600 + lifetime_s - 1)) != NULL);
	return cert;
}

static size_t keep_certificate(X509 *cert, unsigned char *out, size_t size)
{
	int len = i2d_X509(cert, NULL);

	need(len > 0 && (size_t)len <= size);
	return (size_t)i2d_X509(cert, &out);
}

void ca_make_issuer(struct ca *ca)
{
	EVP_PKEY *root_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
	X509 *root = begin_certificate(ca, root_key, INT64_C(20) * 365 * 86400);
	X509 *issuer = begin_certificate(ca, key, INT64_C(10) * 365 * 86400);
	unsigned char *at = ca->issuer_key_der;
	int len = i2d_PrivateKey(key, NULL);

	set_name(X509_get_subject_name(root), "Scripted Root");
	X509_set_issuer_name(root, X509_get_subject_name(root));
	add_extension(root, root, NID_basic_constraints, "critical,CA:TRUE");
	add_extension(root, root, NID_subject_key_identifier, "hash");
	add_extension(root, root, NID_key_usage, "critical,keyCertSign,cRLSign");
	need(X509_sign(root, root_key, EVP_sha256()) > 0);
	set_name(X509_get_subject_name(issuer), "Scripted Intermediate");
	X509_set_issuer_name(issuer, X509_get_subject_name(root));
	add_extension(issuer, root, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
	add_extension(issuer, root, NID_subject_key_identifier, "hash");
	add_extension(issuer, root, NID_authority_key_identifier, "keyid");
	add_extension(issuer, root, NID_key_usage, "critical,keyCertSign,cRLSign");
	need(X509_sign(issuer, root_key, EVP_sha256()) > 0);

	ca->root_der_len = keep_certificate(root, ca->root_der, sizeof(ca->root_der));
	ca->issuer_der_len = keep_certificate(issuer, ca->issuer_der, sizeof(ca->issuer_der));
	need(len > 0 && (size_t)len <= sizeof(ca->issuer_key_der));
	ca->issuer_key_der_len = (size_t)i2d_PrivateKey(key, &at);
	X509_free(root);
	X509_free(issuer);
	EVP_PKEY_free(root_key);
	EVP_PKEY_free(key);
}

static size_t print_pem(X509 *cert, char *out, size_t size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data;
	long len;

	need(PEM_write_bio_X509(bio, cert) == 1);
	len = BIO_get_mem_data(bio, &data);
	need(len > 0 && (size_t)len < size);
	memcpy(out, data, (size_t)len);
	out[len] = '\0';
	BIO_free(bio);
	return (size_t)len;
}

static X509 *load(const unsigned char *der, size_t len)
{
	X509 *cert = d2i_X509(NULL, &der, (long)len);

	need(cert != NULL);
	return cert;
}

void ca_root_pem(const struct ca *ca, char *out, size_t size)
{
	X509 *root = load(ca->root_der, ca->root_der_len);

	print_pem(root, out, size);
	X509_free(root);
}

/* "DNS:a.example,IP:192.0.2.1" of the order; how X509V3_EXT_conf_nid() takes it. */
static void alternative_names(const struct ca *ca, const struct ca_order *order, struct buf *out)
{
	for (size_t i = 0; i < order->count; i++) {
		const struct ca_authorization *a = &ca->authorizations[order->authorizations[i]];

		buf_printf(out, "%s%s:%s%s", i > 0 ? "," : "", text_equal(a->type, "ip") ? "IP" : "DNS", a->wildcard ? "*." : "",
		           a->value);
	}
}

static bool in_order(const struct ca *ca, const struct ca_order *order, const GENERAL_NAME *name)
{
	char text[512] = "";

	if (name->type == GEN_IPADD)
		return true; /* compared by number only */
	if (name->type != GEN_DNS)
		return false;
	snprintf(text, sizeof(text), "%.*s", ASN1_STRING_length(name->d.dNSName),
	         (const char *)ASN1_STRING_get0_data(name->d.dNSName));
	for (size_t i = 0; i < order->count; i++) {
		const struct ca_authorization *a = &ca->authorizations[order->authorizations[i]];
		const char *value = a->wildcard && text_has_prefix(text, "*.") ? text + 2 : text;

		if (text_equal(value, a->value) && a->wildcard == (value != text))
			return true;
	}
	return false;
}

static const char *check_names(const struct ca *ca, const struct ca_order *order, X509_REQ *csr)
{
	STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(csr);
	GENERAL_NAMES *names = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
	const char *why = names == NULL ? "the CSR has no subjectAltName" : NULL;

	if (names != NULL && (size_t)sk_GENERAL_NAME_num(names) != order->count)
		why = "the CSR has another number of names";
	for (int i = 0; why == NULL && i < sk_GENERAL_NAME_num(names); i++)
		if (!in_order(ca, order, sk_GENERAL_NAME_value(names, i)))
			why = "the CSR has a name that was not ordered";
	GENERAL_NAMES_free(names);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	return why;
}

static void make_leaf(struct ca *ca, struct ca_order *order, EVP_PKEY *key)
{
	CLEANUP(buf_done) struct buf names = BUF(64 * 1024);
	const unsigned char *der = ca->issuer_key_der;
	EVP_PKEY *issuer_key = d2i_AutoPrivateKey(NULL, &der, (long)ca->issuer_key_der_len);
	X509 *issuer = load(ca->issuer_der, ca->issuer_der_len);
	X509 *leaf = begin_certificate(ca, key, ca->lifetime_s);
	size_t len;

	alternative_names(ca, order, &names);
	X509_set_issuer_name(leaf, X509_get_subject_name(issuer));
	add_extension(leaf, issuer, NID_key_usage, "critical,digitalSignature");
	add_extension(leaf, issuer, NID_ext_key_usage, "serverAuth");
	add_extension(leaf, issuer, NID_basic_constraints, "critical,CA:FALSE");
	add_extension(leaf, issuer, NID_authority_key_identifier, "keyid");
	add_extension(leaf, issuer, NID_subject_alt_name, buf_text(&names));
	need(X509_sign(leaf, issuer_key, EVP_sha256()) > 0);
	len = print_pem(leaf, order->pem, sizeof(order->pem));
	if (len < sizeof(order->leaf_pem))
		memcpy(order->leaf_pem, order->pem, len + 1);
	print_pem(issuer, order->pem + len, sizeof(order->pem) - len);
	X509_free(leaf);
	X509_free(issuer);
	EVP_PKEY_free(issuer_key);
}

const char *ca_sign(struct ca *ca, struct ca_order *order, const char *csr_b64)
{
	size_t len = 0;
	char *der = ca_decode(csr_b64, &len);
	const unsigned char *at = (unsigned char *)der;
	X509_REQ *csr = der != NULL ? d2i_X509_REQ(NULL, &at, (long)len) : NULL;
	EVP_PKEY *key = csr != NULL ? X509_REQ_get0_pubkey(csr) : NULL;
	const char *why = key == NULL || X509_REQ_verify(csr, key) != 1 ? "the CSR is none" : NULL;

	if (why == NULL)
		why = check_names(ca, order, csr);
	if (why == NULL)
		make_leaf(ca, order, key);
	X509_REQ_free(csr);
	free(der);
	return why;
}

void ca_leaf(const struct ca_order *order, char *der_text, size_t der_size, char *jwk, size_t jwk_size)
{
	struct buf der = BUF(8192), text = BUF(16384);
	struct cert_chain *chain = NULL;
	struct crypto_public key;
	struct error err;

	if (cert_chain_parse(order->leaf_pem, strlen(order->leaf_pem), &chain, &err) != 0 ||
	    cert_chain_der(chain, 0, &der, &err) != 0 || cert_chain_public(chain, &key, &err) != 0 ||
	    base64url_encode(der.data, der.len, &text) != 0)
		abort();
	text_copy(der_text, der_size, buf_text(&text));
	buf_reset(&text);
	if (jwk_print(&key, &text, &err) != 0)
		abort();
	text_copy(jwk, jwk_size, buf_text(&text));
	cert_chain_free(chain);
	buf_done(&der);
	buf_done(&text);
}

char *ca_with_root(const struct ca *ca, const char *pem)
{
	char root[2048], *both = NULL;

	ca_root_pem(ca, root, sizeof(root));
	need(asprintf(&both, "%s%s", pem, root) > 0);
	return both;
}
