/* sandbox.h: what the net process gives up, for ever, before it talks to anyone.
 *
 * Its user (where it is root), new privileges, core dumps, files it could write; by Landlock every file but the trust store and the resolver's
 * configuration, read-only, and TCP listening; by seccomp every system call that it does not need, among them those that start a
 * program or make a file.
 */
#ifndef CERTD_NETPROC_SANDBOX_H
#define CERTD_NETPROC_SANDBOX_H

struct error;

/* Changes to `user` when this is root, without any supplementary group; "nobody" when there is no such user. Nothing when not root. */
int sandbox_drop_user(const char *user, struct error *err);

/* Limits, Landlock, seccomp. What the kernel does not offer (Landlock) is logged as debug and left out; seccomp is a must. */
int sandbox_close(struct error *err);

#endif
