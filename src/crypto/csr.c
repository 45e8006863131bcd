#include "crypto/csr.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/ident.h"
#include "crypto/openssl.h"
#include "crypto/pkey.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

static void request_cleanup(X509_REQ **request)
{
	X509_REQ_free(*request);
}

static void names_cleanup(GENERAL_NAMES **names)
{
	GENERAL_NAMES_free(*names);
}

static void extensions_cleanup(STACK_OF(X509_EXTENSION) **extensions)
{
	sk_X509_EXTENSION_pop_free(*extensions, X509_EXTENSION_free);
}

/* Built as values, never as text of OpenSSL's configuration language, in which a name could mean something. */
static GENERAL_NAME *general_name(const struct ident *ident)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_STRING *value = ident->type == IDENT_DNS ? ASN1_IA5STRING_new() : ASN1_OCTET_STRING_new();
	unsigned char address[16];
	int ok = 0;

	if (!name || !value) {
		ASN1_STRING_free(value);
		GENERAL_NAME_free(name);
		return NULL;
	}

	GENERAL_NAME_set0_value(name, ident->type == IDENT_DNS ? GEN_DNS : GEN_IPADD, value);
	switch (ident->type) {
	case IDENT_DNS:
		ok = ASN1_STRING_set(value, ident->value, (int)strlen(ident->value));
		break;
	case IDENT_IP:
		if (inet_pton(AF_INET, ident->value, address) == 1)
			ok = ASN1_STRING_set(value, address, 4);
		else if (inet_pton(AF_INET6, ident->value, address) == 1)
			ok = ASN1_STRING_set(value, address, 16);
		break;
	}
	if (ok != 1) {
		GENERAL_NAME_free(name);
		return NULL;
	}

	return name;
}

static int add_names(X509_REQ *request, const struct ident_list *idents, struct error *err)
{
	CLEANUP(names_cleanup) GENERAL_NAMES *names = GENERAL_NAMES_new();
	CLEANUP(extensions_cleanup) STACK_OF(X509_EXTENSION) *extensions = NULL;

	if (!names)
		return error_oom(err);
	for (size_t i = 0; i < idents->count; i++) {
		GENERAL_NAME *name = general_name(&idents->items[i]);

		if (!name)
			return openssl_error(err, ERROR_INTERNAL, "\"%s\" could not be put into the certificate request",
					     idents->items[i].value);
		if (sk_GENERAL_NAME_push(names, name) <= 0) {
			GENERAL_NAME_free(name);
			return error_oom(err);
		}
	}

	if (X509V3_add1_i2d(&extensions, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) != 1 ||
	    X509_REQ_add_extensions(request, extensions) != 1)
		return openssl_error(err, ERROR_INTERNAL, "the names could not be put into the certificate request");

	return 0;
}

int csr_create(const struct pkey *key, const struct ident_list *idents, struct buf *out_der, struct error *err)
{
	CLEANUP(request_cleanup) X509_REQ *request = X509_REQ_new();
	EVP_PKEY *handle = crypto_pkey_handle(key);
	unsigned char *der = NULL;
	int len;

	if (idents->count == 0)
		return error_set(err, ERROR_INTERNAL, "a certificate request for no names was asked for");
	if (!request)
		return error_oom(err);

	ERR_clear_error();
	if (X509_REQ_set_version(request, X509_REQ_VERSION_1) != 1 || X509_REQ_set_pubkey(request, handle) != 1)
		return openssl_error(err, ERROR_INTERNAL, "the certificate request could not be made");
	if (add_names(request, idents, err) < 0)
		return -1;
	if (X509_REQ_sign(request, handle, crypto_pkey_type(key) == KEY_ECDSA_P384 ? EVP_sha384() : EVP_sha256()) <= 0)
		return openssl_error(err, ERROR_INTERNAL, "the certificate request could not be signed");

	len = i2d_X509_REQ(request, &der);
	if (len <= 0)
		return openssl_error(err, ERROR_INTERNAL, "the certificate request could not be written as DER");
	buf_append(out_der, der, (size_t)len);
	OPENSSL_free(der);
	ERR_clear_error();
	return buf_check(out_der, "the certificate request", err);
}
