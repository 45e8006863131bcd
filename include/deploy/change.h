/* change.h: changes of files that are made together, and taken back together. For src/deploy/ only.
 *
 * A crash in between leaves some of them made; each alone is whole.
 */
#ifndef CERTD_DEPLOY_CHANGE_H
#define CERTD_DEPLOY_CHANGE_H

#include "base/buf.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

struct error;

enum { DEPLOY_CHANGES_MAX = 16, DEPLOY_FILE_MAX = 1024 * 1024 };

enum deploy_change_kind { DEPLOY_WRITTEN, DEPLOY_LINKED, DEPLOY_UNLINKED, DEPLOY_RENAMED };

struct deploy_change {
	enum deploy_change_kind kind;
	char path[PATH_MAX];
	char other[PATH_MAX]; /* a link's target; what it was renamed to */
	bool had; /* DEPLOY_WRITTEN: there was a file */
	struct buf before;
};

struct deploy_changes {
	struct deploy_change *items[DEPLOY_CHANGES_MAX];
	size_t count;
};

void deploy_changes_done(struct deploy_changes *changes);

/* Reads a file by path. FILE_ABSENT. */
int deploy_file_read(const char *path, struct buf *out, struct error *err);

/* Writes the file (0644), whatever is there. */
int deploy_change_write(struct deploy_changes *changes, const char *path, const char *text, struct error *err);

/* Makes a symbolic link where nothing is; nothing to do when it is there. Anything else there is an error. */
int deploy_change_link(struct deploy_changes *changes, const char *path, const char *target, struct error *err);

/* Removes a symbolic link. */
int deploy_change_unlink(struct deploy_changes *changes, const char *path, struct error *err);

/* Renames within a directory; something that is called `to` already is an error. */
int deploy_change_rename(struct deploy_changes *changes, const char *path, const char *to, struct error *err);

/* Takes all back, the last first. What cannot be is added to the message of *err. Always returns -1. */
int deploy_changes_undo(struct deploy_changes *changes, struct error *err);

#endif
