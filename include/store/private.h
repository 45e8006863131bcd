/* private.h: what the files of this room share. */
#ifndef CERTD_STORE_PRIVATE_H
#define CERTD_STORE_PRIVATE_H

#include "base/file.h"
#include "base/ident.h"
#include "store/access.h"
#include "store/ca.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct error;

enum {
	STORE_GENERATION_MAX = 999999999,
	STORE_ENTRIES_MAX = 100000, /* of a directory */
	STORE_TMP_SIZE = 24, /* a temporary name, with NUL */
};

struct store_index;
struct store_shared;

struct store {
	int fd;
	char *path; /* absolute, without "/" at the end */
	struct store_shared *shared;
};

struct store_cert {
	struct store_shared *shared;
	int fd; /* STATE_DIR/certificates/NAME */
	char name[IDENT_NAME_SIZE];
	char *path; /* of fd, for messages */
	char *live_path; /* STATE_DIR/live/NAME */
	struct store_access access;
	bool looking; /* opened without `create`: nothing is mended or moved */
};

/* What the certificates of one open store share, opened once for thousands of them; it stays as long as one of them does. Has a descriptor of
 * the state directory of its own. */
int store_shared_new(int state_fd, struct store_shared **ret, struct error *err);
struct store_shared *store_shared_ref(struct store_shared *shared);
void store_shared_unref(struct store_shared *shared);

/* STATE_DIR/certificates and STATE_DIR/live, made with `create` where they are missing; FILE_ABSENT. The descriptor is borrowed. */
int store_shared_certificates(struct store_shared *shared, bool create, int *ret_fd, struct error *err);
int store_shared_live(struct store_shared *shared, bool create, int *ret_fd, struct error *err);

/* Where the index stands (store/index.h), which is NULL until it is loaded. Returns the descriptor of STATE_DIR, borrowed. */
int store_shared_index(struct store_shared *shared, struct store_index ***ret);
void store_index_free(struct store_index *index);

/* Removes what a crash left of links that were to become this certificate's: other certificates' may be on their way right now. What another
 * process leaves once the first certificate was swept is found by the next to open the store. */
int store_shared_sweep_live(const struct store_cert *cert, struct error *err);

#define STORE_KEY_FILE "key.pem"
#define STORE_NEXT_FILE "next.pem" /* the key that shall take its place */
#define STORE_ACCOUNT_FILE "account.json"

enum {
	STORE_ACCOUNT_NAME_TEXT_MAX = 60,
	STORE_ACCOUNT_NAME_HASH = 12, /* hexadecimal digits */
	STORE_ACCOUNT_NAME_SIZE = STORE_ACCOUNT_NAME_TEXT_MAX + 1 + STORE_ACCOUNT_NAME_HASH + 1,
};

/* CA.json */
enum { STORE_CA_FILE_SIZE = STORE_ACCOUNT_NAME_SIZE + 8 };

struct store_account {
	int fd;
	char *path;
	char *directory_url;
	char *contact; /* or NULL */
	char *url; /* or NULL */
};

struct store_ca_event {
	char key[STORE_CA_KEY_SIZE];
	int64_t at;
};

/* In the order in which they came. */
struct store_ca_events {
	struct store_ca_event *items;
	size_t count;
	size_t room;
};

struct store_ca {
	int fd; /* STATE_DIR/cas; -1 where there is none */
	char file[STORE_CA_FILE_SIZE];
	struct timespec written; /* of the file that was read; all 0 for none */
	uint64_t inode;
	char *directory;
	struct store_ca_hold *holds;
	size_t holds_count;
	struct store_ca_events logs[STORE_CA_LOG_COUNT];
	int64_t seen_at;
};

/* An empty one. */
struct store_ca *store_ca_new(const char *directory_url, struct error *err);

struct store;

/* Opens (or makes) accounts/CA, and names CONTACT. FILE_ABSENT. */
int store_account_folder(const struct store *store, const char *directory_url, const char *contact, bool create,
                         char ret_ca[static STORE_ACCOUNT_NAME_SIZE], char ret_contact[static STORE_ACCOUNT_NAME_SIZE],
                         int *ret_fd, struct error *err);

/* Writes account.json into fd. */
int store_account_write(int fd, const struct store_account *account, const char *url, struct error *err);

/* A name for the file system: what a person recognizes, and a hash of `whole` that tells apart what looks the same. */
int store_safe_name(const char *shown, const char *whole, char out[static STORE_ACCOUNT_NAME_SIZE], struct error *err);

/* Makes an empty directory (0700) of a temporary name, and opens it. */
int store_tmp_make(int dirfd, char ret_name[static STORE_TMP_SIZE], int *ret_fd, struct error *err);

/* Removes a temporary directory after a failure that *err tells of already; what stays behind is swept later. */
void store_tmp_drop(int dirfd, const char *name);

/* Removes a directory so that a crash leaves it whole or gone: it loses its name first. 0 when there is none. */
int store_discard(int dirfd, const char *name, struct error *err);

/* Removes the temporary files, links and directories in a directory. */
int store_sweep(int dirfd, struct error *err);

/* Refuses a directory that anyone but its owner may write, or that is neither ours nor root's. */
int store_check_private(int fd, const char *path, struct error *err);

/* Opens a generation's directory. STORE_ABSENT when there is none. */
int store_generation_open(const struct store_cert *cert, uint64_t generation, int *ret_fd, struct error *err);

/* What the files of each certificate of a generation are called, for store_file_name(). Static. */
const char *const *store_generation_files(size_t *ret_count);

/* What a file of a generation, and the directories of a certificate, shall be. */
struct file_access store_access_of_file(const struct store_access *access, const char *name);
struct file_access store_access_of_directory(const struct store_access *access);

/* The number that a generation's directory name says; -1 when it is no such name. */
int store_generation_parse(const char *name, uint64_t *ret);

#endif
