/* transfer.h: one exchange on its way through libcurl. Inside of the room http.
 *
 * Owns the easy handle and what it points to. Knows nothing of the others that are under way: the multi handle is the client's.
 */
#ifndef CERTD_HTTP_TRANSFER_H
#define CERTD_HTTP_TRANSFER_H

#include "http/http.h"

#include <curl/curl.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_trust {
	bool by_directory; /* ask the system's directory of hashed certificates one by one, do not load the whole bundle */
	char *pem; /* or NULL for the system's trust anchors */
	size_t pem_len;
};

/* Why our side ended a transfer that libcurl would have gone on with. */
enum http_stop { HTTP_STOP_NONE, HTTP_STOP_HEADERS, HTTP_STOP_BODY, HTTP_STOP_CUT, HTTP_STOP_IDLE, HTTP_STOP_MEMORY };

struct http_transfer {
	struct http_exchange *exchange;
	const struct http_trust *trust; /* borrowed */
	const char *user_agent; /* borrowed */
	CURL *easy; /* NULL when not under way */
	struct curl_slist *headers;
	struct curl_slist *connect_to;
	char text[CURL_ERROR_SIZE]; /* libcurl's own words */
	enum http_stop stop;
	size_t header_octets;
	unsigned int redirects;
	int64_t started_at_ms; /* monotonic, of the first hop */
	int64_t hop_at_ms; /* of this hop */
	int64_t octet_at_ms; /* when the last octet came, or the connection stood */
	bool connected;
	bool by_directory; /* how the trust anchors of this hop are read */
};

/* Makes the easy handle for response.final_url. connection_age_max_s: 0, or how old a connection may be to be used again. -1: the
 * exchange has its error. */
int http_transfer_prepare(struct http_transfer *t, int64_t now_ms, int64_t connection_age_max_s);

/* Whether nothing came for longer than the limit; marks the transfer. */
bool http_transfer_idle(struct http_transfer *t, int64_t now_ms);

/* Takes libcurl's result over into the exchange, and frees the easy handle. True when the exchange goes on with another hop: final_url
 * is the next one and http_transfer_prepare() is to be called again. */
bool http_transfer_finish(struct http_transfer *t, CURLcode code, int64_t now_ms);

void http_transfer_done(struct http_transfer *t);

/* Fills the exchange's error with what went wrong. Before the easy handle is freed. */
void http_transfer_explain(struct http_transfer *t, CURLcode code, int64_t now_ms);

#endif
