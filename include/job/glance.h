/* glance.h: when a certificate wants attention, for the daemon: what is needed of its state and files to know. */
#ifndef CERTD_JOB_GLANCE_H
#define CERTD_JOB_GLANCE_H

#include "base/error.h"
#include "plan/due.h"

#include <stdbool.h>
#include <stdint.h>

struct config_certificate;
struct job_polite;
struct store;

enum { JOB_GLANCE_ERROR_SIZE = 512 };

struct job_glance {
	bool have; /* there is a certificate */
	bool failing; /* the last attempt failed */
	enum plan_reason reason; /* why it is or will be due */
	int64_t not_before_at;
	int64_t not_after_at; /* 0 without one */
	int64_t renew_at; /* when it is due */
	int64_t next_at; /* when a run would find something to do: to renew, to deploy, to ask the CA, to run hooks again */
	bool by_lifetime; /* next_at is what the lifetime alone says: nobody drew it by chance */
	enum error_kind kind; /* of the last failure */
	char error[JOB_GLANCE_ERROR_SIZE];
};

/* Whatever is wrong with the files of this certificate is told in the result: it is then due now. polite keeps what was read of the CA, which says when it
 * may be asked, for the next one. */
void job_glance(const struct store *store, const struct config_certificate *certificate, int64_t now_at,
                struct job_polite *polite, struct job_glance *ret);

#endif
