/* message_prove.c: what shall be served where, and what is. */
#include "channel/message_part.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/text.h"
#include "json/doc.h"

#include <stdlib.h>

static const char what[] = "prove task";
static const char shown_what[] = "prove result";

static const char *const leaf_fields[MESSAGE_LEAF_COUNT] = { [MESSAGE_LEAF_ECDSA] = "ecdsa", [MESSAGE_LEAF_RSA] = "rsa" };

/* Appends a new reference, which is taken in any case. */
static int append(json_t *array, json_t *item)
{
	return item && json_array_append_new(array, item) == 0 ? 0 : -1;
}

json_t *message_prove_pack(const struct message_prove *message)
{
	json_auto_t *targets = json_array();
	json_auto_t *names = json_array();

	for (size_t i = 0; targets && i < message->targets_count; i++) {
		if (append(targets, json_pack("{s:s, s:i}", "address", message->targets[i].address, "port",
		                              (int)message->targets[i].port)) < 0)
			return NULL;
	}
	for (size_t i = 0; names && i < message->names_count; i++) {
		const struct message_expectation *name = &message->names[i];

		if (append(names, json_pack("{s:s, s:i, s:s*, s:s*}", "name", name->ident.value, "at", (int)name->at,
		                            leaf_fields[MESSAGE_LEAF_ECDSA], name->leaf[MESSAGE_LEAF_ECDSA],
		                            leaf_fields[MESSAGE_LEAF_RSA], name->leaf[MESSAGE_LEAF_RSA])) < 0)
			return NULL;
	}
	if (!targets || !names)
		return NULL;
	return json_pack("{s:O, s:O, s:I}", "targets", targets, "names", names, "timeout_ms", (json_int_t)message->timeout_ms);
}

static int read_targets(const json_t *json, struct message_prove *m, struct error *err)
{
	const json_t *array;

	if (json_need_array(json, what, "targets", &array, err) < 0)
		return -1;
	m->targets_count = json_array_size(array);
	if (m->targets_count == 0 || m->targets_count > MESSAGE_TARGETS_MAX)
		return error_set(err, ERROR_PROTOCOL, "%s: .targets has %zu items", what, m->targets_count);
	for (size_t i = 0; i < m->targets_count; i++) {
		const json_t *item = json_array_get(array, i);
		int64_t port;

		if (json_need_string(item, what, "address", &m->targets[i].address, err) < 0 ||
		    message_part_number(item, what, "port", 1, UINT16_MAX, &port, err) < 0)
			return -1;
		m->targets[i].port = (uint16_t)port;
	}
	return 0;
}

static int read_name(const json_t *item, const struct message_prove *m, struct message_expectation *ret, size_t *handshakes,
                     struct error *err)
{
	const char *name;
	int64_t at;
	size_t leaves = 0;

	if (json_need_string(item, what, "name", &name, err) < 0 || ident_parse(name, &ret->ident, err) < 0 ||
	    message_part_number(item, what, "at", 1, (1 << m->targets_count) - 1, &at, err) < 0)
		return -1;
	ret->at = (unsigned int)at;
	for (size_t i = 0; i < MESSAGE_LEAF_COUNT; i++) {
		if (message_part_text(item, what, leaf_fields[i], &ret->leaf[i], err) < 0)
			return -1;
		leaves += ret->leaf[i] != NULL;
	}
	if (leaves == 0)
		return error_set(err, ERROR_PROTOCOL, "%s: nothing is expected for a name", what);
	*handshakes += leaves * (size_t)__builtin_popcount(ret->at);
	return 0;
}

static int read_names(const json_t *json, struct message_prove *m, struct error *err)
{
	const json_t *array;
	size_t handshakes = 0;

	if (json_need_array(json, what, "names", &array, err) < 0)
		return -1;
	m->names_count = json_array_size(array);
	if (m->names_count > MESSAGE_PROOFS_MAX)
		return error_set(err, ERROR_PROTOCOL, "%s: .names has %zu items", what, m->names_count);
	m->names = calloc(m->names_count + 1, sizeof(*m->names));
	if (!m->names)
		return error_oom(err);
	for (size_t i = 0; i < m->names_count; i++) {
		if (read_name(json_array_get(array, i), m, &m->names[i], &handshakes, err) < 0)
			return -1;
	}
	if (handshakes > MESSAGE_PROOFS_MAX)
		return error_set(err, ERROR_PROTOCOL, "%s: %zu handshakes are too many", what, handshakes);
	return 0;
}

int message_prove_read(const json_t *json, struct message_prove *ret, struct error *err)
{
	CLEANUP(message_prove_done) struct message_prove m = { .targets_count = 0 };

	if (message_part_number(json, what, "timeout_ms", 1, INT32_MAX, &m.timeout_ms, err) < 0 ||
	    read_targets(json, &m, err) < 0 || read_names(json, &m, err) < 0)
		return -1;
	*ret = m;
	m.names = NULL;
	return 0;
}

void message_prove_done(struct message_prove *message)
{
	free(message->names);
	message->names = NULL;
}

/* NULL for nothing to say: the member is then left out. */
static const char *cut(const char *text, char out[static MESSAGE_SHOWN_MAX + 1])
{
	if (!text || text[0] == '\0')
		return NULL;
	(void)text_copy(out, MESSAGE_SHOWN_MAX + 1, text);
	text_clean(out);
	return out;
}

json_t *message_shown_pack(const struct message_shown *shown)
{
	char subject[MESSAGE_SHOWN_MAX + 1], issuer[MESSAGE_SHOWN_MAX + 1], server[MESSAGE_SHOWN_MAX + 1];

	return json_pack("{s:b, s:s*, s:s*, s:s*, s:s*, s:s*, s:s*, s:s*}", "proven", shown->proven ? 1 : 0, "failure", shown->failure,
	                 "advice", shown->advice, "fingerprint", shown->fingerprint, "serial", shown->serial, "subject",
	                 cut(shown->subject, subject), "issuer", cut(shown->issuer, issuer), "server", cut(shown->server, server));
}

static int read_shown_text(const json_t *json, const char *field, const char **ret, struct error *err)
{
	if (message_part_text(json, shown_what, field, ret, err) < 0)
		return -1;
	if (!*ret)
		*ret = "";
	return 0;
}

int message_shown_read(const json_t *json, struct message_shown *ret, struct error *err)
{
	struct message_shown shown;

	if (message_part_flag(json, shown_what, "proven", &shown.proven, err) < 0 ||
	    read_shown_text(json, "failure", &shown.failure, err) < 0 || read_shown_text(json, "advice", &shown.advice, err) < 0 ||
	    read_shown_text(json, "fingerprint", &shown.fingerprint, err) < 0 ||
	    read_shown_text(json, "serial", &shown.serial, err) < 0 || read_shown_text(json, "subject", &shown.subject, err) < 0 ||
	    read_shown_text(json, "issuer", &shown.issuer, err) < 0 || read_shown_text(json, "server", &shown.server, err) < 0)
		return -1;
	*ret = shown;
	return 0;
}
