/* problem.c: every error of the configuration, told with its place. */
#include "config/problem.h"

#include "base/error.h"
#include "config/config.h"

#include <stdarg.h>
#include <stdio.h>

static int tell(struct config_problems *problems, const struct error *told)
{
	if (problems->count == 0)
		*problems->err = *told;
	problems->count++;
	if (problems->report == NULL || problems->count > CONFIG_PROBLEMS_MAX)
		return -1;
	problems->report->line(problems->report->self, told->message);
	if (problems->count == CONFIG_PROBLEMS_MAX)
		problems->report->line(problems->report->self, "there are more errors than these; the first ones come first");
	return -1;
}

static void set_place(struct error *err, const char *file, unsigned int line, const char *message)
{
	if (line == 0)
		error_set(err, ERROR_USAGE, "%s: %s", file, message);
	else
		error_set(err, ERROR_USAGE, "%s:%u: %s", file, line, message);
}

int config_problem(struct config_problems *problems, const char *file, unsigned int line, const char *format, ...)
{
	char message[ERROR_MESSAGE_MAX];
	struct error told;
	va_list ap;

	va_start(ap, format);
	if (vsnprintf(message, sizeof(message), format, ap) < 0)
		message[0] = '\0';
	va_end(ap);
	set_place(&told, file, line, message);
	return tell(problems, &told);
}

int config_problem_error(struct config_problems *problems, const char *file, unsigned int line, const struct error *err)
{
	if (err->kind == ERROR_INTERNAL)
		return tell(problems, err);
	if (err->advice[0] == '\0')
		return config_problem(problems, file, line, "%s", err->message);
	return config_problem(problems, file, line, "%s: %s", err->message, err->advice);
}

int config_problem_oom(struct config_problems *problems)
{
	struct error told;

	error_oom(&told);
	return tell(problems, &told);
}
