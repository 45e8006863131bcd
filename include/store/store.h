/* store.h: what certd keeps: generations, which one is live, what is pending, state. Knows no network.
 *
 * STATE_DIR/
 *   certificates/CERT/N/{privkey,cert,chain,fullchain}.pem   generation N, complete or absent
 *   certificates/CERT/N/{privkey,...}-{rsa,ecdsa}.pem        the second certificate of a generation that holds two, complete or absent
 *   certificates/CERT/pending/{privkey.pem,request.der}      the key and CSR of the order in flight
 *   certificates/CERT/first/{privkey,fullchain}.pem,purpose  the first of two, as long as the second is on its way
 *   certificates/CERT/state.json
 *   live/CERT -> ../certificates/CERT/N
 *   accounts/...                                             see store/account.h
 *   cas/CA.json                                              see store/ca.h
 *
 * STATE_DIR is made with mode 0755, because the webroot stands in it by default; the directories in it 0700, files 0600, whatever the
 * umask. A generation is built in a temporary directory and renamed into place, so it is
 * complete or absent; `live` changes by one rename.
 */
#ifndef CERTD_STORE_STORE_H
#define CERTD_STORE_STORE_H

#include "crypto/keytype.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct error;
struct store;
struct store_cert;
struct strv;

enum { STORE_OK = 0, STORE_ABSENT = 1, STORE_DAMAGED = 2 };

/* Opens (creates, if `create`) the state directory. STORE_ABSENT when there is none. Refuses "/" and a directory that others may write. */
int store_open(const char *state_dir, bool create, struct store **ret, struct error *err);
void store_free(struct store *store);
void store_cleanup(struct store **store);

/* Names of all certificates there are directories of, sorted. */
int store_list(const struct store *store, struct strv *out, struct error *err);

/* Whether the disk takes what an issue will write: writes, fsyncs and removes a probe of 64 KiB; also one that a crash left. */
int store_probe(const struct store *store, struct error *err);

/* STORE_ABSENT when there is no such certificate and create is false. The name is checked. Sweeps what a crash left behind
 * when create is true. */
int store_cert_open(const struct store *store, const char *name, bool create, struct store_cert **ret, struct error *err);
void store_cert_free(struct store_cert *cert);
void store_cert_cleanup(struct store_cert **cert);

/* Absolute path of live/CERT, or of a file in it ("fullchain.pem"; NULL for the directory). Appended. */
int store_live_path(const struct store_cert *cert, const char *file, struct buf *out, struct error *err);

/* The number of the live generation. STORE_ABSENT without one. Its directory may be gone; a link that points elsewhere is an error. */
int store_live(const struct store_cert *cert, uint64_t *ret_generation, struct error *err);

/* One rename makes that generation live; all its files must be there. 0 as generation removes the link. */
int store_live_switch(const struct store_cert *cert, uint64_t generation, struct error *err);

struct store_files {
	const char *privkey; /* PEM texts */
	const char *cert;
	const char *chain;
	const char *fullchain;
	enum key_family family; /* of the key */
};

enum { STORE_PAIRS_MAX = KEY_FAMILY_COUNT, STORE_FILE_SIZE = 32 };

/* Writes a new generation with these certificates, of different families, numbered above all that were ever there; all fsynced before it gets its
 * name. The second one's files say of what family its key is. Does not make it live. */
int store_generation_add(const struct store_cert *cert, const struct store_files *pairs, size_t count, uint64_t *ret_generation,
                         struct error *err);

/* The name of a file of a generation: `file` ("fullchain") of the first certificate, NULL, or of the second, whose family that is. */
const char *store_file_name(const char *file, const enum key_family *second, char out[static STORE_FILE_SIZE]);

/* Whether the generation holds a second certificate, and of which family. STORE_ABSENT where it holds none (or is not there); one that is not whole is
 * an error. */
int store_generation_second(const struct store_cert *cert, uint64_t generation, enum key_family *ret, struct error *err);

/* Appends a file of a generation ("privkey..." wants a secret buffer). STORE_ABSENT. */
int store_generation_read(const struct store_cert *cert, uint64_t generation, const char *file, struct buf *out,
                          struct error *err);

/* Numbers of all generations, ascending; the newest max of them. */
int store_generation_list(const struct store_cert *cert, uint64_t *out, size_t max, size_t *ret_count, struct error *err);

/* Removes the oldest until `keep` are left, never the live one, never `also_keep` (0 for none). */
int store_generation_prune(const struct store_cert *cert, unsigned int keep, uint64_t also_keep, struct error *err);

/* The key and CSR of the order in flight: written durably as one, read back together (STORE_ABSENT when one is not there), removed
 * together. */
int store_pending_save(const struct store_cert *cert, const struct buf *privkey_pem, const struct buf *csr_der,
                       struct error *err);
int store_pending_load(const struct store_cert *cert, struct buf *privkey_pem, struct buf *csr_der, struct error *err);
int store_pending_clear(const struct store_cert *cert, struct error *err);

/* The first of two certificates, kept while the second is ordered: its key, its chain and a line that says what it is for; written durably as one,
 * read back together. STORE_ABSENT when it is not there, or for something else. */
int store_first_save(const struct store_cert *cert, const struct buf *privkey_pem, const struct buf *chain_pem, const char *purpose,
                     struct error *err);
int store_first_load(const struct store_cert *cert, const char *purpose, struct buf *privkey_pem, struct buf *chain_pem,
                     struct error *err);
int store_first_clear(const struct store_cert *cert, struct error *err);

#endif
