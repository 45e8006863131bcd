/* ask.h: asking the daemon that runs over its control socket, and waiting for what it says. */
#ifndef CERTD_DAEMON_ASK_H
#define CERTD_DAEMON_ASK_H

#include "base/buf.h"
#include "json/doc.h"

#include <stdbool.h>

struct error;

enum { DAEMON_ASK_OK = 0, DAEMON_ASK_ABSENT = 1, DAEMON_ASK_REPLY_MAX = 1024 * 1024 };

struct daemon_ask {
	int fd;
	struct buf in; /* what came and was not taken yet */
};

#define DAEMON_ASK ((struct daemon_ask){ .fd = -1, .in = BUF(DAEMON_ASK_REPLY_MAX) })

/* DAEMON_ASK_ABSENT: none runs that we may ask. `ask` is DAEMON_ASK before. */
int daemon_ask_open(const char *runtime_dir, struct daemon_ask *ask, struct error *err);
void daemon_ask_done(struct daemon_ask *ask);

/* Sends a call of io.certd ("Renew"). The reference to `parameters` (may be NULL) is taken. */
int daemon_ask_send(struct daemon_ask *ask, const char *method, json_t *parameters, bool more, struct error *err);

/* Whether a whole reply has come already. */
bool daemon_ask_has_reply(const struct daemon_ask *ask);

/* Waits for a reply: a new reference to its parameters. An error of the daemon's becomes *err as it was there. */
int daemon_ask_reply(struct daemon_ask *ask, json_t **ret, bool *ret_continues, struct error *err);

/* Both, for a call with one reply. ret may be NULL. */
int daemon_ask_call(struct daemon_ask *ask, const char *method, json_t *parameters, json_t **ret, struct error *err);

#endif
