/* order.h: an order (RFC 8555 section 7.1.3) as the CA tells it, checked against what was wished. */
#ifndef CERTD_ACME_ORDER_H
#define CERTD_ACME_ORDER_H

#include "base/ident.h"
#include "base/strv.h"
#include "http/http.h"
#include "json/doc.h"

#include <stdint.h>

struct buf;
struct error;

enum acme_order_status {
	ACME_ORDER_PENDING,
	ACME_ORDER_READY,
	ACME_ORDER_PROCESSING,
	ACME_ORDER_VALID,
	ACME_ORDER_INVALID,
};

struct acme_order {
	enum acme_order_status status;
	struct strv authorizations; /* URLs, each once */
	char finalize[HTTP_URL_MAX + 1];
	char certificate[HTTP_URL_MAX + 1]; /* "" as long as there is none */
	int64_t expires_at; /* 0 where unknown */
	json_t *problem; /* of an order that is invalid; may be NULL. Owned */
};

#define ACME_ORDER ((struct acme_order){ .authorizations = STRV(IDENT_LIST_MAX) })

void acme_order_done(struct acme_order *order);

const char *acme_order_status_name(enum acme_order_status status);

/* Reads an order that the CA of directory_url sent. It must be for exactly `idents`, and have every URL that its status calls for. ret is
 * ACME_ORDER or an order before, which is replaced on success and left alone otherwise. ERROR_PROTOCOL names the field. */
int acme_order_parse(const char *data, size_t len, const char *directory_url, const struct ident_list *idents,
                     struct acme_order *ret, struct error *err);

struct acme_order_wish {
	const struct ident_list *idents;
	const char *profile; /* or NULL */
	const char *replaces; /* certID of the predecessor (RFC 9773 section 5), or NULL */
};

/* Appends the payload of newOrder. */
int acme_order_payload(const struct acme_order_wish *wish, struct buf *out, struct error *err);

/* Reads an identifier object as orders and authorizations have it. A wildcard of an authorization stands beside it, not in it. */
int acme_order_parse_identifier(const json_t *object, const char *place, bool wildcard, struct ident *ret,
                                struct error *err);

#endif
