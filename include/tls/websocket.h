/* websocket.h: the opening handshake of RFC 6455 over TLS, as a browser makes it for `new WebSocket("wss://...")`: asked, and what came. */
#ifndef CERTD_TLS_WEBSOCKET_H
#define CERTD_TLS_WEBSOCKET_H

#include "tls/probe.h"

#include <stdbool.h>
#include <stddef.h>

struct error;

enum { TLS_WEBSOCKET_HEAD_MAX = 16 * 1024, TLS_WEBSOCKET_KEY_SIZE = 25, TLS_WEBSOCKET_ACCEPT_SIZE = 29 };

struct tls_websocket {
	struct tls_probe probe; /* where; server_name is not NULL */
	const char *path; /* "/ws", maybe with a query */
};

struct tls_websocket_seen {
	int status;
	bool upgrade; /* "Upgrade: websocket" came */
	bool connection; /* "Connection: upgrade" came */
	bool accept_present;
	bool accept; /* Sec-WebSocket-Accept is the one for our key */
	char reason[64]; /* of the status line */
	char location[256]; /* of a redirect, or "" */
	char server[64]; /* what the server calls itself, or "" */
};

/* Whether a browser would take it: 101, both headers, and the right answer to the key. */
bool tls_websocket_works(const struct tls_websocket_seen *seen);

/* Sec-WebSocket-Accept for a key (RFC 6455 section 4.2.2). */
void tls_websocket_accept(const char *key, char out[static TLS_WEBSOCKET_ACCEPT_SIZE]);

enum { TLS_WEBSOCKET_MORE = 1 };

/* Reads the head of an answer. 0; TLS_WEBSOCKET_MORE when its end did not come yet; -1 (ERROR_DEPLOY) when it is no HTTP. Texts are cleaned. */
int tls_websocket_parse(const char *data, size_t len, const char *key, struct tls_websocket_seen *ret, struct error *err);

/* Asks: 0 with what came, whatever it was; -1 as tls_probe(), or when no answer came. */
int tls_websocket_probe(const struct tls_websocket *websocket, struct tls_websocket_seen *ret, struct error *err);

#endif
