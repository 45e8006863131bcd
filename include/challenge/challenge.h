/* challenge.h: ways to publish a proof: a table of {type, present, cleanup, sweep}. */
#ifndef CERTD_CHALLENGE_CHALLENGE_H
#define CERTD_CHALLENGE_CHALLENGE_H

#include <stdbool.h>

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
	/* Takes back what present() made; 0 when it is gone already. */
	int (*cleanup)(const struct challenge_config *config, const struct challenge_proof *proof, struct error *err);
	/* Whether present() could work now: the webroot can be written, nothing in it is a link. ERROR_SYSTEM with advice. */
	int (*check)(const struct challenge_config *config, struct error *err);
};

/* NULL for a type that there is not. */
const struct challenge_method *challenge_find(const char *type);

/* The types there are, NULL-terminated, for messages. */
const char *const *challenge_types(void);

#endif
