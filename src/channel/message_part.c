#include "channel/message_part.h"

#include "base/error.h"
#include "base/ident.h"
#include "base/strv.h"
#include "json/doc.h"

#include <string.h>

int message_part_text(const json_t *json, const char *what, const char *field, const char **ret, struct error *err)
{
	*ret = NULL;
	return json_field_string(json, what, field, ret, err) < 0 ? -1 : 0;
}

int message_part_flag(const json_t *json, const char *what, const char *field, bool *ret, struct error *err)
{
	*ret = false;
	return json_field_bool(json, what, field, ret, err) < 0 ? -1 : 0;
}

int message_part_number(const json_t *json, const char *what, const char *field, int64_t min, int64_t max, int64_t *ret,
                        struct error *err)
{
	int64_t value;

	if (json_need_int(json, what, field, &value, err) < 0)
		return -1;
	if (value < min || value > max)
		return error_set(err, ERROR_PROTOCOL, "%s: .%s is out of range", what, field);
	*ret = value;
	return 0;
}

json_t *message_part_strings_pack(const struct strv *strings)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < strings->count; i++) {
		if (json_array_append_new(array, json_string(strings->items[i])) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

json_t *message_part_names_pack(const struct ident_list *names)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < names->count; i++) {
		if (json_array_append_new(array, json_string(names->items[i].value)) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

int message_part_names(const json_t *json, const char *what, struct ident_list *ret, struct error *err)
{
	const json_t *array;
	struct ident_list names = { 0 };

	if (json_need_array(json, what, "names", &array, err) < 0)
		return -1;
	for (size_t i = 0; i < json_array_size(array); i++) {
		const char *text = json_string_value(json_array_get(array, i));
		struct ident ident;

		if (!text || ident_parse(text, &ident, err) < 0 || ident_list_add(&names, &ident, err) < 0) {
			ident_list_done(&names);
			return text ? -1 : error_set(err, ERROR_PROTOCOL, "%s: .names[%zu] is no string", what, i);
		}
	}
	*ret = names;
	return 0;
}

json_t *message_part_limits_pack(const struct message_limits *limits)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "connect_ms", (json_int_t)limits->connect_ms, "idle_ms",
	                 (json_int_t)limits->idle_ms, "request_ms", (json_int_t)limits->request_ms, "retry_after_max_ms",
	                 (json_int_t)limits->retry_after_max_ms, "attempt_ms", (json_int_t)limits->attempt_ms);
}

int message_part_limits(const json_t *json, const char *what, struct message_limits *ret, struct error *err)
{
	const json_t *object;
	struct message_limits limits;

	if (json_need_object(json, what, "limits", &object, err) < 0 ||
	    message_part_number(object, what, "connect_ms", 1, INT32_MAX, &limits.connect_ms, err) < 0 ||
	    message_part_number(object, what, "idle_ms", 1, INT32_MAX, &limits.idle_ms, err) < 0 ||
	    message_part_number(object, what, "request_ms", 1, INT32_MAX, &limits.request_ms, err) < 0 ||
	    message_part_number(object, what, "retry_after_max_ms", 1, INT32_MAX, &limits.retry_after_max_ms, err) < 0 ||
	    message_part_number(object, what, "attempt_ms", 1, INT32_MAX, &limits.attempt_ms, err) < 0)
		return -1;
	*ret = limits;
	return 0;
}
