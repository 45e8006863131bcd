/* log.h: lines for the administrator.
 *
 * One line a call, to stderr, prefixed "certd: " on a terminal or pipe and by the syslog level "<N>" where stderr is
 * the journal (JOURNAL_STREAM names its descriptor). Control characters are replaced. No function below floor 6
 * logs above LOG_LEVEL_DEBUG: it returns an error, and whoever is at the top logs it once.
 *
 * Where stderr is the journal a sink may take records with fields in place of lines. Keys, signatures and what else is secret are in no
 * record, at no level.
 */
#ifndef CERTD_BASE_LOG_H
#define CERTD_BASE_LOG_H

#include "base/event.h"

#include <stdbool.h>
#include <stddef.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE, /* the default */
	LOG_LEVEL_INFO, /* -v */
	LOG_LEVEL_DEBUG, /* -v -v */
};

/* Lines above this level are dropped. This, the sink and the context are the only global state of the program. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Logs "CONTEXT: message" and, on a line of its own that is indented, the advice. `context` may be NULL. At LOG_LEVEL_ERROR it is the event of
 * the error's kind. */
void log_failure(enum log_level level, const char *context, const struct error *err);

/* The same as another event. */
void log_failure_event(enum log_level level, enum event event, const char *context, const struct error *err);

struct log_field {
	const char *name; /* as in the journal: upper case, digits, "_" */
	const char *value;
};

/* log_line() that is an event; fields (may be NULL) end with one without a name, and are seen in the journal only. */
void log_event(enum log_level level, enum event event, const struct log_field *fields, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* What all lines until the next call are about; each may be NULL, and is borrowed until then. */
struct log_context {
	const char *certificate;
	const char *ca;
	const char *step;
};

void log_set_context(const struct log_context *context); /* NULL for none */
void log_set_step(const char *step);

/* A line with all that is known of it. Texts are cleaned. */
struct log_record {
	enum log_level level;
	enum event event;
	const char *message;
	const struct error *error; /* that it tells, or NULL */
	const struct log_field *fields; /* or NULL */
	const struct log_context *context;
};

struct log_sink {
	bool (*write)(void *self, const struct log_record *record); /* false: it could not; then a line is written */
	void *self;
};

/* Takes what is logged while stderr is the journal; NULL for none. Borrowed. */
void log_set_sink(const struct log_sink *sink);

/* Whether a sink takes what is logged now. */
bool log_has_sink(void);

#endif
