/* problem.h: every error of the configuration as "FILE:LINE: message", to the report; the first also into an error. */
#ifndef CERTD_CONFIG_PROBLEM_H
#define CERTD_CONFIG_PROBLEM_H

#include <stddef.h>

struct config_report;
struct error;

/* Of more than these only the fact is reported. */
enum { CONFIG_PROBLEMS_MAX = 100 };

struct config_problems {
	const struct config_report *report; /* or NULL */
	struct error *err;
	size_t count;
};

/* line 0: the file as a whole. Always returns -1. */
int config_problem(struct config_problems *problems, const char *file, unsigned int line, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* The same with the message and the advice of `err`. */
int config_problem_error(struct config_problems *problems, const char *file, unsigned int line, const struct error *err);

/* Always returns -1. */
int config_problem_oom(struct config_problems *problems);

#endif
