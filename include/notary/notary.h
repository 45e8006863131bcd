/* notary.h: the job's end of the channel: does for the net process what needs a key or a file, and nothing else.
 *
 * The net process is treated as if it had been taken over. The notary signs only for URLs with the origin of the CA's own directory, only
 * payloads that the task at hand consists of, and no other CSR than the job's; it publishes proofs only for the names of the certificate, only in the
 * configured way and place, and takes every one of them back at the end, also when the net process died.
 */
#ifndef CERTD_NOTARY_NOTARY_H
#define CERTD_NOTARY_NOTARY_H

#include "challenge/challenge.h"
#include "json/doc.h"

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct error;
struct ident_list;
struct pkey;
struct store_account;

struct notary_config {
	/* The CA and its account. NULL key: nothing can be signed (preflight and proof). */
	const char *directory_url;
	const struct pkey *account_key;
	struct store_account *account; /* remembers its URL here */
	const char *binding_kid; /* external account binding, or NULL */
	const struct buf *binding_key; /* decoded MAC key */
	const char *binding_algorithm; /* "HS256", ...; or NULL */

	/* The certificate. NULL names: none is ordered. */
	const struct ident_list *names;
	const struct challenge_method *method;
	struct challenge_config challenge;
	const struct buf *csr_der; /* durable already */

	/* The certificate that is to be revoked, and why. NULL revoke_der: none is. */
	const struct buf *revoke_der;
	int revoke_reason;
	const struct pkey *certificate_key; /* may sign that, and nothing else; or NULL */

	/* The account, where the task is to change it. */
	const struct pkey *next_key; /* that it shall change to; or NULL */
	bool may_update; /* the contact, the terms of service */
	bool may_deactivate;
	const char *contact; /* "mailto:...": the only one that it is given; or NULL */

	/* To the job. order: make the URL ("" to forget it) durable before returning. The others may be NULL. */
	int (*order)(void *self, const char *url, int64_t expires_at, struct error *err);
	void (*progress)(void *self, const char *step, const char *text);
	void (*tick)(void *self); /* about every second while waiting */
	void *self;
};

/* Serves requests on fd until the result of the task comes, at most timeout_ms. 0 with the result (whatever it says) in *ret_result; -1 when
 * the net process died, broke the rules, the time is over, or we were asked to stop (ERROR_INTERRUPTED). */
int notary_serve(const struct notary_config *config, int fd, int64_t timeout_ms, json_t **ret_result, struct error *err);

#endif
