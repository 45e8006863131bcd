#include "acme/revoke.h"

#include "acme/post.h"
#include "acme/session.h"
#include "base/clean.h"
#include "json/doc.h"

enum { PAYLOAD_MAX = 64 * 1024 };

/* The CA says no to whoever signed, not to the revocation. */
enum { REVOKE_OTHER_KEY = 2 };

static int revoke_by(struct acme_session *session, const char *payload, bool certificate_key, struct error *err)
{
	CLEANUP(acme_post_done) struct acme_post post = { .what = "revokeCert", .url = session->directory.revoke_cert,
		                                          .payload = payload, .with_jwk = certificate_key,
		                                          .with_certificate_key = certificate_key };

	if (acme_session_tell(session, ACME_STEP_REVOKE,
	                      certificate_key ? "asking the CA to revoke, by the certificate's key" :
	                                        "asking the CA to revoke, by the account's key",
	                      err) != 0)
		return -1;
	if (acme_post_all(session, &post, 1, err) != 0)
		return -1;
	if (post.result == 0)
		return 0;
	if (post.problem == ACME_PROBLEM_ALREADY_REVOKED)
		return ACME_REVOKED_BEFORE;
	*err = post.error;
	return post.problem == ACME_PROBLEM_UNAUTHORIZED || post.problem == ACME_PROBLEM_ACCOUNT_DOES_NOT_EXIST ?
	               REVOKE_OTHER_KEY :
	               -1;
}

static int print_payload(const struct acme_revocation *revocation, struct buf *out, struct error *err)
{
	json_auto_t *doc = json_pack("{s:s, s:i}", "certificate", revocation->certificate, "reason", revocation->reason);

	return doc != NULL ? json_doc_print(doc, false, out, err) : error_oom(err);
}

int acme_revoke(struct acme_session *session, const struct acme_revocation *revocation, struct error *err)
{
	CLEANUP(buf_done) struct buf payload = BUF(PAYLOAD_MAX);
	bool account = session->account_url[0] != '\0';
	bool by_key = revocation->certificate_key && (revocation->certificate_key_first || !account);
	int r;

	session->deadline_ms = acme_session_now_ms(session) + session->config.limits.attempt_ms;
	if (!account && !revocation->certificate_key)
		return error_set(err, ERROR_USAGE, "there is neither an account at %s nor the certificate's key to sign with",
		                 session->host);
	if (acme_session_need_directory(session, err) != 0)
		return -1;
	if (session->directory.revoke_cert[0] == '\0')
		return error_set(err, ERROR_REFUSED, "%s does not revoke certificates over ACME: its directory has no revokeCert",
		                 session->host);
	if (print_payload(revocation, &payload, err) != 0)
		return -1;
	r = revoke_by(session, buf_text(&payload), by_key, err);
	if (r == REVOKE_OTHER_KEY && (by_key ? account : revocation->certificate_key))
		r = revoke_by(session, buf_text(&payload), !by_key, err);
	return r == REVOKE_OTHER_KEY ? -1 : r;
}
