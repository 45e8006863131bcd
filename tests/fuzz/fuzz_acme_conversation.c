/* fuzz_acme_conversation.c: a whole conversation, with answers from the input and a clock that only sleeping moves.
 *
 * The input is a sequence of answers, each ended by a line "%%": a first line "STATUS TYPE LOCATION RETRY-AFTER NONCE" ("-" for what is absent;
 * spaces in RETRY-AFTER as "_"), then the body. A status of 0 is a connection that breaks; so is the end of the input.
 * Whatever they are: it ends; asks https only; shows the notary no token that is not one; takes every proof back; and
 * gives out a chain only when it says so.
 */
#include "acme/acme.h"

#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "base/text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REQUESTS_MAX = 4000, ATTEMPT_MS = 600000 };

struct script {
	const char *at, *end;
	size_t requests;
	int64_t now_ms;
	size_t presented, cleaned;
};

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* The next piece up to the separator, or the end. */
static void take(struct script *script, const char *separator, const char **ret, size_t *ret_len)
{
	size_t left = (size_t)(script->end - script->at);
	const char *found = left > 0 ? memmem(script->at, left, separator, strlen(separator)) : NULL;

	*ret = script->at;
	*ret_len = found != NULL ? (size_t)(found - script->at) : left;
	script->at = found != NULL ? found + strlen(separator) : script->end;
}

static void read_word(char **at, char *out, size_t size)
{
	char *word = strsep(at, " ");

	text_copy(out, size, word == NULL || text_equal(word, "-") ? "" : word);
}

static void answer(struct script *script, struct http_exchange *x)
{
	struct http_response *response = &x->response;
	char line[1024], status[16];
	const char *piece;
	char *at = line;
	size_t len;

	must(text_has_prefix(x->request.url, "https://") || text_has_prefix(x->request.url, "HTTPS://") || x->request.https_only);
	must(++script->requests < REQUESTS_MAX);
	script->now_ms += 1;
	take(script, "\n", &piece, &len);
	snprintf(line, sizeof(line), "%.*s", (int)(len < sizeof(line) ? len : sizeof(line) - 1), piece);
	read_word(&at, status, sizeof(status));
	response->status = (int)(strtoul(status, NULL, 10) % 1000);
	read_word(&at, response->content_type, sizeof(response->content_type));
	read_word(&at, response->location, sizeof(response->location));
	read_word(&at, response->retry_after, sizeof(response->retry_after));
	for (char *c = response->retry_after; *c != '\0'; c++)
		*c = *c == '_' ? ' ' : *c;
	read_word(&at, response->replay_nonce, sizeof(response->replay_nonce));
	take(script, "\n%%\n", &piece, &len);
	if (response->status == 0)
		x->result = error_set(&x->error, ERROR_NETWORK, "the connection broke");
	else if (buf_append(&response->body, piece, len) != 0)
		x->result = error_set(&x->error, ERROR_PROTOCOL, "too much");
}

static int perform_all(void *self, struct http_exchange *const *exchanges, size_t count, struct error *err)
{
	(void)err;
	for (size_t i = 0; i < count; i++)
		answer(self, exchanges[i]);
	return 0;
}

static int64_t wall(void *self)
{
	return 1795435200 + ((struct script *)self)->now_ms / 1000;
}

static int64_t monotonic_ms(void *self)
{
	return ((struct script *)self)->now_ms;
}

static void sleep_ms(void *self, int64_t ms)
{
	must(ms >= 0 && ms <= ATTEMPT_MS);
	((struct script *)self)->now_ms += ms;
}

static int sign(void *self, const struct acme_sign *request, struct buf *out, struct error *err)
{
	(void)self;
	(void)err;
	must(request->nonce[0] != '\0' && request->url[0] != '\0');
	return buf_append_text(out, "{\"protected\":\"\",\"payload\":\"\",\"signature\":\"\"}");
}

static int csr(void *self, struct buf *out, struct error *err)
{
	(void)self;
	(void)err;
	return buf_append_text(out, "MAAA");
}

static int present(void *self, const struct acme_proof *proof, struct error *err)
{
	size_t len = strlen(proof->token);

	(void)err;
	must(len > 0 && len <= 255);
	must(strspn(proof->token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == len);
	must(text_equal(proof->identifier->value, "a.example") || text_equal(proof->identifier->value, "www.a.example"));
	((struct script *)self)->presented++;
	return 0;
}

static int cleanup(void *self, const struct acme_proof *proof, struct error *err)
{
	(void)proof;
	(void)err;
	((struct script *)self)->cleaned++;
	return 0;
}

static int progress(void *self, const struct acme_progress *progress, struct error *err)
{
	struct error ignored;

	(void)self;
	(void)err;
	must(progress->text != NULL);
	must(progress->account_url == NULL || http_url_check(progress->account_url, false, "", &ignored) == 0);
	must(progress->order_url == NULL || progress->order_url[0] == '\0' ||
	     http_url_check(progress->order_url, false, "", &ignored) == 0);
	return 0;
}

static void converse(struct script *script, bool known, const char *order_url)
{
	static struct ident items[] = { { .type = IDENT_DNS, .value = "a.example" },
		                        { .type = IDENT_DNS, .value = "www.a.example" } };
	static const struct ident_list idents = { .items = items, .count = 2 };
	static const char *const challenges[] = { "http-01", NULL };
	const struct http_client http = { .perform_all = perform_all, .self = script };
	const struct clock clock = { .wall = wall, .monotonic_ms = monotonic_ms, .sleep_ms = sleep_ms, .self = script };
	const struct acme_notary notary = { .sign = sign, .csr = csr, .present = present, .cleanup = cleanup,
		                            .progress = progress, .self = script };
	const struct acme_session_config config = {
		.http = &http, .clock = &clock, .random = random_system(), .notary = &notary,
		.limits = { .http = { 15000, 30000, 60000, 256 * 1024 }, .retry_after_max_s = 300, .attempt_ms = ATTEMPT_MS },
		.directory_url = "https://ca.example/directory", .agree_tos = true,
		.account_url = known ? "https://ca.example/account/0" : NULL,
	};
	const struct acme_wish wish = { .idents = &idents, .challenges = challenges, .order_url = order_url };
	CLEANUP(acme_session_cleanup) struct acme_session *session = NULL;
	CLEANUP(buf_done) struct buf pem = BUF(128 * 1024);
	int64_t began_ms = script->now_ms;
	struct error err;
	int r;

	error_clear(&err);
	must(acme_session_open(&config, &session, &err) == 0);
	r = acme_issue(session, &wish, &pem, &err);
	must((r == 0) == (pem.len > 0));
	must(r == 0 || (err.kind != ERROR_NONE && err.message[0] != '\0'));
	must(script->presented == script->cleaned);
	must(script->now_ms - began_ms <= ATTEMPT_MS + REQUESTS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script script = { .at = (const char *)data, .end = (const char *)data + size, .now_ms = 1000 };
	unsigned char how = size > 0 ? data[0] : '0';

	/* The first octet says from where it starts. */
	if (script.at < script.end)
		script.at++;
	converse(&script, how % 2 == 1, how % 4 == 3 ? "https://ca.example/order/0" : NULL);
	return 0;
}
