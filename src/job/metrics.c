#include "job/metrics.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "config/config.h"
#include "job/view.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MODE = 0644, PATH_SIZE = 4096 };

/* What there is for each certificate. */
enum gauge {
	GAUGE_NOT_BEFORE,
	GAUGE_NOT_AFTER,
	GAUGE_SERVED_NOT_AFTER,
	GAUGE_SERVED,
	GAUGE_SERVED_AT,
	GAUGE_SUCCESS_AT,
	GAUGE_ATTEMPT_AT,
	GAUGE_FAILURES,
	GAUGE_RENEWAL_AT,
	GAUGE_NEXT_ATTEMPT_AT,
	GAUGE_ALARM,
	GAUGE_COUNT
};

static const struct {
	const char *name;
	const char *help;
} gauges[GAUGE_COUNT] = {
	[GAUGE_NOT_BEFORE] = { "not_before_timestamp_seconds", "Begin of the newest certificate that was issued." },
	[GAUGE_NOT_AFTER] = { "not_after_timestamp_seconds", "End of the newest certificate that was issued." },
	[GAUGE_SERVED_NOT_AFTER] = { "served_not_after_timestamp_seconds", "End of the certificate that was last seen to be served." },
	[GAUGE_SERVED] = { "served", "Whether the newest certificate was seen to be served with every name." },
	[GAUGE_SERVED_AT] = { "served_timestamp_seconds", "When a certificate was last seen to be served." },
	[GAUGE_SUCCESS_AT] = { "last_success_timestamp_seconds", "When a certificate was last obtained and deployed." },
	[GAUGE_ATTEMPT_AT] = { "last_attempt_timestamp_seconds", "When that was last tried." },
	[GAUGE_FAILURES] = { "failures", "Attempts that failed in a row." },
	[GAUGE_RENEWAL_AT] = { "renewal_timestamp_seconds", "When it is, or was, due for renewal." },
	[GAUGE_NEXT_ATTEMPT_AT] = { "next_attempt_timestamp_seconds", "Before when nothing is tried again after a failure." },
	[GAUGE_ALARM] = { "alarm", "0 none, 1 failing, 2 late, 3 urgent, 4 critical, 5 expired; at the time of the run." },
};

/* A certificate as it is printed: the format wants all of one metric together, so they are gone through once for each. */
struct sample {
	const char *name;
	const char *state;
	bool due;
	bool known[GAUGE_COUNT];
	int64_t values[GAUGE_COUNT];
};

static void set(struct sample *sample, enum gauge gauge, int64_t value)
{
	sample->known[gauge] = true;
	sample->values[gauge] = value;
}

static void set_time(struct sample *sample, enum gauge gauge, int64_t at)
{
	if (at != 0)
		set(sample, gauge, at);
}

static void take(struct sample *sample, const struct job_view *view)
{
	const struct store_state *state = &view->survey.state;

	sample->state = job_state_name(view->state);
	sample->due = job_view_waits(view);
	if (view->survey.have) {
		set(sample, GAUGE_NOT_BEFORE, view->survey.facts.not_before_at);
		set(sample, GAUGE_NOT_AFTER, job_survey_not_after_at(&view->survey));
	}
	if (view->serves) {
		set_time(sample, GAUGE_SERVED_NOT_AFTER, view->served_until_at);
		set(sample, GAUGE_SERVED, view->served ? 1 : 0);
		set_time(sample, GAUGE_SERVED_AT, state->served_at);
	}
	set_time(sample, GAUGE_SUCCESS_AT, state->success_at);
	set_time(sample, GAUGE_ATTEMPT_AT, state->last_at);
	set(sample, GAUGE_FAILURES, state->attempts < INT64_MAX ? (int64_t)state->attempts : INT64_MAX);
	set(sample, GAUGE_RENEWAL_AT, view->decision.renew_at);
	set_time(sample, GAUGE_NEXT_ATTEMPT_AT, state->next_at);
	set(sample, GAUGE_ALARM, (int64_t)view->alarm);
}

/* What certd keeps of it cannot be read: that is a failure that somebody has to look at. */
static void take_unreadable(struct sample *sample)
{
	sample->state = job_state_name(JOB_STATE_FAILING);
	set(sample, GAUGE_FAILURES, 1);
	set(sample, GAUGE_ALARM, (int64_t)PLAN_ALARM_FAILING);
}

static void look(const struct store *store, const struct config_certificate *certificate, int64_t now_at,
                 struct sample *sample)
{
	struct job_view view;
	struct error ignored;

	error_clear(&ignored);
	sample->name = certificate->name;
	if (job_view_read(store, certificate, now_at, &view, &ignored) < 0) {
		take_unreadable(sample);
		return;
	}
	take(sample, &view);
	job_view_done(&view);
}

/* {certificate="NAME", with what the format wants to be escaped; the caller closes it. */
static void print_label(const char *name, struct buf *out)
{
	(void)buf_append_text(out, "{certificate=\"");
	for (; *name != '\0'; name++) {
		if (*name == '\n') {
			(void)buf_append_text(out, "\\n");
			continue;
		}
		if (*name == '"' || *name == '\\')
			(void)buf_append_char(out, '\\');
		(void)buf_append_char(out, *name);
	}
	(void)buf_append_char(out, '"');
}

static void print_head(const char *name, const char *help, struct buf *out)
{
	(void)buf_printf(out, "# HELP certd_%s %s\n# TYPE certd_%s gauge\n", name, help, name);
}

static void print_one(const char *name, const char *help, int64_t value, struct buf *out)
{
	print_head(name, help, out);
	(void)buf_printf(out, "certd_%s %jd\n", name, (intmax_t)value);
}

static void print_states(const struct sample *samples, size_t count, struct buf *out)
{
	print_head("certificate_state", "1 for the state that the certificate is in.", out);
	for (size_t i = 0; i < count; i++) {
		(void)buf_append_text(out, "certd_certificate_state");
		print_label(samples[i].name, out);
		(void)buf_printf(out, ",state=\"%s\"} 1\n", samples[i].state);
	}
}

/* A metric that no certificate has is left out with its head. */
static void print_gauge(enum gauge gauge, const struct sample *samples, size_t count, struct buf *out)
{
	bool headed = false;

	for (size_t i = 0; i < count; i++) {
		if (!samples[i].known[gauge])
			continue;
		if (!headed)
			(void)buf_printf(out, "# HELP certd_certificate_%s %s\n# TYPE certd_certificate_%s gauge\n", gauges[gauge].name,
			                 gauges[gauge].help, gauges[gauge].name);
		headed = true;
		(void)buf_printf(out, "certd_certificate_%s", gauges[gauge].name);
		print_label(samples[i].name, out);
		(void)buf_printf(out, "} %jd\n", (intmax_t)samples[i].values[gauge]);
	}
}

int job_metrics_print(const struct config *config, const struct store *store, int64_t now_at, struct buf *out, struct error *err)
{
	const size_t count = config->certificates_count;
	CLEANUP(clean_free) struct sample *samples = calloc(count + 1, sizeof(*samples));
	size_t due = 0;

	if (!samples)
		return error_oom(err);
	for (size_t i = 0; i < count; i++) {
		look(store, config->certificates[i], now_at, &samples[i]);
		due += samples[i].due ? 1 : 0;
	}
	print_head("build_info", "The version of certd.", out);
	(void)buf_printf(out, "certd_build_info{version=\"%s\"} 1\n", PACKAGE_VERSION);
	print_one("last_run_timestamp_seconds", "When certd last looked at all certificates.", now_at, out);
	print_one("certificates", "Certificates that are managed.", (int64_t)count, out);
	print_one("renewals_due", "Certificates that wait to be obtained, renewed or deployed.", (int64_t)due, out);
	if (count > 0)
		print_states(samples, count, out);
	for (int gauge = 0; gauge < GAUGE_COUNT; gauge++)
		print_gauge((enum gauge)gauge, samples, count, out);
	return buf_check(out, "the metrics", err);
}

/* The folder is the collector's: it is not made here. */
static int open_folder(const char *path, int *ret_fd, struct error *err)
{
	char folder[PATH_SIZE];
	const size_t len = (size_t)(strrchr(path, '/') - path);
	int r;

	if (len >= sizeof(folder) || path[len + 1] == '\0')
		return error_set(err, ERROR_USAGE, "it is no path of a file");
	(void)snprintf(folder, sizeof(folder), "%.*s", len > 0 ? (int)len : 1, path);
	r = file_open_dir(folder, ret_fd, err);
	if (r != FILE_ABSENT)
		return r;
	error_set(err, ERROR_SYSTEM, "there is no folder %s", folder);
	return error_advise(err, "make it, or set metrics-file to a file in the folder of node_exporter's textfile collector");
}

int job_metrics_write(const struct config *config, int64_t now_at, struct error *err)
{
	CLEANUP(store_cleanup) struct store *store = NULL;
	CLEANUP(buf_done) struct buf text = BUF(JOB_METRICS_MAX);
	CLEANUP(clean_fd) int fd = -1;

	if (!config->metrics_file)
		return 0;
	if (store_open(config->state_dir, false, &store, err) < 0 || job_metrics_print(config, store, now_at, &text, err) < 0 ||
	    open_folder(config->metrics_file, &fd, err) < 0 ||
	    file_write(fd, strrchr(config->metrics_file, '/') + 1, text.data, text.len, FILE_MODE, err) < 0)
		return error_context(err, "the metrics in %s could not be written", config->metrics_file);
	return 0;
}

void job_metrics_update(const struct config *config, int64_t now_at)
{
	struct error err;

	error_clear(&err);
	if (job_metrics_write(config, now_at, &err) < 0)
		log_failure(LOG_LEVEL_WARNING, NULL, &err);
}
