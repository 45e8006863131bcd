/* tls_server.h: a server on loopback in a process of its own, with certificates made for the test. */
#ifndef CERTD_TESTS_TLS_SERVER_H
#define CERTD_TESTS_TLS_SERVER_H

#include <openssl/ssl.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct identity {
	EVP_PKEY *key;
	X509 *cert;
	const struct identity *issuer; /* NULL: self-signed */
};

/* A certificate for `san` ("DNS:localhost,IP:127.0.0.1", or NULL), valid from from_s to until_s from now on; an authority when san is NULL.
 * rsa: the kind of its key. Ends the test when it cannot be made. */
void identity_make(struct identity *ret, const char *name, const char *san, const struct identity *issuer, bool rsa,
                   long from_s, long until_s);
void identity_done(struct identity *identity);

/* Its certificate in PEM; free() it. */
char *identity_pem(const struct identity *identity);

/* What the processes of a server count, in shared memory. */
struct server_counts {
	int connections;
	int handshakes;
	int requests;
};

struct peer {
	int fd;
	SSL *ssl; /* NULL without TLS */
	int connection; /* 1 for the first one of the server */
	struct server_counts *counts;
};

struct server_config {
	const struct identity *identities[2]; /* the second one, of another kind of key, may be NULL; none at all: no TLS */
	const char *only_name; /* an SNI other than this is answered by an alert; or NULL */
	int protocol_min, protocol_max; /* TLS1_2_VERSION ...; 0 for the default */
	void (*serve)(struct peer *peer); /* in a process for each connection; NULL to end after the handshake */
	bool mute; /* accepts connections and says nothing */
	const char *address; /* NULL: 127.0.0.1 */
	uint16_t port; /* 0: one that is free */
};

struct server {
	pid_t pid;
	uint16_t port;
	struct server_counts *counts;
};

void server_start(struct server *ret, const struct server_config *config);

/* False when address and port are not to be had. */
bool server_start_at(struct server *ret, const struct server_config *config);

void server_stop(struct server *server);

/* Reads up to size octets: their number, 0 at the end or on an error. */
size_t peer_read(struct peer *peer, void *out, size_t size);

/* False when the peer is gone. */
bool peer_write(struct peer *peer, const void *data, size_t len);
bool peer_say(struct peer *peer, const char *text);

/* Blocks until the peer closes the connection. */
void peer_wait(struct peer *peer);

/* A listening socket on 127.0.0.1 with a port of its own. */
int listen_loopback(uint16_t *ret_port);

/* A port of 127.0.0.1 on which nobody listens. */
uint16_t closed_port(void);

#endif
