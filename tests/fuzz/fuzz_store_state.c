/* state.json: what is taken for state prints to a text that says the same. */
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "store/state.h"
#include "store/store.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 1 << 20 };

static struct store_state state, again;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(buf_done) struct buf first = BUF(TEXT_MAX);
	CLEANUP(buf_done) struct buf second = BUF(TEXT_MAX);
	struct error err = { 0 };
	int r;

	if (size > TEXT_MAX / 4)
		return 0;
	r = store_state_parse((const char *)data, size, &state, &err);
	if (r != STORE_OK) {
		if (err.message[0] == '\0')
			abort();
		return 0;
	}
	if (store_state_print(&state, &first, &err) < 0 ||
	    store_state_parse(first.data, first.len, &again, &err) != STORE_OK ||
	    store_state_print(&again, &second, &err) < 0)
		abort();
	if (first.len != second.len || memcmp(first.data, second.data, first.len) != 0)
		abort();
	return 0;
}
