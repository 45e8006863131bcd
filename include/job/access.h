/* access.h: whether the files of a certificate are whose the configuration says, and nobody else's. Used within this room, and by `certd status`. */
#ifndef CERTD_JOB_ACCESS_H
#define CERTD_JOB_ACCESS_H

#include "base/error.h"
#include "store/access.h"

#include <stddef.h>

struct config_certificate;
struct config_settings;
struct store_cert;
struct story;

enum { JOB_ACCESS_TEXT_SIZE = 1024 };

struct job_access_report {
	size_t drifted; /* files and directories that were not as configured */
	char first[JOB_ACCESS_TEXT_SIZE]; /* "PATH had mode 0644 and was root:root, not mode 0600 and root"; "" for none */
	size_t exposed; /* of these: keys that more could read than shall */
	char first_exposed[JOB_ACCESS_TEXT_SIZE];
	size_t failed; /* of these: could not be set right */
	struct error failure; /* of the first of them */
};

/* What the configuration says; where it says nothing: certd's own user alone, and with a group (key-group) that it may read. */
void job_access_of(const struct config_settings *settings, struct store_access *ret);

/* Looks at what there is, and with `mend` sets it right. What is written from now on is as configured. */
int job_access_look(struct store_cert *store_cert, const struct config_certificate *certificate, bool mend,
                    struct job_access_report *ret, struct error *err);

/* Part of step 1: sets right what is there, and says so. What cannot be set right is told, and no reason to let a certificate run out. */
void job_access_settle(const struct story *story);

#endif
