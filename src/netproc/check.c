/* check.c: the task of looking why HTTPS for some names works or does not: asks as a CA, a visitor and a browser would, and tells each thing. */
#include "netproc/check.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/text.h"
#include "netproc/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check_done(struct check *check)
{
	free(check->dead);
	free(check->hosts);
	free(check->names);
	json_decref(check->findings);
}

int check_add(struct check *check, const struct check_name *name, const char *subject, enum check_level level,
              const struct check_words *words, struct error *err)
{
	struct check_words clean = *words;
	const struct check_finding finding = {
		.name = name->ident->value,
		.subject = subject,
		.level = level,
		.asked = clean.asked,
		.seen = clean.seen,
		.means = clean.means,
		.advice = clean.advice,
	};
	json_t *json;

	text_clean(clean.asked);
	text_clean(clean.seen);
	text_clean(clean.means);
	text_clean(clean.advice);
	json = check_finding_pack(&finding);
	if (!json || json_array_append_new(check->findings, json) < 0)
		return error_oom(err);
	return 0;
}

const char *check_where(const char *address, uint16_t port, char out[static CHECK_WHERE_SIZE])
{
	bool v6 = strchr(address, ':') != NULL;

	(void)snprintf(out, CHECK_WHERE_SIZE, "%s%s%s:%u", v6 ? "[" : "", address, v6 ? "]" : "", port);
	return out;
}

const struct check_dead *check_find_dead(const struct check *check, const char *address, uint16_t port)
{
	for (size_t i = 0; i < check->dead_count; i++) {
		if (check->dead[i].port == port && text_equal(check->dead[i].address, address))
			return &check->dead[i];
	}
	return NULL;
}

void check_mark_dead(struct check *check, const char *address, uint16_t port, const char *message, const char *advice)
{
	struct check_dead *dead;

	if (check->dead_count == CHECK_DEAD_MAX || check_find_dead(check, address, port))
		return;
	dead = &check->dead[check->dead_count++];
	dead->port = port;
	(void)text_copy(dead->address, sizeof(dead->address), address);
	(void)text_copy(dead->message, sizeof(dead->message), message);
	(void)text_copy(dead->advice, sizeof(dead->advice), advice);
}

static void add_hosts(struct check *check, enum ident_type type)
{
	for (size_t i = 0; i < check->count; i++) {
		struct check_name *name = &check->names[i];

		if (name->ident->type != type || name->ident->wildcard)
			continue;
		name->host = &check->hosts[check->hosts_count++];
		name->host->name = name->ident->value;
	}
}

static int prepare(struct check *check, struct error *err)
{
	const struct ident_list *idents = &check->task->names;

	check->names = calloc(idents->count + 1, sizeof(*check->names));
	check->hosts = calloc(idents->count + 1, sizeof(*check->hosts));
	check->dead = calloc(CHECK_DEAD_MAX, sizeof(*check->dead));
	check->findings = json_array();
	if (!check->names || !check->hosts || !check->dead || !check->findings)
		return error_oom(err);
	for (size_t i = 0; i < idents->count; i++)
		check->names[check->count++].ident = &idents->items[i];
	add_hosts(check, IDENT_DNS);
	check->names_in_dns = check->hosts_count;
	add_hosts(check, IDENT_IP);
	return 0;
}

int netproc_check(struct netproc *net, const json_t *message, json_t **ret_result, struct error *err)
{
	CLEANUP(message_check_done) struct message_check task = MESSAGE_CHECK;
	CLEANUP(check_done) struct check check = { .net = net, .task = &task };

	if (message_check_read(message, &task, err) < 0 || prepare(&check, err) < 0)
		return -1;
	if (check_dns(&check, err) < 0)
		return -1;
	/* The DNS of the names was told with the CA that comes first. */
	if (task.spare && (json_array_clear(check.findings) < 0 || check_caa(&check, err) < 0))
		return -1;
	if (!task.spare && (check_http(&check, err) < 0 || check_addresses(&check, err) < 0 ||
	    check_caa(&check, err) < 0 || check_tls(&check, err) < 0 || check_websocket(&check, err) < 0))
		return -1;
	*ret_result = json_pack("{s:b, s:O}", "ok", 1, "findings", check.findings);
	return *ret_result ? 0 : error_oom(err);
}
