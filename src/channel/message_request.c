#include "channel/message_part.h"

#include "base/error.h"
#include "base/text.h"
#include "json/doc.h"

json_t *message_sign_pack(const struct message_sign *message)
{
	return json_pack("{s:s, s:s, s:s, s:b, s:b, s:b, s:b, s:b}", "url", message->url, "nonce", message->nonce, "payload",
	                 message->payload, "with_jwk", message->with_jwk ? 1 : 0, "with_binding",
	                 message->with_binding ? 1 : 0, "with_certificate_key", message->with_certificate_key ? 1 : 0,
	                 "with_next_key", message->with_next_key ? 1 : 0, "key_change", message->key_change ? 1 : 0);
}

int message_sign_read(const json_t *json, struct message_sign *ret, struct error *err)
{
	struct message_sign m = { 0 };

	if (json_need_string(json, "sign", "url", &m.url, err) < 0 ||
	    json_need_string(json, "sign", "nonce", &m.nonce, err) < 0 ||
	    json_need_string(json, "sign", "payload", &m.payload, err) < 0 ||
	    message_part_flag(json, "sign", "with_jwk", &m.with_jwk, err) < 0 ||
	    message_part_flag(json, "sign", "with_binding", &m.with_binding, err) < 0 ||
	    message_part_flag(json, "sign", "with_certificate_key", &m.with_certificate_key, err) < 0 ||
	    message_part_flag(json, "sign", "with_next_key", &m.with_next_key, err) < 0 ||
	    message_part_flag(json, "sign", "key_change", &m.key_change, err) < 0)
		return -1;
	*ret = m;
	return 0;
}

json_t *message_proof_pack(const struct message_proof *message)
{
	return json_pack("{s:s, s:s, s:s}", "type", message->type, "token", message->token, "identifier",
	                 message->identifier.value);
}

int message_proof_read(const json_t *json, struct message_proof *ret, struct error *err)
{
	struct message_proof m = { 0 };
	const char *identifier;

	if (json_need_string(json, "proof", "type", &m.type, err) < 0 ||
	    json_need_string(json, "proof", "token", &m.token, err) < 0 ||
	    json_need_string(json, "proof", "identifier", &identifier, err) < 0 ||
	    ident_parse(identifier, &m.identifier, err) < 0)
		return -1;
	*ret = m;
	return 0;
}

json_t *message_progress_pack(const struct message_progress *message)
{
	return json_pack("{s:s, s:s, s:s?, s:s?, s:I}", "step", message->step, "text", message->text, "account",
	                 message->account_url, "order", message->order_url, "order_expires_at",
	                 (json_int_t)message->order_expires_at);
}

int message_progress_read(const json_t *json, struct message_progress *ret, struct error *err)
{
	struct message_progress m = { 0 };

	if (json_need_string(json, "progress", "step", &m.step, err) < 0 ||
	    json_need_string(json, "progress", "text", &m.text, err) < 0 ||
	    message_part_text(json, "progress", "account", &m.account_url, err) < 0 ||
	    message_part_text(json, "progress", "order", &m.order_url, err) < 0 ||
	    json_field_int(json, "progress", "order_expires_at", &m.order_expires_at, err) < 0)
		return -1;
	*ret = m;
	return 0;
}

json_t *message_done_pack(const char *value)
{
	return json_pack("{s:b, s:s?}", "ok", 1, "value", value);
}

json_t *message_declined_pack(void)
{
	return json_pack("{s:b, s:b}", "ok", 1, "declined", 1);
}

json_t *message_error_pack(const struct error *error)
{
	return json_pack("{s:{s:s, s:I, s:i, s:s, s:s, s:s, s:s, s:s}}", "error", "kind", error_kind_name(error->kind), "retry_at",
	                 (json_int_t)error->retry_at, "http_status", error->http_status, "message", error->message, "advice",
	                 error->advice, "problem", error->problem, "endpoint", error->endpoint, "url", error->url);
}

static void keep_text(char *out, size_t size, const char *text)
{
	text_copy(out, size, text ? text : "");
	text_clean(out);
}

/* Fills *err with what the peer says of its failure. */
static int error_read(const json_t *json, struct error *err)
{
	const char *kind_name, *message, *advice, *problem, *endpoint, *url;
	enum error_kind kind;
	int64_t retry_at = 0, http_status = 0;

	if (json_need_string(json, "error", "kind", &kind_name, err) < 0 ||
	    json_need_string(json, "error", "message", &message, err) < 0 ||
	    message_part_text(json, "error", "advice", &advice, err) < 0 ||
	    message_part_text(json, "error", "problem", &problem, err) < 0 ||
	    message_part_text(json, "error", "endpoint", &endpoint, err) < 0 ||
	    message_part_text(json, "error", "url", &url, err) < 0 ||
	    json_field_int(json, "error", "retry_at", &retry_at, err) < 0 ||
	    json_field_int(json, "error", "http_status", &http_status, err) < 0)
		return -1;
	if (error_kind_parse(kind_name, &kind) < 0 || kind == ERROR_NONE)
		kind = ERROR_INTERNAL;
	error_set(err, kind, "%s", message);
	if (advice && *advice != '\0')
		error_advise(err, "%s", advice);
	/* Times are compared and subtracted: none is before 1970. */
	err->retry_at = retry_at > 0 ? retry_at : 0;
	err->http_status = http_status >= 0 && http_status <= 999 ? (int)http_status : 0;
	keep_text(err->problem, sizeof(err->problem), problem);
	keep_text(err->endpoint, sizeof(err->endpoint), endpoint);
	keep_text(err->url, sizeof(err->url), url);
	return -1;
}

int message_answer_read(const json_t *json, const char **ret_value, struct error *err)
{
	const json_t *error;
	const char *value;
	bool declined;
	int r;

	r = json_field_object(json, "answer", "error", &error, err);
	if (r < 0)
		return -1;
	if (r == JSON_FIELD_OK)
		return error_read(error, err);
	if (message_part_flag(json, "answer", "declined", &declined, err) < 0 ||
	    message_part_text(json, "answer", "value", &value, err) < 0)
		return -1;
	*ret_value = value;
	return declined ? MESSAGE_DECLINED : 0;
}

json_t *message_finding_pack(const struct message_finding *finding)
{
	return json_pack("{s:s, s:s, s:s}", "name", finding->name, "text", finding->text, "advice", finding->advice);
}

int message_finding_read(const json_t *json, struct message_finding *ret, struct error *err)
{
	struct message_finding m;

	if (json_need_string(json, "finding", "name", &m.name, err) < 0 ||
	    json_need_string(json, "finding", "text", &m.text, err) < 0 ||
	    json_need_string(json, "finding", "advice", &m.advice, err) < 0)
		return -1;
	*ret = m;
	return 0;
}
