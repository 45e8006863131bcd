#include "netproc/task.h"

#include "acme/acme.h"
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "channel/message.h"
#include "crypto/cert.h"
#include "netproc/session.h"

int netproc_issue(struct netproc *net, const json_t *message, json_t **ret_result, struct error *err)
{
	CLEANUP(buf_done) struct buf pem = BUF(CERT_PEM_MAX);
	CLEANUP(message_issue_done) struct message_issue task = { 0 };
	struct netproc_wish whose;
	struct acme_wish wish;
	const char *warning;

	if (message_issue_read(message, &task, err) < 0)
		return -1;
	whose = (struct netproc_wish){
		.directory_url = task.directory_url,
		.account_url = task.account_url,
		.contact = task.contact,
		.agree_tos = task.agree_tos,
		.binding = task.binding,
		.limits = &task.limits,
	};
	if (netproc_session_for(net, &whose, err) < 0)
		return -1;
	wish = (struct acme_wish){
		.idents = &task.names,
		.challenges = (const char *const *)task.challenges.items,
		.profile = task.profile,
		.require_profile = task.require_profile,
		.preferred_chain = task.preferred_chain,
		.order_url = task.order_url,
		.replaces = task.replaces,
	};
	if (acme_issue(netproc_session_acme(net), &wish, &pem, err) < 0)
		return -1;
	*ret_result = message_done_pack(buf_text(&pem));
	warning = acme_session_warning(netproc_session_acme(net));
	if (*ret_result && *warning != '\0')
		json_object_set_new(*ret_result, "warning", json_string(warning));
	return *ret_result ? 0 : error_set(err, ERROR_PROTOCOL, "the certificate chain that the CA sent is no text");
}
