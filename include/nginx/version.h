/* version.h: which NGINX, and which OpenSSL it runs with. */
#ifndef CERTD_NGINX_VERSION_H
#define CERTD_NGINX_VERSION_H

#include <stdbool.h>
#include <stdint.h>

struct error;
struct runner;

struct nginx_version {
	unsigned int nginx[3]; /* 1, 22, 1; all zero: unknown */
	unsigned int openssl[3]; /* 3, 0, 22; the one it runs with */
	bool http2, http3; /* built with the module */
};

/* Whether `version` (nginx or openssl of the struct) is that one or a newer one. */
bool nginx_version_at_least(const unsigned int version[3], unsigned int major, unsigned int minor, unsigned int patch);

/* Reads the output of `nginx -V`. 0, or -1 when it is none. */
int nginx_version_parse(const char *text, struct nginx_version *ret, struct error *err);

/* Runs `BINARY -V`. */
int nginx_version_ask(const struct runner *runner, const char *binary, int64_t deadline_ms, struct nginx_version *ret,
                      struct error *err);

#endif
