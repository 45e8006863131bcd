#include "acme/account.h"

#include "acme/post.h"
#include "acme/session.h"
#include "acme/url.h"
#include "base/clean.h"
#include "base/text.h"
#include "json/doc.h"

static int check_conditions(const struct acme_session *session, struct error *err)
{
	const struct acme_directory *directory = &session->directory;

	if (directory->terms_of_service[0] != '\0' && !session->config.agree_tos) {
		error_set(err, ERROR_REFUSED, "%s asks every account to agree to its terms of service: %.300s", session->host,
		          directory->terms_of_service);
		return error_advise(err, "read %.300s, then agree with --agree-tos (directive agree-tos = true)",
		                    directory->terms_of_service);
	}
	if (directory->external_account_required && !session->config.binding) {
		error_set(err, ERROR_REFUSED, "%s opens accounts only for its customers (externalAccountRequired)",
		          session->host);
		return error_advise(err, "%s", acme_problem_advice(ACME_PROBLEM_EXTERNAL_ACCOUNT_REQUIRED));
	}
	return 0;
}

static int print_payload(const struct acme_session *session, struct buf *out, struct error *err)
{
	json_auto_t *doc = json_object();
	const char *contact = session->config.contact;
	bool ok = doc != NULL;

	if (ok && session->config.agree_tos)
		ok = json_object_set_new(doc, "termsOfServiceAgreed", json_true()) == 0;
	if (ok && contact != NULL)
		ok = json_object_set_new(doc, "contact", json_pack("[s]", contact)) == 0;
	return ok ? json_doc_print(doc, false, out, err) : error_oom(err);
}

static int read_answer(struct acme_session *session, const struct http_response *response, struct error *err)
{
	static const char what[] = "the account";
	struct acme_progress progress = { .step = ACME_STEP_ACCOUNT, .text = "the account is known to the CA" };
	json_auto_t *doc = NULL;
	const char *status = NULL;

	if (response->location[0] == '\0')
		return error_set(err, ERROR_PROTOCOL, "newAccount at %s: the answer (HTTP %d) has no Location", session->host,
		                 response->status);
	if (acme_url_check(response->location, session->config.directory_url, "newAccount: Location", err) != 0 ||
	    acme_post_check_body(response, "newAccount", err) != 0 ||
	    json_doc_parse(buf_text(&response->body), response->body.len, what, &doc, err) != 0 ||
	    json_need_string(doc, what, "status", &status, err) != 0)
		return acme_post_blame(session, err);
	if (!text_equal(status, "valid")) {
		error_set(err, ERROR_REFUSED, "the account %.200s at %s is \"%.40s\"", response->location, session->host, status);
		return error_advise(err, "an account that was deactivated stays so; a new one needs a new key: move the "
		                         "account's folder away");
	}
	text_copy(session->account_url, sizeof(session->account_url), response->location);
	progress.account_url = session->account_url;
	return session->config.notary->progress(session->config.notary->self, &progress, err);
}

int acme_account_need(struct acme_session *session, struct error *err)
{
	CLEANUP(buf_done) struct buf payload = BUF(4096);
	CLEANUP(acme_post_done) struct acme_post post = { .what = "newAccount", .url = session->directory.new_account,
		                                          .with_jwk = true, .with_binding = session->config.binding };

	if (session->account_url[0] != '\0')
		return 0;
	if (check_conditions(session, err) != 0 ||
	    acme_session_tell(session, ACME_STEP_ACCOUNT, "opening an account", err) != 0 ||
	    print_payload(session, &payload, err) != 0)
		return -1;
	post.payload = buf_text(&payload);
	if (acme_post_one(session, &post, err) != 0)
		return -1;
	return read_answer(session, &post.exchange.response, err);
}
