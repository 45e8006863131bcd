#include "crypto/digest.h"

#include "base/buf.h"
#include "base/clean.h"
#include "crypto/openssl.h"

#include <openssl/err.h>
#include <openssl/evp.h>

int digest_sha256(const void *data, size_t len, uint8_t out[static DIGEST_SHA256_SIZE], struct error *err)
{
	uint8_t md[DIGEST_SHA256_SIZE];
	size_t md_len = 0;

	if (EVP_Q_digest(NULL, "SHA256", NULL, len > 0 ? data : "", len, md, &md_len) != 1 || md_len != sizeof(md))
		return openssl_error(err, ERROR_INTERNAL, "SHA-256 of %zu octets failed", len);

	for (size_t i = 0; i < sizeof(md); i++)
		out[i] = md[i];
	return 0;
}

static const char *hash_name(enum digest_hash hash)
{
	switch (hash) {
	case DIGEST_SHA256:
		return "SHA256";
	case DIGEST_SHA384:
		return "SHA384";
	case DIGEST_SHA512:
		return "SHA512";
	}

	return NULL;
}

int digest_hmac(enum digest_hash hash, const void *key, size_t key_len, const void *data, size_t len, struct buf *out,
                struct error *err)
{
	uint8_t mac[EVP_MAX_MD_SIZE];
	size_t mac_len = 0;
	int r;

	if (!EVP_Q_mac(NULL, "HMAC", NULL, hash_name(hash), NULL, key_len > 0 ? key : "", key_len,
		       len > 0 ? data : (const void *)"", len, mac, sizeof(mac), &mac_len))
		return openssl_error(err, ERROR_INTERNAL, "HMAC of %zu octets failed", len);

	buf_append(out, mac, mac_len);
	r = buf_check(out, "the HMAC", err);
	clean_wipe(mac, sizeof(mac));
	return r;
}
