#include "cli/journal.h"

#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/strv.h"
#include "base/text.h"
#include "json/doc.h"

#include <string.h>
#include <systemd/sd-journal.h>
#include <syslog.h>

enum { FIELDS_MAX = 64 };

static int priority(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return LOG_ERR;
	case LOG_LEVEL_WARNING:
		return LOG_WARNING;
	case LOG_LEVEL_NOTICE:
		return LOG_NOTICE;
	case LOG_LEVEL_INFO:
		return LOG_INFO;
	case LOG_LEVEL_DEBUG:
		return LOG_DEBUG;
	}
	return LOG_ERR;
}

static void add(struct strv *out, const char *name, const char *value)
{
	if (value && value[0] != '\0')
		(void)strv_addf(out, "%s=%s", name, value);
}

/* What the CA said itself. */
static void add_problem(struct strv *out, const struct error *error)
{
	json_auto_t *problem = NULL;
	struct error ignored;

	error_clear(&ignored);
	if (error->problem[0] == '\0' ||
	    json_doc_parse(error->problem, strlen(error->problem), "the problem document", &problem, &ignored) < 0)
		return;
	add(out, "ACME_PROBLEM_TYPE", json_string_value(json_object_get(problem, "type")));
	add(out, "ACME_PROBLEM_DETAIL", json_string_value(json_object_get(problem, "detail")));
}

static void add_error(struct strv *out, const struct error *error)
{
	char at[TIME_TEXT_SIZE];

	add(out, "CERTD_ERROR", error_kind_name(error->kind));
	add(out, "CERTD_ADVICE", error->advice);
	if (error->http_status != 0)
		(void)strv_addf(out, "CERTD_HTTP_STATUS=%d", error->http_status);
	if (error->retry_at != 0)
		add(out, "CERTD_RETRY_AT", time_format(error->retry_at, at));
	add_problem(out, error);
}

int cli_journal_fields(const struct log_record *record, struct strv *out)
{
	const char *advice = record->error ? record->error->advice : "";

	(void)strv_addf(out, "MESSAGE=%s%s%s", record->message, advice[0] != '\0' ? "\n  " : "", advice);
	(void)strv_addf(out, "PRIORITY=%d", priority(record->level));
	add(out, "SYSLOG_IDENTIFIER", PACKAGE_NAME);
	add(out, "MESSAGE_ID", event_id(record->event));
	add(out, "CERTD_CERTIFICATE", record->context->certificate);
	add(out, "CERTD_CA", record->context->ca);
	add(out, "CERTD_STEP", record->context->step);
	if (record->error)
		add_error(out, record->error);
	for (const struct log_field *field = record->fields; field && field->name; field++)
		add(out, field->name, field->value);
	return out->failed ? -1 : 0;
}

static bool write_record(void *self, const struct log_record *record)
{
	CLEANUP(strv_done) struct strv fields = STRV(FIELDS_MAX);
	struct iovec vectors[FIELDS_MAX];

	(void)self;
	if (cli_journal_fields(record, &fields) < 0)
		return false;
	for (size_t i = 0; i < fields.count; i++)
		vectors[i] = (struct iovec){ fields.items[i], strlen(fields.items[i]) };
	return sd_journal_sendv(vectors, (int)fields.count) >= 0;
}

void cli_journal_use(void)
{
	static const struct log_sink sink = { .write = write_record };

	log_set_sink(&sink);
}
