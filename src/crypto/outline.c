/* The outline of a certificate, seen with nothing but lengths and tags. OpenSSL decodes a certificate's public key as part of
 * reading the certificate, and decoding is where a hostile key costs (CVE-2022-0778: an endless loop over the
 * parameters of a curve). So the key is looked at here first. */
#include "crypto/chain.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <stdbool.h>
#include <string.h>

enum {
	KEY_OCTETS_MAX = 8 * 1024, /* the largest keys of the post-quantum algorithms have 2.6 KiB */
	RSA_OCTETS_MAX = 1024 + 64, /* 8192 bits, the exponent, the lengths */
};

struct span {
	const unsigned char *at;
	size_t len;
};

static const unsigned char oid_rsa[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01 };
static const unsigned char oid_ec[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01 };

/* Takes the next element from in; its content goes to *content. False when there is none or its length is wrong. */
static bool take(struct span *in, int *ret_tag, int *ret_class, struct span *content)
{
	const unsigned char *at = in->at;
	int tag, class, flags;
	long len;

	if (in->len == 0)
		return false;
	flags = ASN1_get_object(&at, &len, &tag, &class, (long)in->len);
	/* An error, or the indefinite length that DER does not have. */
	if ((flags & 0x80) != 0 || (flags & 1) != 0 || len < 0)
		return false;

	*ret_tag = tag;
	*ret_class = class;
	*content = (struct span){ at, (size_t)len };
	in->len -= (size_t)(at - in->at) + (size_t)len;
	in->at = at + len;
	return true;
}

static bool take_tag(struct span *in, int tag, struct span *content)
{
	int seen, class;

	return take(in, &seen, &class, content) && seen == tag && class == V_ASN1_UNIVERSAL;
}

static bool is_oid(const struct span *oid, const unsigned char *bytes, size_t len)
{
	return oid->len == len && memcmp(oid->at, bytes, len) == 0;
}

static const char *key_refused(struct span info)
{
	struct span algorithm, oid, parameters, bits;
	int tag, class;

	/* With the parameters of its algorithm, which for DSA are numbers too. */
	if (info.len > KEY_OCTETS_MAX)
		return "its public key is too large";
	if (!take_tag(&info, V_ASN1_SEQUENCE, &algorithm) || !take_tag(&info, V_ASN1_BIT_STRING, &bits) ||
	    !take_tag(&algorithm, V_ASN1_OBJECT, &oid))
		return "its public key is not well formed";
	if (is_oid(&oid, oid_rsa, sizeof(oid_rsa)) && bits.len > RSA_OCTETS_MAX)
		return "its RSA key has more than 8192 bits";
	if (is_oid(&oid, oid_ec, sizeof(oid_ec)) &&
	    (!take(&algorithm, &tag, &class, &parameters) || tag != V_ASN1_OBJECT || class != V_ASN1_UNIVERSAL))
		return "its elliptic curve has no name but is given by parameters";

	return NULL;
}

/* Goes to the subjectPublicKeyInfo (RFC 5280 section 4.1). */
static bool find_key(struct span in, struct span *ret)
{
	struct span certificate, tbs, skipped;
	int tag, class;

	if (!take_tag(&in, V_ASN1_SEQUENCE, &certificate) || in.len > 0 ||
	    !take_tag(&certificate, V_ASN1_SEQUENCE, &tbs))
		return false;
	/* [0] the version, which version 1 leaves out; serial, algorithm, issuer, validity, subject. */
	if (!take(&tbs, &tag, &class, &skipped))
		return false;
	if (class == V_ASN1_CONTEXT_SPECIFIC && tag == 0 && !take(&tbs, &tag, &class, &skipped))
		return false;
	for (int i = 0; i < 4; i++)
		if (!take(&tbs, &tag, &class, &skipped))
			return false;

	return take_tag(&tbs, V_ASN1_SEQUENCE, ret);
}

const char *cert_outline_refused(const unsigned char *der, size_t len)
{
	struct span key;
	const char *why;

	why = find_key((struct span){ der, len }, &key) ? key_refused(key) : "it is not well formed";
	ERR_clear_error();
	return why;
}
