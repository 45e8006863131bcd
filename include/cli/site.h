/* site.h: the site of a certificate, for `certd site` and `certd issue --site`. */
#ifndef CERTD_CLI_SITE_H
#define CERTD_CLI_SITE_H

#include <stdbool.h>

struct buf;
struct cli;
struct config;
struct config_option;

/* Whether an option is the site's alone. */
bool cli_site_is_option(const char *name);

/* Writes the site that `with` has for the certificate, remembers `text` in the configuration, and tells NGINX. `config` is what was
 * before. take_over: also where another server has the names; then `text` becomes what is remembered of it. Says on stderr what was done. Returns the exit status. */
int cli_site_make(const struct config *config, const struct config *with, const char *name, bool take_over,
                  struct buf *text);

#endif
