/* jws.h: the flattened JSON JWS that every ACME request is (RFC 8555 section 6.2). */
#ifndef CERTD_JOSE_JWS_H
#define CERTD_JOSE_JWS_H

#include <stddef.h>

struct buf;
struct error;
struct pkey;

struct jws_header {
	const char *url; /* the exact text that the server gave */
	const char *nonce; /* NULL to leave it out (inner JWS of a key change or an external account binding) */
	const char *kid; /* the account's URL; NULL puts the public key in as "jwk" */
};

/* Appends {"protected":...,"payload":...,"signature":...}. payload "" is a POST-as-GET. */
int jws_sign(const struct pkey *key, const struct jws_header *header, const char *payload, size_t payload_len,
             struct buf *out, struct error *err);

/* Credentials of an external account. Borrowed. */
struct jws_binding {
	const char *kid;
	const void *mac_key; /* decoded */
	size_t mac_key_len;
	const char *algorithm; /* "HS256", "HS384", "HS512"; NULL for the first */
};

/* Appends the JWS of an external account binding (RFC 8555 section 7.3.4), over the account's JWK. */
int jws_sign_binding(const struct pkey *account, const struct jws_binding *binding, const char *url, struct buf *out,
                     struct error *err);

#endif
