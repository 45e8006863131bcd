/* probe.h: what a TLS server really serves: a fresh handshake with a name, as a browser makes it, that verifies nothing and reports all. */
#ifndef CERTD_TLS_PROBE_H
#define CERTD_TLS_PROBE_H

#include "crypto/cert.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

enum { TLS_NAMES_SIZE = 512 };

enum tls_key_wish { TLS_KEY_ANY, TLS_KEY_ECDSA, TLS_KEY_RSA };

struct tls_probe {
	const char *address; /* IPv4 or IPv6 literal */
	uint16_t port;
	const char *server_name; /* SNI; NULL for none (an IP identifier) */
	enum tls_key_wish key; /* only certificates with such a key are accepted of the server */
	int64_t timeout_ms;
	bool verify; /* also ask the system's trust store what it thinks of the chain */
};

struct tls_seen {
	char fingerprint[CERT_FINGERPRINT_SIZE]; /* of the leaf */
	char serial[CERT_SERIAL_SIZE];
	char subject[CERT_NAME_SIZE]; /* first dNSName of the leaf, or its common name */
	char issuer[CERT_NAME_SIZE];
	int64_t not_before_at;
	int64_t not_after_at;
	const char *key; /* key_type_name() of the leaf, or "other". Static */
	char protocol[16]; /* "TLSv1.3" */
	char group[48]; /* "X25519", "" where unknown */
	size_t chain_count;
	char chain[CERT_CHAIN_MAX][CERT_FINGERPRINT_SIZE]; /* of the certificates as they came, leaf first */
	char names[TLS_NAMES_SIZE]; /* of the leaf's subjectAltName, ", " between; "..." at the end of more than fit */
	bool name_matches; /* the leaf is for server_name; without one for the address */
	bool self_signed;
	char distrust[128]; /* with `verify`: why the system's trust store does not trust it, its dates aside; "" when it does */
};

/* 0 with *ret filled, or -1: refused connection, time-out, alert (which one), no TLS spoken ("speaks plain http on this port"). ERROR_DEPLOY. */
int tls_probe(const struct tls_probe *probe, struct tls_seen *ret, struct error *err);

#endif
