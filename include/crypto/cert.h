/* cert.h: certificates, as facts and as chains. Nothing secret; what is parsed here comes from others.
 *
 * A struct cert_chain is leaf first, each certificate certifying the one before it (RFC 8555 section 9.1).
 */
#ifndef CERTD_CRYPTO_CERT_H
#define CERTD_CRYPTO_CERT_H

#include "base/ident.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct crypto_public;
struct error;

enum {
	CERT_CHAIN_MAX = 10, /* certificates */
	CERT_PEM_MAX = 256 * 1024, /* octets of a chain */
	CERT_FINGERPRINT_SIZE = 65, /* SHA-256 in lower-case hex, with NUL */
	CERT_SERIAL_SIZE = 64,
	CERT_NAME_SIZE = 256,
	CERT_ARI_ID_SIZE = 128,
};

struct cert_facts {
	char serial[CERT_SERIAL_SIZE]; /* lower-case hex, as `openssl x509 -serial` shows it but for the case */
	char fingerprint[CERT_FINGERPRINT_SIZE]; /* SHA-256 of the DER */
	char subject[CERT_NAME_SIZE]; /* the last common name, or the whole name in RFC 2253 form, or "" */
	char issuer[CERT_NAME_SIZE]; /* likewise of the issuer */
	char ari_id[CERT_ARI_ID_SIZE]; /* RFC 9773 section 4.1 certID; "" without an authority key identifier */
	int64_t not_before_at;
	int64_t not_after_at;
	const char *key; /* key_type_name(), or "other". Static */
};

struct cert_chain;

/* Strict PEM: CRLF and a missing last newline are accepted; text between, NUL, anything but CERTIFICATE, over
 * CERT_CHAIN_MAX or CERT_PEM_MAX is refused (ERROR_PROTOCOL). */
int cert_chain_parse(const char *pem, size_t len, struct cert_chain **ret, struct error *err);
void cert_chain_free(struct cert_chain *chain);
void cert_chain_cleanup(struct cert_chain **chain); /* for CLEANUP() */

size_t cert_chain_count(const struct cert_chain *chain);

/* Facts of certificate i, 0 being the leaf. */
int cert_chain_facts(const struct cert_chain *chain, size_t i, struct cert_facts *ret, struct error *err);

/* Adds the leaf's subjectAltName entries (dNSName, iPAddress) to ret; other kinds are left out. */
int cert_chain_idents(const struct cert_chain *chain, struct ident_list *ret, struct error *err);

/* Appends normalised PEM of the certificates [first, first + count). */
int cert_chain_print(const struct cert_chain *chain, size_t first, size_t count, struct buf *out, struct error *err);

/* Appends the DER of certificate i, as it came. */
int cert_chain_der(const struct cert_chain *chain, size_t i, struct buf *out, struct error *err);

/* How much a chain is the one that somebody prefers. */
enum cert_preference {
	CERT_PREFERENCE_NONE,
	CERT_PREFERENCE_PART, /* one of its certificates, or one's issuer, is what is preferred */
	CERT_PREFERENCE_END, /* it is the issuer of the last one: roots are not in a chain */
};

/* preferred is the common name of an issuer or subject, in any case, or the SHA-256 fingerprint of a certificate, as hexadecimal digits with or
 * without colons between them. */
enum cert_preference cert_chain_prefer(const struct cert_chain *chain, const char *preferred);

/* The leaf's public key. */
int cert_chain_public(const struct cert_chain *chain, struct crypto_public *ret, struct error *err);

/* Step 5 of the story: the leaf is for exactly this public key and exactly these identifiers; it is valid now (with skew_s of
 * patience for a notBefore in the future), its dates make sense; each certificate is signed by the next one and that one may certify; there is
 * at least one issuer. ERROR_PROTOCOL that says which of these is not so. */
int cert_chain_check(const struct cert_chain *chain, const struct crypto_public *key, const struct ident_list *idents,
                     int64_t now_at, int64_t skew_s, struct error *err);

/* The SHA-256 fingerprint, in hex, of one certificate in DER; "" should OpenSSL fail. */
void cert_fingerprint(const void *der, size_t len, char out[static CERT_FINGERPRINT_SIZE]);

#endif
