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
#include <strings.h>

enum { PAYLOAD_MAX = 64 * 1024, CSR_TEXT_MAX = 32 * 1024 };

/* What a payload may hold, and what the task has to be for. What stands here for no task ("account" and "oldKey" of a change of key, which the notary makes itself) is never signed. */
enum purpose { PURPOSE_LOOK, PURPOSE_ISSUE, PURPOSE_REVOKE };

static const struct member {
	const char *name;
	enum purpose purpose;
} members[] = {
	{ "contact", PURPOSE_ISSUE }, /* newAccount */
	{ "termsOfServiceAgreed", PURPOSE_ISSUE },
	{ "onlyReturnExisting", PURPOSE_LOOK },
	{ "identifiers", PURPOSE_ISSUE }, /* newOrder */
	{ "profile", PURPOSE_ISSUE },
	{ "replaces", PURPOSE_ISSUE },
	{ "notBefore", PURPOSE_ISSUE },
	{ "notAfter", PURPOSE_ISSUE },
	{ "csr", PURPOSE_ISSUE }, /* finalize */
	{ "status", PURPOSE_ISSUE }, /* deactivation of an authorization */
	{ "certificate", PURPOSE_REVOKE }, /* revokeCert */
	{ "reason", PURPOSE_REVOKE },
};

static bool serves(const struct notary_config *config, enum purpose purpose)
{
	switch (purpose) {
	case PURPOSE_LOOK:
		return true;
	case PURPOSE_ISSUE:
		return config->names != NULL;
	case PURPOSE_REVOKE:
		return config->revoke_der != NULL;
	}
	return false;
}

static bool is_permitted(const struct notary_config *config, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		if (text_equal(name, members[i].name))
			return serves(config, members[i].purpose);
	}
	return false;
}

static int check_csr(const struct notary *notary, const json_t *value, struct error *err)
{
	CLEANUP(buf_done) struct buf csr = BUF(CSR_TEXT_MAX);

	if (notary_csr(notary, &csr, err) < 0)
		return -1;
	if (!json_is_string(value) || !text_equal(json_string_value(value), buf_text(&csr)))
		return error_set(err, ERROR_INTERNAL, "the notary does not sign for a CSR that is not its own");
	return 0;
}

/* This certificate for this reason, both of them there. */
static int check_revocation(const struct notary_config *config, const json_t *payload, struct error *err)
{
	CLEANUP(buf_done) struct buf certificate = BUF(PAYLOAD_MAX);
	const char *given = json_string_value(json_object_get(payload, "certificate"));
	const json_t *reason = json_object_get(payload, "reason");

	base64url_encode(config->revoke_der->data, config->revoke_der->len, &certificate);
	if (buf_check(&certificate, "the certificate", err) < 0)
		return -1;
	if (!given || !text_equal(given, buf_text(&certificate)) || !json_is_integer(reason) ||
	    json_integer_value(reason) != config->revoke_reason)
		return error_set(err, ERROR_INTERNAL, "the notary signs no other revocation than the one that was asked for");
	return 0;
}

static int check_members(const struct notary *notary, const json_t *payload, struct error *err)
{
	const char *member;
	json_t *value;

	json_object_foreach((json_t *)payload, member, value) {
		if (!is_permitted(notary->config, member))
			return error_set(err, ERROR_INTERNAL, "the notary does not sign a payload with \"%s\" for this task", member);
		if (text_equal(member, "onlyReturnExisting") && !json_is_true(value))
			return error_set(err, ERROR_INTERNAL, "the notary does not sign \"%s\" but for true", member);
		if (text_equal(member, "contact") && notary_check_contact(notary->config, value, err) < 0)
			return -1;
		if (text_equal(member, "csr") && check_csr(notary, value, err) < 0)
			return -1;
		if ((text_equal(member, "certificate") || text_equal(member, "reason")) &&
		    check_revocation(notary->config, payload, err) < 0)
			return -1;
	}
	return 0;
}

static int add_binding(const struct notary *notary, const struct message_sign *request, json_t *payload, struct error *err)
{
	const struct notary_config *config = notary->config;
	CLEANUP(buf_done) struct buf jws = BUF(PAYLOAD_MAX);
	struct jws_binding credentials;
	json_t *binding;

	if (!config->binding_kid || !config->binding_key)
		return error_set(err, ERROR_INTERNAL, "there are no credentials for an external account binding");
	if (config->binding_key->len == 0) {
		error_set(err, ERROR_USAGE, "the CA does not know the account any more, and the key to make it anew, that of eab-hmac-file, is not "
		                            "at hand");
		return error_advise(err, "put the file back; a credential is at hand in certd's services only: systemctl start certd-renew.service");
	}
	credentials = (struct jws_binding){
		.kid = config->binding_kid,
		.mac_key = config->binding_key->data,
		.mac_key_len = config->binding_key->len,
		.algorithm = config->binding_algorithm,
	};
	if (jws_sign_binding(config->account_key, &credentials, request->url, &jws, err) < 0 ||
	    json_doc_parse(jws.data, jws.len, "the external account binding", &binding, err) < 0)
		return -1;
	if (json_object_set_new(payload, "externalAccountBinding", binding) < 0)
		return error_oom(err);
	return 0;
}

/* Where a URL's path begins. */
static const char *path_of(const char *url)
{
	const char *authority = strstr(url, "://");

	return authority ? authority + 3 + strcspn(authority + 3, "/?#") : url;
}

/* Whether the URL leads to the account, however it is written: an origin can be written in several ways, and so can a path. What may be one of
 * the ways counts as the account where it matters: deactivating an authorization looks like deactivating the account. */
static bool is_account(const char *url, const char *account_url, bool matters)
{
	const char *path = path_of(url);
	const char *account_path = path_of(account_url);
	const size_t len = strcspn(path, "?#");

	if (matters && (strstr(path, "//") || strstr(path, "/.") || strchr(path, '%') || strchr(path, '\\')))
		return true;
	return len == strcspn(account_path, "?#") && strncasecmp(path, account_path, len) == 0;
}

/* The payload as it will be signed: as sent, made here, or with the binding added. */
static int check_payload(const struct notary *notary, const struct message_sign *request, struct buf *out,
                         struct error *err)
{
	const struct notary_config *config = notary->config;
	const char *account_url = config->account ? store_account_url(config->account) : NULL;
	json_auto_t *payload = NULL;
	int r;

	if (request->key_change)
		return notary_key_change(config, request->url, out, err);
	if (request->payload[0] == '\0')
		return 0;
	if (json_doc_parse(request->payload, strlen(request->payload), "the payload", &payload, err) < 0)
		return -1;
	if (account_url && json_object_size(payload) > 0 && is_account(request->url, account_url, json_object_get(payload, "status") != NULL))
		r = notary_check_account(config, payload, err);
	else
		r = check_members(notary, payload, err);
	if (r < 0)
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

/* It signs a revocation and nothing else. What is in a payload with "certificate" was looked at. */
static int check_certificate_key(const struct notary_config *config, const struct buf *payload, struct error *err)
{
	json_auto_t *doc = NULL;

	if (!config->certificate_key || !config->revoke_der || payload->len == 0)
		return error_set(err, ERROR_INTERNAL, "the certificate's key signs nothing but its revocation");
	if (json_doc_parse(payload->data, payload->len, "the payload", &doc, err) < 0)
		return -1;
	return check_revocation(config, doc, err);
}

/* The key that the account shall change to: of it the CA may be asked whether it knows it. */
static int check_next_key(const struct notary_config *config, const struct message_sign *request, struct error *err)
{
	if (config->next_key && request->with_jwk && !request->with_binding && !request->key_change &&
	    text_equal(request->payload, "{\"onlyReturnExisting\":true}"))
		return 0;
	return error_set(err, ERROR_INTERNAL, "the next key of the account is not used for this");
}

static int choose_key(const struct notary_config *config, const struct message_sign *request, const struct buf *payload,
                      const struct pkey **ret, struct error *err)
{
	if (request->with_certificate_key) {
		*ret = config->certificate_key;
		return check_certificate_key(config, payload, err);
	}
	if (request->with_next_key) {
		*ret = config->next_key;
		return check_next_key(config, request, err);
	}
	*ret = config->account_key;
	return 0;
}

int notary_sign(const struct notary *notary, const json_t *message, struct buf *out, struct error *err)
{
	const struct notary_config *config = notary->config;
	CLEANUP(buf_done) struct buf payload = BUF(PAYLOAD_MAX);
	const struct pkey *key = NULL;
	struct message_sign request;
	struct jws_header header;

	if (message_sign_read(message, &request, err) < 0)
		return -1;
	if (request.with_certificate_key ? !config->certificate_key : !config->account_key)
		return error_set(err, ERROR_INTERNAL, "nothing can be signed for this task");
	if (!http_url_same_origin(request.url, config->directory_url))
		return error_set(err, ERROR_PROTOCOL,
		                 "the CA sends us to %.300s, which is not at the place of its directory %s; certd signs nothing for it",
		                 request.url, config->directory_url);
	if (check_payload(notary, &request, &payload, err) < 0 || choose_key(config, &request, &payload, &key, err) < 0)
		return -1;
	header = (struct jws_header){ .url = request.url, .nonce = request.nonce };
	if (!request.with_jwk && !request.with_certificate_key) {
		header.kid = store_account_url(config->account);
		if (!header.kid)
			return error_set(err, ERROR_INTERNAL, "the account has no URL yet");
	}
	return jws_sign(key, &header, buf_text(&payload), payload.len, out, err);
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
	if (progress.order_url && progress.order_url[0] != '\0' &&
	    !http_url_same_origin(progress.order_url, config->directory_url))
		return error_set(err, ERROR_PROTOCOL, "the CA's order URL %.300s is not at the place of its directory %s",
		                 progress.order_url, config->directory_url);
	if (progress.order_url && config->order)
		return config->order(config->self, progress.order_url, progress.order_expires_at, err);
	return 0;
}
