/* account_next.c: the key that shall take the place of an account's. */
#include "store/account.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "crypto/pkey.h"
#include "store/private.h"
#include "store/store.h"

enum { KEY_MAX = 64 * 1024 };

int store_account_next_save(const struct store_account *account, const struct buf *key_pem, struct error *err)
{
	if (key_pem->failed || key_pem->len == 0)
		return error_set(err, ERROR_INTERNAL, "an account wants a key");
	if (file_write(account->fd, STORE_NEXT_FILE, key_pem->data, key_pem->len, 0600, err) < 0)
		return error_context(err, "cannot keep the account's next key");
	return 0;
}

int store_account_next_load(const struct store_account *account, struct buf *out, struct error *err)
{
	CLEANUP(buf_done) struct buf pem = BUF_SECRET(KEY_MAX);
	CLEANUP(crypto_pkey_cleanup) struct pkey *key = NULL;
	int r;

	if (!out->secret)
		return error_set(err, ERROR_INTERNAL, "a private key goes into a secret buffer only");
	r = file_read(account->fd, STORE_NEXT_FILE, &pem, err);
	if (r == FILE_ABSENT)
		return STORE_ABSENT;
	if (r < 0)
		return error_context(err, "the account's next key");
	if (crypto_pkey_load(buf_text(&pem), pem.len, &key, err) < 0) {
		error_context(err, "the account's next key %s/" STORE_NEXT_FILE " is damaged", account->path);
		return error_advise(err, "put it back from a backup; if the CA still takes " STORE_KEY_FILE " beside it, remove it");
	}
	buf_append(out, pem.data, pem.len);
	return buf_check(out, "the account's next key", err);
}

int store_account_next_accept(const struct store_account *account, struct error *err)
{
	if (file_rename(account->fd, STORE_NEXT_FILE, account->fd, STORE_KEY_FILE, err) < 0)
		return error_context(err, "the account's new key is not in its place in %s yet", account->path);
	return 0;
}

int store_account_next_discard(const struct store_account *account, struct error *err)
{
	return file_remove(account->fd, STORE_NEXT_FILE, err) < 0 ? -1 : 0;
}
