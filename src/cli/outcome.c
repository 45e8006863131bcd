#include "cli/outcome.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "cli/cli.h"
#include "config/config.h"
#include "json/doc.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NUMBER_SIZE = 24, TEXT_SIZE = 512 };

/* Whether what is printed would be a second, plain record of the journal. */
static bool is_journal(void)
{
	struct stat out, log;

	return log_has_sink() && fstat(STDOUT_FILENO, &out) == 0 && fstat(STDERR_FILENO, &log) == 0 && out.st_dev == log.st_dev &&
	       out.st_ino == log.st_ino;
}

static void say(enum event event, const struct config_certificate *certificate, const struct config_ca *ca,
                const struct log_field *fields, const char *text)
{
	const struct log_context context = { .certificate = certificate->name, .ca = ca->name };

	if (!is_journal()) {
		printf("%s: %s\n", certificate->name, text);
		return;
	}
	log_set_context(&context);
	log_event(LOG_LEVEL_NOTICE, event, fields, "%s: %s", certificate->name, text);
	log_set_context(NULL);
}

void cli_outcome_say(enum event event, const struct config_certificate *certificate, const struct log_field *fields, const char *text)
{
	say(event, certificate, certificate->settings.ca, fields, text);
}

/* The CA that all of it is about. */
static const struct config_ca *ca_of(const struct job_outcome *outcome)
{
	return outcome->ca ? outcome->ca : outcome->certificate->settings.ca;
}

void cli_outcome_say_done(enum event event, const struct job_outcome *outcome, const char *text)
{
	char generation[NUMBER_SIZE], not_after[TIME_TEXT_SIZE];
	const struct log_field fields[] = {
		{ "CERTD_RESULT", job_result_name(outcome->result) },
		{ "CERTD_GENERATION", generation },
		{ "CERTD_NOT_AFTER", time_format(outcome->not_after_at, not_after) },
		{ "CERTD_SERVED", outcome->served ? "yes" : "no" },
		{ NULL, NULL },
	};

	(void)snprintf(generation, sizeof(generation), "%llu", (unsigned long long)outcome->generation);
	say(event, outcome->certificate, ca_of(outcome), fields, text);
}

static void print_good(const struct job_outcome *outcome)
{
	char not_after[TIME_TEXT_SIZE], renew[TIME_TEXT_SIZE], text[TEXT_SIZE];
	/* Where it might have been another one. */
	const char *by = outcome->ca && outcome->certificate->settings.cas_count > 1 ? outcome->ca->name : NULL;

	time_format(outcome->not_after_at, not_after);
	time_format(outcome->renew_at, renew);
	switch (outcome->result) {
	case JOB_NOT_DUE:
		(void)snprintf(text, sizeof(text), "not due: valid until %s, to be renewed from %s", not_after, renew);
		cli_outcome_say_done(EVENT_NONE, outcome, text);
		return;
	case JOB_TRIED:
		cli_outcome_say_done(EVENT_NONE, outcome, "the dry run went well; its certificate was thrown away");
		return;
	case JOB_ISSUED:
	case JOB_DEPLOYED:
		(void)snprintf(text, sizeof(text), "%s%s%s%s: generation %llu, valid until %s, to be renewed from %s",
		               job_result_name(outcome->result), by ? " by " : "", by ? by : "", outcome->served ? " and served" : "",
		               (unsigned long long)outcome->generation, not_after, renew);
		cli_outcome_say_done(outcome->result == JOB_ISSUED ? EVENT_ISSUED : EVENT_DEPLOYED, outcome, text);
		return;
	case JOB_BLOCKED:
	case JOB_FAILED:
	case JOB_RESULT_COUNT:
		return;
	}
}

static void print_bad(const struct job_outcome *outcome)
{
	const struct config_certificate *certificate = outcome->certificate;
	const struct log_context context = { .certificate = certificate->name, .ca = ca_of(outcome)->name };

	log_set_context(&context);
	if (outcome->post_renew_failed)
		log_failure_event(LOG_LEVEL_ERROR, EVENT_HOOK_FAILED, certificate->name, &outcome->error);
	else
		log_failure(LOG_LEVEL_ERROR, certificate->name, &outcome->error);
	log_set_context(NULL);
}

void cli_outcome_print(const struct job_outcome *outcome, bool quiet)
{
	if (!quiet)
		print_good(outcome);
	fflush(stdout);
	if (outcome->error.kind != ERROR_NONE)
		print_bad(outcome);
}

json_t *cli_time_json(int64_t at)
{
	char text[TIME_TEXT_SIZE];

	return at == 0 ? json_null() : json_string(time_format(at, text));
}

json_t *cli_error_json(const struct error *error)
{
	json_t *problem = NULL;
	struct error ignored;

	if (error->kind == ERROR_NONE)
		return json_null();
	if (error->problem[0] == '\0' ||
	    json_doc_parse(error->problem, strlen(error->problem), "the problem document", &problem, &ignored) < 0)
		problem = json_null();
	return json_pack("{s:s, s:s, s:s, s:o, s:s*}", "kind", error_kind_name(error->kind), "message", error->message, "advice",
	                 error->advice, "problem", problem, "url", error->url[0] != '\0' ? error->url : NULL);
}

json_t *cli_outcome_one_json(const struct job_outcome *o)
{
	return json_pack("{s:s, s:s, s:s?, s:s, s:I, s:o, s:o, s:b, s:b, s:o, s:o}", "name", o->certificate->name, "result",
	                 job_result_name(o->result), "ca", o->ca ? o->ca->name : NULL, "reason", plan_reason_name(o->reason), "generation",
	                 (json_int_t)o->generation, "not_after", cli_time_json(o->not_after_at), "renew_at",
	                 cli_time_json(o->renew_at), "issued", o->issued ? 1 : 0, "served", o->served ? 1 : 0, "next_at",
	                 cli_time_json(o->result == JOB_BLOCKED ? o->error.retry_at : 0), "error", cli_error_json(&o->error));
}

json_t *cli_outcome_json(const struct job_outcome *outcomes, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < count; i++) {
		if (json_array_append_new(list, cli_outcome_one_json(&outcomes[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return json_pack("{s:o}", "certificates", list);
}

int cli_outcome_worst(int a, int b)
{
	return b == CLI_EXIT_FAILED || a == CLI_EXIT_OK ? b : a;
}

int cli_outcome_status(const struct job_outcome *outcomes, size_t count)
{
	int worst = CLI_EXIT_OK;

	for (size_t i = 0; i < count; i++)
		worst = cli_outcome_worst(worst, error_exit_status(outcomes[i].error.kind));
	return worst;
}

int cli_json_print(json_t *document, int status)
{
	json_auto_t *owned = document;

	if (!owned || json_dumpf(owned, stdout, JSON_INDENT(2)) < 0 || fputc('\n', stdout) == EOF || fflush(stdout) != 0) {
		log_error("the JSON document could not be written");
		return CLI_EXIT_FAILED;
	}
	return status;
}
