/* prove.h: which certificates are served, for those of many stories at once. Used within this room. */
#ifndef CERTD_JOB_PROVE_H
#define CERTD_JOB_PROVE_H

#include "base/error.h"
#include "channel/message.h"

#include <stdbool.h>

struct cert_facts;
struct config_certificate;
struct job;
struct job_listeners;
struct job_net;

/* What shall be served for the names of a certificate, and whether it is. */
struct job_prove_want {
	const struct config_certificate *certificate;
	const char *leaf[MESSAGE_LEAF_COUNT]; /* fingerprints, as in struct message_expectation */
	const char *previous[MESSAGE_LEAF_COUNT]; /* of what was served before, for the words of a failure; or NULL */
	bool proven; /* job_prove_wants() fills these */
	struct error error; /* why not. ERROR_DEPLOY */
};

/* The leaf that this certificate is. */
enum message_leaf job_prove_leaf(const struct cert_facts *facts);

/* Handshakes with each name, where NGINX listens for it, for each kind of key. 0 when all that could be asked was asked: each want says what came
 * of it; -1 when the asking failed (a net process that died, an interrupt). timeout_ms is for all of them together; more names get more. */
int job_prove_wants(struct job_net *net, const struct job *job, struct job_listeners *listeners, struct job_prove_want *wants,
                    size_t count, int64_t timeout_ms, struct error *err);

#endif
