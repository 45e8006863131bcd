/* landlock.h: which files the net process can still open. Used within this room. */
#ifndef CERTD_NETPROC_LANDLOCK_H
#define CERTD_NETPROC_LANDLOCK_H

struct error;

/* Leaves the trust store and the resolver's configuration readable, and nothing else; no TCP port can be listened on. A kernel
 * without Landlock is logged as debug: user and seccomp remain. */
int landlock_close(struct error *err);

#endif
