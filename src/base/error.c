#include "base/error.h"

#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const kind_names[ERROR_KIND_COUNT] = {
	[ERROR_NONE] = "none",
	[ERROR_INTERNAL] = "internal",
	[ERROR_USAGE] = "usage",
	[ERROR_SYSTEM] = "system",
	[ERROR_NETWORK] = "network",
	[ERROR_LATER] = "later",
	[ERROR_REFUSED] = "refused",
	[ERROR_PROTOCOL] = "protocol",
	[ERROR_DEPLOY] = "deploy",
	[ERROR_LOCKED] = "locked",
	[ERROR_INTERRUPTED] = "interrupted",
	[ERROR_CLOCK] = "clock",
};

/* Ends a text that did not fit with "...", not in the middle of a character. */
static void mark_cut(char *text, size_t size)
{
	size_t at = size - 4;

	while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80)
		at--;
	memcpy(text + at, "...", 4);
}

__attribute__((format(printf, 3, 0))) static void format_text(char *out, size_t size, const char *format, va_list ap)
{
	int n = vsnprintf(out, size, format, ap);

	if (n < 0)
		text_copy(out, size, "(a message that could not be formatted)");
	else if ((size_t)n >= size)
		mark_cut(out, size);
	text_clean(out);
}

void error_clear(struct error *err)
{
	err->kind = ERROR_NONE;
	err->retry_at = 0;
	err->http_status = 0;
	err->message[0] = '\0';
	err->advice[0] = '\0';
	err->problem[0] = '\0';
	err->endpoint[0] = '\0';
	err->url[0] = '\0';
}

int (error_set)(struct error *err, enum error_kind kind, const char *format, ...)
{
	/* By way of a buffer of its own: the arguments may point into *err. */
	char message[ERROR_MESSAGE_MAX];
	va_list ap;

	va_start(ap, format);
	format_text(message, sizeof(message), format, ap);
	va_end(ap);
	error_clear(err);
	err->kind = kind;
	text_copy(err->message, sizeof(err->message), message);
	return -1;
}

static const char *advice_of_errno(int errnum)
{
	switch (errnum) {
	case ENOSPC:
		return "free space (or inodes) on that file system; the next run goes on by itself";
	case EDQUOT:
		return "raise the disk quota of certd's user or free some of it; the next run goes on by itself";
	case EROFS:
		return "make that file system writable; under systemd, name the path in ReadWritePaths= of the unit";
	case EACCES:
	case EPERM:
		if (geteuid() != 0)
			return "certd runs as an ordinary user here: run it as root, or let that user have the path (owner and mode, "
			       "also of the directories above it)";
		return "check owner and mode of that path and of the directories above it, who certd runs as, and what "
		       "SELinux, AppArmor or the systemd unit permit";
	default:
		return NULL;
	}
}

int (error_sys)(struct error *err, int errnum, const char *format, ...)
{
	char message[ERROR_MESSAGE_MAX];
	const char *advice = advice_of_errno(errnum);
	va_list ap;

	va_start(ap, format);
	format_text(message, sizeof(message), format, ap);
	va_end(ap);
	error_set(err, ERROR_SYSTEM, "%s: %s", message, strerror(errnum));
	if (advice != NULL)
		error_advise(err, "%s", advice);
	return -1;
}

int (error_oom)(struct error *err)
{
	return error_set(err, ERROR_INTERNAL, "out of memory");
}

int (error_context)(struct error *err, const char *format, ...)
{
	char message[ERROR_MESSAGE_MAX];
	size_t len;
	va_list ap;

	va_start(ap, format);
	format_text(message, sizeof(message), format, ap);
	va_end(ap);
	len = strlen(message);
	if (!text_copy(message + len, sizeof(message) - len, ": ") ||
	    !text_copy(message + strlen(message), sizeof(message) - strlen(message), err->message))
		mark_cut(message, sizeof(message));
	text_copy(err->message, sizeof(err->message), message);
	return -1;
}

int (error_append)(struct error *err, const char *format, ...)
{
	char more[ERROR_MESSAGE_MAX];
	size_t len = strlen(err->message);
	va_list ap;

	va_start(ap, format);
	format_text(more, sizeof(more), format, ap);
	va_end(ap);
	if (!text_copy(err->message + len, sizeof(err->message) - len, more))
		mark_cut(err->message, sizeof(err->message));
	return -1;
}

int (error_advise)(struct error *err, const char *format, ...)
{
	char advice[ERROR_ADVICE_MAX];
	va_list ap;

	va_start(ap, format);
	format_text(advice, sizeof(advice), format, ap);
	va_end(ap);
	text_copy(err->advice, sizeof(err->advice), advice);
	return -1;
}

const char *error_kind_name(enum error_kind kind)
{
	if ((unsigned int)kind >= ERROR_KIND_COUNT)
		return "internal";
	return kind_names[kind];
}

int error_kind_parse(const char *name, enum error_kind *ret_kind)
{
	for (unsigned int i = 0; i < ERROR_KIND_COUNT; i++) {
		if (text_equal(name, kind_names[i])) {
			*ret_kind = (enum error_kind)i;
			return 0;
		}
	}
	return -1;
}

int error_exit_status(enum error_kind kind)
{
	switch (kind) {
	case ERROR_NONE:
		return 0;
	case ERROR_USAGE:
		return 2;
	case ERROR_LATER:
		return 3;
	case ERROR_LOCKED:
		return 4;
	case ERROR_INTERNAL:
	case ERROR_SYSTEM:
	case ERROR_NETWORK:
	case ERROR_REFUSED:
	case ERROR_PROTOCOL:
	case ERROR_DEPLOY:
	case ERROR_INTERRUPTED:
	case ERROR_CLOCK:
	case ERROR_KIND_COUNT:
		return 1;
	}
	return 1;
}
