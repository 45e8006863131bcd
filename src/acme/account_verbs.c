#include "acme/account.h"

#include "acme/post.h"
#include "acme/session.h"
#include "acme/url.h"
#include "base/clean.h"
#include "base/text.h"
#include "json/doc.h"

enum { PAYLOAD_MAX = 4096 };

static const char what[] = "the account";

void acme_account_done(struct acme_account *account)
{
	strv_done(&account->contacts);
}

static int begin(struct acme_session *session, struct error *err)
{
	session->deadline_ms = acme_session_now_ms(session) + session->config.limits.attempt_ms;
	return acme_session_need_directory(session, err);
}

static int read_account(const struct http_response *response, struct acme_account *ret, struct error *err)
{
	CLEANUP(acme_account_done) struct acme_account account = ACME_ACCOUNT;
	json_auto_t *doc = NULL;
	const char *status = NULL;

	/* Some CAs have nothing to say after a change. */
	if (response->body.len == 0)
		return 0;
	if (acme_post_check_body(response, what, err) != 0 ||
	    json_doc_parse(buf_text(&response->body), response->body.len, what, &doc, err) != 0 ||
	    json_field_string(doc, what, "status", &status, err) < 0 ||
	    json_field_strings(doc, what, "contact", &account.contacts, err) < 0)
		return -1;
	text_copy(account.status, sizeof(account.status), status != NULL ? status : "");
	text_clean(account.status);
	acme_account_done(ret);
	*ret = account;
	account.contacts = STRV(ACME_ACCOUNT_CONTACTS_MAX);
	return 0;
}

static int post_account(struct acme_session *session, const char *payload, const char *text, struct acme_account *ret,
                        struct error *err)
{
	CLEANUP(acme_post_done) struct acme_post post = { .what = what, .url = session->account_url, .payload = payload };

	if (session->account_url[0] == '\0')
		return error_set(err, ERROR_INTERNAL, "the account at %s has no URL yet", session->host);
	if (acme_session_tell(session, ACME_STEP_ACCOUNT, text, err) != 0 || acme_post_one(session, &post, err) != 0)
		return -1;
	return read_account(&post.exchange.response, ret, err);
}

int acme_account_show(struct acme_session *session, struct acme_account *ret, struct error *err)
{
	return begin(session, err) != 0 ? -1 : post_account(session, "", "asking the CA for the account", ret, err);
}

int acme_account_update(struct acme_session *session, struct acme_account *ret, struct error *err)
{
	CLEANUP(buf_done) struct buf payload = BUF(PAYLOAD_MAX);
	json_auto_t *doc = json_object();
	bool ok = doc != NULL;

	if (ok && session->config.contact != NULL)
		ok = json_object_set_new(doc, "contact", json_pack("[s]", session->config.contact)) == 0;
	if (ok && session->config.agree_tos)
		ok = json_object_set_new(doc, "termsOfServiceAgreed", json_true()) == 0;
	if (!ok)
		return error_oom(err);
	if (json_doc_print(doc, false, &payload, err) != 0 || begin(session, err) != 0)
		return -1;
	return post_account(session, buf_text(&payload), "telling the CA what is new of the account", ret, err);
}

int acme_account_deactivate(struct acme_session *session, struct acme_account *ret, struct error *err)
{
	if (begin(session, err) != 0)
		return -1;
	return post_account(session, "{\"status\":\"deactivated\"}", "deactivating the account", ret, err);
}

int acme_account_rollover(struct acme_session *session, struct error *err)
{
	CLEANUP(acme_post_done) struct acme_post post = { .what = "keyChange", .url = session->directory.key_change,
		                                          .payload = "", .key_change = true, .once = true };

	if (begin(session, err) != 0)
		return -1;
	if (session->directory.key_change[0] == '\0')
		return error_set(err, ERROR_REFUSED, "%s does not change keys of accounts: its directory has no keyChange",
		                 session->host);
	if (acme_session_tell(session, ACME_STEP_ACCOUNT, "changing the account's key", err) != 0)
		return -1;
	return acme_post_one(session, &post, err);
}

static int learn_url(struct acme_session *session, const struct http_response *response, struct error *err)
{
	struct acme_progress progress = { .step = ACME_STEP_ACCOUNT, .text = "the account is known to the CA" };

	if (response->location[0] == '\0')
		return error_set(err, ERROR_PROTOCOL, "newAccount at %s: the answer (HTTP %d) has no Location", session->host,
		                 response->status);
	if (acme_url_check(response->location, session->config.directory_url, "newAccount: Location", err) != 0)
		return -1;
	if (session->account_url[0] != '\0' && !text_equal(session->account_url, response->location))
		return error_set(err, ERROR_PROTOCOL, "%s says that the key is that of the account %.200s, which was %.200s", session->host,
		                 response->location, session->account_url);
	text_copy(session->account_url, sizeof(session->account_url), response->location);
	progress.account_url = session->account_url;
	return session->config.notary->progress(session->config.notary->self, &progress, err);
}

int acme_account_probe(struct acme_session *session, bool next_key, struct error *err)
{
	CLEANUP(acme_post_done) struct acme_post post = { .what = "newAccount", .payload = "{\"onlyReturnExisting\":true}",
		                                          .with_jwk = true, .with_next_key = next_key };

	if (begin(session, err) != 0 ||
	    acme_session_tell(session, ACME_STEP_ACCOUNT,
	                      next_key ? "asking the CA whether it knows the account's next key" :
	                                 "asking the CA whether it knows the account's key",
	                      err) != 0)
		return -1;
	post.url = session->directory.new_account;
	if (acme_post_all(session, &post, 1, err) != 0)
		return -1;
	if (post.result == 0)
		return learn_url(session, &post.exchange.response, err);
	if (post.problem == ACME_PROBLEM_ACCOUNT_DOES_NOT_EXIST)
		return ACME_ACCOUNT_UNKNOWN;
	if (post.problem == ACME_PROBLEM_UNAUTHORIZED)
		return ACME_ACCOUNT_BARRED;
	*err = post.error;
	return -1;
}
