/* listen.c: what a `listen` says. */
#include "base/text.h"
#include "nginx/servers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define ANY "0.0.0.0"

static void lower(char *text)
{
	for (; *text != '\0'; text++) {
		if (*text >= 'A' && *text <= 'Z')
			*text = (char)(*text - 'A' + 'a');
	}
}

/* "80" or, where a range may stand, "80-90". */
static bool parse_ports(const char *text, struct nginx_listen *l)
{
	const char *dash = strchr(text, '-');
	char first_text[8];
	uint64_t first, last;

	if (dash == NULL) {
		if (text_parse_u64(text, 1, 65535, &first) < 0)
			return false;
		l->port = l->last_port = (unsigned int)first;
		return true;
	}
	if ((size_t)snprintf(first_text, sizeof(first_text), "%.*s", (int)(dash - text), text) >= sizeof(first_text) ||
	    text_parse_u64(first_text, 1, 65535, &first) < 0 || text_parse_u64(dash + 1, 1, 65535, &last) < 0 ||
	    first > last || last - first >= NGINX_PORTS_MAX)
		return false;
	l->port = (unsigned int)first;
	l->last_port = (unsigned int)last;
	return true;
}

/* "[::1]", "[::1]:80" */
static bool parse_ipv6(const char *text, struct nginx_listen *l)
{
	const char *close = strchr(text, ']');
	char address[INET6_ADDRSTRLEN];
	struct in6_addr raw;

	if (close == NULL ||
	    (size_t)snprintf(address, sizeof(address), "%.*s", (int)(close - text - 1), text + 1) >= sizeof(address) ||
	    inet_pton(AF_INET6, address, &raw) != 1 || inet_ntop(AF_INET6, &raw, address, sizeof(address)) == NULL)
		return false;
	snprintf(l->address, sizeof(l->address), "[%s]", address);
	if (close[1] == '\0')
		return true;
	return close[1] == ':' && parse_ports(close + 2, l);
}

/* "*", "127.0.0.1", "localhost", each with or without ":80"; "80" alone. */
static bool parse_host(const char *text, struct nginx_listen *l)
{
	const char *colon = strchr(text, ':');
	int len = colon != NULL ? (int)(colon - text) : (int)strlen(text);

	if (text[strspn(text, "0123456789-")] == '\0') {
		text_copy(l->address, sizeof(l->address), ANY);
		return parse_ports(text, l);
	}
	if (len == 0 || (size_t)snprintf(l->address, sizeof(l->address), "%.*s", len, text) >= sizeof(l->address))
		return false;
	lower(l->address);
	if (text_equal(l->address, "*"))
		text_copy(l->address, sizeof(l->address), ANY);
	else if (text_equal(l->address, "localhost"))
		text_copy(l->address, sizeof(l->address), "127.0.0.1");
	return colon == NULL || parse_ports(colon + 1, l);
}

bool nginx_listen_parse(const struct nginx_directive *directive, struct nginx_listen *ret)
{
	struct nginx_listen l = { .directive = directive, .port = NGINX_PORT_HTTP, .last_port = NGINX_PORT_HTTP };
	const char *where = nginx_directive_arg(directive, 0);
	bool good;

	if (text_has_prefix(where, "unix:")) {
		l.port = l.last_port = 0;
		good = text_copy(l.address, sizeof(l.address), where);
	} else {
		good = where[0] == '[' ? parse_ipv6(where, &l) : parse_host(where, &l);
	}
	if (!good)
		return false;
	l.ssl = nginx_directive_has_arg(directive, "ssl");
	l.http2 = nginx_directive_has_arg(directive, "http2");
	l.quic = nginx_directive_has_arg(directive, "quic");
	l.proxy_protocol = nginx_directive_has_arg(directive, "proxy_protocol");
	l.default_server = nginx_directive_has_arg(directive, "default_server") || nginx_directive_has_arg(directive, "default");
	l.ipv4_too = text_equal(l.address, "[::]") && nginx_directive_has_arg(directive, "ipv6only=off");
	*ret = l;
	return true;
}

static bool is_on(const struct nginx_listen *l, const struct nginx_socket *socket)
{
	return l->quic == socket->quic && socket->port >= l->port && socket->port <= l->last_port &&
	       text_equal(l->address, socket->address);
}

const struct nginx_listen *nginx_server_listen(const struct nginx_server *server, const struct nginx_socket *socket)
{
	for (size_t i = 0; i < server->listen_count; i++) {
		if (is_on(&server->listens[i], socket))
			return &server->listens[i];
	}
	return NULL;
}

const struct nginx_socket *nginx_servers_socket(const struct nginx_servers *servers, const char *address, unsigned int port)
{
	bool ipv6 = address[0] == '[';
	const struct nginx_socket *any = NULL;

	for (size_t i = 0; i < servers->socket_count; i++) {
		const struct nginx_socket *s = &servers->sockets[i];

		if (s->port != port || s->quic)
			continue;
		if (text_equal(s->address, address))
			return s;
		if (text_equal(s->address, ipv6 ? "[::]" : ANY) || (any == NULL && !ipv6 && s->ipv4_too))
			any = s;
	}
	return any;
}
