/* words.c: several words in one text. */
#include "config/words.h"

#include <string.h>

bool config_words_next(const char **at, char *out, size_t size)
{
	const char *begin = *at;
	size_t len;

	if (begin == NULL)
		return false;
	len = strcspn(begin, ",");
	*at = begin[len] == ',' ? begin + len + 1 : NULL;
	while (len > 0 && *begin == ' ') {
		begin++;
		len--;
	}
	while (len > 0 && begin[len - 1] == ' ')
		len--;
	if (len >= size)
		len = size - 1;
	memcpy(out, begin, len);
	out[len] = '\0';
	return true;
}
