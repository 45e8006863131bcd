/* account.h: the keys of an account, out of the store and the configuration. Used within this room. */
#ifndef CERTD_JOB_ACCOUNT_H
#define CERTD_JOB_ACCOUNT_H

struct buf;
struct config_ca;
struct error;
struct pkey;
struct store_account;

/* A key that is damaged is an error that says what to do; never a new one. */
int job_account_load_key(const struct store_account *account, struct pkey **ret, struct error *err);

/* Appends the decoded MAC key of eab-hmac-file to a secret buffer. */
int job_account_load_binding(const struct config_ca *ca, struct buf *out, struct error *err);

#endif
