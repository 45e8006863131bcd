/* event.h: what an administrator meets in the log, each with a name of its own that stays: its MESSAGE_ID in the journal.
 *
 * The journal's catalog (packaging/certd.catalog) explains each; tests/lint/catalog.py holds the two together.
 */
#ifndef CERTD_BASE_EVENT_H
#define CERTD_BASE_EVENT_H

#include "base/error.h"

enum event {
	EVENT_NONE, /* a line like any other */
	EVENT_ISSUED, /* a new certificate was obtained, and deployed and proven where that is asked for */
	EVENT_DEPLOYED, /* one that was there is deployed now */
	EVENT_REVOKED, /* the CA revoked one */
	EVENT_REFUSED, /* the CA said no */
	EVENT_NETWORK, /* a connection, a name server, a time-out */
	EVENT_WAIT, /* the CA named a time before which not to ask again */
	EVENT_PROTOCOL, /* a peer broke the protocol */
	EVENT_NOT_SERVED, /* issued, but not deployed or not seen to be served */
	EVENT_SYSTEM, /* a file, a disk, a permission */
	EVENT_CONFIGURATION, /* wrong arguments or configuration */
	EVENT_LOCKED, /* another certd is at work */
	EVENT_INTERNAL, /* a fault of certd's, or no memory */
	EVENT_INTERRUPTED, /* told to stop */
	EVENT_HOOK_FAILED, /* the certificate is served, and a hook that is told of it failed */
	EVENT_ENDS_SOON, /* renewals fail, and little of the lifetime is left */
	EVENT_EXPIRED, /* renewals failed until the end */
	EVENT_STATE_DAMAGED, /* what was remembered of a certificate cannot be read */
	EVENT_FILES_DAMAGED, /* the files of a certificate are not whole */
	EVENT_PREFLIGHT, /* the CA will find something wrong */
	EVENT_SUGGESTED, /* the CA suggests a time for a renewal, and explains why */
	EVENT_CHAIN_ABSENT, /* the preferred chain is not offered */
	EVENT_CLOCK, /* the clock cannot be right */
	EVENT_RELOADED, /* the daemon read its configuration again */
	EVENT_RELOAD_REFUSED, /* the daemon did not take the configuration that is on disk */
	EVENT_CLOCK_SET, /* the clock was set, and by much */
	EVENT_JOB_LOST, /* a job of the daemon ended without having done its work */
	EVENT_COUNT
};

/* Its MESSAGE_ID: 32 lower-case hexadecimal digits; NULL for EVENT_NONE. Static. */
const char *event_id(enum event event);

/* What it is for an administrator that something failed with an error of this kind. */
enum event event_of_error(enum error_kind kind);

#endif
