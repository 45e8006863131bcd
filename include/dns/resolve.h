/* resolve.h: addresses of names, as the world (and so the CA) sees them. */
#ifndef CERTD_DNS_RESOLVE_H
#define CERTD_DNS_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

enum { DNS_ADDRESSES_MAX = 8, DNS_ADDRESS_SIZE = 46 };

enum dns_result {
	DNS_FOUND, /* addresses_count > 0 */
	DNS_NXDOMAIN, /* the name does not exist */
	DNS_NODATA, /* the name exists and has no A or AAAA record */
	DNS_BOGUS, /* DNSSEC says that the answer is forged or the zone is broken */
	DNS_FAILED, /* no answer, or SERVFAIL: see reason */
};

struct dns_host {
	const char *name; /* asked for; borrowed */
	enum dns_result result;
	char canonical[256]; /* where CNAMEs led, whether or not there is an address; or "" */
	char addresses[DNS_ADDRESSES_MAX][DNS_ADDRESS_SIZE]; /* AAAA first, then A: the order in which a CA tries them */
	size_t addresses_count;
	bool secure; /* DNSSEC proves the addresses; false also without a trust anchor */
	char reason[256]; /* DNS_BOGUS and DNS_FAILED; with DNS_FOUND, what went wrong with the other kind of address, or "" */
};

struct dns_config {
	const char *resolver; /* "ADDRESS[@PORT]" to ask; NULL for those of /etc/resolv.conf */
	bool recurse; /* without a resolver: ask the root's servers and those that answer for each zone, in place of /etc/resolv.conf's */
	const char *trust_anchor; /* file with the root's DNSSEC key, or NULL for none */
	int64_t timeout_ms; /* for all together */
};

/* Looks up A and AAAA of all hosts side by side. 0 with each host's result filled; -1 when nothing could be asked. */
int dns_resolve_all(const struct dns_config *config, struct dns_host *hosts, size_t count, struct error *err);

const char *dns_result_name(enum dns_result result);

#endif
