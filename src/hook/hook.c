#include "hook/hook.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/program.h"
#include "base/strv.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	OUTPUT_MAX = 64 * 1024,
	OUTPUT_LINES_MAX = 100,
	ENTRIES_MAX = 1000,
	ENVIRONMENT_MAX = 200,
};

/* Not what certd was started with: a hook must do the same from the timer as from a person's shell. */
#define HOOK_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* What editors and package managers leave beside the file that they change. */
static const char *const left_out[] = {
	"~",      ".bak",      ".orig",     ".swp",    ".dpkg-old", ".dpkg-dist", ".dpkg-new",
	".dpkg-tmp", ".rpmsave", ".rpmorig", ".rpmnew", ".ucf-old",  ".ucf-dist",  ".ucf-new",
};

static int check_owner(const struct stat *st, const char *path, struct error *err)
{
	if (st->st_uid != 0 && st->st_uid != geteuid()) {
		error_set(err, ERROR_SYSTEM, "the hook %s belongs to user %ju: it is not run, for it would run as ours", path,
		          (uintmax_t)st->st_uid);
		return error_advise(err, "chown %ju %s", (uintmax_t)geteuid(), path);
	}
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		error_set(err, ERROR_SYSTEM, "the hook %s may be written by others than its owner (mode %04o): it is not run",
		          path, (unsigned int)st->st_mode & 07777);
		return error_advise(err, "chmod go-w %s, once it is sure what it does", path);
	}
	return 0;
}

/* Links are followed: it is the administrator's directory, and what counts is the program that runs in the end. */
static int check_program(const char *path, struct error *err)
{
	struct stat st;

	if (path[0] != '/')
		return error_set(err, ERROR_USAGE, "the hook \"%s\" is not an absolute path", path);
	if (stat(path, &st) < 0)
		return error_sys(err, errno, "the hook %s", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERROR_SYSTEM, "the hook %s is no regular file", path);
	if (check_owner(&st, path, err) < 0)
		return -1;
	if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0) {
		error_set(err, ERROR_SYSTEM, "the hook %s cannot be executed: %s", path, strerror(errno));
		return error_advise(err, "chmod u+x %s", path);
	}
	return 0;
}

static void add_inherited(struct strv *out, const char *name, const char *fallback)
{
	const char *value = getenv(name);

	if (value == NULL)
		value = fallback;
	if (value != NULL)
		strv_addf(out, "%s=%s", name, value);
}

static int make_environment(const struct hook_event *event, struct strv *out, struct error *err)
{
	strv_add(out, HOOK_PATH);
	strv_add(out, "LANG=C");
	add_inherited(out, "HOME", "/");
	add_inherited(out, "TZ", NULL);
	strv_addf(out, "CERTD_EVENT=%s", event->event);
	strv_addf(out, "CERTD_CERTIFICATE=%s", event->certificate);
	for (size_t i = 0; event->environment != NULL && i < event->environment->count; i++)
		strv_add(out, event->environment->items[i]);
	if (out->failed || (event->environment != NULL && event->environment->failed))
		return error_set(err, ERROR_INTERNAL, "the environment of a hook is too large, or out of memory");
	return 0;
}

/* Cuts *text at its end of line, and returns what follows; NULL behind the last line. */
static char *next_line(char *text)
{
	char *end = strchr(text, '\n');

	if (end == NULL)
		return NULL;
	*end = '\0';
	return end[1] != '\0' ? end + 1 : NULL;
}

static size_t count_lines(const char *text)
{
	size_t n = text[0] != '\0';

	for (; *text != '\0'; text++)
		n += text[0] == '\n' && text[1] != '\0';
	return n;
}

static void log_output(const char *path, const struct program_result *result, bool good)
{
	CLEANUP(clean_free) char *copy = strdup(buf_text(&result->output));
	enum log_level level = good ? LOG_LEVEL_INFO : LOG_LEVEL_NOTICE;
	const char *name = strrchr(path, '/') + 1;
	size_t lines;

	if (copy == NULL || copy[0] == '\0')
		return;
	lines = count_lines(copy);
	if (result->output_cut || lines > OUTPUT_LINES_MAX)
		log_line(level, "%s: (it printed more than this; these are the last lines)", name);
	for (char *line = copy, *next; line != NULL; line = next, lines--) {
		next = next_line(line);
		if (lines <= OUTPUT_LINES_MAX)
			log_line(level, "%s: %s", name, line);
	}
}

int hook_run(const struct runner *runner, const char *path, const struct hook_event *event, struct error *err)
{
	const char *const argv[] = { path, event->event, event->certificate, NULL };
	CLEANUP(strv_done) struct strv environment = STRV(ENVIRONMENT_MAX);
	struct program_result result = { .output = BUF(OUTPUT_MAX) };
	struct program_spec spec = { .argv = argv, .deadline_ms = event->deadline_ms };
	int r;

	if (check_program(path, err) < 0 || make_environment(event, &environment, err) < 0)
		return -1;
	spec.envp = (const char *const *)environment.items;
	log_info("running the hook %s %s %s", path, event->event, event->certificate);
	r = program_run(runner, &spec, &result, err);
	if (r == 0) {
		r = program_check(&spec, &result, err);
		log_output(path, &result, r == 0);
	}
	if (r < 0)
		error_context(err, "the %s hook", event->event);
	buf_done(&result.output);
	return r < 0 ? -1 : 0;
}

static bool is_hook_name(const char *name)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

	if (name[0] == '.' || name[0] == '\0' || name[strspn(name, letters)] != '\0')
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(left_out); i++) {
		if (text_has_suffix(name, left_out[i]))
			return false;
	}
	return true;
}

/* Whether there is something to run; what is not executable is told, because a hook that does not run is a fault that nobody sees. */
static bool is_program(int dirfd, const char *directory, const char *name)
{
	struct stat st;

	if (!is_hook_name(name)) {
		log_debug("%s/%s has no name of a hook and is not run", directory, name);
		return false;
	}
	if (fstatat(dirfd, name, &st, 0) < 0)
		return true; /* a link to nothing: hook_run() says so */
	if (S_ISDIR(st.st_mode))
		return false;
	if (S_ISREG(st.st_mode) && (st.st_mode & 0111) == 0) {
		if (!text_has_prefix(name, "README"))
			log_notice("%s/%s is not executable and is not run", directory, name);
		return false;
	}
	return true;
}

/* Who may write the directory decides what runs. */
static int check_directory(int dirfd, const char *path, struct error *err)
{
	struct stat st;

	if (fstat(dirfd, &st) < 0)
		return error_sys(err, errno, "the hooks' directory %s", path);
	if ((st.st_uid == 0 || st.st_uid == geteuid()) && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return 0;
	error_set(err, ERROR_SYSTEM,
	          "others may put programs into the hooks' directory %s (owner %ju, mode %04o): none of them is run", path,
	          (uintmax_t)st.st_uid, (unsigned int)st.st_mode & 07777);
	return error_advise(err, "chown %ju %s; chmod go-w %s", (uintmax_t)geteuid(), path, path);
}

int hook_run_all(const struct runner *runner, const char *hooks_dir, const struct hook_event *event, size_t *ret_count,
                 struct error *err)
{
	CLEANUP(strv_done) struct strv names = STRV(ENTRIES_MAX);
	CLEANUP(clean_fd) int dirfd = -1;
	char directory[PATH_MAX];
	size_t count = 0;
	int r;

	if ((size_t)snprintf(directory, sizeof(directory), "%s/%s", hooks_dir, event->event) >= sizeof(directory))
		return error_set(err, ERROR_USAGE, "the path of the hooks' directory is too long");
	r = file_open_dir(directory, &dirfd, err);
	if (r < 0 || (r == FILE_OK && (check_directory(dirfd, directory, err) < 0 || file_list(dirfd, &names, err) < 0)))
		return error_context(err, "%s hooks", event->event);
	for (size_t i = 0; i < names.count; i++) {
		char path[PATH_MAX + NAME_MAX + 2];

		if (!is_program(dirfd, directory, names.items[i]))
			continue;
		snprintf(path, sizeof(path), "%s/%s", directory, names.items[i]);
		if (hook_run(runner, path, event, err) < 0)
			return -1;
		count++;
	}
	if (ret_count != NULL)
		*ret_count = count;
	return 0;
}
