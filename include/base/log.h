/* log.h: lines for the administrator.
 *
 * One line a call, to stderr, prefixed "certd: " on a terminal or pipe and by the syslog level "<N>" where stderr is
 * the journal (JOURNAL_STREAM names its descriptor). Control characters are replaced. No function below floor 6
 * logs above LOG_LEVEL_DEBUG: it returns an error, and whoever is at the top logs it once.
 */
#ifndef CERTD_BASE_LOG_H
#define CERTD_BASE_LOG_H

struct error;

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE, /* the default */
	LOG_LEVEL_INFO, /* -v */
	LOG_LEVEL_DEBUG, /* -v -v */
};

/* Lines above this level are dropped. The only global state of the program. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Logs "CONTEXT: message" and, on a line of its own that is indented, the advice. `context` may be NULL. */
void log_failure(enum log_level level, const char *context, const struct error *err);

#endif
