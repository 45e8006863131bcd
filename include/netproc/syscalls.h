/* syscalls.h: which system calls the net process can still make. Used within this room. */
#ifndef CERTD_NETPROC_SYSCALLS_H
#define CERTD_NETPROC_SYSCALLS_H

struct error;

/* Everything that is not on the list answers EPERM: no program, no process, no file that is made or written. */
int syscalls_close(struct error *err);

#endif
