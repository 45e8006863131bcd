/* view.h: one managed certificate as `certd status`, the metrics and the control socket show it. Read, and nothing changed. */
#ifndef CERTD_JOB_VIEW_H
#define CERTD_JOB_VIEW_H

#include "job/choice.h"
#include "job/survey.h"

#include <stdbool.h>
#include <stdint.h>

struct config_certificate;
struct error;
struct job_polite;
struct store;
struct store_cert;

enum job_state {
	JOB_STATE_VALID,
	JOB_STATE_DUE,
	JOB_STATE_FAILING, /* the last attempt failed, and there is something to be tried again */
	JOB_STATE_EXPIRED,
	JOB_STATE_MISSING,
	JOB_STATE_COUNT
};

/* "valid", "due", "failing", "expired", "missing". Static. */
const char *job_state_name(enum job_state state);

struct job_view {
	const struct config_certificate *certificate;
	struct store_cert *store_cert; /* owned; NULL where nothing is there */
	struct job_survey survey; /* owned */
	struct plan_decision decision;
	struct job_choice next; /* the CA that is asked next, and why it */
	enum job_state state;
	enum plan_alarm alarm;
	bool serves; /* somebody shall serve it: there is a deployment */
	bool served; /* the newest generation was proven to be served */
	int64_t served_until_at; /* when the one that was last proven to be served ends; 0 where that is not known */
	int64_t now_at;
};

/* store may be NULL: there is none yet. */
int job_view_read(const struct store *store, const struct config_certificate *certificate, int64_t now_at,
                  struct job_view *ret, struct error *err);
void job_view_done(struct job_view *view);

/* Why the CA is not asked for it now, although it is due, into *ret_why; false, and nothing is written there, where one is, or nothing is due. Where
 * another one of its list is asked meanwhile, view->next says so. polite keeps what was read of the CA for the next one. */
bool job_view_hold(struct job_view *view, const struct store *store, struct job_polite *polite, struct error *ret_why);

/* Whether there is something to be tried again. After a failure that somebody asked for by --force, or by names that were then not taken, there
 * is not. */
bool job_view_waits(const struct job_view *view);

/* The name of the CA that issued the newest generation, as far as it is known; or NULL. */
const char *job_view_issuer(const struct job_view *view);

/* Why somebody should look at it, in a few words ("not served", "ends soon", ...); NULL when all is well. Static. */
const char *job_view_trouble(const struct job_view *view);

#endif
