#include "base/file.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/random.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TMP_NAME_SIZE = sizeof(FILE_TMP_PREFIX) + 12, TMP_TRIES = 100 };

const char *file_path(int dirfd, const char *name, char out[static FILE_PATH_SIZE])
{
	char link[64];
	ssize_t n = -1;
	size_t len;

	if (name[0] != '/') {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", dirfd);
		n = readlink(link, out, FILE_PATH_SIZE - 1);
	}
	if (n <= 0 || out[0] != '/') {
		text_copy(out, FILE_PATH_SIZE, name);
		return out;
	}
	len = (size_t)n;
	if (len > 1 && len < FILE_PATH_SIZE - 1)
		out[len++] = '/';
	out[len] = '\0';
	text_copy(out + len, FILE_PATH_SIZE - len, name);
	return out;
}

static int check_name(const char *name, struct error *err)
{
	if (name[0] == '\0' || strchr(name, '/') != NULL || text_equal(name, ".") || text_equal(name, ".."))
		return error_set(err, ERROR_INTERNAL, "\"%.100s\" is no name of a thing in a directory", name);
	return 0;
}

/* "cannot STEP PATH: cause". */
static int fail(int errnum, const char *step, int dirfd, const char *name, struct error *err)
{
	char path[FILE_PATH_SIZE];

	return error_sys(err, errnum, "cannot %s %s", step, file_path(dirfd, name, path));
}

int file_sync_dir(int dirfd, struct error *err)
{
	/* EINVAL, ENOTSUP: a file system that cannot; there is nothing better to be had on it. */
	if (fsync(dirfd) < 0 && errno != EINVAL && errno != EOPNOTSUPP)
		return fail(errno, "write to disk (fsync) the directory", dirfd, "", err);
	return 0;
}

/* A temporary file or link: removed at the end of its scope, unless it went to its place. */
struct tmp {
	int dirfd;
	int fd;
	char name[TMP_NAME_SIZE]; /* "" when there is nothing to remove */
};

static void tmp_done(struct tmp *tmp)
{
	clean_fd(&tmp->fd);
	if (tmp->name[0] != '\0')
		unlinkat(tmp->dirfd, tmp->name, 0);
}

static void tmp_name(struct tmp *tmp)
{
	memcpy(tmp->name, FILE_TMP_PREFIX, sizeof(FILE_TMP_PREFIX));
	random_name(random_system(), tmp->name + strlen(FILE_TMP_PREFIX), TMP_NAME_SIZE - strlen(FILE_TMP_PREFIX));
}

/* `name` is what it is for. Nobody but the owner can open the file until its mode is set, and that comes before the
 * content; fchmod(2), because the umask has its say in open(2). */
static int tmp_create(struct tmp *tmp, const char *name, const struct file_access *access, struct error *err)
{
	int errnum = EEXIST;

	for (int i = 0; i < TMP_TRIES && errnum == EEXIST && tmp->fd < 0; i++) {
		tmp_name(tmp);
		tmp->fd = openat(tmp->dirfd, tmp->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (tmp->fd < 0)
			errnum = errno;
	}
	if (tmp->fd < 0) {
		tmp->name[0] = '\0';
		return fail(errnum, "create a temporary file for", tmp->dirfd, name, err);
	}
	/* The owner first: by then the mode lets nobody in but who made it. */
	if ((access->uid != (uid_t)-1 || access->gid != (gid_t)-1) && fchown(tmp->fd, access->uid, access->gid) < 0)
		return fail(errno, "set the owner and group of", tmp->dirfd, name, err);
	if (fchmod(tmp->fd, access->mode) < 0)
		return fail(errno, "set the mode of", tmp->dirfd, name, err);
	return 0;
}

static int tmp_write(struct tmp *tmp, const char *name, const void *data, size_t len, struct error *err)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(tmp->fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail(n < 0 ? errno : EIO, "write", tmp->dirfd, name, err);
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* fsync and close, both of which may be the first to tell that the disk did not take it. */
static int tmp_finish(struct tmp *tmp, const char *name, struct error *err)
{
	if (fsync(tmp->fd) < 0)
		return fail(errno, "write to disk (fsync)", tmp->dirfd, name, err);
	if (close(TAKE_FD(tmp->fd)) < 0 && errno != EINTR)
		return fail(errno, "write (close)", tmp->dirfd, name, err);
	return 0;
}

/* Whether `name` shows the thing that st describes: what a rename that failed has nevertheless done (NFS, when the answer
 * of the server was lost and the question repeated). */
static bool is_same(int dirfd, const char *name, const struct stat *st)
{
	struct stat now;

	return fstatat(dirfd, name, &now, AT_SYMLINK_NOFOLLOW) == 0 && now.st_dev == st->st_dev && now.st_ino == st->st_ino;
}

/* Puts the temporary thing in its place. */
static int tmp_place(struct tmp *tmp, const char *name, const struct stat *st, struct error *err)
{
	if (renameat(tmp->dirfd, tmp->name, tmp->dirfd, name) < 0) {
		int errnum = errno;

		if (!is_same(tmp->dirfd, name, st))
			return fail(errnum, "put in its place", tmp->dirfd, name, err);
	} else {
		tmp->name[0] = '\0';
	}
	return file_sync_dir(tmp->dirfd, err);
}

/* The same, but never over something else. */
static int tmp_place_new(struct tmp *tmp, const char *name, const struct stat *st, struct error *err)
{
	int errnum;

	if (renameat2(tmp->dirfd, tmp->name, tmp->dirfd, name, RENAME_NOREPLACE) == 0) {
		tmp->name[0] = '\0';
		return file_sync_dir(tmp->dirfd, err);
	}
	errnum = errno;
	/* A file system that does not know the flag: a second name, and tmp_done() takes the first away. */
	if (errnum == EINVAL || errnum == ENOSYS || errnum == EOPNOTSUPP)
		errnum = linkat(tmp->dirfd, tmp->name, tmp->dirfd, name, 0) == 0 ? 0 : errno;
	if (errnum == 0 || is_same(tmp->dirfd, name, st)) {
		unlinkat(tmp->dirfd, tmp->name, 0);
		tmp->name[0] = '\0';
		return file_sync_dir(tmp->dirfd, err);
	}
	if (errnum == EEXIST)
		return FILE_EXISTS;
	return fail(errnum, "put in its place", tmp->dirfd, name, err);
}

static int write_file(int dirfd, const char *name, const void *data, size_t len, const struct file_access *access,
		      bool replace, struct error *err)
{
	CLEANUP(tmp_done) struct tmp tmp = { .dirfd = dirfd, .fd = -1 };
	struct stat st;

	if (check_name(name, err) < 0 || tmp_create(&tmp, name, access, err) < 0 ||
	    tmp_write(&tmp, name, data, len, err) < 0)
		return -1;
	if (fstat(tmp.fd, &st) < 0)
		return fail(errno, "write", dirfd, name, err);
	if (tmp_finish(&tmp, name, err) < 0)
		return -1;
	return replace ? tmp_place(&tmp, name, &st, err) : tmp_place_new(&tmp, name, &st, err);
}

int file_write(int dirfd, const char *name, const void *data, size_t len, mode_t mode, struct error *err)
{
	return write_file(dirfd, name, data, len, &(struct file_access){ mode, (uid_t)-1, (gid_t)-1 }, true, err);
}

int file_write_as(int dirfd, const char *name, const void *data, size_t len, const struct file_access *access, struct error *err)
{
	return write_file(dirfd, name, data, len, access, true, err);
}

int file_set_access(int dirfd, const char *name, const struct file_access *access, struct error *err)
{
	bool chown_it;
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(errno, "look at", dirfd, name, err);
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return fail(EINVAL, "set the mode of what is no file:", dirfd, name, err);
	chown_it = (access->uid != (uid_t)-1 && access->uid != st.st_uid) || (access->gid != (gid_t)-1 && access->gid != st.st_gid);
	/* Less, before it is another's. */
	if ((st.st_mode & 07777 & ~access->mode) != 0 && fchmodat(dirfd, name, st.st_mode & 07777 & access->mode, 0) < 0)
		return fail(errno, "set the mode of", dirfd, name, err);
	if (chown_it && fchownat(dirfd, name, access->uid, access->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(errno, "set the owner and group of", dirfd, name, err);
	if (fchmodat(dirfd, name, access->mode, 0) < 0)
		return fail(errno, "set the mode of", dirfd, name, err);
	return 0;
}

int file_write_new(int dirfd, const char *name, const void *data, size_t len, mode_t mode, struct error *err)
{
	return write_file(dirfd, name, data, len, &(struct file_access){ mode, (uid_t)-1, (gid_t)-1 }, false, err);
}

int file_switch_link(int dirfd, const char *name, const char *target, struct error *err)
{
	CLEANUP(tmp_done) struct tmp tmp = { .dirfd = dirfd, .fd = -1 };
	char path[FILE_PATH_SIZE];
	struct stat st;
	int errnum = EEXIST;

	if (check_name(name, err) < 0)
		return -1;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISLNK(st.st_mode)) {
		error_set(err, ERROR_SYSTEM, "%s is no symbolic link, so it is not replaced by one",
			  file_path(dirfd, name, path));
		return error_advise(err, "move it away");
	}
	for (int i = 0; i < TMP_TRIES && errnum == EEXIST; i++) {
		tmp_name(&tmp);
		errnum = symlinkat(target, dirfd, tmp.name) == 0 ? 0 : errno;
	}
	if (errnum != 0) {
		tmp.name[0] = '\0';
		return fail(errnum, "create a temporary link for", dirfd, name, err);
	}
	if (fstatat(dirfd, tmp.name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(errno, "look at the temporary link for", dirfd, name, err);
	return tmp_place(&tmp, name, &st, err);
}

/* Reads until the end. out is not touched before there is room for what was read. */
static int read_all(int fd, int dirfd, const char *name, struct buf *out, struct error *err)
{
	char chunk[8192], path[FILE_PATH_SIZE];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			fail(errno, "read", dirfd, name, err);
			break;
		}
		if ((size_t)n > out->max - out->len) {
			n = error_set(err, ERROR_SYSTEM, "%s is larger than the %zu bytes that it may have",
				      file_path(dirfd, name, path), out->max);
			break;
		}
		if (buf_append(out, chunk, (size_t)n) < 0) {
			n = error_oom(err);
			break;
		}
	}
	if (out->secret)
		clean_wipe(chunk, sizeof(chunk));
	return n < 0 ? -1 : 0;
}

/* Opened without waiting for a writer, should it be a pipe. */
static int open_regular(int dirfd, const char *name, int *ret_fd, struct error *err)
{
	CLEANUP(clean_fd) int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char path[FILE_PATH_SIZE];
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return FILE_ABSENT;
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(errno, "open", dirfd, name, err);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERROR_SYSTEM, "cannot read %s: it is no regular file", file_path(dirfd, name, path));
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int file_read(int dirfd, const char *name, struct buf *out, struct error *err)
{
	CLEANUP(clean_fd) int fd = -1;
	size_t before = out->len;
	int r;

	if (buf_check(out, name, err) < 0)
		return -1;
	r = open_regular(dirfd, name, &fd, err);
	if (r != 0)
		return r;
	if (read_all(fd, dirfd, name, out, err) == 0) {
		/* An empty file gives an empty text, not none. */
		return buf_append(out, "", 0) < 0 ? error_oom(err) : 0;
	}
	if (out->data != NULL) {
		if (out->secret)
			clean_wipe(out->data + before, out->len - before);
		out->len = before;
		out->data[before] = '\0';
	}
	return -1;
}

int file_read_link(int dirfd, const char *name, struct buf *out, struct error *err)
{
	char target[PATH_MAX], path[FILE_PATH_SIZE];
	ssize_t n = readlinkat(dirfd, name, target, sizeof(target));

	if (n < 0 && errno == ENOENT)
		return FILE_ABSENT;
	if (n < 0 && errno == EINVAL)
		return error_set(err, ERROR_SYSTEM, "%s is no symbolic link", file_path(dirfd, name, path));
	if (n < 0)
		return fail(errno, "read the link", dirfd, name, err);
	if ((size_t)n == sizeof(target) || (size_t)n > out->max - out->len)
		return error_set(err, ERROR_SYSTEM, "the link %s is too long", file_path(dirfd, name, path));
	if (buf_append(out, target, (size_t)n) < 0)
		return buf_check(out, file_path(dirfd, name, path), err);
	return 0;
}

int file_rename(int from_dirfd, const char *from, int to_dirfd, const char *to, struct error *err)
{
	char from_path[FILE_PATH_SIZE], to_path[FILE_PATH_SIZE];
	struct stat st;

	if (check_name(from, err) < 0 || check_name(to, err) < 0)
		return -1;
	if (fstatat(from_dirfd, from, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(errno, "rename", from_dirfd, from, err);
	if (renameat(from_dirfd, from, to_dirfd, to) < 0) {
		int errnum = errno;

		if (!is_same(to_dirfd, to, &st))
			return error_sys(err, errnum, "cannot rename %s to %s", file_path(from_dirfd, from, from_path),
					 file_path(to_dirfd, to, to_path));
	}
	if (file_sync_dir(to_dirfd, err) < 0)
		return -1;
	return from_dirfd == to_dirfd ? 0 : file_sync_dir(from_dirfd, err);
}

int file_remove(int dirfd, const char *name, struct error *err)
{
	if (check_name(name, err) < 0)
		return -1;
	if (unlinkat(dirfd, name, 0) < 0) {
		if (errno == ENOENT)
			return FILE_ABSENT;
		return fail(errno, "remove", dirfd, name, err);
	}
	return file_sync_dir(dirfd, err);
}

int file_probe(int dirfd, const char *path, size_t size, struct error *err)
{
	CLEANUP(tmp_done) struct tmp tmp = { .dirfd = dirfd, .fd = -1 };
	static const char probe[] = FILE_TMP_PREFIX "probe";
	char block[4096];
	uint64_t pattern = random_below(random_system(), UINT64_MAX);

	/* Nothing that a file system can make smaller than it is. */
	for (size_t i = 0; i < sizeof(block); i++) {
		pattern = pattern * 6364136223846793005U + 1442695040888963407U;
		block[i] = (char)(pattern >> 56);
	}
	if (tmp_create(&tmp, probe, &(struct file_access){ 0600, (uid_t)-1, (gid_t)-1 }, err) < 0)
		return error_context(err, "%s cannot be written", path);
	while (size > 0) {
		size_t part = size < sizeof(block) ? size : sizeof(block);

		if (tmp_write(&tmp, probe, block, part, err) < 0)
			return error_context(err, "%s cannot be written", path);
		size -= part;
	}
	if (tmp_finish(&tmp, probe, err) < 0)
		return error_context(err, "%s cannot be written", path);
	return 0;
}
