/* read.c: a configuration from `nginx -T`, or from its files. */
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/program.h"
#include "base/text.h"
#include "nginx/conf_build.h"

#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_CONFIG "/etc/nginx/nginx.conf"

struct reading {
	struct nginx_builder *builder;
	size_t octets; /* of all files so far */
};

static int note(struct reading *r, const struct nginx_directive *include, const char *message, struct error *err)
{
	struct strv *notes = &r->builder->notes;

	/* What is over the maximum is more of the same. */
	if (notes->count >= notes->max)
		return 0;
	return strv_addf(notes, "%s:%u: %s", include->file, include->line, message) < 0 ? error_oom(err) : 0;
}

/* Adds the file, and not what it includes. FILE_ABSENT when there is none; an error that is the file's, and not ours, is told to the
 * caller as such. */
static int read_file(struct reading *r, const char *path, struct error *err)
{
	CLEANUP(nginx_words_done) struct nginx_words words = nginx_words();
	CLEANUP(buf_done) struct buf text = BUF(NGINX_CONF_TEXT_MAX - r->octets);
	struct nginx_lexer lexer;
	bool more;
	int found = file_read(AT_FDCWD, path, &text, err);

	if (found != FILE_OK)
		return found;
	r->octets += text.len;
	lexer = nginx_lexer(buf_text(&text), text.len, path);
	return nginx_builder_file(r->builder, &lexer, &words, path, &more, err);
}

static int read_included(struct reading *r, const struct nginx_directive *include, const char *path, struct error *err)
{
	struct error why;
	char text[512];
	int found;

	if (nginx_builder_find(r->builder, path) != NULL)
		return 0;
	found = read_file(r, path, &why);
	if (found == 0)
		return 0;
	if (found > 0)
		snprintf(text, sizeof(text), "%s, which it includes, does not exist", path);
	return note(r, include, found > 0 ? text : why.message, err);
}

static int read_include(struct reading *r, const struct nginx_directive *include, struct error *err)
{
	const char *path = nginx_builder_include_path(r->builder, include->args[0]);
	glob_t names = { 0 };
	int result = 0;

	if (path == NULL)
		return error_oom(err);
	if (!nginx_builder_is_pattern(path))
		return read_included(r, include, path, err);
	if (glob(path, 0, NULL, &names) == 0) {
		for (size_t i = 0; i < names.gl_pathc && result == 0; i++)
			result = read_included(r, include, names.gl_pathv[i], err);
		globfree(&names);
	}
	return result;
}

/* The includes in a file, wherever they stand in it. */
static int read_includes(struct reading *r, const struct nginx_directive *first, struct error *err)
{
	const struct nginx_directive *d = first;

	while (d != NULL) {
		if (text_equal(d->name, "include") && d->arg_count == 1 && !d->block && read_include(r, d, err) < 0)
			return -1;
		if (d->first != NULL) {
			d = d->first;
			continue;
		}
		while (d != NULL && d->next == NULL)
			d = d->parent;
		if (d != NULL)
			d = d->next;
	}
	return 0;
}

static int read_files(struct nginx_builder *b, const char *path, struct error *err)
{
	struct reading r = { .builder = b };
	int found = read_file(&r, path, err);

	if (found > 0)
		return error_set(err, ERROR_SYSTEM, "there is no configuration of NGINX at %s", path);
	if (found < 0)
		return -1;
	/* Files are added while we go: each is looked through once, however often it is included. */
	for (size_t i = 0; i < b->file_count; i++) {
		if (read_includes(&r, b->files[i].first, err) < 0)
			return -1;
	}
	return 0;
}

int nginx_conf_read(const char *path, struct nginx_conf **ret, struct error *err)
{
	CLEANUP(nginx_builder_done) struct nginx_builder b = nginx_builder();

	if (read_files(&b, path, err) < 0)
		return -1;
	return nginx_builder_finish(&b, true, ret, err);
}

/* Appends the path of the main file: as NGINX names it where it fails, as it was asked for, or the usual one. */
static void main_path(const char *output, const char *prefix, const char *config, struct buf *out)
{
	static const char begin[] = "nginx: configuration file ", end[] = " test failed";
	const char *named = strstr(output, begin);

	if (named != NULL) {
		size_t line = strcspn(named, "\n");

		if (line > strlen(begin) + strlen(end) && memcmp(named + line - strlen(end), end, strlen(end)) == 0) {
			buf_append(out, named + strlen(begin), line - strlen(begin) - strlen(end));
			return;
		}
	}
	if (config == NULL || config[0] == '\0')
		config = DEFAULT_CONFIG;
	if (config[0] != '/' && prefix != NULL && prefix[0] != '\0')
		buf_printf(out, "%s%s", prefix, text_has_suffix(prefix, "/") ? "" : "/");
	buf_append_text(out, config);
}

/* The reason in NGINX's own words, or how the program ended. */
static char *refusal(struct nginx_arena *arena, const struct program_spec *spec, const struct program_result *result)
{
	const char *output = buf_text(&result->output);
	const char *reason = strstr(output, "[emerg] ");
	struct error how;
	size_t number;

	if (reason != NULL) {
		reason += strlen("[emerg] ");
		/* "PID#TID: ", when it comes by the error log. */
		number = strspn(reason, "0123456789#");
		if (number > 0 && text_has_prefix(reason + number, ": "))
			reason += number + strlen(": ");
		return nginx_arena_copy(arena, reason, strcspn(reason, "\n"));
	}
	if (program_check(spec, result, &how) == 0)
		return nginx_arena_text(arena, result->output_cut ? "`nginx -T` printed too much"
		                                                  : "`nginx -T` printed no configuration");
	return nginx_arena_text(arena, how.message);
}

static int read_instead(const char *prefix, const char *config, const struct program_spec *spec,
                        const struct program_result *result, const struct error *start, struct nginx_conf **ret,
                        struct error *err)
{
	CLEANUP(nginx_builder_done) struct nginx_builder b = nginx_builder();
	CLEANUP(buf_done) struct buf path = BUF(PATH_MAX);

	main_path(buf_text(&result->output), prefix, config, &path);
	if (buf_check(&path, "the path of NGINX's configuration", err) < 0)
		return -1;
	b.refused = start != NULL ? nginx_arena_text(&b.arena, start->message) : refusal(&b.arena, spec, result);
	if (b.refused == NULL)
		return error_oom(err);
	if (read_files(&b, buf_text(&path), err) < 0)
		return error_context(err, "%s -T failed (%.300s), and so did reading its files", spec->argv[0], b.refused);
	return nginx_builder_finish(&b, true, ret, err);
}

static int ask(const struct runner *runner, const char *prefix, const char *config, const struct program_spec *spec,
               struct program_result *result, struct nginx_conf **ret, struct error *err)
{
	struct error why;

	if (program_run(runner, spec, result, &why) < 0)
		return read_instead(prefix, config, spec, result, &why, ret, err);
	if (result->exit_status != 0 || result->timed_out || result->output_cut)
		return read_instead(prefix, config, spec, result, NULL, ret, err);
	if (nginx_conf_parse(buf_text(&result->output), result->output.len, ret, &why) < 0)
		return read_instead(prefix, config, spec, result, &why, ret, err);
	return 0;
}

int nginx_conf_ask(const struct runner *runner, const char *binary, const char *prefix, const char *config,
                   int64_t deadline_ms, struct nginx_conf **ret, struct error *err)
{
	static const char *const envp[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C", NULL };
	const char *argv[7] = { binary, "-T" };
	const struct program_spec spec = { .argv = argv, .envp = envp, .deadline_ms = deadline_ms };
	struct program_result result = { .output = BUF(NGINX_CONF_TEXT_MAX) };
	size_t n = 2;
	int r;

	if (prefix != NULL && prefix[0] != '\0') {
		argv[n++] = "-p";
		argv[n++] = prefix;
	}
	if (config != NULL && config[0] != '\0') {
		argv[n++] = "-c";
		argv[n++] = config;
	}
	r = ask(runner, prefix, config, &spec, &result, ret, err);
	buf_done(&result.output);
	return r < 0 ? error_context(err, "reading the configuration of NGINX") : 0;
}
