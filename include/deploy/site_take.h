/* site_take.h: taking over the servers that have the names already. For src/deploy/ only.
 *
 * What such a server serves lives on: its directives are copied as they are written into a file of their own, which the new server
 * includes. The file that it stands in is kept, where NGINX does not see it.
 */
#ifndef CERTD_DEPLOY_SITE_TAKE_H
#define CERTD_DEPLOY_SITE_TAKE_H

#include "base/buf.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

struct deploy_changes;
struct error;
struct nginx_server;
struct site_plan;

enum { SITE_TAKE_MAX = 5 };

struct site_take {
	const struct nginx_server *servers[SITE_TAKE_MAX];
	size_t count; /* 0: no other server has one of the names */
	char include[PATH_MAX]; /* the file with what lives on; "" for nothing */
	struct buf body;
};

/* Finds the servers of others that have one of the names, and what is going to become of them. ERROR_DEPLOY when they cannot be taken
 * over, or nobody has said that they shall be. */
int site_take_plan(struct site_plan *plan, struct error *err);

/* Whether that server is taken over. */
bool site_take_has(const struct site_plan *plan, const struct nginx_server *server);

/* Makes the changes: the file with what lives on, and the old files out of NGINX's sight. */
int site_take_apply(struct site_plan *plan, struct deploy_changes *changes, struct error *err);

/* Asks NGINX once more, after the changes: whether no other server has one of the names. */
int site_take_verify(const struct site_plan *plan, struct error *err);

#endif
