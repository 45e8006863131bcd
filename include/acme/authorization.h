/* authorization.h: an authorization (RFC 8555 section 7.1.4) and the challenges in it, as the CA tells them.
 *
 * Everything in a challenge comes from the CA and may end as a file name, an argument or a URL: what this hands out has been
 * checked. Challenges of types that nobody asked for are not looked into, whatever they hold or lack; nor are those of an
 * authorization that is not pending.
 */
#ifndef CERTD_ACME_AUTHORIZATION_H
#define CERTD_ACME_AUTHORIZATION_H

#include "base/ident.h"
#include "http/http.h"
#include "json/doc.h"

#include <stddef.h>
#include <stdint.h>

struct error;

enum acme_authorization_status {
	ACME_AUTHORIZATION_PENDING,
	ACME_AUTHORIZATION_VALID,
	ACME_AUTHORIZATION_INVALID,
	ACME_AUTHORIZATION_DEACTIVATED,
	ACME_AUTHORIZATION_EXPIRED,
	ACME_AUTHORIZATION_REVOKED,
};

enum acme_challenge_status {
	ACME_CHALLENGE_PENDING,
	ACME_CHALLENGE_PROCESSING,
	ACME_CHALLENGE_VALID,
	ACME_CHALLENGE_INVALID,
};

enum {
	ACME_CHALLENGES_MAX = 32, /* in one authorization */
	ACME_TOKEN_MAX = 255,
	ACME_CHALLENGE_TYPE_SIZE = 64,
};

struct acme_challenge {
	char type[ACME_CHALLENGE_TYPE_SIZE]; /* one of those asked for */
	enum acme_challenge_status status;
	char url[HTTP_URL_MAX + 1];
	char token[ACME_TOKEN_MAX + 1];
};

struct acme_authorization {
	enum acme_authorization_status status;
	struct ident identifier;
	struct acme_challenge *challenges; /* of the types asked for; none unless pending. Owned */
	size_t challenge_count;
	char offered[256]; /* all types that the CA offers, for messages: "dns-01, tls-alpn-01" */
	json_t *problem; /* what the CA says of the challenge that failed; may be NULL. Owned */
	bool stalled; /* pending, with a challenge that is pending again and says what it failed with */
	bool given_up; /* stalled after it was answered: counts as failed */
};

void acme_authorization_done(struct acme_authorization *authorization);

const char *acme_authorization_status_name(enum acme_authorization_status status);

/* Reads an authorization that the CA of directory_url sent. Its identifier must be one of `idents`. `types` are the challenge types
 * asked for, NULL-terminated. ret is all zero before; written only on success. ERROR_PROTOCOL names the identifier and the field. */
int acme_authorization_parse(const char *data, size_t len, const char *directory_url, const struct ident_list *idents,
                             const char *const *types, struct acme_authorization *ret, struct error *err);

/* The challenge of that type, or NULL. */
const struct acme_challenge *acme_authorization_find(const struct acme_authorization *authorization, const char *type);

#endif
