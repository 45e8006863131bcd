/* fuzz_base_text: the small parsers of the ground floor: times, numbers, durations, and the cleaning of texts. */
#include "base/text.h"

#include "base/clock.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_clean(char *text)
{
	size_t len = strlen(text);
	char *again;

	text_clean(text);
	again = strdup(text);
	if (again == NULL)
		return;
	if (strlen(text) != len)
		abort();
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c == 0x7f)
			abort();
	}
	/* Nothing is left to be cleaned. */
	text_clean(again);
	if (!text_equal(text, again))
		abort();
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "email", "agree-tos", "certificate", "nginx-snippet-dir", NULL };
	char *text = malloc(size + 1);
	char formatted[TIME_TEXT_SIZE];
	int64_t at, back, seconds;
	uint64_t number;

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	/* An offset may lead out of the years that four digits can say; within them it comes back. */
	if (time_parse(text, &at) == 0 && at >= -62167219200 && at <= 253402300799 &&
	    (time_parse(time_format(at, formatted), &back) < 0 || back != at))
		abort();
	if (text_parse_u64(text, 10, 1000, &number) == 0 && (number < 10 || number > 1000))
		abort();
	if (text_parse_duration(text, 1, 86400, &seconds) == 0 && (seconds < 1 || seconds > 86400))
		abort();
	text_nearest(text, names);
	check_clean(text);
	free(text);
	return 0;
}
