/* regex.h: regular expressions as NGINX has them: those of PCRE. */
#ifndef CERTD_NGINX_REGEX_H
#define CERTD_NGINX_REGEX_H

#include <stdbool.h>

enum nginx_match { NGINX_MATCH_NO, NGINX_MATCH_YES, NGINX_MATCH_UNSURE };

/* Whether the pattern is found in text. Unsure when it is no pattern, or when it takes too long. */
enum nginx_match nginx_regex_match(const char *pattern, bool nocase, const char *text);

#endif
