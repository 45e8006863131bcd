/* fuzz_http_url.c: URLs of a CA. What is accepted leads where libcurl, which will connect, takes it to lead. */
#include "http/http.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* libcurl writes addresses in a form of its own. */
static bool is_address(const char *host)
{
	struct in_addr address;

	return host[0] == '[' || inet_pton(AF_INET, host, &address) == 1;
}

static void compare_with_curl(const char *url, const char *origin)
{
	char *host = NULL, *port = NULL, *scheme = NULL, ours[300];
	CURLU *parts = curl_url();

	if (!parts)
		return;
	check(curl_url_set(parts, CURLUPART_URL, url, CURLU_PATH_AS_IS | CURLU_DISALLOW_USER) == CURLUE_OK);
	check(curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK);
	check(curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK);
	check(curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK);
	(void)snprintf(ours, sizeof(ours), "%s://%s:%s", scheme, host, port);
	check(is_address(host) || strcasecmp(ours, origin) == 0);
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(parts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *url = malloc(size + 1);
	char origin[300], again[300];
	struct error err;

	if (!url)
		return 0;
	memcpy(url, data, size);
	url[size] = '\0';
	if (http_url_check(url, true, "fuzz", &err) == 0) {
		check(strlen(url) <= HTTP_URL_MAX);
		check(http_url_origin(url, origin, sizeof(origin)) == 0);
		check(http_url_check(origin, true, "fuzz", &err) == 0);
		check(http_url_origin(origin, again, sizeof(again)) == 0 && text_equal(origin, again));
		check(http_url_same_origin(url, origin));
		check(text_has_prefix(origin, "https://") == (http_url_check(url, false, "fuzz", &err) == 0));
		compare_with_curl(url, origin);
	} else {
		check(http_url_origin(url, origin, sizeof(origin)) < 0);
		check(!http_url_same_origin(url, url));
	}
	free(url);
	return 0;
}
