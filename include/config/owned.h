/* owned.h: what a configuration owns, and what is known while it is being built. For src/config/ only. */
#ifndef CERTD_CONFIG_OWNED_H
#define CERTD_CONFIG_OWNED_H

#include "config/build.h"

struct config_ca;
struct config_certificate;
struct config_settings;
struct error;

/* A value (or NULL), the file that it is in, and the block with the others where its directive has a list. */
struct config_placed {
	const struct config_value *value;
	const char *file;
	const struct config_block *block;
};

struct config_named {
	const struct config_block *block;
	const struct config_certificate *certificate;
	size_t order;
};

struct config_owned {
	struct config_arena arena;
	struct config_file *files;
	size_t files_count;
	struct config_raw raw;
	const struct config_ca **cas;
	size_t cas_count;
	struct config_placed global[CONFIG_DIRECTIVES_MAX]; /* what is said outside of certificates and CAs */
	struct config_named *named; /* the certificates by name */
	size_t named_count;
};

struct config_build {
	struct config *config;
	struct config_owned *owned;
	struct config_problems *problems;
};

/* Tells an error with its place. */
int config_build_tell(struct config_build *b, const char *file, unsigned int line, const struct error *err);

/* Reads a value, or all of a list into a member that is cleared first; one that cannot be read is told and leaves the member as it is. */
void config_build_put(struct config_build *b, const struct config_placed *placed, void *member);

/* The members of a struct for the directives of these scopes (and none of `without`), as far as they are said. */
void config_build_put_members(struct config_build *b, const struct config_placed *placed, unsigned int with, unsigned int without,
                              void *base);

/* The values of a block, each at its directive's place in the table. */
void config_build_gather(const struct config_block *block, struct config_placed placed[static CONFIG_DIRECTIVES_MAX]);

const struct config_placed *config_placed_of(const struct config_placed *placed, const char *name, unsigned int scopes);

/* Its text, NULL for "" and for nothing said. */
const char *config_placed_text(const struct config_placed *placed);

/* The site of a certificate whose names are known, where its block has one. */
void config_build_site(struct config_build *b, const struct config_block *block, struct config_certificate *certificate);

/* What every block that speaks of external account binding has to keep. */
void config_build_check_eab(struct config_build *b, const struct config_placed *placed);

/* The CAs that are known: built in, and the files' ca blocks. */
void config_build_cas(struct config_build *b);

/* The CAs of a certificate's block (NULL: of one that says nothing; `own` is what it says) beneath what is said outside of blocks
 * (`global`). The nearer word counts: of the certificate, of the ca block, of all. External account binding that is said for all belongs to
 * the CA that is named for all; that of a certificate to its only CA. */
void config_build_choose_cas(struct config_build *b, const struct config_block *block, const struct config_placed *own,
                             const struct config_placed *global, struct config_settings *settings);

#endif
