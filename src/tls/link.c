/* link.c: the connection and the handshake, and every way in which they fail, in words. */
#include "tls/link.h"

#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum {
	RECEIVED_MAX = 256 * 1024, /* octets that a server may send in all */
	NO_ALERT = -1,
};

static const struct {
	int alert;
	const char *words;
	const char *advice;
} alerts[] = {
	{ SSL_AD_UNRECOGNIZED_NAME, "unrecognized name: it serves no such name on this port",
	  "check server_name and listen of the NGINX server that is meant, and that it was reloaded" },
	{ SSL_AD_INTERNAL_ERROR, "internal error: it cannot use its certificate or key",
	  "see the error log of the server" },
	{ SSL_AD_PROTOCOL_VERSION, "protocol version: it offers neither TLS 1.2 nor TLS 1.3",
	  "check ssl_protocols of the server" },
	{ SSL_AD_NO_APPLICATION_PROTOCOL, "no application protocol: it does not serve http/1.1 on this port", NULL },
};

static int64_t now_ms(void)
{
	return clock_monotonic_ms(clock_system());
}

static int timed_out(const struct tls_link *h, const char *what, struct error *err)
{
	return error_set(err, ERROR_DEPLOY, "%s: %s within %lld ms", h->where, what, (long long)h->probe->timeout_ms);
}

/* 0 when the socket is ready, 1 when time is up. */
static int await(struct tls_link *h, short events, struct error *err)
{
	struct pollfd pfd = { .fd = h->fd, .events = events };

	for (;;) {
		int64_t left_ms = h->deadline_ms - now_ms();
		int r;

		if (left_ms <= 0)
			return 1;
		r = poll(&pfd, 1, left_ms < 60000 ? (int)left_ms : 60000);
		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return error_sys(err, errno, "%s: waiting for the connection", h->where);
	}
}

static bool make_address(const struct tls_probe *probe, struct sockaddr_storage *ret, socklen_t *ret_len)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(probe->port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(probe->port) };

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, probe->address, &v4.sin_addr) == 1) {
		memcpy(ret, &v4, sizeof(v4));
		*ret_len = sizeof(v4);
		return true;
	}
	if (inet_pton(AF_INET6, probe->address, &v6.sin6_addr) == 1) {
		memcpy(ret, &v6, sizeof(v6));
		*ret_len = sizeof(v6);
		return true;
	}
	return false;
}

static int connect_failed(const struct tls_link *h, int errnum, struct error *err)
{
	(void)error_set(err, ERROR_DEPLOY, "%s: cannot connect: %s", h->where, strerror(errnum));
	if (errnum == ECONNREFUSED)
		return error_advise(err, "check that the server runs and listens on port %u of that address", h->probe->port);
	return -1;
}

static int open_connection(struct tls_link *h, struct error *err)
{
	struct sockaddr_storage address;
	socklen_t len, errnum_len = sizeof(int);
	int r, errnum = 0;

	if (!make_address(h->probe, &address, &len))
		return error_set(err, ERROR_USAGE, "\"%.100s\" is no IP address to connect to", h->probe->address);
	h->fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (h->fd < 0)
		return error_sys(err, errno, "%s: no socket to be had", h->where);
	if (connect(h->fd, (const struct sockaddr *)&address, len) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return connect_failed(h, errno, err);
	r = await(h, POLLOUT, err);
	if (r != 0)
		return r > 0 ? timed_out(h, "no connection", err) : -1;
	if (getsockopt(h->fd, SOL_SOCKET, SO_ERROR, &errnum, &errnum_len) < 0)
		errnum = errno;
	return errnum != 0 ? connect_failed(h, errnum, err) : 0;
}

/* Restricts what the server may sign the handshake with, and so which of its certificates it can choose. */
static bool set_wish(SSL_CTX *context, enum tls_key_wish wish)
{
	switch (wish) {
	case TLS_KEY_ANY:
		return true;
	case TLS_KEY_ECDSA:
		return SSL_CTX_set1_sigalgs_list(context, "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512") == 1 &&
		       SSL_CTX_set_cipher_list(context, "ECDHE+aECDSA") == 1;
	case TLS_KEY_RSA:
		return SSL_CTX_set1_sigalgs_list(context, "RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:"
		                                          "RSA+SHA256:RSA+SHA384:RSA+SHA512") == 1 &&
		       SSL_CTX_set_cipher_list(context, "ECDHE+aRSA:kRSA") == 1;
	}
	return false;
}

static void on_state(const SSL *ssl, int where, int value)
{
	struct tls_link *h = SSL_get_app_data(ssl);

	if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && value >> 8 == SSL3_AL_FATAL)
		h->alert = value & 0xff;
}

/* Nothing is verified and no key is too weak: what is served is reported as it is. */
static int prepare(struct tls_link *h, struct error *err)
{
	static const unsigned char alpn[] = "\x08http/1.1";

	h->context = SSL_CTX_new(TLS_client_method());
	if (!h->context)
		return error_oom(err);
	SSL_CTX_set_verify(h->context, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_security_level(h->context, 0);
	(void)SSL_CTX_set_session_cache_mode(h->context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_info_callback(h->context, on_state);
	if (SSL_CTX_set_min_proto_version(h->context, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_max_proto_version(h->context, 0) != 1 || !set_wish(h->context, h->probe->key) ||
	    SSL_CTX_set_alpn_protos(h->context, alpn, sizeof(alpn) - 1) != 0)
		return error_set(err, ERROR_INTERNAL, "%s: OpenSSL cannot be set up for the probe", h->where);

	h->ssl = SSL_new(h->context);
	h->in = BIO_new(BIO_s_mem());
	h->out = BIO_new(BIO_s_mem());
	if (!h->ssl || !h->in || !h->out) {
		BIO_free(h->in);
		BIO_free(h->out);
		return error_oom(err);
	}
	(void)BIO_set_mem_eof_return(h->in, -1);
	SSL_set_bio(h->ssl, h->in, h->out);
	SSL_set_app_data(h->ssl, h);
	SSL_set_connect_state(h->ssl);
	if (h->probe->server_name && SSL_set_tlsext_host_name(h->ssl, h->probe->server_name) != 1)
		return error_set(err, ERROR_USAGE, "\"%.100s\" cannot be a server's name in TLS", h->probe->server_name);
	return 0;
}

/* The other end is done before we are. */
static int explain_close(const struct tls_link *h, struct error *err)
{
	(void)error_set(err, ERROR_DEPLOY, "%s: the server closed the connection %s", h->where,
	                h->open         ? "in the middle of its answer" :
	                h->received > 0 ? "in the middle of the TLS handshake" :
	                                  "without a word");
	return error_advise(err, "see the error log of the server");
}

static int explain_alert(const struct tls_link *h, struct error *err)
{
	const char *kind = h->probe->key == TLS_KEY_ECDSA ? " with an ECDSA key" : h->probe->key == TLS_KEY_RSA ? " with an RSA key" : "";

	if (h->alert == SSL_AD_HANDSHAKE_FAILURE) {
		(void)error_set(err, ERROR_DEPLOY,
		                "%s: the server ends the TLS handshake with the alert handshake failure: it has no certificate%s "
		                "that it can use for this name", h->where, kind);
		return error_advise(err, "check that ssl_certificate and ssl_certificate_key of the server belong together: NGINX "
		                         "does not see it when they are of different types");
	}
	for (size_t i = 0; i < ARRAY_SIZE(alerts); i++) {
		if (alerts[i].alert != h->alert)
			continue;
		(void)error_set(err, ERROR_DEPLOY, "%s: the server ends the TLS handshake with the alert %s", h->where,
		                alerts[i].words);
		return alerts[i].advice ? error_advise(err, "%s", alerts[i].advice) : -1;
	}
	return error_set(err, ERROR_DEPLOY, "%s: the server ends the TLS handshake with the alert %s (%d)", h->where,
	                 SSL_alert_desc_string_long(h->alert), h->alert);
}

static int explain_failure(const struct tls_link *h, struct error *err)
{
	unsigned long code = ERR_peek_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	if (h->alert != NO_ALERT)
		return explain_alert(h, err);
	if (h->received >= 5 && memcmp(h->first, "HTTP/", 5) == 0) {
		(void)error_set(err, ERROR_DEPLOY, "%s: port %u answers in plain http, not TLS", h->where, h->probe->port);
		return error_advise(err, "add `ssl` to the listen directive of this port in the server's configuration");
	}
	/* The types of TLS records go from 20 to 24. */
	if (h->received > 0 && (h->first[0] < 20 || h->first[0] > 24))
		return error_set(err, ERROR_DEPLOY, "%s: what answers on port %u does not speak TLS", h->where, h->probe->port);
	return error_set(err, ERROR_DEPLOY, "%s: the TLS handshake failed: %s", h->where, reason ? reason : "for no reason given");
}

static int flush(struct tls_link *h, struct error *err)
{
	char *data;
	long len = BIO_get_mem_data(h->out, &data);

	while (len > 0) {
		ssize_t n = send(h->fd, data, (size_t)len, MSG_NOSIGNAL);
		int r;

		if (n > 0) {
			data += n;
			len -= n;
			continue;
		}
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return error_set(err, ERROR_DEPLOY, "%s: the connection broke: %s", h->where,
			                 strerror(errno));
		r = await(h, POLLOUT, err);
		if (r != 0)
			return r > 0 ? timed_out(h, "no TLS handshake", err) : -1;
	}
	(void)BIO_reset(h->out);
	return 0;
}

/* Brings more octets of the server to OpenSSL. */
static int fill(struct tls_link *h, struct error *err)
{
	unsigned char octets[4096];
	ssize_t n;
	int r = await(h, POLLIN, err);

	if (r != 0)
		return r > 0 ? timed_out(h, h->open ? "no whole answer" : "no TLS handshake", err) : -1;
	n = recv(h->fd, octets, sizeof(octets), 0);
	if (n == 0)
		return explain_close(h, err);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0
		                                         : error_set(err, ERROR_DEPLOY,
		                                                     "%s: the connection broke: %s",
		                                                     h->where, strerror(errno));
	for (size_t i = 0; i < (size_t)n && h->received + i < sizeof(h->first); i++)
		h->first[h->received + i] = octets[i];
	h->received += (size_t)n;
	if (h->received > RECEIVED_MAX)
		return error_set(err, ERROR_DEPLOY, "%s: the server sends more than %d octets", h->where, RECEIVED_MAX);
	return BIO_write(h->in, octets, (int)n) == (int)n ? 0 : error_oom(err);
}

static int shake_hands(struct tls_link *h, struct error *err)
{
	for (;;) {
		struct error unsent;
		int r, flushed;

		ERR_clear_error();
		r = SSL_connect(h->ssl);
		if (r != 1 && SSL_get_error(h->ssl, r) != SSL_ERROR_WANT_READ) {
			(void)flush(h, &unsent); /* our alert, as a courtesy */
			return explain_failure(h, err);
		}
		flushed = flush(h, err);
		if (r == 1 || flushed < 0)
			return flushed;
		if (fill(h, err) < 0)
			return -1;
	}
}


int tls_link_open(struct tls_link *link, const struct tls_probe *probe, struct error *err)
{
	bool v6 = strchr(probe->address, ':') != NULL;

	*link = (struct tls_link){ .probe = probe, .fd = -1, .alert = NO_ALERT, .deadline_ms = now_ms() + probe->timeout_ms };
	(void)snprintf(link->where, sizeof(link->where), "%s%.100s%s:%u%s%.255s", v6 ? "[" : "", probe->address, v6 ? "]" : "",
	               probe->port, probe->server_name ? " asked for " : "", probe->server_name ? probe->server_name : "");
	if (open_connection(link, err) < 0 || prepare(link, err) < 0 || shake_hands(link, err) < 0)
		return -1;
	link->open = true;
	return 0;
}

int tls_link_write(struct tls_link *link, const void *data, size_t len, struct error *err)
{
	ERR_clear_error();
	if (len > INT_MAX || SSL_write(link->ssl, data, (int)len) != (int)len)
		return error_set(err, ERROR_DEPLOY, "%s: the connection cannot be written to", link->where);
	return flush(link, err);
}

int tls_link_read(struct tls_link *link, void *out, size_t size, size_t *ret_len, struct error *err)
{
	for (;;) {
		int r;

		ERR_clear_error();
		r = SSL_read(link->ssl, out, size > INT_MAX ? INT_MAX : (int)size);
		if (r > 0) {
			*ret_len = (size_t)r;
			return 0;
		}
		switch (SSL_get_error(link->ssl, r)) {
		case SSL_ERROR_ZERO_RETURN:
			*ret_len = 0;
			return 0;
		case SSL_ERROR_WANT_READ:
			if (flush(link, err) < 0 || fill(link, err) < 0)
				return -1;
			break;
		default:
			return explain_failure(link, err);
		}
	}
}

void tls_link_close(struct tls_link *link)
{
	struct error ignored;

	if (link->open) {
		(void)SSL_shutdown(link->ssl);
		(void)flush(link, &ignored); /* as a courtesy */
	}
	SSL_free(link->ssl);
	SSL_CTX_free(link->context);
	clean_fd(&link->fd);
	ERR_clear_error();
}
