/* http.h: requests and answers, behind an interface whose one method sends several requests at once.
 *
 * What an answer may cost is part of each request: octets of body and headers, time to connect, silence, total time.
 * An exchange is plain data of the caller's; the answer's memory belongs to the exchange (http_exchange_done()).
 */
#ifndef CERTD_HTTP_HTTP_H
#define CERTD_HTTP_HTTP_H

#include "base/buf.h"
#include "base/error.h"
#include "base/strv.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST };

enum {
	HTTP_URL_MAX = 2048,
	HTTP_HEADERS_MAX = 64 * 1024, /* octets of all headers of one answer */
	HTTP_BODY_MAX = 1024 * 1024, /* the most any request may ask for */
	HTTP_LINKS_MAX = 16,
};

struct http_limits {
	int64_t connect_ms; /* TCP and TLS */
	int64_t idle_ms; /* no octet received */
	int64_t total_ms;
	size_t body_max; /* octets */
};

struct http_request {
	enum http_method method;
	const char *url; /* borrowed */
	const char *content_type; /* with a body; borrowed */
	const char *body; /* borrowed */
	size_t body_len;
	bool https_only; /* anything but https:// is refused before a connection is made */
	unsigned int redirects_max; /* 0: a 3xx is an answer like any other. Never more than 10, only to http and https on 80 and 443 or the request's own port */
	const char *connect_to; /* "ADDRESS:PORT" or "[ADDRESS]:PORT" in place of what the URL's host resolves to; or NULL */
	struct http_limits limits;
};

struct http_response {
	int status; /* 0 as long as there is no answer */
	char content_type[128]; /* lower case, without parameters */
	char location[HTTP_URL_MAX + 1]; /* a whole URL; "" when absent */
	char retry_after[128]; /* as sent; http_retry_after() reads it */
	char replay_nonce[512]; /* "" when absent or not base64url */
	char date[64];
	struct strv links; /* "REL URL", one for each relation of each Link; REL in lower case, URL whole */
	char final_url[HTTP_URL_MAX + 1]; /* after redirects */
	char peer[64]; /* the address that answered */
	struct buf body;
	bool cut; /* more than limits.body_max came (an error for https_only requests; a probe keeps what fits) */
};

/* What kind of thing kept an answer from coming, for callers who do different things then. */
enum http_failure {
	HTTP_FAILURE_NONE, /* none, or none of these */
	HTTP_FAILURE_NAME, /* the host's name could not be resolved */
	HTTP_FAILURE_REFUSED, /* nobody takes connections there */
	HTTP_FAILURE_TIMEOUT,
};

struct http_exchange {
	struct http_request request;
	struct http_response response;
	int result; /* 0: an answer came, whatever its status; -1: error says why not */
	enum http_failure failure;
	struct error error;
};

/* Prepares an exchange: all zero but the request. */
void http_exchange_init(struct http_exchange *x, const struct http_request *request);
void http_exchange_done(struct http_exchange *x);

struct http_client {
	/* Performs all exchanges side by side and returns when each has its result. Negative only for what is no exchange's own fault. */
	int (*perform_all)(void *self, struct http_exchange *const *exchanges, size_t count, struct error *err);
	void (*free)(void *self);
	void *self;
};

int http_perform_all(const struct http_client *client, struct http_exchange *const *exchanges, size_t count,
                     struct error *err);
int http_perform(const struct http_client *client, struct http_exchange *exchange, struct error *err);

/* The value of the first Link with that relation, or NULL. Borrowed from the response. */
const char *http_response_link(const struct http_response *response, const char *rel);

/* Retry-After in both its forms (RFC 9110 section 10.2.3) as a wall time; clamped to [now + 1 s, now + 10 years]. 0 when absent or
 * unreadable. A date counts from the answer's own Date where it has one. Not libcurl's own reading, which caps silently. */
int64_t http_retry_after(const struct http_response *response, int64_t now_at);

/* A URL that may be contacted: scheme https (or also http where permitted), a host, no user info, no control character or space, a port
 * that is not 0, up to HTTP_URL_MAX. ERROR_PROTOCOL; `what` names the place it came from. */
int http_url_check(const char *url, bool http_permitted, const char *what, struct error *err);

/* "https://host:port", lower case, port always there, into ret. 0 or -1. */
int http_url_origin(const char *url, char *ret, size_t size);

/* Whether both URLs have the same scheme, host and port. */
bool http_url_same_origin(const char *a, const char *b);

#endif
