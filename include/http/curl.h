/* curl.h: the real http client, on libcurl: one connection a host, HTTP/2 where offered, TLS 1.2 or newer, certificates always verified. */
#ifndef CERTD_HTTP_CURL_H
#define CERTD_HTTP_CURL_H

#include <stddef.h>

struct error;
struct http_client;

struct http_curl_config {
	const char *user_agent;
	const char *ca_pem; /* trust anchors in PEM in place of the system's; or NULL. Copied */
	size_t ca_pem_len;
};

/* Loads what libcurl and the name service will need later, so that it also works in a sandbox. To be called before it is closed. */
int http_curl_prepare(struct error *err);

int http_curl_open(const struct http_curl_config *config, struct http_client *ret, struct error *err);

#endif
