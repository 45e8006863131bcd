/* What a client of the control socket sends: calls, each ended by a NUL. What is taken for one prints, and the print is taken for the same. */
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "daemon/varlink.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PRINT_MAX = 8 * DAEMON_VARLINK_CALL_MAX };

static void look_at(const char *text, size_t len)
{
	CLEANUP(daemon_varlink_call_done) struct daemon_varlink_call call = { 0 };
	CLEANUP(daemon_varlink_call_done) struct daemon_varlink_call again = { 0 };
	CLEANUP(buf_done) struct buf out = BUF(PRINT_MAX);
	struct error err = { 0 };

	if (daemon_varlink_parse(text, len, &call, &err) < 0) {
		if (err.message[0] == '\0' || call.doc)
			abort();
		return;
	}
	if (!strchr(call.method, '.') || strlen(call.method) > DAEMON_VARLINK_METHOD_MAX || (call.more && call.oneway))
		abort();
	if (daemon_varlink_print_reply(call.parameters, call.more, &out, &err) < 0 || out.data[out.len - 1] != '\0' ||
	    memchr(out.data, '\0', out.len - 1) || daemon_varlink_print_error(call.method, call.parameters, &out, &err) < 0)
		abort();
	buf_reset(&out);
	if (json_doc_print(call.doc, false, &out, &err) < 0)
		abort();
	/* Escapes make a print longer than what it was read from. */
	if (out.len <= DAEMON_VARLINK_CALL_MAX &&
	    (daemon_varlink_parse(out.data, out.len, &again, &err) < 0 || strcmp(again.method, call.method) != 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;

	while (size > 0) {
		const char *end = memchr(text, '\0', size);
		const size_t len = end ? (size_t)(end - text) : size;

		look_at(text, len);
		if (!end)
			return 0;
		text += len + 1;
		size -= len + 1;
	}
	return 0;
}
