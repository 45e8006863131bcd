#include "netproc/task.h"

#include "acme/revoke.h"
#include "base/error.h"
#include "channel/message.h"
#include "netproc/session.h"

int netproc_revoke(struct netproc *net, const json_t *message, json_t **ret_result, struct error *err)
{
	struct message_revoke task;
	struct netproc_wish whose;
	struct acme_revocation revocation;
	int r;

	if (message_revoke_read(message, &task, err) < 0)
		return -1;
	whose = (struct netproc_wish){
		.directory_url = task.directory_url,
		.account_url = task.account_url,
		.limits = &task.limits,
	};
	if (netproc_session_for(net, &whose, err) < 0)
		return -1;
	revocation = (struct acme_revocation){
		.certificate = task.certificate,
		.reason = (int)task.reason,
		.certificate_key = task.certificate_key,
		.certificate_key_first = task.certificate_key_first,
	};
	r = acme_revoke(netproc_session_acme(net), &revocation, err);
	if (r < 0)
		return -1;
	*ret_result = message_done_pack(r == ACME_REVOKED_BEFORE ? MESSAGE_REVOKED_BEFORE : NULL);
	return *ret_result ? 0 : error_oom(err);
}
