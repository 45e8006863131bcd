/* test_channel_message.c: what is packed is what is read; what is wrong is refused */
#include "channel/message.h"
#include "channel/message_check.h"

#include "base/error.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct error err;
static struct ident_list names;

static const struct message_limits limits = {
	.connect_ms = 1,
	.idle_ms = 2,
	.request_ms = 3,
	.retry_after_max_ms = 4,
	.attempt_ms = 5,
};

static int make_names(void **state)
{
	static const char *const texts[] = { "togetherers.com", "*.togetherers.com", "2001:db8::1" };

	(void)state;
	error_clear(&err);
	names = (struct ident_list){ 0 };
	for (size_t i = 0; i < 3; i++) {
		struct ident ident;

		if (ident_parse(texts[i], &ident, &err) < 0 || ident_list_add(&names, &ident, &err) < 0)
			return -1;
	}
	return 0;
}

static int free_names(void **state)
{
	(void)state;
	ident_list_done(&names);
	return 0;
}

static void test_tasks(void **state)
{
	const struct message_preflight preflight = {
		.names = names, .http_port = 8080, .token = "t", .body = "b", .resolver = "127.0.0.1@53", .limits = limits,
	};
	struct message_expectation expected[] = {
		{ .ident = names.items[0], .at = 1, .leaf = { "ab", NULL } },
		{ .ident = names.items[1], .at = 3, .leaf = { "ab", "cd" } },
	};
	const struct message_prove prove = {
		.targets = { { "127.0.0.1", 8443 }, { "::1", 443 } }, .targets_count = 2, .names = expected, .names_count = 2,
		.timeout_ms = 10000,
	};
	struct message_issue issue = {
		.names = names, .challenges = STRV(2), .directory_url = "https://ca.example/dir", .contact = "mailto:a@b.example",
		.order_url = "https://ca.example/order/1", .agree_tos = true, .limits = limits,
	};
	struct message_preflight preflight_read;
	struct message_prove prove_read;
	struct message_issue issue_read;
	json_auto_t *preflight_json = message_preflight_pack(&preflight);
	json_auto_t *prove_json = message_prove_pack(&prove);
	json_auto_t *issue_json = NULL;

	(void)state;
	assert_int_equal(strv_add(&issue.challenges, "http-01"), 0);
	issue_json = message_issue_pack(&issue);
	assert_int_equal(message_preflight_read(preflight_json, &preflight_read, &err), 0);
	assert_true(ident_list_same(&preflight_read.names, &names));
	assert_int_equal(preflight_read.http_port, 8080);
	assert_string_equal(preflight_read.resolver, "127.0.0.1@53");
	assert_memory_equal(&preflight_read.limits, &limits, sizeof(limits));
	assert_int_equal(message_prove_read(prove_json, &prove_read, &err), 0);
	assert_int_equal(prove_read.targets_count, 2);
	assert_string_equal(prove_read.targets[1].address, "::1");
	assert_int_equal(prove_read.targets[0].port, 8443);
	assert_int_equal(prove_read.names_count, 2);
	assert_string_equal(prove_read.names[1].ident.value, names.items[1].value);
	assert_int_equal(prove_read.names[1].at, 3);
	assert_string_equal(prove_read.names[0].leaf[MESSAGE_LEAF_ECDSA], "ab");
	assert_null(prove_read.names[0].leaf[MESSAGE_LEAF_RSA]);
	assert_string_equal(prove_read.names[1].leaf[MESSAGE_LEAF_RSA], "cd");
	assert_int_equal(prove_read.timeout_ms, 10000);
	assert_int_equal(message_issue_read(issue_json, &issue_read, &err), 0);
	assert_int_equal(issue_read.challenges.count, 1);
	assert_string_equal(issue_read.challenges.items[0], "http-01");
	assert_null(issue_read.account_url);
	assert_null(issue_read.profile);
	assert_string_equal(issue_read.order_url, "https://ca.example/order/1");
	assert_true(issue_read.agree_tos);
	assert_false(issue_read.binding);
	message_preflight_done(&preflight_read);
	message_prove_done(&prove_read);
	message_issue_done(&issue_read);
	strv_done(&issue.challenges);
}

static void test_revocation(void **state)
{
	const struct message_revoke revoke = {
		.directory_url = "https://ca.example/dir", .certificate = "MII", .reason = 4, .certificate_key = true, .limits = limits,
	};
	json_auto_t *json = message_revoke_pack(&revoke);
	struct message_revoke read;

	(void)state;
	assert_int_equal(message_revoke_read(json, &read, &err), 0);
	assert_string_equal(read.certificate, "MII");
	assert_null(read.account_url);
	assert_int_equal(read.reason, 4);
	assert_true(read.certificate_key);
	assert_false(read.certificate_key_first);
	json_object_set_new(json, "reason", json_integer(11));
	assert_int_equal(message_revoke_read(json, &read, &err), -1);
	json_object_del(json, "reason");
	assert_int_equal(message_revoke_read(json, &read, &err), -1);
}

static void test_account(void **state)
{
	struct message_account account = { .directory_url = "https://ca.example/dir", .contact = "mailto:a@b.example", .limits = limits };
	struct message_account_state told = { .known = true, .status = "valid", .contacts = STRV(2) };
	struct message_account_state told_read;
	struct message_account read;
	json_auto_t *told_json = NULL;

	(void)state;
	for (int i = 0; i < MESSAGE_ACCOUNT_VERB_COUNT; i++) {
		json_auto_t *json = NULL;

		account.verb = (enum message_account_verb)i;
		json = message_account_pack(&account);
		assert_int_equal(message_account_read(json, &read, &err), 0);
		assert_int_equal(read.verb, i);
		assert_null(read.account_url);
		assert_string_equal(read.contact, "mailto:a@b.example");
		json_object_set_new(json, "verb", json_string("destroy"));
		assert_int_equal(message_account_read(json, &read, &err), -1);
	}
	assert_int_equal(strv_add(&told.contacts, "mailto:a@b.example"), 0);
	told_json = message_account_state_pack(&told);
	assert_int_equal(message_account_state_read(told_json, &told_read, &err), 0);
	assert_true(told_read.known);
	assert_string_equal(told_read.status, "valid");
	assert_int_equal(told_read.contacts.count, 1);
	message_account_state_done(&told_read);
	message_account_state_done(&told);
	for (int i = 0; i < 20; i++)
		json_array_append_new(json_object_get(told_json, "contacts"), json_string("x"));
	assert_int_equal(message_account_state_read(told_json, &told_read, &err), -1);
}

static void test_renewal(void **state)
{
	struct message_renewal renewal = { .directory_url = "https://ca.example/dir", .ids = STRV(MESSAGE_RENEWAL_MAX), .limits = limits };
	struct message_renewal read;
	json_auto_t *json = NULL;

	(void)state;
	for (int i = 0; i < MESSAGE_RENEWAL_MAX; i++)
		assert_int_equal(strv_addf(&renewal.ids, "id.%d", i), 0);
	json = message_renewal_pack(&renewal);
	assert_int_equal(message_renewal_read(json, &read, &err), 0);
	assert_string_equal(read.directory_url, "https://ca.example/dir");
	assert_int_equal(read.ids.count, MESSAGE_RENEWAL_MAX);
	assert_string_equal(read.ids.items[7], "id.7");
	assert_memory_equal(&read.limits, &limits, sizeof(limits));
	message_renewal_done(&read);
	message_renewal_done(&renewal);
	/* One more than a task may hold. */
	json_array_append_new(json_object_get(json, "ids"), json_string("id"));
	assert_int_equal(message_renewal_read(json, &read, &err), -1);
	json_object_set_new(json, "ids", json_integer(1));
	assert_int_equal(message_renewal_read(json, &read, &err), -1);
}

static void test_window(void **state)
{
	const struct message_window window = {
		.answer = MESSAGE_LASTING, .start_at = -5, .end_at = INT64_MAX, .retry_at = 9, .explanation_url = "e", .reason = "r",
	};
	struct message_window read;
	json_auto_t *json = message_window_pack(&window);

	(void)state;
	assert_int_equal(message_window_read(json, &read, &err), 0);
	assert_int_equal(read.answer, MESSAGE_LASTING);
	assert_int_equal(read.start_at, -5);
	assert_int_equal(read.end_at, INT64_MAX);
	assert_int_equal(read.retry_at, 9);
	assert_string_equal(read.explanation_url, "e");
	assert_string_equal(read.reason, "r");
	json_object_set_new(json, "answer", json_string("maybe"));
	assert_int_equal(message_window_read(json, &read, &err), -1);
	assert_non_null(strstr(err.message, ".answer"));
	assert_int_equal(message_window_read(NULL, &read, &err), -1);
}

static void test_each_missing_member_is_named(void **state)
{
	static const char *const members[] = { "names", "challenges", "directory", "limits" };
	struct message_issue issue = { .names = names, .challenges = STRV(1), .directory_url = "https://ca.example/", .limits = limits };
	struct message_issue read;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		json_auto_t *json = message_issue_pack(&issue);

		json_object_del(json, members[i]);
		if (strcmp(members[i], "challenges") == 0)
			json_object_set_new(json, "challenges", json_integer(1));
		error_clear(&err);
		assert_int_equal(message_issue_read(json, &read, &err), -1);
		assert_non_null(strstr(err.message, members[i]));
	}
}

static void test_names_are_read_as_if_a_person_had_written_them(void **state)
{
	static const char *const bad[] = { "../etc", "a b", "", "-x", "a..b" };

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		const struct message_preflight preflight = { .names = names, .http_port = 80, .token = "t", .body = "b", .limits = limits };
		struct message_preflight read;
		json_auto_t *json = message_preflight_pack(&preflight);

		json_object_set_new(json, "names", json_pack("[s]", bad[i]));
		assert_int_equal(message_preflight_read(json, &read, &err), -1);
	}
}

/* `change`: JSON that takes the place of members of a good task. */
static void refuses_to_prove(const char *change)
{
	struct message_expectation expected = { .ident = names.items[0], .at = 1, .leaf = { "ab" } };
	const struct message_prove prove = {
		.targets = { { "::1", 443 } }, .targets_count = 1, .names = &expected, .names_count = 1, .timeout_ms = 1,
	};
	json_auto_t *json = message_prove_pack(&prove);
	json_auto_t *other = json_loads(change, 0, NULL);
	struct message_prove read;

	assert_non_null(other);
	assert_int_equal(message_prove_read(json, &read, &err), 0);
	message_prove_done(&read);
	json_object_update(json, other);
	assert_int_equal(message_prove_read(json, &read, &err), -1);
}

static void test_what_cannot_be_proven(void **state)
{
	(void)state;
	refuses_to_prove("{\"names\": [{\"name\": \"../etc\", \"at\": 1, \"rsa\": \"ab\"}]}");
	refuses_to_prove("{\"names\": [{\"name\": \"a.example\", \"at\": 0, \"rsa\": \"ab\"}]}");
	refuses_to_prove("{\"names\": [{\"name\": \"a.example\", \"at\": 2, \"rsa\": \"ab\"}]}");
	refuses_to_prove("{\"names\": [{\"name\": \"a.example\", \"at\": 1}]}");
	refuses_to_prove("{\"names\": [{\"name\": \"a.example\", \"at\": 1, \"rsa\": 1}]}");
	refuses_to_prove("{\"names\": [\"a.example\"]}");
	refuses_to_prove("{\"names\": null}");
	refuses_to_prove("{\"targets\": []}");
	refuses_to_prove("{\"targets\": [{\"address\": \"::1\", \"port\": 0}]}");
	refuses_to_prove("{\"targets\": [{\"port\": 1}]}");
	refuses_to_prove("{\"timeout_ms\": 0}");
}

static void test_what_was_shown(void **state)
{
	const struct message_shown other = { .fingerprint = "ab", .serial = "1", .subject = "a\x1b[31m.example", .issuer = "" };
	const struct message_shown none = { .failure = "no connection", .advice = "start it" };
	json_auto_t *other_json = message_shown_pack(&other);
	json_auto_t *none_json = message_shown_pack(&none);
	struct message_shown read;

	(void)state;
	assert_int_equal(message_shown_read(other_json, &read, &err), 0);
	assert_false(read.proven);
	assert_string_equal(read.fingerprint, "ab");
	assert_string_equal(read.subject, "a?[31m.example");
	assert_string_equal(read.issuer, "");
	assert_string_equal(read.failure, "");
	assert_int_equal(message_shown_read(none_json, &read, &err), 0);
	assert_string_equal(read.failure, "no connection");
	assert_string_equal(read.advice, "start it");
	assert_string_equal(read.fingerprint, "");
	json_object_set_new(none_json, "failure", json_true());
	assert_int_equal(message_shown_read(none_json, &read, &err), -1);
}

static void test_errors_cross_the_channel(void **state)
{
	struct error sent, got;
	json_auto_t *json = NULL;
	const char *value;

	(void)state;
	error_clear(&sent);
	error_set(&sent, ERROR_LATER, "the CA asks us to wait");
	error_advise(&sent, "wait");
	sent.retry_at = 1234567890123;
	sent.http_status = 429;
	text_copy(sent.problem, sizeof(sent.problem), "{\"type\":\"x\"}");
	json = message_error_pack(&sent);
	error_clear(&got);
	assert_int_equal(message_answer_read(json, &value, &got), -1);
	assert_int_equal(got.kind, ERROR_LATER);
	assert_int_equal(got.retry_at, sent.retry_at);
	assert_int_equal(got.http_status, 429);
	assert_string_equal(got.message, sent.message);
	assert_string_equal(got.advice, "wait");
	assert_string_equal(got.problem, sent.problem);
}

static void test_a_hostile_error_is_cleaned(void **state)
{
	json_auto_t *json = json_pack("{s:{s:s, s:s, s:s, s:I}}", "error", "kind", "no such kind", "message", "a\033[2Jb", "problem",
	                              "{\"x\":\"\033\"}", "retry_at", (json_int_t)INT64_MIN);
	struct error got;
	const char *value;

	(void)state;
	error_clear(&got);
	assert_int_equal(message_answer_read(json, &value, &got), -1);
	assert_int_equal(got.kind, ERROR_INTERNAL);
	assert_null(strchr(got.message, '\033'));
	assert_int_equal(got.retry_at, 0);
	assert_null(strchr(got.problem, '\033'));
}

static void test_answers(void **state)
{
	json_auto_t *done = message_done_pack("value");
	json_auto_t *empty = message_done_pack(NULL);
	json_auto_t *declined = message_declined_pack();
	const char *value = "unchanged";

	(void)state;
	assert_int_equal(message_answer_read(done, &value, &err), 0);
	assert_string_equal(value, "value");
	assert_int_equal(message_answer_read(empty, &value, &err), 0);
	assert_null(value);
	assert_int_equal(message_answer_read(declined, &value, &err), MESSAGE_DECLINED);
}

static void test_requests(void **state)
{
	const struct message_sign sign = { .url = "https://ca.example/x", .nonce = "n", .payload = "{}", .with_jwk = true };
	const struct message_proof proof = { .type = "http-01", .token = "abc", .identifier = names.items[0] };
	const struct message_progress progress = { .step = "order", .text = "ordering", .order_url = "" };
	json_auto_t *sign_json = message_sign_pack(&sign);
	json_auto_t *proof_json = message_proof_pack(&proof);
	json_auto_t *progress_json = message_progress_pack(&progress);
	struct message_sign sign_read;
	struct message_proof proof_read;
	struct message_progress progress_read;

	(void)state;
	assert_int_equal(message_sign_read(sign_json, &sign_read, &err), 0);
	assert_true(sign_read.with_jwk);
	assert_false(sign_read.with_binding);
	assert_int_equal(message_proof_read(proof_json, &proof_read, &err), 0);
	assert_string_equal(proof_read.identifier.value, "togetherers.com");
	assert_int_equal(message_progress_read(progress_json, &progress_read, &err), 0);
	assert_string_equal(progress_read.order_url, "");
	assert_null(progress_read.account_url);
}

static void test_check(void **state)
{
	static const char *const bad[] = { "ws", "", "/a b", "/a#b", "/a\r\nHost: x", "/\303\244" };
	struct message_check task = MESSAGE_CHECK;
	struct message_check read = MESSAGE_CHECK;
	json_t *json;

	(void)state;
	task.names = names;
	task.http_port = 80;
	task.https_port = 443;
	task.token = "t";
	task.directory_url = "https://ca.example/dir";
	task.ca = "ca";
	task.spare = true;
	task.challenge = "http-01";
	task.limits = limits;
	assert_int_equal(strv_add(&task.live, "aa"), 0);
	assert_int_equal(strv_add(&task.local, "192.0.2.1"), 0);
	assert_int_equal(strv_add(&task.websockets, "/ws?x=1"), 0);
	json = message_check_pack(&task);
	assert_non_null(json);
	if (message_check_read(json, &read, &err) < 0)
		fail_msg("%s", err.message);
	assert_true(ident_list_same(&read.names, &names));
	assert_int_equal(read.https_port, 443);
	assert_null(read.body);
	assert_null(read.account_url);
	assert_string_equal(read.live.items[0], "aa");
	assert_string_equal(read.websockets.items[0], "/ws?x=1");
	message_check_done(&read);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(message_check_path_ok(bad[i]));
		assert_int_equal(json_object_set_new(json, "websockets", json_pack("[s%]", bad[i], strlen(bad[i]))), 0);
		read = MESSAGE_CHECK;
		assert_int_equal(message_check_read(json, &read, &err), -1);
	}
	json_decref(json);
	task.names = (struct ident_list){ 0 };
	message_check_done(&task);
}

static void test_check_finding(void **state)
{
	const struct check_finding finding = {
		.name = "n", .subject = "dns", .level = CHECK_FAILURE, .asked = "a", .seen = "s", .means = "", .advice = "d",
	};
	struct check_finding read = { .level = CHECK_OK };
	json_t *json = check_finding_pack(&finding);

	(void)state;
	assert_int_equal(check_finding_read(json, &read, &err), 0);
	assert_int_equal(read.level, CHECK_FAILURE);
	assert_string_equal(read.advice, "d");
	json_object_set_new(json, "level", json_string("fatal"));
	assert_int_equal(check_finding_read(json, &read, &err), -1);
	json_object_set_new(json, "level", json_string("warning"));
	json_object_del(json, "means");
	assert_int_equal(check_finding_read(json, &read, &err), -1);
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tasks),
		cmocka_unit_test(test_revocation),
		cmocka_unit_test(test_account),
		cmocka_unit_test(test_renewal),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_each_missing_member_is_named),
		cmocka_unit_test(test_names_are_read_as_if_a_person_had_written_them),
		cmocka_unit_test(test_what_cannot_be_proven),
		cmocka_unit_test(test_what_was_shown),
		cmocka_unit_test(test_errors_cross_the_channel),
		cmocka_unit_test(test_a_hostile_error_is_cleaned),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_check_finding),
		cmocka_unit_test(test_requests),
	};

	return cmocka_run_group_tests(tests, make_names, free_names);
}
