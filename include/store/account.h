/* account.h: ACME accounts on disk: one directory for each pair of a CA's directory URL and contact, with the key and the URL.
 *
 * accounts/CA/CONTACT/{key.pem,account.json}, where CA is the directory's host and path made safe, with a short hash, and CONTACT the
 * address or "default", likewise. The directory appears with its key in one rename. A key that is missing, empty or damaged while its
 * directory exists is an error that names the file: never a silent new account.
 */
#ifndef CERTD_STORE_ACCOUNT_H
#define CERTD_STORE_ACCOUNT_H

struct buf;
struct error;
struct store;
struct store_account;

/* STORE_ABSENT when there is none yet. contact may be NULL. */
int store_account_open(const struct store *store, const char *directory_url, const char *contact,
                       struct store_account **ret, struct error *err);

/* Makes one with this key (PEM). */
int store_account_create(const struct store *store, const char *directory_url, const char *contact,
                         const struct buf *key_pem, struct store_account **ret, struct error *err);
void store_account_free(struct store_account *account);
void store_account_cleanup(struct store_account **account);

/* Appends the key's PEM to a secret buffer. */
int store_account_key(const struct store_account *account, struct buf *out, struct error *err);

/* The account's URL at the CA; NULL before it was registered. Borrowed. */
const char *store_account_url(const struct store_account *account);

/* Remembers the URL durably. */
int store_account_set_url(struct store_account *account, const char *url, struct error *err);

/* The path of its directory, for messages. Borrowed. */
const char *store_account_path(const struct store_account *account);

#endif
