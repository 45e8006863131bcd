/* test_store_state.c */
#include "store/state.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/file.h"
#include "base/text.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "scratch.h"

#define STATE "state/certificates/a.example/state.json"

static struct error err;
static struct store_state got;

struct opened {
	struct store *store;
	struct store_cert *cert;
};

static void opened_done(struct opened *o)
{
	store_cert_free(o->cert);
	store_free(o->store);
}

static struct opened open_cert(const struct scratch *s)
{
	struct opened o = { .store = NULL };

	assert_works(store_open(scratch_path(s, "state"), true, &o.store, &err));
	assert_works(store_cert_open(o.store, "a.example", true, &o.cert, &err));
	return o;
}

static struct store_state full_state(void)
{
	struct store_state state = {
		.last_at = 1795442709,
		.last_ok = false,
		.attempts = 3,
		.next_at = 1795443000,
		.success_at = 1790000000,
		.order_url = "https://ca.example/order/1?a=\"b\"",
		.order_expires_at = 1796000000,
		.order_directory = "https://ca.example/dir",
		.order_account = "https://ca.example/acct/1",
		.order_names = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		.cas = { [0] = { .directory = "https://a.example/dir", .failures = 3, .failed_at = 1795442000, .reason = "no \"answer\"",
		                 .order_url = "https://a.example/order/9", .order_expires_at = 1796000001,
		                 .order_account = "https://a.example/acct/2" },
		         [7] = { .directory = "https://h.example/dir", .failures = 1 } },
		.directory = "https://old.example/dir",
		.ca = "letsencrypt",
		.account = "https://old.example/acct/7",
		.profile = "tlsserver",
		.ari[0].id = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE",
		.ari[0].start_at = 1797000000,
		.ari[0].end_at = 1797100000,
		.ari[0].chosen_at = 1797050000,
		.ari[0].explanation_url = "https://ca.example/why",
		.ari[0].checked_at = 1795440000,
		.ari[0].next_check_at = 1795460000,
		.ari[0].failures = 2,
		.ari[1].id = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyF",
		.ari[1].start_at = 1797000001,
		.ari[1].end_at = 1797100001,
		.ari[1].chosen_at = 1797050001,
		.ari[1].explanation_url = "https://ca.example/why-too",
		.ari[1].checked_at = 1795440001,
		.ari[1].next_check_at = 1795460001,
		.ari[1].failures = 3,
		.ari_early_at = 1780000000,
		.deploy_generation = 7,
		.deploy_previous = 6,
		.served = true,
		.served_at = 1790000001,
		.served_generation = 6,
		.alarm = 3,
		.post_renew_pending = true,
	};

	error_set(&state.last_error, ERROR_LATER, "the CA asks to come back: \"späte\\r\"");
	error_advise(&state.last_error, "wait");
	text_copy(state.last_error.problem, sizeof(state.last_error.problem), "{\"type\":\"x\"}");
	state.last_error.retry_at = 1795443000;
	state.last_error.http_status = 429;
	return state;
}

static void assert_same(const struct store_state *a, const struct store_state *b)
{
	CLEANUP(buf_done) struct buf x = BUF(1 << 20);
	CLEANUP(buf_done) struct buf y = BUF(1 << 20);

	assert_works(store_state_print(a, &x, &err));
	assert_works(store_state_print(b, &y, &err));
	assert_string_equal(buf_text(&x), buf_text(&y));
}

static void assert_zero(const struct store_state *state)
{
	static const struct store_state zero;

	assert_memory_equal(state, &zero, sizeof(zero));
}

static void test_round_trip(void **state)
{
	CLEANUP(opened_done) struct opened o = open_cert(*state);
	struct store_state saved = full_state();

	assert_works(store_state_load(o.cert, &got, &err));
	assert_zero(&got);
	assert_works(store_state_save(o.cert, &saved, &err));
	scratch_assert_mode(*state, STATE, 0600);
	assert_works(store_state_load(o.cert, &got, &err));
	assert_same(&got, &saved);
	assert_int_equal(got.last_at, saved.last_at);
	assert_false(got.last_ok);
	assert_int_equal(got.attempts, 3);
	assert_int_equal(got.next_at, saved.next_at);
	assert_int_equal(got.success_at, saved.success_at);
	assert_int_equal(got.last_error.kind, ERROR_LATER);
	assert_string_equal(got.last_error.message, saved.last_error.message);
	assert_string_equal(got.last_error.advice, "wait");
	assert_string_equal(got.last_error.problem, "{\"type\":\"x\"}");
	assert_int_equal(got.last_error.retry_at, 1795443000);
	assert_int_equal(got.last_error.http_status, 429);
	assert_string_equal(got.order_url, saved.order_url);
	assert_int_equal(got.order_expires_at, saved.order_expires_at);
	assert_string_equal(got.order_directory, saved.order_directory);
	assert_string_equal(got.order_account, saved.order_account);
	assert_string_equal(got.order_names, saved.order_names);
	assert_string_equal(got.directory, saved.directory);
	assert_string_equal(got.ca, saved.ca);
	assert_int_equal(got.deploy_generation, 7);
	assert_int_equal(got.deploy_previous, 6);
	assert_true(got.served);
	assert_int_equal(got.served_at, saved.served_at);
	assert_int_equal(got.served_generation, 6);
	assert_int_equal(got.alarm, 3);
	assert_true(got.post_renew_pending);
}

static void test_zero_round_trip(void **state)
{
	CLEANUP(opened_done) struct opened o = open_cert(*state);
	static const struct store_state zero;

	assert_works(store_state_save(o.cert, &zero, &err));
	scratch_assert_text(*state, STATE, "{\"version\":1}\n");
	assert_works(store_state_load(o.cert, &got, &err));
	assert_zero(&got);
}

/* What does not fit into JSON, or into a time, is made to fit rather than lost with everything else. */
static void test_hostile_values_are_saved(void **state)
{
	CLEANUP(opened_done) struct opened o = open_cert(*state);
	struct store_state saved = { .last_at = INT64_MAX, .next_at = -5, .attempts = UINT64_MAX };

	memset(saved.last_error.message, 0xc3, sizeof(saved.last_error.message));
	text_copy(saved.last_error.advice, sizeof(saved.last_error.advice), "a\033[31m\xff");
	saved.last_error.http_status = -7;
	memset(saved.ca, 'x', sizeof(saved.ca));
	assert_works(store_state_save(o.cert, &saved, &err));
	assert_works(store_state_load(o.cert, &got, &err));
	assert_int_equal(got.last_at, 253402300799);
	assert_int_equal(got.next_at, 0);
	assert_int_equal(got.attempts, INT64_MAX);
	assert_int_equal(strlen(got.ca), sizeof(got.ca) - 1);
	assert_int_equal(strlen(got.last_error.message), sizeof(got.last_error.message) - 1);
	assert_string_equal(got.last_error.advice, "a?[31m?");
}

static void assert_damaged(const struct scratch *s, const struct opened *o, const char *text)
{
	struct store_state state = full_state();
	int r;

	scratch_write(s, STATE, text, 0600);
	r = store_state_load(o->cert, &state, &err);
	if (r != STORE_DAMAGED)
		fail_msg("\"%s\": %d", text, r);
	assert_zero(&state);
	assert_true(err.message[0] != '\0');
	scratch_assert_absent(s, STATE);
	scratch_assert_text(s, STATE ".damaged", text);
	/* And then all goes on. */
	assert_works(store_state_load(o->cert, &state, &err));
}

static void test_damaged(void **state)
{
	static const char *const texts[] = {
		"",
		" ",
		"garbage",
		"[]",
		"{}",
		"{\"version\":\"1\"}",
		"{\"version\":0}",
		"{\"version\":-1}",
		"{\"version\":1}{}",
		"{\"version\":1,\"version\":1}",
		"{\"version\":1,\"attempt\":[]}",
		"{\"version\":1,\"attempt\":{\"at\":12}}",
		"{\"version\":1,\"attempt\":{\"at\":\"yesterday\"}}",
		"{\"version\":1,\"attempt\":{\"at\":\"1969-12-31T00:00:00Z\"}}",
		"{\"version\":1,\"attempt\":{\"failures\":-1}}",
		"{\"version\":1,\"attempt\":{\"failures\":1.5}}",
		"{\"version\":1,\"attempt\":{\"ok\":1}}",
		"{\"version\":1,\"error\":{\"kind\":\"odd\"}}",
		"{\"version\":1,\"error\":{\"kind\":5}}",
		"{\"version\":1,\"error\":{\"http_status\":99999999999}}",
		"{\"version\":1,\"order\":{\"url\":5}}",
		("{\"version\":1,\"issued\":{\"ca\":"
		 "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}}"),
		"{\"version\":1,\"post_renew_pending\":{}}",
	};
	CLEANUP(opened_done) struct opened o = open_cert(*state);

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_damaged(*state, &o, texts[i]);
}

static void test_truncated_at_each_byte(void **state)
{
	CLEANUP(opened_done) struct opened o = open_cert(*state);
	CLEANUP(buf_done) struct buf text = BUF(1 << 20);
	struct store_state full = full_state();

	assert_works(store_state_print(&full, &text, &err));
	/* Without the end of line it is whole still. */
	for (size_t len = text.len - 2; len > 0; len--) {
		text.data[len] = '\0';
		assert_damaged(*state, &o, text.data);
	}
}

static void test_too_large(void **state)
{
	CLEANUP(opened_done) struct opened o = open_cert(*state);

	scratch_write(*state, STATE, "{", 0600);
	assert_int_equal(truncate(scratch_path(*state, STATE), 100 * 1024 * 1024), 0);
	assert_int_equal(store_state_load(o.cert, &got, &err), STORE_DAMAGED);
	scratch_assert_absent(*state, STATE);
	assert_works(store_state_load(o.cert, &got, &err));
}

static void test_no_file(void **state)
{
	CLEANUP(opened_done) struct opened o = open_cert(*state);

	assert_int_equal(mkdir(scratch_path(*state, STATE), 0700), 0);
	assert_int_equal(store_state_load(o.cert, &got, &err), STORE_DAMAGED);
	assert_int_equal(rmdir(scratch_path(*state, STATE ".damaged")), 0);
	assert_int_equal(mkfifo(scratch_path(*state, STATE), 0600), 0);
	assert_int_equal(store_state_load(o.cert, &got, &err), STORE_DAMAGED);
	/* A link is not where certd writes either; what it leads to stays as it is. */
	scratch_write(*state, "elsewhere", "{\"version\":1}", 0600);
	assert_int_equal(symlink("../../../elsewhere", scratch_path(*state, STATE)), 0);
	assert_int_equal(store_state_load(o.cert, &got, &err), STORE_DAMAGED);
	scratch_assert_text(*state, "elsewhere", "{\"version\":1}");
}

static void test_newer(void **state)
{
	CLEANUP(opened_done) struct opened o = open_cert(*state);
	static const char newer[] = "{\"version\":2,\"attempt\":\"in another form\"}";

	scratch_write(*state, STATE, newer, 0600);
	assert_fails(store_state_load(o.cert, &got, &err), "version 2");
	assert_true(err.advice[0] != '\0');
	assert_non_null(strstr(err.message, "a.example"));
	scratch_assert_text(*state, STATE, newer);
	scratch_assert_absent(*state, STATE ".damaged");
}

static void test_unknown_members(void **state)
{
	CLEANUP(opened_done) struct opened o = open_cert(*state);

	scratch_write(*state, STATE, "{\"version\":1,\"new\":[1],\"attempt\":{\"failures\":4,\"x\":{}},\"order\":null}", 0600);
	assert_works(store_state_load(o.cert, &got, &err));
	assert_int_equal(got.attempts, 4);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_make, scratch_remove)

static bool is_wanted(const void *self, const char *directory)
{
	return text_equal(directory, self) || text_has_prefix(directory, "https://keep");
}

static void test_what_is_remembered_of_cas(void **state)
{
	struct store_state s = { .last_at = 0 };
	struct store_state_ca *ca;
	char url[600];

	(void)state;
	assert_null(store_state_ca(&s, ""));
	assert_null(store_state_ca(&s, "https://a.example/"));
	ca = store_state_ca_make(&s, "https://a.example/", is_wanted, "https://a.example/");
	ca->failures = 2;
	assert_ptr_equal(store_state_ca_make(&s, "https://a.example/", is_wanted, ""), ca);
	assert_int_equal(store_state_ca(&s, "https://a.example/")->failures, 2);
	/* One that is wanted no more gives its place away, with all that was known of it. */
	for (int i = 0; i < STORE_STATE_CAS_MAX; i++) {
		snprintf(url, sizeof(url), "https://keep%d.example/", i);
		assert_non_null(store_state_ca_make(&s, url, is_wanted, ""));
		assert_int_equal(store_state_ca(&s, url)->failures, 0);
	}
	assert_null(store_state_ca(&s, "https://a.example/"));
	assert_null(store_state_ca_make(&s, "https://one-more.example/", is_wanted, ""));
	memset(&s, 0, sizeof(s));
	memset(url, 'a', sizeof(url) - 1);
	url[sizeof(url) - 1] = '\0';
	assert_null(store_state_ca_make(&s, url, is_wanted, ""));
	assert_zero(&s);
}

static void test_revoked_serials(void **state)
{
	CLEANUP(opened_done) struct opened o = open_cert(*state);
	static struct store_state saved;
	char serial[64];

	memset(&saved, 0, sizeof(saved));
	assert_false(store_state_is_revoked(&saved, "0a"));
	assert_false(store_state_is_revoked(&saved, ""));
	store_state_add_revoked(&saved, "0a");
	store_state_add_revoked(&saved, "0a0b");
	store_state_add_revoked(&saved, "0a");
	assert_string_equal(saved.revoked, "0a0b 0a");
	assert_false(store_state_is_revoked(&saved, "0a0"));
	assert_works(store_state_save(o.cert, &saved, &err));
	assert_works(store_state_load(o.cert, &got, &err));
	assert_true(store_state_is_revoked(&got, "0a"));
	assert_true(store_state_is_revoked(&got, "0a0b"));
	/* The newest stay, whole. */
	for (int i = 0; i < 100; i++) {
		snprintf(serial, sizeof(serial), "%040d", i);
		store_state_add_revoked(&saved, serial);
	}
	assert_false(store_state_is_revoked(&saved, "0a"));
	for (int i = 76; i < 100; i++) {
		snprintf(serial, sizeof(serial), "%040d", i);
		assert_true(store_state_is_revoked(&saved, serial));
	}
	assert_int_equal(strlen(strrchr(saved.revoked, ' ') + 1), 40);
}

/* `certd status` looks, beside a run or without one, and changes nothing. */
static void test_a_look_moves_nothing(void **state)
{
	CLEANUP(opened_done) struct opened o = open_cert(*state);
	struct store_cert *look = NULL;

	scratch_write(*state, STATE, "garbage", 0600);
	assert_works(store_cert_open(o.store, "a.example", false, &look, &err));
	assert_int_equal(store_state_load(look, &got, &err), STORE_DAMAGED);
	assert_int_equal(got.last_at, 0);
	scratch_assert_text(*state, STATE, "garbage");
	store_cert_free(look);
	assert_int_equal(store_state_load(o.cert, &got, &err), STORE_DAMAGED);
	scratch_assert_text(*state, STATE ".damaged", "garbage");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_round_trip),
		TEST(test_zero_round_trip),
		TEST(test_hostile_values_are_saved),
		TEST(test_damaged),
		TEST(test_a_look_moves_nothing),
		TEST(test_truncated_at_each_byte),
		TEST(test_too_large),
		TEST(test_no_file),
		TEST(test_newer),
		TEST(test_unknown_members),
		TEST(test_revoked_serials),
		TEST(test_what_is_remembered_of_cas),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
