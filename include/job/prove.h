/* prove.h: which certificates are served, for those of many stories at once. Used within this room. */
#ifndef CERTD_JOB_PROVE_H
#define CERTD_JOB_PROVE_H

#include "base/error.h"
#include "channel/message.h"
#include "crypto/cert.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config_certificate;
struct job;
struct job_listeners;
struct job_net;
struct store_cert;

/* What shall be served for the names of a certificate, and whether it is. */
struct job_prove_want {
	const struct config_certificate *certificate;
	const char *leaf[MESSAGE_LEAF_COUNT]; /* fingerprints, as in struct message_expectation */
	const char *other[MESSAGE_LEAF_COUNT]; /* of what may be served in its place, for the words of a failure; or NULL */
	const char *other_words; /* "the previous certificate" */
	bool proven; /* job_prove_wants() fills these */
	bool other_shown;
	const char *failed_address; /* where the first handshake failed that did; NULL for none. Borrowed of the configuration */
	uint16_t failed_port;
	char server[64]; /* what it calls itself there, by its http; "" where that is not known */
	struct error error; /* why not. ERROR_DEPLOY */
};

/* The leaves of a generation, one for each kind of key that it has; "" for none. */
struct job_prove_leaves {
	char fingerprint[MESSAGE_LEAF_COUNT][CERT_FINGERPRINT_SIZE];
};

int job_prove_leaves_read(const struct store_cert *store_cert, uint64_t generation, struct job_prove_leaves *ret, struct error *err);

/* As a want has them: NULL for none. */
void job_prove_leaves_list(const struct job_prove_leaves *leaves, const char *out[static MESSAGE_LEAF_COUNT]);

/* Handshakes with each name, where NGINX listens for it, for each kind of key. 0 when all that could be asked was asked: each want says what came
 * of it; -1 when the asking failed (a net process that died, an interrupt). timeout_ms is for all of them together; more names get more. */
int job_prove_wants(struct job_net *net, const struct job *job, struct job_listeners *listeners, struct job_prove_want *wants,
                    size_t count, int64_t timeout_ms, struct error *err);

#endif
