#include "acme/order.h"

#include "acme/url.h"
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/text.h"
#include "json/doc.h"

#include <stdio.h>
#include <string.h>

static const char what[] = "the order";

static const char *const status_names[] = {
	[ACME_ORDER_PENDING] = "pending", [ACME_ORDER_READY] = "ready",	    [ACME_ORDER_PROCESSING] = "processing",
	[ACME_ORDER_VALID] = "valid",	  [ACME_ORDER_INVALID] = "invalid",
};

void acme_order_done(struct acme_order *order)
{
	strv_done(&order->authorizations);
	json_decref(order->problem);
	order->problem = NULL;
}

const char *acme_order_status_name(enum acme_order_status status)
{
	return status_names[status];
}

static int read_status(const json_t *doc, enum acme_order_status *ret, struct error *err)
{
	const char *text = NULL;

	if (json_need_string(doc, what, "status", &text, err) != 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(status_names); i++) {
		if (text_equal(text, status_names[i])) {
			*ret = (enum acme_order_status)i;
			return 0;
		}
	}
	return error_set(err, ERROR_PROTOCOL, "%s: .status is \"%.40s\", which no order can be", what, text);
}

int acme_order_parse_identifier(const json_t *object, const char *place, bool wildcard, struct ident *ret,
                                struct error *err)
{
	const char *type = NULL, *value = NULL;
	char text[IDENT_VALUE_SIZE + 2];
	struct error why;

	if (!json_is_object(object))
		return error_set(err, ERROR_PROTOCOL, "%s is not an object", place);
	if (json_need_string(object, place, "type", &type, err) != 0 ||
	    json_need_string(object, place, "value", &value, err) != 0)
		return -1;
	if (!text_equal(type, "dns") && !text_equal(type, "ip"))
		return error_set(err, ERROR_PROTOCOL, "%s: .type is \"%.40s\", expected dns or ip", place, type);
	if (strlen(value) >= IDENT_VALUE_SIZE)
		return error_set(err, ERROR_PROTOCOL, "%s: .value is longer than an identifier can be", place);
	snprintf(text, sizeof(text), "%s%s", wildcard && !text_has_prefix(value, "*.") ? "*." : "", value);
	if (ident_parse(text, ret, &why) != 0)
		return error_set(err, ERROR_PROTOCOL, "%s: .value is no identifier: %.300s", place, why.message);
	if (!text_equal(type, ident_type_name(ret->type)))
		return error_set(err, ERROR_PROTOCOL, "%s: .value \"%s\" is not of type %s", place, ret->value, type);
	return 0;
}

static int check_identifiers(const json_t *doc, const struct ident_list *wish, struct error *err)
{
	CLEANUP(ident_list_done) struct ident_list list = { 0 };
	const json_t *array = NULL, *item;
	char place[64];
	size_t i;

	if (json_need_array(doc, what, "identifiers", &array, err) != 0)
		return -1;
	if (json_array_size(array) > IDENT_LIST_MAX)
		return error_set(err, ERROR_PROTOCOL, "%s: .identifiers has more than %d members", what, IDENT_LIST_MAX);
	json_array_foreach(array, i, item) {
		struct ident ident;

		snprintf(place, sizeof(place), "%s: .identifiers[%zu]", what, i);
		if (acme_order_parse_identifier(item, place, false, &ident, err) != 0)
			return -1;
		if (!ident_list_contains(wish, &ident))
			return error_set(err, ERROR_PROTOCOL, "%s is for \"%s\", which was not ordered", what, ident.value);
		if (!ident_list_contains(&list, &ident) && ident_list_add(&list, &ident, err) != 0)
			return -1;
	}
	for (i = 0; i < wish->count; i++)
		if (!ident_list_contains(&list, &wish->items[i]))
			return error_set(err, ERROR_PROTOCOL, "%s leaves out \"%s\", which was ordered", what,
			                 wish->items[i].value);
	return 0;
}

static int read_authorizations(const json_t *doc, const char *directory_url, struct strv *ret, struct error *err)
{
	const json_t *array = NULL, *item;
	size_t i;

	if (json_need_array(doc, what, "authorizations", &array, err) != 0)
		return -1;
	if (json_array_size(array) > IDENT_LIST_MAX)
		return error_set(err, ERROR_PROTOCOL, "%s: .authorizations has more than %d members", what, IDENT_LIST_MAX);
	json_array_foreach(array, i, item) {
		const char *url = json_string_value(item);
		char place[64];

		snprintf(place, sizeof(place), "%s: .authorizations[%zu]", what, i);
		if (url == NULL)
			return error_set(err, ERROR_PROTOCOL, "%s is not a string", place);
		if (acme_url_check(url, directory_url, place, err) != 0)
			return -1;
		if (!strv_contains(ret, url) && strv_add(ret, url) != 0)
			return error_oom(err);
	}
	return 0;
}

static int read_url(const json_t *doc, const char *field, bool needed, const char *directory_url,
                    char ret[static HTTP_URL_MAX + 1], struct error *err)
{
	const char *url = NULL;
	char place[64];
	int r = needed ? json_need_string(doc, what, field, &url, err) : json_field_string(doc, what, field, &url, err);

	if (r != JSON_FIELD_OK)
		return r < 0 ? -1 : 0;
	snprintf(place, sizeof(place), "%s: .%s", what, field);
	if (acme_url_check(url, directory_url, place, err) != 0)
		return -1;
	text_copy(ret, HTTP_URL_MAX + 1, url);
	return 0;
}

/* What the status calls for beside the fields of every order. */
static int check_status_needs(const struct acme_order *order, struct error *err)
{
	switch (order->status) {
	case ACME_ORDER_PENDING:
		if (order->authorizations.count == 0)
			return error_set(err, ERROR_PROTOCOL, "%s is pending but .authorizations is empty", what);
		return 0;
	case ACME_ORDER_VALID:
		if (order->certificate[0] == '\0')
			return error_set(err, ERROR_PROTOCOL, "%s is valid but .certificate is missing", what);
		return 0;
	case ACME_ORDER_READY:
	case ACME_ORDER_PROCESSING:
	case ACME_ORDER_INVALID:
		return 0;
	}
	return 0;
}

int acme_order_parse(const char *data, size_t len, const char *directory_url, const struct ident_list *idents,
                     struct acme_order *ret, struct error *err)
{
	CLEANUP(acme_order_done) struct acme_order order = ACME_ORDER;
	json_auto_t *doc = NULL;

	if (json_doc_parse(data, len, what, &doc, err) != 0 || read_status(doc, &order.status, err) != 0 ||
	    check_identifiers(doc, idents, err) != 0 ||
	    read_authorizations(doc, directory_url, &order.authorizations, err) != 0 ||
	    read_url(doc, "finalize", true, directory_url, order.finalize, err) != 0 ||
	    read_url(doc, "certificate", false, directory_url, order.certificate, err) != 0 ||
	    json_field_time(doc, what, "expires", &order.expires_at, err) < 0 || check_status_needs(&order, err) != 0)
		return -1;
	order.problem = json_incref(json_object_get(doc, "error"));
	acme_order_done(ret);
	*ret = order;
	order.authorizations = STRV(IDENT_LIST_MAX);
	order.problem = NULL;
	return 0;
}

int acme_order_payload(const struct acme_order_wish *wish, struct buf *out, struct error *err)
{
	const struct ident_list *idents = wish->idents;
	json_auto_t *doc = json_object();
	json_t *list = json_array();
	bool ok = json_object_set_new(doc, "identifiers", list) == 0;

	for (size_t i = 0; i < idents->count && ok; i++)
		ok = json_array_append_new(list, json_pack("{s:s,s:s}", "type", ident_type_name(idents->items[i].type),
		                                           "value", idents->items[i].value)) == 0;
	if (ok && wish->profile != NULL)
		ok = json_object_set_new(doc, "profile", json_string(wish->profile)) == 0;
	if (ok && wish->replaces != NULL)
		ok = json_object_set_new(doc, "replaces", json_string(wish->replaces)) == 0;
	return ok ? json_doc_print(doc, false, out, err) : error_oom(err);
}
