/* fuzz_http_headers.c: header lines of a CA: Link, Retry-After, Replay-Nonce, Location, Content-Type. */
#include "http/header.h"
#include "http/http.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_printable(const char *text, const char *also)
{
	for (; *text; text++)
		check((*text > ' ' && *text < 0x7f) || strchr(also, *text));
}

static void check_link(const char *link)
{
	size_t rel_len = strcspn(link, " ");

	check(rel_len > 0 && link[rel_len] == ' ' && link[rel_len + 1] != '\0');
	check(strlen(link + rel_len + 1) <= HTTP_URL_MAX);
	check_printable(link + rel_len + 1, "");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int64_t now_at = 1795441200, ten_years = INT64_C(10) * 366 * 86400;
	const struct http_request request = { .url = "https://ca.example/" };
	const char *at = (const char *)data, *end = at + size;
	struct http_exchange x;
	int64_t retry_at;

	http_exchange_init(&x, &request);
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t len = newline ? (size_t)(newline - at) + 1 : (size_t)(end - at);

		http_header_add(&x.response, at, len);
		at += len;
	}
	check(strspn(x.response.replay_nonce, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
	      strlen(x.response.replay_nonce));
	check_printable(x.response.location, "");
	check(strlen(x.response.location) <= HTTP_URL_MAX);
	check(!strchr(x.response.content_type, ';'));
	check(x.response.links.count <= HTTP_LINKS_MAX && !x.response.links.failed);
	for (size_t i = 0; i < x.response.links.count; i++)
		check_link(x.response.links.items[i]);
	retry_at = http_retry_after(&x.response, now_at);
	check(retry_at == 0 || (retry_at > now_at && retry_at <= now_at + ten_years));
	http_exchange_done(&x);
	return 0;
}
