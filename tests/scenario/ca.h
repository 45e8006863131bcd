/* ca.h: a scripted CA behind the http interface, in virtual time.
 *
 * The whole world of a scenario is one struct without a pointer in it: accounts, orders, nonces, the faults to come, a log of what was
 * asked, and the clock. So it may lie in memory that processes share, and a job whose net process is forked (and killed, and started anew)
 * meets the same CA at the same time of day.
 *
 * It is strict where real CAs are: each nonce serves once, the URL in a request's header is the URL asked, signatures verify (when asked to).
 * What a client does wrong is kept in `violations`. It issues real certificates.
 */
#ifndef CERTD_TESTS_SCENARIO_CA_H
#define CERTD_TESTS_SCENARIO_CA_H

#include "base/clock.h"
#include "http/http.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	CA_ACCOUNTS_MAX = 8,
	CA_ORDERS_MAX = 512,
	CA_AUTHORIZATIONS_MAX = 2048,
	CA_NAMES_MAX = 100,
	CA_NONCES_MAX = 512,
	CA_FAULTS_MAX = 32,
	CA_FAILURES_MAX = 16,
	CA_LOG_MAX = 8192,
	CA_PEM_MAX = 16 * 1024,
};

enum ca_endpoint {
	CA_ANY, /* for faults */
	CA_DIRECTORY,
	CA_NEW_NONCE,
	CA_NEW_ACCOUNT,
	CA_NEW_ORDER,
	CA_ACCOUNT,
	CA_ORDER,
	CA_AUTHORIZATION,
	CA_CHALLENGE,
	CA_FINALIZE,
	CA_CERTIFICATE,
	CA_REVOKE,
	CA_KEY_CHANGE,
	CA_RENEWAL_INFO,
	CA_NOWHERE,
	CA_ENDPOINT_COUNT
};

/* For ca_fault.victim: the parent of who asks, which is the job when its net process does. */
enum { CA_VICTIM_PARENT = -1 };

enum ca_action {
	CA_ANSWER, /* not acted upon: status, content_type, retry_after, body */
	CA_BAD_NONCE, /* not acted upon */
	CA_BREAK, /* not acted upon: the connection breaks */
	CA_REFUSE, /* not acted upon: nobody takes the connection */
	CA_LOSE, /* acted upon, and the answer is lost */
	CA_KILL_BEFORE, /* SIGKILL for `victim`, or for who asks; not acted upon */
	CA_KILL_AFTER, /* the same once it was acted upon */
	CA_SET, /* the real answer, with the member at `path` set to the JSON text in body ("" takes it out) */
	CA_BODY, /* the real answer with another body */
	CA_HEAD, /* the real answer with another status, content_type, location, retry_after where not "" ("-" takes it out) */
};

struct ca_fault {
	enum ca_action action;
	enum ca_endpoint endpoint;
	unsigned int skip; /* of the requests that it is for */
	int times; /* 0 is once, -1 is always */
	int status;
	char content_type[64];
	char retry_after[64];
	char location[512];
	bool no_nonce;
	char path[128]; /* "challenges.*.token", "identifiers.0.value" */
	pid_t victim;
	char body[4096];
};

enum ca_status { CA_PENDING, CA_READY, CA_PROCESSING, CA_VALID, CA_INVALID, CA_DEACTIVATED, CA_EXPIRED };

struct ca_account {
	bool used;
	enum ca_status status;
	char jwk[2048]; /* as RFC 7638 hashes it */
	char contact[128]; /* the first */
	bool bound; /* an externalAccountBinding came along */
};

struct ca_authorization {
	bool used;
	size_t account;
	char type[8];
	char value[256]; /* without "*." */
	bool wildcard;
	enum ca_status status; /* without what time does to it: ca.c looks at done_at_ms too */
	bool answered;
	char answered_type[32];
	int64_t done_at_ms;
	int64_t expires_at;
	char token[64];
	char problem_type[64];
	char problem_detail[256];
};

struct ca_order {
	bool used;
	size_t account;
	size_t authorizations[CA_NAMES_MAX];
	size_t count;
	char profile[64];
	int64_t expires_at;
	bool finalized;
	bool failed;
	int64_t done_at_ms;
	char problem_type[64];
	char problem_detail[256];
	char pem[CA_PEM_MAX];
	char leaf_pem[4096];
	char replaces[128]; /* certID of another certificate */
	char id[128]; /* certID of this one */
	int64_t not_before_at;
	int64_t not_after_at;
	bool revoked;
	int revoked_reason;
	bool revoked_by_key; /* of the certificate */
};

struct ca_failure {
	char value[256]; /* the identifier */
	char type[64]; /* "dns" */
	char detail[256];
	int times; /* -1 always */
};

struct ca_log {
	enum ca_endpoint endpoint;
	int64_t at_ms;
	int status; /* 0: the connection broke */
	size_t flight; /* requests that went out together have the same */
};

enum ca_validation { CA_VALIDATE_ALWAYS, CA_VALIDATE_WEBROOT };

struct ca {
	/* How it is. May be changed at any time. */
	char base[128]; /* "https://ca.example" */
	char terms_of_service[128]; /* "" for none */
	bool external_account_required;
	char profiles[4][64];
	bool verify_signatures;
	bool reuse_authorizations;
	bool stalls; /* a challenge that failed is pending again, with its error, and so is all that it is part of */
	unsigned int alternates; /* chains beside the default: with the root in it, and copies of that */
	bool reuse_orders; /* a newOrder for the same names gives the order that is open */
	int nonce_reject_percent;
	int64_t latency_ms; /* of each flight */
	int64_t validation_ms;
	int64_t issuance_ms; /* 0: finalize answers "valid" */
	int64_t retry_after_s; /* of a processing order; 0 for none */
	bool retry_after_date; /* as a date */
	int64_t lifetime_s; /* of certificates */
	enum ca_validation validation;
	char webroot[1024];
	int64_t date_offset_s; /* of the Date of its answers: its clock against the scenario's */
	bool without_renewal_info; /* the directory has none */
	int64_t renewal_start_at; /* the window of every certificate; 0: about two thirds of its lifetime, a fiftieth of it wide */
	int64_t renewal_end_at;
	char renewal_explanation[256];
	char renewal_retry_after[64]; /* "" for six hours, "-" for none */
	struct ca_failure failures[CA_FAILURES_MAX];
	struct ca_fault faults[CA_FAULTS_MAX];
	size_t fault_count;

	/* What it knows. */
	struct ca_account accounts[CA_ACCOUNTS_MAX];
	struct ca_authorization authorizations[CA_AUTHORIZATIONS_MAX];
	struct ca_order orders[CA_ORDERS_MAX];
	size_t account_count, authorization_count, order_count;
	char nonces[CA_NONCES_MAX][32]; /* not used yet */
	uint64_t nonce_next;
	uint64_t rng;
	uint64_t serial;
	unsigned char root_der[1024], issuer_der[1024], issuer_key_der[256];
	size_t root_der_len, issuer_der_len, issuer_key_der_len;

	/* What happened. */
	unsigned int fault_seen[CA_FAULTS_MAX];
	struct ca_log log[CA_LOG_MAX];
	size_t requests;
	size_t flights;
	size_t asked[CA_ENDPOINT_COUNT];
	size_t violation_count;
	char violations[8][256];

	/* The time. */
	int64_t wall_at_ms; /* milliseconds since the epoch */
	int64_t monotonic_ms;
};

/* A CA at 2026-11-23T12:00:00Z that validates all in 40 ms and signs in 60 ms, a flight taking 20 ms. */
void ca_init(struct ca *ca);

/* The same in memory that forked processes share. */
struct ca *ca_new_shared(void);
void ca_free_shared(struct ca *ca);

/* Such memory, all zero, for what else processes shall share. */
void *ca_share(size_t size);
void ca_unshare(void *memory, size_t size);

/* Its http client, and its time: sleeping lets it pass. Both work in every process that shares the memory. */
struct http_client ca_client(struct ca *ca);
struct clock ca_clock(struct ca *ca);

/* Two of them behind one client, told apart by their bases. The time is the first one's. */
struct ca_pair {
	struct ca *first;
	struct ca *second;
};

struct http_client ca_pair_client(struct ca_pair *pair);
void ca_pass_time(struct ca *ca, int64_t s);

/* Adds a fault; those added first are looked at first, one applies to a request. */
void ca_add_fault(struct ca *ca, const struct ca_fault *fault);
void ca_clear_faults(struct ca *ca);

/* From now on validation of that identifier fails, `times` times (-1: always). */
void ca_fail(struct ca *ca, const char *identifier, const char *type, const char *detail, int times);

/* The root's certificate as PEM into out. */
void ca_root_pem(const struct ca *ca, char *out, size_t size);

/* How many orders have a certificate. */
size_t ca_issued(const struct ca *ca);

#endif
