/* snippet.c: the files of NGINX configuration that certd writes. */
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "config/config.h"
#include "deploy/deploy.h"
#include "deploy/private.h"
#include "nginx/snippet.h"
#include "nginx/version.h"
#include "store/store.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define CHALLENGE_FILE "certd-acme-challenge.conf"

int deploy_snippet_path(const struct config *config, const char *certificate_name, struct buf *out, struct error *err)
{
	buf_printf(out, "%s/certd/%s.conf", config->nginx_snippet_dir, certificate_name);
	return buf_check(out, "the path of the SSL snippet", err);
}

static void file_name(const char *certificate_name, char out[static FILE_NAME_SIZE])
{
	snprintf(out, FILE_NAME_SIZE, "%s.conf", certificate_name);
}

static int open_directory(const char *parent, const char *name, bool create, int *ret_fd, struct error *err)
{
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s%s", parent, name) >= sizeof(path))
		return error_set(err, ERROR_USAGE, "nginx-snippet-dir is too long");
	return create ? file_make_dirs(path, 0755, ret_fd, err) : file_open_dir(path, ret_fd, err);
}

int deploy_snippet_read(const struct config *config, const char *certificate_name, struct buf *out, struct error *err)
{
	CLEANUP(clean_fd) int fd = -1;
	char name[FILE_NAME_SIZE];
	int r = open_directory(config->nginx_snippet_dir, "/certd", false, &fd, err);

	file_name(certificate_name, name);
	return r == FILE_OK ? file_read(fd, name, out, err) : r;
}

/* Writes the file, unless it holds this text already: an unchanged file keeps its time. */
static int write_if_other(int fd, const char *name, const struct buf *text, struct error *err)
{
	CLEANUP(buf_done) struct buf there = BUF(SNIPPET_MAX);
	struct error ignored;

	if (file_read(fd, name, &there, &ignored) == FILE_OK && there.len == text->len &&
	    memcmp(buf_text(&there), buf_text(text), text->len) == 0)
		return 0;
	return file_write(fd, name, buf_text(text), text->len, 0644, err);
}

int deploy_snippet_write(const struct config *config, const char *certificate_name, const struct buf *text,
                         struct error *err)
{
	CLEANUP(clean_fd) int fd = -1;
	char name[FILE_NAME_SIZE];

	file_name(certificate_name, name);
	if (open_directory(config->nginx_snippet_dir, "/certd", true, &fd, err) < 0 ||
	    write_if_other(fd, name, text, err) < 0)
		return error_context(err, "the SSL snippet of %s", certificate_name);
	return 0;
}

int deploy_snippet_remove(const struct config *config, const char *certificate_name, struct error *err)
{
	CLEANUP(clean_fd) int fd = -1;
	char name[FILE_NAME_SIZE];
	int r = open_directory(config->nginx_snippet_dir, "/certd", false, &fd, err);

	file_name(certificate_name, name);
	if (r == FILE_OK)
		r = file_remove(fd, name, err);
	return r < 0 ? -1 : 0;
}

/* All zero when it cannot be had: the snippet is then one that every NGINX takes, and the deploy hook is who finds out what is wrong
 * with the program. */
static void ask_version(const struct config *config, const struct runner *runner, struct nginx_version *ret)
{
	struct error why;

	memset(ret, 0, sizeof(*ret));
	if (nginx_version_ask(runner, config->nginx.binary, config->timeouts.hook_ms, ret, &why) < 0)
		log_debug("%s", why.message);
}

static int placeholder(const struct config *config, const char *certificate_name, const struct nginx_version *version,
                       struct buf *out, struct error *err)
{
	const unsigned int *v = version->nginx;
	bool known = v[0] != 0 || v[1] != 0 || v[2] != 0;

	if (known && (v[0] < 1 || (v[0] == 1 && (v[1] < 19 || (v[1] == 19 && v[2] < 4))))) {
		error_set(err, ERROR_SYSTEM,
		          "%s is NGINX %u.%u.%u: a server that listens with ssl cannot be without a certificate before 1.19.4",
		          config->nginx.binary, v[0], v[1], v[2]);
		return error_advise(err, "obtain the certificate first, with the site on port 80 only");
	}
	return nginx_snippet_placeholder(certificate_name, out, err);
}

struct pair_paths {
	struct buf fullchain, privkey;
};

static int live_pair(const struct store_cert *store, const enum key_family *second, struct pair_paths *paths,
                     struct nginx_pair *ret, struct error *err)
{
	char file[STORE_FILE_SIZE];

	if (store_live_path(store, store_file_name("fullchain", second, file), &paths->fullchain, err) < 0 ||
	    store_live_path(store, store_file_name("privkey", second, file), &paths->privkey, err) < 0)
		return -1;
	*ret = (struct nginx_pair){ .certificate = buf_text(&paths->fullchain), .key = buf_text(&paths->privkey) };
	return 0;
}

static void pair_paths_done(struct pair_paths *paths)
{
	buf_done(&paths->fullchain);
	buf_done(&paths->privkey);
}

/* With the first certificate, and a second one of that family or NULL. */
static int text_of_pairs(const struct store_cert *store, const enum key_family *second, const char *certificate_name,
                         const struct nginx_version *version, struct buf *out, struct error *err)
{
	CLEANUP(pair_paths_done) struct pair_paths first = { BUF(PATH_MAX), BUF(PATH_MAX) };
	CLEANUP(pair_paths_done) struct pair_paths other = { BUF(PATH_MAX), BUF(PATH_MAX) };
	struct nginx_pair pairs[STORE_PAIRS_MAX];
	size_t count = 1;

	if (live_pair(store, NULL, &first, &pairs[0], err) < 0 ||
	    (second && live_pair(store, second, &other, &pairs[count++], err) < 0))
		return -1;
	return nginx_snippet_ssl(version, certificate_name, pairs, count, out, err);
}

int deploy_snippet_prepare(const struct config *config, const struct config_certificate *certificate,
                           const struct store_cert *store, uint64_t generation, const struct runner *runner, struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF(SNIPPET_MAX);
	struct nginx_version version;
	enum key_family had, has;
	struct error ignored;
	uint64_t live;
	int r;

	/* What cannot be read of the live one is told by who needs it. */
	error_clear(&ignored);
	if (certificate->settings.deploy != CONFIG_DEPLOY_NGINX || store_live(store, &live, &ignored) != STORE_OK ||
	    store_generation_second(store, live, &had, &ignored) != STORE_OK)
		return 0;
	r = store_generation_second(store, generation, &has, err);
	if (r < 0 || (r == STORE_OK && has == had))
		return r;
	r = deploy_snippet_read(config, certificate->name, &text, err);
	if (r != FILE_OK)
		return r < 0 ? -1 : 0;
	buf_reset(&text);
	ask_version(config, runner, &version);
	if (text_of_pairs(store, NULL, certificate->name, &version, &text, err) < 0)
		return error_context(err, "the SSL snippet of %s", certificate->name);
	return deploy_snippet_write(config, certificate->name, &text, err);
}

int deploy_snippet_text(const struct config *config, const struct config_certificate *certificate,
                        const struct store_cert *store, const struct runner *runner, struct buf *out, struct error *err)
{
	struct nginx_version version;
	enum key_family second;
	uint64_t live;
	int r = store != NULL ? store_live(store, &live, err) : STORE_ABSENT;

	if (r < 0)
		return -1;
	ask_version(config, runner, &version);
	if (r == STORE_ABSENT)
		return placeholder(config, certificate->name, &version, out, err);
	r = store_generation_second(store, live, &second, err);
	if (r < 0)
		return -1;
	return text_of_pairs(store, r == STORE_OK ? &second : NULL, certificate->name, &version, out, err);
}

int deploy_snippet_put_back(const struct config *config, const struct config_certificate *certificate,
                            const struct store_cert *store, const struct runner *runner, const struct buf *before,
                            struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF(SNIPPET_MAX);
	char file[STORE_FILE_SIZE];
	enum key_family second;
	struct error ignored;
	uint64_t live;

	error_clear(&ignored);
	if (store_live(store, &live, &ignored) != STORE_OK || store_generation_second(store, live, &second, &ignored) != STORE_OK ||
	    strstr(buf_text(before), store_file_name("fullchain", &second, file)))
		return deploy_snippet_write(config, certificate->name, before, err);
	if (deploy_snippet_text(config, certificate, store, runner, &text, err) < 0)
		return -1;
	return deploy_snippet_write(config, certificate->name, &text, err);
}

int deploy_write_snippets(const struct config *config, const struct config_certificate *certificate,
                          const struct store_cert *store, const struct runner *runner, struct error *err)
{
	CLEANUP(buf_done) struct buf challenge = BUF(SNIPPET_MAX);
	CLEANUP(buf_done) struct buf ssl = BUF(SNIPPET_MAX);
	CLEANUP(clean_fd) int fd = -1;

	if (nginx_snippet_challenge(config->defaults.webroot, &challenge, err) < 0 ||
	    open_directory(config->nginx_snippet_dir, "", true, &fd, err) < 0 ||
	    write_if_other(fd, CHALLENGE_FILE, &challenge, err) < 0)
		return error_context(err, "the challenge snippet");
	if (certificate->settings.deploy == CONFIG_DEPLOY_NONE)
		return 0;
	if (deploy_snippet_text(config, certificate, store, runner, &ssl, err) < 0)
		return error_context(err, "the SSL snippet of %s", certificate->name);
	return deploy_snippet_write(config, certificate->name, &ssl, err);
}
