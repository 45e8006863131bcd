#include "netproc/task.h"

#include "acme/account.h"
#include "base/clean.h"
#include "base/error.h"
#include "channel/message.h"
#include "netproc/session.h"

static int perform(struct acme_session *session, enum message_account_verb verb, struct acme_account *ret, struct error *err)
{
	switch (verb) {
	case MESSAGE_ACCOUNT_SHOW:
		return acme_account_show(session, ret, err);
	case MESSAGE_ACCOUNT_UPDATE:
		return acme_account_update(session, ret, err);
	case MESSAGE_ACCOUNT_DEACTIVATE:
		return acme_account_deactivate(session, ret, err);
	case MESSAGE_ACCOUNT_ROLLOVER:
		return acme_account_rollover(session, err);
	case MESSAGE_ACCOUNT_PROBE:
	case MESSAGE_ACCOUNT_PROBE_NEXT:
		return acme_account_probe(session, verb == MESSAGE_ACCOUNT_PROBE_NEXT, err);
	case MESSAGE_ACCOUNT_VERB_COUNT:
		break;
	}
	return error_set(err, ERROR_INTERNAL, "a verb of accounts that is none");
}

int netproc_account(struct netproc *net, const json_t *message, json_t **ret_result, struct error *err)
{
	CLEANUP(acme_account_done) struct acme_account account = ACME_ACCOUNT;
	struct message_account_state state;
	struct message_account task;
	struct netproc_wish whose;
	int r;

	if (message_account_read(message, &task, err) < 0)
		return -1;
	whose = (struct netproc_wish){
		.directory_url = task.directory_url,
		.account_url = task.account_url,
		.contact = task.contact,
		.agree_tos = task.agree_tos,
		.limits = &task.limits,
	};
	if (netproc_session_for(net, &whose, err) < 0)
		return -1;
	r = perform(netproc_session_acme(net), task.verb, &account, err);
	if (r < 0)
		return -1;
	state = (struct message_account_state){
		.known = r == 0,
		.status = r == ACME_ACCOUNT_BARRED ? MESSAGE_ACCOUNT_BARRED : account.status[0] != '\0' ? account.status : NULL,
		.contacts = account.contacts,
	};
	*ret_result = message_account_state_pack(&state);
	return *ret_result ? 0 : error_oom(err);
}
