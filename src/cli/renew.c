/* certd renew: renew and deploy what is due; what the timer runs. */
#include "cli/cli.h"

#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "cli/outcome.h"
#include "cli/progress.h"
#include "cli/remote.h"
#include "config/config.h"
#include "job/metrics.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum { OPTION_FORCE = 1000, OPTION_DRY_RUN, OPTION_NO_DEPLOY, OPTION_JSON, HELD_TOLD_MAX = 5 };

static const char help[] =
	"Usage: certd renew [OPTIONS] [CERT...]\n\n"
	"Renews what is due, of all certificates or of those named, and deploys what\nwaits for it.\n\nOptions:\n"
	"  --force      also what is not due\n"
	"  --dry-run    go through the whole order and throw the result away\n"
	"  --no-deploy  neither snippet nor hooks nor proof\n"
	"  --json       one JSON document on stdout";

static const struct option options_known[] = {
	{ "force", no_argument, NULL, OPTION_FORCE },         { "dry-run", no_argument, NULL, OPTION_DRY_RUN },
	{ "no-deploy", no_argument, NULL, OPTION_NO_DEPLOY }, { "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },                   { 0 },
};

/* Those named, or all. NULL after saying what is wrong. */
static const struct config_certificate **choose(const struct config *config, int argc, char **argv, size_t *ret_count)
{
	size_t count = argc > 0 ? (size_t)argc : config->certificates_count;
	const struct config_certificate **chosen = calloc(count + 1, sizeof(const struct config_certificate *));

	if (!chosen) {
		log_error("renew: out of memory");
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		chosen[i] = argc > 0 ? cli_find(config, argv[i]) : config->certificates[i];
		if (!chosen[i]) {
			free(chosen);
			return NULL;
		}
	}
	*ret_count = count;
	return chosen;
}

/* Tells each outcome as it comes: of ten thousand certificates none is kept. */
struct renew {
	struct cli_progress progress; /* first: it is the job's self too */
	json_t *list; /* NULL without --json */
	bool failed; /* to add to it */
	size_t held; /* not asked for because the CA does not want to be asked */
	int status;
};

/* With thousands of certificates that wait for the same, each hour's run would fill the journal with it. */
static bool is_told(struct renew *renew, const struct job_outcome *outcome)
{
	if (outcome->result == JOB_BLOCKED && outcome->error.kind == ERROR_LATER)
		renew->held++;
	else
		return true;
	return renew->held <= HELD_TOLD_MAX;
}

static void tell_held(const struct renew *renew)
{
	if (!renew->list && renew->held > HELD_TOLD_MAX)
		log_warning("%zu certificates more wait likewise: `certd status` says until when", renew->held - HELD_TOLD_MAX);
}

static void on_outcome(void *self, const struct job_outcome *outcome)
{
	struct renew *renew = self;
	int status = cli_outcome_status(outcome, 1);

	cli_progress_end(&renew->progress);
	if (!renew->list && is_told(renew, outcome))
		cli_outcome_print(outcome, renew->progress.quiet);
	else if (renew->list && json_array_append_new(renew->list, cli_outcome_one_json(outcome)) < 0)
		renew->failed = true;
	renew->status = cli_outcome_worst(renew->status, status);
}

static int run(const struct cli *cli, const struct config *config, const struct job_options *options, bool json,
               const struct config_certificate *const *chosen, size_t count)
{
	json_auto_t *list = json ? json_array() : NULL;
	struct renew renew = { .list = list, .status = CLI_EXIT_OK };
	struct job job;
	struct error err;
	bool remote;
	int r;

	error_clear(&err);
	cli_progress_init(&renew.progress, cli->quiet);
	cli_progress_job(&renew.progress, config, &job);
	job.outcome = on_outcome;
	r = cli_remote_run(&job, chosen, count, options, NULL, &err);
	remote = r != CLI_REMOTE_NONE;
	if (!remote)
		r = job_run(&job, chosen, count, options, NULL, &err);
	cli_progress_end(&renew.progress);
	tell_held(&renew);
	/* Not when told to stop: of ten thousand certificates that would take longer than there is. */
	if (!remote && r == 0 && !options->dry_run)
		job_metrics_update(config, clock_wall(job.clock));
	if (r < 0)
		renew.status = cli_outcome_worst(renew.status, cli_fail("renew", &err));
	if (r < 0 && err.kind != ERROR_INTERRUPTED)
		return renew.status;
	if (json)
		return cli_json_print(renew.failed ? NULL : json_pack("{s:O}", "certificates", list), renew.status);
	if (count == 0 && !cli->quiet)
		puts("nothing is managed: `certd issue NAME...` obtains the first certificate");
	return renew.status;
}

int cli_renew(const struct cli *cli, int argc, char **argv)
{
	CLEANUP(config_cleanup) struct config *config = NULL;
	CLEANUP(clean_free) const struct config_certificate **chosen = NULL;
	struct job_options options = { .deploy = true };
	bool json = false;
	size_t count;
	int option, status;

	opterr = 0;
	optind = 1;
	while ((option = getopt_long(argc, argv, ":h", options_known, NULL)) != -1) {
		if (option == 'h') {
			puts(help);
			return CLI_EXIT_OK;
		}
		if (option == OPTION_FORCE)
			options.force = true;
		else if (option == OPTION_DRY_RUN)
			options.dry_run = true;
		else if (option == OPTION_NO_DEPLOY)
			options.deploy = false;
		else if (option == OPTION_JSON)
			json = true;
		else
			return cli_usage("renew", "there is no option %s", cli_bad_option(argv));
	}
	options.named = argc > optind;
	config = cli_load_config(cli, &status);
	if (!config)
		return status;
	chosen = choose(config, argc - optind, argv + optind, &count);
	if (!chosen)
		return CLI_EXIT_USAGE;
	return run(cli, config, &options, json, chosen, count);
}
