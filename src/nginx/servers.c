/* servers.c: the servers of the http block, and the sockets that they listen on. */
#include "nginx/servers.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/text.h"
#include "nginx/arena.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is being made; the struct that users see has it all const. */
struct collection {
	struct nginx_arena *arena;
	struct nginx_server *servers;
	size_t count;
	struct nginx_socket *sockets;
	size_t socket_count;
	size_t places; /* servers on sockets */
	struct nginx_listen *streams;
	size_t stream_count;
};

static int add_listen(struct collection *c, struct nginx_listen **list, size_t *count, const struct nginx_listen *listen,
                      struct error *err)
{
	struct nginx_listen *grown = nginx_arena_grow(c->arena, *list, *count, sizeof(*grown));

	if (grown == NULL)
		return error_oom(err);
	*list = grown;
	grown[(*count)++] = *listen;
	return 0;
}

static int read_listens(struct collection *c, const struct nginx_directive *block, struct nginx_listen **list,
                        size_t *count, struct error *err)
{
	for (const struct nginx_directive *d = block->first; d != NULL; d = d->next) {
		struct nginx_listen listen;

		if (text_equal(d->name, "listen") && nginx_listen_parse(d, &listen) &&
		    add_listen(c, list, count, &listen, err) < 0)
			return -1;
	}
	return 0;
}

static int add_name(struct collection *c, struct nginx_name **list, size_t *count, const struct nginx_directive *d,
                    const char *text, struct error *err)
{
	struct nginx_name *names = nginx_arena_grow(c->arena, *list, *count, sizeof(*names));
	enum nginx_name_kind kind = NGINX_NAME_EXACT;
	char host[256] = "";
	char *copy;

	if (names == NULL)
		return error_oom(err);
	*list = names;
	if (text_equal(text, "$hostname") && gethostname(host, sizeof(host) - 1) == 0)
		text = host;
	if (text[0] == '~') {
		kind = NGINX_NAME_REGEX;
		text++;
	} else if (text[0] == '.' || text_has_prefix(text, "*.")) {
		kind = NGINX_NAME_LEADING;
	} else if (text_has_suffix(text, ".*")) {
		kind = NGINX_NAME_TRAILING;
	}
	copy = nginx_arena_text(c->arena, text);
	if (copy == NULL)
		return error_oom(err);
	for (char *p = copy; *p != '\0' && kind != NGINX_NAME_REGEX; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	}
	names[(*count)++] = (struct nginx_name){ .directive = d, .kind = kind, .text = copy };
	return 0;
}

static int read_names(struct collection *c, struct nginx_server *server, struct error *err)
{
	struct nginx_name *names = NULL;
	size_t count = 0;

	for (const struct nginx_directive *d = server->block->first; d != NULL; d = d->next) {
		if (!text_equal(d->name, "server_name"))
			continue;
		for (size_t i = 0; i < d->arg_count; i++) {
			if (add_name(c, &names, &count, d, d->args[i], err) < 0)
				return -1;
		}
	}
	if (count == 0 && add_name(c, &names, &count, NULL, "", err) < 0)
		return -1;
	server->names = names;
	server->name_count = count;
	return 0;
}

static int read_server(struct collection *c, const struct nginx_directive *block, bool ssl, struct error *err)
{
	static const struct nginx_listen standard = { .address = "0.0.0.0", .port = NGINX_PORT_HTTP,
		                                      .last_port = NGINX_PORT_HTTP };
	struct nginx_server *servers = nginx_arena_grow(c->arena, c->servers, c->count, sizeof(*servers));
	const struct nginx_directive *own = nginx_directive_find(block->first, "ssl");
	struct nginx_listen *listens = NULL;
	struct nginx_server server = { .block = block };

	if (servers == NULL)
		return error_oom(err);
	c->servers = servers;
	server.ssl = own != NULL ? text_equal(nginx_directive_arg(own, 0), "on") : ssl;
	if (read_listens(c, block, &listens, &server.listen_count, err) < 0 || read_names(c, &server, err) < 0)
		return -1;
	if (nginx_directive_find(block->first, "listen") == NULL &&
	    add_listen(c, &listens, &server.listen_count, &standard, err) < 0)
		return -1;
	server.listens = listens;
	servers[c->count++] = server;
	return 0;
}

static int read_block(struct collection *c, const struct nginx_directive *http, struct error *err)
{
	const struct nginx_directive *ssl = nginx_directive_find(http->first, "ssl");
	bool on = ssl != NULL && text_equal(nginx_directive_arg(ssl, 0), "on");

	for (const struct nginx_directive *d = http->first; d != NULL; d = d->next) {
		if (d->block && text_equal(d->name, "server") && read_server(c, d, on, err) < 0)
			return -1;
	}
	return 0;
}

static int read_stream(struct collection *c, const struct nginx_directive *stream, struct error *err)
{
	for (const struct nginx_directive *d = stream->first; d != NULL; d = d->next) {
		if (d->block && text_equal(d->name, "server") &&
		    read_listens(c, d, &c->streams, &c->stream_count, err) < 0)
			return -1;
	}
	return 0;
}

static struct nginx_socket *find_socket(const struct collection *c, const struct nginx_listen *l, unsigned int port)
{
	for (size_t i = 0; i < c->socket_count; i++) {
		struct nginx_socket *s = &c->sockets[i];

		if (s->port == port && s->quic == l->quic && text_equal(s->address, l->address))
			return s;
	}
	return NULL;
}

static int add_socket(struct collection *c, const struct nginx_server *server, const struct nginx_listen *l,
                      unsigned int port, struct error *err)
{
	struct nginx_socket *s = find_socket(c, l, port);

	if (c->places++ >= NGINX_PLACES_MAX || (s == NULL && c->socket_count >= NGINX_SOCKETS_MAX))
		return error_set(err, ERROR_SYSTEM, "NGINX listens on more than %d sockets, or with more than %d servers",
		                 NGINX_SOCKETS_MAX, NGINX_PLACES_MAX);
	if (s == NULL) {
		s = nginx_arena_grow(c->arena, c->sockets, c->socket_count, sizeof(*s));
		if (s == NULL)
			return error_oom(err);
		c->sockets = s;
		s = &s[c->socket_count++];
		*s = (struct nginx_socket){ .address = l->address, .port = port, .quic = l->quic, .default_server = server };
	}
	if (l->default_server)
		s->default_server = server;
	s->ssl = s->ssl || l->ssl || server->ssl;
	s->ipv4_too = s->ipv4_too || l->ipv4_too;
	s->server_count++;
	return 0;
}

static int collect_sockets(struct collection *c, struct error *err)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct nginx_server *server = &c->servers[i];

		for (size_t j = 0; j < server->listen_count; j++) {
			const struct nginx_listen *l = &server->listens[j];

			for (unsigned int port = l->port; port <= l->last_port; port++) {
				if (add_socket(c, server, l, port, err) < 0)
					return -1;
			}
		}
	}
	return 0;
}

static int collect(struct collection *c, const struct nginx_conf *conf, struct error *err)
{
	for (const struct nginx_directive *d = conf->first; d != NULL; d = d->next) {
		if (d->block && text_equal(d->name, "http") && read_block(c, d, err) < 0)
			return -1;
		if (d->block && text_equal(d->name, "stream") && read_stream(c, d, err) < 0)
			return -1;
	}
	return collect_sockets(c, err);
}

int nginx_servers_read(const struct nginx_conf *conf, struct nginx_servers **ret, struct error *err)
{
	CLEANUP(nginx_servers_cleanup) struct nginx_servers *servers = calloc(1, sizeof(*servers));
	struct collection c = { .arena = calloc(1, sizeof(struct nginx_arena)) };

	if (servers == NULL || c.arena == NULL) {
		free(c.arena);
		return error_oom(err);
	}
	servers->memory = c.arena;
	if (collect(&c, conf, err) < 0)
		return -1;
	servers->conf = conf;
	servers->items = c.servers;
	servers->count = c.count;
	servers->sockets = c.sockets;
	servers->socket_count = c.socket_count;
	servers->streams = c.streams;
	servers->stream_count = c.stream_count;
	*ret = TAKE(servers);
	return 0;
}

void nginx_servers_free(struct nginx_servers *servers)
{
	if (servers == NULL)
		return;
	if (servers->memory != NULL)
		nginx_arena_done(servers->memory);
	free(servers->memory);
	free(servers);
}

void nginx_servers_cleanup(struct nginx_servers **servers)
{
	nginx_servers_free(*servers);
	*servers = NULL;
}
