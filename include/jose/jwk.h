/* jwk.h: a public key as JSON Web Key (RFC 7517), its thumbprint (RFC 7638), and the key authorization of ACME. */
#ifndef CERTD_JOSE_JWK_H
#define CERTD_JOSE_JWK_H

struct buf;
struct crypto_public;
struct error;

/* Appends the JWK with the required members only, sorted, without white space: the form that RFC 7638 hashes. */
int jwk_print(const struct crypto_public *key, struct buf *out, struct error *err);

/* Appends base64url(SHA-256(JWK)), 43 characters. */
int jwk_thumbprint(const struct crypto_public *key, struct buf *out, struct error *err);

/* Whether a challenge's token is base64url characters only, 1 to 255 of them (RFC 8555 section 8.1). Looked at before anything
 * else sees a token: as a file name, as an argument, in a URL. 0 or ERROR_PROTOCOL. */
int jwk_check_token(const char *token, struct error *err);

/* Appends token "." thumbprint (RFC 8555 section 8.1). Refuses a bad token. */
int jwk_key_authorization(const char *token, const struct crypto_public *account, struct buf *out, struct error *err);

#endif
