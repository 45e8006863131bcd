/* webroot.c: http-01 by a file in a directory that NGINX serves (RFC 8555 section 8.3). */
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/ident.h"
#include "base/strv.h"
#include "base/text.h"
#include "challenge/private.h"
#include "jose/jwk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define CHALLENGE_DIR ".well-known/acme-challenge"

enum {
	AUTHORIZATION_MAX = 512,
	ENTRIES_MAX = 100000,
	PROBE_SIZE = 4096,
};

static int check_webroot(const struct challenge_config *config, struct error *err)
{
	if (config->webroot == NULL || config->webroot[0] != '/')
		return error_set(err, ERROR_USAGE, "http-01 wants a webroot, an absolute path");
	return 0;
}

/* The webroot itself may be a link: it is the administrator's. Beneath it others may write, and no link is followed.
 * FILE_ABSENT, when it shall not be created. */
static int open_directory(const struct challenge_config *config, bool create, int *ret_fd, struct error *err)
{
	CLEANUP(clean_fd) int webroot = -1;
	int r;

	if (check_webroot(config, err) < 0)
		return -1;
	r = create ? file_make_dirs(config->webroot, 0755, &webroot, err) : file_open_dir(config->webroot, &webroot, err);
	if (r != FILE_OK)
		return r;
	return file_open_beneath(webroot, CHALLENGE_DIR, create, 0755, ret_fd, err);
}

/* Whether text is what a CA asks for under that token: "TOKEN.THUMBPRINT". */
static bool is_authorization(const char *text, const char *token)
{
	size_t len = strlen(token);

	return strncmp(text, token, len) == 0 && text[len] == '.';
}

static int check_proof(const struct challenge_proof *proof, struct error *err)
{
	if (jwk_check_token(proof->token, err) < 0)
		return -1;
	if (proof->identifier->wildcard)
		return error_set(err, ERROR_USAGE, "http-01 cannot prove the wildcard name %s", proof->identifier->value);
	if (!is_authorization(proof->key_authorization, proof->token) ||
	    strlen(proof->key_authorization) > AUTHORIZATION_MAX)
		return error_set(err, ERROR_INTERNAL, "the key authorization is not one of this token");
	return 0;
}

/* FILE_ABSENT; a file that is too large, or no regular file, is none of ours: text stays empty. */
static int read_present(int fd, const char *token, struct buf *text, struct error *err)
{
	struct stat st;

	if (fstatat(fd, token, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? FILE_ABSENT : error_sys(err, errno, "cannot look at the challenge's file %s", token);
	if (!S_ISREG(st.st_mode) || st.st_size > AUTHORIZATION_MAX)
		return FILE_OK;
	return file_read(fd, token, text, err);
}

static int webroot_present(const struct challenge_config *config, const struct challenge_proof *proof, struct error *err)
{
	CLEANUP(buf_done) struct buf there = BUF(AUTHORIZATION_MAX);
	CLEANUP(clean_fd) int fd = -1;
	int r;

	if (check_proof(proof, err) < 0)
		return -1;
	if (open_directory(config, true, &fd, err) < 0)
		return error_context(err, "publishing the challenge for %s", proof->identifier->value);
	r = read_present(fd, proof->token, &there, err);
	/* The CA chose the name. It must not be able to have a file of somebody else's replaced. */
	if (r == FILE_OK && !is_authorization(buf_text(&there), proof->token)) {
		error_set(err, ERROR_SYSTEM, "publishing the challenge for %s: the file %s/" CHALLENGE_DIR
		          "/%s is there already and no challenge's", proof->identifier->value, config->webroot, proof->token);
		return error_advise(err, "use a webroot of its own for certd");
	}
	if (r < 0 || file_write(fd, proof->token, proof->key_authorization, strlen(proof->key_authorization), 0644, err) < 0)
		return error_context(err, "publishing the challenge for %s", proof->identifier->value);
	return 0;
}

static int webroot_cleanup(const struct challenge_config *config, const struct challenge_proof *proof, struct error *err)
{
	CLEANUP(buf_done) struct buf there = BUF(AUTHORIZATION_MAX);
	CLEANUP(clean_fd) int fd = -1;
	int r;

	if (jwk_check_token(proof->token, err) < 0)
		return -1;
	r = open_directory(config, false, &fd, err);
	if (r == FILE_OK)
		r = read_present(fd, proof->token, &there, err);
	if (r == FILE_OK && text_equal(buf_text(&there), proof->key_authorization))
		r = file_remove(fd, proof->token, err);
	if (r < 0)
		return error_context(err, "removing the challenge for %s", proof->identifier->value);
	return 0;
}

static int webroot_check(const struct challenge_config *config, struct error *err)
{
	CLEANUP(clean_fd) int fd = -1;
	char path[FILE_PATH_SIZE];

	if (open_directory(config, true, &fd, err) < 0)
		return error_context(err, "no challenge can be published in the webroot");
	if (file_probe(fd, file_path(fd, "", path), PROBE_SIZE, err) < 0)
		return error_context(err, "no challenge can be published in the webroot");
	return 0;
}

/* 1 when it is left from a run of ours that was interrupted. */
static int is_left(int fd, const char *name, const char *thumbprint, int64_t before_at, struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF(AUTHORIZATION_MAX);
	struct error ignored;
	struct stat st;
	bool tmp = text_has_prefix(name, FILE_TMP_PREFIX);
	int r;

	if ((!tmp && jwk_check_token(name, &ignored) < 0) || fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(st.st_mode) || st.st_mtim.tv_sec >= before_at)
		return 0;
	if (tmp)
		return 1;
	r = read_present(fd, name, &text, err);
	if (r != FILE_OK)
		return r < 0 ? -1 : 0;
	return is_authorization(buf_text(&text), name) && text_equal(buf_text(&text) + strlen(name) + 1, thumbprint);
}

static int webroot_sweep(const struct challenge_config *config, const char *thumbprint, int64_t before_at,
                         size_t *ret_count, struct error *err)
{
	CLEANUP(strv_done) struct strv names = STRV(ENTRIES_MAX);
	CLEANUP(clean_fd) int fd = -1;
	size_t count = 0;
	int r = open_directory(config, false, &fd, err);

	if (r == FILE_OK)
		r = file_list(fd, &names, err);
	for (size_t i = 0; r == 0 && i < names.count; i++) {
		r = is_left(fd, names.items[i], thumbprint, before_at, err);
		if (r == 1) {
			r = file_remove(fd, names.items[i], err) < 0 ? -1 : 0;
			count++;
		}
	}
	if (r < 0)
		return error_context(err, "removing challenges that an interrupted run left");
	if (ret_count != NULL)
		*ret_count = count;
	return 0;
}

const struct challenge_method challenge_webroot = {
	.type = "http-01",
	.wildcard = false,
	.present = webroot_present,
	.cleanup = webroot_cleanup,
	.check = webroot_check,
	.sweep = webroot_sweep,
};
