/* advise_websocket.c: what a websocket needs on its way through NGINX. */
#include "base/buf.h"
#include "base/clean.h"
#include "base/text.h"
#include "nginx/advisor.h"

#include <string.h>

/* What people call the place of a websocket. */
static const char *const usual[] = { "ws", "wss", "websocket", "websockets", "socket.io", "sockjs", "cable" };

/* The value of `proxy_set_header NAME VALUE` that counts for the location: those of the nearest block that has any. NULL for none. */
static const char *header(const struct nginx_directive *block, const char *name)
{
	for (; block != NULL; block = block->parent) {
		const struct nginx_directive *d = nginx_directive_find(block->first, "proxy_set_header");
		const char *value = NULL;

		if (d == NULL)
			continue;
		for (; d != NULL; d = nginx_directive_find(d->next, "proxy_set_header")) {
			if (text_equal_nocase(nginx_directive_arg(d, 0), name))
				value = nginx_directive_arg(d, 1);
		}
		return value;
	}
	return NULL;
}

static bool has_http_1_1(const struct nginx_advisor *a, const struct nginx_directive *location)
{
	const struct nginx_directive *d = nginx_directive_inherited(a->servers->conf, location, "proxy_http_version");
	const unsigned int *v = a->expected->version.nginx;

	if (d != NULL)
		return !text_equal(nginx_directive_arg(d, 0), "1.0");
	/* The default since 1.29.7. */
	return v[0] > 1 || (v[0] == 1 && (v[1] > 29 || (v[1] == 29 && v[2] >= 7)));
}

/* What is to be written; "" when all is there. */
static void missing(const struct nginx_advisor *a, const struct nginx_directive *location, struct buf *out)
{
	const char *upgrade = header(location, "Upgrade");
	const char *connection = header(location, "Connection");

	if (!has_http_1_1(a, location))
		buf_append_text(out, " proxy_http_version 1.1;");
	if (upgrade == NULL || upgrade[0] == '\0')
		buf_append_text(out, " proxy_set_header Upgrade $http_upgrade;");
	if (connection == NULL || connection[0] == '\0' || text_equal_nocase(connection, "close") ||
	    text_equal_nocase(connection, "keep-alive"))
		buf_append_text(out, " proxy_set_header Connection \"upgrade\";");
}

static void look_at(struct nginx_advisor *a, const char *name, const char *path, const struct nginx_directive *location,
                    bool asked)
{
	CLEANUP(buf_done) struct buf lines = BUF(512);
	const struct nginx_directive *timeout = nginx_directive_inherited(a->servers->conf, location, "proxy_read_timeout");

	missing(a, location, &lines);
	if (lines.len > 0) {
		if (!nginx_advisor_add(a, asked ? NGINX_FAILURE : NGINX_WARNING, "websocket-headers", name, location))
			return;
		nginx_advisor_text(a, "a websocket at wss://%s%s does not get through: NGINX does not pass its upgrade on", name, path);
		nginx_advisor_advice(a, "write in this location:%s", buf_text(&lines));
		return;
	}
	if (asked && timeout == NULL && nginx_advisor_add(a, NGINX_WARNING, "websocket-timeout", name, location)) {
		nginx_advisor_text(a, "NGINX closes a websocket at wss://%s%s that is silent for 60 seconds", name, path);
		nginx_advisor_advice(a, "write in this location: proxy_read_timeout 1h; proxy_send_timeout 1h;");
	}
}

static void look_at_path(struct nginx_advisor *a, const char *name, const struct nginx_server *server, const char *path)
{
	const struct nginx_directive *location = nginx_location_choose(server->block, path, NULL);
	const struct nginx_directive *where = location != NULL ? location : server->block;

	if (location != NULL && nginx_directive_find(location->first, "proxy_pass") != NULL) {
		look_at(a, name, path, location, true);
		return;
	}
	if (!nginx_advisor_add(a, NGINX_FAILURE, "websocket-no-proxy", name, where))
		return;
	nginx_advisor_text(a, "nothing passes wss://%s%s on: %s answers", name, path,
	                   location != NULL ? nginx_advisor_quote(a, location) : "the server itself");
	nginx_advisor_advice(a,
	                     "write `location %s { proxy_pass http://BACKEND; proxy_http_version 1.1; proxy_set_header Upgrade "
	                     "$http_upgrade; proxy_set_header Connection \"upgrade\"; proxy_read_timeout 1h; }`",
	                     path);
}

/* "/api/ws", "/socket.io/" */
static bool is_usual(const char *path)
{
	size_t len = strlen(path), begin;

	while (len > 0 && path[len - 1] == '/')
		len--;
	for (begin = len; begin > 0 && path[begin - 1] != '/';)
		begin--;
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
		if (strlen(usual[i]) == len - begin && memcmp(path + begin, usual[i], len - begin) == 0)
			return true;
	}
	return false;
}

/* Locations that look as if they were for websockets: by their name, or because half of it is there. */
static void look_around(struct nginx_advisor *a, const char *name, const struct nginx_directive *block)
{
	for (const struct nginx_directive *d = block->first; d != NULL; d = d->next) {
		const char *upgrade;
		struct nginx_location l;

		if (!nginx_location_parse(d, &l))
			continue;
		look_around(a, name, d);
		if (nginx_directive_find(d->first, "proxy_pass") == NULL || l.modifier == NGINX_LOCATION_NAMED)
			continue;
		upgrade = header(d, "Upgrade");
		if ((upgrade != NULL && strstr(upgrade, "upgrade") != NULL) ||
		    (l.modifier != NGINX_LOCATION_REGEX && is_usual(l.path)))
			look_at(a, name, l.modifier == NGINX_LOCATION_REGEX ? "" : l.path, d, false);
	}
}

void nginx_advise_websockets(struct nginx_advisor *a, const char *name, const struct nginx_server *server)
{
	for (size_t i = 0; i < a->expected->websocket_count; i++)
		look_at_path(a, name, server, a->expected->websockets[i]);
	look_around(a, name, server->block);
}
