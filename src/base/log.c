#include "base/log.h"

#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The longest message, its context and its prefix fit. */
enum { LINE_SIZE = ERROR_MESSAGE_MAX + 1024 };

static enum log_level max_level = LOG_LEVEL_NOTICE;

void log_set_level(enum log_level level)
{
	max_level = level;
}

enum log_level log_get_level(void)
{
	return max_level;
}

/* sd-daemon(3): the journal names device and inode of the stream it gave us. Whoever redirected stderr since then
 * inherits the variable, but not the inode. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char expected[64];
	struct stat st;

	if (stream == NULL || fstat(STDERR_FILENO, &st) < 0)
		return false;
	snprintf(expected, sizeof(expected), "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	return text_equal(stream, expected);
}

static int syslog_level(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return 3;
	case LOG_LEVEL_WARNING:
		return 4;
	case LOG_LEVEL_NOTICE:
		return 5;
	case LOG_LEVEL_INFO:
		return 6;
	case LOG_LEVEL_DEBUG:
		return 7;
	}
	return 3;
}

/* In one write where the kernel lets us, so that lines of several processes do not mix. */
static void write_line(const char *line, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDERR_FILENO, line, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		line += n;
		len -= (size_t)n;
	}
}

void log_line(enum log_level level, const char *format, ...)
{
	char line[LINE_SIZE];
	int saved = errno;
	size_t start, len;
	va_list ap;
	int n;

	if (level > max_level)
		return;
	if (stderr_is_journal())
		snprintf(line, sizeof(line), "<%d>", syslog_level(level));
	else /* on a terminal, what is being done now may stand in this line: it makes room */
		text_copy(line, sizeof(line), isatty(STDERR_FILENO) == 1 ? "\r\033[Kcertd: " : "certd: ");
	start = strlen(line);
	/* One byte is kept for the line's end. */
	errno = saved;
	va_start(ap, format);
	n = vsnprintf(line + start, sizeof(line) - start - 1, format, ap);
	va_end(ap);
	if (n < 0)
		text_copy(line + start, sizeof(line) - start - 1, "(a line that could not be formatted)");
	text_clean(line + start);
	len = strlen(line);
	line[len++] = '\n';
	write_line(line, len);
	errno = saved;
}

void log_failure(enum log_level level, const char *context, const struct error *err)
{
	if (context != NULL)
		log_line(level, "%s: %s", context, err->message);
	else
		log_line(level, "%s", err->message);
	if (err->advice[0] != '\0')
		log_line(level, "  %s", err->advice);
}
