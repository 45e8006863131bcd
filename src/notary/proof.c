#include "notary/request.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "channel/message.h"
#include "crypto/keytype.h"
#include "crypto/pkey.h"
#include "jose/jwk.h"

#include <string.h>

enum { KEY_AUTHORIZATION_MAX = 512 };

/* Reads a proof and refuses what is not of this certificate, before anything else sees its token. */
static int read_proof(const struct notary *notary, const json_t *message, struct message_proof *ret, struct error *err)
{
	if (message_proof_read(message, ret, err) < 0)
		return -1;
	if (jwk_check_token(ret->token, err) < 0)
		return -1;
	if (!ident_list_contains(notary->config->names, &ret->identifier))
		return error_set(err, ERROR_PROTOCOL, "the CA asks for a proof of %s, which was not ordered",
		                 ret->identifier.value);
	return 0;
}

static int with_proof(const struct notary *notary, const struct ident *identifier, const char *token,
                      int (*act)(const struct challenge_config *, const struct challenge_proof *, struct error *),
                      struct error *err)
{
	const struct notary_config *config = notary->config;
	CLEANUP(buf_done) struct buf key_authorization = BUF(KEY_AUTHORIZATION_MAX);
	struct challenge_proof proof = { .identifier = identifier, .token = token };
	struct crypto_public public_key;

	if (crypto_pkey_public(config->account_key, &public_key, err) < 0 ||
	    jwk_key_authorization(token, &public_key, &key_authorization, err) < 0)
		return -1;
	proof.key_authorization = buf_text(&key_authorization);
	return act(&config->challenge, &proof, err);
}

static struct notary_proof *find_proof(struct notary *notary, const struct message_proof *proof)
{
	for (size_t i = 0; i < notary->proofs_count; i++) {
		if (text_equal(notary->proofs[i].token, proof->token) &&
		    text_equal(notary->proofs[i].identifier.value, proof->identifier.value))
			return &notary->proofs[i];
	}
	return NULL;
}

int notary_present(struct notary *notary, const json_t *message, struct error *err)
{
	const struct notary_config *config = notary->config;
	struct message_proof proof;
	struct notary_proof *slot;

	if (!config->account_key || !config->method)
		return error_set(err, ERROR_INTERNAL, "no proof can be published for this task");
	if (read_proof(notary, message, &proof, err) < 0)
		return -1;
	if (!text_equal(proof.type, config->method->type) || (proof.identifier.wildcard && !config->method->wildcard))
		return MESSAGE_DECLINED;
	if (!find_proof(notary, &proof)) {
		if (notary->proofs_count == NOTARY_PROOFS_MAX)
			return error_set(err, ERROR_PROTOCOL, "the CA asks for more than %d proofs", NOTARY_PROOFS_MAX);
		slot = &notary->proofs[notary->proofs_count++];
		slot->identifier = proof.identifier;
		text_copy(slot->token, sizeof(slot->token), proof.token);
	}
	/* Noted before it is made: what was half made is taken back too. */
	return with_proof(notary, &proof.identifier, proof.token, config->method->present, err);
}

static int take_back(struct notary *notary, struct notary_proof *proof, struct error *err)
{
	int r = with_proof(notary, &proof->identifier, proof->token, notary->config->method->cleanup, err);

	*proof = notary->proofs[--notary->proofs_count];
	return r;
}

int notary_cleanup(struct notary *notary, const json_t *message, struct error *err)
{
	struct message_proof proof;
	struct notary_proof *noted;

	if (read_proof(notary, message, &proof, err) < 0)
		return -1;
	noted = find_proof(notary, &proof);
	return noted ? take_back(notary, noted, err) : 0;
}

void notary_cleanup_all(struct notary *notary)
{
	while (notary->proofs_count > 0) {
		struct error err;

		error_clear(&err);
		if (take_back(notary, &notary->proofs[notary->proofs_count - 1], &err) < 0)
			log_failure(LOG_LEVEL_WARNING, "a challenge could not be taken back", &err);
	}
}
