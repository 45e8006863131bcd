/* authorizations.h: the authorizations of one order, fetched together; and what they say when the order failed. */
#ifndef CERTD_ACME_AUTHORIZATIONS_H
#define CERTD_ACME_AUTHORIZATIONS_H

#include "acme/authorization.h"
#include "base/strv.h"

#include <stdbool.h>

struct acme_session;
struct error;

struct acme_authorizations {
	struct acme_authorization *items;
	size_t count;
};

void acme_authorizations_done(struct acme_authorizations *list);

/* Fetches the authorizations at `urls`, whose identifiers must be of `idents`; challenges of `types` (NULL-terminated) are read. ret is all
 * zero before, written only on success; its items are in the order of the URLs. */
int acme_authorizations_fetch(struct acme_session *session, const struct strv *urls, const struct ident_list *idents,
                              const char *const *types, struct acme_authorizations *ret, struct error *err);

bool acme_authorizations_any_failed(const struct acme_authorizations *list);

/* After the challenges were answered: those that are stalled have failed. There are CAs (smallstep's, which is Caddy's) that put a challenge
 * that failed back to pending, for the client to ask again, where others say "processing" as long as they try by themselves. */
void acme_authorizations_give_up_stalled(struct acme_authorizations *list);

/* Fills *err from those that are not pending or valid: every identifier with what the CA said of it, the advice for the first, and
 * err->problem as one document (a "compound" for several). Returns -1; or 0, with nothing written, when none has failed. */
int acme_authorizations_failure(const struct acme_authorizations *list, int64_t now_at, struct error *err);

/* Tells the CA that those still pending are given up: one request each, no repetition, whatever comes of it. */
void acme_authorizations_deactivate(struct acme_session *session, const struct strv *urls,
                                    const struct acme_authorizations *list);

#endif
