/* server.h: whoever connects to the control socket: who it is, what it sends, what it is sent, within limits.
 *
 * One client cannot keep the loop from the others, nor fill its memory: the number of clients, the size of a call, what may wait to be sent,
 * and the time for each of these are limited. A client has one call at a time; what it sends meanwhile waits in its socket.
 */
#ifndef CERTD_DAEMON_SERVER_H
#define CERTD_DAEMON_SERVER_H

#include "daemon/varlink.h"

#include <stdbool.h>
#include <stddef.h>

struct daemon_client;
struct daemon_server;
struct error;
struct sd_event;

enum {
	DAEMON_CLIENTS_MAX = 64,
	DAEMON_CLIENTS_OTHERS_MAX = 16, /* of those, of users that may only look */
	DAEMON_CLIENT_OUT_MAX = 1024 * 1024, /* octets that wait to be sent */
	DAEMON_CLIENT_OUT_LOW = 64 * 1024, /* below this a series of replies goes on */
};

/* Milliseconds. */
struct daemon_server_limits {
	unsigned int call_ms; /* for the rest of a call that has begun */
	unsigned int send_ms; /* for a client that takes nothing of what it asked for */
	unsigned int idle_ms; /* without a call */
};

struct daemon_server_handler {
	/* A call has come. It is answered now, or later by a series of replies. */
	void (*call)(void *self, struct daemon_client *client, const struct daemon_varlink_call *call);
	/* Room to go on with a series of replies. */
	void (*room)(void *self, struct daemon_client *client);
	/* The series ends without its end: the client is gone. What was set by daemon_client_set_data() is to be freed. */
	void (*gone)(void *self, struct daemon_client *client);
	void *self;
};

/* Listens at DIRECTORY/name, in place of what a daemon before left there; mode 0600. `limits` NULL: 10, 30 and 300 seconds. */
int daemon_server_open(struct sd_event *event, const char *directory, const char *name,
                       const struct daemon_server_handler *handler, const struct daemon_server_limits *limits,
                       struct daemon_server **ret, struct error *err);
void daemon_server_free(struct daemon_server *server);

/* Whether it runs as root or as our own user: others may look, and change nothing. */
bool daemon_client_may_change(const struct daemon_client *client);

/* What the handler keeps of a call that goes on. Borrowed; NULL at the begin of each call. */
void daemon_client_set_data(struct daemon_client *client, void *data);
void *daemon_client_data(const struct daemon_client *client);

/* The reference to `parameters` (may be NULL) is taken. A reply that does not continue ends the call, and so does an error. A client that does not
 * take its replies is dropped later: gone() comes from the loop, never from here. */
void daemon_client_reply(struct daemon_client *client, json_t *parameters, bool continues);
void daemon_client_error(struct daemon_client *client, const char *name, json_t *parameters);

/* Octets that wait to be sent. */
size_t daemon_client_waiting(const struct daemon_client *client);

#endif
