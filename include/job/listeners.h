/* listeners.h: at which addresses NGINX answers for a name, by its effective configuration: there the proof asks. Used within this room. */
#ifndef CERTD_JOB_LISTENERS_H
#define CERTD_JOB_LISTENERS_H

#include "config/config.h"

#include <stdbool.h>

struct ident;
struct job;
struct nginx_conf;
struct nginx_servers;

/* All zero at first: NGINX is asked when it has to be known, once. */
struct job_listeners {
	bool asked;
	struct nginx_conf *conf;
	struct nginx_servers *servers; /* NULL where it cannot be learned */
};

void job_listeners_done(struct job_listeners *listeners);

/* NGINX's configuration; NULL where it cannot be learned. Borrowed. */
const struct nginx_conf *job_listeners_conf(struct job_listeners *listeners, const struct job *job);

/* Where a certificate may be asked for: its serve-address, or loopback where it has none. */
void job_listeners_addresses(const struct config_settings *settings, struct config_addresses *ret);

/* Which of these addresses the name is asked at, bit i for items[i]: where one of NGINX's servers has that name; where there is none such address,
 * those at which a default server answers; else, and where nothing is known of NGINX, all that were configured, or the first. Never 0. */
unsigned int job_listeners_at(struct job_listeners *listeners, const struct job *job, const struct config_settings *settings,
                              const struct config_addresses *addresses, const struct ident *name);

#endif
