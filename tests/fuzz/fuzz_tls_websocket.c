/* What a server says when it is asked for a websocket; whole, and as it comes in, an octet more each time. */
#include "base/error.h"
#include "tls/websocket.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 2048 };

static int parse(const uint8_t *data, size_t size, struct tls_websocket_seen *seen)
{
	struct error err = { 0 };
	int r;

	memset(seen, 0, sizeof(*seen));
	r = tls_websocket_parse((const char *)data, size, "dGhlIHNhbXBsZSBub25jZQ==", seen, &err);
	if (r < 0 && err.message[0] == '\0')
		abort();
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tls_websocket_seen whole, part;
	int r = parse(data, size, &whole);

	if (size > INPUT_MAX)
		return 0;
	if (r == 0 && tls_websocket_works(&whole) && !whole.accept_present)
		abort();
	/* Whatever the pieces, the first whole head is what counts, and an error stays one. */
	for (size_t i = 0; i < size; i++) {
		int s = parse(data, i, &part);

		if (s == 0 && (r != 0 || memcmp(&part, &whole, sizeof(part)) != 0))
			abort();
		if (s < 0 && r == 0)
			abort();
	}
	return 0;
}
