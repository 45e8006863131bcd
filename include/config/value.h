/* value.h: one value, checked. Does not know where it stands: whoever does, adds it to the error. */
#ifndef CERTD_CONFIG_VALUE_H
#define CERTD_CONFIG_VALUE_H

#include "config/directive.h"

#include <stdbool.h>

struct config_arena;
struct error;

/* Reads text as a value of the directive into *member, whose type config_kind names (CONFIG_KIND_CAS, one of them: const char *; not for
 * CONFIG_KIND_NAMES); a list has it as one more. ERROR_USAGE beginning with the directive's name. */
int config_value_read(const struct config_directive *directive, const char *text, struct config_arena *arena, void *member,
                      struct error *err);

/* Makes the member of a list an empty one. */
void config_value_clear_list(const struct config_directive *directive, void *member);

/* Only checks it. */
int config_value_check(const struct config_directive *directive, const char *text, struct error *err);

/* Whether both say the same. */
bool config_value_same(const struct config_directive *directive, const char *a, const char *b);

#endif
