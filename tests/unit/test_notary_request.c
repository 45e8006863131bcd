/* test_notary_request.c: what the notary does, and what it refuses to a net process that was taken over */
#include "notary/request.h"

#include "base/base64.h"
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "channel/channel.h"
#include "channel/message.h"
#include "crypto/pkey.h"
#include "json/doc.h"
#include "store/account.h"
#include "store/store.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define DIRECTORY "https://ca.example/directory"
#define ACCOUNT "https://ca.example/account/1"

enum { OUT_MAX = 64 * 1024, PATH_SIZE = 256 };

static char place[] = "/tmp/certd-test-XXXXXX";
static char webroot[PATH_SIZE], state_dir[PATH_SIZE];
static struct store *store;
static struct store_account *account;
static struct pkey *key;
static struct ident_list names;
static struct buf csr = BUF(OUT_MAX);
static struct notary_config config;
static struct notary notary;
static struct error err;
static char order_url[PATH_SIZE];

static int remember_order(void *self, const char *url, int64_t expires_at, struct error *error)
{
	(void)self;
	(void)expires_at;
	(void)error;
	text_copy(order_url, sizeof(order_url), url);
	return 0;
}

static int make_account(void)
{
	CLEANUP(buf_done) struct buf pem = BUF_SECRET(OUT_MAX);

	if (crypto_pkey_generate(KEY_ECDSA_P256, &key, &err) < 0 || crypto_pkey_print(key, &pem, &err) < 0)
		return -1;
	return store_account_create(store, DIRECTORY, NULL, &pem, &account, &err);
}

static int set_up(void **state)
{
	struct ident ident;
	int fd;

	(void)state;
	error_clear(&err);
	if (!mkdtemp(place))
		return -1;
	snprintf(webroot, sizeof(webroot), "%s/webroot", place);
	snprintf(state_dir, sizeof(state_dir), "%s/state", place);
	if (file_make_dirs(webroot, 0755, &fd, &err) < 0)
		return -1;
	close(fd);
	if (store_open(state_dir, true, &store, &err) < 0 || make_account() < 0)
		return -1;
	if (ident_parse("togetherers.com", &ident, &err) < 0 || ident_list_add(&names, &ident, &err) < 0)
		return -1;
	if (buf_append_text(&csr, "not really a CSR") < 0)
		return -1;
	config = (struct notary_config){
		.directory_url = DIRECTORY,
		.account_key = key,
		.account = account,
		.names = &names,
		.method = challenge_find("http-01"),
		.challenge = { .webroot = webroot },
		.csr_der = &csr,
		.order = remember_order,
	};
	notary.config = &config;
	notary.proofs = calloc(NOTARY_PROOFS_MAX, sizeof(*notary.proofs));
	return notary.proofs ? 0 : -1;
}

static int tear_down(void **state)
{
	int fd = -1;

	(void)state;
	free(notary.proofs);
	buf_done(&csr);
	ident_list_done(&names);
	crypto_pkey_free(key);
	store_account_free(account);
	store_free(store);
	if (file_open_dir("/tmp", &fd, &err) < 0 || file_remove_tree(fd, strrchr(place, '/') + 1, &err) < 0)
		return -1;
	return close(fd);
}

static int sign_request(const struct message_sign *request)
{
	CLEANUP(buf_done) struct buf out = BUF(OUT_MAX);
	json_auto_t *message = message_sign_pack(request);
	json_auto_t *jws = NULL;
	int r;

	error_clear(&err);
	r = notary_sign(&notary, message, &out, &err);
	if (r == 0) {
		assert_int_equal(json_doc_parse(out.data, out.len, "jws", &jws, &err), 0);
		assert_true(json_is_string(json_object_get(jws, "signature")));
	} else {
		assert_int_equal(out.len, 0);
	}
	return r;
}

static int sign(const char *url, const char *payload, bool with_jwk)
{
	const struct message_sign request = { .url = url, .nonce = "abc", .payload = payload, .with_jwk = with_jwk };

	return sign_request(&request);
}

static int sign_by_certificate(const char *url, const char *payload)
{
	const struct message_sign request = {
		.url = url, .nonce = "abc", .payload = payload, .with_jwk = true, .with_certificate_key = true,
	};

	return sign_request(&request);
}

static void test_it_signs_what_an_issue_consists_of(void **state)
{
	(void)state;
	assert_int_equal(sign("https://ca.example/new-account", "{\"termsOfServiceAgreed\":true,\"contact\":[]}", true), 0);
	assert_int_equal(sign("https://ca.example/order", "{\"identifiers\":[]}", false), -1);
	assert_non_null(strstr(err.message, "no URL yet"));
	assert_int_equal(store_account_set_url(account, ACCOUNT, &err), 0);
	assert_int_equal(sign("https://ca.example/order", "{\"identifiers\":[],\"profile\":\"x\"}", false), 0);
	assert_int_equal(sign("https://ca.example/authorization/1", "", false), 0);
	assert_int_equal(sign("https://ca.example/challenge/1", "{}", false), 0);
	assert_int_equal(sign(ACCOUNT, "", false), 0);
	assert_int_equal(sign("https://CA.example:443/order", "{}", false), 0);
}

static void test_it_signs_only_for_the_origin_of_the_directory(void **state)
{
	static const char *const urls[] = {
		"https://other.example/order", "http://ca.example/order",     "https://ca.example:444/order",
		"https://ca.example.evil/",    "https://ca.example@evil.net", "ftp://ca.example/",
		"https://",                    "",                            "order",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
		assert_int_equal(sign(urls[i], "{}", true), -1);
		assert_int_equal(err.kind, ERROR_PROTOCOL);
	}
}

static void test_it_signs_no_other_payload(void **state)
{
	static const char *const payloads[] = {
		"{\"certificate\":\"abc\",\"reason\":1}", "{\"account\":\"x\",\"oldKey\":{}}", "{\"externalAccountBinding\":{}}",
		"{\"anything\":1}", "[]", "no json", "{\"csr\":\"bm90IG91cnM\"}", "{\"csr\":1}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(payloads); i++)
		assert_int_equal(sign("https://ca.example/x", payloads[i], true), -1);
	assert_int_equal(store_account_set_url(account, ACCOUNT, &err), 0);
	assert_int_equal(sign(ACCOUNT, "{\"status\":\"deactivated\"}", false), -1);
}

static void test_it_signs_for_its_own_csr(void **state)
{
	CLEANUP(buf_done) struct buf text = BUF(OUT_MAX);
	CLEANUP(buf_done) struct buf payload = BUF(OUT_MAX);

	(void)state;
	assert_int_equal(store_account_set_url(account, ACCOUNT, &err), 0);
	assert_int_equal(notary_csr(&notary, &text, &err), 0);
	assert_int_equal(buf_printf(&payload, "{\"csr\":\"%s\"}", buf_text(&text)), 0);
	assert_int_equal(sign("https://ca.example/finalize/1", buf_text(&payload), false), 0);
}

static void test_without_an_account_nothing_is_signed(void **state)
{
	const struct notary_config poor = { .directory_url = DIRECTORY, .names = &names };
	const struct notary_config *rich = notary.config;

	(void)state;
	notary.config = &poor;
	assert_int_equal(sign("https://ca.example/order", "{}", true), -1);
	notary.config = rich;
}

static void test_an_account_made_anew_needs_its_binding_key(void **state)
{
	CLEANUP(buf_done) struct buf mac = BUF_SECRET(64);
	const struct message_sign request = {
		.url = "https://ca.example/new-account", .nonce = "abc", .payload = "{\"contact\":[]}", .with_jwk = true, .with_binding = true,
	};

	(void)state;
	config.binding_kid = "kid-1";
	config.binding_key = &mac;
	assert_int_equal(sign_request(&request), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_non_null(strstr(err.message, "eab-hmac-file"));
	assert_int_equal(buf_append_text(&mac, "some key"), 0);
	assert_int_equal(sign_request(&request), 0);
	config.binding_kid = NULL;
	config.binding_key = NULL;
}

/* "not a certificate" in base64url. */
#define REVOCATION(reason) "{\"certificate\":\"bm90IGEgY2VydGlmaWNhdGU\",\"reason\":" reason "}"

static void test_it_signs_the_revocation_that_was_asked_for(void **state)
{
	static const char *const others[] = {
		REVOCATION("1"), REVOCATION("\"4\""), "{\"certificate\":\"bm90IGEgY2VydGlmaWNhdGU\"}", "{\"reason\":4}",
		"{\"certificate\":\"bm90IG91cnM\",\"reason\":4}", "{\"identifiers\":[]}", "{\"csr\":\"\"}",
		"{\"contact\":[]}", "{\"status\":\"deactivated\"}", "{\"account\":\"x\",\"oldKey\":{}}",
	};
	CLEANUP(buf_done) struct buf der = BUF(OUT_MAX);
	CLEANUP(crypto_pkey_cleanup) struct pkey *certificate_key = NULL;
	struct notary_config revoking = {
		.directory_url = DIRECTORY, .account_key = key, .account = account, .revoke_der = &der, .revoke_reason = 4,
	};
	const struct notary_config *issuing = notary.config;

	(void)state;
	assert_int_equal(buf_append_text(&der, "not a certificate"), 0);
	assert_int_equal(store_account_set_url(account, ACCOUNT, &err), 0);
	assert_int_equal(crypto_pkey_generate(KEY_ECDSA_P256, &certificate_key, &err), 0);
	assert_int_equal(sign("https://ca.example/revoke", REVOCATION("4"), false), -1);
	assert_int_equal(sign_by_certificate("https://ca.example/revoke", REVOCATION("4")), -1);
	notary.config = &revoking;
	assert_int_equal(sign("https://ca.example/revoke", REVOCATION("4"), false), 0);
	assert_int_equal(sign_by_certificate("https://ca.example/revoke", REVOCATION("4")), -1);
	revoking.certificate_key = certificate_key;
	assert_int_equal(sign_by_certificate("https://ca.example/revoke", REVOCATION("4")), 0);
	assert_int_equal(sign_by_certificate("https://other.example/revoke", REVOCATION("4")), -1);
	assert_int_equal(sign_by_certificate("https://ca.example/revoke", ""), -1);
	assert_int_equal(sign_by_certificate("https://ca.example/revoke", "{}"), -1);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		assert_int_equal(sign("https://ca.example/revoke", others[i], false), -1);
		assert_int_equal(sign_by_certificate("https://ca.example/revoke", others[i]), -1);
	}
	/* Without an account the certificate's key is enough. */
	revoking.account_key = NULL;
	revoking.account = NULL;
	assert_int_equal(sign_by_certificate("https://ca.example/revoke", REVOCATION("4")), 0);
	assert_int_equal(sign("https://ca.example/revoke", REVOCATION("4"), true), -1);
	notary.config = issuing;
}

static const char probe[] = "{\"onlyReturnExisting\":true}";

static void test_it_looks_for_an_account_in_any_task(void **state)
{
	struct notary_config showing = { .directory_url = DIRECTORY, .account_key = key, .account = account };
	const struct notary_config *issuing = notary.config;

	(void)state;
	notary.config = &showing;
	assert_int_equal(sign("https://ca.example/new-account", probe, true), 0);
	assert_int_equal(sign("https://ca.example/new-account", "{\"onlyReturnExisting\":false}", true), -1);
	assert_int_equal(sign("https://ca.example/new-account", "{\"termsOfServiceAgreed\":true}", true), -1);
	assert_int_equal(sign("https://ca.example/new-account", "{\"contact\":[]}", true), -1);
	assert_int_equal(sign("https://ca.example/new-order", "{\"identifiers\":[]}", true), -1);
	assert_int_equal(sign("https://ca.example/authorization/1", "{\"status\":\"deactivated\"}", true), -1);
	notary.config = issuing;
}

static void test_it_changes_the_account_as_was_asked_for(void **state)
{
	static const char deactivate[] = "{\"status\":\"deactivated\"}", agree[] = "{\"termsOfServiceAgreed\":true}",
			  contact[] = "{\"contact\":[\"mailto:a@b.example\"]}", other[] = "{\"contact\":[\"mailto:evil@b.example\"]}",
			  two[] = "{\"contact\":[\"mailto:a@b.example\",\"mailto:evil@b.example\"]}";
	struct notary_config changing = {
		.directory_url = DIRECTORY, .account_key = key, .account = account, .contact = "mailto:a@b.example",
	};
	const struct notary_config *issuing = notary.config;

	(void)state;
	assert_int_equal(store_account_set_url(account, ACCOUNT, &err), 0);
	notary.config = &changing;
	assert_int_equal(sign(ACCOUNT, deactivate, false), -1);
	assert_int_equal(sign(ACCOUNT, contact, false), -1);
	changing.may_update = true;
	assert_int_equal(sign(ACCOUNT, contact, false), 0);
	assert_int_equal(sign(ACCOUNT, agree, false), 0);
	assert_int_equal(sign(ACCOUNT, other, false), -1);
	assert_int_equal(sign(ACCOUNT, two, false), -1);
	assert_int_equal(sign(ACCOUNT, deactivate, false), -1);
	assert_int_equal(sign("https://ca.example/account/2", contact, false), -1);
	changing.may_update = false;
	changing.may_deactivate = true;
	assert_int_equal(sign(ACCOUNT, deactivate, false), 0);
	assert_int_equal(sign(ACCOUNT, "{\"status\":\"revoked\"}", false), -1);
	assert_int_equal(sign(ACCOUNT, contact, false), -1);
	assert_int_equal(sign("https://ca.example/authorization/1", deactivate, false), -1);
	notary.config = issuing;
}

/* Deactivating an authorization, which an issue may, looks like deactivating the account, which it may not: under whatever name. */
static void test_an_issue_never_ends_the_account(void **state)
{
	static const char *const urls[] = {
		ACCOUNT, "https://CA.example:443/account/1", "https://ca.example/account/1?x", "https://ca.example/account/1#x",
		"https://ca.example/%61ccount/1", "https://ca.example//account/1", "https://ca.example/./account/1",
		"https://ca.example/x/../account/1", "https://ca.example/ACCOUNT/1", "https://ca.example/account\\1",
	};

	(void)state;
	assert_int_equal(store_account_set_url(account, ACCOUNT, &err), 0);
	assert_int_equal(sign("https://ca.example/authorization/1", "{\"status\":\"deactivated\"}", false), 0);
	for (size_t i = 0; i < ARRAY_SIZE(urls); i++)
		assert_int_equal(sign(urls[i], "{\"status\":\"deactivated\"}", false), -1);
	assert_int_equal(sign("https://ca.example/new-account", "{\"contact\":[\"mailto:evil@b.example\"]}", true), -1);
}

/* The inner JWS of a change of key: what stands in it, in words. */
static json_t *inner_part(const json_t *jws, const char *part)
{
	CLEANUP(buf_done) struct buf outer = BUF(OUT_MAX);
	CLEANUP(buf_done) struct buf inner = BUF(OUT_MAX);
	json_auto_t *payload = NULL;
	const char *text = json_string_value(json_object_get(jws, "payload"));
	json_t *ret = NULL;

	assert_int_equal(base64url_decode(text, strlen(text), &outer, &err), 0);
	assert_int_equal(json_doc_parse(outer.data, outer.len, "inner", &payload, &err), 0);
	text = json_string_value(json_object_get(payload, part));
	assert_int_equal(base64url_decode(text, strlen(text), &inner, &err), 0);
	assert_int_equal(json_doc_parse(inner.data, inner.len, part, &ret, &err), 0);
	return ret;
}

static void assert_key_change(const struct message_sign *request)
{
	CLEANUP(buf_done) struct buf out = BUF(OUT_MAX);
	json_auto_t *message = message_sign_pack(request);
	json_auto_t *jws = NULL;
	json_auto_t *header = NULL;
	json_auto_t *change = NULL;

	assert_int_equal(notary_sign(&notary, message, &out, &err), 0);
	assert_int_equal(json_doc_parse(out.data, out.len, "jws", &jws, &err), 0);
	header = inner_part(jws, "protected");
	assert_string_equal(json_string_value(json_object_get(header, "url")), request->url);
	assert_non_null(json_object_get(header, "jwk"));
	assert_null(json_object_get(header, "nonce"));
	assert_null(json_object_get(header, "kid"));
	change = inner_part(jws, "payload");
	assert_int_equal(json_object_size(change), 2);
	assert_string_equal(json_string_value(json_object_get(change, "account")), ACCOUNT);
	assert_false(json_equal(json_object_get(change, "oldKey"), json_object_get(header, "jwk")));
}

static void test_it_changes_to_the_next_key_where_there_is_one(void **state)
{
	struct message_sign change = { .url = "https://ca.example/key-change", .nonce = "n", .payload = "", .key_change = true };
	struct message_sign look = {
		.url = "https://ca.example/new-account", .nonce = "n", .payload = probe, .with_jwk = true, .with_next_key = true,
	};
	CLEANUP(crypto_pkey_cleanup) struct pkey *next = NULL;
	struct notary_config rolling = { .directory_url = DIRECTORY, .account_key = key, .account = account };
	const struct notary_config *issuing = notary.config;

	(void)state;
	assert_int_equal(store_account_set_url(account, ACCOUNT, &err), 0);
	assert_int_equal(crypto_pkey_generate(KEY_ECDSA_P256, &next, &err), 0);
	/* In no task without one, be it an issue. */
	assert_int_equal(sign_request(&change), -1);
	assert_int_equal(sign_request(&look), -1);
	notary.config = &rolling;
	assert_int_equal(sign_request(&change), -1);
	assert_int_equal(sign_request(&look), -1);
	rolling.next_key = next;
	assert_key_change(&change);
	assert_int_equal(sign_request(&look), 0);
	change.url = "https://other.example/key-change";
	assert_int_equal(sign_request(&change), -1);
	/* The next key signs nothing else. */
	look.payload = "{\"termsOfServiceAgreed\":true}";
	assert_int_equal(sign_request(&look), -1);
	look.payload = "";
	assert_int_equal(sign_request(&look), -1);
	look.payload = probe;
	look.with_jwk = false;
	assert_int_equal(sign_request(&look), -1);
	assert_int_equal(sign("https://ca.example/key-change", "{\"account\":\"x\",\"oldKey\":{}}", false), -1);
	assert_int_equal(sign("https://ca.example/key-change", "{\"protected\":\"\",\"payload\":\"\",\"signature\":\"\"}", false), -1);
	notary.config = issuing;
}

static int present(const char *type, const char *identifier, const char *token, bool cleanup)
{
	json_auto_t *message = json_pack("{s:s, s:s, s:s}", "type", type, "identifier", identifier, "token", token);

	error_clear(&err);
	return cleanup ? notary_cleanup(&notary, message, &err) : notary_present(&notary, message, &err);
}

static bool published(const char *token)
{
	char path[2 * PATH_SIZE];

	snprintf(path, sizeof(path), "%s/.well-known/acme-challenge/%s", webroot, token);
	return access(path, F_OK) == 0;
}

static void test_a_proof_is_published_and_taken_back(void **state)
{
	(void)state;
	assert_int_equal(present("http-01", "togetherers.com", "token-1", false), 0);
	assert_true(published("token-1"));
	assert_int_equal(present("http-01", "togetherers.com", "token-1", false), 0);
	assert_int_equal(notary.proofs_count, 1);
	assert_int_equal(present("http-01", "togetherers.com", "token-1", true), 0);
	assert_false(published("token-1"));
	assert_int_equal(present("http-01", "togetherers.com", "token-1", true), 0);
}

static void test_all_proofs_are_taken_back_at_the_end(void **state)
{
	(void)state;
	assert_int_equal(present("http-01", "togetherers.com", "token-1", false), 0);
	assert_int_equal(present("http-01", "togetherers.com", "token-2", false), 0);
	notary_cleanup_all(&notary);
	assert_false(published("token-1"));
	assert_false(published("token-2"));
}

static void test_proofs_that_are_refused(void **state)
{
	static const char *const tokens[] = {
		"../token", "/etc/passwd", ".", "..", "", "a b", "a/b", "a;b", "$(x)", "a=", "%2e%2e", "a\nb", "\xc3\xa9",
	};
	char longer[300];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(tokens); i++) {
		assert_int_equal(present("http-01", "togetherers.com", tokens[i], false), -1);
		assert_int_equal(present("http-01", "togetherers.com", tokens[i], true), -1);
	}
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(present("http-01", "togetherers.com", longer, false), -1);
	assert_int_equal(present("http-01", "other.example", "token", false), -1);
	assert_int_equal(present("dns-01", "togetherers.com", "token", false), MESSAGE_DECLINED);
	assert_int_equal(notary.proofs_count, 0);
}

static void test_the_urls_it_is_told(void **state)
{
	struct message_progress progress = { .step = "account", .text = "x", .account_url = "https://evil.example/account/1" };
	json_auto_t *foreign = message_progress_pack(&progress);
	json_auto_t *foreign_order = NULL;
	json_auto_t *own = NULL;

	(void)state;
	error_clear(&err);
	assert_int_equal(notary_progress(&notary, foreign, &err), -1);
	progress.account_url = "https://ca.example/account/7";
	progress.order_url = "https://ca.example/order/3";
	own = message_progress_pack(&progress);
	assert_int_equal(notary_progress(&notary, own, &err), 0);
	assert_string_equal(store_account_url(account), progress.account_url);
	assert_string_equal(order_url, progress.order_url);
	progress.order_url = "https://evil.example/order/4";
	foreign_order = message_progress_pack(&progress);
	assert_int_equal(notary_progress(&notary, foreign_order, &err), -1);
	assert_string_equal(order_url, "https://ca.example/order/3");
}

/* A net process that was taken over and writes the journal full. */
static _Noreturn void flood(int fd)
{
	const struct message_progress progress = { .step = "order", .text = "x" };

	for (;;) {
		json_auto_t *message = message_progress_pack(&progress);
		json_auto_t *answer = NULL;
		enum channel_type type;
		struct error ignored;

		if (channel_send(fd, CHANNEL_PROGRESS, message, &ignored) < 0 ||
		    channel_receive(fd, 60000, &type, &answer, &ignored) != CHANNEL_OK)
			_exit(0);
	}
}

static unsigned int lines;

static void count_line(void *self, const char *step, const char *text)
{
	(void)self;
	(void)step;
	(void)text;
	lines++;
}

static void test_a_flood_is_stopped(void **state)
{
	const struct notary_config flooded = { .names = &names, .progress = count_line };
	json_t *result = NULL;
	int fds[2];
	pid_t pid;

	(void)state;
	assert_int_equal(channel_pair(fds, &err), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(fds[0]);
		flood(fds[1]);
	}
	close(fds[1]);
	assert_int_equal(notary_serve(&flooded, fds[0], 600 * 1000, &result, &err), -1);
	assert_non_null(strstr(err.message, "more than any task needs"));
	assert_true(lines > 1000 && lines < 10000);
	close(fds[0]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_signs_what_an_issue_consists_of),
		cmocka_unit_test(test_it_signs_only_for_the_origin_of_the_directory),
		cmocka_unit_test(test_it_signs_no_other_payload),
		cmocka_unit_test(test_it_signs_for_its_own_csr),
		cmocka_unit_test(test_without_an_account_nothing_is_signed),
		cmocka_unit_test(test_an_account_made_anew_needs_its_binding_key),
		cmocka_unit_test(test_it_signs_the_revocation_that_was_asked_for),
		cmocka_unit_test(test_it_looks_for_an_account_in_any_task),
		cmocka_unit_test(test_it_changes_the_account_as_was_asked_for),
		cmocka_unit_test(test_an_issue_never_ends_the_account),
		cmocka_unit_test(test_it_changes_to_the_next_key_where_there_is_one),
		cmocka_unit_test(test_a_proof_is_published_and_taken_back),
		cmocka_unit_test(test_all_proofs_are_taken_back_at_the_end),
		cmocka_unit_test(test_proofs_that_are_refused),
		cmocka_unit_test(test_the_urls_it_is_told),
		cmocka_unit_test(test_a_flood_is_stopped),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
