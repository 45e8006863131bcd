/* error.h: what went wrong, what kind it is, and what to do about it.
 *
 * A function that can fail returns 0 when done, a negative number when it failed with *err filled, and a positive
 * number for a condition that its header's enum names and that the direct caller handles. The kind of an error says
 * what the program does next; its text says what was tried, on what, why it failed; its advice says what a person
 * does about it. Each layer adds at most one context. It is logged once, at the top.
 *
 * An error owns no memory: it is plain, of fixed size, and may live on the stack. Every text in it is cleaned of
 * control characters when it is set, so that what a CA said cannot write on a terminal.
 */
#ifndef CERTD_BASE_ERROR_H
#define CERTD_BASE_ERROR_H

#include <stdarg.h>
#include <stdint.h>

enum error_kind {
	ERROR_NONE = 0,
	ERROR_INTERNAL, /* a bug of ours, or no memory: nothing a retry or an operator mends */
	ERROR_USAGE, /* wrong arguments or configuration: stop until they change. Exit status 2 */
	ERROR_SYSTEM, /* this machine: a file, a disk, a permission. Retry later, tell the operator */
	ERROR_NETWORK, /* a connection, a name server, a time-out: retry soon */
	ERROR_LATER, /* the peer named a time (error.retry_at): not before it. Exit status 3 */
	ERROR_REFUSED, /* the CA said no for a reason the operator mends (dns, unauthorized, caa, terms of service) */
	ERROR_PROTOCOL, /* a peer broke the protocol: retry with backoff, tell the operator */
	ERROR_DEPLOY, /* issued, but not served: retried without a new certificate */
	ERROR_LOCKED, /* another certd holds the lock. Exit status 4 */
	ERROR_INTERRUPTED, /* a signal asked us to stop: no failure, and counted as none */
	ERROR_CLOCK, /* this machine's clock cannot be right: nothing that depends on the time is decided, or counted as a failure */
	ERROR_KIND_COUNT
};

enum {
	ERROR_MESSAGE_MAX = 3072,
	ERROR_ADVICE_MAX = 1536,
	ERROR_PROBLEM_MAX = 4096,
	ERROR_ENDPOINT_SIZE = 32,
	ERROR_URL_SIZE = 1024,
};

struct error {
	enum error_kind kind;
	int64_t retry_at; /* ERROR_LATER: not before this wall time, seconds since the epoch; else 0 */
	int http_status; /* of the answer that said so, or 0 */
	char message[ERROR_MESSAGE_MAX];
	char advice[ERROR_ADVICE_MAX]; /* "" for none */
	char problem[ERROR_PROBLEM_MAX]; /* the CA's problem document as one JSON object, or "" */
	char endpoint[ERROR_ENDPOINT_SIZE]; /* what the CA was asked when it said so ("newOrder"), or "" */
	char url[ERROR_URL_SIZE]; /* where a person lifts what the CA has paused, or "" */
};

/* Empties *err: kind ERROR_NONE, all texts "". */
void error_clear(struct error *err);

/* Fills *err, replacing what it held. Always returns -1, so that a caller can `return error_set(...)`. */
int error_set(struct error *err, enum error_kind kind, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Like error_set() with kind ERROR_SYSTEM and ": " and the text of `errnum` behind the message; ENOSPC, EDQUOT,
 * EROFS, EACCES and EPERM also set an advice. Always returns -1. */
int error_sys(struct error *err, int errnum, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Out of memory. Always returns -1. */
int error_oom(struct error *err);

/* Puts a context and ": " before the message that *err holds. Always returns -1. */
int error_context(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds to the end of the message that *err holds. Always returns -1. */
int error_append(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Sets the advice: one sentence that says what to do. Always returns -1. */
int error_advise(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The kind's name as it stands in JSON and in the journal: "network", "refused", ... Static. */
const char *error_kind_name(enum error_kind kind);

/* The kind of that name into *ret_kind. 0, or -1 when there is no such name. */
int error_kind_parse(const char *name, enum error_kind *ret_kind);

/* The exit status of the program for an error of that kind: see certd(8), EXIT STATUS. */
int error_exit_status(enum error_kind kind);

/* "Always returns -1", said in a way that the compiler and the analyzers understand: they see one file at a time, and would
 * follow what happens behind `if (function_that_failed() < 0)` if this were 0. */
static inline __attribute__((always_inline)) int error_negative(int result)
{
	(void)result;
	return -1;
}

#define error_set(...) error_negative(error_set(__VA_ARGS__))
#define error_sys(...) error_negative(error_sys(__VA_ARGS__))
#define error_oom(...) error_negative(error_oom(__VA_ARGS__))
#define error_context(...) error_negative(error_context(__VA_ARGS__))
#define error_append(...) error_negative(error_append(__VA_ARGS__))
#define error_advise(...) error_negative(error_advise(__VA_ARGS__))

#endif
