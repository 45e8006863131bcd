/* channel.h: frames between the job and its net process, over a socketpair: a type, a length, one JSON object.
 *
 * Each type has its own maximum, looked at before any memory is asked for; a frame over it, of an unknown type or that is no
 * JSON object ends the conversation. Neither end trusts the other: the net process speaks with the world, and the job
 * treats whatever comes from it as if the world had sent it.
 */
#ifndef CERTD_CHANNEL_CHANNEL_H
#define CERTD_CHANNEL_CHANNEL_H

#include "json/doc.h"

#include <stdint.h>

struct error;

enum channel_type {
	/* from the job: what to do next */
	CHANNEL_TASK_PREFLIGHT = 1,
	CHANNEL_TASK_ISSUE,
	CHANNEL_TASK_PROVE,
	CHANNEL_TASK_CHECK,
	CHANNEL_TASK_REVOKE,
	CHANNEL_TASK_ACCOUNT,
	CHANNEL_TASK_RENEWAL,
	/* from the net process: what it may not have; each one is answered */
	CHANNEL_SIGN,
	CHANNEL_CSR,
	CHANNEL_PRESENT,
	CHANNEL_CLEANUP,
	CHANNEL_PROGRESS,
	/* from the job: the answer to a request */
	CHANNEL_ANSWER,
	/* from the net process: the end of a task */
	CHANNEL_RESULT,
	CHANNEL_TYPE_END
};

const char *channel_type_name(enum channel_type type); /* "sign", ... Static. */

/* Octets of JSON that a frame of this type may hold. */
uint32_t channel_type_max(enum channel_type type);

/* Sends one frame; a peer that is gone, or that reads nothing for ten seconds, is an ERROR_INTERNAL. Never raises SIGPIPE. */
int channel_send(int fd, enum channel_type type, const json_t *message, struct error *err);

enum { CHANNEL_OK = 0, CHANNEL_CLOSED = 1, CHANNEL_TIMEOUT = 2 };

/* Receives one frame. CHANNEL_CLOSED when the peer closed between two frames; CHANNEL_TIMEOUT when nothing began within timeout_ms
 * (negative: wait for ever). A frame that was begun has to be whole within ten seconds. */
int channel_receive(int fd, int64_t timeout_ms, enum channel_type *ret_type, json_t **ret_message, struct error *err);

/* Makes the pair, close-on-exec on both ends. */
int channel_pair(int ret_fds[static 2], struct error *err);

#endif
