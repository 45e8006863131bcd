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
static const struct log_sink *current_sink;
static struct log_context current_context;

void log_set_sink(const struct log_sink *sink)
{
	current_sink = sink;
}

void log_set_context(const struct log_context *context)
{
	current_context = context ? *context : (struct log_context){ 0 };
}

void log_set_step(const char *step)
{
	current_context.step = step;
}

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

bool log_has_sink(void)
{
	return current_sink && stderr_is_journal();
}

/* As a line on stderr, which is what everybody can read. */
static void put_line(enum log_level level, const char *text)
{
	char line[LINE_SIZE + 16];
	size_t len;

	if (stderr_is_journal())
		snprintf(line, sizeof(line), "<%d>", syslog_level(level));
	else /* on a terminal, what is being done now may stand in this line: it makes room */
		text_copy(line, sizeof(line), isatty(STDERR_FILENO) == 1 ? "\r\033[Kcertd: " : "certd: ");
	len = strlen(line);
	/* One byte is kept for the line's end. */
	(void)text_copy(line + len, sizeof(line) - len - 1, text);
	len = strlen(line);
	line[len++] = '\n';
	write_line(line, len);
}

static void put(const struct log_record *record)
{
	if (log_has_sink() && current_sink->write(current_sink->self, record))
		return;
	put_line(record->level, record->message);
	if (record->error && record->error->advice[0] != '\0') {
		char advice[sizeof(record->error->advice) + 2];

		snprintf(advice, sizeof(advice), "  %s", record->error->advice);
		put_line(record->level, advice);
	}
}

static void log_record(enum log_level level, enum event event, const struct log_field *fields, const struct error *error,
                       const char *format, va_list ap)
	__attribute__((format(printf, 5, 0)));

static void log_record(enum log_level level, enum event event, const struct log_field *fields, const struct error *error,
                       const char *format, va_list ap)
{
	char text[LINE_SIZE];
	const struct log_record record = { level, event, text, error, fields, &current_context };
	int saved = errno;

	if (level > max_level)
		return;
	if (vsnprintf(text, sizeof(text), format, ap) < 0)
		text_copy(text, sizeof(text), "(a line that could not be formatted)");
	text_clean(text);
	put(&record);
	errno = saved;
}

void log_line(enum log_level level, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	log_record(level, EVENT_NONE, NULL, NULL, format, ap);
	va_end(ap);
}

void log_event(enum log_level level, enum event event, const struct log_field *fields, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	log_record(level, event, fields, NULL, format, ap);
	va_end(ap);
}

static void log_told(enum log_level level, enum event event, const struct error *error, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static void log_told(enum log_level level, enum event event, const struct error *error, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	log_record(level, event, NULL, error, format, ap);
	va_end(ap);
}

void log_failure_event(enum log_level level, enum event event, const char *context, const struct error *err)
{
	log_told(level, event, err, "%s%s%s", context ? context : "", context ? ": " : "", err->message);
}

void log_failure(enum log_level level, const char *context, const struct error *err)
{
	log_failure_event(level, level == LOG_LEVEL_ERROR ? event_of_error(err->kind) : EVENT_NONE, context, err);
}
