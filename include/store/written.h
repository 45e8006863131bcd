/* written.h: what certd wrote outside of its own directories: for each file the SHA-256 of what it wrote there last, so that a file
 * which a person has changed since is told from its own.
 *
 * STATE_DIR/written.json. While a file is being written two digests count, the old one's and the new one's: whatever a crash leaves
 * is known.
 */
#ifndef CERTD_STORE_WRITTEN_H
#define CERTD_STORE_WRITTEN_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct store;
struct store_written;

/* Empty when there is no file yet; or when store is NULL (then it cannot be saved). */
int store_written_load(const struct store *store, struct store_written **ret, struct error *err);
void store_written_free(struct store_written *written);
void store_written_cleanup(struct store_written **written); /* for CLEANUP() */

/* Whether certd wrote something at that path. */
bool store_written_knows(const struct store_written *written, const char *path);

/* Whether it wrote that. */
bool store_written_is(const struct store_written *written, const char *path, const char *text);

/* This text is going to be written: it counts beside what is there. */
int store_written_begin(struct store_written *written, const char *path, const char *text, struct error *err);

/* Only this text counts; NULL: nothing does, the path is forgotten. */
int store_written_set(struct store_written *written, const char *path, const char *text, struct error *err);

int store_written_save(const struct store_written *written, struct error *err);

#endif
