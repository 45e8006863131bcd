/* test_base_file.c: what is written is complete or absent. The system calls of file.c are linked through the functions
 * __wrap_* below, so that each of them can be made to fail, or the process to end there. */
#include "base/file.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/strv.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { ENDED = 99, NOBODY = 65534 };

/* The n-th call from now on, 0 for none: fails with `fault_errno`, or ends the process when that is 0. */
static int fault_at, fault_errno, calls;

static bool fault(void)
{
	calls++;
	if (fault_at == 0 || calls != fault_at)
		return false;
	if (fault_errno == 0)
		_exit(ENDED);
	errno = fault_errno;
	return true;
}

int __real_openat(int dirfd, const char *path, int flags, ...);
int __wrap_openat(int dirfd, const char *path, int flags, ...);
int __real_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode);
ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_close(int fd);
int __wrap_close(int fd);
int __real_renameat(int from, const char *a, int to, const char *b);
int __wrap_renameat(int from, const char *a, int to, const char *b);
int __real_renameat2(int from, const char *a, int to, const char *b, unsigned int flags);
int __wrap_renameat2(int from, const char *a, int to, const char *b, unsigned int flags);
int __real_linkat(int from, const char *a, int to, const char *b, int flags);
int __wrap_linkat(int from, const char *a, int to, const char *b, int flags);
int __real_symlinkat(const char *target, int dirfd, const char *name);
int __wrap_symlinkat(const char *target, int dirfd, const char *name);

int __wrap_openat(int dirfd, const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if ((flags & O_CREAT) != 0)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return fault() ? -1 : __real_openat(dirfd, path, flags, mode);
}

int __wrap_fchmod(int fd, mode_t mode)
{
	return fault() ? -1 : __real_fchmod(fd, mode);
}

/* Writes half first, as a disk that becomes full does. */
ssize_t __wrap_write(int fd, const void *data, size_t len)
{
	if (fault_at != 0 && calls + 1 == fault_at && len > 1)
		(void)!__real_write(fd, data, len / 2);
	return fault() ? -1 : __real_write(fd, data, len);
}

int __wrap_fsync(int fd)
{
	return fault() ? -1 : __real_fsync(fd);
}

int __wrap_close(int fd)
{
	bool fails = fault();
	int saved = errno, r = __real_close(fd);

	errno = fails ? saved : errno;
	return fails ? -1 : r;
}

int __wrap_renameat(int from, const char *a, int to, const char *b)
{
	return fault() ? -1 : __real_renameat(from, a, to, b);
}

int __wrap_renameat2(int from, const char *a, int to, const char *b, unsigned int flags)
{
	return fault() ? -1 : __real_renameat2(from, a, to, b, flags);
}

int __wrap_linkat(int from, const char *a, int to, const char *b, int flags)
{
	return fault() ? -1 : __real_linkat(from, a, to, b, flags);
}

int __wrap_symlinkat(const char *target, int dirfd, const char *name)
{
	return fault() ? -1 : __real_symlinkat(target, dirfd, name);
}

/* Whether the kernel is one that does not know openat2(2). */
static bool old_kernel;

long __real_syscall(long number, long a, long b, long c, long d);
long __wrap_syscall(long number, long a, long b, long c, long d);

long __wrap_syscall(long number, long a, long b, long c, long d)
{
	if (number == SYS_openat2 && old_kernel) {
		errno = ENOSYS;
		return -1;
	}
	return __real_syscall(number, a, b, c, d);
}

struct place {
	char path[64];
	int fd;
};

static int make_place(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	struct error err;

	fault_at = 0;
	snprintf(p->path, sizeof(p->path), "/tmp/certd-test-XXXXXX");
	if (mkdtemp(p->path) == NULL || file_open_dir(p->path, &p->fd, &err) != 0)
		return -1;
	*state = p;
	return 0;
}

static int make_place_on_old_kernel(void **state)
{
	old_kernel = true;
	return make_place(state);
}

static int remove_place(void **state)
{
	struct place *p = *state;
	struct error err;
	int tmp, r;

	fault_at = 0;
	old_kernel = false;
	close(p->fd);
	if (file_open_dir("/tmp", &tmp, &err) != 0)
		return -1;
	r = file_remove_tree(tmp, p->path + strlen("/tmp/"), &err);
	close(tmp);
	free(p);
	return r;
}

static void assert_content(int dirfd, const char *name, const char *text)
{
	CLEANUP(buf_done) struct buf b = BUF(65536);
	struct error err;

	assert_int_equal(file_read(dirfd, name, &b, &err), FILE_OK);
	assert_string_equal(buf_text(&b), text);
}

static mode_t mode_of(int dirfd, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_mode & 07777;
}

/* The names in the directory, in one text. */
static void assert_names(int dirfd, const char *names)
{
	CLEANUP(strv_done) struct strv v = STRV(100);
	CLEANUP(buf_done) struct buf b = BUF(4096);
	struct error err;

	assert_int_equal(file_list(dirfd, &v, &err), 0);
	for (size_t i = 0; i < v.count; i++)
		buf_printf(&b, "%s%s", i > 0 ? " " : "", v.items[i]);
	assert_string_equal(buf_text(&b), names);
}

static int count_fds(void)
{
	CLEANUP(strv_done) struct strv v = STRV(1000);
	CLEANUP(clean_fd) int fd = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct error err;

	assert_int_equal(file_list(fd, &v, &err), 0);
	return (int)v.count;
}

/* Runs check in a child: 0 when it returned 0, else what it returned. */
static int in_child(int (*check)(struct place *), struct place *p)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(check(p));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_writes_and_reads(void **state)
{
	struct place *p = *state;
	struct error err;

	assert_int_equal(file_write(p->fd, "a", "one", 3, 0600, &err), 0);
	assert_content(p->fd, "a", "one");
	assert_int_equal(mode_of(p->fd, "a"), 0600);
	assert_int_equal(file_write(p->fd, "a", "", 0, 0644, &err), 0);
	assert_content(p->fd, "a", "");
	assert_int_equal(mode_of(p->fd, "a"), 0644);
	assert_int_equal(file_write_new(p->fd, "a", "two", 3, 0600, &err), FILE_EXISTS);
	assert_content(p->fd, "a", "");
	assert_int_equal(file_write_new(p->fd, "b", "two", 3, 0640, &err), 0);
	assert_int_equal(mode_of(p->fd, "b"), 0640);
	assert_content(p->fd, "b", "two");
	assert_names(p->fd, "a b");
	assert_int_equal(file_remove(p->fd, "a", &err), 0);
	assert_int_equal(file_remove(p->fd, "a", &err), FILE_ABSENT);
	assert_names(p->fd, "b");
}

static void test_modes_whatever_the_umask(void **state)
{
	static const mode_t masks[] = { 0, 0022, 0077, 0777 };
	struct place *p = *state;
	struct error err;

	for (size_t i = 0; i < ARRAY_SIZE(masks); i++) {
		mode_t before = umask(masks[i]);
		char path[128];
		int fd = -1;

		assert_int_equal(file_write(p->fd, "token", "x", 1, 0644, &err), 0);
		assert_int_equal(file_write(p->fd, "key", "x", 1, 0600, &err), 0);
		assert_int_equal(file_make_dir(p->fd, "dir", 0700, &err), 0);
		assert_int_equal(file_open_beneath(p->fd, "a/b", true, 0755, &fd, &err), 0);
		close(fd);
		snprintf(path, sizeof(path), "%s/c/d", p->path);
		assert_int_equal(file_make_dirs(path, 0700, &fd, &err), 0);
		close(fd);
		assert_int_equal(umask(before), masks[i]);
		assert_int_equal(mode_of(p->fd, "token"), 0644);
		assert_int_equal(mode_of(p->fd, "key"), 0600);
		assert_int_equal(mode_of(p->fd, "dir"), 0700);
		assert_int_equal(mode_of(p->fd, "a"), 0755);
		assert_int_equal(mode_of(p->fd, "a/b"), 0755);
		assert_int_equal(mode_of(p->fd, "c"), 0755);
		assert_int_equal(mode_of(p->fd, "c/d"), 0700);
		assert_int_equal(file_remove_tree(p->fd, "dir", &err), 0);
		assert_int_equal(file_remove_tree(p->fd, "a", &err), 0);
		assert_int_equal(file_remove_tree(p->fd, "c", &err), 0);
	}
}

static void test_names_that_lead_elsewhere(void **state)
{
	static const char *const names[] = { "", ".", "..", "/etc/passwd", "../x", "a/b", "a/" };
	struct place *p = *state;
	struct error err;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(file_write(p->fd, names[i], "x", 1, 0600, &err), -1);
		assert_int_equal(err.kind, ERROR_INTERNAL);
		assert_int_equal(file_write_new(p->fd, names[i], "x", 1, 0600, &err), -1);
		assert_int_equal(file_make_dir(p->fd, names[i], 0700, &err), -1);
		assert_int_equal(file_remove(p->fd, names[i], &err), -1);
		assert_int_equal(file_remove_tree(p->fd, names[i], &err), -1);
		assert_int_equal(file_switch_link(p->fd, names[i], "x", &err), -1);
		assert_int_equal(file_rename(p->fd, "a", p->fd, names[i], &err), -1);
		assert_int_equal(file_rename(p->fd, names[i], p->fd, "a", &err), -1);
	}
	assert_names(p->fd, "");
}

static void test_reading(void **state)
{
	struct place *p = *state;
	CLEANUP(buf_done) struct buf b = BUF_SECRET(10000);
	char data[10001];
	struct error err;

	memset(data, 'x', sizeof(data));
	assert_int_equal(file_read(p->fd, "none", &b, &err), FILE_ABSENT);
	assert_int_equal(file_write(p->fd, "big", data, 10000, 0600, &err), 0);
	assert_int_equal(file_read(p->fd, "big", &b, &err), 0);
	assert_int_equal(b.len, 10000);
	buf_reset(&b);
	assert_int_equal(file_write(p->fd, "big", data, 10001, 0600, &err), 0);
	buf_append_text(&b, "");
	assert_int_equal(file_read(p->fd, "big", &b, &err), -1);
	assert_int_equal(err.kind, ERROR_SYSTEM);
	assert_non_null(strstr(err.message, "10000 bytes"));
	assert_non_null(strstr(err.message, p->path));
	assert_int_equal(b.len, 0);
	assert_false(b.failed);
	/* No waiting on what is no file. */
	assert_int_equal(mkfifoat(p->fd, "pipe", 0600), 0);
	assert_int_equal(file_read(p->fd, "pipe", &b, &err), -1);
	assert_int_equal(file_read(p->fd, ".", &b, &err), -1);
	assert_int_equal(file_read(AT_FDCWD, "/dev/zero", &b, &err), -1);
	assert_int_equal(symlinkat("big", p->fd, "link"), 0);
	buf_done(&b);
	b.max = 20000;
	assert_int_equal(file_read(p->fd, "link", &b, &err), 0);
	assert_int_equal(b.len, 10001);
	/* Files whose size is said to be 0. */
	buf_reset(&b);
	assert_int_equal(file_read(AT_FDCWD, "/proc/self/status", &b, &err), 0);
	assert_true(b.len > 100);
}

static void test_links(void **state)
{
	struct place *p = *state;
	CLEANUP(buf_done) struct buf b = BUF(100);
	struct error err;

	assert_int_equal(file_read_link(p->fd, "live", &b, &err), FILE_ABSENT);
	assert_int_equal(file_switch_link(p->fd, "live", "../certificates/x/1", &err), 0);
	assert_int_equal(file_read_link(p->fd, "live", &b, &err), 0);
	assert_string_equal(buf_text(&b), "../certificates/x/1");
	assert_int_equal(file_switch_link(p->fd, "live", "2", &err), 0);
	buf_reset(&b);
	assert_int_equal(file_read_link(p->fd, "live", &b, &err), 0);
	assert_string_equal(buf_text(&b), "2");
	assert_int_equal(file_write(p->fd, "file", "x", 1, 0600, &err), 0);
	assert_int_equal(file_switch_link(p->fd, "file", "2", &err), -1);
	assert_int_equal(file_read_link(p->fd, "file", &b, &err), -1);
	assert_int_equal(file_make_dir(p->fd, "dir", 0700, &err), 0);
	assert_int_equal(file_switch_link(p->fd, "dir", "2", &err), -1);
	assert_names(p->fd, "dir file live");
	b.max = 1;
	assert_int_equal(file_read_link(p->fd, "live", &b, &err), -1);
	assert_int_equal(file_remove(p->fd, "live", &err), 0);
}

static void test_directories(void **state)
{
	struct place *p = *state;
	char path[256], name[257];
	struct error err;
	int fd = -1;

	snprintf(path, sizeof(path), "%s/none", p->path);
	assert_int_equal(file_open_dir(path, &fd, &err), FILE_ABSENT);
	assert_int_equal(file_make_dir(p->fd, "d", 0700, &err), 0);
	assert_int_equal(file_make_dir(p->fd, "d", 0700, &err), FILE_EXISTS);
	/* Links of the administrator are followed; a link to nothing is named. */
	assert_int_equal(symlinkat("d", p->fd, "link"), 0);
	assert_int_equal(symlinkat("nowhere", p->fd, "dangling"), 0);
	assert_int_equal(file_write(p->fd, "file", "x", 1, 0600, &err), 0);
	snprintf(path, sizeof(path), "%s/link//x/./y/", p->path);
	assert_int_equal(file_make_dirs(path, 0700, &fd, &err), 0);
	close(fd);
	assert_int_equal(mode_of(p->fd, "d/x/y"), 0700);
	assert_int_equal(file_make_dirs(path, 0755, &fd, &err), 0);
	close(fd);
	assert_int_equal(mode_of(p->fd, "d/x/y"), 0700);
	snprintf(path, sizeof(path), "%s/dangling/x", p->path);
	assert_int_equal(file_make_dirs(path, 0700, &fd, &err), -1);
	assert_non_null(strstr(err.message, "dangling is a symbolic link to nothing"));
	snprintf(path, sizeof(path), "%s/file/x", p->path);
	assert_int_equal(file_make_dirs(path, 0700, &fd, &err), -1);
	assert_non_null(strstr(err.message, "file is no directory"));
	snprintf(path, sizeof(path), "%s/file", p->path);
	assert_int_equal(file_open_dir(path, &fd, &err), -1);
	assert_int_equal(file_make_dirs("", 0700, &fd, &err), -1);
	memset(path, 'x', sizeof(path)); /* the longest name that there is */
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(file_open_beneath(p->fd, path, true, 0700, &fd, &err), 0);
	close(fd);
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(file_open_beneath(p->fd, name, true, 0700, &fd, &err), -1);
	assert_int_equal(file_make_dir(p->fd, name, 0700, &err), -1);
	assert_int_equal(file_write(p->fd, name, "x", 1, 0600, &err), -1);
	assert_int_equal(file_make_dirs("/", 0700, &fd, &err), 0);
	close(fd);
}

static void test_beneath(void **state)
{
	struct place *p = *state;
	struct error err;
	int fd = -1;

	assert_int_equal(file_open_beneath(p->fd, ".well-known/acme-challenge", false, 0755, &fd, &err), FILE_ABSENT);
	assert_names(p->fd, "");
	assert_int_equal(file_open_beneath(p->fd, ".well-known/acme-challenge", true, 0755, &fd, &err), 0);
	assert_int_equal(file_write_new(fd, "token", "x", 1, 0644, &err), 0);
	close(fd);
	assert_content(p->fd, ".well-known/acme-challenge/token", "x");
	assert_int_equal(file_open_beneath(p->fd, "/etc", false, 0755, &fd, &err), -1);
	assert_int_equal(file_open_beneath(p->fd, "..", false, 0755, &fd, &err), -1);
	assert_int_equal(file_open_beneath(p->fd, ".well-known/../../etc", false, 0755, &fd, &err), -1);
	assert_int_equal(file_open_beneath(p->fd, "", false, 0755, &fd, &err), 0);
	close(fd);
	assert_int_equal(file_open_beneath(p->fd, ".well-known", false, 0755, &fd, &err), 0);
	close(fd);
	assert_int_equal(symlinkat("/etc", p->fd, "out"), 0);
	assert_int_equal(symlinkat(".well-known", p->fd, "in"), 0);
	assert_int_equal(file_open_beneath(p->fd, "out", true, 0755, &fd, &err), -1);
	assert_non_null(strstr(err.message, "/out is a symbolic link"));
	assert_string_not_equal(err.advice, "");
	assert_int_equal(file_open_beneath(p->fd, "in/acme-challenge", true, 0755, &fd, &err), -1);
	assert_non_null(strstr(err.message, "/in is a symbolic link"));
	assert_int_equal(file_write(p->fd, "file", "x", 1, 0600, &err), 0);
	assert_int_equal(file_open_beneath(p->fd, "file", true, 0755, &fd, &err), -1);
	assert_non_null(strstr(err.message, "/file is no directory"));
}

/* Another process puts a link where the directory was, and back, as fast as it can. */
static void test_a_race_never_leads_out(void **state)
{
	struct place *p = *state;
	struct error err;
	int written = 0, refused = 0;
	pid_t attacker;

	assert_int_equal(file_make_dir(p->fd, "outside", 0777, &err), 0);
	assert_int_equal(file_make_dir(p->fd, "web", 0777, &err), 0);
	assert_int_equal(mkdirat(p->fd, "web/a", 0777), 0);
	assert_int_equal(symlinkat("../outside", p->fd, "web/b"), 0);
	attacker = fork();
	assert_true(attacker >= 0);
	if (attacker == 0) {
		for (;;)
			__real_renameat2(p->fd, "web/a", p->fd, "web/b", RENAME_EXCHANGE);
	}
	for (int i = 0; i < 20000 || ((written == 0 || refused == 0) && i < 1000000); i++) {
		CLEANUP(clean_fd) int web = -1;
		CLEANUP(clean_fd) int fd = -1;
		struct stat st;

		assert_int_equal(file_open_beneath(p->fd, "web", false, 0755, &web, &err), 0);
		if (file_open_beneath(web, "a/sub", true, 0755, &fd, &err) != 0) {
			refused++;
			continue;
		}
		written++;
		assert_int_equal(fstatat(p->fd, "outside/sub", &st, 0), -1);
	}
	kill(attacker, SIGKILL);
	waitpid(attacker, NULL, 0);
	assert_true(written > 0);
	assert_int_equal(faccessat(p->fd, "outside/sub", F_OK, 0), -1);
}

static void test_renames(void **state)
{
	struct place *p = *state;
	struct error err;
	int d = -1;

	assert_int_equal(file_open_beneath(p->fd, "d", true, 0700, &d, &err), 0);
	assert_int_equal(file_write(p->fd, "a", "one", 3, 0600, &err), 0);
	assert_int_equal(file_rename(p->fd, "a", d, "b", &err), 0);
	assert_content(d, "b", "one");
	assert_names(p->fd, "d");
	assert_int_equal(file_rename(d, "b", d, "c", &err), 0);
	assert_int_equal(file_rename(d, "b", d, "c", &err), -1);
	assert_non_null(strstr(err.message, "/d/b"));
	assert_int_equal(file_make_dir(d, "full", 0700, &err), 0);
	assert_int_equal(file_rename(d, "c", d, "full", &err), -1);
	assert_names(d, "c full");
	close(d);
}

static void test_lists_and_sweeps(void **state)
{
	CLEANUP(strv_done) struct strv v = STRV(3);
	struct place *p = *state;
	struct error err;

	assert_int_equal(file_sweep(p->fd, &err), 0);
	assert_int_equal(file_write(p->fd, "b", "", 0, 0600, &err), 0);
	assert_int_equal(file_write(p->fd, "a", "", 0, 0600, &err), 0);
	assert_int_equal(file_list(p->fd, &v, &err), 0);
	assert_int_equal(v.count, 2);
	assert_string_equal(v.items[0], "a");
	assert_int_equal(file_list(p->fd, &v, &err), -1);
	assert_int_equal(v.count, 2);
	assert_int_equal(file_write(p->fd, ".tmp-abcdefghij09", "", 0, 0600, &err), 0);
	assert_int_equal(symlinkat("a", p->fd, ".tmp-000000000000"), 0);
	assert_int_equal(mkdirat(p->fd, ".tmp-dddddddddddd", 0700), 0);
	assert_int_equal(file_write(p->fd, ".tmp-of-somebody-else", "", 0, 0600, &err), 0);
	assert_int_equal(file_write(p->fd, ".tmp-ABCDEFGHIJKL", "", 0, 0600, &err), 0);
	assert_int_equal(file_sweep(p->fd, &err), 0);
	assert_names(p->fd, ".tmp-ABCDEFGHIJKL .tmp-dddddddddddd .tmp-of-somebody-else a b");
}

static void test_removes_trees_and_nothing_else(void **state)
{
	struct place *p = *state;
	struct error err;
	char name[64];
	int fd = -1;

	assert_int_equal(file_remove_tree(p->fd, "tree", &err), FILE_ABSENT);
	assert_int_equal(file_open_beneath(p->fd, "tree/a/b/c", true, 0700, &fd, &err), 0);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "file-%d", i);
		assert_int_equal(symlinkat("x", fd, name), 0);
	}
	close(fd);
	assert_int_equal(file_make_dir(p->fd, "kept", 0700, &err), 0);
	assert_int_equal(symlinkat("../kept", p->fd, "tree/link"), 0);
	assert_int_equal(linkat(p->fd, "tree/link", p->fd, "direct", 0), 0);
	assert_int_equal(file_open_beneath(p->fd, "kept/x", true, 0700, &fd, &err), 0);
	close(fd);
	assert_int_equal(file_remove_tree(p->fd, "tree", &err), 0);
	assert_int_equal(faccessat(p->fd, "kept/x", F_OK, 0), 0);
	assert_int_equal(file_remove_tree(p->fd, "direct", &err), -1);
	assert_int_equal(file_write(p->fd, "file", "", 0, 0600, &err), 0);
	assert_int_equal(file_remove_tree(p->fd, "file", &err), -1);
	assert_int_equal(file_remove(p->fd, "kept", &err), -1);
	assert_names(p->fd, "direct file kept");
}

static void test_a_tree_that_is_too_deep(void **state)
{
	struct place *p = *state;
	struct error err;
	char path[256] = "d";
	int fd = -1, before;

	for (int i = 0; i < 40; i++) {
		assert_int_equal(mkdirat(p->fd, path, 0700), 0);
		memcpy(path + strlen(path), "/d", 3);
	}
	before = count_fds();
	assert_int_equal(file_remove_tree(p->fd, "d", &err), -1);
	assert_int_equal(count_fds(), before);
	/* In two halves it goes. */
	assert_int_equal(file_open_beneath(p->fd, "d/d/d/d/d/d/d/d/d/d", false, 0700, &fd, &err), 0);
	assert_int_equal(file_remove_tree(fd, "d", &err), 0);
	close(fd);
	assert_int_equal(file_remove_tree(p->fd, "d", &err), 0);
}

static bool tries_to_write(int what, struct place *p, struct error *err)
{
	switch (what) {
	case 0:
		return file_write(p->fd, "f", "new", 3, 0600, err) == 0;
	case 1:
		return file_write_new(p->fd, "g", "new", 3, 0600, err) == 0;
	default:
		return file_switch_link(p->fd, "l", "new", err) == 0;
	}
}

static void assert_old_or_new(struct place *p)
{
	CLEANUP(buf_done) struct buf b = BUF(100);
	struct error err;

	assert_int_equal(file_read(p->fd, "f", &b, &err), 0);
	assert_true(strcmp(buf_text(&b), "old") == 0 || strcmp(buf_text(&b), "new") == 0);
	buf_reset(&b);
	assert_int_equal(file_read_link(p->fd, "l", &b, &err), 0);
	assert_true(strcmp(buf_text(&b), "old") == 0 || strcmp(buf_text(&b), "new") == 0);
	buf_reset(&b);
	if (file_read(p->fd, "g", &b, &err) == FILE_OK)
		assert_string_equal(buf_text(&b), "new");
}

static void put_old(struct place *p)
{
	struct error err;

	assert_int_equal(file_write(p->fd, "f", "old", 3, 0600, &err), 0);
	assert_int_equal(file_switch_link(p->fd, "l", "old", &err), 0);
	assert_true(file_remove(p->fd, "g", &err) >= 0);
}

static void test_each_call_may_fail(void **state)
{
	static const int causes[] = { EIO, ENOSPC, EDQUOT, EMFILE };
	struct place *p = *state;
	int failures = 0;

	for (size_t cause = 0; cause < ARRAY_SIZE(causes); cause++) {
		for (int what = 0; what < 3; what++) {
			for (int at = 1;; at++) {
				struct error err;
				int before, seen;
				bool done;

				put_old(p);
				before = count_fds();
				calls = 0;
				fault_errno = causes[cause];
				fault_at = at;
				done = tries_to_write(what, p, &err);
				fault_at = 0;
				seen = calls;
				assert_int_equal(count_fds(), before);
				assert_old_or_new(p);
				if (seen < at) {
					assert_true(done);
					break;
				}
				assert_false(done);
				assert_int_equal(err.kind, ERROR_SYSTEM);
				assert_non_null(strstr(err.message, strerror(causes[cause])));
				assert_non_null(strstr(err.message, p->path));
				failures++;
				/* Nothing temporary stays. */
				assert_int_equal(file_remove(p->fd, "g", &err) < 0, 0);
				assert_names(p->fd, "f l");
			}
		}
	}
	/* open, fchmod, write, fsync, close, rename, fsync; twice; symlink, rename, fsync */
	assert_int_equal(failures, 4 * (7 + 7 + 3));
}

static void test_the_process_may_end_at_each_call(void **state)
{
	struct place *p = *state;

	for (int what = 0; what < 3; what++) {
		for (int at = 1;; at++) {
			struct error err;
			int status;
			pid_t pid;

			put_old(p);
			pid = fork();
			assert_true(pid >= 0);
			if (pid == 0) {
				calls = 0;
				fault_errno = 0;
				fault_at = at;
				_exit(tries_to_write(what, p, &err) ? 0 : 1);
			}
			assert_int_equal(waitpid(pid, &status, 0), pid);
			assert_true(WIFEXITED(status));
			assert_old_or_new(p);
			assert_int_equal(file_sweep(p->fd, &err), 0);
			assert_true(file_remove(p->fd, "g", &err) >= 0);
			assert_names(p->fd, "f l");
			if (WEXITSTATUS(status) == 0)
				break;
			assert_int_equal(WEXITSTATUS(status), ENDED);
		}
	}
}

static void test_without_rename_flags_links_do(void **state)
{
	struct place *p = *state;
	struct error err;

	for (int round = 0; round < 2; round++) {
		calls = 0;
		fault_errno = EINVAL;
		fault_at = 6;
		assert_int_equal(file_write_new(p->fd, "g", "new", 3, 0600, &err), round == 0 ? 0 : FILE_EXISTS);
		fault_at = 0;
		assert_names(p->fd, "g");
		assert_content(p->fd, "g", "new");
	}
}

static void test_a_limit_of_the_file_size(void **state)
{
	struct rlimit before, limit;
	struct place *p = *state;
	char data[65536];
	struct error err;

	memset(data, 'x', sizeof(data));
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 10000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(file_write(p->fd, "f", data, 9000, 0600, &err), 0);
	assert_int_equal(file_write(p->fd, "f", data, sizeof(data), 0600, &err), -1);
	assert_int_equal(file_probe(p->fd, p->path, sizeof(data), &err), -1);
	assert_int_equal(file_probe(p->fd, p->path, 10000, &err), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_names(p->fd, "f");
}

/* A file system of its own, in a mount namespace of its own, that ends with this process. */
static bool mount_small(struct place *p, const char *path, const char *options)
{
	static bool private;

	if (!private && (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0))
		return false;
	private = true;
	/* The directory's descriptor is one of the former namespace, where nothing gets mounted. */
	close(p->fd);
	p->fd = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return mount("none", path, "tmpfs", 0, options) == 0;
}

static void test_a_full_disk(void **state)
{
	struct place *p = *state;
	char path[128];
	static char data[262144];
	struct error err;
	int fd = -1;

	snprintf(path, sizeof(path), "%s/disk", p->path);
	assert_int_equal(mkdir(path, 0700), 0);
	if (!mount_small(p, path, "size=64k,nr_inodes=8")) {
		print_message("no right to mount a small disk\n");
		skip();
	}
	assert_int_equal(file_open_dir(path, &fd, &err), 0);
	memset(data, 'x', sizeof(data));
	assert_int_equal(file_write(fd, "f", "old", 3, 0600, &err), 0);
	assert_int_equal(file_write(fd, "f", data, sizeof(data), 0600, &err), -1);
	assert_non_null(strstr(err.message, strerror(ENOSPC)));
	assert_string_not_equal(err.advice, "");
	assert_content(fd, "f", "old");
	assert_names(fd, "f");
	assert_int_equal(file_probe(fd, path, 65536, &err), -1);
	assert_non_null(strstr(err.message, path));
	assert_int_equal(file_probe(fd, path, 4096, &err), 0);
	assert_names(fd, "f");
	/* No inode left. */
	for (int i = 0; i < 6; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%d", i);
		assert_int_equal(mknodat(fd, name, S_IFREG | 0600, 0), 0);
	}
	assert_int_equal(file_write(fd, "f", "new", 3, 0600, &err), -1);
	assert_int_equal(file_switch_link(fd, "l", "x", &err), -1);
	assert_int_equal(file_make_dir(fd, "d", 0700, &err), -1);
	assert_int_equal(file_probe(fd, path, 1, &err), -1);
	assert_content(fd, "f", "old");
	/* It recovers by itself. */
	assert_int_equal(file_remove(fd, "n0", &err), 0);
	assert_int_equal(file_write(fd, "f", "new", 3, 0600, &err), 0);
	/* And what is mounted is not removed with the tree around it. */
	assert_int_equal(file_remove_tree(p->fd, "disk", &err), -1);
	assert_non_null(strstr(err.message, "mounted"));
	assert_content(fd, "f", "new");
	close(fd);
	assert_int_equal(umount(path), 0);
}

static void test_a_read_only_disk(void **state)
{
	struct place *p = *state;
	char path[128];
	struct error err;
	int fd = -1;

	snprintf(path, sizeof(path), "%s/disk", p->path);
	assert_int_equal(mkdir(path, 0700), 0);
	if (!mount_small(p, path, "size=64k")) {
		print_message("no right to mount a small disk\n");
		skip();
	}
	assert_int_equal(file_open_dir(path, &fd, &err), 0);
	assert_int_equal(file_write(fd, "f", "old", 3, 0600, &err), 0);
	close(fd);
	assert_int_equal(mount("none", path, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL), 0);
	assert_int_equal(file_open_dir(path, &fd, &err), 0);
	assert_int_equal(file_probe(fd, path, 1, &err), -1);
	assert_non_null(strstr(err.message, strerror(EROFS)));
	assert_string_not_equal(err.advice, "");
	assert_int_equal(file_write(fd, "f", "new", 3, 0600, &err), -1);
	assert_int_equal(file_remove(fd, "f", &err), -1);
	assert_int_equal(file_remove_tree(p->fd, "disk", &err), -1);
	assert_content(fd, "f", "old");
	close(fd);
	assert_int_equal(umount(path), 0);
}

static int as_nobody(struct place *p)
{
	char path[128];
	struct error err;
	int fd;

	if (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
		return 1;
	if (file_write(p->fd, "f", "new", 3, 0600, &err) == 0 || strstr(err.message, strerror(EACCES)) == NULL)
		return 2;
	if (err.advice[0] == '\0' || file_probe(p->fd, p->path, 1, &err) == 0)
		return 3;
	if (file_open_beneath(p->fd, "a/b", true, 0755, &fd, &err) != -1)
		return 4;
	if (file_remove(p->fd, "f", &err) != -1 || file_remove_tree(p->fd, "d", &err) != -1)
		return 5;
	/* The way may lead through a directory that cannot be read, and a umask takes nothing away. */
	umask(0777);
	snprintf(path, sizeof(path), "%s/passage/mine/x/y", p->path);
	if (file_make_dirs(path, 0700, &fd, &err) != 0)
		return 6;
	return file_write(fd, "f", "new", 3, 0600, &err) == 0 ? 0 : 7;
}

static void test_no_permission(void **state)
{
	struct place *p = *state;
	struct error err;

	if (geteuid() != 0) {
		print_message("not root, so nobody else can be tried\n");
		skip();
	}
	assert_int_equal(fchmod(p->fd, 0755), 0);
	assert_int_equal(file_write(p->fd, "f", "old", 3, 0644, &err), 0);
	assert_int_equal(file_make_dir(p->fd, "d", 0755, &err), 0);
	assert_int_equal(file_make_dir(p->fd, "passage", 0711, &err), 0);
	assert_int_equal(mkdirat(p->fd, "passage/mine", 0700), 0);
	assert_int_equal(fchownat(p->fd, "passage/mine", NOBODY, NOBODY, 0), 0);
	assert_int_equal(in_child(as_nobody, p), 0);
	assert_content(p->fd, "f", "old");
	assert_content(p->fd, "passage/mine/x/y/f", "new");
	assert_names(p->fd, "d f passage");
}

static void test_paths_for_messages(void **state)
{
	struct place *p = *state;
	char out[FILE_PATH_SIZE], expected[128], name[2000];

	snprintf(expected, sizeof(expected), "%s/x", p->path);
	assert_string_equal(file_path(p->fd, "x", out), expected);
	assert_string_equal(file_path(p->fd, "/x", out), "/x");
	assert_string_equal(file_path(AT_FDCWD, "x", out), "x");
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(strlen(file_path(p->fd, name, out)), FILE_PATH_SIZE - 1);
	assert_int_equal(strlen(file_path(AT_FDCWD, name, out)), FILE_PATH_SIZE - 1);
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)
#define ON_OLD_KERNEL(test) cmocka_unit_test_setup_teardown(test, make_place_on_old_kernel, remove_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_PLACE(test_writes_and_reads),
		IN_PLACE(test_modes_whatever_the_umask),
		IN_PLACE(test_names_that_lead_elsewhere),
		IN_PLACE(test_reading),
		IN_PLACE(test_links),
		IN_PLACE(test_directories),
		IN_PLACE(test_beneath),
		IN_PLACE(test_a_race_never_leads_out),
		IN_PLACE(test_renames),
		IN_PLACE(test_lists_and_sweeps),
		IN_PLACE(test_removes_trees_and_nothing_else),
		IN_PLACE(test_a_tree_that_is_too_deep),
		IN_PLACE(test_each_call_may_fail),
		IN_PLACE(test_the_process_may_end_at_each_call),
		IN_PLACE(test_without_rename_flags_links_do),
		IN_PLACE(test_a_limit_of_the_file_size),
		IN_PLACE(test_no_permission),
		IN_PLACE(test_paths_for_messages),
		IN_PLACE(test_a_full_disk),
		IN_PLACE(test_a_read_only_disk),
		ON_OLD_KERNEL(test_modes_whatever_the_umask),
		ON_OLD_KERNEL(test_beneath),
		ON_OLD_KERNEL(test_a_race_never_leads_out),
		ON_OLD_KERNEL(test_removes_trees_and_nothing_else),
		ON_OLD_KERNEL(test_a_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
