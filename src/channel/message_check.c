#include "channel/message_check.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/text.h"
#include "channel/message_part.h"
#include "json/doc.h"

#include <string.h>

enum { PATH_MAX_CHECK = 500 };

static const char what[] = "check task";

static const char *const level_names[CHECK_LEVEL_COUNT] = {
	[CHECK_OK] = "ok",
	[CHECK_WARNING] = "warning",
	[CHECK_FAILURE] = "failure",
};

const char *check_level_name(enum check_level level)
{
	return level_names[level];
}

bool message_check_path_ok(const char *path)
{
	size_t len = strlen(path);

	if (path[0] != '/' || len > PATH_MAX_CHECK)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (path[i] <= ' ' || path[i] >= 127 || path[i] == '#')
			return false;
	}
	return true;
}

json_t *message_check_pack(const struct message_check *m)
{
	return json_pack("{s:o, s:s?, s:i, s:i, s:s, s:s?, s:o, s:o, s:b, s:s, s:s, s:s?, s:s?, s:s, s:o, s:o}", "names",
	                 message_part_names_pack(&m->names), "resolver", m->resolver, "http_port", (int)m->http_port,
	                 "https_port", (int)m->https_port, "token", m->token, "body", m->body, "local",
	                 message_part_strings_pack(&m->local), "live", message_part_strings_pack(&m->live), "spare",
	                 m->spare ? 1 : 0, "directory",
	                 m->directory_url, "ca", m->ca, "caa", m->caa, "account", m->account_url, "challenge", m->challenge,
	                 "websockets", message_part_strings_pack(&m->websockets), "limits",
	                 message_part_limits_pack(&m->limits));
}

static int read_texts(const json_t *json, struct message_check *m, struct error *err)
{
	if (message_part_text(json, what, "resolver", &m->resolver, err) < 0 ||
	    json_need_string(json, what, "token", &m->token, err) < 0 ||
	    message_part_text(json, what, "body", &m->body, err) < 0 ||
	    json_need_string(json, what, "directory", &m->directory_url, err) < 0 ||
	    json_need_string(json, what, "ca", &m->ca, err) < 0 || message_part_text(json, what, "caa", &m->caa, err) < 0 ||
	    message_part_text(json, what, "account", &m->account_url, err) < 0)
		return -1;
	return json_need_string(json, what, "challenge", &m->challenge, err);
}

static int read_lists(const json_t *json, struct message_check *m, struct error *err)
{
	if (json_field_strings(json, what, "local", &m->local, err) < 0 ||
	    json_field_strings(json, what, "live", &m->live, err) < 0 ||
	    json_field_strings(json, what, "websockets", &m->websockets, err) < 0 ||
	    message_part_names(json, what, &m->names, err) < 0)
		return -1;
	if (m->names.count > MESSAGE_CHECK_NAMES_MAX)
		return error_set(err, ERROR_PROTOCOL, "%s: .names has more than %d", what, MESSAGE_CHECK_NAMES_MAX);
	for (size_t i = 0; i < m->websockets.count; i++) {
		if (!message_check_path_ok(m->websockets.items[i]))
			return error_set(err, ERROR_PROTOCOL, "%s: .websockets[%zu] is no path", what, i);
	}
	return 0;
}

int message_check_read(const json_t *json, struct message_check *ret, struct error *err)
{
	CLEANUP(message_check_done) struct message_check m = MESSAGE_CHECK;
	int64_t http_port = 0, https_port = 0;

	if (json_field_bool(json, what, "spare", &m.spare, err) < 0 ||
	    message_part_number(json, what, "http_port", 1, UINT16_MAX, &http_port, err) < 0 ||
	    message_part_number(json, what, "https_port", 1, UINT16_MAX, &https_port, err) < 0 ||
	    read_texts(json, &m, err) < 0 || message_part_limits(json, what, &m.limits, err) < 0 ||
	    read_lists(json, &m, err) < 0)
		return -1;
	m.http_port = (uint16_t)http_port;
	m.https_port = (uint16_t)https_port;
	*ret = m;
	m = MESSAGE_CHECK;
	return 0;
}

void message_check_done(struct message_check *message)
{
	ident_list_done(&message->names);
	strv_done(&message->local);
	strv_done(&message->live);
	strv_done(&message->websockets);
}

json_t *check_finding_pack(const struct check_finding *finding)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "name", finding->name, "subject", finding->subject, "level",
	                 check_level_name(finding->level), "asked", finding->asked, "seen", finding->seen, "means",
	                 finding->means, "do", finding->advice);
}

int check_finding_read(const json_t *json, struct check_finding *ret, struct error *err)
{
	struct check_finding f = { .level = CHECK_LEVEL_COUNT };
	const char *level;

	if (json_need_string(json, "finding", "name", &f.name, err) < 0 ||
	    json_need_string(json, "finding", "subject", &f.subject, err) < 0 ||
	    json_need_string(json, "finding", "level", &level, err) < 0 ||
	    json_need_string(json, "finding", "asked", &f.asked, err) < 0 ||
	    json_need_string(json, "finding", "seen", &f.seen, err) < 0 ||
	    json_need_string(json, "finding", "means", &f.means, err) < 0 ||
	    json_need_string(json, "finding", "do", &f.advice, err) < 0)
		return -1;
	for (size_t i = 0; i < CHECK_LEVEL_COUNT; i++) {
		if (text_equal(level, level_names[i]))
			f.level = (enum check_level)i;
	}
	if (f.level == CHECK_LEVEL_COUNT)
		return error_set(err, ERROR_PROTOCOL, "finding: .level is \"%.20s\"", level);
	*ret = f;
	return 0;
}
