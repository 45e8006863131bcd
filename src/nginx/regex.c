/* regex.c: regular expressions as NGINX has them. */
#include "nginx/regex.h"

#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* An expression that needs more than that is none that a server could live with. */
enum { MATCH_LIMIT = 100000, DEPTH_LIMIT = 1000, HEAP_LIMIT_KIB = 4096 };

static int match(const pcre2_code *code, const char *text)
{
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	pcre2_match_context *context = pcre2_match_context_create(NULL);
	int r = PCRE2_ERROR_NOMEMORY;

	if (data != NULL && context != NULL) {
		pcre2_set_match_limit(context, MATCH_LIMIT);
		pcre2_set_depth_limit(context, DEPTH_LIMIT);
		pcre2_set_heap_limit(context, HEAP_LIMIT_KIB);
		r = pcre2_match(code, (PCRE2_SPTR)text, strlen(text), 0, 0, data, context);
	}
	pcre2_match_context_free(context);
	pcre2_match_data_free(data);
	return r;
}

enum nginx_match nginx_regex_match(const char *pattern, bool nocase, const char *text)
{
	PCRE2_SIZE offset;
	int error, r;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, nocase ? PCRE2_CASELESS : 0, &error,
	                                 &offset, NULL);

	if (code == NULL)
		return NGINX_MATCH_UNSURE;
	r = match(code, text);
	pcre2_code_free(code);
	return r >= 0 ? NGINX_MATCH_YES : r == PCRE2_ERROR_NOMATCH ? NGINX_MATCH_NO : NGINX_MATCH_UNSURE;
}
