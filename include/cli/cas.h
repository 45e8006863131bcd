/* cas.h: what is remembered of the CAs, as `certd status` shows it. */
#ifndef CERTD_CLI_CAS_H
#define CERTD_CLI_CAS_H

#include "json/doc.h"

struct config;
struct store;

/* What CAs are not to be asked now: [{"directory", "name", "holds": [...]}]; NULL for nothing. store may be NULL. */
json_t *cli_cas_json(const struct config *config, const struct store *store);

/* The same in lines for people, but for what is about a single certificate: that is said with it. */
void cli_cas_print(const struct config *config, const struct store *store);

#endif
