#include "cli/outcome.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "cli/cli.h"
#include "config/config.h"
#include "json/doc.h"

#include <stdio.h>
#include <string.h>

static const char *until(const struct job_outcome *outcome, char out[static TIME_TEXT_SIZE])
{
	return time_format(outcome->not_after_at, out);
}

static void print_good(const struct job_outcome *outcome)
{
	const struct config_certificate *certificate = outcome->certificate;
	char not_after[TIME_TEXT_SIZE], renew[TIME_TEXT_SIZE];
	const char *done = "";

	switch (outcome->result) {
	case JOB_NOT_DUE:
		printf("%s: not due: valid until %s, to be renewed from %s\n", certificate->name, until(outcome, not_after),
		       time_format(outcome->renew_at, renew));
		return;
	case JOB_TRIED:
		printf("%s: the dry run went well; its certificate was thrown away\n", certificate->name);
		return;
	case JOB_ISSUED:
		done = "issued";
		break;
	case JOB_DEPLOYED:
		done = "deployed";
		break;
	case JOB_BLOCKED:
	case JOB_FAILED:
	case JOB_RESULT_COUNT:
		return;
	}
	printf("%s: %s%s: generation %llu, valid until %s, to be renewed from %s\n", certificate->name, done,
	       outcome->served ? " and served" : "", (unsigned long long)outcome->generation, until(outcome, not_after),
	       time_format(outcome->renew_at, renew));
}

void cli_outcome_print(const struct job_outcome *outcome, bool quiet)
{
	if (!quiet)
		print_good(outcome);
	fflush(stdout);
	if (outcome->error.kind != ERROR_NONE)
		log_failure(LOG_LEVEL_ERROR, outcome->certificate->name, &outcome->error);
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
	return json_pack("{s:s, s:s, s:s, s:o}", "kind", error_kind_name(error->kind), "message", error->message, "advice",
	                 error->advice, "problem", problem);
}

json_t *cli_outcome_one_json(const struct job_outcome *o)
{
	return json_pack("{s:s, s:s, s:s, s:I, s:o, s:o, s:b, s:o, s:o}", "name", o->certificate->name, "result",
	                 job_result_name(o->result), "reason", plan_reason_name(o->reason), "generation",
	                 (json_int_t)o->generation, "not_after", cli_time_json(o->not_after_at), "renew_at",
	                 cli_time_json(o->renew_at), "served", o->served ? 1 : 0, "next_at",
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
