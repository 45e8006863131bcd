/* pem.h: strict PEM (RFC 7468 section 3), block by block. For the files of this room, and for fuzzing.
 *
 * What is read comes from others: by length, in one pass, nothing but blocks and empty lines accepted.
 */
#ifndef CERTD_CRYPTO_PEM_H
#define CERTD_CRYPTO_PEM_H

#include <stddef.h>

struct buf;
struct error;

struct pem_reader {
	const char *at;
	const char *end;
	size_t line; /* of the line read last, from 1 */
};

enum { PEM_BLOCK = 0, PEM_END = 1 };

void pem_reader_init(struct pem_reader *reader, const char *pem, size_t len);

/* Appends the octets of the next block, which must have this label, to out. PEM_END behind the last one. Lines may end in
 * CRLF and the last one without; lines may be empty between blocks, where RFC 8555 section 9.1 has one. All else (text, other labels, headers,
 * white space in lines, NUL, an empty block, base64 that is not canonical) is an ERROR_PROTOCOL that names the line. */
int pem_next(struct pem_reader *reader, const char *label, struct buf *out, struct error *err);

#endif
