/* holder.h: which program of this machine listens on an address and port: what a proof that failed has met. Reads /proc and nothing else. */
#ifndef CERTD_DEPLOY_HOLDER_H
#define CERTD_DEPLOY_HOLDER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { DEPLOY_HOLDER_NAME_SIZE = 32, DEPLOY_HOLDER_COMMAND_SIZE = 128 };

struct deploy_holder {
	pid_t pid; /* the first of them: a master rather than its workers */
	char name[DEPLOY_HOLDER_NAME_SIZE]; /* "apache2" */
	char command[DEPLOY_HOLDER_COMMAND_SIZE]; /* its arguments, or its title */
	bool nginx;
};

enum {
	DEPLOY_HOLDER_FOUND = 0,
	DEPLOY_HOLDER_NOBODY = 1, /* nobody listens there */
	DEPLOY_HOLDER_UNKNOWN = 2, /* somebody does, and who cannot be learned: another's process, another container, the kernel */
};

/* For TCP; address is an IP literal. A socket for that very address goes before one for all addresses. */
int deploy_holder_find(const char *address, uint16_t port, struct deploy_holder *ret);

#endif
