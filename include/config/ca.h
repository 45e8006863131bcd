/* ca.h: the CAs that are known by name. */
#ifndef CERTD_CONFIG_CA_H
#define CERTD_CONFIG_CA_H

#include <stddef.h>

struct config_arena;
struct config_ca;
struct error;

/* A CA's name: [a-z0-9._-], 1 to 63 of them, beginning with a letter or a digit. 0 or an ERROR_USAGE. */
int config_ca_check_name(const char *name, struct error *err);

/* What a CA with that directory takes as far as it is known, and else nobody minds. */
void config_ca_standard_limits(struct config_ca *ca);

/* What `text` means, the name of one of these CAs or the URL of a directory: one of these CAs, or a CA made of the URL, named after
 * its host. ERROR_USAGE with the nearest name. */
int config_ca_resolve(const struct config_ca *const *known, size_t count, const char *text, struct config_arena *arena,
                      const struct config_ca **ret, struct error *err);

#endif
