#include "base/address.h"

#include "base/strv.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct block {
	unsigned char prefix[16];
	unsigned int bits;
	enum address_reach reach;
};

/* The first that fits counts. 192.0.0.0/24 and 2001::/23 have a few public addresses, none of which is a host's. */
static const struct block blocks_v4[] = {
	{ { 0 }, 8, ADDRESS_LOOPBACK }, /* 0.0.0.0 is this host */
	{ { 127 }, 8, ADDRESS_LOOPBACK },
	{ { 10 }, 8, ADDRESS_PRIVATE },
	{ { 100, 64 }, 10, ADDRESS_PRIVATE },
	{ { 169, 254 }, 16, ADDRESS_PRIVATE },
	{ { 172, 16 }, 12, ADDRESS_PRIVATE },
	{ { 192, 168 }, 16, ADDRESS_PRIVATE },
	{ { 192, 0, 0 }, 24, ADDRESS_RESERVED },
	{ { 192, 0, 2 }, 24, ADDRESS_RESERVED },
	{ { 192, 88, 99 }, 24, ADDRESS_RESERVED },
	{ { 198, 18 }, 15, ADDRESS_RESERVED },
	{ { 198, 51, 100 }, 24, ADDRESS_RESERVED },
	{ { 203, 0, 113 }, 24, ADDRESS_RESERVED },
	{ { 224 }, 3, ADDRESS_RESERVED },
	{ { 0 }, 0, ADDRESS_PUBLIC },
};

static const struct block blocks_v6[] = {
	{ { 0 }, 128, ADDRESS_LOOPBACK },
	{ { [15] = 1 }, 128, ADDRESS_LOOPBACK },
	{ { 0xfc }, 7, ADDRESS_PRIVATE },
	{ { 0xfe, 0x80 }, 10, ADDRESS_PRIVATE },
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 32, ADDRESS_RESERVED },
	{ { 0x20, 0x01 }, 23, ADDRESS_RESERVED },
	{ { 0x3f, 0xff }, 20, ADDRESS_RESERVED },
	{ { 0x20 }, 3, ADDRESS_PUBLIC },
	{ { 0 }, 0, ADDRESS_RESERVED },
};

static bool is_in(const unsigned char *address, const struct block *block)
{
	unsigned int whole = block->bits / 8, rest = block->bits % 8;

	if (memcmp(address, block->prefix, whole) != 0)
		return false;
	return rest == 0 || ((address[whole] ^ block->prefix[whole]) >> (8 - rest)) == 0;
}

static enum address_reach find(const unsigned char *address, const struct block *block)
{
	while (!is_in(address, block))
		block++;
	return block->reach;
}

enum address_reach address_reach(const char *address)
{
	struct in6_addr v6;
	unsigned char v4[4];

	if (inet_pton(AF_INET, address, v4) == 1)
		return find(v4, blocks_v4);
	if (inet_pton(AF_INET6, address, &v6) != 1)
		return ADDRESS_RESERVED;
	return IN6_IS_ADDR_V4MAPPED(&v6) ? find(&v6.s6_addr[12], blocks_v4) : find(v6.s6_addr, blocks_v6);
}

const char *address_reach_name(enum address_reach reach)
{
	switch (reach) {
	case ADDRESS_LOOPBACK:
		return "a loopback address";
	case ADDRESS_PRIVATE:
		return "a private address";
	case ADDRESS_RESERVED:
		return "a reserved address";
	case ADDRESS_PUBLIC:
		return "a public address";
	}
	return "an address";
}

void address_list_local(struct strv *out)
{
	struct ifaddrs *list = NULL;
	char text[ADDRESS_TEXT_SIZE];

	if (getifaddrs(&list) < 0)
		return;
	for (const struct ifaddrs *at = list; at != NULL && out->count < out->max; at = at->ifa_next) {
		const void *address;

		if (at->ifa_addr == NULL || (at->ifa_flags & IFF_LOOPBACK) != 0)
			continue;
		if (at->ifa_addr->sa_family == AF_INET)
			address = &((const struct sockaddr_in *)(const void *)at->ifa_addr)->sin_addr;
		else if (at->ifa_addr->sa_family == AF_INET6)
			address = &((const struct sockaddr_in6 *)(const void *)at->ifa_addr)->sin6_addr;
		else
			continue;
		if (inet_ntop(at->ifa_addr->sa_family, address, text, sizeof(text)) != NULL && !strv_contains(out, text))
			(void)strv_add(out, text);
	}
	freeifaddrs(list);
}

bool address_is_local(const char *address, const struct strv *local)
{
	return strv_contains(local, address) || address_reach(address) == ADDRESS_LOOPBACK;
}
