/* site.h: the site block of a certificate: its values, and writing it. For src/config/ only. */
#ifndef CERTD_CONFIG_SITE_H
#define CERTD_CONFIG_SITE_H

#include "config/raw.h"

#include <stdbool.h>
#include <stddef.h>

struct config_option;
struct error;

/* What is wrong with a value that NGINX will be told; NULL for nothing. Static. */
const char *config_site_uri_fault(const char *text);
const char *config_site_files_fault(const char *text);
const char *config_site_upstream_fault(const char *text);

/* Whether an option is one of the site's. */
bool config_site_is_option(const struct config_option *option);

/* 0, or an ERROR_USAGE that names the option. */
int config_site_check_option(const struct config_option *option, struct error *err);

/* Gives `block` the site block that `old` (may be NULL) has, with these options in place of what it says of the same. *changed becomes true
 * when that is not what it was; else it stays. */
int config_site_compose(const struct config_block *old, const struct config_option *options, size_t options_count,
                        struct config_arena *arena, struct config_block *block, bool *changed, struct error *err);

#endif
