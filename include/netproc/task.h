/* task.h: the tasks of the net process, one file each. */
#ifndef CERTD_NETPROC_TASK_H
#define CERTD_NETPROC_TASK_H

#include "json/doc.h"

#include <stdint.h>

struct acme_session;
struct buf;
struct clock;
struct error;
struct http_client;
struct random;

/* What lives as long as the process: the http client, and the ACME session of the last issue, with its connection, directory and nonces. */
struct netproc {
	int fd;
	const struct http_client *http;
	const struct clock *clock;
	const struct random *random;
	struct netproc_session *session; /* NULL before the first issue */
};

/* Each reads its task from `message` and makes the result for the job. An error is the result "failed"; only a broken channel ends the process. */
int netproc_preflight(struct netproc *net, const json_t *message, json_t **ret_result, struct error *err);
int netproc_issue(struct netproc *net, const json_t *message, json_t **ret_result, struct error *err);
int netproc_prove(struct netproc *net, const json_t *message, json_t **ret_result, struct error *err);
int netproc_check(struct netproc *net, const json_t *message, json_t **ret_result, struct error *err);
int netproc_renewal(struct netproc *net, const json_t *message, json_t **ret_result, struct error *err);
int netproc_revoke(struct netproc *net, const json_t *message, json_t **ret_result, struct error *err);
int netproc_account(struct netproc *net, const json_t *message, json_t **ret_result, struct error *err);

void netproc_session_free(struct netproc_session *session);

#endif
