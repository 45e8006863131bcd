/* session.h: the ACME session that the tasks of one CA share, and the notary that it asks over the channel. Used within this room. */
#ifndef CERTD_NETPROC_SESSION_H
#define CERTD_NETPROC_SESSION_H

#include <stdbool.h>

struct acme_session;
struct error;
struct message_limits;
struct netproc;

/* Whose session, as a task says. Borrowed for the call. */
struct netproc_wish {
	const char *directory_url;
	const char *account_url; /* or NULL */
	const char *contact; /* or NULL */
	bool agree_tos;
	bool binding;
	const struct message_limits *limits;
};

/* Makes net->session the session of that CA and account: the one that is there, or a new one in its place. */
int netproc_session_for(struct netproc *net, const struct netproc_wish *wish, struct error *err);

/* The session with that CA, whatever its account, for questions that need none; made where there is none. */
int netproc_session_any(struct netproc *net, const char *directory_url, const struct message_limits *limits,
                        struct error *err);

struct acme_session *netproc_session_acme(const struct netproc *net);

#endif
