/* Parsing JSON and reading every member as every type: what parses prints, and the print parses to the same. */
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/strv.h"
#include "json/doc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 64 * 1024 };

static void read_as_everything(const json_t *object, const char *field)
{
	CLEANUP(strv_done) struct strv list = STRV(16);
	struct error err = { 0 };
	const json_t *value;
	const char *text;
	int64_t number;
	bool flag;

	json_field_string(object, "it", field, &text, &err);
	json_field_int(object, "it", field, &number, &err);
	json_field_bool(object, "it", field, &flag, &err);
	json_field_time(object, "it", field, &number, &err);
	json_field_strings(object, "it", field, &list, &err);
	json_need_string(object, "it", field, &text, &err);
	json_need_int(object, "it", field, &number, &err);
	json_need_array(object, "it", field, &value, &err);
	if (json_need_object(object, "it", field, &value, &err) == 0)
		json_field_string(value, "it", "status", &text, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(buf_done) struct buf first = BUF(8 * INPUT_MAX);
	CLEANUP(buf_done) struct buf second = BUF(8 * INPUT_MAX);
	json_auto_t *doc = NULL;
	json_auto_t *again = NULL;
	struct error err = { 0 };
	const char *field;
	json_t *value;

	if (size > INPUT_MAX)
		return 0;
	if (json_doc_parse((const char *)data, size, "it", &doc, &err) < 0) {
		if (err.kind != ERROR_PROTOCOL || doc)
			abort();
		return 0;
	}

	json_object_foreach(doc, field, value)
		read_as_everything(doc, field);

	if (json_doc_print(doc, true, &first, &err) < 0 ||
	    json_doc_parse(first.data, first.len, "the print", &again, &err) < 0 ||
	    json_doc_print(again, true, &second, &err) < 0)
		abort();
	if (first.len != second.len || memcmp(first.data, second.data, first.len) != 0)
		abort();
	return 0;
}
