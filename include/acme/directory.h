/* directory.h: the directory (RFC 8555 section 7.1.1): where a CA's resources are and what it asks for. */
#ifndef CERTD_ACME_DIRECTORY_H
#define CERTD_ACME_DIRECTORY_H

#include "base/strv.h"
#include "http/http.h"

#include <stdbool.h>

struct error;

enum { ACME_PROFILES_MAX = 64, ACME_CAA_IDENTITIES_MAX = 32 };

struct acme_directory {
	char new_nonce[HTTP_URL_MAX + 1];
	char new_account[HTTP_URL_MAX + 1];
	char new_order[HTTP_URL_MAX + 1];
	char revoke_cert[HTTP_URL_MAX + 1]; /* "" where the CA has none, as for the two below */
	char key_change[HTTP_URL_MAX + 1];
	char renewal_info[HTTP_URL_MAX + 1]; /* RFC 9773 */
	char terms_of_service[HTTP_URL_MAX + 1]; /* for people; never asked. "" for none */
	bool external_account_required;
	struct strv caa_identities; /* the CA's names in CAA records, RFC 8659 */
	struct strv profiles; /* names of "profiles" in "meta" */
};

#define ACME_DIRECTORY \
	((struct acme_directory){ .profiles = STRV(ACME_PROFILES_MAX), .caa_identities = STRV(ACME_CAA_IDENTITIES_MAX) })

void acme_directory_done(struct acme_directory *directory);

/* Reads a directory that came from directory_url. Every URL in it that is ever asked is one that acme_url_check() permits. ret is
 * ACME_DIRECTORY before; written only on success. ERROR_PROTOCOL names the field. */
int acme_directory_parse(const char *data, size_t len, const char *directory_url, struct acme_directory *ret,
                         struct error *err);

/* Whether the profile is one that the directory offers; NULL always is. An ERROR_REFUSED names those that are offered. */
int acme_directory_check_profile(const struct acme_directory *directory, const char *profile, struct error *err);

#endif
