#include "deploy/change.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void deploy_changes_done(struct deploy_changes *changes)
{
	for (size_t i = 0; i < changes->count; i++) {
		buf_done(&changes->items[i]->before);
		free(changes->items[i]);
	}
	changes->count = 0;
}

/* Opens the directory of the path; *ret_name is what it is called there. */
static int open_parent(const char *path, int *ret_fd, const char **ret_name, struct error *err)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (slash == NULL || slash == path || !text_copy(parent, sizeof(parent), path))
		return error_set(err, ERROR_INTERNAL, "\"%s\" is no path of a file", path);
	parent[slash - path] = '\0';
	if (file_open_dir(parent, ret_fd, err) != FILE_OK)
		return error_set(err, ERROR_SYSTEM, "the folder %s cannot be opened", parent);
	*ret_name = slash + 1;
	return 0;
}

int deploy_file_read(const char *path, struct buf *out, struct error *err)
{
	return file_read(AT_FDCWD, path, out, err);
}

static struct deploy_change *add(struct deploy_changes *changes, enum deploy_change_kind kind, const char *path, const char *other,
                                 struct error *err)
{
	struct deploy_change *change = changes->count < DEPLOY_CHANGES_MAX ? calloc(1, sizeof(*change)) : NULL;

	if (change == NULL) {
		error_oom(err);
		return NULL;
	}
	change->kind = kind;
	change->before = BUF(DEPLOY_FILE_MAX);
	if (!text_copy(change->path, sizeof(change->path), path) || !text_copy(change->other, sizeof(change->other), other)) {
		free(change);
		error_set(err, ERROR_SYSTEM, "the path %.200s... is too long", path);
		return NULL;
	}
	changes->items[changes->count++] = change;
	return change;
}

/* One that was not made is none. */
static int forget(struct deploy_changes *changes)
{
	struct deploy_change *change = changes->items[--changes->count];

	buf_done(&change->before);
	free(change);
	return -1;
}

static int write_file(const char *path, const char *text, size_t len, struct error *err)
{
	CLEANUP(clean_fd) int fd = -1;
	const char *name;

	if (open_parent(path, &fd, &name, err) < 0)
		return -1;
	return file_write(fd, name, text, len, 0644, err);
}

static bool is_as_before(const struct deploy_change *change)
{
	CLEANUP(buf_done) struct buf there = BUF(DEPLOY_FILE_MAX);
	struct error ignored;
	int r = deploy_file_read(change->path, &there, &ignored);

	if (!change->had)
		return r == FILE_ABSENT;
	return r == FILE_OK && there.len == change->before.len && memcmp(buf_text(&there), buf_text(&change->before), there.len) == 0;
}

int deploy_change_write(struct deploy_changes *changes, const char *path, const char *text, struct error *err)
{
	struct deploy_change *change = add(changes, DEPLOY_WRITTEN, path, "", err);
	int r = change == NULL ? -1 : deploy_file_read(path, &change->before, err);

	if (change == NULL)
		return -1;
	if (r < 0)
		return forget(changes);
	change->had = r == FILE_OK;
	if (write_file(path, text, strlen(text), err) == 0)
		return 0;
	/* It may be there all the same: an fsync that fails comes last. */
	return is_as_before(change) ? forget(changes) : -1;
}

int deploy_change_link(struct deploy_changes *changes, const char *path, const char *target, struct error *err)
{
	CLEANUP(buf_done) struct buf there = BUF(PATH_MAX);
	CLEANUP(clean_fd) int fd = -1;
	const char *name;
	struct stat st;

	if (open_parent(path, &fd, &name, err) < 0)
		return -1;
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (S_ISLNK(st.st_mode) && file_read_link(fd, name, &there, err) == FILE_OK && text_equal(buf_text(&there), target))
			return 0;
		error_set(err, ERROR_DEPLOY, "%s is there already, and is no link to %s", path, target);
		return error_advise(err, "look at what it is for; rename or remove it");
	}
	if (errno != ENOENT)
		return error_sys(err, errno, "looking at %s", path);
	if (add(changes, DEPLOY_LINKED, path, target, err) == NULL)
		return -1;
	return file_switch_link(fd, name, target, err);
}

int deploy_change_unlink(struct deploy_changes *changes, const char *path, struct error *err)
{
	CLEANUP(buf_done) struct buf target = BUF(PATH_MAX);
	CLEANUP(clean_fd) int fd = -1;
	const char *name;
	int r = open_parent(path, &fd, &name, err);

	if (r == 0)
		r = file_read_link(fd, name, &target, err);
	if (r == FILE_ABSENT)
		return error_set(err, ERROR_SYSTEM, "%s is gone", path);
	if (r < 0 || add(changes, DEPLOY_UNLINKED, path, buf_text(&target), err) == NULL)
		return -1;
	return file_remove(fd, name, err) < 0 ? -1 : 0;
}

/* The name `to` of the directory that `path` is in. */
static int rename_file(const char *path, const char *to, struct error *err)
{
	CLEANUP(clean_fd) int fd = -1;
	const char *name;
	const char *to_name = strrchr(to, '/');
	struct stat st;

	if (to_name == NULL || open_parent(path, &fd, &name, err) < 0)
		return -1;
	if (fstatat(fd, to_name + 1, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return error_set(err, ERROR_DEPLOY, "%s is there already", to);
	return file_rename(fd, name, fd, to_name + 1, err);
}

int deploy_change_rename(struct deploy_changes *changes, const char *path, const char *to, struct error *err)
{
	if (add(changes, DEPLOY_RENAMED, path, to, err) == NULL)
		return -1;
	if (rename_file(path, to, err) < 0)
		return forget(changes);
	return 0;
}

static int take_back(const struct deploy_change *change, struct error *err)
{
	CLEANUP(clean_fd) int fd = -1;
	const char *name;

	if (open_parent(change->path, &fd, &name, err) < 0)
		return -1;
	switch (change->kind) {
	case DEPLOY_WRITTEN:
		if (change->had)
			return file_write(fd, name, buf_text(&change->before), change->before.len, 0644, err);
		return file_remove(fd, name, err) < 0 ? -1 : 0;
	case DEPLOY_LINKED:
		return file_remove(fd, name, err) < 0 ? -1 : 0;
	case DEPLOY_UNLINKED:
		return file_switch_link(fd, name, change->other, err);
	case DEPLOY_RENAMED:
		return rename_file(change->other, change->path, err);
	}
	return -1;
}

int deploy_changes_undo(struct deploy_changes *changes, struct error *err)
{
	for (size_t i = changes->count; i > 0; i--) {
		struct error whole = *err, more;

		if (take_back(changes->items[i - 1], &more) == 0)
			continue;
		error_set(&whole, err->kind, "%s; and %s could not be put back: %s", err->message, changes->items[i - 1]->path,
		          more.message);
		text_copy(err->message, sizeof(err->message), whole.message);
	}
	deploy_changes_done(changes);
	return -1;
}
