/* test_store_account.c */
#include "store/account.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "crypto/pkey.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "scratch.h"

#define CA "https://acme.example/v2/directory"

static struct error err;
static struct buf key_pem;

static int make_key(void **state)
{
	CLEANUP(crypto_pkey_cleanup) struct pkey *key = NULL;

	(void)state;
	key_pem = BUF_SECRET(4096);
	return crypto_pkey_generate(KEY_ECDSA_P256, &key, &err) < 0 || crypto_pkey_print(key, &key_pem, &err) < 0 ? -1 : 0;
}

static int free_key(void **state)
{
	(void)state;
	buf_done(&key_pem);
	return 0;
}

static struct store *open_store(const struct scratch *s)
{
	struct store *store = NULL;

	assert_works(store_open(scratch_path(s, "state"), true, &store, &err));
	return store;
}

/* The name of a file in the account's directory, within the scratch directory. */
static const char *file_of(const struct scratch *s, const struct store_account *account, const char *name)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/%s", store_account_path(account) + strlen(s->path) + 1, name);
	return path;
}

static void test_life_of_an_account(void **state)
{
	struct scratch *s = *state;
	CLEANUP(store_cleanup) struct store *store = open_store(s);
	CLEANUP(store_account_cleanup) struct store_account *account = NULL;
	CLEANUP(buf_done) struct buf key = BUF_SECRET(4096);

	assert_int_equal(store_account_open(store, CA, "a@b.example", &account, &err), STORE_ABSENT);
	assert_works(store_account_create(store, CA, "a@b.example", &key_pem, &account, &err));
	assert_null(store_account_url(account));
	scratch_assert_mode(s, "state/accounts", 0700);
	scratch_assert_mode(s, file_of(s, account, ""), 0700);
	scratch_assert_mode(s, file_of(s, account, "key.pem"), 0600);
	scratch_assert_mode(s, file_of(s, account, "account.json"), 0600);
	assert_non_null(strstr(store_account_path(account), "/accounts/acme.example_v2_directory-"));
	assert_non_null(strstr(store_account_path(account), "/a_b.example-"));
	store_account_free(TAKE(account));
	assert_works(store_account_open(store, CA, "a@b.example", &account, &err));
	assert_null(store_account_url(account));
	assert_works(store_account_set_url(account, "https://acme.example/acct/1", &err));
	assert_string_equal(store_account_url(account), "https://acme.example/acct/1");
	assert_works(store_account_set_url(account, "https://acme.example/acct/2", &err));
	store_account_free(TAKE(account));
	assert_works(store_account_open(store, CA, "a@b.example", &account, &err));
	assert_string_equal(store_account_url(account), "https://acme.example/acct/2");
	assert_works(store_account_key(account, &key, &err));
	assert_string_equal(buf_text(&key), buf_text(&key_pem));
}

static void test_accounts_are_apart(void **state)
{
	static const char *const pairs[][2] = {
		{ CA, NULL },
		{ CA, "default" },
		{ CA, "a@b.example" },
		{ CA, "a.b.example" },
		{ CA, "A@b.example" },
		{ "https://acme.example/v2/directory/", NULL },
		{ "https://acme.example/v2_directory", NULL },
		{ "https://acme.example:8443/v2/directory", NULL },
		{ "https://../../../etc", "../../x" },
	};
	struct scratch *s = *state;
	CLEANUP(store_cleanup) struct store *store = open_store(s);

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		CLEANUP(store_account_cleanup) struct store_account *account = NULL;

		assert_int_equal(store_account_open(store, pairs[i][0], pairs[i][1], &account, &err), STORE_ABSENT);
		assert_works(store_account_create(store, pairs[i][0], pairs[i][1], &key_pem, &account, &err));
		assert_null(strstr(store_account_path(account), ".."));
	}
	/* No address and an empty one are the same. */
	{
		CLEANUP(store_account_cleanup) struct store_account *account = NULL;

		assert_works(store_account_open(store, CA, "", &account, &err));
	}
}

static void test_never_over_an_account(void **state)
{
	struct scratch *s = *state;
	CLEANUP(store_cleanup) struct store *store = open_store(s);
	CLEANUP(store_account_cleanup) struct store_account *account = NULL;
	struct store_account *second = NULL;

	assert_works(store_account_create(store, CA, NULL, &key_pem, &account, &err));
	assert_fails(store_account_create(store, CA, NULL, &key_pem, &second, &err), "already");
	scratch_assert_text(s, file_of(s, account, "key.pem"), buf_text(&key_pem));
	assert_null(second);
}

static void test_key_that_is_damaged(void **state)
{
	struct scratch *s = *state;
	CLEANUP(store_cleanup) struct store *store = open_store(s);
	CLEANUP(store_account_cleanup) struct store_account *account = NULL;
	struct store_account *again = NULL;
	CLEANUP(buf_done) struct buf key = BUF_SECRET(4096);
	CLEANUP(buf_done) struct buf open_buf = BUF(4096);

	assert_works(store_account_create(store, CA, NULL, &key_pem, &account, &err));
	assert_fails(store_account_key(account, &open_buf, &err), "secret");
	scratch_write(s, file_of(s, account, "key.pem"), "", 0600);
	assert_fails(store_account_open(store, CA, NULL, &again, &err), "key.pem is empty");
	assert_true(err.advice[0] != '\0');
	scratch_write(s, file_of(s, account, "key.pem"), "-----BEGIN PRIVATE KEY-----\nAAAA\n", 0600);
	assert_fails(store_account_key(account, &key, &err), "key.pem is damaged");
	assert_int_equal(key.len, 0);
	assert_int_equal(unlink(scratch_path(s, file_of(s, account, "key.pem"))), 0);
	assert_fails(store_account_open(store, CA, NULL, &again, &err), "key.pem is missing");
	assert_fails(store_account_key(account, &key, &err), "key.pem is missing");
	assert_int_equal(mkdir(scratch_path(s, file_of(s, account, "key.pem")), 0700), 0);
	assert_fails(store_account_open(store, CA, NULL, &again, &err), "no regular file");
	assert_null(again);
}

static void test_url_that_is_damaged(void **state)
{
	static const char *const texts[] = {
		"",
		"garbage",
		"{}",
		"{\"version\":1}",
		"{\"version\":1,\"directory\":\"https://other.example\",\"url\":\"https://other.example/1\"}",
		"{\"version\":1,\"directory\":\"" CA "\",\"url\":5}",
	};
	struct scratch *s = *state;
	CLEANUP(store_cleanup) struct store *store = open_store(s);
	CLEANUP(store_account_cleanup) struct store_account *account = NULL;
	struct store_account *again = NULL;

	assert_works(store_account_create(store, CA, NULL, &key_pem, &account, &err));
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		scratch_write(s, file_of(s, account, "account.json"), texts[i], 0600);
		assert_works(store_account_open(store, CA, NULL, &again, &err));
		assert_null(store_account_url(again));
		store_account_free(TAKE(again));
	}
	assert_int_equal(truncate(scratch_path(s, file_of(s, account, "account.json")), 1 << 20), 0);
	assert_works(store_account_open(store, CA, NULL, &again, &err));
	store_account_free(TAKE(again));
	assert_int_equal(unlink(scratch_path(s, file_of(s, account, "account.json"))), 0);
	assert_works(store_account_open(store, CA, NULL, &again, &err));
	store_account_free(TAKE(again));
	scratch_write(s, file_of(s, account, "account.json"), "{\"version\":2}", 0600);
	assert_fails(store_account_open(store, CA, NULL, &again, &err), "version 2");
}

static void test_what_a_crash_left(void **state)
{
	struct scratch *s = *state;
	CLEANUP(store_cleanup) struct store *store = open_store(s);
	CLEANUP(store_account_cleanup) struct store_account *account = NULL;
	struct store_account *second = NULL;
	char path[4096];
	int fd;

	assert_works(store_account_create(store, CA, NULL, &key_pem, &account, &err));
	snprintf(path, sizeof(path), "%s/../.tmp-0123456789ab", store_account_path(account));
	assert_int_equal(mkdir(path, 0700), 0);
	/* Not while another makes one. */
	snprintf(path, sizeof(path), "%s/..", store_account_path(account));
	assert_works(file_open_dir(path, &fd, &err));
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	assert_fails(store_account_create(store, CA, "x@y.example", &key_pem, &second, &err), "right now");
	assert_int_equal(err.kind, ERROR_LOCKED);
	assert_int_equal(faccessat(fd, ".tmp-0123456789ab", F_OK, 0), 0);
	close(fd);
	assert_works(store_account_create(store, CA, "x@y.example", &key_pem, &second, &err));
	store_account_free(second);
	snprintf(path, sizeof(path), "%s/../.tmp-0123456789ab", store_account_path(account));
	assert_int_equal(access(path, F_OK), -1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_make, scratch_remove)

static void test_the_next_key(void **state)
{
	struct scratch *s = *state;
	CLEANUP(store_cleanup) struct store *store = open_store(s);
	CLEANUP(store_account_cleanup) struct store_account *account = NULL;
	CLEANUP(buf_done) struct buf next = BUF_SECRET(4096);
	CLEANUP(buf_done) struct buf got = BUF_SECRET(4096);
	CLEANUP(buf_done) struct buf open_buf = BUF(4096);
	CLEANUP(crypto_pkey_cleanup) struct pkey *key = NULL;

	assert_works(crypto_pkey_generate(KEY_ECDSA_P256, &key, &err));
	assert_works(crypto_pkey_print(key, &next, &err));
	assert_works(store_account_create(store, CA, NULL, &key_pem, &account, &err));
	assert_int_equal(store_account_next_load(account, &got, &err), STORE_ABSENT);
	assert_works(store_account_next_save(account, &next, &err));
	scratch_assert_mode(s, file_of(s, account, "next.pem"), 0600);
	assert_int_equal(store_account_next_load(account, &open_buf, &err), -1);
	assert_works(store_account_next_load(account, &got, &err));
	assert_string_equal(got.data, next.data);
	/* The account's key is the old one as long as the next one was not accepted. */
	buf_reset(&got);
	assert_works(store_account_key(account, &got, &err));
	assert_string_equal(got.data, key_pem.data);
	assert_works(store_account_next_accept(account, &err));
	buf_reset(&got);
	assert_works(store_account_key(account, &got, &err));
	assert_string_equal(got.data, next.data);
	assert_int_equal(store_account_next_load(account, &got, &err), STORE_ABSENT);
	assert_works(store_account_next_save(account, &key_pem, &err));
	assert_works(store_account_next_discard(account, &err));
	assert_works(store_account_next_discard(account, &err));
	assert_int_equal(store_account_next_load(account, &got, &err), STORE_ABSENT);
	assert_works(store_account_next_save(account, &(struct buf){ .data = (char *)(uintptr_t)"junk", .len = 4, .max = 4 }, &err));
	assert_int_equal(store_account_next_load(account, &got, &err), -1);
	assert_non_null(strstr(err.message, "next.pem is damaged"));
}

struct seen {
	size_t count;
	char paths[4][1024];
	char contacts[4][64];
	bool readable[4];
};

static int see(void *self, const char *path, const char *directory_url, const char *contact, struct error *error)
{
	struct seen *seen = self;

	if (seen->count == 4)
		return error_set(error, ERROR_INTERNAL, "too many");
	snprintf(seen->paths[seen->count], sizeof(seen->paths[0]), "%s", path);
	snprintf(seen->contacts[seen->count], sizeof(seen->contacts[0]), "%s", contact ? contact : "-");
	seen->readable[seen->count++] = directory_url != NULL;
	return 0;
}

static void test_which_there_are(void **state)
{
	struct scratch *s = *state;
	CLEANUP(store_cleanup) struct store *store = open_store(s);
	CLEANUP(store_account_cleanup) struct store_account *one = NULL;
	CLEANUP(store_account_cleanup) struct store_account *two = NULL;
	CLEANUP(store_account_cleanup) struct store_account *again = NULL;
	struct seen seen = { 0 };
	char before[4096];

	assert_works(store_account_each(store, see, &seen, &err));
	assert_int_equal(seen.count, 0);
	assert_works(store_account_create(store, CA, "b@c.example", &key_pem, &one, &err));
	assert_works(store_account_create(store, CA, "a@b.example", &key_pem, &two, &err));
	assert_works(store_account_set_url(two, "https://acme.example/account/2", &err));
	assert_works(store_account_each(store, see, &seen, &err));
	assert_int_equal(seen.count, 2);
	assert_string_equal(seen.contacts[0], "a@b.example");
	assert_string_equal(seen.contacts[1], "b@c.example");
	assert_string_equal(seen.paths[1], store_account_path(one));
	assert_true(seen.readable[0] && seen.readable[1]);
	/* Another contact: it is found by that one, and by the old one no more. */
	assert_int_equal(store_account_move(store, two, "b@c.example", &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_works(store_account_move(store, two, "a@b.example", &err));
	assert_works(store_account_move(store, two, "z@b.example", &err));
	assert_string_equal(store_account_contact(two), "z@b.example");
	assert_int_equal(store_account_open(store, CA, "a@b.example", &again, &err), STORE_ABSENT);
	assert_works(store_account_open(store, CA, "z@b.example", &again, &err));
	assert_string_equal(store_account_url(again), "https://acme.example/account/2");
	assert_string_equal(store_account_path(again), store_account_path(two));
	/* One that is no more is nobody's, and its files stay. */
	assert_works(store_account_retire(store, two, &err));
	store_account_free(TAKE(again));
	assert_int_equal(store_account_open(store, CA, "z@b.example", &again, &err), STORE_ABSENT);
	snprintf(before, sizeof(before), "%s", store_account_path(two));
	assert_non_null(strstr(before, ".deactivated-1"));
	assert_works(store_account_create(store, CA, "z@b.example", &key_pem, &again, &err));
	assert_works(store_account_retire(store, again, &err));
	assert_non_null(strstr(store_account_path(again), ".deactivated-2"));
	scratch_assert_mode(s, file_of(s, two, "key.pem"), 0600);
	/* One whose account.json is no more is shown all the same. */
	assert_int_equal(unlinkat(s->fd, file_of(s, one, "account.json"), 0), 0);
	seen.count = 0;
	assert_works(store_account_each(store, see, &seen, &err));
	assert_int_equal(seen.count, 1);
	assert_false(seen.readable[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_life_of_an_account),
		TEST(test_accounts_are_apart),
		TEST(test_never_over_an_account),
		TEST(test_key_that_is_damaged),
		TEST(test_url_that_is_damaged),
		TEST(test_what_a_crash_left),
		TEST(test_the_next_key),
		TEST(test_which_there_are),
	};

	return cmocka_run_group_tests(tests, make_key, free_key);
}
