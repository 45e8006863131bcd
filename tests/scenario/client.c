#include "client.h"

#include "base/base64.h"
#include "base/clean.h"
#include "base/random.h"
#include "base/text.h"
#include "crypto/csr.h"
#include "crypto/pkey.h"
#include "jose/jws.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int notary_sign(void *self, const struct acme_sign *request, struct buf *out, struct error *err)
{
	struct client *client = self;
	struct jws_header header = { .url = request->url, .nonce = request->nonce,
		                     .kid = request->with_jwk ? NULL : client->kid };
	CLEANUP(buf_done) struct buf payload = BUF(256 * 1024);
	size_t len = strlen(request->payload);

	client->signs++;
	if (request->with_binding && len > 1 && request->payload[len - 1] == '}')
		buf_printf(&payload, "%.*s%s\"externalAccountBinding\":{}}", (int)len - 1, request->payload, len > 2 ? "," : "");
	else
		buf_append_text(&payload, request->payload);
	return jws_sign(request->with_certificate_key ? client->key : client->account_key, &header, buf_text(&payload), payload.len, out, err);
}

static int notary_csr(void *self, struct buf *out, struct error *err)
{
	struct client *client = self;
	CLEANUP(buf_done) struct buf der = BUF(64 * 1024);

	client->csrs++;
	if (client->key == NULL && crypto_pkey_generate(KEY_ECDSA_P256, &client->key, err) != 0)
		return -1;
	if (csr_create(client->key, &client->idents, &der, err) != 0)
		return -1;
	return base64url_encode(der.data, der.len, out);
}

static int notary_present(void *self, const struct acme_proof *proof, struct error *err)
{
	struct client *client = self;
	struct client_proof *kept;

	if (client->decline != NULL && text_equal(client->decline, proof->type))
		return ACME_DECLINED;
	if (client->fail_present != NULL && text_equal(client->fail_present, proof->identifier->value))
		return error_set(err, ERROR_SYSTEM, "no space for the proof");
	if (client->proof_count == CLIENT_PROOFS_MAX)
		abort();
	kept = &client->proofs[client->proof_count++];
	text_copy(kept->type, sizeof(kept->type), proof->type);
	text_copy(kept->value, sizeof(kept->value), proof->identifier->value);
	text_copy(kept->token, sizeof(kept->token), proof->token);
	return 0;
}

static int notary_cleanup(void *self, const struct acme_proof *proof, struct error *err)
{
	struct client *client = self;

	for (size_t i = 0; i < client->proof_count; i++) {
		struct client_proof *kept = &client->proofs[i];

		if (!kept->cleaned && text_equal(kept->token, proof->token) && text_equal(kept->value, proof->identifier->value)) {
			kept->cleaned = true;
			return 0;
		}
	}
	return error_set(err, ERROR_INTERNAL, "a proof that was never published");
}

static int notary_progress(void *self, const struct acme_progress *progress, struct error *err)
{
	struct client *client = self;

	(void)err;
	client->last_step = progress->step;
	if (progress->account_url != NULL) {
		text_copy(client->kid, sizeof(client->kid), progress->account_url);
		client->account_tells++;
	}
	if (progress->order_url != NULL) {
		text_copy(client->order_url, sizeof(client->order_url), progress->order_url);
		client->order_expires_at = progress->order_expires_at;
		client->order_tells++;
	}
	return 0;
}

static void add_names(struct client *client, const char *names)
{
	char word[300];

	while (*names != '\0') {
		size_t len = strcspn(names, " ");
		struct ident ident;

		snprintf(word, sizeof(word), "%.*s", (int)len, names);
		if (ident_parse(word, &ident, &client->err) != 0 ||
		    ident_list_add(&client->idents, &ident, &client->err) != 0)
			abort();
		names += len + (names[len] == ' ');
	}
}

struct client *client_new(struct ca *ca, const char *names)
{
	/* Shared, for client_issue_apart(). */
	struct client *client = ca_share(sizeof(*client));

	if (crypto_pkey_generate(KEY_ECDSA_P256, &client->account_key, &client->err) != 0)
		abort();
	client->ca = ca;
	client->http = ca_client(ca);
	client->clock = ca_clock(ca);
	client->notary = (struct acme_notary){ .sign = notary_sign, .csr = notary_csr, .present = notary_present,
		                               .cleanup = notary_cleanup, .progress = notary_progress, .self = client };
	snprintf(client->directory_url, sizeof(client->directory_url), "%s/directory", ca->base);
	client->config = (struct acme_session_config){
		.http = &client->http, .clock = &client->clock, .random = random_system(), .notary = &client->notary,
		.limits = { .http = { .connect_ms = 15000, .idle_ms = 30000, .total_ms = 60000, .body_max = 256 * 1024 },
		            .retry_after_max_s = 300, .attempt_ms = 600000 },
		.directory_url = client->directory_url, .agree_tos = true,
	};
	client->challenges[0] = "http-01";
	client->pem = BUF(128 * 1024);
	add_names(client, names);
	client_restart(client);
	return client;
}

void client_free(struct client *client)
{
	acme_session_free(client->session);
	ident_list_done(&client->idents);
	crypto_pkey_free(client->account_key);
	crypto_pkey_free(client->key);
	buf_done(&client->pem);
	ca_unshare(client, sizeof(*client));
}

void client_restart(struct client *client)
{
	acme_session_free(client->session);
	client->session = NULL;
	client->config.account_url = client->kid[0] != '\0' ? client->kid : NULL;
	if (acme_session_open(&client->config, &client->session, &client->err) != 0)
		abort();
}

int client_issue(struct client *client)
{
	struct acme_wish wish = { .idents = &client->idents, .challenges = client->challenges, .profile = client->profile, .require_profile = client->require_profile,
		                  .preferred_chain = client->preferred_chain, .replaces = client->replaces,
		                  .order_url = client->order_url[0] != '\0' ? client->order_url : NULL };
	char kept[2100];
	int r;

	/* A copy, as the notary may change it meanwhile. */
	text_copy(kept, sizeof(kept), client->order_url);
	if (wish.order_url != NULL)
		wish.order_url = kept;
	buf_reset(&client->pem);
	error_clear(&client->err);
	r = acme_issue(client->session, &wish, &client->pem, &client->err);
	if (r == 0)
		client->order_url[0] = '\0';
	return r;
}

int client_issue_apart(struct client *client)
{
	struct acme_session *session = client->session;
	struct buf pem = client->pem;
	int status;
	pid_t pid;

	/* Its key is as durable as that of the real notary. */
	if (client->key == NULL && crypto_pkey_generate(KEY_ECDSA_P256, &client->key, &client->err) != 0)
		abort();
	pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0) {
		client_restart(client);
		_exit(client_issue(client) == 0 ? 0 : 1);
	}
	if (waitpid(pid, &status, 0) != pid)
		abort();
	client->session = session;
	client->pem = pem;
	return WIFSIGNALED(status) ? 1 : WEXITSTATUS(status) == 0 ? 0 : -1;
}

void client_know(struct client *client)
{
	if (client_issue(client) != 0) {
		fprintf(stderr, "the first certificate: %s\n", client->err.message);
		abort();
	}
	memset(client->ca->asked, 0, sizeof(client->ca->asked));
	client->ca->requests = 0;
	client->ca->flights = 0;
	client->proof_count = 0;
	client->csrs = 0;
	client->order_tells = 0;
	client->account_tells = 0;
	client_restart(client);
}

void client_share_account(struct client *client, struct client *from)
{
	struct pkey *mine = client->account_key;

	client->account_key = from->account_key;
	from->account_key = mine;
	text_copy(client->kid, sizeof(client->kid), from->kid);
	from->kid[0] = '\0';
	client_restart(client);
}

bool client_is_clean(const struct client *client)
{
	for (size_t i = 0; i < client->proof_count; i++)
		if (!client->proofs[i].cleaned)
			return false;
	return true;
}
