#include "netproc/task.h"

#include "acme/acme.h"
#include "acme/renewal.h"
#include "base/clean.h"
#include "base/error.h"
#include "channel/message.h"
#include "netproc/session.h"

#include <stdlib.h>
#include <string.h>

static enum message_answer answer_of(const struct acme_renewal *item)
{
	switch (item->answer) {
	case ACME_RENEWAL_WINDOW:
		return MESSAGE_WINDOW;
	case ACME_RENEWAL_UNASKED:
	case ACME_RENEWAL_TEMPORARY:
		return MESSAGE_TEMPORARY;
	case ACME_RENEWAL_LASTING:
		return MESSAGE_LASTING;
	case ACME_RENEWAL_UNSUPPORTED:
		return MESSAGE_UNSUPPORTED;
	}
	return MESSAGE_LASTING;
}

static json_t *pack_windows(const struct acme_renewal *items, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < count; i++) {
		const struct message_window window = {
			.answer = answer_of(&items[i]),
			.start_at = items[i].start_at,
			.end_at = items[i].end_at,
			.retry_at = items[i].retry_at,
			.explanation_url = items[i].explanation_url,
			.reason = items[i].reason,
		};

		if (json_array_append_new(list, message_window_pack(&window)) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

int netproc_renewal(struct netproc *net, const json_t *message, json_t **ret_result, struct error *err)
{
	CLEANUP(message_renewal_done) struct message_renewal task = { 0 };
	CLEANUP(clean_free) struct acme_renewal *items = NULL;

	if (message_renewal_read(message, &task, err) < 0)
		return -1;
	items = calloc(task.ids.count + 1, sizeof(*items));
	if (!items)
		return error_oom(err);
	for (size_t i = 0; i < task.ids.count; i++) {
		items[i].id = task.ids.items[i];
		/* It becomes part of a URL. */
		if (strspn(items[i].id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") != strlen(items[i].id) ||
		    strlen(items[i].id) > ACME_RENEWAL_ID_MAX)
			return error_set(err, ERROR_INTERNAL, "renewal task: .ids[%zu] is none", i);
	}
	if (netproc_session_any(net, task.directory_url, &task.limits, err) < 0 ||
	    acme_renewal_ask(netproc_session_acme(net), items, task.ids.count, err) < 0)
		return -1;
	*ret_result = json_pack("{s:b, s:o}", "ok", 1, "windows", pack_windows(items, task.ids.count));
	return *ret_result ? 0 : error_oom(err);
}
