/* access.h: whose keys and certificates are, and who may read them: as the configuration says, from the moment at which they have their names,
 * and looked at in every run.
 *
 * A key is never open to more than it shall be: a file gets its owner and mode before its content, and its directory before its name. The
 * directories above let pass, and no more, who shall get at a file: `certificates` and `live`, which all certificates share, let everybody pass
 * as soon as one certificate needs it (their lists stay closed).
 */
#ifndef CERTD_STORE_ACCESS_H
#define CERTD_STORE_ACCESS_H

#include <stdbool.h>
#include <sys/types.h>

struct error;
struct store;
struct store_cert;

struct store_access {
	uid_t uid; /* of the files */
	gid_t gid; /* of the files, and of the directories of this certificate; (gid_t)-1: whichever they have */
	mode_t key_mode;
	mode_t cert_mode;
};

/* What there is without a word: the owner alone, who runs this. */
struct store_access store_access_private(void);

/* Whether somebody else than who runs this shall get at the files. */
bool store_access_is_open(const struct store_access *access);

/* What store_generation_add() does from now on. */
void store_cert_set_access(struct store_cert *cert, const struct store_access *access);

/* Lets everybody pass through `certificates` and `live`. Makes nothing narrower. */
int store_access_let_pass(const struct store *store, struct error *err);

/* Whether files can be given away like that by who runs this: tried on a file of no content. ERROR_USAGE. */
int store_access_probe(const struct store *store, const struct store_access *access, struct error *err);

/* A file or directory that is not as it shall be. */
struct store_drift {
	const char *path; /* absolute; as long as the call lasts */
	bool key;
	bool exposed; /* a key that more can read than shall */
	mode_t mode; /* that it has */
	uid_t uid;
	gid_t gid;
	mode_t wanted_mode;
	uid_t wanted_uid;
	gid_t wanted_gid; /* (gid_t)-1: any */
	bool mended;
	const struct error *error; /* why it was not mended, though it should be; or NULL */
};

struct store_access_watcher {
	void (*drift)(void *self, const struct store_drift *drift);
	void *self;
};

/* Looks at the certificate's directory and at all its generations; with `mend`, what drifted is set right. 0 also when something could not be; -1
 * when not all could be looked at. */
int store_access_look(const struct store_cert *cert, bool mend, const struct store_access_watcher *watcher, struct error *err);

#endif
