#include "tls/probe.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/text.h"
#include "crypto/cert.h"
#include "tls/link.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

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

static int parse_leaf(X509 *leaf, struct cert_chain **ret, struct error *err)
{
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

/* "a.example, b.example, ..." */
static void list_names(const struct ident_list *idents, char *out, size_t size)
{
	CLEANUP(buf_done) struct buf text = BUF(size - sizeof(", ..."));
	bool cut = false;

	for (size_t i = 0; i < idents->count && !cut; i++)
		cut = buf_printf(&text, "%s%s", i > 0 ? ", " : "", idents->items[i].value) < 0;
	(void)snprintf(out, size, "%s%s", buf_text(&text), cut ? ", ..." : "");
}

static int look_at_leaf(X509 *certificate, struct tls_seen *seen, struct error *err)
{
	CLEANUP(cert_chain_cleanup) struct cert_chain *leaf = NULL;
	CLEANUP(ident_list_done) struct ident_list idents = { 0 };
	struct cert_facts facts;
	struct error ignored;

	if (parse_leaf(certificate, &leaf, err) < 0 || cert_chain_facts(leaf, 0, &facts, err) < 0)
		return -1;
	(void)text_copy(seen->fingerprint, sizeof(seen->fingerprint), facts.fingerprint);
	(void)text_copy(seen->serial, sizeof(seen->serial), facts.serial);
	(void)text_copy(seen->issuer, sizeof(seen->issuer), facts.issuer);
	(void)text_copy(seen->subject, sizeof(seen->subject), facts.subject);
	seen->not_before_at = facts.not_before_at;
	seen->not_after_at = facts.not_after_at;
	seen->key = facts.key;
	if (cert_chain_idents(leaf, &idents, &ignored) < 0)
		return 0;
	list_names(&idents, seen->names, sizeof(seen->names));
	for (size_t i = 0; i < idents.count; i++) {
		if (idents.items[i].type == IDENT_DNS) {
			(void)text_copy(seen->subject, sizeof(seen->subject), idents.items[i].value);
			break;
		}
	}
	return 0;
}

static void look_at_chain(STACK_OF(X509) *chain, struct tls_seen *seen)
{
	seen->chain_count = chain ? (size_t)sk_X509_num(chain) : 0;
	for (int i = 0; i < (int)seen->chain_count && i < CERT_CHAIN_MAX; i++) {
		unsigned char *der = NULL;
		int len = i2d_X509(sk_X509_value(chain, i), &der);

		if (len > 0)
			cert_fingerprint(der, (size_t)len, seen->chain[i]);
		OPENSSL_free(der);
	}
}

/* As browsers do: subjectAltName only. */
static bool is_for(X509 *leaf, const struct tls_probe *probe)
{
	if (!probe->server_name)
		return X509_check_ip_asc(leaf, probe->address, 0) == 1;
	return X509_check_host(leaf, probe->server_name, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1;
}

/* Whether the chain that is served leads to a root of the system's trust store; dates are told apart. "" when it does. */
static void verify(X509 *leaf, STACK_OF(X509) *chain, char *out, size_t size)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	const char *reason = "OpenSSL cannot verify it";

	if (store && context && X509_STORE_set_default_paths(store) == 1 &&
	    X509_STORE_CTX_init(context, store, leaf, chain) == 1) {
		X509_STORE_CTX_set_flags(context, X509_V_FLAG_NO_CHECK_TIME);
		(void)X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_SERVER);
		reason = X509_verify_cert(context) == 1 ? "" : X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
	}
	(void)text_copy(out, size, reason);
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
}

static int report(const struct tls_link *link, struct tls_seen *ret, struct error *err)
{
	STACK_OF(X509) *chain = SSL_get_peer_cert_chain(link->ssl);
	X509 *leaf = SSL_get0_peer_certificate(link->ssl);
	struct tls_seen seen = { .key = "" };

	if (look_at_leaf(leaf, &seen, err) < 0) {
		err->kind = ERROR_DEPLOY;
		return error_context(err, "%s: the certificate that is served", link->where);
	}
	(void)text_copy(seen.protocol, sizeof(seen.protocol), SSL_get_version(link->ssl));
	describe_group(link->ssl, seen.group, sizeof(seen.group));
	look_at_chain(chain, &seen);
	seen.name_matches = is_for(leaf, link->probe);
	seen.self_signed = X509_check_issued(leaf, leaf) == X509_V_OK;
	if (link->probe->verify)
		verify(leaf, chain, seen.distrust, sizeof(seen.distrust));
	*ret = seen;
	return 0;
}

int tls_probe(const struct tls_probe *probe, struct tls_seen *ret, struct error *err)
{
	CLEANUP(tls_link_close) struct tls_link link;

	if (tls_link_open(&link, probe, err) < 0)
		return -1;
	return report(&link, ret, err);
}
