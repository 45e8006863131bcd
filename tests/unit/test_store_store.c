/* test_store_store.c */
#include "store/store.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/strv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "scratch.h"

static struct error err;

static struct store *open_store(const struct scratch *s)
{
	struct store *store = NULL;

	assert_works(store_open(scratch_path(s, "state"), true, &store, &err));
	return store;
}

static uint64_t add_generation(const struct store_cert *cert, const char *tag)
{
	char texts[4][64];
	struct store_files files = { .privkey = texts[0], .cert = texts[1], .chain = texts[2], .fullchain = texts[3] };
	uint64_t generation = 0;

	for (size_t i = 0; i < 4; i++)
		snprintf(texts[i], sizeof(texts[i]), "%zu of %s\n", i, tag);
	assert_works(store_generation_add(cert, &files, 1, &generation, &err));
	return generation;
}

static void test_open(void **state)
{
	struct scratch *s = *state;
	CLEANUP(store_cleanup) struct store *store = NULL;

	assert_int_equal(store_open(scratch_path(s, "state"), false, &store, &err), STORE_ABSENT);
	assert_works(store_open(scratch_path(s, "state"), true, &store, &err));
	scratch_assert_mode(s, "state", 0755);
	store_free(TAKE(store));
	assert_works(store_open(scratch_path(s, "state//"), false, &store, &err));
}

static void test_open_refuses(void **state)
{
	struct scratch *s = *state;
	struct store *store = NULL;

	assert_fails(store_open("state", true, &store, &err), "absolute");
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_fails(store_open("", true, &store, &err), "absolute");
	assert_fails(store_open("/", true, &store, &err), "root");
	assert_fails(store_open("//.//", true, &store, &err), "root");
	assert_fails(store_open("/proc/../.", false, &store, &err), "root");
	assert_int_equal(mkdir(scratch_path(s, "open"), 0755), 0);
	assert_int_equal(chmod(scratch_path(s, "open"), 0775), 0);
	assert_fails(store_open(scratch_path(s, "open"), true, &store, &err), "written by others");
	assert_non_null(strstr(err.advice, "chmod go-w"));
	assert_int_equal(chmod(scratch_path(s, "open"), 0757), 0);
	assert_fails(store_open(scratch_path(s, "open"), false, &store, &err), "written by others");
	if (geteuid() == 0) {
		assert_int_equal(chmod(scratch_path(s, "open"), 0755), 0);
		assert_int_equal(chown(scratch_path(s, "open"), 4711, 0), 0);
		assert_fails(store_open(scratch_path(s, "open"), false, &store, &err), "4711");
	}
	scratch_write(s, "file", "", 0644);
	assert_fails(store_open(scratch_path(s, "file"), true, &store, &err), "file");
	assert_null(store);
}

static void test_modes_whatever_the_umask(void **state)
{
	static const mode_t masks[] = { 0, 0022, 0077, 0777 };

	for (size_t i = 0; i < ARRAY_SIZE(masks); i++) {
		CLEANUP(store_cleanup) struct store *store = NULL;
		CLEANUP(store_cert_cleanup) struct store_cert *cert = NULL;
		struct buf key = BUF_SECRET(100), csr = BUF(100);
		struct scratch *s = *state;
		mode_t before;

		buf_append_text(&key, "key");
		buf_append_text(&csr, "csr");
		before = umask(masks[i]);
		store = open_store(s);
		assert_works(store_cert_open(store, "a.example", true, &cert, &err));
		assert_works(store_live_switch(cert, add_generation(cert, "A"), &err));
		assert_works(store_pending_save(cert, &key, &csr, &err));
		umask(before);
		scratch_assert_mode(s, "state", 0755);
		scratch_assert_mode(s, "state/certificates", 0700);
		scratch_assert_mode(s, "state/certificates/a.example", 0700);
		scratch_assert_mode(s, "state/certificates/a.example/1", 0700);
		scratch_assert_mode(s, "state/certificates/a.example/1/privkey.pem", 0600);
		scratch_assert_mode(s, "state/certificates/a.example/1/fullchain.pem", 0600);
		scratch_assert_mode(s, "state/certificates/a.example/pending", 0700);
		scratch_assert_mode(s, "state/certificates/a.example/pending/privkey.pem", 0600);
		scratch_assert_mode(s, "state/live", 0700);
		assert_works(file_remove_tree(s->fd, "state", &err));
		buf_done(&key);
		buf_done(&csr);
	}
}

static void test_names_of_certificates(void **state)
{
	static const char *const bad[] = { "", ".", "..", "../x", "a/b", "/etc", "-o", ".hidden", "a..b", "A", "a b", "a\n" };
	CLEANUP(store_cleanup) struct store *store = open_store(*state);
	struct store_cert *cert = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(store_cert_open(store, bad[i], true, &cert, &err), -1);
		assert_int_equal(err.kind, ERROR_USAGE);
	}
	scratch_assert_absent(*state, "state/certificates");
	assert_int_equal(store_cert_open(store, "a.example", false, &cert, &err), STORE_ABSENT);
	assert_null(cert);
}

static void test_list(void **state)
{
	struct scratch *s = *state;
	CLEANUP(store_cleanup) struct store *store = open_store(s);
	CLEANUP(strv_done) struct strv names = STRV(10);
	static const char *const made[] = { "b.example", "a.example", "_wildcard.example" };

	assert_works(store_list(store, &names, &err));
	assert_int_equal(names.count, 0);
	for (size_t i = 0; i < ARRAY_SIZE(made); i++) {
		CLEANUP(store_cert_cleanup) struct store_cert *cert = NULL;

		assert_works(store_cert_open(store, made[i], true, &cert, &err));
	}
	scratch_write(s, "state/certificates/file", "", 0600);
	assert_int_equal(mkdir(scratch_path(s, "state/certificates/.tmp-abcdefghijkl"), 0700), 0);
	assert_int_equal(symlink("a.example", scratch_path(s, "state/certificates/link")), 0);
	assert_works(store_list(store, &names, &err));
	assert_int_equal(names.count, 3);
	assert_string_equal(names.items[0], "_wildcard.example");
	assert_string_equal(names.items[1], "a.example");
	assert_string_equal(names.items[2], "b.example");
}

static void test_probe(void **state)
{
	CLEANUP(store_cleanup) struct store *store = open_store(*state);
	CLEANUP(strv_done) struct strv names = STRV(10);
	int fd;

	assert_works(store_probe(store, &err));
	assert_works(file_open_dir(scratch_path(*state, "state/certificates"), &fd, &err));
	assert_works(file_list(fd, &names, &err));
	close(fd);
	assert_int_equal(names.count, 0);
}

static void test_generations(void **state)
{
	struct scratch *s = *state;
	CLEANUP(store_cleanup) struct store *store = open_store(s);
	CLEANUP(store_cert_cleanup) struct store_cert *cert = NULL;
	CLEANUP(buf_done) struct buf text = BUF(100);
	CLEANUP(buf_done) struct buf key = BUF_SECRET(100);
	uint64_t numbers[3] = { 0, 0, 0 }, live = 77;
	size_t count;

	assert_works(store_cert_open(store, "a.example", true, &cert, &err));
	assert_int_equal(store_live(cert, &live, &err), STORE_ABSENT);
	assert_int_equal(live, 77);
	assert_int_equal(add_generation(cert, "A"), 1);
	assert_int_equal(add_generation(cert, "B"), 2);
	assert_int_equal(store_live(cert, &live, &err), STORE_ABSENT);
	assert_works(store_live_switch(cert, 1, &err));
	assert_works(store_live_switch(cert, 2, &err));
	assert_works(store_live(cert, &live, &err));
	assert_int_equal(live, 2);
	scratch_assert_text(s, "state/live/a.example/privkey.pem", "0 of B\n");
	scratch_assert_text(s, "state/live/a.example/fullchain.pem", "3 of B\n");
	assert_works(store_generation_read(cert, 1, "cert.pem", &text, &err));
	assert_string_equal(buf_text(&text), "1 of A\n");
	assert_works(store_generation_read(cert, 1, "privkey.pem", &key, &err));
	assert_string_equal(buf_text(&key), "0 of A\n");
	assert_int_equal(store_generation_read(cert, 3, "cert.pem", &text, &err), STORE_ABSENT);
	assert_int_equal(store_generation_read(cert, 0, "cert.pem", &text, &err), STORE_ABSENT);
	assert_int_equal(store_generation_read(cert, UINT64_MAX, "cert.pem", &text, &err), STORE_ABSENT);
	assert_fails(store_generation_read(cert, 1, "privkey.pem", &text, &err), "secret");
	assert_fails(store_generation_read(cert, 1, "../state.json", &text, &err), "no file");
	add_generation(cert, "C");
	add_generation(cert, "D");
	assert_works(store_generation_list(cert, numbers, 3, &count, &err));
	assert_int_equal(count, 3);
	assert_int_equal(numbers[0], 2);
	assert_int_equal(numbers[2], 4);
}

static void test_a_number_is_given_once(void **state)
{
	struct scratch *s = *state;
	CLEANUP(store_cleanup) struct store *store = open_store(s);
	CLEANUP(store_cert_cleanup) struct store_cert *cert = NULL;
	int fd;

	assert_works(store_cert_open(store, "a.example", true, &cert, &err));
	add_generation(cert, "A");
	assert_int_equal(add_generation(cert, "B"), 2);
	assert_works(file_open_dir(scratch_path(s, "state/certificates/a.example"), &fd, &err));
	assert_works(file_remove_tree(fd, "2", &err));
	assert_int_equal(add_generation(cert, "C"), 3);
	/* Also when the note of it is of no use: the directories and the link still count. */
	scratch_write(s, "state/certificates/a.example/last-generation", "99999999999999999999999\n", 0600);
	assert_int_equal(add_generation(cert, "D"), 4);
	assert_works(file_remove(fd, "last-generation", &err));
	assert_works(store_live_switch(cert, 4, &err));
	assert_works(file_remove_tree(fd, "4", &err));
	assert_int_equal(add_generation(cert, "E"), 5);
	/* What is no generation does not count. */
	assert_int_equal(mkdirat(fd, "007", 0700), 0);
	assert_int_equal(mkdirat(fd, "+8", 0700), 0);
	assert_int_equal(mkdirat(fd, "18446744073709551615", 0700), 0);
	scratch_write(s, "state/certificates/a.example/77", "", 0600);
	assert_int_equal(add_generation(cert, "F"), 6);
	close(fd);
}

static void test_live_link_of_others(void **state)
{
	struct scratch *s = *state;
	static const char *const targets[] = {
		"/etc",
		"../certificates/b.example/1",
		"../certificates/a.example/",
		"../certificates/a.example/0",
		"../certificates/a.example/01",
		"../certificates/a.example/1/",
		"../certificates/a.example/1/../../b.example/1",
		"../certificates/a.example/99999999999999999999",
	};
	CLEANUP(store_cleanup) struct store *store = open_store(s);
	CLEANUP(store_cert_cleanup) struct store_cert *cert = NULL;
	uint64_t live;

	assert_works(store_cert_open(store, "a.example", true, &cert, &err));
	add_generation(cert, "A");
	assert_works(store_live_switch(cert, 1, &err));
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		assert_int_equal(unlink(scratch_path(s, "state/live/a.example")), 0);
		assert_int_equal(symlink(targets[i], scratch_path(s, "state/live/a.example")), 0);
		assert_fails(store_live(cert, &live, &err), "no generation of this certificate");
		assert_true(err.advice[0] != '\0');
		/* What cannot be read must not look like "nothing is live": nothing is pruned. */
		assert_int_equal(store_generation_prune(cert, 0, 0, &err), -1);
	}
	scratch_assert_text(s, "state/certificates/a.example/1/cert.pem", "1 of A\n");
	assert_works(store_live_switch(cert, 1, &err));
	assert_works(store_live(cert, &live, &err));
	assert_works(store_live_switch(cert, 0, &err));
	assert_int_equal(store_live(cert, &live, &err), STORE_ABSENT);
	assert_works(store_live_switch(cert, 0, &err));
	assert_int_equal(mkdir(scratch_path(s, "state/live/a.example"), 0700), 0);
	assert_fails(store_live_switch(cert, 1, &err), "no symbolic link");
	assert_fails(store_live_switch(cert, 0, &err), "no symbolic link");
}

static void test_live_wants_a_whole_generation(void **state)
{
	struct scratch *s = *state;
	CLEANUP(store_cleanup) struct store *store = open_store(s);
	CLEANUP(store_cert_cleanup) struct store_cert *cert = NULL;
	struct store_files files = { .privkey = "k", .cert = "c", .chain = "", .fullchain = "f" };
	uint64_t live, generation = 0;

	assert_works(store_cert_open(store, "a.example", true, &cert, &err));
	assert_fails(store_generation_add(cert, &files, 1, &generation, &err), "chain.pem");
	assert_int_equal(generation, 0);
	assert_fails(store_live_switch(cert, 1, &err), "no generation 1");
	assert_int_equal(add_generation(cert, "A"), 2);
	assert_int_equal(add_generation(cert, "B"), 3);
	assert_works(store_live_switch(cert, 2, &err));
	assert_int_equal(unlink(scratch_path(s, "state/certificates/a.example/3/chain.pem")), 0);
	assert_fails(store_live_switch(cert, 3, &err), "3/chain.pem");
	scratch_write(s, "state/certificates/a.example/3/chain.pem", "", 0600);
	assert_fails(store_live_switch(cert, 3, &err), "empty");
	assert_works(store_live(cert, &live, &err));
	assert_int_equal(live, 2);
}

static void add_pair(const struct store_cert *cert, enum key_family second)
{
	const struct store_files files[] = {
		{ "k", "c", "h", "f", second == KEY_FAMILY_RSA ? KEY_FAMILY_ECDSA : KEY_FAMILY_RSA },
		{ "k2", "c2", "h2", "f2", second },
	};
	uint64_t generation;

	assert_works(store_generation_add(cert, files, 2, &generation, &err));
}

static void test_two_certificates(void **state)
{
	static const enum key_family rsa = KEY_FAMILY_RSA;
	struct scratch *s = *state;
	CLEANUP(store_cleanup) struct store *store = open_store(s);
	CLEANUP(store_cert_cleanup) struct store_cert *cert = NULL;
	CLEANUP(buf_done) struct buf key = BUF_SECRET(100);
	CLEANUP(buf_done) struct buf chain = BUF(100);
	const struct store_files same[] = { { "k", "c", "h", "f", rsa }, { "k", "c", "h", "f", rsa } };
	enum key_family second = KEY_FAMILY_ECDSA;
	char name[STORE_FILE_SIZE];
	uint64_t generation;

	assert_string_equal(store_file_name("fullchain", NULL, name), "fullchain.pem");
	assert_string_equal(store_file_name("fullchain", &rsa, name), "fullchain-rsa.pem");
	assert_works(store_cert_open(store, "a.example", true, &cert, &err));
	assert_fails(store_generation_add(cert, same, 2, &generation, &err), "of one kind");
	assert_fails(store_generation_add(cert, same, 0, &generation, &err), "0 certificates");
	assert_int_equal(add_generation(cert, "A"), 3);
	add_pair(cert, KEY_FAMILY_RSA);
	add_pair(cert, KEY_FAMILY_ECDSA);
	assert_int_equal(store_generation_second(cert, 2, &second, &err), STORE_ABSENT);
	assert_int_equal(store_generation_second(cert, 3, &second, &err), STORE_ABSENT);
	assert_int_equal(store_generation_second(cert, 4, &second, &err), STORE_OK);
	assert_int_equal(second, KEY_FAMILY_RSA);
	assert_int_equal(store_generation_second(cert, 5, &second, &err), STORE_OK);
	assert_int_equal(second, KEY_FAMILY_ECDSA);
	assert_works(store_generation_read(cert, 4, "fullchain-rsa.pem", &chain, &err));
	assert_string_equal(buf_text(&chain), "f2");
	assert_fails(store_generation_read(cert, 4, "privkey-rsa.pem", &chain, &err), "secret");
	assert_works(store_generation_read(cert, 4, "privkey-rsa.pem", &key, &err));
	assert_string_equal(buf_text(&key), "k2");
	assert_int_equal(store_generation_read(cert, 5, "cert-rsa.pem", &chain, &err), STORE_ABSENT);
	scratch_assert_mode(s, "state/certificates/a.example/4/privkey-rsa.pem", 0600);

	/* What lacks a file of the second one is not whole. */
	assert_int_equal(unlink(scratch_path(s, "state/certificates/a.example/5/chain-ecdsa.pem")), 0);
	assert_fails(store_generation_second(cert, 5, &second, &err), "chain-ecdsa.pem");
	assert_fails(store_live_switch(cert, 5, &err), "chain-ecdsa.pem");
	assert_works(store_live_switch(cert, 4, &err));
	assert_works(store_live_switch(cert, 3, &err));
}

static void test_prune(void **state)
{
	CLEANUP(store_cleanup) struct store *store = open_store(*state);
	CLEANUP(store_cert_cleanup) struct store_cert *cert = NULL;
	uint64_t numbers[10];
	size_t count;

	assert_works(store_cert_open(store, "a.example", true, &cert, &err));
	for (int i = 0; i < 8; i++)
		add_generation(cert, "x");
	assert_works(store_live_switch(cert, 2, &err));
	assert_works(store_generation_prune(cert, 3, 4, &err));
	assert_works(store_generation_list(cert, numbers, 10, &count, &err));
	assert_int_equal(count, 3);
	assert_int_equal(numbers[0], 2);
	assert_int_equal(numbers[1], 4);
	assert_int_equal(numbers[2], 8);
	assert_works(store_generation_prune(cert, 0, 0, &err));
	assert_works(store_generation_list(cert, numbers, 10, &count, &err));
	assert_int_equal(count, 1);
	assert_int_equal(numbers[0], 2);
	assert_int_equal(add_generation(cert, "y"), 9);
}

static void test_first(void **state)
{
	struct scratch *s = *state;
	CLEANUP(store_cleanup) struct store *store = open_store(s);
	CLEANUP(store_cert_cleanup) struct store_cert *cert = NULL;
	CLEANUP(buf_done) struct buf key = BUF_SECRET(100);
	CLEANUP(buf_done) struct buf chain = BUF(100);
	CLEANUP(buf_done) struct buf key_back = BUF_SECRET(100);
	CLEANUP(buf_done) struct buf chain_back = BUF(100);

	assert_works(store_cert_open(store, "a.example", true, &cert, &err));
	assert_int_equal(store_first_load(cert, "A", &key_back, &chain_back, &err), STORE_ABSENT);
	assert_works(store_first_clear(cert, &err));
	buf_append_text(&key, "key");
	assert_fails(store_first_save(cert, &key, &chain, "A", &err), "chain");
	buf_append_text(&chain, "chain");
	assert_works(store_first_save(cert, &key, &chain, "A", &err));
	assert_works(store_first_save(cert, &key, &chain, "B", &err));
	assert_int_equal(store_first_load(cert, "A", &key_back, &chain_back, &err), STORE_ABSENT);
	assert_int_equal(key_back.len, 0);
	assert_fails(store_first_load(cert, "B", &chain, &chain_back, &err), "secret");
	assert_works(store_first_load(cert, "B", &key_back, &chain_back, &err));
	assert_string_equal(buf_text(&key_back), "key");
	assert_string_equal(buf_text(&chain_back), "chain");
	assert_int_equal(unlink(scratch_path(s, "state/certificates/a.example/first/purpose")), 0);
	assert_int_equal(store_first_load(cert, "B", &key_back, &chain_back, &err), STORE_ABSENT);
	assert_works(store_first_clear(cert, &err));
	scratch_assert_absent(s, "state/certificates/a.example/first");
}

static void test_pending(void **state)
{
	struct scratch *s = *state;
	CLEANUP(store_cleanup) struct store *store = open_store(s);
	CLEANUP(store_cert_cleanup) struct store_cert *cert = NULL;
	CLEANUP(buf_done) struct buf key = BUF_SECRET(1000);
	CLEANUP(buf_done) struct buf csr = BUF(1000);
	CLEANUP(buf_done) struct buf key_back = BUF_SECRET(1000);
	CLEANUP(buf_done) struct buf csr_back = BUF(1000);

	assert_works(store_cert_open(store, "a.example", true, &cert, &err));
	assert_int_equal(store_pending_load(cert, &key_back, &csr_back, &err), STORE_ABSENT);
	assert_works(store_pending_clear(cert, &err));
	buf_append_text(&key, "key");
	assert_fails(store_pending_save(cert, &key, &csr, &err), "both");
	buf_append(&csr, "\0\1\2", 3);
	assert_works(store_pending_save(cert, &key, &csr, &err));
	buf_append_text(&key, " two");
	assert_works(store_pending_save(cert, &key, &csr, &err));
	assert_works(store_pending_load(cert, &key_back, &csr_back, &err));
	assert_string_equal(buf_text(&key_back), "key two");
	assert_int_equal(csr_back.len, 3);
	assert_memory_equal(csr_back.data, "\0\1\2", 3);
	assert_fails(store_pending_load(cert, &csr, &csr_back, &err), "secret");
	buf_reset(&key_back);
	assert_int_equal(unlink(scratch_path(s, "state/certificates/a.example/pending/request.der")), 0);
	assert_int_equal(store_pending_load(cert, &key_back, &csr_back, &err), STORE_ABSENT);
	assert_int_equal(key_back.len, 0);
	assert_works(store_pending_clear(cert, &err));
	scratch_assert_absent(s, "state/certificates/a.example/pending");
}

static void test_sweep(void **state)
{
	struct scratch *s = *state;
	CLEANUP(store_cleanup) struct store *store = open_store(s);
	struct store_cert *cert = NULL;

	assert_works(store_cert_open(store, "a.example", true, &cert, &err));
	assert_works(store_live_switch(cert, add_generation(cert, "A"), &err));
	store_cert_free(TAKE(cert));
	assert_int_equal(mkdir(scratch_path(s, "state/certificates/a.example/.tmp-0123456789ab"), 0700), 0);
	scratch_write(s, "state/certificates/a.example/.tmp-0123456789ab/privkey.pem", "secret", 0600);
	scratch_write(s, "state/certificates/a.example/.tmp-ba9876543210", "x", 0600);
	assert_int_equal(symlink("../certificates/a.example/1", scratch_path(s, "state/live/.tmp-0123456789ab")), 0);
	assert_int_equal(symlink("../certificates/b.example/1", scratch_path(s, "state/live/.tmp-ba9876543210")), 0);
	/* Who only looks changes nothing. */
	assert_works(store_cert_open(store, "a.example", false, &cert, &err));
	store_cert_free(TAKE(cert));
	scratch_assert_text(s, "state/certificates/a.example/.tmp-0123456789ab/privkey.pem", "secret");
	assert_works(store_cert_open(store, "a.example", true, &cert, &err));
	store_cert_free(TAKE(cert));
	scratch_assert_absent(s, "state/certificates/a.example/.tmp-0123456789ab");
	scratch_assert_absent(s, "state/certificates/a.example/.tmp-ba9876543210");
	scratch_assert_absent(s, "state/live/.tmp-0123456789ab");
	/* Another certificate's link may be on its way right now. */
	scratch_assert_mode(s, "state/live/.tmp-ba9876543210", 0777);
	scratch_assert_text(s, "state/live/a.example/cert.pem", "1 of A\n");
}

static void test_links_are_not_followed(void **state)
{
	struct scratch *s = *state;
	CLEANUP(store_cleanup) struct store *store = open_store(s);
	struct store_cert *cert = NULL;

	assert_int_equal(mkdir(scratch_path(s, "elsewhere"), 0700), 0);
	assert_int_equal(mkdir(scratch_path(s, "state/certificates"), 0700), 0);
	assert_int_equal(symlink("../../elsewhere", scratch_path(s, "state/certificates/a.example")), 0);
	assert_fails(store_cert_open(store, "a.example", true, &cert, &err), "symbolic link");
	assert_int_equal(chmod(scratch_path(s, "elsewhere"), 0770), 0);
	assert_int_equal(rename(scratch_path(s, "elsewhere"), scratch_path(s, "state/certificates/b.example")), 0);
	assert_fails(store_cert_open(store, "b.example", true, &cert, &err), "written by others");
}

static void test_paths(void **state)
{
	struct scratch *s = *state;
	CLEANUP(store_cleanup) struct store *store = open_store(s);
	CLEANUP(store_cert_cleanup) struct store_cert *cert = NULL;
	CLEANUP(buf_done) struct buf path = BUF(4096);

	assert_works(store_cert_open(store, "a.example", true, &cert, &err));
	assert_works(store_live_path(cert, NULL, &path, &err));
	assert_string_equal(buf_text(&path), scratch_path(s, "state/live/a.example"));
	buf_reset(&path);
	assert_works(store_live_path(cert, "fullchain.pem", &path, &err));
	assert_string_equal(buf_text(&path), scratch_path(s, "state/live/a.example/fullchain.pem"));
	assert_fails(store_live_path(cert, "x", &path, &err), "no file");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_make, scratch_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_open),
		TEST(test_open_refuses),
		TEST(test_modes_whatever_the_umask),
		TEST(test_names_of_certificates),
		TEST(test_list),
		TEST(test_probe),
		TEST(test_generations),
		TEST(test_a_number_is_given_once),
		TEST(test_live_link_of_others),
		TEST(test_live_wants_a_whole_generation),
		TEST(test_prune),
		TEST(test_pending),
		TEST(test_first),
		TEST(test_two_certificates),
		TEST(test_sweep),
		TEST(test_links_are_not_followed),
		TEST(test_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
