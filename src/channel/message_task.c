#include "channel/message_part.h"

#include "base/error.h"
#include "json/doc.h"

enum { CHALLENGES_MAX = 8, REASON_MAX = 10 };

static const char preflight_what[] = "preflight task";
static const char issue_what[] = "issue task";
static const char revoke_what[] = "revoke task";

json_t *message_preflight_pack(const struct message_preflight *message)
{
	return json_pack("{s:o, s:s?, s:i, s:s, s:s, s:o}", "names", message_part_names_pack(&message->names), "resolver",
	                 message->resolver, "http_port", (int)message->http_port, "token", message->token, "body",
	                 message->body, "limits", message_part_limits_pack(&message->limits));
}

int message_preflight_read(const json_t *json, struct message_preflight *ret, struct error *err)
{
	struct message_preflight m = { 0 };
	int64_t port = 0;

	if (message_part_text(json, preflight_what, "resolver", &m.resolver, err) < 0 ||
	    message_part_number(json, preflight_what, "http_port", 1, UINT16_MAX, &port, err) < 0 ||
	    json_need_string(json, preflight_what, "token", &m.token, err) < 0 ||
	    json_need_string(json, preflight_what, "body", &m.body, err) < 0 ||
	    message_part_limits(json, preflight_what, &m.limits, err) < 0 ||
	    message_part_names(json, preflight_what, &m.names, err) < 0)
		return -1;
	m.http_port = (uint16_t)port;
	*ret = m;
	return 0;
}

void message_preflight_done(struct message_preflight *message)
{
	ident_list_done(&message->names);
}

json_t *message_issue_pack(const struct message_issue *message)
{
	return json_pack("{s:o, s:o, s:s, s:s?, s:s?, s:s?, s:b, s:s?, s:s?, s:s?, s:b, s:b, s:o}", "names",
	                 message_part_names_pack(&message->names), "challenges", message_part_strings_pack(&message->challenges),
	                 "directory", message->directory_url, "account", message->account_url, "contact", message->contact,
	                 "profile", message->profile, "require_profile", message->require_profile ? 1 : 0,
	                 "preferred_chain", message->preferred_chain, "order", message->order_url, "replaces", message->replaces, "agree_tos", message->agree_tos ? 1 : 0,
	                 "binding", message->binding ? 1 : 0, "limits", message_part_limits_pack(&message->limits));
}

int message_issue_read(const json_t *json, struct message_issue *ret, struct error *err)
{
	struct message_issue m = { .challenges = STRV(CHALLENGES_MAX) };

	if (json_need_string(json, issue_what, "directory", &m.directory_url, err) < 0 ||
	    message_part_text(json, issue_what, "account", &m.account_url, err) < 0 ||
	    message_part_text(json, issue_what, "contact", &m.contact, err) < 0 ||
	    message_part_text(json, issue_what, "profile", &m.profile, err) < 0 ||
	    message_part_flag(json, issue_what, "require_profile", &m.require_profile, err) < 0 ||
	    message_part_text(json, issue_what, "preferred_chain", &m.preferred_chain, err) < 0 ||
	    message_part_text(json, issue_what, "order", &m.order_url, err) < 0 ||
	    message_part_text(json, issue_what, "replaces", &m.replaces, err) < 0 ||
	    message_part_flag(json, issue_what, "agree_tos", &m.agree_tos, err) < 0 ||
	    message_part_flag(json, issue_what, "binding", &m.binding, err) < 0 ||
	    message_part_limits(json, issue_what, &m.limits, err) < 0)
		return -1;
	if (json_field_strings(json, issue_what, "challenges", &m.challenges, err) < 0 ||
	    message_part_names(json, issue_what, &m.names, err) < 0) {
		strv_done(&m.challenges);
		return -1;
	}
	*ret = m;
	return 0;
}

void message_issue_done(struct message_issue *message)
{
	ident_list_done(&message->names);
	strv_done(&message->challenges);
}

json_t *message_revoke_pack(const struct message_revoke *message)
{
	return json_pack("{s:s, s:s?, s:s, s:I, s:b, s:b, s:o}", "directory", message->directory_url, "account",
	                 message->account_url, "certificate", message->certificate, "reason", (json_int_t)message->reason,
	                 "certificate_key", message->certificate_key ? 1 : 0, "certificate_key_first",
	                 message->certificate_key_first ? 1 : 0, "limits", message_part_limits_pack(&message->limits));
}

int message_revoke_read(const json_t *json, struct message_revoke *ret, struct error *err)
{
	struct message_revoke m = { 0 };

	if (json_need_string(json, revoke_what, "directory", &m.directory_url, err) < 0 ||
	    message_part_text(json, revoke_what, "account", &m.account_url, err) < 0 ||
	    json_need_string(json, revoke_what, "certificate", &m.certificate, err) < 0 ||
	    message_part_number(json, revoke_what, "reason", 0, REASON_MAX, &m.reason, err) < 0 ||
	    message_part_flag(json, revoke_what, "certificate_key", &m.certificate_key, err) < 0 ||
	    message_part_flag(json, revoke_what, "certificate_key_first", &m.certificate_key_first, err) < 0 ||
	    message_part_limits(json, revoke_what, &m.limits, err) < 0)
		return -1;
	*ret = m;
	return 0;
}
