/* account_folder.c: which accounts there are, and giving their directories other names. */
#include "store/account.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/strv.h"
#include "base/text.h"
#include "json/doc.h"
#include "store/private.h"
#include "store/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { ACCOUNT_MAX = 64 * 1024, RETIRED_MAX = 10000 };

#define RETIRED ".deactivated-"

static int set_text(char **where, const char *text, struct error *err)
{
	char *copy = strdup(text);

	if (copy == NULL)
		return error_oom(err);
	free(*where);
	*where = copy;
	return 0;
}

/* The path's last part becomes name. */
static int set_name(struct store_account *account, const char *name, struct error *err)
{
	char *path;

	if (asprintf(&path, "%.*s/%s", (int)(strrchr(account->path, '/') - account->path), account->path, name) < 0)
		return error_oom(err);
	free(account->path);
	account->path = path;
	return 0;
}

int store_account_move(const struct store *store, struct store_account *account, const char *contact, struct error *err)
{
	CLEANUP(clean_fd) int ca_fd = -1;
	char ca[STORE_ACCOUNT_NAME_SIZE], from[STORE_ACCOUNT_NAME_SIZE], to[STORE_ACCOUNT_NAME_SIZE];
	struct stat st;

	if (text_equal(account->contact != NULL ? account->contact : "", contact))
		return 0;
	if (store_account_folder(store, account->directory_url, account->contact, false, ca, from, &ca_fd, err) != FILE_OK)
		return error_set(err, ERROR_SYSTEM, "the directory %s went away", account->path);
	clean_fd(&ca_fd);
	if (store_account_folder(store, account->directory_url, contact, false, ca, to, &ca_fd, err) != FILE_OK)
		return error_set(err, ERROR_SYSTEM, "the directory %s went away", account->path);
	if (fstatat(ca_fd, to, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return error_set(err, ERROR_USAGE, "there is an account for %.300s already", contact);
	/* The name is what counts; what account.json says of the contact is for people, and for listing. */
	if (file_rename(ca_fd, from, ca_fd, to, err) < 0 || set_name(account, to, err) < 0 ||
	    set_text(&account->contact, contact, err) < 0)
		return -1;
	return store_account_write(account->fd, account, account->url, err);
}

int store_account_retire(const struct store *store, struct store_account *account, struct error *err)
{
	CLEANUP(clean_fd) int ca_fd = -1;
	char ca[STORE_ACCOUNT_NAME_SIZE], from[STORE_ACCOUNT_NAME_SIZE], to[STORE_ACCOUNT_NAME_SIZE + 32];
	struct stat st;

	if (store_account_folder(store, account->directory_url, account->contact, false, ca, from, &ca_fd, err) != FILE_OK)
		return error_set(err, ERROR_SYSTEM, "the directory %s went away", account->path);
	for (int i = 1; i < RETIRED_MAX; i++) {
		snprintf(to, sizeof(to), "%s" RETIRED "%d", from, i);
		if (fstatat(ca_fd, to, &st, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		return file_rename(ca_fd, from, ca_fd, to, err) < 0 ? -1 : set_name(account, to, err);
	}
	return error_set(err, ERROR_SYSTEM, "too many accounts were deactivated in %s", account->path);
}

struct visitor {
	int (*visit)(void *self, const char *path, const char *directory_url, const char *contact, struct error *err);
	void *self;
};

static int visit_account(const struct visitor *visitor, int ca_fd, const char *name, const char *path, struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF(ACCOUNT_MAX);
	CLEANUP(clean_fd) int fd = -1;
	json_auto_t *doc = NULL;
	const char *directory = NULL, *contact = NULL;
	struct error ignored;

	if (file_open_beneath(ca_fd, name, false, 0, &fd, &ignored) != FILE_OK)
		return 0;
	if (file_read(fd, STORE_ACCOUNT_FILE, &text, &ignored) == FILE_OK &&
	    json_doc_parse(buf_text(&text), text.len, STORE_ACCOUNT_FILE, &doc, &ignored) == 0 &&
	    json_field_string(doc, STORE_ACCOUNT_FILE, "directory", &directory, &ignored) == JSON_FIELD_OK &&
	    json_field_string(doc, STORE_ACCOUNT_FILE, "contact", &contact, &ignored) < 0)
		contact = NULL;
	return visitor->visit(visitor->self, path, directory, contact, err);
}

static int visit_ca(const struct visitor *visitor, int accounts_fd, const char *ca, const char *path, struct error *err)
{
	CLEANUP(strv_done) struct strv names = STRV(STORE_ENTRIES_MAX);
	CLEANUP(clean_fd) int fd = -1;
	struct error ignored;

	if (file_open_beneath(accounts_fd, ca, false, 0, &fd, &ignored) != FILE_OK)
		return 0;
	if (file_list(fd, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		const char *name = names.items[i];
		CLEANUP(clean_free) char *place = NULL;

		if (name[0] == '.' || strstr(name, RETIRED) != NULL)
			continue;
		if (asprintf(&place, "%s/%s/%s", path, ca, name) < 0)
			return error_oom(err);
		if (visit_account(visitor, fd, name, place, err) < 0)
			return -1;
	}
	return 0;
}

int store_account_each(const struct store *store,
                       int (*visit)(void *self, const char *path, const char *directory_url, const char *contact,
                                    struct error *err),
                       void *self, struct error *err)
{
	const struct visitor visitor = { .visit = visit, .self = self };
	CLEANUP(strv_done) struct strv cas = STRV(STORE_ENTRIES_MAX);
	CLEANUP(clean_fd) int fd = -1;
	CLEANUP(clean_free) char *path = NULL;
	int r = file_open_beneath(store->fd, "accounts", false, 0, &fd, err);

	if (r != FILE_OK)
		return r < 0 ? -1 : 0;
	if (file_list(fd, &cas, err) < 0)
		return -1;
	if (asprintf(&path, "%s/accounts", store->path) < 0)
		return error_oom(err);
	for (size_t i = 0; i < cas.count; i++) {
		if (visit_ca(&visitor, fd, cas.items[i], path, err) < 0)
			return -1;
	}
	return 0;
}
