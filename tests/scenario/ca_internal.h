/* ca_internal.h: between the files of the scripted CA. */
#ifndef CERTD_TESTS_SCENARIO_CA_INTERNAL_H
#define CERTD_TESTS_SCENARIO_CA_INTERNAL_H

#include "ca.h"

#include <jansson.h>

/* A request as it was understood. */
struct ca_request {
	enum ca_endpoint endpoint;
	size_t id; /* of the thing that the URL names */
	char tail[512]; /* what stands behind the id */
	const char *url;
	json_t *header; /* of the JWS. Owned */
	char *payload; /* owned */
	json_t *body; /* the payload as JSON, NULL for "". Owned */
	struct ca_account *account; /* that signed; NULL when by jwk */
	char jwk[2048]; /* canonical */
};

struct ca_answer {
	int status;
	char content_type[64];
	char location[512];
	char retry_after[64];
	char nonce[32];
	unsigned int alternates; /* links to other chains of the certificate `id` */
	size_t id;
	json_t *json; /* or body. Owned */
	char *text; /* owned */
};

/* The answer to a request whose signature and nonce were found good. */
void ca_handle(struct ca *ca, const struct ca_request *request, struct ca_answer *answer);

void ca_answer_problem(struct ca_answer *answer, int status, const char *type, const char *detail);
void ca_violation(struct ca *ca, const char *text);
int64_t ca_now_at(const struct ca *ca);
uint64_t ca_random(struct ca *ca);

/* Of ca_renewal.c: RFC 9773. The second is false when an order may not replace what it names. */
void ca_renewal_info(struct ca *ca, const char *id, struct ca_answer *answer);
bool ca_renewal_permits(struct ca *ca, size_t account, const char *replaces, struct ca_answer *answer);
void ca_renewal_note(struct ca_order *order);

/* Of ca_crypto.c. */
void ca_make_issuer(struct ca *ca);
int ca_canonical_jwk(const json_t *jwk, char *out, size_t size);
int ca_verify(const char *jwk_text, const char *signed_text, size_t signed_len, const char *signature_b64);
char *ca_decode(const char *b64url, size_t *ret_len); /* NUL behind it; NULL when it is none */
char *ca_encode(const void *data, size_t len);
/* The DER, as base64url, and the key, as canonical JWK, of the leaf of an order. */
void ca_leaf(const struct ca_order *order, char *der_text, size_t der_size, char *jwk, size_t jwk_size);
/* The PEM with the root's certificate behind it; free(). */
char *ca_with_root(const struct ca *ca, const char *pem);
void ca_thumbprint(const char *jwk_text, char out[static 64]);
/* Issues for the CSR, whose names must be those of the order. NULL or the reason of a badCSR. */
const char *ca_sign(struct ca *ca, struct ca_order *order, const char *csr_b64);

/* As a Date header has it. */
void ca_http_date(int64_t at, char *out, size_t size);

#endif
