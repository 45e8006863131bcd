/* message_check.h: the task of looking why HTTPS for some names works or does not, and what is found. */
#ifndef CERTD_CHANNEL_MESSAGE_CHECK_H
#define CERTD_CHANNEL_MESSAGE_CHECK_H

#include "channel/message.h"

enum {
	MESSAGE_CHECK_NAMES_MAX = 16, /* of one task, so that the result fits into its frame */
	MESSAGE_CHECK_LIST_MAX = 64,
	MESSAGE_CHECK_PATHS_MAX = 16,
	MESSAGE_CHECK_TEXT_MAX = 800, /* octets of each text of a finding */
};

struct message_check {
	struct ident_list names; /* up to MESSAGE_CHECK_NAMES_MAX */
	const char *resolver; /* or NULL: the authoritative servers */
	uint16_t http_port;
	uint16_t https_port;
	const char *token; /* of a test file */
	const char *body; /* what it holds; NULL: none was published under that token */
	struct strv local; /* this host's addresses */
	struct strv live; /* fingerprints of the live chain, leaf first; none: not known */
	bool spare; /* the CA is one that helps out where another fails: nothing is asked but whether CAA lets it, which is no more than a warning */
	const char *directory_url;
	const char *ca; /* the CA's name for people */
	const char *caa; /* its name in CAA records, where the directory does not tell; or NULL */
	const char *account_url; /* or NULL */
	const char *challenge;
	struct strv websockets; /* paths */
	struct message_limits limits;
};

#define MESSAGE_CHECK                                                                                   \
	((struct message_check){ .local = STRV(MESSAGE_CHECK_LIST_MAX), .live = STRV(MESSAGE_CHECK_LIST_MAX), \
	                         .websockets = STRV(MESSAGE_CHECK_PATHS_MAX) })

/* An HTTP path that can stand in a request: begins with "/", no space, no control character, no "#", up to 500 octets. */
bool message_check_path_ok(const char *path);

json_t *message_check_pack(const struct message_check *message);
int message_check_read(const json_t *json, struct message_check *ret, struct error *err);
void message_check_done(struct message_check *message);

enum check_level { CHECK_OK, CHECK_WARNING, CHECK_FAILURE, CHECK_LEVEL_COUNT };

const char *check_level_name(enum check_level level); /* "ok", "warning", "failure" */

/* One thing that was looked at. Texts are one line each. The result of the task holds them as the array "findings". */
struct check_finding {
	const char *name; /* whose */
	const char *subject; /* "dns", "address" (of a name that is one), "caa", "port-80", "redirect", "nginx", "port-443", "certificate", "files",
	                      * "websocket" */
	enum check_level level;
	const char *asked;
	const char *seen;
	const char *means; /* "" where it needs no words */
	const char *advice; /* what to do; "" for nothing */
	/* What the job found itself, and no message carries: */
	const char *code; /* which kind of finding, for programs; or NULL */
	const char *file; /* where in a configuration; NULL or "": nowhere that can be pointed at */
	unsigned int line;
};

json_t *check_finding_pack(const struct check_finding *finding);
int check_finding_read(const json_t *json, struct check_finding *ret, struct error *err);

#endif
