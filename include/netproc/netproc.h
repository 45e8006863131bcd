/* netproc.h: the net process: the only one that talks to a CA, a DNS server or a served site.
 *
 * It holds no key and no file. It receives tasks from the job, asks it (the notary at the other end) for what it may not have, and ends each
 * task with a result. Before it touches the first octet of the world it drops to a user of its own and closes its sandbox behind it.
 */
#ifndef CERTD_NETPROC_NETPROC_H
#define CERTD_NETPROC_NETPROC_H

#include <stdbool.h>

struct clock;
struct http_client;
struct random;

struct netproc_config {
	int fd; /* this end of the channel; owned */
	const char *user; /* to drop to when root; one that does not exist means "nobody" */
	const char *ca_bundle; /* trust for the CA's HTTPS; read before the sandbox closes. NULL for the system's */
	const struct http_client *http; /* NULL for the real one */
	const struct clock *clock;
	const struct random *random;
	bool sandbox; /* false only where a test's transport could not work inside */
};

/* The whole life of the process: waits for a task, closes the sandbox, serves tasks until the job closes the channel. Returns the exit
 * status for _exit(). */
int netproc_main(const struct netproc_config *config);

#endif
