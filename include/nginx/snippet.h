/* snippet.h: the pieces of NGINX configuration that certd writes, fitted to the installed NGINX. Text in, text out. */
#ifndef CERTD_NGINX_SNIPPET_H
#define CERTD_NGINX_SNIPPET_H

#include "nginx/version.h"

#include <stddef.h>

struct buf;
struct error;

struct nginx_pair {
	const char *certificate; /* path of fullchain.pem */
	const char *key; /* path of privkey.pem */
};

/* Appends the SSL snippet, by Mozilla's guideline 6.0 "intermediate": ssl_certificate and ssl_certificate_key of each pair, protocols, ciphers,
 * curves, session settings. A version of all zero gives what every supported NGINX takes. Paths are quoted; one with a `$` or a quote is refused (NGINX
 * would expand it). The first line says who wrote it and that changes are lost. */
int nginx_snippet_ssl(const struct nginx_version *version, const char *certificate_name, const struct nginx_pair *pairs,
                      size_t count, struct buf *out, struct error *err);

/* Appends the protocols, ciphers, curves and session settings alone: some of them hold only in the default server of a port. */
void nginx_snippet_tls(const struct nginx_version *version, struct buf *out);

/* Appends the placeholder for a certificate that there is not yet: ssl_reject_handshake on (NGINX 1.19.4 or newer), so that a site
 * which includes it can start. */
int nginx_snippet_placeholder(const char *certificate_name, struct buf *out, struct error *err);

/* Appends the `/.well-known/acme-challenge/` exception for the port-80 server. */
int nginx_snippet_challenge(const char *webroot, struct buf *out, struct error *err);

#endif
