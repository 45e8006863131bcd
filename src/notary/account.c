/* account.c: what is signed that changes the account. */
#include "notary/request.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/text.h"
#include "crypto/keytype.h"
#include "crypto/pkey.h"
#include "jose/jwk.h"
#include "jose/jws.h"
#include "json/doc.h"
#include "store/account.h"

enum { PAYLOAD_MAX = 16 * 1024, JWK_MAX = 2048 };

int notary_check_contact(const struct notary_config *config, const json_t *contacts, struct error *err)
{
	const char *contact = json_string_value(json_array_get(contacts, 0));

	if (json_is_array(contacts) &&
	    (json_array_size(contacts) == 0 || (json_array_size(contacts) == 1 && contact && config->contact &&
	                                        text_equal(contact, config->contact))))
		return 0;
	return error_set(err, ERROR_INTERNAL, "the notary does not sign for a contact that is not the account's");
}

static int check_member(const struct notary_config *config, const char *member, const json_t *value, struct error *err)
{
	if (text_equal(member, "status") && config->may_deactivate && json_is_string(value) &&
	    text_equal(json_string_value(value), "deactivated"))
		return 0;
	if (text_equal(member, "termsOfServiceAgreed") && config->may_update && json_is_true(value))
		return 0;
	if (text_equal(member, "contact") && config->may_update)
		return notary_check_contact(config, value, err);
	return error_set(err, ERROR_INTERNAL, "the notary does not sign changes of the account that were not asked for (\"%s\")",
	                 member);
}

int notary_check_account(const struct notary_config *config, const json_t *payload, struct error *err)
{
	const char *member;
	json_t *value;

	if (!config->may_update && !config->may_deactivate)
		return error_set(err, ERROR_INTERNAL, "the notary does not sign changes of the account");
	json_object_foreach((json_t *)payload, member, value) {
		if (check_member(config, member, value, err) < 0)
			return -1;
	}
	return 0;
}

int notary_key_change(const struct notary_config *config, const char *url, struct buf *out, struct error *err)
{
	const char *account_url = config->account ? store_account_url(config->account) : NULL;
	const struct jws_header header = { .url = url };
	CLEANUP(buf_done) struct buf payload = BUF(PAYLOAD_MAX);
	CLEANUP(buf_done) struct buf jwk = BUF(JWK_MAX);
	struct crypto_public old_key;
	json_auto_t *doc = NULL;
	json_t *old_jwk;

	if (!config->next_key || !config->account_key || !account_url)
		return error_set(err, ERROR_INTERNAL, "the notary does not sign a change of the account's key for this task");
	if (crypto_pkey_public(config->account_key, &old_key, err) < 0 || jwk_print(&old_key, &jwk, err) < 0 ||
	    json_doc_parse(jwk.data, jwk.len, "a key of ours", &old_jwk, err) < 0)
		return -1;
	doc = json_pack("{s:s, s:o}", "account", account_url, "oldKey", old_jwk);
	if (!doc)
		return error_oom(err);
	if (json_doc_print(doc, false, &payload, err) < 0)
		return -1;
	return jws_sign(config->next_key, &header, buf_text(&payload), payload.len, out, err);
}
