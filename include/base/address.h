/* address.h: IP addresses: who can reach one, and which are this host's. */
#ifndef CERTD_BASE_ADDRESS_H
#define CERTD_BASE_ADDRESS_H

#include <stdbool.h>

struct strv;

enum { ADDRESS_TEXT_SIZE = 46 }; /* INET6_ADDRSTRLEN */

enum address_reach {
	ADDRESS_LOOPBACK, /* this host alone */
	ADDRESS_PRIVATE, /* a network that is not the internet: RFC 1918, RFC 4193, link-local, shared by a carrier (RFC 6598) */
	ADDRESS_RESERVED, /* nobody: documentation, multicast, benchmarks, what is not given out (IANA's special-purpose registries) */
	ADDRESS_PUBLIC,
};

/* Of an IPv4 or IPv6 literal. ADDRESS_RESERVED for a text that is none. */
enum address_reach address_reach(const char *address);

/* Words for it: "a loopback address", "a private address", ... */
const char *address_reach_name(enum address_reach reach);

/* Adds this host's addresses, in the form that idents have, but for the loopback's; as many as fit. */
void address_list_local(struct strv *out);

/* Whether one who connects to it comes to this host: it is in `local` (of address_list_local()), or a loopback address. */
bool address_is_local(const char *address, const struct strv *local);

#endif
