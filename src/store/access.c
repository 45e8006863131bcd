#include "store/access.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/strv.h"
#include "base/text.h"
#include "store/private.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 64, MODE_BITS = 07777, PRIVATE_DIR = 0700, GROUP_PASS = 0010, OTHERS_PASS = 0001 };

#define PROBE_FILE FILE_TMP_PREFIX "access"

struct store_access store_access_private(void)
{
	return (struct store_access){ .uid = geteuid(), .gid = (gid_t)-1, .key_mode = 0600, .cert_mode = 0600 };
}

bool store_access_is_open(const struct store_access *access)
{
	return access->uid != geteuid() || ((access->key_mode | access->cert_mode) & 0077) != 0;
}

void store_cert_set_access(struct store_cert *cert, const struct store_access *access)
{
	cert->access = *access;
}

/* The directories stay ours, so that nobody else puts anything into them. */
struct file_access store_access_of_directory(const struct store_access *access)
{
	struct file_access directory = { .mode = PRIVATE_DIR, .uid = geteuid(), .gid = access->gid };

	if (((access->key_mode | access->cert_mode) & 0040) != 0)
		directory.mode |= GROUP_PASS;
	if (access->uid != geteuid() || ((access->key_mode | access->cert_mode) & 0004) != 0)
		directory.mode |= OTHERS_PASS;
	return directory;
}

static bool is_key(const char *name)
{
	return text_has_prefix(name, "privkey");
}

struct file_access store_access_of_file(const struct store_access *access, const char *name)
{
	return (struct file_access){ .mode = is_key(name) ? access->key_mode : access->cert_mode, .uid = access->uid, .gid = access->gid };
}

int store_access_let_pass(const struct store *store, struct error *err)
{
	struct stat above;
	int fds[2];

	if (store_shared_certificates(store->shared, true, &fds[0], err) < 0 || store_shared_live(store->shared, true, &fds[1], err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		struct stat st;

		if (fstat(fds[i], &st) < 0)
			return error_sys(err, errno, "cannot look at a directory in %s", store->path);
		if ((st.st_mode & (GROUP_PASS | OTHERS_PASS)) == (GROUP_PASS | OTHERS_PASS))
			continue;
		if (fchmod(fds[i], (st.st_mode & MODE_BITS) | GROUP_PASS | OTHERS_PASS) < 0)
			return error_sys(err, errno, "cannot let pass through %s/%s", store->path, i == 0 ? "certificates" : "live");
	}
	/* Whose mode the administrator has chosen. */
	if (fstat(store->fd, &above) == 0 && (above.st_mode & (GROUP_PASS | OTHERS_PASS)) == 0) {
		error_set(err, ERROR_SYSTEM, "%s lets nobody but its owner pass (mode %04o), so key-owner, key-group and the modes are of no use",
		          store->path, (unsigned int)above.st_mode & MODE_BITS);
		return error_advise(err, "chmod o+x %s", store->path);
	}
	return 0;
}

int store_access_probe(const struct store *store, const struct store_access *access, struct error *err)
{
	const struct file_access key = store_access_of_file(access, "privkey");
	struct error why;
	int fd;

	if (!store_access_is_open(access))
		return 0;
	if (store_shared_certificates(store->shared, true, &fd, err) < 0)
		return -1;
	error_clear(&why);
	if (file_write_as(fd, PROBE_FILE, "", 0, &key, &why) < 0) {
		error_set(err, ERROR_USAGE, "the key cannot be given to user %ju and group %ju: %.600s", (uintmax_t)access->uid,
		          (uintmax_t)access->gid, why.message);
		return error_advise(err, "run certd as root, or name in key-group a group that its user is a member of, and no key-owner");
	}
	return file_remove(fd, PROBE_FILE, err) < 0 ? -1 : 0;
}

static bool is_as_wanted(const struct stat *st, const struct file_access *wanted)
{
	return (st->st_mode & MODE_BITS) == wanted->mode && st->st_uid == wanted->uid &&
	       (wanted->gid == (gid_t)-1 || st->st_gid == wanted->gid);
}

/* What is looked at, and for whom. */
struct look {
	const struct store_cert *cert;
	bool mend;
	const struct store_access_watcher *watcher;
};

/* `path` is for the watcher. What is neither a file nor a directory is none of ours. */
static int look_at(const struct look *look, int dirfd, const char *name, const char *path, bool directory, struct error *err)
{
	const struct store_access *access = &look->cert->access;
	const struct file_access wanted = directory ? store_access_of_directory(access) : store_access_of_file(access, name);
	struct store_drift drift = {
		.path = path, .wanted_mode = wanted.mode, .wanted_uid = wanted.uid, .wanted_gid = wanted.gid,
	};
	struct error why;
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : error_sys(err, errno, "cannot look at %s", path);
	if (!(directory ? S_ISDIR(st.st_mode) : S_ISREG(st.st_mode)) || is_as_wanted(&st, &wanted))
		return 0;
	drift.mode = st.st_mode & MODE_BITS;
	drift.uid = st.st_uid;
	drift.gid = st.st_gid;
	drift.key = !directory && is_key(name);
	drift.exposed = drift.key && (drift.mode & 0077 & ~wanted.mode) != 0;
	error_clear(&why);
	if (look->mend) {
		drift.mended = file_set_access(dirfd, name, &wanted, &why) == 0;
		drift.error = drift.mended ? NULL : &why;
	}
	look->watcher->drift(look->watcher->self, &drift);
	return 0;
}

static int look_at_generation(const struct look *look, const char *number, struct error *err)
{
	CLEANUP(strv_done) struct strv names = STRV(FILES_MAX);
	CLEANUP(clean_fd) int fd = -1;
	char path[PATH_MAX];
	int r = file_open_beneath(look->cert->fd, number, false, 0, &fd, err);

	if (r != FILE_OK)
		return r < 0 ? -1 : 0;
	if (file_list(fd, &names, err) < 0)
		return -1;
	/* The files before the way to them. */
	for (size_t i = 0; i < names.count; i++) {
		snprintf(path, sizeof(path), "%s/%s/%s", look->cert->path, number, names.items[i]);
		if (look_at(look, fd, names.items[i], path, false, err) < 0)
			return -1;
	}
	snprintf(path, sizeof(path), "%s/%s", look->cert->path, number);
	return look_at(look, look->cert->fd, number, path, true, err);
}

int store_access_look(const struct store_cert *cert, bool mend, const struct store_access_watcher *watcher, struct error *err)
{
	const struct look look = { .cert = cert, .mend = mend, .watcher = watcher };
	CLEANUP(strv_done) struct strv names = STRV(STORE_ENTRIES_MAX);

	if (file_list(cert->fd, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		uint64_t number;

		if (store_generation_parse(names.items[i], &number) == 0 && look_at_generation(&look, names.items[i], err) < 0)
			return -1;
	}
	return look_at(&look, cert->fd, ".", cert->path, true, err);
}
