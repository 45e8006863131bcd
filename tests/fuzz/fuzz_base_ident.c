/* fuzz_base_ident: what people write as a name, and what a certificate may be called. */
#include "base/ident.h"

#include "base/error.h"
#include "base/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	char name[IDENT_NAME_SIZE];
	struct ident ident, again;
	struct error err;

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (ident_parse(text, &ident, &err) == 0) {
		size_t len = strlen(ident.value);

		/* The canonical form is made of these, and is its own canonical form. */
		if (len == 0 || len > 253 || strspn(ident.value, "abcdefghijklmnopqrstuvwxyz0123456789-.:*") != len)
			abort();
		if (ident.wildcard != text_has_prefix(ident.value, "*.") || strchr(ident.value + (ident.wildcard ? 1 : 0), '*') != NULL)
			abort();
		if (ident_parse(ident.value, &again, &err) < 0 || again.type != ident.type || again.wildcard != ident.wildcard ||
		    !text_equal(again.value, ident.value))
			abort();
		if (ident_certificate_name(&ident, name, &err) == 0 && ident_check_certificate_name(name, &err) < 0)
			abort();
	} else if (err.kind != ERROR_USAGE || err.message[0] == '\0') {
		abort();
	}
	if (ident_check_certificate_name(text, &err) == 0 && (strchr(text, '/') != NULL || strstr(text, "..") != NULL))
		abort();
	free(text);
	return 0;
}
