/* caa.h: CAA records and what they permit: RFC 8659 with the parameters of RFC 8657. Pure: asks nobody.
 *
 * The set that counts for a name is the first that is not empty of those of the name itself, its parent, and so on up to the top-level
 * domain; for a wildcard the climb begins at the name behind "*.". Whoever asks DNS follows CNAMEs at each step.
 */
#ifndef CERTD_DNS_CAA_H
#define CERTD_DNS_CAA_H

#include <stdbool.h>
#include <stddef.h>

enum {
	DNS_CAA_TAG_SIZE = 32,
	DNS_CAA_VALUE_SIZE = 512,
	DNS_CAA_RECORDS_MAX = 64, /* of one set; the rest is not looked at */
	DNS_CAA_WHY_SIZE = 512,
};

struct dns_caa {
	bool critical;
	char tag[DNS_CAA_TAG_SIZE];
	char value[DNS_CAA_VALUE_SIZE];
};

enum dns_caa_verdict {
	DNS_CAA_UNRESTRICTED, /* no set, or one that does not speak of this kind of certificate: every CA may issue */
	DNS_CAA_PERMITTED,
	DNS_CAA_DEPENDS, /* on what is not known: the account's URL or the challenge's type; `why` says on which */
	DNS_CAA_FORBIDDEN,
};

struct dns_caa_query {
	const char *const *issuers; /* the CA's names in CAA records, NULL-terminated */
	const char *account_url; /* or NULL: not known */
	const char *method; /* "http-01"; or NULL: not known */
	bool wildcard;
};

struct dns_caa_answer {
	enum dns_caa_verdict verdict;
	char why[DNS_CAA_WHY_SIZE]; /* what the deciding record says; "" for DNS_CAA_UNRESTRICTED without a record */
};

/* A record as it stands on the wire. One that cannot be read (no tag, a NUL in it, too long) becomes what it is to a CA: a critical property
 * that it does not know. */
void dns_caa_parse(const void *data, size_t len, struct dns_caa *ret);

/* What one set, the one that counts, says. */
void dns_caa_judge(const struct dns_caa *records, size_t count, const struct dns_caa_query *query,
                   struct dns_caa_answer *ret);

/* The name to ask after `name`: one label shorter; NULL behind the top-level domain. Borrowed from name. */
const char *dns_caa_parent(const char *name);

const char *dns_caa_verdict_name(enum dns_caa_verdict verdict); /* "permitted", ... */

#endif
