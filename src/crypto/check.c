/* Step 5 of the story: what came from the CA is looked at before anything is replaced by it. */
#include "base/clean.h"
#include "base/clock.h"
#include "base/text.h"
#include "crypto/cert.h"
#include "crypto/chain.h"
#include "crypto/keytype.h"
#include "crypto/openssl.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

static void names_cleanup(GENERAL_NAMES **names)
{
	GENERAL_NAMES_free(*names);
}

/* A name of the certificate as an identifier, exactly: the text, not what could have been meant by it. */
static int name_ident(const GENERAL_NAME *name, struct ident *ret, struct error *err)
{
	char text[IDENT_VALUE_SIZE];
	const ASN1_STRING *value;
	const unsigned char *data;
	size_t len;
	int kind;

	value = GENERAL_NAME_get0_value(name, &kind);
	data = ASN1_STRING_get0_data(value);
	len = (size_t)ASN1_STRING_length(value);

	if (kind == GEN_IPADD) {
		if ((len != 4 && len != 16) || !inet_ntop(len == 4 ? AF_INET : AF_INET6, data, text, sizeof(text)))
			return error_set(err, ERROR_PROTOCOL, "the certificate has an IP address of %zu octets", len);
	} else {
		if (memchr(data, '\0', len))
			return error_set(err, ERROR_PROTOCOL, "the certificate has a DNS name with a NUL character in it");
		if (len >= sizeof(text))
			return error_set(err, ERROR_PROTOCOL, "the certificate has a DNS name of %zu octets", len);
		memcpy(text, data, len);
		text[len] = '\0';
	}

	if (ident_parse(text, ret, err) < 0) {
		err->kind = ERROR_PROTOCOL;
		return error_context(err, "the certificate has a name that is none");
	}
	if (ret->type != (kind == GEN_IPADD ? IDENT_IP : IDENT_DNS) ||
	    (kind == GEN_DNS && !text_equal_nocase(ret->value, text)))
		return error_set(err, ERROR_PROTOCOL, "the certificate has the DNS name \"%s\", which is none", text);

	return 0;
}

int cert_chain_idents(const struct cert_chain *chain, struct ident_list *ret, struct error *err)
{
	CLEANUP(names_cleanup) GENERAL_NAMES *names = NULL;
	CLEANUP(ident_list_done) struct ident_list list = { 0 };
	int critical;

	ERR_clear_error();
	names = X509_get_ext_d2i(chain->items[0].x509, NID_subject_alt_name, &critical, NULL);
	if (!names && critical != -1)
		return openssl_error(err, ERROR_PROTOCOL, "the certificate's names (subjectAltName) cannot be read");

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		struct ident ident;

		if (name->type != GEN_DNS && name->type != GEN_IPADD)
			continue;
		if (name_ident(name, &ident, err) < 0)
			return -1;
		/* The same name twice is odd and harmless. */
		if (ident_list_contains(&list, &ident))
			continue;
		if (ident_list_add(&list, &ident, err) < 0) {
			if (err->kind == ERROR_USAGE)
				err->kind = ERROR_PROTOCOL;
			return error_context(err, "the certificate's names");
		}
	}

	for (size_t i = 0; i < list.count; i++)
		if (!ident_list_contains(ret, &list.items[i]) && ident_list_add(ret, &list.items[i], err) < 0)
			return -1;
	return 0;
}

static int check_key(const struct cert_chain *chain, const struct crypto_public *key, struct error *err)
{
	struct crypto_public leaf;

	if (cert_chain_public(chain, &leaf, err) < 0)
		return -1;
	if (leaf.type != key->type || leaf.x_len != key->x_len || leaf.y_len != key->y_len ||
	    memcmp(leaf.x, key->x, leaf.x_len) != 0 || memcmp(leaf.y, key->y, leaf.y_len) != 0)
		return error_set(err, ERROR_PROTOCOL, "the certificate is for another key than the one it was asked for");

	return 0;
}

/* The first of a that b does not have. */
static const char *lacks(const struct ident_list *a, const struct ident_list *b)
{
	for (size_t i = 0; i < a->count; i++)
		if (!ident_list_contains(b, &a->items[i]))
			return a->items[i].value;

	return NULL;
}

static int check_idents(const struct cert_chain *chain, const struct ident_list *idents, struct error *err)
{
	CLEANUP(ident_list_done) struct ident_list names = { 0 };
	const char *missing, *surplus;

	if (cert_chain_idents(chain, &names, err) < 0)
		return -1;

	missing = lacks(idents, &names);
	if (missing)
		return error_set(err, ERROR_PROTOCOL, "the certificate is not for %s, which was asked for", missing);
	surplus = lacks(&names, idents);
	if (surplus)
		return error_set(err, ERROR_PROTOCOL, "the certificate is also for %s, which was not asked for", surplus);

	return 0;
}

static int check_dates(const struct cert_chain *chain, size_t i, int64_t now_at, int64_t skew_s, struct error *err)
{
	X509 *x509 = chain->items[i].x509;
	char from[TIME_TEXT_SIZE], to[TIME_TEXT_SIZE], now[TIME_TEXT_SIZE];
	int64_t not_before_at, not_after_at;

	if (cert_time(X509_get0_notBefore(x509), &not_before_at) < 0 ||
	    cert_time(X509_get0_notAfter(x509), &not_after_at) < 0) {
		ERR_clear_error();
		return error_set(err, ERROR_PROTOCOL, "certificate %zu of the chain: its dates cannot be read", i + 1);
	}

	time_format(not_before_at, from);
	time_format(not_after_at, to);
	time_format(now_at, now);
	if (not_after_at <= not_before_at)
		return error_set(err, ERROR_PROTOCOL, "certificate %zu of the chain ends (%s) before it begins (%s)", i + 1, to,
				 from);
	if (not_after_at <= now_at)
		error_set(err, ERROR_PROTOCOL, "certificate %zu of the chain has expired: it was valid until %s, now is %s",
			  i + 1, to, now);
	else if (not_before_at - skew_s > now_at)
		error_set(err, ERROR_PROTOCOL, "certificate %zu of the chain is not valid yet: it begins %s, now is %s", i + 1,
			  from, now);
	else
		return 0;

	return error_advise(err, "Check whether this machine's clock is right");
}

/* Whether certificate i + 1 certifies certificate i. */
static int check_issuer(const struct cert_chain *chain, size_t i, struct error *err)
{
	X509 *subject = chain->items[i].x509, *issuer = chain->items[i + 1].x509;
	EVP_PKEY *key;
	long path_max;
	int r;

	/* Names, key identifiers, and whether the issuer's key usage permits. */
	r = X509_check_issued(issuer, subject);
	if (r != X509_V_OK) {
		ERR_clear_error();
		return error_set(err, ERROR_PROTOCOL, "certificate %zu of the chain was not issued by certificate %zu: %s", i + 1,
				 i + 2, X509_verify_cert_error_string(r));
	}
	if (X509_check_ca(issuer) != 1) {
		ERR_clear_error();
		return error_set(err, ERROR_PROTOCOL, "certificate %zu of the chain may not certify others (it is no CA)", i + 2);
	}
	path_max = X509_get_pathlen(issuer);
	if (path_max >= 0 && (size_t)path_max < i) {
		ERR_clear_error();
		return error_set(err, ERROR_PROTOCOL, "certificate %zu of the chain has more CAs below it than the %ld it permits",
				 i + 2, path_max);
	}

	ERR_clear_error();
	key = X509_get0_pubkey(issuer);
	if (!key)
		return openssl_error(err, ERROR_PROTOCOL, "the public key of certificate %zu of the chain cannot be read",
				     i + 2);
	if (X509_verify(subject, key) != 1) {
		ERR_clear_error();
		return error_set(err, ERROR_PROTOCOL, "certificate %zu of the chain is not signed by certificate %zu", i + 1,
				 i + 2);
	}

	return 0;
}

static int check_leaf_purpose(const struct cert_chain *chain, struct error *err)
{
	X509 *leaf = chain->items[0].x509;
	uint32_t flags = X509_get_extension_flags(leaf);
	uint32_t usage = X509_get_extended_key_usage(leaf); /* all bits where it does not say */

	ERR_clear_error();
	if ((flags & EXFLAG_INVALID) != 0)
		return error_set(err, ERROR_PROTOCOL, "the certificate's extensions are not well formed");
	if ((usage & (XKU_SSL_SERVER | XKU_ANYEKU)) == 0)
		return error_set(err, ERROR_PROTOCOL, "the certificate is not for servers (its extended key usage lacks serverAuth)");

	return 0;
}

int cert_chain_check(const struct cert_chain *chain, const struct crypto_public *key, const struct ident_list *idents,
                     int64_t now_at, int64_t skew_s, struct error *err)
{
	ERR_clear_error();
	if (check_key(chain, key, err) < 0 || check_idents(chain, idents, err) < 0 || check_leaf_purpose(chain, err) < 0 ||
	    check_dates(chain, 0, now_at, skew_s, err) < 0)
		return -1;
	if (chain->count < 2)
		return error_set(err, ERROR_PROTOCOL,
				 "the chain is the certificate alone, without the one of its issuer: clients could not verify it");

	for (size_t i = 0; i + 1 < chain->count; i++) {
		if (check_issuer(chain, i, err) < 0)
			return -1;
		/* A root in the last place is there for show: clients have their own, and judge by that. */
		if (i + 2 == chain->count && (X509_get_extension_flags(chain->items[i + 1].x509) & EXFLAG_SS) != 0)
			continue;
		if (check_dates(chain, i + 1, now_at, skew_s, err) < 0)
			return -1;
	}

	ERR_clear_error();
	return 0;
}
