/* inspect.h: why HTTPS for some names works or does not: what `certd check` tells.
 *
 * Reads what there is (configuration, live certificates, account, NGINX's configuration), publishes a test file for as long as it takes, and
 * has the net process ask DNS, port 80 and port 443. Changes nothing else, works without any certificate and without root, and says what it
 * could not look at.
 */
#ifndef CERTD_JOB_INSPECT_H
#define CERTD_JOB_INSPECT_H

#include "base/ident.h"
#include "base/strv.h"
#include "channel/message_check.h"
#include "json/doc.h"

#include <stddef.h>

struct error;
struct job;

struct job_inspection {
	json_t *names; /* owned: an array of {"name": ..., "findings": [{"subject", "level", "asked", "seen", "means", "do"}]} */
	size_t counts[CHECK_LEVEL_COUNT];
};

/* names: what to look at, none twice, with or without a certificate in the configuration; websockets: paths, may be empty. */
int job_inspect(const struct job *job, const struct ident *names, size_t count, const struct strv *websockets,
                struct job_inspection *ret, struct error *err);
void job_inspection_done(struct job_inspection *inspection);

/* Adds a finding to its name, which must be one of those inspected; others are left out. All texts are cleaned. For this room. */
int job_inspection_add(struct job_inspection *inspection, const struct check_finding *finding, struct error *err);

#endif
