/* away.h: CAs that could not be reached, for as long as a run lasts: where a certificate has others in its list, not each certificate waits anew for a
 * CA that is away. Used within this room. */
#ifndef CERTD_JOB_AWAY_H
#define CERTD_JOB_AWAY_H

#include "config/config.h"

struct error;

enum {
	JOB_AWAY_AFTER = 2, /* certificates in a row for which it could not be reached */
	JOB_AWAY_LOOK_EVERY = 10, /* of the certificates that it is spared for, after which it is asked again */
	JOB_AWAY_REASON_SIZE = 256,
};

struct job_away_ca {
	const char *directory; /* borrowed from the configuration; NULL: free */
	unsigned int failures; /* in a row */
	unsigned int spared; /* certificates since it was last asked */
	char reason[JOB_AWAY_REASON_SIZE];
};

/* All zero at first. */
struct job_away {
	struct job_away_ca cas[CONFIG_CAS_MAX];
};

/* Whether this certificate is not to wait for it: then -1 with *err, an ERROR_NETWORK that says why; else 0. */
int job_away_check(struct job_away *away, const struct config_ca *ca, struct error *err);

/* What came of asking it; NULL for success. Any answer shows that it is there. */
void job_away_note(struct job_away *away, const struct config_ca *ca, const struct error *failure);

#endif
