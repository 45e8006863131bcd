#include "acme/url.h"

#include "base/error.h"
#include "base/text.h"
#include "http/http.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

enum { ORIGIN_SIZE = 300 };

const char *acme_url_host(const char *url, char *ret, size_t size)
{
	char origin[ORIGIN_SIZE];
	char *host, *end;

	ret[0] = '\0';
	if (http_url_origin(url, origin, sizeof(origin)) != 0)
		return ret;
	host = strstr(origin, "://");
	if (host == NULL)
		return ret;
	host += strlen("://");
	/* The origin always has a port. */
	end = strrchr(host, ':');
	if (end != NULL)
		*end = '\0';
	text_copy(ret, size, host);
	return ret;
}

static bool is_local_ipv4(uint32_t address)
{
	return address >> 24 == 127 || address >> 24 == 0 || address >> 16 == 0xa9fe;
}

static bool is_local_ipv6(const struct in6_addr *address)
{
	const unsigned char *b = address->s6_addr;
	uint32_t low = (uint32_t)b[12] << 24 | (uint32_t)b[13] << 16 | (uint32_t)b[14] << 8 | b[15];

	if (IN6_IS_ADDR_LOOPBACK(address) || IN6_IS_ADDR_UNSPECIFIED(address) || IN6_IS_ADDR_LINKLOCAL(address))
		return true;
	return (IN6_IS_ADDR_V4MAPPED(address) || IN6_IS_ADDR_V4COMPAT(address)) && is_local_ipv4(low);
}

static bool is_local_host(const char *bracketed)
{
	char host[ORIGIN_SIZE];
	struct in6_addr v6;
	struct in_addr v4;
	size_t len;

	text_copy(host, sizeof(host), bracketed);
	len = strlen(host);
	if (host[0] == '[' && len > 2) {
		host[len - 1] = '\0';
		return inet_pton(AF_INET6, host + 1, &v6) == 1 && is_local_ipv6(&v6);
	}
	if (len > 0 && host[len - 1] == '.')
		host[--len] = '\0';
	if (text_equal(host, "localhost") || text_has_suffix(host, ".localhost"))
		return true;
	/* inet_aton() and not inet_pton(): it reads "127.1", "0x7f000001" and "2130706433" as resolvers do. */
	return inet_aton(host, &v4) == 1 && is_local_ipv4(ntohl(v4.s_addr));
}

int acme_url_check(const char *url, const char *directory_url, const char *what, struct error *err)
{
	char host[ORIGIN_SIZE], directory_host[ORIGIN_SIZE];

	if (http_url_check(url, false, what, err) != 0)
		return -1;
	acme_url_host(url, host, sizeof(host));
	if (is_local_host(host) && !is_local_host(acme_url_host(directory_url, directory_host, sizeof(directory_host))))
		return error_set(err, ERROR_PROTOCOL,
		                 "%s: the URL \"%.200s\" is refused: it leads to this machine or its link, and the CA is at %s",
		                 what, url, directory_host);
	return 0;
}
