#include "tls/websocket.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/text.h"
#include "tls/link.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { KEY_OCTETS = 16, REQUEST_MAX = 4096, BLOCK = 4096, PORT_HTTPS = 443, FIRST_OCTETS = 40 };

/* RFC 6455 section 1.3. */
static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

bool tls_websocket_works(const struct tls_websocket_seen *seen)
{
	return seen->status == 101 && seen->upgrade && seen->connection && seen->accept;
}

void tls_websocket_accept(const char *key, char out[static TLS_WEBSOCKET_ACCEPT_SIZE])
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned int hash_len = 0;
	char text[TLS_WEBSOCKET_KEY_SIZE + sizeof(guid)];
	int len = snprintf(text, sizeof(text), "%.*s%s", TLS_WEBSOCKET_KEY_SIZE - 1, key, guid);

	out[0] = '\0';
	if (EVP_Digest(text, (size_t)len, hash, &hash_len, EVP_sha1(), NULL) == 1 && hash_len == 20)
		(void)EVP_EncodeBlock((unsigned char *)out, hash, (int)hash_len);
}

/* A piece of data as text. */
static void take(const char *from, size_t len, char *out, size_t size)
{
	while (len > 0 && (from[len - 1] == ' ' || from[len - 1] == '\t' || from[len - 1] == '\r'))
		len--;
	while (len > 0 && (*from == ' ' || *from == '\t')) {
		from++;
		len--;
	}
	if (len >= size)
		len = size - 1;
	memcpy(out, from, len);
	out[len] = '\0';
}

/* Whether the comma-separated list has this token, in any case. */
static bool has_token(const char *list, const char *token)
{
	size_t wanted = strlen(token);

	for (const char *at = list; *at;) {
		size_t len;

		at += strspn(at, " \t,");
		len = strcspn(at, " \t,");
		if (len == wanted && strncasecmp(at, token, len) == 0)
			return true;
		at += len;
	}
	return false;
}

static void read_header(const char *line, size_t len, const char *key, struct tls_websocket_seen *seen)
{
	const char *colon = memchr(line, ':', len);
	char name[32], value[sizeof(seen->location)];
	char accept[TLS_WEBSOCKET_ACCEPT_SIZE];

	if (!colon || (size_t)(colon - line) >= sizeof(name))
		return;
	take(line, (size_t)(colon - line), name, sizeof(name));
	take(colon + 1, len - (size_t)(colon - line) - 1, value, sizeof(value));
	if (text_equal_nocase(name, "upgrade")) {
		seen->upgrade = seen->upgrade || has_token(value, "websocket");
	} else if (text_equal_nocase(name, "connection")) {
		seen->connection = seen->connection || has_token(value, "upgrade");
	} else if (text_equal_nocase(name, "sec-websocket-accept")) {
		tls_websocket_accept(key, accept);
		seen->accept = !seen->accept_present && accept[0] != '\0' && text_equal(value, accept);
		seen->accept_present = true;
	} else if (text_equal_nocase(name, "location")) {
		(void)text_copy(seen->location, sizeof(seen->location), value);
		text_clean(seen->location);
	} else if (text_equal_nocase(name, "server")) {
		(void)text_copy(seen->server, sizeof(seen->server), value);
		text_clean(seen->server);
	}
}

/* "HTTP/1.1 101 Switching Protocols" */
static bool read_status(const char *line, size_t len, struct tls_websocket_seen *seen)
{
	if (len < 12 || memcmp(line, "HTTP/1.", 7) != 0 || line[8] != ' ' || (len > 12 && line[12] != ' ' && line[12] != '\r'))
		return false;
	for (size_t i = 9; i < 12; i++) {
		if (line[i] < '0' || line[i] > '9')
			return false;
		seen->status = seen->status * 10 + (line[i] - '0');
	}
	take(line + 12, len - 12, seen->reason, sizeof(seen->reason));
	text_clean(seen->reason);
	return seen->status >= 100;
}

static int no_http(const char *data, size_t len, struct error *err)
{
	char first[FIRST_OCTETS + 1];

	take(data, len < FIRST_OCTETS ? len : FIRST_OCTETS, first, sizeof(first));
	text_clean(first);
	return error_set(err, ERROR_DEPLOY, "the answer is no HTTP: \"%s\"", first);
}

int tls_websocket_parse(const char *data, size_t len, const char *key, struct tls_websocket_seen *ret, struct error *err)
{
	struct tls_websocket_seen seen = { .status = 0 };
	const char *at = data, *end = data + len;
	bool first = true;

	for (;;) {
		const char *newline = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
		size_t line_len;

		if (!newline && first && len >= 5 && memcmp(data, "HTTP/", 5) != 0)
			return no_http(data, len, err);
		if (!newline)
			return len >= TLS_WEBSOCKET_HEAD_MAX ?
				       error_set(err, ERROR_DEPLOY, "the head of the answer is longer than %d octets", TLS_WEBSOCKET_HEAD_MAX) :
				       TLS_WEBSOCKET_MORE;
		line_len = (size_t)(newline - at);
		if (first && !read_status(at, line_len, &seen))
			return no_http(data, len, err);
		if (!first && (line_len == 0 || (line_len == 1 && *at == '\r')))
			break;
		if (!first)
			read_header(at, line_len, key, &seen);
		first = false;
		at = newline + 1;
	}
	*ret = seen;
	return 0;
}

static int make_request(const struct tls_websocket *websocket, const char *key, struct buf *out, struct error *err)
{
	const char *name = websocket->probe.server_name;
	char port[16] = "";

	if (websocket->probe.port != PORT_HTTPS)
		(void)snprintf(port, sizeof(port), ":%u", websocket->probe.port);
	(void)buf_printf(out,
	                 "GET %s HTTP/1.1\r\nHost: %s%s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
	                 "Sec-WebSocket-Version: 13\r\nOrigin: https://%s%s\r\nUser-Agent: certd/" PACKAGE_VERSION "\r\n\r\n",
	                 websocket->path, name, port, key, name, port);
	return buf_check(out, "the request of a websocket", err);
}

static int read_answer(struct tls_link *link, const char *key, struct tls_websocket_seen *ret, struct error *err)
{
	CLEANUP(buf_done) struct buf head = BUF(TLS_WEBSOCKET_HEAD_MAX + BLOCK);
	int r;

	do {
		char block[BLOCK];
		size_t len;

		if (tls_link_read(link, block, sizeof(block), &len, err) < 0)
			return -1;
		if (len == 0)
			return error_set(err, ERROR_DEPLOY, "%s: the server closed the connection in the middle of its answer", link->where);
		if (buf_append(&head, block, len) < 0)
			return buf_check(&head, "the head of the answer", err);
		r = tls_websocket_parse(head.data, head.len, key, ret, err);
	} while (r == TLS_WEBSOCKET_MORE);
	return r < 0 ? error_context(err, "%s", link->where) : 0;
}

int tls_websocket_probe(const struct tls_websocket *websocket, struct tls_websocket_seen *ret, struct error *err)
{
	/* A close frame (section 5.5.1) of a client: masked, as all it sends, and empty. */
	static const unsigned char farewell[] = { 0x88, 0x80, 0, 0, 0, 0 };
	CLEANUP(tls_link_close) struct tls_link link = { .fd = -1 };
	CLEANUP(buf_done) struct buf request = BUF(REQUEST_MAX);
	unsigned char octets[KEY_OCTETS];
	char key[TLS_WEBSOCKET_KEY_SIZE];
	struct tls_websocket_seen seen = { .status = 0 };
	struct error ignored;

	if (RAND_bytes(octets, sizeof(octets)) != 1)
		return error_set(err, ERROR_INTERNAL, "OpenSSL has no random numbers");
	(void)EVP_EncodeBlock((unsigned char *)key, octets, sizeof(octets));
	if (make_request(websocket, key, &request, err) < 0 || tls_link_open(&link, &websocket->probe, err) < 0 ||
	    tls_link_write(&link, request.data, request.len, err) < 0 || read_answer(&link, key, &seen, err) < 0)
		return -1;
	if (seen.status == 101)
		(void)tls_link_write(&link, farewell, sizeof(farewell), &ignored);
	*ret = seen;
	return 0;
}
