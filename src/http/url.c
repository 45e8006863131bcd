#include "http/http.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum { HOST_MAX = 253 };

struct url_parts {
	bool https;
	bool ipv6;
	char host[HOST_MAX + 1]; /* lower case, without brackets */
	unsigned int port;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* A host that the URL reader of libcurl could take for another one than we do would undo the comparison of origins,
 * so nothing beyond the letters of DNS names is a host here: no percent signs, no user info, no backslash. */
static bool is_host_char(char c)
{
	c = lower(c);
	return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_';
}

static const char *skip_scheme(const char *url, bool *ret_https)
{
	static const char https[] = "https://", http[] = "http://";
	size_t n = 0, m = 0;

	while (n < sizeof(https) - 1 && lower(url[n]) == https[n])
		n++;
	while (m < sizeof(http) - 1 && lower(url[m]) == http[m])
		m++;
	if (n == sizeof(https) - 1) {
		*ret_https = true;
		return url + n;
	}
	if (m == sizeof(http) - 1) {
		*ret_https = false;
		return url + m;
	}
	return NULL;
}

static const char *read_ipv6(const char *at, struct url_parts *ret, const char **ret_why)
{
	const char *end = strchr(at, ']');
	struct in6_addr address;
	size_t len;

	*ret_why = "its IPv6 address is not one";
	if (!end)
		return NULL;
	len = (size_t)(end - at) - 1;
	if (len >= INET6_ADDRSTRLEN)
		return NULL;
	for (size_t i = 0; i < len; i++)
		ret->host[i] = lower(at[1 + i]);
	ret->host[len] = '\0';
	ret->ipv6 = true;
	return inet_pton(AF_INET6, ret->host, &address) == 1 ? end + 1 : NULL;
}

static const char *read_host(const char *at, struct url_parts *ret, const char **ret_why)
{
	size_t len = 0;

	if (*at == '[')
		return read_ipv6(at, ret, ret_why);
	while (is_host_char(at[len])) {
		if (len >= HOST_MAX) {
			*ret_why = "its host is longer than a DNS name can be";
			return NULL;
		}
		ret->host[len] = lower(at[len]);
		len++;
	}
	ret->host[len] = '\0';
	*ret_why = "it has no host";
	return len > 0 ? at + len : NULL;
}

static const char *read_port(const char *at, struct url_parts *ret, const char **ret_why)
{
	unsigned int port = 0;
	size_t digits = 0;

	*ret_why = "its port is not a number from 1 to 65535";
	for (; digits < 6 && is_digit(at[digits]); digits++)
		port = port * 10 + (unsigned int)(at[digits] - '0');
	if (digits == 0 || port == 0 || port > 65535)
		return NULL;
	ret->port = port;
	return at + digits;
}

/* NULL, or why the text is no URL that may be contacted. */
static const char *parse(const char *url, struct url_parts *ret)
{
	const char *at, *why = NULL;

	*ret = (struct url_parts){ 0 };
	if (strnlen(url, HTTP_URL_MAX + 1) > HTTP_URL_MAX)
		return "it is too long";
	for (at = url; *at; at++)
		if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f)
			return "it holds a space, a control character or one that is not ASCII";
	at = skip_scheme(url, &ret->https);
	if (!at)
		return "it begins with neither https:// nor http://";
	if (memchr(at, '@', strcspn(at, "/?#")))
		return "it holds a user name";
	at = read_host(at, ret, &why);
	if (!at)
		return why;
	ret->port = ret->https ? 443 : 80;
	if (*at == ':') {
		at = read_port(at + 1, ret, &why);
		if (!at)
			return why;
	}
	if (*at != '\0' && *at != '/' && *at != '?' && *at != '#')
		return "its host holds a character that no host has";
	return NULL;
}

int http_url_check(const char *url, bool http_permitted, const char *what, struct error *err)
{
	struct url_parts parts;
	const char *why = parse(url, &parts);

	if (!why && !parts.https && !http_permitted)
		why = "it is not https";
	if (why)
		return error_set(err, ERROR_PROTOCOL, "%s: the URL \"%.200s\" is refused: %s", what, url, why);
	return 0;
}

int http_url_origin(const char *url, char *ret, size_t size)
{
	struct url_parts parts;
	char origin[sizeof("https://[]:65535") + HOST_MAX];

	if (parse(url, &parts))
		return -1;
	(void)snprintf(origin, sizeof(origin), "%s://%s%s%s:%u", parts.https ? "https" : "http", parts.ipv6 ? "[" : "",
	               parts.host, parts.ipv6 ? "]" : "", parts.port);
	if (strlen(origin) >= size)
		return -1;
	(void)text_copy(ret, size, origin);
	return 0;
}

bool http_url_same_origin(const char *a, const char *b)
{
	struct url_parts left, right;

	if (parse(a, &left) || parse(b, &right))
		return false;
	return left.https == right.https && left.port == right.port && left.ipv6 == right.ipv6 &&
	       text_equal(left.host, right.host);
}
