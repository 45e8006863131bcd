/* chain.h: the certificate that an order led to, and which of the chains that the CA offers (RFC 8555 section 7.4.2). */
#ifndef CERTD_ACME_CHAIN_H
#define CERTD_ACME_CHAIN_H

struct acme_session;
struct buf;
struct error;

enum { ACME_ALTERNATES_MAX = 8 };

/* Appends the chain as the CA sent it. Where another one than its default is preferred (see cert_chain_prefer()) and the default is not
 * just that, the alternates are asked for too, side by side and at once, as orders do not live long. What goes wrong with them never costs
 * the certificate: its default is taken then, as it is when the wish is not offered. preferred may be NULL. */
int acme_chain_fetch(struct acme_session *session, const char *url, const char *preferred, struct buf *out, struct error *err);

#endif
