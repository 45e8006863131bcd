#include "tls/probe.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum {
	WHERE_SIZE = 400,
	HANDSHAKE_MAX = 256 * 1024, /* octets that a server may send before it is done */
	NO_ALERT = -1,
};

/* OpenSSL works on memory; the socket is ours, so that no write can raise SIGPIPE and the first octets can be looked at. */
struct handshake {
	const struct tls_probe *probe;
	char where[WHERE_SIZE];
	int64_t deadline_ms;
	int fd;
	SSL_CTX *context;
	SSL *ssl;
	BIO *in; /* owned by ssl */
	BIO *out;
	unsigned char first[8]; /* octets of the server */
	size_t received;
	int alert; /* what the server sent, or NO_ALERT */
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

static int timed_out(const struct handshake *h, const char *what, struct error *err)
{
	return error_set(err, ERROR_DEPLOY, "%s: %s within %lld ms", h->where, what, (long long)h->probe->timeout_ms);
}

/* 0 when the socket is ready, 1 when time is up. */
static int await(struct handshake *h, short events, struct error *err)
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

static int connect_failed(const struct handshake *h, int errnum, struct error *err)
{
	(void)error_set(err, ERROR_DEPLOY, "%s: cannot connect: %s", h->where, strerror(errnum));
	if (errnum == ECONNREFUSED)
		return error_advise(err, "check that the server runs and listens on port %u of that address", h->probe->port);
	return -1;
}

static int open_connection(struct handshake *h, struct error *err)
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
	struct handshake *h = SSL_get_app_data(ssl);

	if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && value >> 8 == SSL3_AL_FATAL)
		h->alert = value & 0xff;
}

/* Nothing is verified and no key is too weak: what is served is reported as it is. */
static int prepare(struct handshake *h, struct error *err)
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

static int explain_close(const struct handshake *h, struct error *err)
{
	(void)error_set(err, ERROR_DEPLOY, "%s: the server closed the connection %s", h->where,
	                h->received > 0 ? "in the middle of the TLS handshake" : "without a word");
	return error_advise(err, "see the error log of the server");
}

static int explain_alert(const struct handshake *h, struct error *err)
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

static int explain_failure(const struct handshake *h, struct error *err)
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

static int flush(struct handshake *h, struct error *err)
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
			return error_set(err, ERROR_DEPLOY, "%s: the connection broke in the TLS handshake: %s", h->where,
			                 strerror(errno));
		r = await(h, POLLOUT, err);
		if (r != 0)
			return r > 0 ? timed_out(h, "no TLS handshake", err) : -1;
	}
	(void)BIO_reset(h->out);
	return 0;
}

/* Brings more octets of the server to OpenSSL. */
static int fill(struct handshake *h, struct error *err)
{
	unsigned char octets[4096];
	ssize_t n;
	int r = await(h, POLLIN, err);

	if (r != 0)
		return r > 0 ? timed_out(h, "no TLS handshake", err) : -1;
	n = recv(h->fd, octets, sizeof(octets), 0);
	if (n == 0)
		return explain_close(h, err);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0
		                                         : error_set(err, ERROR_DEPLOY,
		                                                     "%s: the connection broke in the TLS handshake: %s",
		                                                     h->where, strerror(errno));
	for (size_t i = 0; i < (size_t)n && h->received + i < sizeof(h->first); i++)
		h->first[h->received + i] = octets[i];
	h->received += (size_t)n;
	if (h->received > HANDSHAKE_MAX)
		return error_set(err, ERROR_DEPLOY, "%s: the TLS handshake is longer than %d octets", h->where, HANDSHAKE_MAX);
	return BIO_write(h->in, octets, (int)n) == (int)n ? 0 : error_oom(err);
}

static int shake_hands(struct handshake *h, struct error *err)
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

static void describe_group(SSL *ssl, char *out, size_t size)
{
	static const char *const names[][2] = {
		{ "x25519", "X25519" }, { "x448", "X448" },       { "secp256r1", "P-256" }, { "prime256v1", "P-256" },
		{ "secp384r1", "P-384" }, { "secp521r1", "P-521" },
	};
	long id = SSL_get_negotiated_group(ssl);
	const char *name = id != 0 ? SSL_group_to_name(ssl, (int)id) : NULL;

	for (size_t i = 0; name && i < ARRAY_SIZE(names); i++)
		if (text_equal(name, names[i][0]))
			name = names[i][1];
	(void)text_copy(out, size, name ? name : "");
}

static int parse_leaf(SSL *ssl, struct cert_chain **ret, struct error *err)
{
	X509 *leaf = SSL_get0_peer_certificate(ssl);
	BIO *pem = BIO_new(BIO_s_mem());
	char *data = NULL;
	long len = 0;
	int r;

	if (!pem) {
		r = error_oom(err);
	} else if (!leaf || PEM_write_bio_X509(pem, leaf) != 1) {
		r = error_set(err, ERROR_PROTOCOL, "there is none");
	} else {
		len = BIO_get_mem_data(pem, &data);
		r = cert_chain_parse(data, (size_t)len, ret, err);
	}
	BIO_free(pem);
	return r;
}

static int look_at_leaf(SSL *ssl, struct tls_seen *seen, struct error *err)
{
	CLEANUP(cert_chain_cleanup) struct cert_chain *leaf = NULL;
	CLEANUP(ident_list_done) struct ident_list idents = { 0 };
	struct cert_facts facts;
	struct error ignored;

	if (parse_leaf(ssl, &leaf, err) < 0 || cert_chain_facts(leaf, 0, &facts, err) < 0)
		return -1;
	(void)text_copy(seen->fingerprint, sizeof(seen->fingerprint), facts.fingerprint);
	(void)text_copy(seen->serial, sizeof(seen->serial), facts.serial);
	(void)text_copy(seen->issuer, sizeof(seen->issuer), facts.issuer);
	(void)text_copy(seen->subject, sizeof(seen->subject), facts.subject);
	seen->not_after_at = facts.not_after_at;
	if (cert_chain_idents(leaf, &idents, &ignored) < 0)
		return 0;
	for (size_t i = 0; i < idents.count; i++) {
		if (idents.items[i].type == IDENT_DNS) {
			(void)text_copy(seen->subject, sizeof(seen->subject), idents.items[i].value);
			break;
		}
	}
	return 0;
}

static int report(const struct handshake *h, struct tls_seen *ret, struct error *err)
{
	STACK_OF(X509) *chain = SSL_get_peer_cert_chain(h->ssl);
	struct tls_seen seen = { 0 };

	if (look_at_leaf(h->ssl, &seen, err) < 0) {
		err->kind = ERROR_DEPLOY;
		return error_context(err, "%s: the certificate that is served", h->where);
	}
	(void)text_copy(seen.protocol, sizeof(seen.protocol), SSL_get_version(h->ssl));
	describe_group(h->ssl, seen.group, sizeof(seen.group));
	seen.chain_count = chain ? (size_t)sk_X509_num(chain) : 0;
	*ret = seen;
	return 0;
}

static void handshake_done(struct handshake *h)
{
	SSL_free(h->ssl);
	SSL_CTX_free(h->context);
	clean_fd(&h->fd);
	ERR_clear_error();
}

int tls_probe(const struct tls_probe *probe, struct tls_seen *ret, struct error *err)
{
	CLEANUP(handshake_done) struct handshake h = {
		.probe = probe, .fd = -1, .alert = NO_ALERT, .deadline_ms = now_ms() + probe->timeout_ms
	};
	bool v6 = strchr(probe->address, ':') != NULL;
	struct error ignored;

	(void)snprintf(h.where, sizeof(h.where), "%s%.100s%s:%u%s%.255s", v6 ? "[" : "", probe->address, v6 ? "]" : "", probe->port,
	               probe->server_name ? " asked for " : "", probe->server_name ? probe->server_name : "");
	if (open_connection(&h, err) < 0 || prepare(&h, err) < 0 || shake_hands(&h, err) < 0 || report(&h, ret, err) < 0)
		return -1;
	(void)SSL_shutdown(h.ssl);
	(void)flush(&h, &ignored);
	return 0;
}
