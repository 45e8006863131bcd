/* file_dir.c: what file.h says of directories. */
#include "base/file.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/strv.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TREE_DEPTH_MAX = 32, TREE_PASSES = 3, TMP_LETTERS = 12 };

static void close_dir(DIR **dir)
{
	if (*dir != NULL)
		closedir(*dir);
}

static int fail(int errnum, const char *step, int dirfd, const char *name, struct error *err)
{
	char path[FILE_PATH_SIZE];

	return error_sys(err, errnum, "cannot %s %s", step, file_path(dirfd, name, path));
}

/* With exactly this mode. The umask is taken away for the one call instead of a chmod(2) afterwards: by then the name may
 * show something else, or the directory may be closed to its own owner. The process has no other thread that creates files. */
static int make_exact(int dirfd, const char *name, mode_t mode)
{
	mode_t mask = umask(0);
	int r = mkdirat(dirfd, name, mode);
	int errnum = errno;

	umask(mask);
	errno = errnum;
	return r;
}

/* For an old kernel, or a filter that does not know openat2(2). For one component that is not ".." O_NOFOLLOW says the
 * same; a mount is seen by its device. */
static int open_plain_old(int dirfd, const char *name, int flags, bool same_device)
{
	CLEANUP(clean_fd) int fd = -1;
	struct stat parent, child;

	if (strchr(name, '/') != NULL || text_equal(name, "..")) {
		errno = EXDEV;
		return -1;
	}
	fd = openat(dirfd, name, flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || !same_device)
		return TAKE_FD(fd);
	if (fstat(dirfd, &parent) < 0 || fstat(fd, &child) < 0)
		return -1;
	if (parent.st_dev != child.st_dev) {
		errno = EXDEV;
		return -1;
	}
	return TAKE_FD(fd);
}

/* Opens the directory `name`, one component, by `flags`; never by a symbolic link, nor out of dirfd. `resolve` may ask
 * for more. */
static int open_plain(int dirfd, const char *name, int flags, uint64_t resolve)
{
	struct open_how how = {
		.flags = (unsigned int)(flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | resolve,
	};
	long r;

	for (int i = 0; i < 100; i++) {
		r = syscall(SYS_openat2, dirfd, name, &how, sizeof(how));
		if (r >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	if (r < 0 && (errno == ENOSYS || errno == EPERM))
		return open_plain_old(dirfd, name, flags, (resolve & RESOLVE_NO_XDEV) != 0);
	return (int)r;
}

int file_open_dir(const char *path, int *ret_fd, struct error *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return FILE_ABSENT;
	if (fd < 0)
		return error_sys(err, errno, "cannot open the directory %s", path);
	*ret_fd = fd;
	return 0;
}

/* A way down a path, a component after the other. */
struct walk {
	const char *path;
	size_t at; /* of path: behind the last component read */
	char name[NAME_MAX + 1];
	bool last;
	bool beneath; /* no links, no way out */
	bool create;
	mode_t mode; /* of the last; of all that is made beneath */
};

/* 1 with the next component in w->name, 0 at the end. */
static int walk_next(struct walk *w, struct error *err)
{
	const char *p = w->path + w->at;
	size_t len;

	p += strspn(p, "/");
	len = strcspn(p, "/");
	if (len == 0)
		return 0;
	if (len > NAME_MAX)
		return error_sys(err, ENAMETOOLONG, "cannot open the directory %.200s", w->path);
	memcpy(w->name, p, len);
	w->name[len] = '\0';
	w->at = (size_t)(p - w->path) + len;
	w->last = p[len + strspn(p + len, "/")] == '\0';
	return 1;
}

static int walk_open(const struct walk *w, int fd)
{
	/* A directory on the way need not be readable. */
	int flags = w->last ? O_RDONLY : O_PATH;

	if (w->beneath)
		return open_plain(fd, w->name, flags, 0);
	return openat(fd, w->name, flags | O_DIRECTORY | O_CLOEXEC);
}

static int walk_fail(const struct walk *w, int errnum, int fd, struct error *err)
{
	char path[FILE_PATH_SIZE];
	struct stat st;

	file_path(fd, w->name, path);
	if ((errnum == ELOOP || errnum == ENOTDIR || errnum == ENOENT) &&
	    fstatat(fd, w->name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (S_ISLNK(st.st_mode) && w->beneath) {
			error_set(err, ERROR_SYSTEM, "%s is a symbolic link, and none is followed there", path);
			return error_advise(err, "make it a directory, or configure the directory that it leads to");
		}
		if (S_ISLNK(st.st_mode) && errnum == ENOENT)
			return error_set(err, ERROR_SYSTEM, "%s is a symbolic link to nothing", path);
		if (!S_ISDIR(st.st_mode)) {
			error_set(err, ERROR_SYSTEM, "%s is no directory", path);
			return error_advise(err, "move away what is there, or configure another directory");
		}
	}
	return error_sys(err, errnum, "cannot open the directory %s", path);
}

/* Creates the component and makes it last. Another process may have been quicker. */
static int walk_make(const struct walk *w, int fd, struct error *err)
{
	CLEANUP(clean_fd) int parent = -1;

	if (make_exact(fd, w->name, w->last || w->beneath ? w->mode : 0755) < 0) {
		if (errno == EEXIST)
			return 0;
		return fail(errno, "create the directory", fd, w->name, err);
	}
	/* Where we may write but not read there is no way to an fsync. */
	parent = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return parent < 0 ? 0 : file_sync_dir(parent, err);
}

static int walk_step(const struct walk *w, int fd, int *ret_fd, struct error *err)
{
	int next = walk_open(w, fd);

	if (next < 0 && errno == ENOENT) {
		if (!w->create)
			return FILE_ABSENT;
		if (walk_make(w, fd, err) < 0)
			return -1;
		next = walk_open(w, fd);
	}
	if (next < 0)
		return walk_fail(w, errno, fd, err);
	*ret_fd = next;
	return 0;
}

/* From `from`, which stays open. A path without a component gives -1. */
static int walk_all(struct walk *w, int from, int *ret_fd, struct error *err)
{
	CLEANUP(clean_fd) int own = -1;
	int fd = from;
	int r;

	while ((r = walk_next(w, err)) > 0) {
		int next = -1;

		if (w->beneath && text_equal(w->name, ".."))
			return error_set(err, ERROR_INTERNAL, "the path \"%.200s\" leads out of its directory", w->path);
		r = walk_step(w, fd, &next, err);
		if (r != 0)
			return r;
		clean_fd(&own);
		own = fd = next;
	}
	if (r < 0)
		return -1;
	*ret_fd = TAKE_FD(own);
	return 0;
}

int file_make_dirs(const char *path, mode_t mode, int *ret_fd, struct error *err)
{
	struct walk w = { .path = path, .create = true, .mode = mode };
	CLEANUP(clean_fd) int fd = -1;
	int end, r;

	if (path[0] == '\0')
		return error_set(err, ERROR_USAGE, "the path of a directory is empty");
	fd = open(path[0] == '/' ? "/" : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		fd = open(path[0] == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "cannot open the directory %s", path);
	r = walk_all(&w, fd, &end, err);
	if (r != 0)
		return r;
	*ret_fd = end >= 0 ? end : TAKE_FD(fd);
	return 0;
}

int file_open_beneath(int dirfd, const char *path, bool create, mode_t mode, int *ret_fd, struct error *err)
{
	struct walk w = { .path = path, .beneath = true, .create = create, .mode = mode };
	int fd, r;

	if (path[0] == '/')
		return error_set(err, ERROR_INTERNAL, "the path \"%.200s\" leads out of its directory", path);
	r = walk_all(&w, dirfd, &fd, err);
	if (r != 0)
		return r;
	if (fd < 0)
		fd = open_plain(dirfd, ".", O_RDONLY, 0);
	if (fd < 0)
		return fail(errno, "open the directory", dirfd, "", err);
	*ret_fd = fd;
	return 0;
}

int file_make_dir(int dirfd, const char *name, mode_t mode, struct error *err)
{
	if (name[0] == '\0' || strchr(name, '/') != NULL || text_equal(name, ".") || text_equal(name, ".."))
		return error_set(err, ERROR_INTERNAL, "\"%.100s\" is no name of a thing in a directory", name);
	if (make_exact(dirfd, name, mode) < 0) {
		if (errno == EEXIST)
			return FILE_EXISTS;
		return fail(errno, "create the directory", dirfd, name, err);
	}
	if (file_sync_dir(dirfd, err) < 0) {
		unlinkat(dirfd, name, AT_REMOVEDIR);
		return -1;
	}
	return 0;
}

/* A stream of its own, so that the descriptor's position is nobody else's. */
static int open_stream(int dirfd, DIR **ret_dir, struct error *err)
{
	CLEANUP(clean_fd) int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir == NULL)
		return fail(errno, "list the directory", dirfd, "", err);
	fd = -1;
	*ret_dir = dir;
	return 0;
}

/* 1 with the next entry, 0 at the end. */
static int next_entry(DIR *dir, struct dirent **ret_entry, struct error *err)
{
	struct dirent *entry;

	do {
		errno = 0;
		entry = readdir(dir);
	} while (entry != NULL && (text_equal(entry->d_name, ".") || text_equal(entry->d_name, "..")));
	if (entry == NULL && errno != 0)
		return fail(errno, "list the directory", dirfd(dir), "", err);
	*ret_entry = entry;
	return entry != NULL ? 1 : 0;
}

int file_list(int dirfd, struct strv *out, struct error *err)
{
	CLEANUP(close_dir) DIR *dir = NULL;
	CLEANUP(strv_done) struct strv names = STRV(out->max);
	char path[FILE_PATH_SIZE];
	struct dirent *entry;
	int r;

	if (open_stream(dirfd, &dir, err) < 0)
		return -1;
	while ((r = next_entry(dir, &entry, err)) > 0) {
		if (out->failed || names.count + out->count >= out->max)
			return error_set(err, ERROR_SYSTEM, "%s holds more than %zu things", file_path(dirfd, "", path),
					 out->max);
		if (strv_add(&names, entry->d_name) < 0)
			return error_oom(err);
	}
	if (r < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		if (strv_add(out, names.items[i]) < 0)
			return error_oom(err);
	}
	strv_sort(out);
	return 0;
}

static bool is_tmp_name(const char *name)
{
	const char *letters = name + strlen(FILE_TMP_PREFIX);

	return text_has_prefix(name, FILE_TMP_PREFIX) && strlen(letters) == TMP_LETTERS &&
	       strspn(letters, "abcdefghijklmnopqrstuvwxyz0123456789") == TMP_LETTERS;
}

int file_sweep(int dirfd, struct error *err)
{
	CLEANUP(close_dir) DIR *dir = NULL;
	struct dirent *entry;
	bool swept = false;
	int r;

	if (open_stream(dirfd, &dir, err) < 0)
		return -1;
	while ((r = next_entry(dir, &entry, err)) > 0) {
		if (!is_tmp_name(entry->d_name))
			continue;
		if (unlinkat(dirfd, entry->d_name, 0) == 0)
			swept = true;
		else if (errno != ENOENT && errno != EISDIR)
			return fail(errno, "remove", dirfd, entry->d_name, err);
	}
	if (r < 0)
		return -1;
	return swept ? file_sync_dir(dirfd, err) : 0;
}

static int remove_dir(int dirfd, const char *name, int depth, struct error *err);

/* Takes `fd`, the directory to be emptied. */
static int empty_dir(int fd, int depth, struct error *err)
{
	CLEANUP(close_dir) DIR *dir = fdopendir(fd);
	struct dirent *entry;
	int r;

	if (dir == NULL) {
		int errnum = errno;

		close(fd);
		return error_sys(err, errnum, "cannot list a directory");
	}
	while ((r = next_entry(dir, &entry, err)) > 0) {
		/* First as what is no directory: so nothing is ever looked at by a link. */
		if (unlinkat(fd, entry->d_name, 0) == 0 || errno == ENOENT)
			continue;
		if (errno != EISDIR && errno != EPERM)
			return fail(errno, "remove", fd, entry->d_name, err);
		if (remove_dir(fd, entry->d_name, depth + 1, err) < 0)
			return -1;
	}
	return r;
}

/* FILE_ABSENT when there is none. */
static int remove_dir(int dirfd, const char *name, int depth, struct error *err)
{
	if (depth > TREE_DEPTH_MAX)
		return fail(ELOOP, "remove: too many directories in each other:", dirfd, name, err);
	/* What came into it while it was emptied needs another pass. */
	for (int pass = 0; pass < TREE_PASSES; pass++) {
		int fd = open_plain(dirfd, name, O_RDONLY, RESOLVE_NO_XDEV);

		if (fd < 0 && errno == ENOENT)
			return FILE_ABSENT;
		if (fd < 0 && errno == EXDEV)
			return fail(EBUSY, "remove what is mounted on", dirfd, name, err);
		if (fd < 0)
			return fail(errno, "remove the directory", dirfd, name, err);
		if (empty_dir(fd, depth, err) < 0)
			return -1;
		if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0)
			return 0;
		if (errno != ENOTEMPTY && errno != EEXIST)
			break;
	}
	return fail(errno, "remove the directory", dirfd, name, err);
}

int file_remove_tree(int dirfd, const char *name, struct error *err)
{
	int r;

	if (name[0] == '\0' || strchr(name, '/') != NULL || text_equal(name, ".") || text_equal(name, ".."))
		return error_set(err, ERROR_INTERNAL, "\"%.100s\" is no name of a thing in a directory", name);
	r = remove_dir(dirfd, name, 0, err);
	return r != 0 ? r : file_sync_dir(dirfd, err);
}
