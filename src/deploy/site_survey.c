/* site_survey.c: which servers there are already, and what that means for the site. */
#include "deploy/site_plan.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/strv.h"
#include "base/text.h"
#include "config/config.h"
#include "deploy/change.h"
#include "deploy/deploy.h"
#include "deploy/site.h"
#include "store/written.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool site_server_is_own(const struct site_plan *plan, const struct nginx_server *server)
{
	CLEANUP(buf_done) struct buf text = BUF(DEPLOY_FILE_MAX);
	struct error ignored;
	CLEANUP(clean_free) char *path = realpath(server->block->file, NULL);

	if (path == NULL || !text_equal(path, plan->files[SITE_FILE_SITE].path))
		return false;
	/* One of certd's that is not remembered (its state was lost) is compared with what would be written, as any file. */
	return store_written_knows(plan->written, path) || (deploy_file_read(path, &text, &ignored) == 0 &&
	                                                    text_has_prefix(buf_text(&text), NGINX_SITE_HEADING));
}

bool site_server_is_certds(const struct site_plan *plan, const struct nginx_server *server)
{
	CLEANUP(clean_free) char *path = realpath(server->block->file, NULL);

	return path != NULL && store_written_knows(plan->written, path);
}

static bool listens_on(const struct nginx_server *server, unsigned int port)
{
	for (size_t i = 0; i < server->listen_count; i++) {
		const struct nginx_listen *listen = &server->listens[i];

		if (port >= listen->port && port <= listen->last_port)
			return true;
	}
	return false;
}

bool site_server_name_is(const char *of_server, const char *name)
{
	size_t len = strlen(name);

	return text_equal(of_server, name) ||
	       (of_server[0] == '[' && strncmp(of_server + 1, name, len) == 0 && text_equal(of_server + 1 + len, "]"));
}

/* The first of the names that the server has itself. A wildcard that matches gives way to an exact name. */
static const char *own_name(const struct nginx_server *server, const struct ident_list *names)
{
	for (size_t i = 0; i < names->count; i++) {
		for (size_t k = 0; k < server->name_count; k++) {
			if (server->names[k].kind == NGINX_NAME_EXACT && site_server_name_is(server->names[k].text, names->items[i].value))
				return names->items[i].value;
		}
	}
	return NULL;
}

bool site_server_conflicts(const struct site_plan *plan, const struct nginx_server *server)
{
	const struct config_certificate *certificate = plan->site->certificate;
	const struct config_settings *settings = &certificate->settings;

	return own_name(server, &certificate->names) != NULL && !site_server_is_own(plan, server) &&
	       (listens_on(server, settings->http_port) || listens_on(server, settings->https_port));
}

/* A server of others that listens on the port; NULL for none. *ret_explicit: it is a default server by its own word. */
static const struct nginx_server *find_other(const struct site_plan *plan, unsigned int port, bool *ret_explicit)
{
	const struct nginx_server *found = NULL;

	*ret_explicit = false;
	for (size_t i = 0; i < plan->servers->count; i++) {
		const struct nginx_server *server = &plan->servers->items[i];

		if (!listens_on(server, port) || site_server_is_own(plan, server) || site_server_is_certds(plan, server) ||
		    site_take_has(plan, server))
			continue;
		if (found == NULL)
			found = server;
		for (size_t k = 0; k < server->listen_count; k++) {
			const struct nginx_listen *listen = &server->listens[k];

			if (listen->default_server && port >= listen->port && port <= listen->last_port) {
				*ret_explicit = true;
				return server;
			}
		}
	}
	return found;
}

/* What an address is served with is the default server's certificate. */
static void tell_default(struct site_plan *plan, const char *address, uint16_t port, const struct nginx_server *server)
{
	strv_addf(&plan->site->said,
	          "warning: who connects to %s sends no name in the handshake, so on port %u the server at %s:%u answers, with its own certificate: "
	          "write `include %s;` there in place of its ssl_certificate, or let a server that has it be the port's default_server",
	          address, port, server->block->file, server->block->line, buf_text(&plan->snippet));
}

static const char *first_address(const struct ident_list *names)
{
	for (size_t i = 0; i < names->count; i++) {
		if (names->items[i].type == IDENT_IP)
			return names->items[i].value;
	}
	return NULL;
}

/* A default server of our own would take from others what nobody has named: so only where there are none. */
static uint16_t default_port(struct site_plan *plan, uint16_t port, bool https)
{
	const char *address = https ? first_address(&plan->site->certificate->names) : NULL;
	bool is_explicit;
	const struct nginx_server *other = find_other(plan, port, &is_explicit);

	if (other == NULL)
		return port;
	if (!is_explicit)
		strv_addf(&plan->site->said,
		          "note: no default server for port %u is written: requests for unknown names go to a server as before "
		          "(%s:%u listens there and no server says default_server)",
		          port, other->block->file, other->block->line);
	if (address != NULL)
		tell_default(plan, address, port, other);
	return 0;
}

/* Who connects to that address gets the servers of that address only. */
static void tell_narrower(struct site_plan *plan, unsigned int port)
{
	for (size_t i = 0; i < plan->servers->socket_count; i++) {
		const struct nginx_socket *socket = &plan->servers->sockets[i];

		if (socket->port != port || text_equal(socket->address, "0.0.0.0") || text_equal(socket->address, "[::]"))
			continue;
		strv_addf(&plan->site->said,
		          "warning: %s:%u listens on %s:%u alone: requests to that address never come to this site; write `listen %u;` there",
		          socket->default_server->block->file, socket->default_server->block->line, socket->address, port, port);
	}
}

/* The default server has one certificate: that of the first one, by name, with an address. */
static void choose_for_addresses(struct site_plan *plan, const struct config_certificate *candidate, const struct config_certificate **chosen)
{
	if (*chosen == NULL || strcmp(candidate->name, (*chosen)->name) < 0) {
		const struct config_certificate *other = *chosen;

		*chosen = candidate;
		candidate = other;
	}
	if (candidate != NULL)
		strv_addf(&plan->site->said,
		          "warning: who connects to %s is shown the certificate %s: of the default server there is one; put all addresses into one "
		          "certificate",
		          first_address(&candidate->names), (*chosen)->name);
}

/* That of this site is written before NGINX sees it. */
static bool has_snippet(const struct site_plan *plan, const struct config_certificate *certificate)
{
	CLEANUP(buf_done) struct buf path = BUF(PATH_MAX);
	struct error ignored;

	return certificate == plan->site->certificate ||
	       (deploy_snippet_path(plan->site->config, certificate->name, &path, &ignored) == 0 && access(buf_text(&path), F_OK) == 0);
}

int site_survey_defaults(struct site_plan *plan, struct nginx_site_default *ret, struct error *err)
{
	const struct config_certificate *chosen = NULL;
	const struct config *config = plan->site->config;
	const struct config_settings *settings = &plan->site->certificate->settings;

	*ret = (struct nginx_site_default){
		.http_port = default_port(plan, settings->http_port, false),
		.https_port = default_port(plan, settings->https_port, true),
		.ipv6 = plan->text.ipv6,
		.http2 = plan->text.http2,
		.http3 = plan->text.http3,
	};
	for (size_t i = 0; i < config->certificates_count; i++) {
		const struct config_site *site = config->certificates[i]->site;

		ret->http2 = ret->http2 || (site != NULL && site->http2);
		ret->http3 = ret->http3 || (site != NULL && site->http3);
		if (site != NULL && first_address(&config->certificates[i]->names) != NULL && has_snippet(plan, config->certificates[i]))
			choose_for_addresses(plan, config->certificates[i], &chosen);
	}
	if (chosen != NULL && deploy_snippet_path(config, chosen->name, &plan->default_snippet, err) < 0)
		return -1;
	ret->snippet = chosen != NULL ? buf_text(&plan->default_snippet) : NULL;
	tell_narrower(plan, settings->http_port);
	tell_narrower(plan, settings->https_port);
	return 0;
}
