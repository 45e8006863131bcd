/* inspect_nginx.h: the part of an inspection that reads NGINX's configuration. Used within this room. */
#ifndef CERTD_JOB_INSPECT_NGINX_H
#define CERTD_JOB_INSPECT_NGINX_H

#include "base/ident.h"
#include "base/strv.h"
#include "nginx/version.h"

#include <stdbool.h>

struct config_certificate;
struct error;
struct job;
struct job_inspection;
struct nginx_conf;
struct nginx_servers;

/* All zero at first: NGINX is asked when its configuration is needed. */
struct job_inspect_nginx {
	bool asked;
	struct nginx_conf *conf;
	struct nginx_servers *servers; /* NULL after asking: failure says why */
	struct nginx_version version;
	char failure[512];
};

void job_inspect_nginx_done(struct job_inspect_nginx *nginx);

/* Names of one certificate. */
struct job_inspect_names {
	const struct config_certificate *certificate;
	bool managed; /* false: the certificate only carries the defaults */
	const struct ident_list *names;
	const struct strv *websockets;
};

/* Adds what is found. -1 only where nothing can go on. */
int job_inspect_nginx(struct job_inspect_nginx *nginx, const struct job *job, const struct job_inspect_names *what,
                      struct job_inspection *inspection, struct error *err);

#endif
