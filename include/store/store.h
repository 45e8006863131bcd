/* store.h: what certd keeps: generations, which one is live, what is pending, state. Knows no network.
 *
 * STATE_DIR/
 *   certificates/CERT/N/{privkey,cert,chain,fullchain}.pem   generation N, complete or absent
 *   certificates/CERT/pending/{privkey.pem,request.der}      the key and CSR of the order in flight
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
};

/* Writes a new generation, numbered above all that were ever there; all fsynced before it gets its name. Does not make it live. */
int store_generation_add(const struct store_cert *cert, const struct store_files *files, uint64_t *ret_generation,
                         struct error *err);

/* Appends a file of a generation ("privkey.pem" wants a secret buffer). STORE_ABSENT. */
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

#endif
