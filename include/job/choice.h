/* choice.h: which CA of a certificate's list has its turn, and why: for the job, and for `certd status`. */
#ifndef CERTD_JOB_CHOICE_H
#define CERTD_JOB_CHOICE_H

#include <stdbool.h>

struct config_ca;
struct config_certificate;
struct error;
struct store;
struct store_state;

enum { JOB_CHOICE_WHY_SIZE = 1024 };

struct job_choice {
	const struct config_ca *ca; /* NULL: none can be asked */
	char why[JOB_CHOICE_WHY_SIZE]; /* for people; why those before it in the list are passed over. "" where none is */
};

/* store may be NULL. tried: those that had their turn in this run, as many as the list has; or NULL. Asks nobody. */
void job_choose_ca(const struct store *store, const struct config_certificate *certificate, const struct store_state *state,
                   const bool *tried, struct job_choice *ret);

/* Whether the CA makes an account only for customers whose key is in the configuration, and it is not, nor is there an account already. */
bool job_choice_lacks_binding(const struct store *store, const struct config_certificate *certificate, const struct config_ca *ca);

/* That it is so, as an ERROR_USAGE. Always returns -1. */
int job_choice_tell_binding(const struct config_ca *ca, struct error *err);

#endif
