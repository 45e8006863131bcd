/* test_store_crash.c: a renewal that is killed, or whose disk fails, at each of its system calls. The calls that change a file system are
 * linked through the functions __wrap_* below. After each fault what is on disk must be whole, and the next run must go on from there. */
#include "store/account.h"
#include "store/state.h"
#include "store/store.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/strv.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "scratch.h"

static struct error err;

/* The n-th call from now on (0: none) fails with fault_errno, or kills the process where that is 0. */
static int fault_at, fault_errno, calls;

static bool fault(void)
{
	calls++;
	if (fault_at == 0 || calls != fault_at)
		return false;
	if (fault_errno == 0)
		kill(getpid(), SIGKILL);
	errno = fault_errno;
	return true;
}

int __real_openat(int dirfd, const char *path, int flags, ...);
int __wrap_openat(int dirfd, const char *path, int flags, ...);
int __real_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode);
ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);
int __wrap_fsync(int fd);
int __real_mkdirat(int dirfd, const char *name, mode_t mode);
int __wrap_mkdirat(int dirfd, const char *name, mode_t mode);
int __real_renameat(int from, const char *a, int to, const char *b);
int __wrap_renameat(int from, const char *a, int to, const char *b);
int __real_renameat2(int from, const char *a, int to, const char *b, unsigned int flags);
int __wrap_renameat2(int from, const char *a, int to, const char *b, unsigned int flags);
int __real_symlinkat(const char *target, int dirfd, const char *name);
int __wrap_symlinkat(const char *target, int dirfd, const char *name);
int __real_unlinkat(int dirfd, const char *name, int flags);
int __wrap_unlinkat(int dirfd, const char *name, int flags);

int __wrap_openat(int dirfd, const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if ((flags & O_CREAT) != 0)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	if ((flags & O_CREAT) != 0 && fault())
		return -1;
	return __real_openat(dirfd, path, flags, mode);
}

int __wrap_fchmod(int fd, mode_t mode)
{
	return fault() ? -1 : __real_fchmod(fd, mode);
}

/* Half of it comes to the disk first. */
ssize_t __wrap_write(int fd, const void *data, size_t len)
{
	if (fault_at != 0 && calls + 1 == fault_at && len > 1)
		(void)!__real_write(fd, data, len / 2);
	return fault() ? -1 : __real_write(fd, data, len);
}

/* Not for real: a process that is killed takes nothing with it that it has written, and some thousand waits for a disk take a minute. */
int __wrap_fsync(int fd)
{
	(void)fd;
	return fault() ? -1 : 0;
}

int __wrap_mkdirat(int dirfd, const char *name, mode_t mode)
{
	return fault() ? -1 : __real_mkdirat(dirfd, name, mode);
}

int __wrap_renameat(int from, const char *a, int to, const char *b)
{
	return fault() ? -1 : __real_renameat(from, a, to, b);
}

int __wrap_renameat2(int from, const char *a, int to, const char *b, unsigned int flags)
{
	return fault() ? -1 : __real_renameat2(from, a, to, b, flags);
}

int __wrap_symlinkat(const char *target, int dirfd, const char *name)
{
	return fault() ? -1 : __real_symlinkat(target, dirfd, name);
}

int __wrap_unlinkat(int dirfd, const char *name, int flags)
{
	return fault() ? -1 : __real_unlinkat(dirfd, name, flags);
}

static int step_order(const struct store_cert *cert, const char *tag)
{
	CLEANUP(buf_done) struct buf key = BUF_SECRET(100);
	CLEANUP(buf_done) struct buf csr = BUF(100);
	struct store_state state = { .last_at = 1000 };

	text_copy(state.order_url, sizeof(state.order_url), tag);
	buf_printf(&key, "key %s", tag);
	buf_printf(&csr, "csr %s", tag);
	if (store_state_save(cert, &state, &err) < 0)
		return -1;
	return store_pending_save(cert, &key, &csr, &err);
}

/* The first of two certificates is there. */
static int step_first(const struct store_cert *cert, const char *tag)
{
	CLEANUP(buf_done) struct buf key = BUF_SECRET(100);
	CLEANUP(buf_done) struct buf chain = BUF(100);
	struct store_state state = { .last_at = 1000 };

	buf_printf(&key, "key %s", tag);
	buf_printf(&chain, "chain %s", tag);
	if (store_first_save(cert, &key, &chain, tag, &err) < 0)
		return -1;
	return store_state_save(cert, &state, &err);
}

static int step_commit(const struct store_cert *cert, const char *tag)
{
	struct store_files files[2];
	char texts[4][32];
	uint64_t generation;

	for (size_t i = 0; i < 4; i++)
		snprintf(texts[i], sizeof(texts[i]), "%zu %s", i, tag);
	files[0] = (struct store_files){ .privkey = texts[0], .cert = texts[1], .chain = texts[2], .fullchain = texts[3] };
	files[1] = files[0];
	files[1].family = KEY_FAMILY_RSA;
	if (store_generation_add(cert, files, 2, &generation, &err) < 0)
		return -1;
	return store_live_switch(cert, generation, &err);
}

/* What a renewal writes, from its beginning to its end. */
static int renew(const char *state_dir, const char *tag)
{
	CLEANUP(store_cleanup) struct store *store = NULL;
	CLEANUP(store_cert_cleanup) struct store_cert *cert = NULL;
	struct store_state state;

	if (store_open(state_dir, true, &store, &err) < 0 || store_probe(store, &err) < 0 ||
	    store_cert_open(store, "a.example", true, &cert, &err) < 0 || store_state_load(cert, &state, &err) != STORE_OK ||
	    step_order(cert, tag) < 0 || step_first(cert, tag) < 0 || step_order(cert, tag) < 0 || step_commit(cert, tag) < 0 ||
	    store_pending_clear(cert, &err) < 0 || store_first_clear(cert, &err) < 0)
		return -1;
	memset(&state, 0, sizeof(state));
	state.success_at = 2000;
	text_copy(state.ca, sizeof(state.ca), tag);
	if (store_state_save(cert, &state, &err) < 0)
		return -1;
	return store_generation_prune(cert, 2, 0, &err);
}

/* Runs work(state_dir, tag) in a process whose n-th call fails. 1: it was killed or failed; 0: it went through. */
static int run_faulty(int (*work)(const char *state_dir, const char *tag), const char *state_dir, const char *tag, int at,
                      int errnum)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		calls = 0;
		fault_errno = errnum;
		fault_at = at;
		_exit(work(state_dir, tag) < 0 ? 1 : calls < at ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status)) {
		assert_int_equal(WTERMSIG(status), SIGKILL);
		return 1;
	}
	/* 2: the fault was met and survived: nothing of consequence failed. */
	assert_in_range(WEXITSTATUS(status), 0, 2);
	return WEXITSTATUS(status) != 0;
}

static void read_tag(int dirfd, const char *name, const char *front, char tag[static 32])
{
	struct buf text = BUF(100);

	assert_works(file_read(dirfd, name, &text, &err));
	assert_true(text_has_prefix(buf_text(&text), front));
	text_copy(tag, 32, buf_text(&text) + strlen(front));
	buf_done(&text);
}

/* All files of a generation are there and of one tag. */
static void assert_whole(int cert_fd, const char *name, char tag[static 32])
{
	static const char *const files[] = { "privkey.pem",     "cert.pem",     "chain.pem",     "fullchain.pem",
		                             "privkey-rsa.pem", "cert-rsa.pem", "chain-rsa.pem", "fullchain-rsa.pem" };
	int fd = openat(cert_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char front[8], other[32];

		snprintf(front, sizeof(front), "%zu ", i % 4);
		read_tag(fd, files[i], front, i == 0 ? tag : other);
		assert_string_equal(tag, i == 0 ? tag : other);
	}
	close(fd);
}

static void assert_pending_whole(int cert_fd)
{
	int fd = openat(cert_fd, "pending", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char key[32], csr[32];

	if (fd < 0)
		return;
	read_tag(fd, "privkey.pem", "key ", key);
	read_tag(fd, "request.der", "csr ", csr);
	assert_string_equal(key, csr);
	close(fd);
}

static void assert_first_whole(int cert_fd)
{
	int fd = openat(cert_fd, "first", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char key[32], chain[32], purpose[32];

	if (fd < 0)
		return;
	read_tag(fd, "privkey.pem", "key ", key);
	read_tag(fd, "fullchain.pem", "chain ", chain);
	read_tag(fd, "purpose", "", purpose);
	assert_string_equal(key, chain);
	assert_string_equal(key, purpose);
	close(fd);
}

/* Before anything is mended: what stands under its own name is whole; live is whole, and the old or the new one. */
static void assert_invariants(const struct scratch *s, const char *old)
{
	CLEANUP(strv_done) struct strv names = STRV(100);
	char tag[32] = "";
	int fd = open(scratch_path(s, "state/certificates/a.example"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int live = open(scratch_path(s, "state/live"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0) {
		assert_works(file_list(fd, &names, &err));
		for (size_t i = 0; i < names.count; i++) {
			if (names.items[i][0] >= '0' && names.items[i][0] <= '9')
				assert_whole(fd, names.items[i], tag);
		}
		assert_pending_whole(fd);
		assert_first_whole(fd);
		close(fd);
	}
	tag[0] = '\0';
	if (live >= 0) {
		struct stat st;

		if (fstatat(live, "a.example", &st, AT_SYMLINK_NOFOLLOW) == 0)
			assert_whole(live, "a.example", tag);
		close(live);
	}
	assert_true(text_equal(tag, old) || text_equal(tag, "new"));
}

static size_t count_tmp(const char *path)
{
	CLEANUP(strv_done) struct strv names = STRV(100);
	size_t count = 0;
	int fd;

	if (file_open_dir(path, &fd, &err) != FILE_OK)
		return 0;
	assert_works(file_list(fd, &names, &err));
	for (size_t i = 0; i < names.count; i++)
		count += text_has_prefix(names.items[i], FILE_TMP_PREFIX);
	close(fd);
	return count;
}

/* The next run goes on by itself, and nothing of the interrupted one is left. */
static void assert_recovers(const struct scratch *s, uint64_t before)
{
	CLEANUP(store_cleanup) struct store *store = NULL;
	CLEANUP(store_cert_cleanup) struct store_cert *cert = NULL;
	char tag[32];
	uint64_t live = 0;

	assert_works(renew(scratch_path(s, "state"), "next"));
	assert_int_equal(count_tmp(scratch_path(s, "state/certificates/a.example")), 0);
	assert_int_equal(count_tmp(scratch_path(s, "state/live")), 0);
	scratch_assert_absent(s, "state/certificates/a.example/pending");
	scratch_assert_absent(s, "state/certificates/a.example/first");
	assert_whole(s->fd, "state/live/a.example", tag);
	assert_string_equal(tag, "next");
	assert_works(store_open(scratch_path(s, "state"), false, &store, &err));
	assert_works(store_cert_open(store, "a.example", false, &cert, &err));
	assert_works(store_live(cert, &live, &err));
	assert_true(live > before);
	scratch_assert_mode(s, "state/live/a.example/privkey.pem", 0600);
}

static uint64_t highest(const struct scratch *s)
{
	CLEANUP(store_cleanup) struct store *store = NULL;
	CLEANUP(store_cert_cleanup) struct store_cert *cert = NULL;
	uint64_t numbers[100];
	size_t count = 0;

	if (store_open(scratch_path(s, "state"), false, &store, &err) != STORE_OK ||
	    store_cert_open(store, "a.example", false, &cert, &err) != STORE_OK)
		return 0;
	assert_works(store_generation_list(cert, numbers, 100, &count, &err));
	return count > 0 ? numbers[count - 1] : 0;
}

/* Each fault in turn, until the work goes through without meeting it. `renewals` of them went well before. */
static void try_all(int renewals, bool killed)
{
	int faults = 0;

	for (int at = 1;; at++) {
		struct scratch *s = NULL;
		int met;

		assert_int_equal(scratch_make((void **)&s), 0);
		for (int i = 0; i < renewals; i++)
			assert_works(renew(scratch_path(s, "state"), "old"));
		met = run_faulty(renew, scratch_path(s, "state"), "new", at,
		                 killed      ? 0 :
		                 at % 2 == 0 ? ENOSPC :
		                               EIO);
		assert_invariants(s, renewals > 0 ? "old" : "");
		assert_recovers(s, highest(s));
		assert_int_equal(scratch_remove((void **)&s), 0);
		if (met == 0)
			break;
		faults++;
	}
	/* The faults were where they should be. */
	assert_true(faults > 60);
}

static void test_killed_in_the_first_issue(void **state)
{
	(void)state;
	try_all(0, true);
}

static void test_killed_in_a_renewal(void **state)
{
	(void)state;
	try_all(2, true);
}

static void test_disk_full_or_broken(void **state)
{
	(void)state;
	try_all(2, false);
}

static int make_account(const char *state_dir, const char *tag)
{
	CLEANUP(store_cleanup) struct store *store = NULL;
	CLEANUP(store_account_cleanup) struct store_account *account = NULL;
	CLEANUP(buf_done) struct buf key = BUF_SECRET(100);
	int r;

	buf_append_text(&key, tag);
	if (store_open(state_dir, true, &store, &err) < 0)
		return -1;
	r = store_account_open(store, "https://ca.example/dir", NULL, &account, &err);
	if (r == STORE_ABSENT)
		r = store_account_create(store, "https://ca.example/dir", NULL, &key, &account, &err);
	if (r < 0)
		return -1;
	return store_account_set_url(account, tag, &err);
}

static void test_killed_while_an_account_is_made(void **state)
{
	int at = 1;

	(void)state;
	for (int met = 1; met != 0; at++) {
		struct scratch *s = NULL;
		struct store *store = NULL;
		struct store_account *account = NULL;
		char path[4096];
		bool had;

		assert_int_equal(scratch_make((void **)&s), 0);
		met = run_faulty(make_account, scratch_path(s, "state"), "first", at, 0);
		assert_works(store_open(scratch_path(s, "state"), true, &store, &err));
		/* None, or one with its key: never one without. */
		had = store_account_open(store, "https://ca.example/dir", NULL, &account, &err) == STORE_OK;
		if (!had)
			assert_int_equal(store_account_open(store, "https://ca.example/dir", NULL, &account, &err), STORE_ABSENT);
		store_account_free(TAKE(account));
		assert_works(make_account(scratch_path(s, "state"), "second"));
		assert_works(store_account_open(store, "https://ca.example/dir", NULL, &account, &err));
		assert_string_equal(store_account_url(account), "second");
		snprintf(path, sizeof(path), "%s/key.pem", store_account_path(account) + strlen(s->path) + 1);
		scratch_assert_text(s, path, had ? "first" : "second");
		snprintf(path, sizeof(path), "%s/..", store_account_path(account));
		assert_int_equal(count_tmp(path), 0);
		store_account_free(account);
		store_free(store);
		assert_int_equal(scratch_remove((void **)&s), 0);
	}
	assert_true(at > 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed_in_the_first_issue),
		cmocka_unit_test(test_killed_in_a_renewal),
		cmocka_unit_test(test_disk_full_or_broken),
		cmocka_unit_test(test_killed_while_an_account_is_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
