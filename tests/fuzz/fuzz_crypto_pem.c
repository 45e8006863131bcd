/* Certificate chains of others, in PEM or in DER: parsed, all facts read, checked against a key and names, printed and parsed
 * again. */
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/ident.h"
#include "crypto/cert.h"
#include "crypto/keytype.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_facts(const struct cert_chain *chain)
{
	for (size_t i = 0; i < cert_chain_count(chain); i++) {
		struct cert_facts facts;
		struct error err = { 0 };

		if (cert_chain_facts(chain, i, &facts, &err) < 0)
			continue;
		if (strlen(facts.fingerprint) != CERT_FINGERPRINT_SIZE - 1 || strlen(facts.serial) < 2)
			abort();
	}
}

/* Asks for what the leaf itself says, so that the check comes as far as it can. */
static void check(const struct cert_chain *chain)
{
	CLEANUP(ident_list_done) struct ident_list idents = { 0 };
	struct crypto_public key;
	struct cert_facts facts;
	struct error err = { 0 };

	if (cert_chain_public(chain, &key, &err) < 0 || cert_chain_idents(chain, &idents, &err) < 0 ||
	    cert_chain_facts(chain, 0, &facts, &err) < 0)
		return;
	cert_chain_check(chain, &key, &idents, facts.not_before_at, 0, &err);
}

/* Certificates in DER, one behind the other, as PEM: changes of their octets come through base64. */
static void wrap(const uint8_t *data, size_t size, struct buf *pem)
{
	while (size > 0) {
		const unsigned char *content = data;
		int tag, class;
		long len;
		size_t whole = size;
		BIO *bio = BIO_new(BIO_s_mem());
		char *text;

		if ((ASN1_get_object(&content, &len, &tag, &class, (long)size) & 0x81) == 0)
			whole = (size_t)(content - data) + (size_t)len;
		ERR_clear_error();
		if (bio && PEM_write_bio(bio, "CERTIFICATE", "", data, (long)whole) > 0) {
			len = BIO_get_mem_data(bio, &text);
			buf_append(pem, text, (size_t)len);
		}
		BIO_free(bio);
		data += whole;
		size -= whole;
	}
}

static void try_pem(const char *pem, size_t size)
{
	CLEANUP(cert_chain_cleanup) struct cert_chain *chain = NULL;
	CLEANUP(cert_chain_cleanup) struct cert_chain *again = NULL;
	CLEANUP(buf_done) struct buf first = BUF(2 * CERT_PEM_MAX);
	CLEANUP(buf_done) struct buf second = BUF(2 * CERT_PEM_MAX);
	struct error err = { 0 };

	if (cert_chain_parse(pem, size, &chain, &err) < 0) {
		if (err.kind != ERROR_PROTOCOL || chain || ERR_peek_error() != 0)
			abort();
		return;
	}

	read_facts(chain);
	check(chain);
	if (ERR_peek_error() != 0)
		abort();
	if (cert_chain_print(chain, 0, cert_chain_count(chain), &first, &err) < 0)
		abort();
	/* Short lines become lines of 64, so only a text that is near the maximum can grow past it. */
	if (first.len > CERT_PEM_MAX)
		return;
	if (cert_chain_parse(first.data, first.len, &again, &err) < 0 ||
	    cert_chain_print(again, 0, cert_chain_count(again), &second, &err) < 0)
		abort();
	if (first.len != second.len || memcmp(first.data, second.data, first.len) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(buf_done) struct buf pem = BUF(CERT_PEM_MAX);

	/* The tag that a certificate in DER begins with, and no PEM. */
	if (size > 0 && data[0] == 0x30) {
		wrap(data, size, &pem);
		try_pem(buf_text(&pem), pem.len);
	} else {
		try_pem((const char *)data, size);
	}
	return 0;
}
