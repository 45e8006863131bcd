/* load.h: NGINX tests its configuration and loads it anew, by the hook for it; and whether that has happened. For src/deploy/ only.
 *
 * NGINX's command to reload ends before the master has looked at the new configuration, and says nothing of what it then finds: so the workers of
 * before are watched until they take no more connections, and so is NGINX's error log.
 */
#ifndef CERTD_DEPLOY_LOAD_H
#define CERTD_DEPLOY_LOAD_H

#include "deploy/deploy.h"

#include <stdint.h>

struct config;
struct config_certificate;
struct error;
struct runner;
struct store_cert;

struct deploy_load {
	const struct config *config;
	const struct runner *runner;
	const struct deploy_watch *watch;
	/* Whom the hook is told of. */
	const struct config_certificate *certificate;
	const struct store_cert *store;
	uint64_t generation;
	const char *all; /* CERTD_CERTIFICATES; NULL: that one */
};

/* 0 when the new configuration holds, as far as that can be seen; then `stayed` says which workers of before do not let go, "" for none. ERROR_SYSTEM or
 * ERROR_DEPLOY when NGINX goes on with the one it had: the hook failed, the master refused it, or nobody heard. */
int deploy_load(const struct deploy_load *load, char stayed[static DEPLOY_STAYED_SIZE], struct error *err);

/* How to reach NGINX, for hooks: CERTD_NGINX... */
struct strv;
int deploy_load_environment(const struct config *config, struct strv *out, struct error *err);

/* `nginx -t`. Its own words in the error. */
int deploy_load_test(const struct config *config, const struct runner *runner, struct error *err);

#endif
