/* problem.h: problem documents (RFC 7807, RFC 8555 section 6.7): one table from a problem's type to the kind of error and an advice. */
#ifndef CERTD_ACME_PROBLEM_H
#define CERTD_ACME_PROBLEM_H

#include "base/error.h"
#include "json/doc.h"

#include <stddef.h>
#include <stdint.h>

struct buf;
struct http_response;

enum acme_problem_type {
	ACME_PROBLEM_OTHER, /* a type that RFC 8555 does not know, or none */
	ACME_PROBLEM_ACCOUNT_DOES_NOT_EXIST,
	ACME_PROBLEM_ALREADY_REPLACED,
	ACME_PROBLEM_ALREADY_REVOKED,
	ACME_PROBLEM_BAD_CSR,
	ACME_PROBLEM_BAD_NONCE,
	ACME_PROBLEM_BAD_PUBLIC_KEY,
	ACME_PROBLEM_BAD_REVOCATION_REASON,
	ACME_PROBLEM_BAD_SIGNATURE_ALGORITHM,
	ACME_PROBLEM_CAA,
	ACME_PROBLEM_COMPOUND,
	ACME_PROBLEM_CONFLICT,
	ACME_PROBLEM_CONNECTION,
	ACME_PROBLEM_DNS,
	ACME_PROBLEM_EXTERNAL_ACCOUNT_REQUIRED,
	ACME_PROBLEM_INCORRECT_RESPONSE,
	ACME_PROBLEM_INVALID_CONTACT,
	ACME_PROBLEM_INVALID_PROFILE,
	ACME_PROBLEM_MALFORMED,
	ACME_PROBLEM_ORDER_NOT_READY,
	ACME_PROBLEM_RATE_LIMITED,
	ACME_PROBLEM_REJECTED_IDENTIFIER,
	ACME_PROBLEM_SERVER_INTERNAL,
	ACME_PROBLEM_TLS,
	ACME_PROBLEM_UNAUTHORIZED,
	ACME_PROBLEM_UNSUPPORTED_CONTACT,
	ACME_PROBLEM_UNSUPPORTED_IDENTIFIER,
	ACME_PROBLEM_USER_ACTION_REQUIRED,
	ACME_PROBLEM_COUNT
};

enum acme_problem_type acme_problem_type_parse(const char *urn); /* NULL is ACME_PROBLEM_OTHER */

/* Of the table: the RFC's word ("rateLimited"), what the program does next, and what a person does about it ("" for nothing). Static. */
const char *acme_problem_type_name(enum acme_problem_type type);
enum error_kind acme_problem_kind(enum acme_problem_type type);
const char *acme_problem_advice(enum acme_problem_type type);

/* Appends "TYPE: DETAIL" with up to detail_max octets of the detail, and its subproblems. */
void acme_problem_describe(const json_t *problem, size_t detail_max, struct buf *out);

/* Puts the document into err->problem, shortened where it is too long, always as JSON. */
void acme_problem_keep(const json_t *problem, struct error *err);

/* Fills *err from an answer that is no success: problem document, or whatever the body is (HTML, nothing). `what` says what was asked
 * ("newOrder"). A rate limit, and a 5xx with a Retry-After, are an ERROR_LATER: err->retry_at is the CA's time, an hour from now without
 * one, and never more than a day away. A rate limit without a time whose detail names a URL (a paused account) is an ERROR_REFUSED.
 * *ret_type may be NULL. Always returns -1. */
int acme_problem_from_response(const struct http_response *response, const char *what, int64_t now_at,
                               enum acme_problem_type *ret_type, struct error *err);

/* Fills *err from a problem object within an order or a challenge (also NULL). An ERROR_LATER has no time then. Always returns -1. */
int acme_problem_from_json(const json_t *problem, const char *what, enum acme_problem_type *ret_type, struct error *err);

#endif
