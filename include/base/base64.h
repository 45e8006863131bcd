/* base64.h: base64url without padding, RFC 4648 section 5 as RFC 8555 section 6.1 asks for it. */
#ifndef CERTD_BASE_BASE64_H
#define CERTD_BASE_BASE64_H

#include <stddef.h>

struct buf;
struct error;

/* Appends the encoding of data. 0, or -1 with out->failed. */
int base64url_encode(const void *data, size_t len, struct buf *out);

/* Appends the bytes that `text` encodes. Padding, white space, a character outside of the alphabet and bits set
 * beyond the last byte are errors: what decodes is exactly what base64url_encode() would have written. */
int base64url_decode(const char *text, size_t len, struct buf *out, struct error *err);

#endif
