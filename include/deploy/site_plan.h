/* site_plan.h: what deploy_site_write() is going to do. For src/deploy/ only. */
#ifndef CERTD_DEPLOY_SITE_PLAN_H
#define CERTD_DEPLOY_SITE_PLAN_H

#include "base/buf.h"
#include "deploy/site_take.h"
#include "nginx/servers.h"
#include "nginx/site.h"
#include "nginx/version.h"

#include <limits.h>
#include <stdbool.h>

struct deploy_site;
struct error;
struct store_written;

enum site_file_kind { SITE_FILE_MAP, SITE_FILE_DEFAULT, SITE_FILE_SITE, SITE_FILE_COUNT };

struct site_file {
	bool wanted;
	char path[PATH_MAX];
	char link[PATH_MAX]; /* "" for none */
	struct buf text;
};

struct site_plan {
	struct deploy_site *site;
	struct nginx_version version;
	struct nginx_conf *conf;
	struct nginx_servers *servers;
	struct store_written *written;
	struct nginx_site text; /* what the site's file says */
	struct nginx_site_location *locations;
	struct buf snippet, challenge_snippet; /* paths */
	struct buf default_snippet; /* path; of the certificate for addresses, where there is one */
	struct site_file files[SITE_FILE_COUNT]; /* in the order in which they are written */
	struct site_take take;
};

/* Looks at what is there and makes the texts. Nothing is written. `writing`: it is going to be, so what stands in the way is an error. */
int site_plan_make(struct deploy_site *site, bool writing, struct site_plan *ret, struct error *err);
void site_plan_done(struct site_plan *plan);

/* Where this NGINX reads its sites from: fills the paths of the files. */
int site_place_find(struct site_plan *plan, struct error *err);

/* Whether a server stands in a file that certd wrote: of this site, or of any. */
bool site_server_is_own(const struct site_plan *plan, const struct nginx_server *server);
bool site_server_is_certds(const struct site_plan *plan, const struct nginx_server *server);

/* Whether a name in server_name, where IPv6 addresses stand in brackets, is this one. */
bool site_server_name_is(const char *of_server, const char *name);

/* Whether a server of others has one of the names. */
bool site_server_conflicts(const struct site_plan *plan, const struct nginx_server *server);

/* Which default servers there shall be; what of others' servers stands in the way of the site is said. */
int site_survey_defaults(struct site_plan *plan, struct nginx_site_default *ret, struct error *err);

#endif
