/* polite.h: what a CA is not to be asked now, and why: what it said earlier, and what it is known to take.
 *
 * The memory is the CA's file in the store, which outlives the run. When it cannot be read or written that is told, and costs politeness
 * only: never a certificate.
 */
#ifndef CERTD_JOB_POLITE_H
#define CERTD_JOB_POLITE_H

#include "config/config.h"

#include <stdbool.h>
#include <stdint.h>

struct error;
struct job_survey;
struct store;
struct store_ca;

/* What is asked for. */
struct job_polite_wish {
	const struct store *store; /* NULL: nothing is remembered */
	const struct config_ca *ca;
	const struct ident_list *names;
	const char *account_url; /* "" as long as there is none */
	int64_t now_at;
	bool named; /* a person named the certificate: what the CA has paused may have been lifted */
	bool resumes; /* an order that was placed is gone on with, so none is placed */
	bool replaces; /* it names the certificate that it replaces, within the CA's window for that (RFC 9773) */
	unsigned int orders; /* as many as it takes, one a type of key; 0 is one */
	bool renews; /* it is for the names of the certificate that there is, of the same CA */
};

/* Who asks. */
struct job_polite_asker {
	const struct store *store; /* or NULL */
	const struct config_certificate *certificate;
	const struct job_survey *survey;
	int64_t now_at;
	bool named;
	bool dry_run;
};

enum { JOB_POLITE_GO = 0, JOB_POLITE_WAIT = 1 };

/* The memory of the CA that was looked into last. All zero at first. */
struct job_polite {
	struct store_ca *ca;
	bool warned;
};

void job_polite_done(struct job_polite *polite);

/* Whether the CA may be asked for it. JOB_POLITE_WAIT with *ret_why: an ERROR_LATER with its retry_at; or an ERROR_REFUSED with its url where the CA
 * has paused it until somebody acts. */
int job_polite_look(struct job_polite *polite, const struct job_polite_wish *wish, struct error *ret_why);

/* Goes through the certificate's list of CAs, from the one that has its turn: JOB_POLITE_GO with those that are passed over marked in `passed` (and why the
 * one that can be asked first is, in *ret_why); or JOB_POLITE_WAIT with *ret_why as above. A CA that will be free again soon is waited for, unless time is
 * short. passed is false for all before, or true for those that are out of the question anyway. */
int job_polite_choose(struct job_polite *polite, const struct job_polite_asker *asker, bool passed[static CONFIG_CAS_MAX],
                      struct error *ret_why);

/* Whether the CA may be asked for renewal information. */
bool job_polite_may_ask_windows(struct job_polite *polite, const struct store *store, const struct config_ca *ca, int64_t now_at);

/* Remembers what follows from a failure: a time that the CA named, a pause, validations that failed. */
void job_polite_note_failure(struct job_polite *polite, const struct job_polite_wish *wish, const struct error *error);

/* The CA named a time before which it is not to be asked for renewal information. */
void job_polite_note_windows(struct job_polite *polite, const struct store *store, const struct config_ca *ca, int64_t now_at,
                             int64_t retry_at, const char *reason);

/* The CA's clock says date_at (0: it did not say). Where ours agrees, that is remembered from time to time. */
void job_polite_note_seen(struct job_polite *polite, const struct store *store, const struct config_ca *ca, int64_t now_at,
                          int64_t date_at);

/* An order was placed; a certificate was issued. What the CA does not count is not counted. */
void job_polite_note_order(struct job_polite *polite, const struct job_polite_wish *wish);
void job_polite_note_certificate(struct job_polite *polite, const struct job_polite_wish *wish);

#endif
