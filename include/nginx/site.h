/* site.h: the whole site as NGINX configuration, in the syntax of the installed version. Text in, text out.
 *
 * The server of http answers with the `/.well-known` exception and redirects everything else, once there is a certificate; the server of
 * https includes the SSL snippet.
 * What may stand once only in the `http` block (the map for websockets, the default servers) is a text of its own.
 */
#ifndef CERTD_NGINX_SITE_H
#define CERTD_NGINX_SITE_H

#include "nginx/version.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct error;
struct ident_list;

/* How the site's file begins. */
#define NGINX_SITE_HEADING "# Written by certd for "

struct nginx_site_location {
	const char *path;
	const char *to; /* http or https URL */
	bool websocket;
};

/* Paths are absolute; they and all other texts hold nothing that NGINX would take for something else (config/site.h looks). */
struct nginx_site {
	const char *certificate_name;
	const struct ident_list *names;
	uint16_t http_port, https_port;
	bool ipv6; /* listen there as well */
	bool waiting; /* for its first certificate: http serves what https will, and does not redirect yet */
	const char *snippet; /* the SSL snippet's file */
	const char *challenge_snippet;
	const char *root; /* or NULL, as the next ones */
	const char *index;
	const char *error_page_404;
	const char *error_page_50x;
	const char *include;
	const char *canonical;
	int64_t hsts_s; /* 0 for none */
	bool http2, http3; /* where that NGINX can */
	const struct nginx_site_location *locations;
	size_t locations_count;
};

/* Appends the site's file. ERROR_USAGE when it would serve nothing: no root, no location "/", no include. */
int nginx_site_print(const struct nginx_version *version, const struct nginx_site *site, struct buf *out, struct error *err);

/* Whether it needs the map. */
bool nginx_site_has_websocket(const struct nginx_site *site);

/* Appends the file with the map. */
int nginx_site_print_map(struct buf *out, struct error *err);

struct nginx_site_default {
	uint16_t http_port; /* 0: no default server for that port */
	uint16_t https_port; /* likewise */
	bool ipv6;
	bool http2, http3;
	const char *snippet; /* the SSL snippet of the certificate for addresses, whose visitors send no name; NULL: handshakes are refused */
};

/* Appends the file with the default servers, which answer no request. */
int nginx_site_print_default(const struct nginx_version *version, const struct nginx_site_default *what, struct buf *out,
                             struct error *err);

#endif
