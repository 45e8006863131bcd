/* varlink.h: the messages of Varlink (varlink.org): JSON objects, each ended by a NUL. Parsing and printing only.
 *
 * What is parsed comes from whoever connects: nothing of it is believed.
 */
#ifndef CERTD_DAEMON_VARLINK_H
#define CERTD_DAEMON_VARLINK_H

#include "json/doc.h"

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct error;

enum {
	DAEMON_VARLINK_CALL_MAX = 64 * 1024, /* octets of a call, without its NUL */
	DAEMON_VARLINK_METHOD_MAX = 255,
};

struct daemon_varlink_call {
	json_t *doc; /* owned */
	const char *method; /* INTERFACE.METHOD, of letters, digits, "-" and dots */
	const json_t *parameters; /* an object; NULL for none */
	bool more; /* several replies are welcome */
	bool oneway; /* none is */
};

/* A call without its NUL. ERROR_PROTOCOL, and nothing is written. */
int daemon_varlink_parse(const char *data, size_t len, struct daemon_varlink_call *ret, struct error *err);
void daemon_varlink_call_done(struct daemon_varlink_call *call);

/* Appends a reply with its NUL; `parameters` is an object, or NULL for none. */
int daemon_varlink_print_reply(const json_t *parameters, bool continues, struct buf *out, struct error *err);
int daemon_varlink_print_error(const char *name, const json_t *parameters, struct buf *out, struct error *err);

#endif
