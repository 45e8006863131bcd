#include "store/store.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/ident.h"
#include "base/random.h"
#include "base/strv.h"
#include "base/text.h"
#include "store/private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PROBE_SIZE = 64 * 1024 };

int store_tmp_make(int dirfd, char ret_name[static STORE_TMP_SIZE], int *ret_fd, struct error *err)
{
	char random[13];
	char name[STORE_TMP_SIZE];
	int r;

	random_name(random_system(), random, sizeof(random));
	snprintf(name, sizeof(name), "%s%s", FILE_TMP_PREFIX, random);
	r = file_make_dir(dirfd, name, 0700, err);
	if (r == FILE_EXISTS)
		return error_set(err, ERROR_SYSTEM, "the temporary directory %s is there already", name);
	if (r < 0)
		return -1;
	r = file_open_beneath(dirfd, name, false, 0, ret_fd, err);
	if (r == FILE_ABSENT)
		return error_set(err, ERROR_SYSTEM, "the temporary directory %s went away", name);
	if (r < 0) {
		store_tmp_drop(dirfd, name);
		return -1;
	}
	memcpy(ret_name, name, sizeof(name));
	return 0;
}

void store_tmp_drop(int dirfd, const char *name)
{
	struct error ignored;

	file_remove_tree(dirfd, name, &ignored);
}

int store_discard(int dirfd, const char *name, struct error *err)
{
	char random[13];
	char tmp[STORE_TMP_SIZE];
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : error_sys(err, errno, "cannot look at %s", name);
	random_name(random_system(), random, sizeof(random));
	snprintf(tmp, sizeof(tmp), "%s%s", FILE_TMP_PREFIX, random);
	if (file_rename(dirfd, name, dirfd, tmp, err) < 0)
		return -1;
	return file_remove_tree(dirfd, tmp, err) < 0 ? -1 : 0;
}

int store_sweep(int dirfd, struct error *err)
{
	CLEANUP(strv_done) struct strv names = STRV(STORE_ENTRIES_MAX);

	if (file_list(dirfd, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		const char *name = names.items[i];
		struct stat st;
		int r;

		if (!text_has_prefix(name, FILE_TMP_PREFIX) || fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		r = S_ISDIR(st.st_mode) ? file_remove_tree(dirfd, name, err) : file_remove(dirfd, name, err);
		if (r < 0)
			return -1;
	}
	return 0;
}

int store_check_private(int fd, const char *path, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_sys(err, errno, "cannot look at %s", path);
	if (st.st_uid != geteuid() && st.st_uid != 0) {
		error_set(err, ERROR_SYSTEM, "%s belongs to user %ju, who could exchange keys in it", path,
		          (uintmax_t)st.st_uid);
		return error_advise(err, "give it to the user that certd runs as: chown %ju %s", (uintmax_t)geteuid(), path);
	}
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		error_set(err, ERROR_SYSTEM, "%s may be written by others than its owner (mode %04o)", path,
		          (unsigned int)st.st_mode & 07777);
		return error_advise(err, "chmod go-w %s, once it is sure that nobody has put anything there", path);
	}
	return 0;
}

static bool is_root(int fd)
{
	struct stat root, st;

	return fstat(fd, &st) == 0 && stat("/", &root) == 0 && st.st_dev == root.st_dev && st.st_ino == root.st_ino;
}

static int check_path(const char *path, struct error *err)
{
	if (path[0] != '/')
		return error_set(err, ERROR_USAGE, "the state directory \"%s\" is not an absolute path", path);
	if (strlen(path) > PATH_MAX - 512)
		return error_set(err, ERROR_USAGE, "the path of the state directory is too long");
	return 0;
}

int store_open(const char *state_dir, bool create, struct store **ret, struct error *err)
{
	CLEANUP(store_cleanup) struct store *store = NULL;
	size_t len;
	int r;

	if (check_path(state_dir, err) < 0)
		return -1;
	store = calloc(1, sizeof(*store));
	if (store == NULL)
		return error_oom(err);
	store->fd = -1;
	store->path = strdup(state_dir);
	if (store->path == NULL)
		return error_oom(err);
	for (len = strlen(store->path); len > 1 && store->path[len - 1] == '/'; len--)
		store->path[len - 1] = '\0';
	/* 0755: the webroot stands in it by default. What is to be kept from others is in directories of 0700. */
	r = create ? file_make_dirs(store->path, 0755, &store->fd, err) : file_open_dir(store->path, &store->fd, err);
	if (r == FILE_ABSENT)
		return STORE_ABSENT;
	if (r < 0)
		return -1;
	if (is_root(store->fd))
		return error_set(err, ERROR_USAGE, "the state directory \"%s\" is the root of the file system", state_dir);
	if (store_check_private(store->fd, store->path, err) < 0)
		return error_context(err, "the state directory");
	if (store_shared_new(store->fd, &store->shared, err) < 0)
		return -1;
	*ret = TAKE(store);
	return STORE_OK;
}

void store_free(struct store *store)
{
	if (store == NULL)
		return;
	store_shared_unref(store->shared);
	clean_fd(&store->fd);
	free(store->path);
	free(store);
}

void store_cleanup(struct store **store)
{
	store_free(*store);
}

int store_list(const struct store *store, struct strv *out, struct error *err)
{
	CLEANUP(strv_done) struct strv names = STRV(STORE_ENTRIES_MAX);
	CLEANUP(clean_fd) int fd = -1;
	int r = file_open_beneath(store->fd, "certificates", false, 0, &fd, err);

	if (r == FILE_ABSENT)
		return 0;
	if (r < 0 || file_list(fd, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		struct error ignored;
		struct stat st;

		if (ident_check_certificate_name(names.items[i], &ignored) < 0 ||
		    fstatat(fd, names.items[i], &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
			continue;
		if (strv_add(out, names.items[i]) < 0)
			return error_oom(err);
	}
	return 0;
}

int store_probe(const struct store *store, struct error *err)
{
	CLEANUP(clean_fd) int fd = -1;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/certificates", store->path);
	if (file_open_beneath(store->fd, "certificates", true, 0700, &fd, err) < 0 || file_sweep(fd, err) < 0)
		return -1;
	return file_probe(fd, path, PROBE_SIZE, err);
}

static int open_directory(bool create, struct store_cert *cert, struct error *err)
{
	int certificates;
	int r = store_shared_certificates(cert->shared, create, &certificates, err);

	return r != 0 ? r : file_open_beneath(certificates, cert->name, create, 0700, &cert->fd, err);
}

int store_cert_open(const struct store *store, const char *name, bool create, struct store_cert **ret, struct error *err)
{
	CLEANUP(store_cert_cleanup) struct store_cert *cert = NULL;
	int r;

	if (ident_check_certificate_name(name, err) < 0)
		return -1;
	cert = calloc(1, sizeof(*cert));
	if (cert == NULL)
		return error_oom(err);
	cert->shared = store_shared_ref(store->shared);
	cert->fd = -1;
	cert->looking = !create;
	cert->access = store_access_private();
	text_copy(cert->name, sizeof(cert->name), name);
	if (asprintf(&cert->path, "%s/certificates/%s", store->path, name) < 0) {
		cert->path = NULL;
		return error_oom(err);
	}
	if (asprintf(&cert->live_path, "%s/live/%s", store->path, name) < 0) {
		cert->live_path = NULL;
		return error_oom(err);
	}
	r = open_directory(create, cert, err);
	if (r == FILE_ABSENT)
		return STORE_ABSENT;
	if (r < 0 || store_check_private(cert->fd, cert->path, err) < 0)
		return -1;
	if (create && (store_sweep(cert->fd, err) < 0 || store_shared_sweep_live(cert, err) < 0))
		return error_context(err, "what an interrupted run left");
	*ret = TAKE(cert);
	return STORE_OK;
}

void store_cert_free(struct store_cert *cert)
{
	if (cert == NULL)
		return;
	store_shared_unref(cert->shared);
	clean_fd(&cert->fd);
	free(cert->path);
	free(cert->live_path);
	free(cert);
}

void store_cert_cleanup(struct store_cert **cert)
{
	store_cert_free(*cert);
}
