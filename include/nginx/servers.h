/* servers.h: what the http block of a configuration means: its servers, which of them answers for a name at a socket, and
 * which location answers for a path. By NGINX's rules, conflicts and all.
 *
 * A struct nginx_servers owns its memory and points into the struct nginx_conf that it was made of, which lives longer.
 */
#ifndef CERTD_NGINX_SERVERS_H
#define CERTD_NGINX_SERVERS_H

#include "nginx/conf.h"

#include <stdbool.h>
#include <stddef.h>

struct error;

enum {
	NGINX_ADDRESS_SIZE = 300, /* an address, a host name or the path of a unix socket */
	NGINX_PORTS_MAX = 1000, /* of one `listen` with a range of ports */
	NGINX_SOCKETS_MAX = 4096,
	NGINX_PLACES_MAX = 65536, /* servers of all sockets together */
	NGINX_PORT_HTTP = 80, /* of a server without `listen`, and of a `listen` without a port */
};

struct nginx_listen {
	const struct nginx_directive *directive; /* NULL where a server has none and listens on *:80 */
	char address[NGINX_ADDRESS_SIZE]; /* "0.0.0.0" (also for "*" and for none), "127.0.0.1", "[::]" as RFC 5952 writes it, a host
	                                   * name in lower case, "unix:/path" */
	unsigned int port; /* 0 for unix sockets */
	unsigned int last_port; /* of a range; else port */
	bool ssl, default_server, http2, quic, proxy_protocol;
	bool ipv4_too; /* [::] with ipv6only=off */
};

/* In the order of precedence. */
enum nginx_name_kind {
	NGINX_NAME_EXACT,
	NGINX_NAME_LEADING, /* "*.example.com"; ".example.com" is this and the exact name */
	NGINX_NAME_TRAILING, /* "www.example.*" */
	NGINX_NAME_REGEX, /* "~..." */
	NGINX_NAME_NONE, /* the default server: no name matched */
};

struct nginx_name {
	const struct nginx_directive *directive; /* NULL where a server has none: then it is "" */
	enum nginx_name_kind kind;
	const char *text; /* lower case, as written otherwise; of a regex without the `~` */
};

/* A socket that NGINX listens on, with all of its servers. */
struct nginx_socket {
	const char *address; /* as in struct nginx_listen */
	unsigned int port;
	bool ssl, quic; /* `ssl` counts for all servers of a socket when one of them says it */
	bool ipv4_too;
	const struct nginx_server *default_server;
	size_t server_count;
};

struct nginx_server {
	const struct nginx_directive *block;
	const struct nginx_listen *listens; /* none only where NGINX would refuse them */
	size_t listen_count;
	const struct nginx_name *names; /* at least one */
	size_t name_count;
	bool ssl; /* `ssl on;`, which NGINX knew until 1.25.0: all its sockets speak TLS */
};

struct nginx_servers {
	const struct nginx_conf *conf;
	const struct nginx_server *items; /* in the order in which NGINX reads them */
	size_t count;
	const struct nginx_socket *sockets;
	size_t socket_count;
	const struct nginx_listen *streams; /* what the stream block listens on */
	size_t stream_count;
	void *memory;
};

/* Reads the servers of all http blocks. A `listen` that NGINX would refuse is left out. */
int nginx_servers_read(const struct nginx_conf *conf, struct nginx_servers **ret, struct error *err);

void nginx_servers_free(struct nginx_servers *servers);
void nginx_servers_cleanup(struct nginx_servers **servers); /* for CLEANUP() */

/* Reads the arguments of a `listen`. False when NGINX would refuse them. */
bool nginx_listen_parse(const struct nginx_directive *directive, struct nginx_listen *ret);

/* The listen of the server that makes it one of this socket's; or NULL. */
const struct nginx_listen *nginx_server_listen(const struct nginx_server *server, const struct nginx_socket *socket);

/* The socket on that address and port (TCP), as NGINX chooses it for a connection to that address: the one for the address, else the one for
 * all addresses of its family. NULL when nobody listens. `address` is written as in struct nginx_listen. */
const struct nginx_socket *nginx_servers_socket(const struct nginx_servers *servers, const char *address, unsigned int port);

struct nginx_choice {
	const struct nginx_server *server;
	enum nginx_name_kind kind;
	const struct nginx_name *name; /* NULL for NGINX_NAME_NONE */
	bool unsure; /* a regular expression could not be judged */
};

/* Which server of the socket answers for `name` (lower case, without port and trailing dot; "" for no name). */
struct nginx_choice nginx_servers_choose(const struct nginx_servers *servers, const struct nginx_socket *socket,
                                         const char *name);

/* A server of the socket that has a name that matches as well, and that NGINX ignores for it because an earlier server has the same
 * one ("conflicting server name"): the first such name behind `after` (NULL for the first at all); NULL when there is none. */
const struct nginx_name *nginx_servers_conflict(const struct nginx_servers *servers, const struct nginx_socket *socket,
                                                const char *name, const struct nginx_name *after);

/* Which name of the server matches, in the order of precedence, whatever other servers there are; or NULL. */
const struct nginx_name *nginx_server_match(const struct nginx_server *server, const char *name);

enum nginx_modifier {
	NGINX_LOCATION_PREFIX,
	NGINX_LOCATION_EXACT, /* = */
	NGINX_LOCATION_PREFIX_FINAL, /* ^~ */
	NGINX_LOCATION_REGEX, /* ~ and ~* */
	NGINX_LOCATION_NAMED, /* @name */
};

/* What a `location` says: its modifier, and the path or the expression without it. */
struct nginx_location {
	enum nginx_modifier modifier;
	bool nocase; /* ~* */
	const char *path;
};

/* False when it is no `location` with one or two arguments. */
bool nginx_location_parse(const struct nginx_directive *directive, struct nginx_location *ret);

/* The location in the block (a server, or a location) that answers for the path; NULL when the block itself does. Nested locations are
 * looked into. *ret_unsure, which may be NULL, is set when a regular expression could not be judged. */
const struct nginx_directive *nginx_location_choose(const struct nginx_directive *block, const char *path, bool *ret_unsure);

#endif
