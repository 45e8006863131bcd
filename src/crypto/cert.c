#include "crypto/cert.h"

#include "base/base64.h"
#include "base/buf.h"
#include "base/clean.h"
#include "base/text.h"
#include "crypto/chain.h"
#include "crypto/digest.h"
#include "crypto/keytype.h"
#include "crypto/openssl.h"
#include "crypto/pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Takes the certificate in der over into the chain. */
static int add(struct cert_chain *chain, struct buf *der, struct error *err)
{
	const char *why = cert_outline_refused((const unsigned char *)der->data, der->len);
	const unsigned char *at = (const unsigned char *)der->data;
	X509 *x509;

	if (why)
		return error_set(err, ERROR_PROTOCOL, "%s", why);

	ERR_clear_error();
	x509 = d2i_X509(NULL, &at, (long)der->len);
	if (!x509)
		return openssl_error(err, ERROR_PROTOCOL, "it is not a certificate");
	ERR_clear_error();

	chain->items[chain->count].der_len = der->len;
	chain->items[chain->count].der = (unsigned char *)buf_take(der);
	chain->items[chain->count].x509 = x509;
	chain->count++;
	return chain->items[chain->count - 1].der ? 0 : error_oom(err);
}

int cert_chain_parse(const char *pem, size_t len, struct cert_chain **ret, struct error *err)
{
	CLEANUP(cert_chain_cleanup) struct cert_chain *chain = NULL;
	struct pem_reader reader;

	if (len > CERT_PEM_MAX)
		return error_set(err, ERROR_PROTOCOL, "the certificate chain has %zu octets, more than the %d permitted", len,
				 (int)CERT_PEM_MAX);

	chain = calloc(1, sizeof(*chain));
	if (!chain)
		return error_oom(err);

	pem_reader_init(&reader, pem, len);
	for (;;) {
		CLEANUP(buf_done) struct buf der = BUF(CERT_PEM_MAX);
		int r = pem_next(&reader, "CERTIFICATE", &der, err);

		if (r < 0)
			return error_context(err, "the certificate chain is not strict PEM");
		if (r == PEM_END)
			break;
		if (chain->count == CERT_CHAIN_MAX)
			return error_set(err, ERROR_PROTOCOL, "the certificate chain has more than %d certificates",
					 (int)CERT_CHAIN_MAX);
		if (add(chain, &der, err) < 0)
			return error_context(err, "certificate %zu of the chain is refused", chain->count + 1);
	}
	if (chain->count == 0)
		return error_set(err, ERROR_PROTOCOL, "the certificate chain is empty");

	*ret = TAKE(chain);
	return 0;
}

void cert_chain_free(struct cert_chain *chain)
{
	if (!chain)
		return;

	for (size_t i = 0; i < chain->count; i++) {
		X509_free(chain->items[i].x509);
		free(chain->items[i].der);
	}
	free(chain);
}

void cert_chain_cleanup(struct cert_chain **chain)
{
	cert_chain_free(*chain);
	*chain = NULL;
}

size_t cert_chain_count(const struct cert_chain *chain)
{
	return chain->count;
}

int cert_time(const ASN1_TIME *time, int64_t *ret_at)
{
	struct tm tm = { 0 };
	int64_t at;

	/* No time at all would be taken for now. */
	if (!time || ASN1_TIME_to_tm(time, &tm) != 1)
		return -1;

	at = timegm(&tm);
	if (at < INT64_C(-62167219200) || at > INT64_C(253402300799))
		return -1;

	*ret_at = at;
	return 0;
}

/* The last common name, the most specific; a certificate without one shows its whole name. */
static int name_text(const X509_NAME *name, char out[static CERT_NAME_SIZE], struct error *err)
{
	CLEANUP(openssl_bio_cleanup) BIO *bio = NULL;
	unsigned char *utf8 = NULL;
	char *text;
	int at = -1, last = -1, len;

	while ((at = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >= 0)
		last = at;
	if (last >= 0) {
		len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, last)));
		if (len >= 0) {
			for (int i = 0; i < len; i++)
				if (utf8[i] == '\0')
					utf8[i] = '?';
			text_copy(out, CERT_NAME_SIZE, (const char *)utf8);
			text_clean(out);
			OPENSSL_free(utf8);
			return 0;
		}
	}

	bio = BIO_new(BIO_s_mem());
	if (!bio)
		return error_oom(err);
	if (X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) < 0 || BIO_write(bio, "", 1) != 1 ||
	    BIO_get_mem_data(bio, &text) <= 0)
		return openssl_error(err, ERROR_PROTOCOL, "a name in the certificate cannot be read");
	text_copy(out, CERT_NAME_SIZE, text);
	text_clean(out);
	return 0;
}

static int serial_text(const ASN1_INTEGER *serial, char out[static CERT_SERIAL_SIZE], struct error *err)
{
	size_t len = (size_t)ASN1_STRING_length(serial), sign = ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER ? 1 : 0;

	if (sign + 2 * len + 1 > CERT_SERIAL_SIZE)
		return error_set(err, ERROR_PROTOCOL, "the certificate's serial number has %zu octets, more than the 20 permitted",
				 len);

	if (sign)
		out[0] = '-';
	if (len > 0)
		text_hex(ASN1_STRING_get0_data(serial), len, out + sign);
	else
		text_copy(out, CERT_SERIAL_SIZE, "00");
	return 0;
}

/* RFC 9773 section 4.1: the key identifier of the authority and the content octets of the serial number, zeros in front included. No
 * identifier, or one beyond all reason, means no renewal information: "". */
static int ari_id(X509 *x509, char out[static CERT_ARI_ID_SIZE], struct error *err)
{
	CLEANUP(buf_done) struct buf id = BUF(CERT_ARI_ID_SIZE - 1);
	const ASN1_OCTET_STRING *authority = X509_get0_authority_key_id(x509);
	unsigned char *der = NULL;
	const unsigned char *content;
	int len, tag, class;
	long content_len;

	out[0] = '\0';
	if (!authority || ASN1_STRING_length(authority) <= 0)
		return 0;

	len = i2d_ASN1_INTEGER(X509_get0_serialNumber(x509), &der);
	if (len <= 0)
		return openssl_error(err, ERROR_PROTOCOL, "the certificate's serial number cannot be read");
	content = der;
	if ((ASN1_get_object(&content, &content_len, &tag, &class, len) & 0x80) == 0) {
		base64url_encode(ASN1_STRING_get0_data(authority), (size_t)ASN1_STRING_length(authority), &id);
		buf_append_char(&id, '.');
		base64url_encode(content, (size_t)content_len, &id);
	}
	OPENSSL_free(der);
	if (!id.failed)
		text_copy(out, CERT_ARI_ID_SIZE, buf_text(&id));
	return 0;
}

int cert_chain_facts(const struct cert_chain *chain, size_t i, struct cert_facts *ret, struct error *err)
{
	struct cert_facts facts = { .key = "other" };
	struct crypto_public pub;
	EVP_PKEY *key;
	X509 *x509;

	if (i >= chain->count)
		return error_set(err, ERROR_INTERNAL, "certificate %zu of %zu was asked for", i + 1, chain->count);

	x509 = chain->items[i].x509;
	ERR_clear_error();
	if (cert_time(X509_get0_notBefore(x509), &facts.not_before_at) < 0 ||
	    cert_time(X509_get0_notAfter(x509), &facts.not_after_at) < 0) {
		ERR_clear_error();
		return error_set(err, ERROR_PROTOCOL, "certificate %zu of the chain: its dates cannot be read", i + 1);
	}
	if (serial_text(X509_get0_serialNumber(x509), facts.serial, err) < 0 ||
	    name_text(X509_get_subject_name(x509), facts.subject, err) < 0 ||
	    name_text(X509_get_issuer_name(x509), facts.issuer, err) < 0 || ari_id(x509, facts.ari_id, err) < 0)
		return error_context(err, "certificate %zu of the chain", i + 1);
	cert_fingerprint(chain->items[i].der, chain->items[i].der_len, facts.fingerprint);
	key = X509_get0_pubkey(x509);
	if (key && openssl_key_public(key, &pub, err) == 0)
		facts.key = key_type_name(pub.type);

	ERR_clear_error();
	*ret = facts;
	return 0;
}

int cert_chain_der(const struct cert_chain *chain, size_t i, struct buf *out, struct error *err)
{
	if (i >= chain->count)
		return error_set(err, ERROR_INTERNAL, "certificate %zu of %zu was asked for", i + 1, chain->count);
	buf_append(out, chain->items[i].der, chain->items[i].der_len);
	return buf_check(out, "the certificate's DER", err);
}

int cert_chain_print(const struct cert_chain *chain, size_t first, size_t count, struct buf *out, struct error *err)
{
	CLEANUP(openssl_bio_cleanup) BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len;

	if (first > chain->count || count > chain->count - first)
		return error_set(err, ERROR_INTERNAL, "certificates %zu to %zu of %zu were asked for", first + 1, first + count,
				 chain->count);
	if (!bio)
		return error_oom(err);

	ERR_clear_error();
	for (size_t i = first; i < first + count; i++)
		if (PEM_write_bio(bio, "CERTIFICATE", "", chain->items[i].der, (long)chain->items[i].der_len) <= 0)
			return openssl_error(err, ERROR_INTERNAL, "a certificate could not be written as PEM");

	len = BIO_get_mem_data(bio, &text);
	if (len > 0)
		buf_append(out, text, (size_t)len);
	return buf_check(out, "the certificate chain's PEM", err);
}

/* Whether text is that fingerprint, colons left out. */
static bool is_fingerprint(const char *text, const char *fingerprint)
{
	char hex[CERT_FINGERPRINT_SIZE];
	size_t n = 0;

	for (; *text != '\0'; text++) {
		if (*text == ':')
			continue;
		if (n == sizeof(hex) - 1)
			return false;
		hex[n++] = *text;
	}
	hex[n] = '\0';
	return text_equal_nocase(hex, fingerprint);
}

enum cert_preference cert_chain_prefer(const struct cert_chain *chain, const char *preferred)
{
	enum cert_preference best = CERT_PREFERENCE_NONE;

	for (size_t i = 0; i < chain->count; i++) {
		struct cert_facts facts;
		struct error ignored;

		if (cert_chain_facts(chain, i, &facts, &ignored) < 0)
			continue;
		if (i + 1 == chain->count && text_equal_nocase(preferred, facts.issuer))
			best = CERT_PREFERENCE_END;
		else if (best == CERT_PREFERENCE_NONE &&
		         (text_equal_nocase(preferred, facts.issuer) || text_equal_nocase(preferred, facts.subject) ||
		          is_fingerprint(preferred, facts.fingerprint)))
			best = CERT_PREFERENCE_PART;
	}
	return best;
}

int cert_chain_public(const struct cert_chain *chain, struct crypto_public *ret, struct error *err)
{
	EVP_PKEY *key;
	int r;

	ERR_clear_error();
	key = X509_get0_pubkey(chain->items[0].x509);
	if (!key)
		return openssl_error(err, ERROR_PROTOCOL, "the certificate's public key cannot be read");

	r = openssl_key_public(key, ret, err);
	if (r == OPENSSL_KEY_OTHER)
		return error_set(err, ERROR_PROTOCOL,
				 "the certificate's public key is none of ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072, rsa-4096");
	return r;
}

void cert_fingerprint(const void *der, size_t len, char out[static CERT_FINGERPRINT_SIZE])
{
	uint8_t digest[DIGEST_SHA256_SIZE];
	struct error err;

	out[0] = '\0';
	if (digest_sha256(der, len, digest, &err) == 0)
		text_hex(digest, sizeof(digest), out);
}
