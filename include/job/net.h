/* net.h: the job's handle on a net process: forked, given tasks, ended. */
#ifndef CERTD_JOB_NET_H
#define CERTD_JOB_NET_H

#include "channel/channel.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct config_ca;
struct config_certificate;
struct error;
struct job;
struct message_limits;
struct notary_config;

struct job_net {
	int fd; /* -1: not running */
	pid_t pid;
	unsigned int tasks; /* given to it so far */
	const char *directory_url; /* whose CA it talks to, */
	const char *ca_bundle; /* trusting whom; both borrowed from the configuration */
	int64_t ca_date_at; /* what that CA's clock said when its directory was fetched; 0 where it is not known */
};

/* Forks it, unless one that runs serves this certificate's CA already. To be called while no key is loaded. */
int job_net_start(struct job_net *net, const struct job *job, const struct config_certificate *certificate,
                  struct error *err);

/* The same for what is about a CA and no certificate. */
int job_net_start_ca(struct job_net *net, const struct job *job, const struct config_ca *ca, struct error *err);

/* Whether one net process serves both: the same CA, trusted by the same. */
bool job_net_same(const struct config_ca *a, const struct config_ca *b);

/* The times of the configuration that the net process keeps to. */
void job_net_limits(const struct job *job, struct message_limits *ret);

/* Ends it, without patience. */
void job_net_stop(struct job_net *net);

/* Gives it a task (whose reference is taken) and serves its requests until the result, which is read: 0, or -1 with what went wrong there or on the
 * way. ret_result may be NULL. When the process itself failed it is stopped. */
int job_net_task(struct job_net *net, enum channel_type type, json_t *task, const struct notary_config *notary,
                 int64_t timeout_ms, json_t **ret_result, struct error *err);

#endif
