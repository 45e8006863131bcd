/* tls_server.c: see tls_server.h. */
#include "tls_server.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define NEED(condition) need((condition), #condition, __LINE__)

static void need(bool done, const char *what, int line)
{
	if (done)
		return;
	(void)fprintf(stderr, "tls_server.c:%d: %s\n", line, what);
	abort();
}

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	NEED(extension && X509_add_ext(cert, extension, -1) == 1);
	X509_EXTENSION_free(extension);
}

void identity_make(struct identity *ret, const char *name, const char *san, const struct identity *issuer, bool rsa,
                   long from_s, long until_s)
{
	static long serial = 0x1000;
	X509_NAME *subject;

	ret->issuer = issuer;
	ret->key = rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
	ret->cert = X509_new();
	NEED(ret->key && ret->cert);
	subject = X509_get_subject_name(ret->cert);
	NEED(X509_set_version(ret->cert, 2) == 1);
	NEED(ASN1_INTEGER_set(X509_get_serialNumber(ret->cert), serial++) == 1);
	NEED(X509_gmtime_adj(X509_getm_notBefore(ret->cert), from_s) != NULL);
	NEED(X509_gmtime_adj(X509_getm_notAfter(ret->cert), until_s) != NULL);
	NEED(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0) == 1);
	NEED(X509_set_issuer_name(ret->cert, issuer ? X509_get_subject_name(issuer->cert) : subject) == 1);
	NEED(X509_set_pubkey(ret->cert, ret->key) == 1);
	add_extension(ret->cert, issuer ? issuer->cert : ret->cert, NID_basic_constraints, san ? "CA:FALSE" : "critical,CA:TRUE");
	if (san)
		add_extension(ret->cert, ret->cert, NID_subject_alt_name, san);
	NEED(X509_sign(ret->cert, issuer ? issuer->key : ret->key, EVP_sha256()) > 0);
}

void identity_done(struct identity *identity)
{
	EVP_PKEY_free(identity->key);
	X509_free(identity->cert);
	*identity = (struct identity){ 0 };
}

char *identity_pem(const struct identity *identity)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data, *pem;
	long len;

	NEED(bio && PEM_write_bio_X509(bio, identity->cert) == 1);
	len = BIO_get_mem_data(bio, &data);
	pem = strndup(data, (size_t)len);
	NEED(pem != NULL);
	BIO_free(bio);
	return pem;
}

/* A descriptor, or -1. */
static int listen_at(const char *host, uint16_t port, uint16_t *ret_port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

	NEED(fd >= 0 && inet_pton(AF_INET, host, &address.sin_addr) == 1);
	NEED(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 128) < 0) {
		(void)close(fd);
		return -1;
	}
	NEED(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
	*ret_port = ntohs(address.sin_port);
	return fd;
}

int listen_loopback(uint16_t *ret_port)
{
	int fd = listen_at("127.0.0.1", 0, ret_port);

	NEED(fd >= 0);
	return fd;
}

uint16_t closed_port(void)
{
	uint16_t port;
	int fd = listen_loopback(&port);

	(void)close(fd);
	return port;
}

static int on_server_name(SSL *ssl, int *alert, void *data)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	if (name && strcmp(name, data) == 0)
		return SSL_TLSEXT_ERR_OK;
	*alert = SSL_AD_UNRECOGNIZED_NAME;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static SSL_CTX *make_context(const struct server_config *config)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	char *name;

	NEED(context != NULL);
	NEED(SSL_CTX_set_min_proto_version(context, config->protocol_min) == 1);
	NEED(SSL_CTX_set_max_proto_version(context, config->protocol_max) == 1);
	if (config->protocol_max && config->protocol_max < TLS1_2_VERSION)
		NEED(SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0") == 1);
	for (size_t i = 0; i < 2 && config->identities[i]; i++) {
		const struct identity *identity = config->identities[i];

		NEED(SSL_CTX_use_certificate(context, identity->cert) == 1);
		NEED(SSL_CTX_use_PrivateKey(context, identity->key) == 1);
		for (const struct identity *up = identity->issuer; up && up->issuer; up = up->issuer)
			NEED(SSL_CTX_add1_chain_cert(context, up->cert) == 1);
	}
	if (config->only_name) {
		name = strdup(config->only_name);
		NEED(name && SSL_CTX_set_tlsext_servername_callback(context, on_server_name) == 1);
		NEED(SSL_CTX_set_tlsext_servername_arg(context, name) == 1);
	}
	return context;
}

static void serve_connection(const struct server_config *config, SSL_CTX *context, struct peer *peer)
{
	if (config->mute) {
		peer_wait(peer);
		return;
	}
	if (context) {
		peer->ssl = SSL_new(context);
		NEED(peer->ssl && SSL_set_fd(peer->ssl, peer->fd) == 1);
		if (SSL_accept(peer->ssl) != 1) {
			peer_wait(peer); /* the alert has to arrive before a reset does */
			return;
		}
		(void)__atomic_add_fetch(&peer->counts->handshakes, 1, __ATOMIC_SEQ_CST);
	}
	if (config->serve)
		config->serve(peer);
	if (peer->ssl)
		(void)SSL_shutdown(peer->ssl);
}

static void accept_connections(const struct server_config *config, int fd, struct server_counts *counts)
{
	SSL_CTX *context = config->identities[0] ? make_context(config) : NULL;

	(void)signal(SIGCHLD, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	for (;;) {
		struct peer peer = { .counts = counts, .fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC) };
		pid_t parent = getpid();

		if (peer.fd < 0)
			continue;
		peer.connection = __atomic_add_fetch(&counts->connections, 1, __ATOMIC_SEQ_CST);
		if (fork() == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (getppid() != parent)
				_exit(0);
			(void)close(fd);
			serve_connection(config, context, &peer);
			_exit(0);
		}
		(void)close(peer.fd);
	}
}

bool server_start_at(struct server *ret, const struct server_config *config)
{
	pid_t parent = getpid();
	int fd = listen_at(config->address ? config->address : "127.0.0.1", config->port, &ret->port);

	if (fd < 0)
		return false;
	ret->counts = mmap(NULL, sizeof(*ret->counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	NEED(ret->counts != MAP_FAILED);
	ret->pid = fork();
	NEED(ret->pid >= 0);
	if (ret->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(0);
		accept_connections(config, fd, ret->counts);
		_exit(0);
	}
	(void)close(fd);
	return true;
}

void server_start(struct server *ret, const struct server_config *config)
{
	NEED(server_start_at(ret, config));
}

void server_stop(struct server *server)
{
	(void)kill(server->pid, SIGKILL);
	(void)waitpid(server->pid, NULL, 0);
	(void)munmap(server->counts, sizeof(*server->counts));
}

size_t peer_read(struct peer *peer, void *out, size_t size)
{
	ssize_t n = peer->ssl ? SSL_read(peer->ssl, out, (int)size) : read(peer->fd, out, size);

	return n > 0 ? (size_t)n : 0;
}

bool peer_write(struct peer *peer, const void *data, size_t len)
{
	const char *at = data;

	while (len > 0) {
		ssize_t n = peer->ssl ? SSL_write(peer->ssl, at, (int)len) : write(peer->fd, at, len);

		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

bool peer_say(struct peer *peer, const char *text)
{
	return peer_write(peer, text, strlen(text));
}

void peer_wait(struct peer *peer)
{
	char scrap[4096];

	while (read(peer->fd, scrap, sizeof(scrap)) > 0)
		continue;
}
