#include "jose/jws.h"

#include "base/base64.h"
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "crypto/pkey.h"
#include "jose/jwk.h"
#include "json/doc.h"

#include <stdbool.h>

enum {
	JWK_MAX = 1024,
	PROTECTED_MAX = 32 * 1024, /* URLs of some KiB, a key */
	SIGNATURE_MAX = 512, /* RSA 4096 */
	TEXT_MAX = 1024 * 1024, /* signing input */
};

/* Sets member to text. What is not UTF-8 cannot stand in JSON. */
static int set_text(json_t *object, const char *member, const char *text, struct error *err)
{
	json_t *value = json_string(text);

	if (!value)
		return error_set(err, ERROR_PROTOCOL, "the %s of a request cannot be written as JSON: it is not UTF-8", member);
	if (json_object_set_new(object, member, value) < 0)
		return error_oom(err);
	return 0;
}

static int set_jwk(json_t *object, const struct crypto_public *pub, struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF(JWK_MAX);
	json_t *jwk;

	if (jwk_print(pub, &text, err) < 0 || json_doc_parse(text.data, text.len, "a key of ours", &jwk, err) < 0)
		return -1;
	if (json_object_set_new(object, "jwk", jwk) < 0)
		return error_oom(err);
	return 0;
}

/* Appends base64url(protected header) "." base64url(payload): what is signed (RFC 7515 section 5.1). */
static int signing_input(const json_t *protected, const char *payload, size_t payload_len, struct buf *out,
                         size_t *ret_dot, struct error *err)
{
	CLEANUP(buf_done) struct buf header = BUF(PROTECTED_MAX);

	if (json_doc_print(protected, true, &header, err) < 0)
		return -1;

	base64url_encode(header.data, header.len, out);
	*ret_dot = out->len;
	buf_append_char(out, '.');
	base64url_encode(payload, payload_len, out);
	return buf_check(out, "a signed request", err);
}

/* All three parts are base64url: nothing to escape. */
static int flatten(const struct buf *input, size_t dot, const struct buf *signature, struct buf *out, struct error *err)
{
	buf_append_text(out, "{\"protected\":\"");
	buf_append(out, input->data, dot);
	buf_append_text(out, "\",\"payload\":\"");
	buf_append(out, input->data + dot + 1, input->len - dot - 1);
	buf_append_text(out, "\",\"signature\":\"");
	base64url_encode(signature->data, signature->len, out);
	buf_append_text(out, "\"}");

	return buf_check(out, "a signed request", err);
}

int jws_sign(const struct pkey *key, const struct jws_header *header, const char *payload, size_t payload_len,
             struct buf *out, struct error *err)
{
	json_auto_t *protected = json_object();
	CLEANUP(buf_done) struct buf input = BUF(TEXT_MAX);
	CLEANUP(buf_done) struct buf signature = BUF(SIGNATURE_MAX);
	struct crypto_public pub;
	size_t dot;

	if (!protected)
		return error_oom(err);
	if (set_text(protected, "alg", key_type_jws_algorithm(crypto_pkey_type(key)), err) < 0 ||
	    set_text(protected, "url", header->url, err) < 0 ||
	    (header->nonce && set_text(protected, "nonce", header->nonce, err) < 0))
		return -1;
	/* Exactly one of both (RFC 8555 section 6.2). */
	if (header->kid) {
		if (set_text(protected, "kid", header->kid, err) < 0)
			return -1;
	} else if (crypto_pkey_public(key, &pub, err) < 0 || set_jwk(protected, &pub, err) < 0) {
		return -1;
	}

	if (signing_input(protected, payload, payload_len, &input, &dot, err) < 0 ||
	    crypto_pkey_sign(key, input.data, input.len, &signature, err) < 0)
		return -1;

	return flatten(&input, dot, &signature, out, err);
}

static int find_hash(const char *algorithm, enum digest_hash *ret)
{
	static const struct {
		const char *name;
		enum digest_hash hash;
	} rows[] = { { "HS256", DIGEST_SHA256 }, { "HS384", DIGEST_SHA384 }, { "HS512", DIGEST_SHA512 } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (text_equal(algorithm, rows[i].name)) {
			*ret = rows[i].hash;
			return 0;
		}
	}
	return -1;
}

int jws_sign_binding(const struct pkey *account, const struct jws_binding *binding, const char *url, struct buf *out,
                     struct error *err)
{
	json_auto_t *protected = json_object();
	CLEANUP(buf_done) struct buf jwk = BUF(JWK_MAX);
	CLEANUP(buf_done) struct buf input = BUF(TEXT_MAX);
	CLEANUP(buf_done) struct buf mac = BUF(SIGNATURE_MAX);
	const char *name = binding->algorithm ? binding->algorithm : "HS256";
	struct crypto_public pub;
	enum digest_hash hash;
	size_t dot;

	if (!protected)
		return error_oom(err);
	if (binding->mac_key_len == 0)
		return error_set(err, ERROR_USAGE, "the MAC key of the external account binding is empty");
	if (find_hash(name, &hash) < 0)
		return error_set(err, ERROR_USAGE, "an external account binding by %.40s is none of HS256, HS384, HS512", name);
	if (set_text(protected, "alg", name, err) < 0 || set_text(protected, "kid", binding->kid, err) < 0 ||
	    set_text(protected, "url", url, err) < 0 || crypto_pkey_public(account, &pub, err) < 0 ||
	    jwk_print(&pub, &jwk, err) < 0)
		return -1;

	if (signing_input(protected, jwk.data, jwk.len, &input, &dot, err) < 0 ||
	    digest_hmac(hash, binding->mac_key, binding->mac_key_len, input.data, input.len, &mac, err) < 0)
		return -1;

	return flatten(&input, dot, &mac, out, err);
}
