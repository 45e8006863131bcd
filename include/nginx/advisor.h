/* advisor.h: between the files of the advice: how a finding is added, and who looks at what. */
#ifndef CERTD_NGINX_ADVISOR_H
#define CERTD_NGINX_ADVISOR_H

#include "nginx/advise.h"
#include "nginx/arena.h"
#include "nginx/regex.h"

struct nginx_advisor {
	struct nginx_arena arena;
	const struct nginx_servers *servers;
	const struct nginx_expected *expected;
	struct nginx_finding *items;
	size_t count;
	bool failed; /* out of memory */
};

/* Adds a finding at `where` (NULL for no place) and returns true; false when it is there already (the same code, name and place), or
 * when there is no room. nginx_advisor_text() and nginx_advisor_advice() then say what it is, of the last one added. */
bool nginx_advisor_add(struct nginx_advisor *a, enum nginx_level level, const char *code, const char *name,
                       const struct nginx_directive *where);
void nginx_advisor_text(struct nginx_advisor *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
void nginx_advisor_advice(struct nginx_advisor *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* All that makes no difference between names. */
void nginx_advise_words(struct nginx_advisor *a);
void nginx_advise_state(struct nginx_advisor *a);

/* One name, on one port. */
void nginx_advise_http(struct nginx_advisor *a, const char *name);
void nginx_advise_https(struct nginx_advisor *a, const char *name);

/* The websockets, in the server that answers for the name. */
void nginx_advise_websockets(struct nginx_advisor *a, const char *name, const struct nginx_server *server);

/* A socket that a name is asked for at. */
struct nginx_view {
	const struct nginx_socket *socket;
	struct nginx_choice choice;
	bool elsewhere; /* the default server answers here, and a server with the name over the other family of addresses */
	char place[400]; /* "port 443", or "port 443 over IPv6" where it makes a difference */
};

enum { NGINX_VIEWS_MAX = 16 };

/* Which sockets of the port `number` (TCP) matter for the name: of each family of addresses those where a server has it; where none has, the one for all
 * addresses, else the first. (With a site an address, a name need not be known at the other addresses.) Sockets on loopback addresses
 * count only where the port has no others. 0 when nobody listens there. */
size_t nginx_advisor_views(const struct nginx_advisor *a, const char *name, unsigned int number,
                           struct nginx_view views[static NGINX_VIEWS_MAX]);

/* Whether one of the views is open to IPv4; else nearly nobody gets there. */
bool nginx_views_have_ipv4(const struct nginx_view *views, size_t count);

/* The directive as it is written, without its block and not too long: "return 301 https://$host". Lives as long as a. */
const char *nginx_advisor_quote(struct nginx_advisor *a, const struct nginx_directive *d);

/* Whether a name is an IP address: those come without a name in the handshake, so that default servers are right for them. */
bool nginx_is_address(const char *name);

/* The name as it stands in server_name, in a URL and in a Host header: IPv6 in brackets. Returns out. */
enum { NGINX_HOST_SIZE = 300 };
const char *nginx_advisor_host(const char *name, char out[static NGINX_HOST_SIZE]);

/* Where the stream block listens on this port instead; or NULL. */
const struct nginx_directive *nginx_advisor_stream(const struct nginx_advisor *a, unsigned int port);

/* That NGINX ignores the name in servers of the socket. */
void nginx_advise_conflicts(struct nginx_advisor *a, const struct nginx_view *view, const char *name);

/* Whether something in the block, directly, comes from that file. `path` may be NULL. */
bool nginx_block_includes(const struct nginx_directive *block, const char *path);

/* What happens in the block to a request for the path (NGINX's module "rewrite"): tests of `if` included. */
enum nginx_fate {
	NGINX_FATE_CONTINUES, /* nothing */
	NGINX_FATE_ANSWERED, /* a status, or another place on this host */
	NGINX_FATE_REDIRECTED, /* to https */
	NGINX_FATE_UNSURE, /* it depends on what is not known here */
};

struct nginx_request {
	const char *name;
	const char *path;
	const char *scheme;
	unsigned int port;
	const char *server_name; /* the first name of the server */
};

struct nginx_rewrite {
	enum nginx_fate fate;
	const struct nginx_directive *cause;
	const char *target; /* NGINX_FATE_REDIRECTED */
};

struct nginx_rewrite nginx_rewrite(const struct nginx_directive *block, const struct nginx_request *request);

/* How a request for the proof ends. */
enum nginx_proof_fate {
	NGINX_PROOF_SERVED,
	NGINX_PROOF_RETURNED, /* by a `return` or `rewrite` of the server itself: before all locations */
	NGINX_PROOF_SHADOWED, /* a location takes it away from the exception that is there */
	NGINX_PROOF_ELSEWHERE, /* there is no exception: what answers looks elsewhere */
	NGINX_PROOF_DENIED, /* allow, deny, auth_basic, auth_request */
	NGINX_PROOF_REDIRECTED, /* to https */
	NGINX_PROOF_UNSURE,
};

struct nginx_proof {
	enum nginx_proof_fate fate;
	const struct nginx_directive *cause; /* what decides it: a directive, a location, or the server's block */
	const struct nginx_directive *exception; /* NGINX_PROOF_SHADOWED: what should have answered */
	const char *target; /* NGINX_PROOF_REDIRECTED */
};

/* The exception in the block that comes from the snippet; else the first one that a person wrote; or NULL. */
const struct nginx_directive *nginx_proof_exception(const struct nginx_directive *block, const char *snippet);

struct nginx_proof nginx_proof(const struct nginx_expected *expected, const struct nginx_conf *conf,
                               const struct nginx_server *server, const struct nginx_request *request);

#endif
