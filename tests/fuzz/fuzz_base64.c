/* Decoding base64url: what decodes encodes to the same text, and what encodes decodes to the same octets. */
#include "base/base64.h"
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const struct buf *a, const void *data, size_t len)
{
	if (a->len != len || (len > 0 && memcmp(a->data, data, len) != 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(buf_done) struct buf decoded = BUF(2 * size + 4);
	CLEANUP(buf_done) struct buf encoded = BUF(2 * size + 4);
	struct error err = { 0 };

	if (base64url_decode((const char *)data, size, &decoded, &err) == 0) {
		if (base64url_encode(decoded.data, decoded.len, &encoded) < 0)
			abort();
		same(&encoded, data, size);
	} else if (err.kind != ERROR_PROTOCOL || decoded.len != 0) {
		abort();
	}

	buf_reset(&encoded);
	buf_reset(&decoded);
	if (base64url_encode(data, size, &encoded) < 0 ||
	    base64url_decode(buf_text(&encoded), encoded.len, &decoded, &err) < 0)
		abort();
	same(&decoded, data, size);
	return 0;
}
