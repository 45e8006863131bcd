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

/* The contact that it is kept for; NULL for none. Borrowed. */
const char *store_account_contact(const struct store_account *account);

/* The key that shall take the place of the account's, next.pem beside key.pem: durable before the CA is asked to change to it. As long as it
 * is there, nobody knows which of both the CA knows. */
int store_account_next_save(const struct store_account *account, const struct buf *key_pem, struct error *err);

/* Appends it to a secret buffer. STORE_ABSENT. One that is damaged is an error that names the file. */
int store_account_next_load(const struct store_account *account, struct buf *out, struct error *err);

/* One rename makes it the account's key. */
int store_account_next_accept(const struct store_account *account, struct error *err);
int store_account_next_discard(const struct store_account *account, struct error *err);

/* Keeps it for another contact from now on: its directory gets that one's name. An ERROR_USAGE where there is one for it already. */
int store_account_move(const struct store *store, struct store_account *account, const char *contact, struct error *err);

/* Puts the directory of an account that is no more aside, as NAME.deactivated-NUMBER: nobody finds it there, but a person. */
int store_account_retire(const struct store *store, struct store_account *account, struct error *err);

/* Shows all accounts, in the order of their directories' names. What account.json of one says cannot be read: directory_url is NULL. */
int store_account_each(const struct store *store,
                       int (*visit)(void *self, const char *path, const char *directory_url, const char *contact,
                                    struct error *err),
                       void *self, struct error *err);

/* The path of its directory, for messages. Borrowed. */
const char *store_account_path(const struct store_account *account);

#endif
