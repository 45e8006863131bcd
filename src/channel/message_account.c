#include "channel/message_part.h"

#include "base/error.h"
#include "base/text.h"
#include "json/doc.h"

enum { CONTACTS_MAX = 16 };

static const char task_what[] = "account task";
static const char state_what[] = "account state";

static const char *const verb_names[MESSAGE_ACCOUNT_VERB_COUNT] = {
	[MESSAGE_ACCOUNT_SHOW] = "show",
	[MESSAGE_ACCOUNT_UPDATE] = "update",
	[MESSAGE_ACCOUNT_DEACTIVATE] = "deactivate",
	[MESSAGE_ACCOUNT_ROLLOVER] = "rollover",
	[MESSAGE_ACCOUNT_PROBE] = "probe",
	[MESSAGE_ACCOUNT_PROBE_NEXT] = "probe-next",
};

json_t *message_account_pack(const struct message_account *message)
{
	return json_pack("{s:s, s:s, s:s?, s:s?, s:b, s:o}", "verb", verb_names[message->verb], "directory",
	                 message->directory_url, "account", message->account_url, "contact", message->contact, "agree_tos",
	                 message->agree_tos ? 1 : 0, "limits", message_part_limits_pack(&message->limits));
}

static int read_verb(const char *name, enum message_account_verb *ret, struct error *err)
{
	for (int i = 0; i < MESSAGE_ACCOUNT_VERB_COUNT; i++) {
		if (text_equal(name, verb_names[i])) {
			*ret = (enum message_account_verb)i;
			return 0;
		}
	}
	return error_set(err, ERROR_PROTOCOL, "%s: .verb is none", task_what);
}

int message_account_read(const json_t *json, struct message_account *ret, struct error *err)
{
	struct message_account m = { 0 };
	const char *verb;

	if (json_need_string(json, task_what, "verb", &verb, err) < 0 || read_verb(verb, &m.verb, err) < 0 ||
	    json_need_string(json, task_what, "directory", &m.directory_url, err) < 0 ||
	    message_part_text(json, task_what, "account", &m.account_url, err) < 0 ||
	    message_part_text(json, task_what, "contact", &m.contact, err) < 0 ||
	    message_part_flag(json, task_what, "agree_tos", &m.agree_tos, err) < 0 ||
	    message_part_limits(json, task_what, &m.limits, err) < 0)
		return -1;
	*ret = m;
	return 0;
}

json_t *message_account_state_pack(const struct message_account_state *state)
{
	json_t *contacts = json_array();

	for (size_t i = 0; contacts && i < state->contacts.count; i++) {
		if (json_array_append_new(contacts, json_string(state->contacts.items[i])) < 0) {
			json_decref(contacts);
			return NULL;
		}
	}
	return json_pack("{s:b, s:b, s:s?, s:o}", "ok", 1, "known", state->known ? 1 : 0, "status", state->status, "contacts",
	                 contacts);
}

int message_account_state_read(const json_t *json, struct message_account_state *ret, struct error *err)
{
	struct message_account_state s = { .contacts = STRV(CONTACTS_MAX) };

	if (message_part_flag(json, state_what, "known", &s.known, err) < 0 ||
	    message_part_text(json, state_what, "status", &s.status, err) < 0)
		return -1;
	if (json_field_strings(json, state_what, "contacts", &s.contacts, err) < 0) {
		strv_done(&s.contacts);
		return -1;
	}
	*ret = s;
	return 0;
}

void message_account_state_done(struct message_account_state *state)
{
	strv_done(&state->contacts);
}
