/* profile.h: what is known of the profiles of well-known CAs: what an order must not hold is told before it is spent. Pure. */
#ifndef CERTD_PLAN_PROFILE_H
#define CERTD_PLAN_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

struct ident_list;

/* Whether that CA, as far as is known, will refuse these identifiers with this profile (NULL: its default): the reason for people into text. False
 * for a CA or a profile that is not known. */
bool plan_profile_refuses(const char *directory_url, const char *profile, const struct ident_list *idents, char *text,
                          size_t size);

#endif
