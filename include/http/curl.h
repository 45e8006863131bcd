/* curl.h: the real http client, on libcurl: one connection a host, HTTP/2 where offered, TLS 1.2 or newer, certificates always verified
 * (but for where a redirect leads that the caller permitted: a CA that validates does not verify there either).
 *
 * Owns its connections and keeps them open between calls. https_proxy of the environment is obeyed for https_only requests without
 * connect_to, and for no other. */
#ifndef CERTD_HTTP_CURL_H
#define CERTD_HTTP_CURL_H

#include <stddef.h>

struct error;
struct http_client;
struct strv;

struct http_curl_config {
	const char *user_agent;
	const char *ca_pem; /* trust anchors in PEM in place of the system's; or NULL. Copied */
	size_t ca_pem_len;
};

/* Loads what libcurl and the name service will need later, so that it also works in a sandbox. To be called before it is closed. */
int http_curl_prepare(struct error *err);

/* Adds the files and directories that must stay readable for the system's trust anchors: the bundle, the directory of hashed certificates, and
 * the directories its links lead to. */
int http_curl_trust_paths(struct strv *ret, struct error *err);

/* ERROR_USAGE when ca_pem holds no certificate. */
int http_curl_open(const struct http_curl_config *config, struct http_client *ret, struct error *err);

#endif
