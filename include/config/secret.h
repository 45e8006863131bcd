/* secret.h: where a secret is that a user has: a file, or a credential of the service manager. */
#ifndef CERTD_CONFIG_SECRET_H
#define CERTD_CONFIG_SECRET_H

/* NAME of "credential:NAME"; NULL for a path. */
const char *config_secret_credential(const char *text);

/* What is wrong with "credential:NAME", whose NAME becomes the last part of a path; or NULL. */
const char *config_secret_fault(const char *text);

#endif
