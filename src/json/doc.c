#include "json/doc.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/strv.h"

/* jansson parses recursively down to 2048 levels, and several of its other functions recurse without looking. What
 * is nested deeper than any document of ours is refused before jansson sees it. Brackets in strings do not count. */
static bool nested_too_deep(const char *data, size_t len)
{
	size_t depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < len; i++) {
		char c = data[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '{' || c == '[') {
			if (++depth > JSON_DEPTH_MAX)
				return true;
		} else if ((c == '}' || c == ']') && depth > 0) {
			depth--;
		}
	}

	return false;
}

static int parse_failed(const json_error_t *e, const char *what, struct error *err)
{
	enum json_error_code code = json_error_code(e);
	const char *why = e->text;

	if (code == json_error_out_of_memory)
		return error_oom(err);
	/* In these two cases jansson's text speaks of its own flags. */
	if (code == json_error_null_character || code == json_error_null_byte_in_key)
		why = "a NUL character in a string";

	return error_set(err, ERROR_PROTOCOL, "%s is not valid JSON: line %d, column %d: %s", what, e->line, e->column,
			 why);
}

static const char *type_name(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
		return "a number";
	case JSON_REAL:
		return "a number with a fraction or exponent";
	case JSON_TRUE:
	case JSON_FALSE:
		return "a boolean";
	case JSON_NULL:
		return "null";
	}

	return "of an unknown type";
}

int json_doc_parse(const char *data, size_t len, const char *what, json_t **ret, struct error *err)
{
	json_error_t e;
	json_t *doc;

	if (len == 0)
		return error_set(err, ERROR_PROTOCOL, "%s is empty, expected a JSON object", what);
	if (nested_too_deep(data, len))
		return error_set(err, ERROR_PROTOCOL, "%s is JSON nested deeper than %d levels", what, (int)JSON_DEPTH_MAX);

	doc = json_loadb(data, len, JSON_REJECT_DUPLICATES, &e);
	if (!doc)
		return parse_failed(&e, what, err);
	if (!json_is_object(doc)) {
		error_set(err, ERROR_PROTOCOL, "%s is %s, expected an object", what, type_name(doc));
		json_decref(doc);
		return -1;
	}

	*ret = doc;
	return 0;
}

static int append(const char *data, size_t len, void *out)
{
	return buf_append(out, data, len);
}

int json_doc_print(const json_t *doc, bool canonical, struct buf *out, struct error *err)
{
	size_t flags = JSON_COMPACT | JSON_ENCODE_ANY | (canonical ? JSON_SORT_KEYS : 0);
	size_t before = out->len;

	if (json_dump_callback(doc, append, out, flags) == 0)
		return buf_check(out, "the JSON text", err);

	/* What was appended so far is half a document. */
	if (out->len > before) {
		out->len = before;
		out->data[before] = '\0';
	}
	if (buf_check(out, "the JSON text", err) < 0)
		return -1;
	return error_set(err, ERROR_INTERNAL, "a JSON value could not be printed");
}

/* The member into *ret, or JSON_FIELD_ABSENT. */
static int find(const json_t *object, const char *what, const char *field, const json_t **ret, struct error *err)
{
	const json_t *value;

	if (!object)
		return error_set(err, ERROR_PROTOCOL, "%s is missing, expected an object", what);
	if (!json_is_object(object))
		return error_set(err, ERROR_PROTOCOL, "%s is %s, expected an object", what, type_name(object));

	value = json_object_get(object, field);
	if (!value || json_is_null(value))
		return JSON_FIELD_ABSENT;

	*ret = value;
	return JSON_FIELD_OK;
}

static int mismatch(const char *what, const char *field, const json_t *value, const char *expected, struct error *err)
{
	return error_set(err, ERROR_PROTOCOL, "%s: .%s is %s, expected %s", what, field, type_name(value), expected);
}

static int missing(const char *what, const char *field, struct error *err)
{
	return error_set(err, ERROR_PROTOCOL, "%s: .%s is missing", what, field);
}

int json_field_string(const json_t *object, const char *what, const char *field, const char **ret, struct error *err)
{
	const json_t *value;
	int r = find(object, what, field, &value, err);

	if (r != JSON_FIELD_OK)
		return r;
	if (!json_is_string(value))
		return mismatch(what, field, value, "a string", err);

	*ret = json_string_value(value);
	return JSON_FIELD_OK;
}

int json_field_int(const json_t *object, const char *what, const char *field, int64_t *ret, struct error *err)
{
	const json_t *value;
	int r = find(object, what, field, &value, err);

	if (r != JSON_FIELD_OK)
		return r;
	if (!json_is_integer(value))
		return mismatch(what, field, value, "a whole number", err);

	*ret = json_integer_value(value);
	return JSON_FIELD_OK;
}

int json_field_bool(const json_t *object, const char *what, const char *field, bool *ret, struct error *err)
{
	const json_t *value;
	int r = find(object, what, field, &value, err);

	if (r != JSON_FIELD_OK)
		return r;
	if (!json_is_boolean(value))
		return mismatch(what, field, value, "a boolean", err);

	*ret = json_is_true(value);
	return JSON_FIELD_OK;
}

int json_field_object(const json_t *object, const char *what, const char *field, const json_t **ret, struct error *err)
{
	const json_t *value;
	int r = find(object, what, field, &value, err);

	if (r != JSON_FIELD_OK)
		return r;
	if (!json_is_object(value))
		return mismatch(what, field, value, "an object", err);

	*ret = value;
	return JSON_FIELD_OK;
}

int json_field_array(const json_t *object, const char *what, const char *field, const json_t **ret, struct error *err)
{
	const json_t *value;
	int r = find(object, what, field, &value, err);

	if (r != JSON_FIELD_OK)
		return r;
	if (!json_is_array(value))
		return mismatch(what, field, value, "an array", err);

	*ret = value;
	return JSON_FIELD_OK;
}

int json_field_time(const json_t *object, const char *what, const char *field, int64_t *ret_at, struct error *err)
{
	const char *text;
	int r = json_field_string(object, what, field, &text, err);

	if (r != JSON_FIELD_OK)
		return r;
	if (time_parse(text, ret_at) < 0)
		return error_set(err, ERROR_PROTOCOL, "%s: .%s is \"%.40s\", expected a time such as 2026-01-31T12:00:00Z",
				 what, field, text);

	return JSON_FIELD_OK;
}

int json_field_strings(const json_t *object, const char *what, const char *field, struct strv *ret, struct error *err)
{
	const json_t *array;
	int r = json_field_array(object, what, field, &array, err);
	size_t count;

	if (r != JSON_FIELD_OK)
		return r;

	count = json_array_size(array);
	if (ret->count > ret->max || count > ret->max - ret->count)
		return error_set(err, ERROR_PROTOCOL, "%s: .%s has %zu entries, more than the %zu permitted", what, field, count,
				 ret->max);
	/* All are looked at before the first is added. */
	for (size_t i = 0; i < count; i++) {
		const json_t *item = json_array_get(array, i);

		if (!json_is_string(item))
			return error_set(err, ERROR_PROTOCOL, "%s: .%s[%zu] is %s, expected a string", what, field, i,
					 type_name(item));
	}
	for (size_t i = 0; i < count; i++)
		if (strv_add(ret, json_string_value(json_array_get(array, i))) < 0)
			return error_oom(err);

	return JSON_FIELD_OK;
}

int json_need_string(const json_t *object, const char *what, const char *field, const char **ret, struct error *err)
{
	int r = json_field_string(object, what, field, ret, err);

	return r == JSON_FIELD_ABSENT ? missing(what, field, err) : r;
}

int json_need_array(const json_t *object, const char *what, const char *field, const json_t **ret, struct error *err)
{
	int r = json_field_array(object, what, field, ret, err);

	return r == JSON_FIELD_ABSENT ? missing(what, field, err) : r;
}

int json_need_object(const json_t *object, const char *what, const char *field, const json_t **ret, struct error *err)
{
	int r = json_field_object(object, what, field, ret, err);

	return r == JSON_FIELD_ABSENT ? missing(what, field, err) : r;
}

int json_need_int(const json_t *object, const char *what, const char *field, int64_t *ret, struct error *err)
{
	int r = json_field_int(object, what, field, ret, err);

	return r == JSON_FIELD_ABSENT ? missing(what, field, err) : r;
}
