/* job.h: what `certd issue` and `certd renew` are: for each certificate, the nine steps from the configuration to the proof.
 *
 * Owns keys, files and hooks; opens no network connection: for that it forks a net process for each CA before it loads a key. What goes
 * wrong with one certificate never touches another.
 */
#ifndef CERTD_JOB_JOB_H
#define CERTD_JOB_JOB_H

#include "base/error.h"
#include "plan/due.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct clock;
struct config;
struct config_ca;
struct config_certificate;
struct http_client;
struct job_outcome;
struct random;
struct runner;

struct job {
	const struct config *config;
	const struct clock *clock;
	const struct random *random;
	const struct runner *runner;
	const struct http_client *http; /* for the net process; NULL for the real one */
	bool shared; /* the daemon holds the locks, for this run and for others beside it */
	int64_t built_at; /* no clock can be right that says it is earlier; 0: not known */
	bool sandbox; /* whether the net process closes one; true but in tests with a transport of their own */
	/* Progress: what is being done now for which certificate; and about once a second while waiting. Either may be NULL. */
	void (*progress)(void *self, const char *certificate, const char *step, const char *text);
	void (*tick)(void *self);
	/* What came of each certificate, as soon as it is known. May be NULL. */
	void (*outcome)(void *self, const struct job_outcome *outcome);
	void *self;
};

struct job_options {
	bool force; /* also what is not due */
	bool dry_run; /* the whole order, and throw the result away */
	bool deploy; /* false: stop after the commit */
	bool named; /* a person named these certificates: our own backoff does not hold them back; what the CA asked for does */
};

enum job_result {
	JOB_NOT_DUE,
	JOB_ISSUED, /* a new certificate; deployed and proven where options and configuration ask for it */
	JOB_DEPLOYED, /* one that was issued earlier is deployed now */
	JOB_TRIED, /* a dry run went well */
	JOB_BLOCKED, /* due, but not before outcome.error.retry_at */
	JOB_FAILED,
	JOB_RESULT_COUNT
};

const char *job_result_name(enum job_result result); /* "not-due", "issued", ... Static. */

struct job_outcome {
	const struct config_certificate *certificate;
	const struct config_ca *ca; /* that was asked for the certificate, the last one where there were several; NULL: none was */
	enum job_result result;
	enum plan_reason reason; /* why it was (or will be) due */
	uint64_t generation; /* live, or new; 0 for none */
	int64_t not_after_at; /* of that generation */
	int64_t renew_at;
	int64_t check_at; /* when its CA is to be asked what it suggests for the renewal; 0 for never */
	bool issued; /* there is a new certificate, by this run, whatever came of its deployment */
	bool served; /* proven to be served, now or when it was last looked at */
	bool post_renew_failed; /* served, but a post-renew hook failed; error says which. It is run again next time */
	struct error error; /* JOB_FAILED, JOB_BLOCKED, post_renew_failed */
};

/* Does all `count` certificates, those of one CA one after the other; outcomes[i] is that of certificates[i]. With ten thousand of them the array is
 * large: NULL, where job->outcome takes each as it comes. -1 when nothing could be done at all (lock, state directory), or when it was told to stop
 * (ERROR_INTERRUPTED) before all had their turn; an outcome without a certificate had none. */
int job_run(const struct job *job, const struct config_certificate *const *certificates, size_t count,
            const struct job_options *options, struct job_outcome *outcomes, struct error *err);

/* The generation before the live one goes live again and is deployed and proven; when that fails the present one comes back. */
int job_rollback(const struct job *job, const struct config_certificate *certificate, struct job_outcome *ret,
                 struct error *err);

#endif
