/* csr.h: certificate signing requests (RFC 2986) as ACME wants them: empty subject, the names in the subjectAltName only. */
#ifndef CERTD_CRYPTO_CSR_H
#define CERTD_CRYPTO_CSR_H

struct buf;
struct error;
struct ident_list;
struct pkey;

/* Appends the DER of a CSR for exactly these identifiers, signed by key (SHA-256; SHA-384 for P-384). */
int csr_create(const struct pkey *key, const struct ident_list *idents, struct buf *out_der, struct error *err);

#endif
