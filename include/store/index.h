/* index.h: what looking at generations found, kept so that files which have not changed since need not be read again.
 *
 * STATE_DIR/index: for each certificate one generation, the stamp of its files, and a text that means something to who kept it. Nothing
 * depends on it: without it, or with one that is damaged, everything is looked at anew. A stamp holds what the file system says of each file
 * (inode, size, mode, owner, times of change): whoever can change a file and keep these could as well change the index.
 */
#ifndef CERTD_STORE_INDEX_H
#define CERTD_STORE_INDEX_H

#include "crypto/cert.h"

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct error;
struct store;
struct store_cert;

enum { STORE_INDEX_TEXT_MAX = 32 * 1024 };

struct store_stamp {
	uint64_t generation;
	char digest[CERT_FINGERPRINT_SIZE];
	bool fresh; /* changed just now, so that another change might not show in the times; or no regular file: it is not kept */
};

/* Looks at all that there is in the directory of a generation, without reading it. ERROR_SYSTEM that names the file when one is missing. */
int store_generation_stamp(const struct store_cert *cert, uint64_t generation, struct store_stamp *ret, struct error *err);

/* Appends the text that was kept with this stamp to out. STORE_ABSENT when there is none. */
int store_index_recall(const struct store_cert *cert, const struct store_stamp *stamp, struct buf *out);

/* Keeps a text, in place of what was kept for this certificate; without control characters, up to STORE_INDEX_TEXT_MAX octets; any other is
 * not kept. On disk by store_index_save() only. */
void store_index_keep(const struct store_cert *cert, const struct store_stamp *stamp, const char *text);

/* Writes it, where something new was kept. What is there of certificates that have no directory any more falls out. */
int store_index_save(const struct store *store, struct error *err);

#endif
