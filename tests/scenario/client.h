/* client.h: the ACME conversation alone against the scripted CA: a session with a notary that keeps a record of what it was asked. */
#ifndef CERTD_TESTS_SCENARIO_CLIENT_H
#define CERTD_TESTS_SCENARIO_CLIENT_H

#include "ca.h"

#include "acme/acme.h"
#include "base/error.h"

enum { CLIENT_PROOFS_MAX = 256 };

struct pkey;

struct client_proof {
	char type[32];
	char value[256];
	char token[256];
	bool cleaned;
};

struct client {
	struct ca *ca;
	struct http_client http;
	struct clock clock;
	struct acme_notary notary;
	struct acme_session_config config;
	struct acme_session *session;
	struct ident_list idents;
	const char *challenges[4];
	const char *profile;
	bool require_profile;
	const char *preferred_chain;
	const char *replaces;
	const char *decline; /* a challenge type that the notary declines */
	const char *fail_present; /* an identifier whose proof cannot be published */

	struct pkey *account_key;
	struct pkey *key;
	char directory_url[256];
	char kid[2100]; /* what the notary signs with; "" as long as it was told none */
	char order_url[2100]; /* what it was told to keep */
	int64_t order_expires_at;
	unsigned int account_tells, order_tells, csrs, signs;
	struct client_proof proofs[CLIENT_PROOFS_MAX];
	size_t proof_count;
	enum acme_step last_step;

	struct buf pem; /* of the last client_issue() */
	struct error err;
};

/* A client for these names (separated by a space). It has no account yet. */
struct client *client_new(struct ca *ca, const char *names);
void client_free(struct client *client);

/* A new run: a new session, which knows what the notary kept. */
void client_restart(struct client *client);

/* One certificate, in the session that is open; the result is in pem or err. */
int client_issue(struct client *client);

/* The same in a process of its own, with a session of its own: what the notary was told to keep outlives it. 0, -1 when it failed,
 * 1 when it was killed. */
int client_issue_apart(struct client *client);

/* Registers an account by issuing one certificate, so that what follows is counted from zero. */
void client_know(struct client *client);

/* client goes on with the account of another client, which loses it. */
void client_share_account(struct client *client, struct client *from);

/* Whether every proof that was published was taken back. */
bool client_is_clean(const struct client *client);

#endif
