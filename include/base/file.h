/* file.h: files that are complete or absent, whatever happens in between.
 *
 * All beneath directory descriptors. What is written goes to a new file in the same directory, is fsynced, renamed
 * over its name, and the directory is fsynced. Modes are set at creation, whatever the umask: never a window in which a
 * key is readable. A failed write leaves neither a temporary file nor a changed target. Temporary files are called
 * ".tmp-XXXXXXXXXXXX", so that a sweep finds what a crash left. (Where only the last step fails, the fsync of the
 * directory, that is told as a failure though the name already shows the new content: nobody can undo it safely.)
 *
 * The name of a thing that is written, moved or removed is one component: no "/", not "", "." or "..". Anything else is an
 * ERROR_INTERNAL before the system is asked, so that a name that a peer chose never leads out of a directory.
 */
#ifndef CERTD_BASE_FILE_H
#define CERTD_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct buf;
struct error;
struct strv;

enum { FILE_OK = 0, FILE_ABSENT = 1, FILE_EXISTS = 2 };

#define FILE_TMP_PREFIX ".tmp-"

enum { FILE_PATH_SIZE = 1024 };

/* The path of `name` in dirfd for a message, "/var/lib/certd/accounts/x.json"; the name alone where the directory's own
 * cannot be learned. Returns out. */
const char *file_path(int dirfd, const char *name, char out[static FILE_PATH_SIZE]);

/* Opens a directory by path. FILE_ABSENT when there is none. Symbolic links in the path are followed: it is the administrator's. */
int file_open_dir(const char *path, int *ret_fd, struct error *err);

/* Creates what is missing of `path` (mode for the last, 0755 for its parents), fsyncs the parents, and opens it. */
int file_make_dirs(const char *path, mode_t mode, int *ret_fd, struct error *err);

/* Opens the directory `path` (relative) beneath dirfd with openat2(2) RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS, creating
 * what is missing with `mode` where create is true. FILE_ABSENT otherwise. A symbolic link on the way is an error that names it. */
int file_open_beneath(int dirfd, const char *path, bool create, mode_t mode, int *ret_fd, struct error *err);

/* Appends the content of a regular file to out (whose maximum counts). FILE_ABSENT when there is none. `name` may be a path,
 * and symbolic links are followed: what is read was put there by the administrator or by us. out is unchanged on failure. */
int file_read(int dirfd, const char *name, struct buf *out, struct error *err);

/* Replaces or creates. */
int file_write(int dirfd, const char *name, const void *data, size_t len, mode_t mode, struct error *err);

/* Whose a file is, and who may do what with it. */
struct file_access {
	mode_t mode;
	uid_t uid; /* (uid_t)-1: that of who makes it */
	gid_t gid; /* (gid_t)-1: likewise */
};

/* Like file_write(); before the file has content and its name it is whose it shall be. */
int file_write_as(int dirfd, const char *name, const void *data, size_t len, const struct file_access *access, struct error *err);

/* Gives a file or directory that is there to whom it shall be. Nobody gets at it on the way who shall not, or could not before. A symbolic link
 * is refused. */
int file_set_access(int dirfd, const char *name, const struct file_access *access, struct error *err);

/* Creates; FILE_EXISTS, and nothing changed, when the name is taken. */
int file_write_new(int dirfd, const char *name, const void *data, size_t len, mode_t mode, struct error *err);

/* Creates a directory and fsyncs dirfd. FILE_EXISTS when the name is taken. */
int file_make_dir(int dirfd, const char *name, mode_t mode, struct error *err);

/* Renames within or between directories of one file system, and fsyncs both directories. */
int file_rename(int from_dirfd, const char *from, int to_dirfd, const char *to, struct error *err);

/* Makes `name` a symbolic link to target by one rename, replacing a link that was there. A thing there that is no symbolic link is an error. */
int file_switch_link(int dirfd, const char *name, const char *target, struct error *err);

/* Appends the link's target to out. FILE_ABSENT when there is none. */
int file_read_link(int dirfd, const char *name, struct buf *out, struct error *err);

/* Removes a file or link, fsyncs the directory. FILE_ABSENT when there is none. */
int file_remove(int dirfd, const char *name, struct error *err);

/* Removes a directory and all in it, never following a link nor entering what is mounted in it. FILE_ABSENT when there
 * is none; a file of that name is an error. */
int file_remove_tree(int dirfd, const char *name, struct error *err);

/* Adds the names in the directory to out, without "." and "..", and sorts it. More than out's maximum is an error. */
int file_list(int dirfd, struct strv *out, struct error *err);

/* Removes what a crash left: the temporary files directly in the directory. */
int file_sweep(int dirfd, struct error *err);

/* Writes, fsyncs and removes a probe of `size` bytes: whether the directory can be written now. `path` is for the message. */
int file_probe(int dirfd, const char *path, size_t size, struct error *err);

/* fsyncs a directory. */
int file_sync_dir(int dirfd, struct error *err);

#endif
