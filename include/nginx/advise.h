/* advise.h: what stands in the way of https in a configuration of NGINX, with file and line, a sentence each, and what to write.
 *
 * Pure: it looks at the configuration as it was read, and at what certd expects of it. (Certificates of others are looked at through a
 * function that the caller gives.) The findings own their memory.
 */
#ifndef CERTD_NGINX_ADVISE_H
#define CERTD_NGINX_ADVISE_H

#include "nginx/servers.h"
#include "nginx/version.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

enum { NGINX_FINDINGS_MAX = 2000 };

/* What there should be. A path that is NULL is not known: what depends on it is not looked at. */
struct nginx_expected {
	const char *const *names; /* lower case, A-labels; wildcards and addresses too */
	size_t name_count;
	unsigned int http_port, https_port;
	struct nginx_version version; /* all zero: unknown */
	bool http_01; /* whether the CA sees the proof through this NGINX */
	const char *webroot; /* where certd puts it */
	const char *challenge_snippet; /* path of the snippet with the exception for it */
	const char *ssl_snippet; /* path of this certificate's snippet */
	const char *certificate, *key; /* paths of the live fullchain.pem and privkey.pem */
	const char *live_dir; /* the directory of all live certificates: what is beneath it is renewed by certd */
	const char *const *websockets; /* paths that a websocket is opened at: "/ws" */
	size_t websocket_count;
	int64_t now_at;
	/* The leaf's end in the certificate file: 0, or -1 when it cannot be read. NULL: not looked at. */
	int (*not_after)(const char *path, int64_t *ret_at);
};

enum nginx_level { NGINX_OK, NGINX_WARNING, NGINX_FAILURE };

struct nginx_finding {
	enum nginx_level level;
	const char *code; /* what it is, for programs: "comma", "challenge-return", ... Static */
	const char *name; /* which of the names it is about; "" for all */
	const char *file; /* "" and line 0 where nothing in the configuration can be pointed at */
	unsigned int line;
	const char *text; /* one sentence */
	const char *advice; /* what to write; "" where nothing is to be done */
};

struct nginx_findings {
	const struct nginx_finding *items; /* those about all names first, then by name, in the order of expected->names */
	size_t count;
	void *memory;
};

int nginx_advise(const struct nginx_servers *servers, const struct nginx_expected *expected, struct nginx_findings **ret,
                 struct error *err);

void nginx_findings_free(struct nginx_findings *findings);
void nginx_findings_cleanup(struct nginx_findings **findings); /* for CLEANUP() */

const char *nginx_level_name(enum nginx_level level); /* "ok", "warning", "failure" */

/* For nginx_expected.not_after: reads a PEM file. */
int nginx_certificate_not_after(const char *path, int64_t *ret_at);

#endif
