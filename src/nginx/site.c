#include "nginx/site.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/text.h"
#include "nginx/snippet.h"

#include <inttypes.h>
#include <string.h>

enum { HTTP_PORT = 80, HTTPS_PORT = 443 };

/* The name of our own: http blocks often have a map to $connection_upgrade already. */
#define UPGRADE_VARIABLE "$certd_connection_upgrade"

static void print_name(const struct ident *name, struct buf *out)
{
	bool brackets = name->type == IDENT_IP && strchr(name->value, ':') != NULL;

	buf_printf(out, brackets ? "[%s]" : "%s", name->value);
}

/* The names; only == NULL: all of them, else all but that one. */
static void print_server_names(const struct nginx_site *site, const char *without, struct buf *out)
{
	buf_append_text(out, "\tserver_name");
	for (size_t i = 0; i < site->names->count; i++) {
		if (without != NULL && text_equal(site->names->items[i].value, without))
			continue;
		buf_append_char(out, ' ');
		print_name(&site->names->items[i], out);
	}
	buf_append_text(out, ";\n");
}

/* "https://NAME[:PORT]$request_uri" */
static void print_target(const struct nginx_site *site, struct buf *out)
{
	buf_append_text(out, "https://");
	if (site->canonical == NULL)
		buf_append_text(out, "$host");
	for (size_t i = 0; site->canonical != NULL && i < site->names->count; i++) {
		if (text_equal(site->names->items[i].value, site->canonical))
			print_name(&site->names->items[i], out);
	}
	if (site->https_port != HTTPS_PORT)
		buf_printf(out, ":%u", site->https_port);
	buf_append_text(out, "$request_uri");
}

static void print_listen(unsigned int port, bool ipv6, const char *parameters, struct buf *out)
{
	buf_printf(out, "\tlisten %u%s;\n", port, parameters);
	if (ipv6)
		buf_printf(out, "\tlisten [::]:%u%s;\n", port, parameters);
}

/* HTTP/2 is a parameter of `listen` until 1.25.1 makes it a directive. */
static void print_listen_https(const struct nginx_version *version, uint16_t port, bool ipv6, bool http2, bool is_default,
                               struct buf *out)
{
	bool directive = nginx_version_at_least(version->nginx, 1, 25, 1);
	bool on = http2 && version->http2;
	const char *parameters = on && !directive ? (is_default ? " ssl http2 default_server" : " ssl http2") :
	                                            (is_default ? " ssl default_server" : " ssl");

	print_listen(port, ipv6, parameters, out);
	if (on && directive)
		buf_append_text(out, "\thttp2 on;\n");
}

static bool with_http3(const struct nginx_version *version, bool wanted)
{
	return wanted && version->http3 && nginx_version_at_least(version->nginx, 1, 25, 1);
}

/* What all servers of https begin with. */
static void print_https_head(const struct nginx_version *version, const struct nginx_site *site, const char *without,
                             struct buf *out)
{
	buf_append_text(out, "\nserver {\n");
	print_listen_https(version, site->https_port, site->ipv6, site->http2, false, out);
	if (with_http3(version, site->http3))
		print_listen(site->https_port, site->ipv6, " quic", out);
	print_server_names(site, without, out);
	buf_printf(out, "\tserver_tokens off;\n\tinclude \"%s\";\n", site->snippet);
	buf_append_text(out, "\tadd_header X-Content-Type-Options nosniff always;\n");
	if (site->hsts_s > 0)
		buf_printf(out,
		           "\t# Browsers that have seen this refuse http and certificates that are not valid, for that many seconds.\n"
		           "\tadd_header Strict-Transport-Security \"max-age=%" PRId64 "\" always;\n",
		           site->hsts_s);
	if (with_http3(version, site->http3))
		buf_printf(out, "\tadd_header Alt-Svc 'h3=\":%u\"; ma=86400' always;\n", site->https_port);
}

static const struct nginx_site_location *location_of(const struct nginx_site *site, const char *path)
{
	for (size_t i = 0; i < site->locations_count; i++) {
		if (text_equal(site->locations[i].path, path))
			return &site->locations[i];
	}
	return NULL;
}

static void print_location(const struct nginx_site_location *location, struct buf *out)
{
	buf_printf(out, "\n\tlocation %s {\n\t\tproxy_pass %s;\n\t\tproxy_http_version 1.1;\n", location->path, location->to);
	if (text_has_prefix(location->to, "https://"))
		buf_append_text(out, "\t\tproxy_ssl_server_name on;\n");
	if (location->websocket)
		buf_append_text(out, "\t\tproxy_set_header Upgrade $http_upgrade;\n"
		                     "\t\tproxy_set_header Connection " UPGRADE_VARIABLE ";\n");
	else
		buf_append_text(out, "\t\tproxy_set_header Connection \"\";\n");
	buf_append_text(out, "\t\tproxy_set_header Host $host;\n"
	                     "\t\tproxy_set_header X-Real-IP $remote_addr;\n"
	                     "\t\tproxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n"
	                     "\t\tproxy_set_header X-Forwarded-Proto $scheme;\n"
	                     "\t\tproxy_set_header X-Forwarded-Host $host;\n");
	if (location->websocket)
		buf_append_text(out, "\t\tproxy_buffering off;\n"
		                     "\t\t# A socket may say nothing for hours; NGINX's own limit is a minute.\n"
		                     "\t\tproxy_read_timeout 24h;\n"
		                     "\t\tproxy_send_timeout 24h;\n");
	buf_append_text(out, "\t}\n");
}

static void print_error_page(const char *codes, const char *uri, struct buf *out)
{
	if (uri == NULL)
		return;
	buf_printf(out, "\n\terror_page %s %s;\n\tlocation = %s {\n\t\tinternal;\n\t}\n", codes, uri, uri);
}

/* What the site serves. */
static void print_content(const struct nginx_site *site, struct buf *out)
{
	/* Compressed answers over TLS can give away what is secret in them (BREACH). */
	buf_append_text(out, "\tgzip off;\n");
	if (site->root != NULL)
		buf_printf(out, "\n\troot \"%s\";\n", site->root);
	if (site->index != NULL)
		buf_printf(out, "\tindex %s;\n", site->index);
	if (site->include != NULL)
		buf_printf(out, "\n\tinclude \"%s\";\n", site->include);
	print_error_page("404", site->error_page_404, out);
	print_error_page("500 502 503 504", site->error_page_50x, out);
	for (size_t i = 0; i < site->locations_count; i++)
		print_location(&site->locations[i], out);
	/* What is included may have a location of this path. */
	if (site->root != NULL && site->include == NULL && location_of(site, "/") == NULL)
		buf_append_text(out, "\n\tlocation / {\n\t\ttry_files $uri $uri/ =404;\n\t}\n");
}

static void print_https_server(const struct nginx_version *version, const struct nginx_site *site, struct buf *out)
{
	print_https_head(version, site, NULL, out);
	print_content(site, out);
	buf_append_text(out, "}\n");
}

static void print_http_server(const struct nginx_site *site, struct buf *out)
{
	buf_append_text(out, "server {\n");
	print_listen(site->http_port, site->ipv6, "", out);
	print_server_names(site, NULL, out);
	buf_printf(out, "\tserver_tokens off;\n\n\tinclude \"%s\";\n\n", site->challenge_snippet);
	if (site->waiting) {
		buf_append_text(out, "\t# Until there is a certificate. Then http redirects to https.\n");
		print_content(site, out);
		buf_append_text(out, "}\n");
		return;
	}
	/* In a location: directly in the server it would come before the exception. */
	buf_append_text(out, "\tlocation / {\n\t\treturn 301 ");
	print_target(site, out);
	buf_append_text(out, ";\n\t}\n}\n");
}

/* The server that leads the other names to the canonical one. */
static void print_canonical_server(const struct nginx_version *version, const struct nginx_site *site, struct buf *out)
{
	print_https_head(version, site, site->canonical, out);
	buf_append_text(out, "\n\tlocation / {\n\t\treturn 301 ");
	print_target(site, out);
	buf_append_text(out, ";\n\t}\n}\n");
}

int nginx_site_print(const struct nginx_version *version, const struct nginx_site *site, struct buf *out, struct error *err)
{
	struct ident_list canonical = { 0 };
	struct nginx_site main_site = *site;

	if (site->root == NULL && site->include == NULL && location_of(site, "/") == NULL) {
		error_set(err, ERROR_USAGE, "the site of %s would serve nothing", site->certificate_name);
		return error_advise(err, "say what: --root DIR for files, or --proxy /=http://localhost:PORT for an application");
	}
	buf_printf(out,
	           NGINX_SITE_HEADING "%s, from the site block of its certificate, see certd.conf(5).\n"
	           "# Say there what shall change: a file that was changed by hand is not written again.\n\n",
	           site->certificate_name);
	print_http_server(site, out);
	if (site->canonical != NULL && site->names->count > 1) {
		print_canonical_server(version, site, out);
		for (size_t i = 0; i < site->names->count; i++) {
			if (text_equal(site->names->items[i].value, site->canonical))
				canonical = (struct ident_list){ &site->names->items[i], 1 };
		}
		main_site.names = &canonical;
	}
	print_https_server(version, &main_site, out);
	return buf_check(out, "the site", err);
}

bool nginx_site_has_websocket(const struct nginx_site *site)
{
	for (size_t i = 0; i < site->locations_count; i++) {
		if (site->locations[i].websocket)
			return true;
	}
	return false;
}

int nginx_site_print_map(struct buf *out, struct error *err)
{
	buf_append_text(out, "# Written by certd: what NGINX tells a websocket server of the connection; for all sites that certd has written.\n"
	                     "map $http_upgrade " UPGRADE_VARIABLE " {\n"
	                     "\tdefault upgrade;\n"
	                     "\t\"\" close;\n"
	                     "}\n");
	return buf_check(out, "the map for websockets", err);
}

int nginx_site_print_default(const struct nginx_version *version, const struct nginx_site_default *what, struct buf *out,
                             struct error *err)
{
	buf_append_text(out, "# Written by certd: requests for names that no server has get no answer.\n");
	if (what->http_port != 0) {
		buf_append_text(out, "server {\n");
		print_listen(what->http_port, what->ipv6, " default_server", out);
		buf_append_text(out, "\tserver_name _;\n\treturn 444;\n}\n");
	}
	if (what->https_port != 0) {
		buf_append_text(out, "server {\n");
		print_listen_https(version, what->https_port, what->ipv6, what->http2, true, out);
		if (with_http3(version, what->http3))
			print_listen(what->https_port, what->ipv6, " quic reuseport default_server", out);
		if (what->snippet != NULL) {
			/* Which server a request is for NGINX sees afterwards, by the Host header. */
			buf_printf(out,
			           "\tserver_name _;\n\t# Who connects to an address sends no name in the handshake, and is shown this certificate.\n"
			           "\tinclude \"%s\";\n\treturn 444;\n",
			           what->snippet);
		} else {
			buf_append_text(out, "\tserver_name _;\n\tssl_reject_handshake on;\n\n"
			                     "\t# The default server's protocols and sessions hold for all servers of its port.\n");
			nginx_snippet_tls(version, out);
		}
		buf_append_text(out, "}\n");
	}
	return buf_check(out, "the default servers", err);
}
