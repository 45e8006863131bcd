/* polite_rules.h: what polite.c and its neighbours share: the keys under which a CA's memory has an account and names, its limits, and how it is
 * changed. Used within this room. */
#ifndef CERTD_JOB_POLITE_RULES_H
#define CERTD_JOB_POLITE_RULES_H

#include "job/polite.h"
#include "store/ca.h"

struct job_polite_keys {
	char account[STORE_CA_KEY_SIZE]; /* "" without one */
	char names[STORE_CA_KEY_SIZE];
};

int job_polite_names_key(const struct ident_list *names, char ret[static STORE_CA_KEY_SIZE], struct error *err);

/* What the CA does not count, where it says so: what names its predecessor counts nowhere, what renews the same names as no order. */
bool job_polite_is_exempt(const struct job_polite_wish *wish, enum store_ca_log log);

/* Whether one more is within all limits; else *ret_why says which one it is not in, and until when. */
bool job_polite_within_limits(const struct store_ca *memory, const struct job_polite_wish *wish, const struct job_polite_keys *keys,
                              struct error *ret_why);

/* What is told of something that is not to be asked. */
void job_polite_hold_error(const struct store_ca_hold *hold, const char *ca, struct error *ret);

/* What is remembered of the CA, read again where it has changed; NULL where it cannot be read. */
const struct store_ca *job_polite_recall(struct job_polite *polite, const struct store *store, const struct config_ca *ca);

/* Changes the memory and saves it. A failure is told once, and returned. */
int job_polite_change(struct job_polite *polite, const struct store *store, const struct config_ca *ca,
                      int (*change)(struct store_ca *memory, void *self, struct error *err), void *self);

#endif
