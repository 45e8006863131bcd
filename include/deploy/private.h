/* private.h: the SSL snippet's file. */
#ifndef CERTD_DEPLOY_PRIVATE_H
#define CERTD_DEPLOY_PRIVATE_H

#include "base/ident.h"

struct buf;
struct config;
struct error;

enum {
	SNIPPET_MAX = 256 * 1024,
	FILE_NAME_SIZE = IDENT_NAME_SIZE + sizeof(".conf"),
};

/* FILE_ABSENT when there is none. */
int deploy_snippet_read(const struct config *config, const char *certificate_name, struct buf *out, struct error *err);

int deploy_snippet_write(const struct config *config, const char *certificate_name, const struct buf *text,
                         struct error *err);

/* 0 also when there is none. */
int deploy_snippet_remove(const struct config *config, const char *certificate_name, struct error *err);

#endif
