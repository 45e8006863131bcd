/* build.h: from the texts of the files to the checked configuration. Opens no configuration file itself. */
#ifndef CERTD_CONFIG_BUILD_H
#define CERTD_CONFIG_BUILD_H

#include "config/raw.h"

#include <stddef.h>

struct config;
struct config_problems;

struct config_file {
	const char *path; /* absolute */
	const char *text;
	size_t len;
};

struct config_input {
	const char *main_file; /* absolute; need not be among the files */
	const struct config_file *files; /* in the order in which they count; all copied */
	size_t count;
	/* What is said of this certificate counts only in this file; both NULL for nothing. */
	const char *only_certificate;
	const char *only_in;
};

/* 0, or -1 with every error that could be found told. */
int config_build(const struct config_input *input, struct config_problems *problems, struct config **ret);

/* What a configuration was built from. Borrowed. */
const struct config_file *config_files(const struct config *config, size_t *ret_count);
const struct config_raw *config_raw(const struct config *config);

/* The block of that certificate, or NULL. */
const struct config_block *config_block_of(const struct config *config, const char *name);

/* What holds for a certificate's block (NULL: for one that says nothing) in text: what it says, or what is said outside of blocks, or the
 * default. NULL where nothing is. */
const char *config_effective(const struct config *config, const struct config_block *block,
                             const struct config_directive *directive);

#endif
