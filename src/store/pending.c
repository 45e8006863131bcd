/* pending.c: what is on its way: the key and CSR of the order in flight, and the first certificate of two. */
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "store/private.h"
#include "store/store.h"

#include <string.h>

enum { PURPOSE_MAX = 8 * 1024 };

#define PENDING_DIR "pending"
#define FIRST_DIR "first"
#define KEY_FILE "privkey.pem"
#define CSR_FILE "request.der"
#define CHAIN_FILE "fullchain.pem"
#define PURPOSE_FILE "purpose"

struct piece {
	const char *name;
	const char *data;
	size_t len;
};

/* All pieces durably in a directory of that name, whole or absent. */
static int save(const struct store_cert *cert, const char *directory, const struct piece *pieces, size_t count,
                struct error *err)
{
	CLEANUP(clean_fd) int fd = -1;
	char tmp[STORE_TMP_SIZE];
	int r = 0;

	if (store_tmp_make(cert->fd, tmp, &fd, err) < 0)
		return -1;
	for (size_t i = 0; r == 0 && i < count; i++)
		r = file_write(fd, pieces[i].name, pieces[i].data, pieces[i].len, 0600, err);
	/* What was there goes before the new comes: in between there is none, never a half of each. */
	if (r < 0 || file_sync_dir(fd, err) < 0 || store_discard(cert->fd, directory, err) < 0 ||
	    file_rename(cert->fd, tmp, cert->fd, directory, err) < 0) {
		store_tmp_drop(cert->fd, tmp);
		return -1;
	}
	return 0;
}

/* Reads the pieces of that directory, the first of them into a secret buffer. One without the others is of no use, and never written so by us. */
static int load(const struct store_cert *cert, const char *directory, const char *const *names, struct buf *const *out,
                size_t count, struct error *err)
{
	CLEANUP(clean_fd) int fd = -1;
	int r = file_open_beneath(cert->fd, directory, false, 0, &fd, err);

	for (size_t i = 0; r == FILE_OK && i < count; i++) {
		r = file_read(fd, names[i], out[i], err);
		if (r == FILE_OK && out[i]->len == 0)
			r = FILE_ABSENT;
	}
	return r < 0 ? -1 : r == FILE_ABSENT ? STORE_ABSENT : STORE_OK;
}

static int hand_over(const struct buf *from, struct buf *out, struct error *err)
{
	return buf_append(out, from->data, from->len) < 0 ? error_oom(err) : 0;
}

static int check_secret(const struct buf *privkey_pem, struct error *err)
{
	return privkey_pem->secret ? 0 : error_set(err, ERROR_INTERNAL, "a private key goes into a secret buffer only");
}

int store_pending_save(const struct store_cert *cert, const struct buf *privkey_pem, const struct buf *csr_der,
                       struct error *err)
{
	const struct piece pieces[] = {
		{ KEY_FILE, privkey_pem->data, privkey_pem->len },
		{ CSR_FILE, csr_der->data, csr_der->len },
	};

	if (privkey_pem->failed || privkey_pem->len == 0 || csr_der->failed || csr_der->len == 0)
		return error_set(err, ERROR_INTERNAL, "a pending order wants both a key and a request");
	if (save(cert, PENDING_DIR, pieces, ARRAY_SIZE(pieces), err) < 0)
		return error_context(err, "cannot keep the key of the order");
	return 0;
}

int store_pending_load(const struct store_cert *cert, struct buf *privkey_pem, struct buf *csr_der, struct error *err)
{
	static const char *const names[] = { KEY_FILE, CSR_FILE };
	CLEANUP(buf_done) struct buf key = BUF_SECRET(privkey_pem->max);
	CLEANUP(buf_done) struct buf csr = BUF(csr_der->max);
	struct buf *const out[] = { &key, &csr };
	int r = check_secret(privkey_pem, err);

	if (r == 0)
		r = load(cert, PENDING_DIR, names, out, ARRAY_SIZE(names), err);
	if (r != STORE_OK)
		return r;
	return hand_over(&key, privkey_pem, err) < 0 ? -1 : hand_over(&csr, csr_der, err);
}

int store_pending_clear(const struct store_cert *cert, struct error *err)
{
	return store_discard(cert->fd, PENDING_DIR, err);
}

int store_first_save(const struct store_cert *cert, const struct buf *privkey_pem, const struct buf *chain_pem, const char *purpose,
                     struct error *err)
{
	const struct piece pieces[] = {
		{ KEY_FILE, privkey_pem->data, privkey_pem->len },
		{ CHAIN_FILE, chain_pem->data, chain_pem->len },
		{ PURPOSE_FILE, purpose, strlen(purpose) },
	};

	if (privkey_pem->failed || privkey_pem->len == 0 || chain_pem->failed || chain_pem->len == 0 || purpose[0] == '\0')
		return error_set(err, ERROR_INTERNAL, "the first of two certificates wants its key, its chain and its purpose");
	if (save(cert, FIRST_DIR, pieces, ARRAY_SIZE(pieces), err) < 0)
		return error_context(err, "cannot keep the first certificate");
	return 0;
}

int store_first_load(const struct store_cert *cert, const char *purpose, struct buf *privkey_pem, struct buf *chain_pem,
                     struct error *err)
{
	static const char *const names[] = { KEY_FILE, CHAIN_FILE, PURPOSE_FILE };
	CLEANUP(buf_done) struct buf key = BUF_SECRET(privkey_pem->max);
	CLEANUP(buf_done) struct buf chain = BUF(chain_pem->max);
	CLEANUP(buf_done) struct buf text = BUF(PURPOSE_MAX);
	struct buf *const out[] = { &key, &chain, &text };
	int r = check_secret(privkey_pem, err);

	if (r == 0)
		r = load(cert, FIRST_DIR, names, out, ARRAY_SIZE(names), err);
	if (r != STORE_OK)
		return r;
	if (!text_equal(buf_text(&text), purpose))
		return STORE_ABSENT;
	return hand_over(&key, privkey_pem, err) < 0 ? -1 : hand_over(&chain, chain_pem, err);
}

int store_first_clear(const struct store_cert *cert, struct error *err)
{
	return store_discard(cert->fd, FIRST_DIR, err);
}
