/* advise_http.c: port 80 of a name: who answers, and whether the CA finds its proof. */
#include "base/text.h"
#include "nginx/advisor.h"

#include <stdio.h>
#include <string.h>

/* A token as CAs make them, so that expressions about its form see a good one. */
#define PROOF_PATH "/.well-known/acme-challenge/certd-asks-nobody-with-this-token-0123456789abcd"

enum { HOST_SIZE = 256 };

static const char *snippet_of(const struct nginx_advisor *a)
{
	return a->expected->challenge_snippet != NULL ? a->expected->challenge_snippet : "snippets/certd-acme-challenge.conf";
}

static void advise_server(struct nginx_advisor *a, const char *name)
{
	char host[NGINX_HOST_SIZE];

	nginx_advisor_advice(a,
	                     "write `server { listen %u; listen [::]:%u; server_name %s; include %s; location / { return 301 "
	                     "https://$host$request_uri; } }`",
	                     a->expected->http_port, a->expected->http_port, nginx_advisor_host(name, host), snippet_of(a));
}

static void no_socket(struct nginx_advisor *a, const char *name)
{
	unsigned int port = a->expected->http_port;
	const struct nginx_directive *stream = nginx_advisor_stream(a, port);
	char host[NGINX_HOST_SIZE];

	if (!nginx_advisor_add(a, a->expected->http_01 ? NGINX_FAILURE : NGINX_WARNING, "http-no-server", name, stream))
		return;
	if (stream != NULL)
		nginx_advisor_text(a, "port %u belongs to the stream block: no http server answers on it for %s", port, name);
	else
		nginx_advisor_text(a, "NGINX has no server that listens on port %u, so nothing answers http://%s/", port, nginx_advisor_host(name, host));
	advise_server(a, name);
}

/* "https://$host$request_uri": the host that it leads to. False when the path is lost on the way. */
static bool redirect_host(const char *target, const struct nginx_request *request, char host[static HOST_SIZE])
{
	const char *at = target + strlen("https://");
	size_t len = strcspn(at, "/$:");

	if (at[0] == '$') {
		len = 1 + strspn(at + 1, "abcdefghijklmnopqrstuvwxyz_{}");
		snprintf(host, HOST_SIZE, "%s", strncmp(at, "$server_name", 12) == 0 ? request->server_name : request->name);
	} else if (len < HOST_SIZE) {
		snprintf(host, HOST_SIZE, "%.*s", (int)len, at);
	} else {
		return false;
	}
	return strchr(at + len, '$') != NULL;
}

/* A CA follows a redirect to https, and does not look at the certificate there. */
static bool served_over_https(const struct nginx_advisor *a, const char *target, const struct nginx_request *request)
{
	struct nginx_view views[NGINX_VIEWS_MAX];
	char host[HOST_SIZE];
	size_t count;

	if (!redirect_host(target, request, host))
		return false;
	count = nginx_advisor_views(a, host, a->expected->https_port, views);
	for (size_t i = 0; i < count; i++) {
		const struct nginx_server *server = views[i].choice.server;
		const struct nginx_request next = { .name = host, .path = PROOF_PATH, .scheme = "https",
			                            .port = a->expected->https_port, .server_name = server->names[0].text };

		if (!views[i].socket->ssl ||
		    nginx_proof(a->expected, a->servers->conf, server, &next).fate != NGINX_PROOF_SERVED)
			return false;
	}
	return count > 0;
}

static void advise_exception(struct nginx_advisor *a, const struct nginx_server *server)
{
	const struct nginx_directive *own = nginx_proof_exception(server->block, NULL);

	/* NGINX refuses two locations for one path. */
	if (own != NULL && !text_equal(own->file, snippet_of(a)))
		nginx_advisor_advice(a, "write `include %s;` in place of the location at %s:%u", snippet_of(a), own->file, own->line);
	else
		nginx_advisor_advice(a, "write `include %s;` in the server at %s:%u", snippet_of(a), server->block->file,
		                     server->block->line);
}

static void elsewhere(struct nginx_advisor *a, const char *name, const struct nginx_server *server,
                      const struct nginx_directive *cause)
{
	bool own = cause->block && !text_equal(cause->name, "server");

	if (!nginx_advisor_add(a, NGINX_FAILURE, "challenge-elsewhere", name, cause))
		return;
	if (text_equal(cause->name, "root") || text_equal(cause->name, "alias"))
		nginx_advisor_text(a, "the server for %s looks for the CA's proof by `%s`, but certd puts it into %s%s", name,
		                   nginx_advisor_quote(a, cause), a->expected->webroot != NULL ? a->expected->webroot : "its webroot",
		                   text_equal(cause->name, "alias") ? "/.well-known/acme-challenge" : "");
	else if (text_equal(cause->name, "server") || own)
		nginx_advisor_text(a, "the server for %s has no exception for the CA's proof, nor a root of its own", name);
	else
		nginx_advisor_text(a, "the server for %s answers the CA's request for its proof by `%s`", name,
		                   nginx_advisor_quote(a, cause));
	advise_exception(a, server);
}

static void returned(struct nginx_advisor *a, const char *name, const struct nginx_server *server,
                     const struct nginx_directive *cause)
{
	if (!nginx_advisor_add(a, NGINX_FAILURE, "challenge-return", name, cause))
		return;
	nginx_advisor_text(a,
	                   "`%s` directly in the server block answers before every location: the CA's request for the proof of %s "
	                   "never comes to the exception",
	                   nginx_advisor_quote(a, cause), name);
	if (nginx_block_includes(server->block, a->expected->challenge_snippet))
		nginx_advisor_advice(a, "put it into a location: `location / { %s; }`", nginx_advisor_quote(a, cause));
	else
		nginx_advisor_advice(a, "put it into a location, `location / { %s; }`, and write `include %s;` beside that",
		                     nginx_advisor_quote(a, cause), snippet_of(a));
}

static bool is_in_location(const struct nginx_directive *d)
{
	while (d != NULL && !text_equal(d->name, "location"))
		d = d->parent;
	return d != NULL;
}

static void redirected(struct nginx_advisor *a, const struct nginx_request *request, const struct nginx_server *server,
                       const struct nginx_proof *proof)
{
	if (served_over_https(a, proof->target, request)) {
		if (!nginx_advisor_add(a, NGINX_WARNING, "challenge-over-https", request->name, proof->cause))
			return;
		nginx_advisor_text(a, "the CA finds its proof for %s only over the redirect to https", request->name);
		advise_exception(a, server);
	} else if (!is_in_location(proof->cause)) {
		returned(a, request->name, server, proof->cause);
	} else {
		elsewhere(a, request->name, server, proof->cause);
	}
}

static void shadowed(struct nginx_advisor *a, const char *name, const struct nginx_proof *proof)
{
	struct nginx_location l;

	if (!nginx_advisor_add(a, NGINX_FAILURE, "challenge-shadowed", name, proof->cause))
		return;
	nginx_advisor_text(a, "`%s` takes the CA's request for the proof of %s away from the exception at %s:%u",
	                   nginx_advisor_quote(a, proof->cause), name, proof->exception->file, proof->exception->line);
	if (nginx_location_parse(proof->cause, &l) && l.modifier == NGINX_LOCATION_REGEX)
		nginx_advisor_advice(a, "write the exception as `location ^~ /.well-known/acme-challenge/`: then NGINX does not look at "
		                        "regular expressions");
	else
		nginx_advisor_advice(a, "remove that location, or have it serve %s",
		                     a->expected->webroot != NULL ? a->expected->webroot : "certd's webroot");
}

static void denied(struct nginx_advisor *a, const char *name, const struct nginx_server *server,
                   const struct nginx_directive *cause)
{
	if (!nginx_advisor_add(a, NGINX_FAILURE, "challenge-denied", name, cause))
		return;
	nginx_advisor_text(a, "`%s` keeps the CA from its proof for %s", nginx_advisor_quote(a, cause), name);
	if (text_equal(cause->name, "auth_request"))
		nginx_advisor_advice(a, "put it into the locations that need it, out of the way of the exception");
	else
		advise_exception(a, server);
}

static void unsure(struct nginx_advisor *a, const char *name, const struct nginx_directive *cause)
{
	if (!nginx_advisor_add(a, NGINX_WARNING, "challenge-unsure", name, cause))
		return;
	nginx_advisor_text(a, "whether the CA gets its proof for %s past `%s` cannot be told without asking", name,
	                   nginx_advisor_quote(a, cause));
	nginx_advisor_advice(a, "put it into `location / { }`, where it cannot meet the exception");
}

static void report(struct nginx_advisor *a, const struct nginx_request *request, const struct nginx_server *server,
                   const struct nginx_proof *proof)
{
	const char *name = request->name;

	switch (proof->fate) {
	case NGINX_PROOF_SERVED:
		if (nginx_advisor_add(a, NGINX_OK, "challenge", name, proof->cause))
			nginx_advisor_text(a, "the CA finds its proof for %s here", name);
		break;
	case NGINX_PROOF_RETURNED:
		returned(a, name, server, proof->cause);
		break;
	case NGINX_PROOF_SHADOWED:
		shadowed(a, name, proof);
		break;
	case NGINX_PROOF_ELSEWHERE:
		elsewhere(a, name, server, proof->cause);
		break;
	case NGINX_PROOF_DENIED:
		denied(a, name, server, proof->cause);
		break;
	case NGINX_PROOF_REDIRECTED:
		redirected(a, request, server, proof);
		break;
	case NGINX_PROOF_UNSURE:
		unsure(a, name, proof->cause);
		break;
	}
}

static void no_name(struct nginx_advisor *a, const char *name, const struct nginx_view *view)
{
	bool harmless = !a->expected->http_01 || view->elsewhere;

	if (!nginx_advisor_add(a, harmless ? NGINX_WARNING : NGINX_FAILURE, "http-default", name, view->choice.server->block))
		return;
	nginx_advisor_text(a, "no server on %s has the name %s: this one answers, as the default", view->place, name);
	if (view->elsewhere)
		nginx_advisor_advice(a, "write `listen %s:%u;` in the server that has the name", view->socket->address,
		                     view->socket->port);
	else
		advise_server(a, name);
}

static void with_tls(struct nginx_advisor *a, const char *name, const struct nginx_view *view)
{
	const struct nginx_server *server = view->choice.server;
	const struct nginx_listen *listen = nginx_server_listen(server, view->socket);

	if (!nginx_advisor_add(a, NGINX_FAILURE, "http-tls", name,
	                       listen != NULL && listen->directive != NULL ? listen->directive : server->block))
		return;
	nginx_advisor_text(a, "NGINX speaks TLS on port %u, where http://%s/ is asked for", view->socket->port, name);
	nginx_advisor_advice(a, "leave `ssl` out of every `listen` on port %u, and remove `ssl on`", view->socket->port);
}

static void look_at(struct nginx_advisor *a, const char *name, const struct nginx_view *view)
{
	const struct nginx_server *server = view->choice.server;
	const struct nginx_request request = { .name = name, .path = PROOF_PATH, .scheme = "http", .port = view->socket->port,
		                               .server_name = server->names[0].text };
	struct nginx_proof proof;

	nginx_advise_conflicts(a, view, name);
	if (view->socket->ssl) {
		with_tls(a, name, view);
		return;
	}
	proof = nginx_proof(a->expected, a->servers->conf, server, &request);
	/* A default server that has the exception does what it is there for. */
	if (view->choice.kind == NGINX_NAME_NONE && !nginx_is_address(name) && proof.fate != NGINX_PROOF_SERVED) {
		no_name(a, name, view);
		/* The name may have no address of that family; and a default server that knows nothing of proofs need not learn it. */
		if (view->elsewhere || proof.fate == NGINX_PROOF_ELSEWHERE)
			return;
	}
	if (a->expected->http_01)
		report(a, &request, server, &proof);
}

static void no_ipv4(struct nginx_advisor *a, const char *name, const struct nginx_view *view)
{
	if (!nginx_advisor_add(a, NGINX_WARNING, "http-no-ipv4", name, view->choice.server->block))
		return;
	nginx_advisor_text(a, "NGINX listens on port %u over IPv6 alone, so http://%s/ does not exist for IPv4", view->socket->port, name);
	nginx_advisor_advice(a, "write `listen %u;` beside the `listen [::]:%u;`", view->socket->port, view->socket->port);
}

void nginx_advise_http(struct nginx_advisor *a, const char *name)
{
	struct nginx_view views[NGINX_VIEWS_MAX];
	size_t count;

	/* A wildcard is not proven over http, and has no server of its own. */
	if (text_has_prefix(name, "*."))
		return;
	count = nginx_advisor_views(a, name, a->expected->http_port, views);
	if (count == 0)
		no_socket(a, name);
	else if (!nginx_views_have_ipv4(views, count) && !nginx_is_address(name))
		no_ipv4(a, name, &views[0]);
	for (size_t i = 0; i < count; i++)
		look_at(a, name, &views[i]);
}
