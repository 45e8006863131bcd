#include "daemon/varlink.h"

#include "base/buf.h"
#include "base/error.h"

#include <string.h>

/* Letters, digits, "-" between them; at least one dot, each between two of the others. */
static bool is_method(const char *name)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";
	size_t dots = 0;

	if (strlen(name) > DAEMON_VARLINK_METHOD_MAX)
		return false;
	for (;;) {
		const size_t len = strspn(name, letters);

		if (len == 0)
			return false;
		name += len;
		if (*name == '\0')
			return dots > 0;
		if (*name++ != '.')
			return false;
		dots++;
	}
}

static int read_call(struct daemon_varlink_call *call, struct error *err)
{
	bool upgrade = false;
	int r;

	r = json_field_string(call->doc, "the call", "method", &call->method, err);
	if (r == JSON_FIELD_OK && !is_method(call->method))
		return error_set(err, ERROR_PROTOCOL, "the call: .method is no name of a method");
	if (r == JSON_FIELD_ABSENT)
		return error_set(err, ERROR_PROTOCOL, "the call: .method is missing");
	if (r < 0 || json_field_object(call->doc, "the call", "parameters", &call->parameters, err) < 0 ||
	    json_field_bool(call->doc, "the call", "more", &call->more, err) < 0 ||
	    json_field_bool(call->doc, "the call", "oneway", &call->oneway, err) < 0 ||
	    json_field_bool(call->doc, "the call", "upgrade", &upgrade, err) < 0)
		return -1;
	if (upgrade || (call->more && call->oneway))
		return error_set(err, ERROR_PROTOCOL, "the call: there is no way to answer it");
	return 0;
}

int daemon_varlink_parse(const char *data, size_t len, struct daemon_varlink_call *ret, struct error *err)
{
	struct daemon_varlink_call call = { 0 };

	if (len > DAEMON_VARLINK_CALL_MAX)
		return error_set(err, ERROR_PROTOCOL, "the call is longer than %d octets", DAEMON_VARLINK_CALL_MAX);
	if (json_doc_parse(data, len, "the call", &call.doc, err) < 0)
		return -1;
	if (read_call(&call, err) < 0) {
		daemon_varlink_call_done(&call);
		return -1;
	}
	*ret = call;
	return 0;
}

void daemon_varlink_call_done(struct daemon_varlink_call *call)
{
	json_decref(call->doc);
	*call = (struct daemon_varlink_call){ 0 };
}

static int print(json_t *doc, struct buf *out, struct error *err)
{
	json_auto_t *owned = doc;

	if (!owned)
		return error_oom(err);
	if (json_doc_print(owned, false, out, err) < 0)
		return -1;
	(void)buf_append_char(out, '\0');
	return buf_check(out, "the reply", err);
}

/* A new reference to them, or to an object that is empty. */
static json_t *parameters_of(const json_t *parameters)
{
	return parameters ? json_incref((json_t *)(uintptr_t)parameters) : json_object();
}

int daemon_varlink_print_reply(const json_t *parameters, bool continues, struct buf *out, struct error *err)
{
	return print(continues ? json_pack("{s:o, s:b}", "parameters", parameters_of(parameters), "continues", 1) :
	                         json_pack("{s:o}", "parameters", parameters_of(parameters)),
	             out, err);
}

int daemon_varlink_print_error(const char *name, const json_t *parameters, struct buf *out, struct error *err)
{
	return print(json_pack("{s:s, s:o}", "error", name, "parameters", parameters_of(parameters)), out, err);
}
