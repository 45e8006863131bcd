#include "store/account.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "crypto/pkey.h"
#include "http/http.h"
#include "json/doc.h"
#include "store/private.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	ACCOUNT_VERSION = 1,
	ACCOUNT_MAX = 64 * 1024,
	KEY_MAX = 64 * 1024,
	NAME_TEXT_MAX = STORE_ACCOUNT_NAME_TEXT_MAX,
	NAME_HASH = STORE_ACCOUNT_NAME_HASH,
	NAME_SIZE = STORE_ACCOUNT_NAME_SIZE,
};

int store_safe_name(const char *shown, const char *whole, char out[static NAME_SIZE], struct error *err)
{
	uint8_t hash[DIGEST_SHA256_SIZE];
	char hex[2 * DIGEST_SHA256_SIZE + 1];
	size_t n = 0;

	if (digest_sha256(whole, strlen(whole), hash, err) < 0)
		return -1;
	text_hex(hash, sizeof(hash), hex);
	hex[NAME_HASH] = '\0';
	for (; *shown != '\0' && n < NAME_TEXT_MAX; shown++) {
		char c = *shown;

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (n > 0 && c == '.'))
			out[n++] = c;
		else if (n > 0 && out[n - 1] != '_')
			out[n++] = '_';
	}
	snprintf(out + n, NAME_SIZE - n, "-%s", hex);
	return 0;
}

int store_account_folder(const struct store *store, const char *directory_url, const char *contact, bool create,
                         char ret_ca[static NAME_SIZE], char ret_contact[static NAME_SIZE], int *ret_fd, struct error *err)
{
	CLEANUP(clean_fd) int accounts = -1;
	const char *host = strstr(directory_url, "://");
	int r;

	if (store_safe_name(host != NULL ? host + 3 : directory_url, directory_url, ret_ca, err) < 0)
		return -1;
	if (contact == NULL || contact[0] == '\0')
		text_copy(ret_contact, NAME_SIZE, "default");
	else if (store_safe_name(contact, contact, ret_contact, err) < 0)
		return -1;
	r = file_open_beneath(store->fd, "accounts", create, 0700, &accounts, err);
	if (r == FILE_OK)
		r = store_check_private(accounts, "the directory of accounts", err);
	if (r == FILE_OK)
		r = file_open_beneath(accounts, ret_ca, create, 0700, ret_fd, err);
	return r;
}

static int copy(char **ret, const char *text, struct error *err)
{
	*ret = text != NULL ? strdup(text) : NULL;
	return text != NULL && *ret == NULL ? error_oom(err) : 0;
}

static int make(const struct store *store, const char *ca, const char *name, const char *directory_url,
                const char *contact, int fd, struct store_account **ret, struct error *err)
{
	CLEANUP(store_account_cleanup) struct store_account *account = calloc(1, sizeof(*account));

	if (account == NULL) {
		clean_fd(&fd);
		return error_oom(err);
	}
	account->fd = fd;
	if (asprintf(&account->path, "%s/accounts/%s/%s", store->path, ca, name) < 0) {
		account->path = NULL;
		return error_oom(err);
	}
	if (copy(&account->directory_url, directory_url, err) < 0 ||
	    copy(&account->contact, contact != NULL && contact[0] != '\0' ? contact : NULL, err) < 0)
		return -1;
	*ret = TAKE(account);
	return 0;
}

static int advise_key(struct error *err)
{
	return error_advise(err, "put the key back from a backup; or, to have a new account made, remove its directory");
}

/* A key that is not there is found before the CA is asked for anything. Whether it is a key is seen when it is read. */
static int check_key_file(const struct store_account *account, struct error *err)
{
	struct stat st;

	if (fstatat(account->fd, STORE_KEY_FILE, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			return error_sys(err, errno, "the account's key %s/" STORE_KEY_FILE, account->path);
		error_set(err, ERROR_SYSTEM, "the account's key %s/" STORE_KEY_FILE " is missing", account->path);
		return advise_key(err);
	}
	if (S_ISREG(st.st_mode) && st.st_size > 0 && st.st_size <= KEY_MAX)
		return 0;
	error_set(err, ERROR_SYSTEM, "the account's key %s/" STORE_KEY_FILE " is %s", account->path,
	          !S_ISREG(st.st_mode) ? "no regular file" :
	          st.st_size == 0      ? "empty" :
	                                 "too large to be a key");
	return advise_key(err);
}

/* The URL, when the file has one. It is a convenience: the CA tells it again to whoever has the key (RFC 8555 section 7.3.1), so
 * a file that cannot be read as one is as good as none. */
static int read_url(struct store_account *account, struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF(ACCOUNT_MAX);
	json_auto_t *doc = NULL;
	struct error ignored;
	const char *url = NULL, *directory = NULL;
	int64_t version;
	struct stat st;
	int r;

	if (fstatat(account->fd, STORE_ACCOUNT_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size > ACCOUNT_MAX)
		return 0;
	r = file_read(account->fd, STORE_ACCOUNT_FILE, &text, err);
	if (r < 0)
		return -1;
	if (r != FILE_OK || json_doc_parse(text.data, text.len, STORE_ACCOUNT_FILE, &doc, &ignored) < 0 ||
	    json_need_int(doc, STORE_ACCOUNT_FILE, "version", &version, &ignored) < 0)
		return 0;
	if (version > ACCOUNT_VERSION) {
		error_set(err, ERROR_SYSTEM, "%s/" STORE_ACCOUNT_FILE " is of version %jd, this certd knows up to %d",
		          account->path, (intmax_t)version, (int)ACCOUNT_VERSION);
		return error_advise(err, "run the newer certd that wrote it");
	}
	if (json_need_string(doc, STORE_ACCOUNT_FILE, "directory", &directory, &ignored) < 0 ||
	    !text_equal(directory, account->directory_url) ||
	    json_need_string(doc, STORE_ACCOUNT_FILE, "url", &url, &ignored) < 0 || strlen(url) > HTTP_URL_MAX)
		return 0;
	return copy(&account->url, url, err);
}

int store_account_open(const struct store *store, const char *directory_url, const char *contact,
                       struct store_account **ret, struct error *err)
{
	CLEANUP(store_account_cleanup) struct store_account *account = NULL;
	CLEANUP(clean_fd) int ca_fd = -1;
	CLEANUP(clean_fd) int fd = -1;
	char ca[NAME_SIZE], name[NAME_SIZE];
	int r = store_account_folder(store, directory_url, contact, false, ca, name, &ca_fd, err);

	if (r == FILE_OK)
		r = file_open_beneath(ca_fd, name, false, 0, &fd, err);
	if (r != FILE_OK)
		return r < 0 ? -1 : STORE_ABSENT;
	if (make(store, ca, name, directory_url, contact, TAKE_FD(fd), &account, err) < 0)
		return -1;
	if (store_check_private(account->fd, account->path, err) < 0 || check_key_file(account, err) < 0 ||
	    read_url(account, err) < 0)
		return -1;
	/* Killed while it wrote the URL. */
	if (account->url == NULL && file_sweep(account->fd, err) < 0)
		return -1;
	*ret = TAKE(account);
	return STORE_OK;
}

int store_account_write(int fd, const struct store_account *account, const char *url, struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF(ACCOUNT_MAX);
	json_auto_t *doc = json_pack("{s:i, s:s, s:s*, s:s*}", "version", (int)ACCOUNT_VERSION, "directory",
	                             account->directory_url, "contact", account->contact, "url", url);

	if (doc == NULL)
		return error_set(err, ERROR_INTERNAL, "the account's URL or contact cannot be written as JSON");
	if (json_doc_print(doc, false, &text, err) < 0)
		return -1;
	buf_append_char(&text, '\n');
	if (buf_check(&text, STORE_ACCOUNT_FILE, err) < 0)
		return -1;
	return file_write(fd, STORE_ACCOUNT_FILE, text.data, text.len, 0600, err);
}

/* With accounts/CA locked. */
static int create_in(int ca_fd, const char *name, const struct store_account *account, const struct buf *key_pem,
                     struct error *err)
{
	CLEANUP(clean_fd) int fd = -1;
	char tmp[STORE_TMP_SIZE];
	struct stat st;

	if (store_sweep(ca_fd, err) < 0)
		return -1;
	if (fstatat(ca_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return error_set(err, ERROR_SYSTEM, "there is an account already");
	if (store_tmp_make(ca_fd, tmp, &fd, err) < 0)
		return -1;
	if (file_write(fd, STORE_KEY_FILE, key_pem->data, key_pem->len, 0600, err) < 0 ||
	    store_account_write(fd, account, NULL, err) < 0 || file_sync_dir(fd, err) < 0 ||
	    file_rename(ca_fd, tmp, ca_fd, name, err) < 0) {
		store_tmp_drop(ca_fd, tmp);
		return -1;
	}
	return 0;
}

int store_account_create(const struct store *store, const char *directory_url, const char *contact,
                         const struct buf *key_pem, struct store_account **ret, struct error *err)
{
	CLEANUP(store_account_cleanup) struct store_account *account = NULL;
	CLEANUP(clean_fd) int ca_fd = -1;
	char ca[NAME_SIZE], name[NAME_SIZE];

	if (key_pem->failed || key_pem->len == 0)
		return error_set(err, ERROR_INTERNAL, "an account wants a key");
	if (store_account_folder(store, directory_url, contact, true, ca, name, &ca_fd, err) < 0 ||
	    make(store, ca, name, directory_url, contact, -1, &account, err) < 0)
		return -1;
	/* Two jobs that make the same account at once would else sweep each other's directory. */
	if (flock(ca_fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return error_sys(err, errno, "cannot lock %s/accounts/%s", store->path, ca);
		return error_set(err, ERROR_LOCKED, "another certd is making an account in %s/accounts/%s right now",
		                 store->path, ca);
	}
	if (create_in(ca_fd, name, account, key_pem, err) < 0)
		return error_context(err, "cannot keep the new account in %s", account->path);
	if (file_open_beneath(ca_fd, name, false, 0, &account->fd, err) != FILE_OK)
		return error_set(err, ERROR_SYSTEM, "cannot open %s, which was made just now", account->path);
	*ret = TAKE(account);
	return STORE_OK;
}

void store_account_free(struct store_account *account)
{
	if (account == NULL)
		return;
	clean_fd(&account->fd);
	free(account->path);
	free(account->directory_url);
	free(account->contact);
	free(account->url);
	free(account);
}

void store_account_cleanup(struct store_account **account)
{
	store_account_free(*account);
}

int store_account_key(const struct store_account *account, struct buf *out, struct error *err)
{
	CLEANUP(buf_done) struct buf pem = BUF_SECRET(KEY_MAX);
	CLEANUP(crypto_pkey_cleanup) struct pkey *key = NULL;
	int r;

	if (!out->secret)
		return error_set(err, ERROR_INTERNAL, "a private key goes into a secret buffer only");
	r = file_read(account->fd, STORE_KEY_FILE, &pem, err);
	if (r < 0)
		return error_context(err, "the account's key");
	if (r == FILE_ABSENT || pem.len == 0)
		return check_key_file(account, err) < 0 ? -1 : error_set(err, ERROR_SYSTEM, "the account's key went away");
	if (crypto_pkey_load(pem.data, pem.len, &key, err) < 0) {
		error_context(err, "the account's key %s/" STORE_KEY_FILE " is damaged", account->path);
		return advise_key(err);
	}
	buf_append(out, pem.data, pem.len);
	return buf_check(out, "the account's key", err);
}

const char *store_account_url(const struct store_account *account)
{
	return account->url;
}

int store_account_set_url(struct store_account *account, const char *url, struct error *err)
{
	CLEANUP(clean_free) char *copied = strdup(url);

	if (copied == NULL)
		return error_oom(err);
	if (url[0] == '\0' || strlen(url) > HTTP_URL_MAX)
		return error_set(err, ERROR_INTERNAL, "an account's URL is empty or too long");
	if (store_account_write(account->fd, account, url, err) < 0)
		return error_context(err, "cannot keep the account's URL");
	free(account->url);
	account->url = TAKE(copied);
	return 0;
}

const char *store_account_contact(const struct store_account *account)
{
	return account->contact;
}

const char *store_account_path(const struct store_account *account)
{
	return account->path;
}
