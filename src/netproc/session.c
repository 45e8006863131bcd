#include "netproc/session.h"

#include "acme/acme.h"
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/text.h"
#include "channel/channel.h"
#include "channel/message.h"
#include "netproc/task.h"

#include <stdlib.h>
#include <string.h>

enum { ANSWER_MS = 60 * 1000, DIRECTORY_BODY_MAX = 256 * 1024 };

/* An ACME session that stays for the next certificate of the same CA and account, and the notary that it asks over the channel. The
 * strings are its own: the session borrows them for longer than a task's message lives. */
struct netproc_session {
	int fd;
	struct acme_notary notary;
	struct acme_session *acme;
	bool anonymous; /* of no account: for questions that need none */
	char *directory_url;
	char *account_url;
	char *contact;
};

void netproc_session_free(struct netproc_session *session)
{
	if (!session)
		return;
	acme_session_free(session->acme);
	free(session->directory_url);
	free(session->account_url);
	free(session->contact);
	free(session);
}

static void session_cleanup(struct netproc_session **session)
{
	netproc_session_free(*session);
}

/* Sends a request to the notary and reads its answer: what the request's method returns. The value is appended to out where there is one. */
static int ask(const struct netproc_session *session, enum channel_type type, json_t *request, struct buf *out,
               struct error *err)
{
	json_auto_t *message = request;
	json_auto_t *answer = NULL;
	const char *value = NULL;
	enum channel_type got;
	int r;

	if (!message)
		return error_oom(err);
	if (channel_send(session->fd, type, message, err) < 0)
		return -1;
	r = channel_receive(session->fd, ANSWER_MS, &got, &answer, err);
	if (r < 0)
		return -1;
	if (r != CHANNEL_OK || got != CHANNEL_ANSWER)
		return error_set(err, ERROR_INTERNAL, "the job did not answer a %s", channel_type_name(type));
	r = message_answer_read(answer, &value, err);
	if (r != 0 || !out)
		return r < 0 ? -1 : r;
	if (!value || buf_append_text(out, value) < 0)
		return error_set(err, ERROR_INTERNAL, "the job's answer to a %s holds no value", channel_type_name(type));
	return 0;
}

static int notary_sign(void *self, const struct acme_sign *request, struct buf *out, struct error *err)
{
	const struct message_sign message = {
		.url = request->url,
		.nonce = request->nonce,
		.payload = request->payload,
		.with_jwk = request->with_jwk,
		.with_binding = request->with_binding,
		.with_certificate_key = request->with_certificate_key,
		.with_next_key = request->with_next_key,
		.key_change = request->key_change,
	};

	return ask(self, CHANNEL_SIGN, message_sign_pack(&message), out, err);
}

static int notary_csr(void *self, struct buf *out, struct error *err)
{
	return ask(self, CHANNEL_CSR, json_object(), out, err);
}

static int ask_proof(const struct netproc_session *session, enum channel_type type, const struct acme_proof *proof,
                     struct error *err)
{
	const struct message_proof message = {
		.type = proof->type,
		.token = proof->token,
		.identifier = *proof->identifier,
	};
	int r = ask(session, type, message_proof_pack(&message), NULL, err);

	return r == MESSAGE_DECLINED ? ACME_DECLINED : r;
}

static int notary_present(void *self, const struct acme_proof *proof, struct error *err)
{
	return ask_proof(self, CHANNEL_PRESENT, proof, err);
}

static int notary_cleanup(void *self, const struct acme_proof *proof, struct error *err)
{
	return ask_proof(self, CHANNEL_CLEANUP, proof, err);
}

static int notary_progress(void *self, const struct acme_progress *progress, struct error *err)
{
	const struct message_progress message = {
		.step = acme_step_name(progress->step),
		.text = progress->text,
		.account_url = progress->account_url,
		.order_url = progress->order_url,
		.order_expires_at = progress->order_expires_at,
	};

	return ask(self, CHANNEL_PROGRESS, message_progress_pack(&message), NULL, err);
}

static int copy_text(const char *text, char **ret, struct error *err)
{
	if (!text)
		return 0;
	*ret = strdup(text);
	return *ret ? 0 : error_oom(err);
}

static int session_new(const struct netproc *net, const struct netproc_wish *wish, struct netproc_session **ret,
                       struct error *err)
{
	CLEANUP(session_cleanup) struct netproc_session *s = calloc(1, sizeof(*s));
	struct acme_session_config config;

	if (!s)
		return error_oom(err);
	if (copy_text(wish->directory_url, &s->directory_url, err) < 0 ||
	    copy_text(wish->account_url, &s->account_url, err) < 0 || copy_text(wish->contact, &s->contact, err) < 0)
		return -1;
	s->fd = net->fd;
	s->notary = (struct acme_notary){
		.sign = notary_sign,
		.csr = notary_csr,
		.present = notary_present,
		.cleanup = notary_cleanup,
		.progress = notary_progress,
		.self = s,
	};
	config = (struct acme_session_config){
		.http = net->http,
		.clock = net->clock,
		.random = net->random,
		.notary = &s->notary,
		.limits = {
			.http = {
				.connect_ms = wish->limits->connect_ms,
				.idle_ms = wish->limits->idle_ms,
				.total_ms = wish->limits->request_ms,
				.body_max = DIRECTORY_BODY_MAX,
			},
			.retry_after_max_s = wish->limits->retry_after_max_ms / 1000,
			.attempt_ms = wish->limits->attempt_ms,
		},
		.directory_url = s->directory_url,
		.account_url = s->account_url,
		.contact = s->contact,
		.agree_tos = wish->agree_tos,
		.binding = wish->binding,
	};
	if (acme_session_open(&config, &s->acme, err) < 0)
		return -1;
	*ret = TAKE(s);
	return 0;
}

int netproc_session_for(struct netproc *net, const struct netproc_wish *wish, struct error *err)
{
	struct netproc_session *s = net->session;
	struct netproc_session *fresh;

	if (s && !s->anonymous && text_equal(s->directory_url, wish->directory_url) &&
	    text_equal(s->contact ? s->contact : "", wish->contact ? wish->contact : ""))
		return 0;
	if (session_new(net, wish, &fresh, err) < 0)
		return -1;
	if (s)
		acme_session_take_directory(fresh->acme, s->acme);
	netproc_session_free(s);
	net->session = fresh;
	return 0;
}

int netproc_session_any(struct netproc *net, const char *directory_url, const struct message_limits *limits,
                        struct error *err)
{
	const struct netproc_wish wish = { .directory_url = directory_url, .limits = limits };

	if (net->session && text_equal(net->session->directory_url, directory_url))
		return 0;
	netproc_session_free(TAKE(net->session));
	if (session_new(net, &wish, &net->session, err) < 0)
		return -1;
	net->session->anonymous = true;
	return 0;
}

struct acme_session *netproc_session_acme(const struct netproc *net)
{
	return net->session->acme;
}
