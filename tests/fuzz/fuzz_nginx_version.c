/* What a program that is said to be NGINX prints of its version; and the snippet for whatever that is. */
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "nginx/snippet.h"
#include "nginx/version.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 64 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct nginx_pair pair = { "/l/fullchain.pem", "/l/privkey.pem" };
	CLEANUP(buf_done) struct buf text = BUF(INPUT_MAX);
	CLEANUP(buf_done) struct buf snippet = BUF(INPUT_MAX);
	struct nginx_version version;
	struct error err = { 0 };

	if (buf_append(&text, data, size) < 0)
		return 0;
	if (nginx_version_parse(buf_text(&text), &version, &err) < 0) {
		if (err.message[0] == '\0')
			abort();
		return 0;
	}
	for (size_t i = 0; i < 3; i++) {
		if (version.nginx[i] > 999999 || version.openssl[i] > 999999)
			abort();
	}
	if (nginx_snippet_ssl(&version, "a.example", &pair, 1, &snippet, &err) < 0)
		abort();
	/* Where the library may not know it, NGINX would not start. */
	if (version.openssl[0] < 3 && strstr(snippet.data, "X25519MLKEM768") != NULL)
		abort();
	return 0;
}
