/* ident.h: identifiers, the names a certificate is for: DNS names (RFC 8555 section 9.7.7) and IP addresses (RFC 8738).
 *
 * An ident is always in its one canonical form: DNS names in lower case, as A-labels (IDNA2008), without the dot at
 * the end, at most 253 octets with labels of 1 to 63, letters, digits and hyphens; "*." only at the front; IPv4 in
 * dotted decimals, IPv6 as RFC 5952 writes it.
 */
#ifndef CERTD_BASE_IDENT_H
#define CERTD_BASE_IDENT_H

#include <stdbool.h>
#include <stddef.h>

struct error;

enum ident_type { IDENT_DNS, IDENT_IP };

enum {
	IDENT_VALUE_SIZE = 256, /* 253 octets, NUL, some room */
	IDENT_LIST_MAX = 100, /* names in a certificate */
	IDENT_NAME_SIZE = 128, /* a certificate's name, with NUL */
};

struct ident {
	enum ident_type type;
	bool wildcard; /* value begins with "*." */
	char value[IDENT_VALUE_SIZE];
};

struct ident_list {
	struct ident *items;
	size_t count;
};

/* Reads what a person wrote. Errors (ERROR_USAGE) say what is wrong at which place of the text. */
int ident_parse(const char *text, struct ident *ret, struct error *err);

/* Adds a copy; a duplicate, and one too many, is an error. */
int ident_list_add(struct ident_list *list, const struct ident *ident, struct error *err);
void ident_list_done(struct ident_list *list);

/* Whether both hold the same identifiers, in whatever order. */
bool ident_list_same(const struct ident_list *a, const struct ident_list *b);
bool ident_list_contains(const struct ident_list *list, const struct ident *ident);
int ident_list_copy(const struct ident_list *from, struct ident_list *ret, struct error *err);

const char *ident_type_name(enum ident_type type); /* "dns", "ip" */

/* The name of the certificate whose first identifier this is: the value, with "*" as "_wildcard" and ":" as "_". */
int ident_certificate_name(const struct ident *first, char out[static IDENT_NAME_SIZE], struct error *err);

/* A certificate's name that is safe as a file name: [a-z0-9._-], not beginning with "." or "-", no "..", up to
 * IDENT_NAME_SIZE - 1 octets. 0 or an ERROR_USAGE. */
int ident_check_certificate_name(const char *name, struct error *err);

#endif
