/* views.c: which sockets matter for a name. */
#include "base/text.h"
#include "nginx/advisor.h"

#include <stdio.h>
#include <string.h>

static bool is_loopback(const struct nginx_socket *socket)
{
	return text_has_prefix(socket->address, "127.") || text_equal(socket->address, "[::1]");
}

static bool is_ipv6(const struct nginx_socket *socket)
{
	return socket->address[0] == '[';
}

static bool is_for_all(const struct nginx_socket *socket)
{
	return text_equal(socket->address, "0.0.0.0") || text_equal(socket->address, "[::]");
}

/* What is on this port for the world. */
struct port {
	const struct nginx_servers *servers;
	unsigned int number;
	bool loopback_only;
};

static bool is_of(const struct port *port, const struct nginx_socket *socket)
{
	return socket->port == port->number && !socket->quic && (port->loopback_only || !is_loopback(socket));
}

static struct port make_port(const struct nginx_servers *servers, unsigned int number)
{
	struct port port = { .servers = servers, .number = number };
	bool found = false;

	for (size_t i = 0; i < servers->socket_count && !found; i++)
		found = is_of(&port, &servers->sockets[i]);
	port.loopback_only = !found;
	return port;
}

static void add(struct nginx_view *views, size_t *count, const struct nginx_socket *socket, const struct nginx_choice *choice)
{
	if (*count < NGINX_VIEWS_MAX)
		views[(*count)++] = (struct nginx_view){ .socket = socket, .choice = *choice };
}

/* The views of one family behind those that are there already. */
static void look(const struct port *port, const char *name, bool ipv6, struct nginx_view *views, size_t *count)
{
	const struct nginx_servers *servers = port->servers;
	const struct nginx_socket *other = NULL;
	size_t before = *count;

	for (size_t i = 0; i < servers->socket_count; i++) {
		const struct nginx_socket *socket = &servers->sockets[i];
		struct nginx_choice choice;

		if (!is_of(port, socket) || is_ipv6(socket) != ipv6)
			continue;
		choice = nginx_servers_choose(servers, socket, name);
		if (choice.kind != NGINX_NAME_NONE)
			add(views, count, socket, &choice);
		else if (other == NULL || (is_for_all(socket) && !is_for_all(other)))
			other = socket;
	}
	if (*count == before && other != NULL) {
		struct nginx_choice choice = nginx_servers_choose(servers, other, name);

		add(views, count, other, &choice);
	}
}

/* A name that is an address is asked for at that address. */
static size_t look_at_address(const struct port *port, const char *name, struct nginx_view *views)
{
	char address[NGINX_HOST_SIZE];
	const struct nginx_socket *socket;
	struct nginx_choice choice;
	size_t count = 0;

	socket = nginx_servers_socket(port->servers, nginx_advisor_host(name, address), port->number);
	if (socket == NULL)
		return 0;
	choice = nginx_servers_choose(port->servers, socket, address);
	add(views, &count, socket, &choice);
	return count;
}

static void describe(struct nginx_view *views, size_t count)
{
	bool named = false, same = true;

	for (size_t i = 0; i < count; i++) {
		named = named || views[i].choice.kind != NGINX_NAME_NONE;
		same = same && views[i].choice.server == views[0].choice.server;
	}
	for (size_t i = 0; i < count; i++) {
		const struct nginx_socket *socket = views[i].socket;
		size_t size = sizeof(views[i].place);

		views[i].elsewhere = named && views[i].choice.kind == NGINX_NAME_NONE;
		if (same)
			snprintf(views[i].place, size, "port %u", socket->port);
		else if (is_for_all(socket))
			snprintf(views[i].place, size, "port %u over IPv%c", socket->port, is_ipv6(socket) ? '6' : '4');
		else
			snprintf(views[i].place, size, "port %u of %s", socket->port, socket->address);
	}
}

size_t nginx_advisor_views(const struct nginx_advisor *a, const char *name, unsigned int number,
                           struct nginx_view views[static NGINX_VIEWS_MAX])
{
	const struct port port = make_port(a->servers, number);
	size_t count = 0;

	if (nginx_is_address(name))
		count = look_at_address(&port, name, views);
	if (count == 0) {
		look(&port, name, false, views, &count);
		look(&port, name, true, views, &count);
	}
	describe(views, count);
	return count;
}

bool nginx_views_have_ipv4(const struct nginx_view *views, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!is_ipv6(views[i].socket) || views[i].socket->ipv4_too)
			return true;
	}
	return false;
}
