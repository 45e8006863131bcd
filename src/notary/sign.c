#include "notary/request.h"

#include "base/base64.h"
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/text.h"
#include "channel/message.h"
#include "http/http.h"
#include "jose/jws.h"
#include "json/doc.h"
#include "store/account.h"

#include <string.h>

enum { PAYLOAD_MAX = 64 * 1024, CSR_TEXT_MAX = 32 * 1024 };

/* What an issue signs: newAccount, newOrder, an answer to a challenge ({}), finalize, the deactivation of an authorization. Not: a
 * revocation ("certificate"), a change of key ("account", "oldKey"). */
static const char *const permitted_members[] = {
	"contact", "termsOfServiceAgreed", "onlyReturnExisting", /* newAccount */
	"identifiers", "profile", "replaces", "notBefore", "notAfter", /* newOrder */
	"csr", /* finalize */
	"status", /* an authorization */
};

static bool is_permitted(const char *member)
{
	for (size_t i = 0; i < ARRAY_SIZE(permitted_members); i++) {
		if (text_equal(member, permitted_members[i]))
			return true;
	}
	return false;
}

static int check_members(const struct notary *notary, const json_t *payload, struct error *err)
{
	CLEANUP(buf_done) struct buf csr = BUF(CSR_TEXT_MAX);
	const char *member;
	json_t *value;

	json_object_foreach((json_t *)payload, member, value) {
		if (!is_permitted(member))
			return error_set(err, ERROR_INTERNAL, "the notary does not sign a payload with \"%s\"", member);
		if (!text_equal(member, "csr"))
			continue;
		if (notary_csr(notary, &csr, err) < 0)
			return -1;
		if (!json_is_string(value) || !text_equal(json_string_value(value), buf_text(&csr)))
			return error_set(err, ERROR_INTERNAL, "the notary does not sign for a CSR that is not its own");
	}
	return 0;
}

static int add_binding(const struct notary *notary, const struct message_sign *request, json_t *payload, struct error *err)
{
	const struct notary_config *config = notary->config;
	CLEANUP(buf_done) struct buf jws = BUF(PAYLOAD_MAX);
	json_t *binding;

	if (!config->binding_kid || !config->binding_key)
		return error_set(err, ERROR_INTERNAL, "there are no credentials for an external account binding");
	if (jws_sign_binding(config->account_key, config->binding_kid, config->binding_key->data, config->binding_key->len,
	                     request->url, &jws, err) < 0 ||
	    json_doc_parse(jws.data, jws.len, "the external account binding", &binding, err) < 0)
		return -1;
	if (json_object_set_new(payload, "externalAccountBinding", binding) < 0)
		return error_oom(err);
	return 0;
}

/* The payload as it will be signed: as sent, or with the binding added. */
static int check_payload(const struct notary *notary, const struct message_sign *request, struct buf *out,
                         struct error *err)
{
	const char *account_url = store_account_url(notary->config->account);
	json_auto_t *payload = NULL;

	if (request->payload[0] == '\0')
		return 0;
	if (account_url && text_equal(request->url, account_url))
		return error_set(err, ERROR_INTERNAL, "the notary does not sign changes of the account");
	if (json_doc_parse(request->payload, strlen(request->payload), "the payload", &payload, err) < 0 ||
	    check_members(notary, payload, err) < 0)
		return -1;
	if (request->with_binding) {
		if (add_binding(notary, request, payload, err) < 0)
			return -1;
		return json_doc_print(payload, false, out, err);
	}
	if (buf_append_text(out, request->payload) < 0)
		return buf_check(out, "the payload", err);
	return 0;
}

int notary_sign(const struct notary *notary, const json_t *message, struct buf *out, struct error *err)
{
	const struct notary_config *config = notary->config;
	CLEANUP(buf_done) struct buf payload = BUF(PAYLOAD_MAX);
	struct message_sign request;
	struct jws_header header;

	if (message_sign_read(message, &request, err) < 0)
		return -1;
	if (!config->account_key)
		return error_set(err, ERROR_INTERNAL, "nothing can be signed for this task");
	if (!http_url_same_origin(request.url, config->directory_url))
		return error_set(err, ERROR_PROTOCOL,
		                 "the CA sends us to %.300s, which is not at the place of its directory %s; certd signs nothing for it",
		                 request.url, config->directory_url);
	if (check_payload(notary, &request, &payload, err) < 0)
		return -1;
	header = (struct jws_header){ .url = request.url, .nonce = request.nonce };
	if (!request.with_jwk) {
		header.kid = store_account_url(config->account);
		if (!header.kid)
			return error_set(err, ERROR_INTERNAL, "the account has no URL yet");
	}
	return jws_sign(config->account_key, &header, buf_text(&payload), payload.len, out, err);
}

int notary_csr(const struct notary *notary, struct buf *out, struct error *err)
{
	const struct buf *der = notary->config->csr_der;

	if (!der || der->len == 0)
		return error_set(err, ERROR_INTERNAL, "there is no CSR for this task");
	if (base64url_encode(der->data, der->len, out) < 0)
		return buf_check(out, "the CSR", err);
	return 0;
}

int notary_progress(const struct notary *notary, const json_t *message, struct error *err)
{
	const struct notary_config *config = notary->config;
	struct message_progress progress;

	if (message_progress_read(message, &progress, err) < 0)
		return -1;
	if (config->progress)
		config->progress(config->self, progress.step, progress.text);
	if (progress.account_url && config->account) {
		if (!http_url_same_origin(progress.account_url, config->directory_url))
			return error_set(err, ERROR_PROTOCOL, "the CA's account URL %.300s is not at the place of its directory %s",
			                 progress.account_url, config->directory_url);
		if (store_account_set_url(config->account, progress.account_url, err) < 0)
			return -1;
	}
	if (progress.order_url && config->order)
		return config->order(config->self, progress.order_url, progress.order_expires_at, err);
	return 0;
}
