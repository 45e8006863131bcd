/* manager.h: what can be asked of the daemon while it runs: the seam between its loop and whoever asks (the control socket).
 *
 * A table of functions, so that whoever asks can be tried with a manager that is none. All of them return at once; what takes time is
 * told to listeners. One thread: nothing changes while a function of the caller runs.
 */
#ifndef CERTD_DAEMON_MANAGER_H
#define CERTD_DAEMON_MANAGER_H

#include "plan/due.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct config;
struct config_certificate;
struct error;

enum daemon_activity {
	DAEMON_WAITING, /* nothing to do before next_at */
	DAEMON_QUEUED, /* its time has come; it waits for its turn */
	DAEMON_RUNNING, /* a job has it */
};

/* What is known of one certificate. All pointers are borrowed, until the caller returns to the loop. */
struct daemon_certificate {
	const struct config_certificate *config;
	enum daemon_activity activity;
	bool known; /* a job has looked at it: what follows is known */
	bool have; /* there is one, and its files are whole */
	bool failing; /* the last attempt failed */
	enum plan_reason reason; /* why it is, or will be, due */
	int64_t not_after_at; /* 0 without one */
	int64_t renew_at; /* when it is due */
	int64_t next_at; /* when a job will look at it: due, asked to the CA about, or tried again after a failure */
	const char *error; /* what the last attempt failed with; NULL when not failing */
};

enum daemon_event_kind {
	DAEMON_EVENT_STARTED, /* a job has taken up the certificate */
	DAEMON_EVENT_PROGRESS, /* step and text say what it does now */
	DAEMON_EVENT_ENDED, /* result says what came of it; error what failed */
	DAEMON_EVENT_RELOADED, /* the configuration was read again; certificate is NULL. error says why it was not taken */
	DAEMON_EVENT_KIND_COUNT
};

struct daemon_event {
	enum daemon_event_kind kind;
	const char *certificate;
	const char *step; /* of progress; "" else */
	const char *text;
	const char *result; /* of an end: as job_result_name(): "issued", "failed", ...; "lost" when the job ended without a word. "" else */
	const char *error; /* a line for people, or NULL */
};

/* Owned by whoever listens; linked by the manager. */
struct daemon_listener {
	void (*event)(void *self, const struct daemon_event *event); /* may unsubscribe this listener, and no other */
	void *self;
	struct daemon_listener *next; /* the manager's */
};

struct daemon_renew {
	const char *const *names; /* certificates; NULL for all */
	size_t count;
	bool force; /* also what is not due */
};

struct daemon_manager {
	/* The configuration that holds now. Borrowed until the caller returns to the loop. */
	const struct config *(*config)(void *self);
	/* Certificates in the order of the configuration. */
	size_t (*count)(void *self);
	void (*certificate)(void *self, size_t i, struct daemon_certificate *ret);
	/* The place of a name; -1 when it is not managed. */
	ssize_t (*find)(void *self, const char *name);
	/* Has a job look at these now, before all others, whatever our own backoff says (what the CA asked for holds). An event of
	 * DAEMON_EVENT_ENDED comes for each of them. ERROR_USAGE, and nothing is done, for a name that is not managed. */
	int (*renew)(void *self, const struct daemon_renew *renew, struct error *err);
	/* Reads the configuration again: all of it or, with an error, none. */
	int (*reload)(void *self, struct error *err);
	void (*subscribe)(void *self, struct daemon_listener *listener);
	void (*unsubscribe)(void *self, struct daemon_listener *listener);
	void *self;
};

#endif
