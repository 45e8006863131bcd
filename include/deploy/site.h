/* site.h: the NGINX site of a certificate: written where this NGINX reads its sites from, tested before it counts, undone when
 * the test fails. What a person has changed or written is never overwritten.
 */
#ifndef CERTD_DEPLOY_SITE_H
#define CERTD_DEPLOY_SITE_H

#include "base/buf.h"
#include "base/strv.h"
#include "deploy/deploy.h"

#include <limits.h>
#include <stdbool.h>

struct config;
struct config_certificate;
struct error;
struct runner;
struct store;
struct store_cert;

enum { DEPLOY_SITE_DONE = 0, DEPLOY_SITE_SAME = 1 };

struct deploy_site {
	const struct config *config;
	const struct config_certificate *certificate; /* with a site */
	const struct store *store; /* NULL only for deploy_site_print() */
	const struct store_cert *store_cert; /* likewise */
	const struct runner *runner;
	bool take_over; /* servers of others that have the names, where that is safe */
	/* What was done, and what one should know, a line each; the difference that stopped it, as `diff -u` shows it. */
	struct strv said;
	struct buf difference;
	struct deploy_watch watch; /* of that NGINX */
	/* What was taken over is in this file, and the certificate's site has to say so: include. "" for nothing. */
	char include[PATH_MAX];
};

/* Gives said and difference their maximum. */
void deploy_site_init(struct deploy_site *site);
void deploy_site_done(struct deploy_site *site);

/* Appends what would be written, each file behind a comment with its path. */
int deploy_site_print(struct deploy_site *site, struct buf *out, struct error *err);

/* Writes snippets and site, and runs `nginx -t`. DEPLOY_SITE_SAME when all of it was there already. Does not reload NGINX. ERROR_DEPLOY, and
 * the site is as it was; the snippets may have been written. */
int deploy_site_write(struct deploy_site *site, struct error *err);

/* The deploy hook for NGINX, test and reload; then waits until the new configuration holds. After deploy_site_write(). */
int deploy_site_reload(struct deploy_site *site, struct error *err);

#endif
