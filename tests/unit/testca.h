/* testca.h: certificates for tests, good ones and such as no honest CA makes. */
#ifndef CERTD_TESTS_UNIT_TESTCA_H
#define CERTD_TESTS_UNIT_TESTCA_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

struct testca_name {
	int kind; /* GEN_DNS, GEN_IPADD, ... */
	const char *data;
	size_t len; /* 0: as a string */
};

struct testca_spec {
	const char *cn; /* NULL for an empty subject */
	const struct testca_name *names; /* subjectAltName */
	size_t name_count;
	bool ca;
	const char *path; /* "0": pathlen of a CA; NULL for none */
	const char *key_usage; /* NULL for none */
	const char *extended_key_usage; /* NULL for none */
	const char *serial; /* hexadecimal; NULL for 1234 */
	int64_t not_before_at; /* both 0: 2026-01-01 to 2027-01-01 */
	int64_t not_after_at;
	bool without_authority; /* no authority key identifier */
};

struct testca_cert {
	X509 *x509;
	EVP_PKEY *key;
};

#define TESTCA_NOW 1782864000 /* 2026-07-01 */

/* "P-256", "P-384", "P-521", "ED25519", "RSA-2048", ... */
EVP_PKEY *testca_key(const char *kind);

/* A public RSA key of so many bits, whose modulus is just a number. */
EVP_PKEY *testca_rsa_number(int bits);

/* A P-256 key whose curve is spelled out. */
EVP_PKEY *testca_explicit_key(void);

/* Issues for key (taken over; NULL makes a P-256 key); issuer NULL signs itself. */
struct testca_cert testca_issue(const struct testca_spec *spec, EVP_PKEY *key, const struct testca_cert *issuer);
void testca_done(struct testca_cert *cert);

void testca_append_pem(const struct testca_cert *cert, struct buf *out);

/* The content of the file tests/vectors/NAME; a missing file fails the test. */
void testca_read_vector(const char *name, struct buf *out);

#endif
