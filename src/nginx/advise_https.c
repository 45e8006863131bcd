/* advise_https.c: port 443 of a name: who answers, with which certificate, and with which versions of TLS. */
#include "base/text.h"
#include "nginx/advisor.h"

#include <stdio.h>
#include <string.h>

enum { DAY_S = 86400, SOON_DAYS = 14 };

static const char *snippet_of(const struct nginx_advisor *a, const char *name, char *text, size_t size)
{
	if (a->expected->ssl_snippet != NULL)
		return a->expected->ssl_snippet;
	text_copy(text, size, "snippets/certd/");
	text_copy(text + strlen(text), size - strlen(text), name);
	text_copy(text + strlen(text), size - strlen(text), ".conf");
	return text;
}

static void advise_include(struct nginx_advisor *a, const char *name, const struct nginx_server *server)
{
	char text[512];

	nginx_advisor_advice(a,
	                     "write `include %s;` in the server at %s:%u, in place of its ssl_certificate and ssl_certificate_key",
	                     snippet_of(a, name, text, sizeof(text)), server->block->file, server->block->line);
}

static void advise_server(struct nginx_advisor *a, const char *name)
{
	unsigned int port = a->expected->https_port;
	char text[512], host[NGINX_HOST_SIZE];

	nginx_advisor_advice(a, "write `server { listen %u ssl; listen [::]:%u ssl; server_name %s; include %s; ... }`", port, port,
	                     nginx_advisor_host(name, host), snippet_of(a, name, text, sizeof(text)));
}

static void no_socket(struct nginx_advisor *a, const char *name)
{
	unsigned int port = a->expected->https_port;
	const struct nginx_directive *stream = nginx_advisor_stream(a, port);
	char host[NGINX_HOST_SIZE];

	if (!nginx_advisor_add(a, stream != NULL ? NGINX_WARNING : NGINX_FAILURE, "https-no-server", name, stream))
		return;
	if (stream != NULL)
		nginx_advisor_text(a, "port %u belongs to the stream block: where it leads %s to cannot be told from here", port, name);
	else
		nginx_advisor_text(a, "NGINX has no server that listens on port %u, so nothing answers https://%s/", port,
		                   nginx_advisor_host(name, host));
	advise_server(a, name);
}

/* The server's own directives of that name, or where it has none the http block's. NULL for none. */
static const struct nginx_directive *first_of(const struct nginx_server *server, const char *directive)
{
	const struct nginx_directive *found = nginx_directive_find(server->block->first, directive);

	if (found == NULL && server->block->parent != NULL)
		found = nginx_directive_find(server->block->parent->first, directive);
	return found;
}

static bool is_on(const struct nginx_directive *d)
{
	return d != NULL && text_equal(nginx_directive_arg(d, 0), "on");
}

static bool is_ours(const struct nginx_advisor *a, const struct nginx_directive *certificate)
{
	const struct nginx_expected *x = a->expected;

	return (x->ssl_snippet != NULL && text_equal(certificate->file, x->ssl_snippet)) ||
	       (x->certificate != NULL && text_equal(nginx_directive_arg(certificate, 0), x->certificate));
}

static bool has_ours(const struct nginx_advisor *a, const struct nginx_server *server)
{
	for (const struct nginx_directive *d = first_of(server, "ssl_certificate"); d != NULL;
	     d = nginx_directive_find(d->next, "ssl_certificate")) {
		if (is_ours(a, d))
			return true;
	}
	return nginx_block_includes(server->block, a->expected->ssl_snippet);
}

/* Appends to the sentence when the certificate in the file ends; and what that means for its level. */
static enum nginx_level expiry(const struct nginx_advisor *a, const char *path, char *text, size_t size)
{
	const struct nginx_expected *x = a->expected;
	int64_t at, days;

	text[0] = '\0';
	if (x->not_after == NULL || x->not_after(path, &at) < 0)
		return NGINX_WARNING;
	days = (at - x->now_at) / DAY_S;
	if (at <= x->now_at)
		text_copy(text, size, ", and it has expired");
	else
		snprintf(text, size, ", and it expires in %lld day%s", (long long)days, days == 1 ? "" : "s");
	return at <= x->now_at ? NGINX_FAILURE : days < SOON_DAYS ? NGINX_WARNING : NGINX_OK;
}

/* Whether the file is somewhere in the directory, which may be NULL. */
static bool is_within(const char *path, const char *directory)
{
	size_t len = directory != NULL ? strlen(directory) : 0;

	while (len > 0 && directory[len - 1] == '/')
		len--;
	return len > 0 && strncmp(path, directory, len) == 0 && path[len] == '/';
}

/* A certificate that is not the one that it should be. */
static void foreign(struct nginx_advisor *a, const char *name, const struct nginx_server *server,
                    const struct nginx_directive *certificate)
{
	const struct nginx_expected *x = a->expected;
	const char *path = nginx_directive_arg(certificate, 0);
	bool known = x->certificate != NULL;
	enum nginx_level level;
	char when[80];

	if (strchr(path, '$') != NULL) {
		if (!nginx_advisor_add(a, NGINX_WARNING, "certificate-variable", name, certificate))
			return;
		nginx_advisor_text(a, "which certificate %s gets depends on variables: `%s`", name,
		                   nginx_advisor_quote(a, certificate));
		advise_include(a, name, server);
		return;
	}
	level = expiry(a, path, when, sizeof(when));
	if (is_within(path, x->live_dir)) {
		if (nginx_advisor_add(a, known ? NGINX_FAILURE : NGINX_OK, "certificate-other", name, certificate))
			nginx_advisor_text(a, "%s is served with %s, which is certd's, but %s%s", name, path,
			                   known ? "not the certificate of this name" : "looked at without its configuration", when);
	} else if (nginx_advisor_add(a, known ? NGINX_FAILURE : level, "certificate-foreign", name, certificate)) {
		nginx_advisor_text(a, "%s is served with %s, which certd does not renew%s", name, path, when);
	} else {
		return;
	}
	advise_include(a, name, server);
}

/* What stands beside the snippet. */
static void beside_snippet(struct nginx_advisor *a, const char *name, const struct nginx_server *server)
{
	for (const struct nginx_directive *d = nginx_directive_find(server->block->first, "ssl_certificate"); d != NULL;
	     d = nginx_directive_find(d->next, "ssl_certificate")) {
		if (text_equal(d->file, a->expected->ssl_snippet) || !nginx_advisor_add(a, NGINX_WARNING, "certificate-second", name, d))
			continue;
		nginx_advisor_text(a, "`%s` stands beside certd's snippet: of two certificates with the same type of key NGINX serves one",
		                   nginx_advisor_quote(a, d));
		nginx_advisor_advice(a, "remove it, and the ssl_certificate_key that belongs to it");
	}
}

static void rejected(struct nginx_advisor *a, const char *name, const struct nginx_directive *reject)
{
	bool ours = a->expected->ssl_snippet != NULL && text_equal(reject->file, a->expected->ssl_snippet);

	if (!nginx_advisor_add(a, ours ? NGINX_WARNING : NGINX_FAILURE, ours ? "certificate-placeholder" : "https-rejected", name,
	                       reject))
		return;
	if (ours) {
		nginx_advisor_text(a, "there is no certificate for %s yet: its snippet holds the place for it, and every handshake is refused",
		                   name);
		nginx_advisor_advice(a, "run `certd issue %s`", name);
	} else {
		nginx_advisor_text(a, "`ssl_reject_handshake on` in the server that answers for %s refuses every handshake", name);
		nginx_advisor_advice(a, "remove it there");
	}
}

static void ours(struct nginx_advisor *a, const char *name, const struct nginx_server *server,
                 const struct nginx_directive *certificate)
{
	const struct nginx_expected *x = a->expected;
	const struct nginx_directive *key = first_of(server, "ssl_certificate_key");

	char host[NGINX_HOST_SIZE];

	if (nginx_block_includes(server->block, x->ssl_snippet)) {
		if (nginx_advisor_add(a, NGINX_OK, "https", name, server->block))
			nginx_advisor_text(a, "this server answers https://%s/ with the live certificate", nginx_advisor_host(name, host));
		beside_snippet(a, name, server);
		return;
	}
	if (key != NULL && x->key != NULL && !text_equal(nginx_directive_arg(key, 0), x->key) &&
	    nginx_advisor_add(a, NGINX_FAILURE, "key-foreign", name, key)) {
		nginx_advisor_text(a, "`%s` is not the key of the live certificate, which is %s", nginx_advisor_quote(a, key), x->key);
		advise_include(a, name, server);
	}
	if (x->ssl_snippet != NULL && nginx_advisor_add(a, NGINX_WARNING, "snippet-missing", name, certificate)) {
		nginx_advisor_text(a, "%s is served with the live certificate, but without certd's snippet: its protocols, ciphers and a "
		                      "second key are not kept up to date", name);
		advise_include(a, name, server);
	}
}

static void look_at_certificates(struct nginx_advisor *a, const char *name, const struct nginx_server *server)
{
	const struct nginx_directive *reject = first_of(server, "ssl_reject_handshake");
	const struct nginx_directive *first = first_of(server, "ssl_certificate");

	if (is_on(reject)) {
		rejected(a, name, reject);
	} else if (first == NULL) {
		if (!nginx_advisor_add(a, NGINX_FAILURE, "certificate-none", name, server->block))
			return;
		nginx_advisor_text(a, "the server that answers https://%s/ has no certificate", name);
		advise_include(a, name, server);
	} else if (has_ours(a, server)) {
		ours(a, name, server, first);
	} else {
		for (const struct nginx_directive *d = first; d != NULL; d = nginx_directive_find(d->next, "ssl_certificate"))
			foreign(a, name, server, d);
	}
}

static bool at_least(const struct nginx_version *v, unsigned int major, unsigned int minor, unsigned int patch)
{
	const unsigned int wanted[3] = { major, minor, patch };

	for (size_t i = 0; i < 3; i++) {
		if (v->nginx[i] != wanted[i])
			return v->nginx[i] > wanted[i];
	}
	return true;
}

static bool is_old_tls(const char *protocol)
{
	return text_equal_nocase(protocol, "SSLv2") || text_equal_nocase(protocol, "SSLv3") ||
	       text_equal_nocase(protocol, "TLSv1") || text_equal_nocase(protocol, "TLSv1.1");
}

/* Before 1.29.2 the version of TLS is chosen before the name is looked at: what the default server says counts for all. */
static void look_at_versions(struct nginx_advisor *a, const char *name, const struct nginx_socket *socket,
                             const struct nginx_server *server)
{
	const struct nginx_version *v = &a->expected->version;
	const struct nginx_server *decides = at_least(v, 1, 29, 2) ? server : socket->default_server;
	const struct nginx_directive *protocols = first_of(decides, "ssl_protocols");
	bool known = v->nginx[0] != 0 || v->nginx[1] != 0;

	if (protocols == NULL) {
		if (!known || at_least(v, 1, 27, 3) || !nginx_advisor_add(a, NGINX_WARNING, "old-tls", name, decides->block))
			return;
		nginx_advisor_text(a, "NGINX %u.%u.%u permits TLS 1.0 and 1.1 where no ssl_protocols stands, as in this server, which decides "
		                      "for %s", v->nginx[0], v->nginx[1], v->nginx[2], name);
		nginx_advisor_advice(a, "write `ssl_protocols TLSv1.2 TLSv1.3;` in it, or in the http block");
		return;
	}
	for (size_t i = 0; i < protocols->arg_count; i++) {
		if (!is_old_tls(protocols->args[i]) || !nginx_advisor_add(a, NGINX_WARNING, "old-tls", name, protocols))
			continue;
		nginx_advisor_text(a, "`%s` permits versions of TLS that are broken%s", nginx_advisor_quote(a, protocols),
		                   decides == server ? "" : ", and it is the default server's that counts for all names of a port");
		nginx_advisor_advice(a, "write `ssl_protocols TLSv1.2 TLSv1.3;`%s",
		                     protocols->parent == decides->block ? "" : " here, or in the default server");
	}
}

static void without_tls(struct nginx_advisor *a, const char *name, const struct nginx_socket *socket,
                        const struct nginx_server *server)
{
	const struct nginx_listen *listen = nginx_server_listen(server, socket);
	const struct nginx_directive *where = listen != NULL && listen->directive != NULL ? listen->directive : server->block;

	if (!nginx_advisor_add(a, NGINX_FAILURE, "https-plain", name, where))
		return;
	nginx_advisor_text(a, "NGINX speaks plain http on port %u, where https://%s/ is asked for: `listen` says no ssl", socket->port,
	                   name);
	nginx_advisor_advice(a, "write `%s ssl;`", where == server->block ? "listen 443" : nginx_advisor_quote(a, where));
}

static void no_name(struct nginx_advisor *a, const char *name, const struct nginx_view *view)
{
	if (!nginx_advisor_add(a, view->elsewhere ? NGINX_WARNING : NGINX_FAILURE, "https-default", name, view->choice.server->block))
		return;
	nginx_advisor_text(a, "no server on %s has the name %s: this one answers, as the default, with its own certificate",
	                   view->place, name);
	if (view->elsewhere)
		nginx_advisor_advice(a, "write `listen %s:%u ssl;` in the server that has the name", view->socket->address,
		                     view->socket->port);
	else
		advise_server(a, name);
}

/* A handshake with an address names nobody (RFC 6066 section 3), so the default server shows its certificate, whichever server the request is
 * for in the end. */
static void default_of_address(struct nginx_advisor *a, const char *name, const struct nginx_view *view)
{
	const struct nginx_server *server = view->socket->default_server, *named = view->choice.server;
	const struct nginx_directive *reject = first_of(server, "ssl_reject_handshake");
	char text[512];

	if (has_ours(a, server) || a->expected->ssl_snippet == NULL) {
		look_at_certificates(a, name, server);
		return;
	}
	if (!nginx_advisor_add(a, NGINX_FAILURE, "address-default", name, server->block))
		return;
	nginx_advisor_text(a, "who connects to %s sends no name in the handshake, so this server, the default of %s, answers it: %s", name,
	                   view->place, is_on(reject) ? "it refuses" : "with another certificate");
	if (server == named)
		nginx_advisor_advice(a, "write `include %s;` in it, in place of its ssl_certificate and ssl_certificate_key",
		                     snippet_of(a, name, text, sizeof(text)));
	else
		nginx_advisor_advice(a, "write `include %s;` in it, in place of its certificate or of ssl_reject_handshake; or default_server in the "
		                        "`listen` of the server at %s:%u, and not here", snippet_of(a, name, text, sizeof(text)),
		                     named->block->file, named->block->line);
}

/* `asked` is a name that the wildcard `name` stands for; else the same. */
static void look_at(struct nginx_advisor *a, const char *name, const char *asked, const struct nginx_view *view)
{
	const struct nginx_server *server = view->choice.server;

	if (!view->socket->ssl) {
		without_tls(a, name, view->socket, server);
		return;
	}
	nginx_advise_conflicts(a, view, asked);
	if (view->choice.kind == NGINX_NAME_NONE && !nginx_is_address(name) && !has_ours(a, server)) {
		no_name(a, name, view);
		return;
	}
	if (nginx_is_address(name))
		default_of_address(a, name, view);
	else
		look_at_certificates(a, name, server);
	if (!is_on(first_of(server, "ssl_reject_handshake")))
		look_at_versions(a, name, view->socket, server);
	nginx_advise_websockets(a, name, server);
}

static void no_ipv4(struct nginx_advisor *a, const char *name, const struct nginx_view *view)
{
	if (!nginx_advisor_add(a, NGINX_WARNING, "https-no-ipv4", name, view->choice.server->block))
		return;
	nginx_advisor_text(a, "NGINX listens on port %u over IPv6 alone, so https://%s/ does not exist for IPv4", view->socket->port, name);
	nginx_advisor_advice(a, "write `listen %u ssl;` beside the `listen [::]:%u ssl;`", view->socket->port, view->socket->port);
}

void nginx_advise_https(struct nginx_advisor *a, const char *name)
{
	struct nginx_view views[NGINX_VIEWS_MAX];
	bool wildcard = text_has_prefix(name, "*.");
	char asked[300];
	size_t count;

	/* Of a wildcard any name will do, but for such as have a server of their own. */
	snprintf(asked, sizeof(asked), "%s%s", wildcard ? "certd-asks-nobody" : "", wildcard ? name + 1 : name);
	count = nginx_advisor_views(a, asked, a->expected->https_port, views);
	if (count == 0)
		no_socket(a, name);
	else if (!nginx_views_have_ipv4(views, count) && !nginx_is_address(name))
		no_ipv4(a, name, &views[0]);
	for (size_t i = 0; i < count; i++)
		look_at(a, name, asked, &views[i]);
}
