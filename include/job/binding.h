/* binding.h: the key of an external account, out of the file or the credential of eab-hmac-file. */
#ifndef CERTD_JOB_BINDING_H
#define CERTD_JOB_BINDING_H

#include <stdbool.h>

struct buf;
struct config_ca;
struct error;

/* Appends the decoded key to a secret buffer. Where there is none, that is an error that says where it was looked for, or nothing is
 * appended, if it is not needed: an account that the CA knows does without. */
int job_binding_load(const struct config_ca *ca, bool needed, struct buf *out, struct error *err);

#endif
