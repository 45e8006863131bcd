/* challenge.h: ways to publish a proof: a table of {type, present, cleanup, sweep}. */
#ifndef CERTD_CHALLENGE_CHALLENGE_H
#define CERTD_CHALLENGE_CHALLENGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct ident;

struct challenge_config {
	const char *webroot; /* http-01 */
};

struct challenge_proof {
	const struct ident *identifier;
	const char *token; /* checked again by whoever makes a file of it */
	const char *key_authorization;
};

struct challenge_method {
	const char *type; /* "http-01" */
	bool wildcard; /* whether it can prove one */
	/* Publishes; returns when it can be fetched. Fails before anything is announced to the CA. */
	int (*present)(const struct challenge_config *config, const struct challenge_proof *proof, struct error *err);
	/* Takes back what present() made; 0 when it is gone already, or is by now somebody else's. */
	int (*cleanup)(const struct challenge_config *config, const struct challenge_proof *proof, struct error *err);
	/* Whether present() could work now: the webroot can be written, nothing in it is a link. ERROR_SYSTEM with advice. */
	int (*check)(const struct challenge_config *config, struct error *err);
	/* Removes what runs that were interrupted left: what was made for the account key of this thumbprint (so no other program's, nor
	 * another account's) and is older than before_at, so that a job beside this one keeps its own. *ret_count may be NULL. */
	int (*sweep)(const struct challenge_config *config, const char *thumbprint, int64_t before_at, size_t *ret_count,
	             struct error *err);
};

/* NULL for a type that there is not. */
const struct challenge_method *challenge_find(const char *type);

/* The types there are, NULL-terminated, for messages. */
const char *const *challenge_types(void);

#endif
