/* link.h: a connection on which TLS is spoken, that verifies nothing. Used within this room.
 *
 * OpenSSL works on memory; the socket is ours, so that no write can raise SIGPIPE and the first octets can be looked at. One deadline
 * holds for all that is done with a link.
 */
#ifndef CERTD_TLS_LINK_H
#define CERTD_TLS_LINK_H

#include "tls/probe.h"

#include <openssl/ssl.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

enum { TLS_LINK_WHERE_SIZE = 400 };

struct tls_link {
	const struct tls_probe *probe; /* borrowed */
	char where[TLS_LINK_WHERE_SIZE]; /* for messages */
	int64_t deadline_ms;
	int fd;
	SSL_CTX *context;
	SSL *ssl;
	BIO *in; /* owned by ssl */
	BIO *out;
	unsigned char first[8]; /* octets of the server */
	size_t received;
	int alert; /* what the server sent, or -1 */
	bool open; /* the handshake is done */
};

/* Connects and shakes hands. tls_link_close() is right also after a failure. ERROR_DEPLOY, with what was seen and what to do. */
int tls_link_open(struct tls_link *link, const struct tls_probe *probe, struct error *err);
void tls_link_close(struct tls_link *link);

int tls_link_write(struct tls_link *link, const void *data, size_t len, struct error *err);

/* Up to size octets, at least one; *ret_len is 0 at the orderly end. */
int tls_link_read(struct tls_link *link, void *out, size_t size, size_t *ret_len, struct error *err);

#endif
