/* load.c: the configuration's files, from the disk. */
#include "config/config.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/strv.h"
#include "base/text.h"
#include "config/build.h"
#include "config/problem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 100000 };

struct load {
	struct config_arena arena; /* of what is read, until it is built */
	struct config_file *files;
	size_t count;
	struct config_problems *problems;
};

static void load_done(struct load *l)
{
	config_arena_done(&l->arena);
}

/* What a root process takes orders from must be root's alone. */
static int check_owner(struct load *l, const char *path, const struct stat *st)
{
	bool is_dir = S_ISDIR(st->st_mode);

	if (geteuid() != 0)
		return 0;
	if (!is_dir && st->st_uid != 0)
		return config_problem(l->problems, path, 0, "belongs to user %u, and certd runs as root: chown root it",
		                      (unsigned int)st->st_uid);
	/* In a directory with the sticky bit nobody replaces files of others. */
	if ((st->st_mode & S_IWOTH) != 0 && !(is_dir && (st->st_mode & S_ISVTX) != 0))
		return config_problem(l->problems, path, 0,
		                      "its mode %04o lets everybody write, and certd runs as root: chmod o-w it",
		                      (unsigned int)(st->st_mode & 07777));
	if ((st->st_mode & S_IWGRP) != 0 && !is_dir && st->st_gid != 0)
		return config_problem(l->problems, path, 0,
		                      "its mode %04o lets group %u write, and certd runs as root: chmod g-w it",
		                      (unsigned int)(st->st_mode & 07777), (unsigned int)st->st_gid);
	return 0;
}

/* The last system call failed. */
static int tell_errno(struct load *l, const char *path, const char *what)
{
	struct error err;

	error_sys(&err, errno, "%s", what);
	return config_problem_error(l->problems, path, 0, &err);
}

static int read_all(struct load *l, int fd, const char *path, struct buf *out)
{
	char chunk[16384];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return tell_errno(l, path, "reading");
		if (out->len + (size_t)n > CONFIG_FILE_MAX)
			return config_problem(l->problems, path, 0, "larger than %d octets", CONFIG_FILE_MAX);
		if (buf_append(out, chunk, (size_t)n) < 0)
			return config_problem_oom(l->problems);
	}
	return 0;
}

/* Adds the file. FILE_ABSENT when there is none. */
static int load_file(struct load *l, const char *path)
{
	CLEANUP(buf_done) struct buf text = BUF(CONFIG_FILE_MAX);
	CLEANUP(clean_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct config_file *files;
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? FILE_ABSENT : tell_errno(l, path, "opening");
	if (fstat(fd, &st) < 0)
		return tell_errno(l, path, "looking at it");
	if (!S_ISREG(st.st_mode))
		return config_problem(l->problems, path, 0, "is no regular file");
	if (check_owner(l, path, &st) < 0 || read_all(l, fd, path, &text) < 0)
		return -1;
	files = config_arena_grow(&l->arena, l->files, l->count, sizeof(*files));
	if (files == NULL)
		return config_problem_oom(l->problems);
	l->files = files;
	files[l->count].path = config_arena_text(&l->arena, path);
	files[l->count].text = config_arena_copy(&l->arena, buf_text(&text), text.len);
	files[l->count].len = text.len;
	if (files[l->count].path == NULL || files[l->count].text == NULL)
		return config_problem_oom(l->problems);
	l->count++;
	return FILE_OK;
}

/* Adds the *.conf of a directory that may be absent. */
static int load_dir(struct load *l, const char *path)
{
	CLEANUP(strv_done) struct strv names = STRV(FILES_MAX);
	CLEANUP(clean_fd) int fd = -1;
	struct stat st;
	struct error err;
	int result = file_open_dir(path, &fd, &err);

	if (result == FILE_ABSENT)
		return 0;
	if (result < 0 || file_list(fd, &names, &err) < 0)
		return config_problem_error(l->problems, path, 0, &err);
	if (fstat(fd, &st) < 0)
		return tell_errno(l, path, "looking at it");
	if (check_owner(l, path, &st) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		CLEANUP(buf_done) struct buf file = BUF(CONFIG_FILE_MAX);

		if (names.items[i][0] == '.' || !text_has_suffix(names.items[i], ".conf"))
			continue;
		if (buf_printf(&file, "%s/%s", path, names.items[i]) < 0)
			return config_problem_oom(l->problems);
		/* One that another has just removed is none; one that cannot be read is told, and the others are read. */
		load_file(l, buf_text(&file));
	}
	return 0;
}

static int make_absolute(const char *file, struct buf *out, struct config_problems *problems)
{
	if (file[0] != '/') {
		CLEANUP(clean_free) char *here = getcwd(NULL, 0);

		if (here == NULL)
			return config_problem(problems, file, 0,
			                      "the working directory has no path: give the file with an absolute one");
		buf_printf(out, "%s/", text_equal(here, "/") ? "" : here);
	}
	buf_append_text(out, file);
	return out->failed ? config_problem_oom(problems) : 0;
}

int config_load(const char *file, bool may_be_absent, const struct config_report *report, struct config **ret,
                struct error *err)
{
	CLEANUP(load_done) struct load l = { .files = NULL };
	CLEANUP(buf_done) struct buf path = BUF(CONFIG_FILE_MAX);
	CLEANUP(buf_done) struct buf folder = BUF(CONFIG_FILE_MAX);
	struct config_problems problems = { .report = report, .err = err };
	struct config_input input = { 0 };
	struct config *config = NULL;
	struct stat st;
	int result;

	l.problems = &problems;
	if (make_absolute(file, &path, &problems) < 0)
		return -1;
	buf_append(&folder, path.data, (size_t)(strrchr(path.data, '/') - path.data));
	if (folder.len > 0 && stat(buf_text(&folder), &st) == 0)
		check_owner(&l, buf_text(&folder), &st);
	result = load_file(&l, buf_text(&path));
	if (result == FILE_ABSENT && !may_be_absent)
		config_problem(&problems, buf_text(&path), 0, "there is no such file");
	if (buf_append_text(&folder, "/conf.d") < 0)
		return config_problem_oom(&problems);
	load_dir(&l, buf_text(&folder));
	input.main_file = buf_text(&path);
	input.files = l.files;
	input.count = l.count;
	/* Also when a file could not be read: there may be more to tell. */
	if (config_build(&input, &problems, &config) < 0 || problems.count > 0) {
		config_free(config);
		return -1;
	}
	*ret = config;
	return 0;
}
