/* chain.h: the inside of a struct cert_chain, for the files of this room only. Others use cert.h. */
#ifndef CERTD_CRYPTO_CHAIN_H
#define CERTD_CRYPTO_CHAIN_H

#include "crypto/cert.h"

#include <openssl/x509.h>

struct cert_chain {
	size_t count;
	struct {
		X509 *x509;
		unsigned char *der; /* as it came: what is printed and hashed is not encoded anew */
		size_t der_len;
	} items[CERT_CHAIN_MAX];
};

/* Looks at a certificate's DER before OpenSSL does: refuses, as text of what is wrong, a public key that is costly or dangerous to
 * decode (an elliptic curve given by its parameters, an RSA modulus over 8192 bits, any key over 8 KiB) and what is no certificate by its outline. NULL when all
 * is well. */
const char *cert_outline_refused(const unsigned char *der, size_t len);

/* Seconds since the epoch. 0, or -1 for what is no time of the years 0 to 9999. */
int cert_time(const ASN1_TIME *time, int64_t *ret_at);

#endif
