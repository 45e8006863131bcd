/* certd rollback: the previous generation goes live again. */
#include "cli/cli.h"

#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "cli/outcome.h"
#include "cli/progress.h"
#include "config/config.h"
#include "job/metrics.h"

#include <stdio.h>

enum { TEXT_SIZE = 256 };

static const char help[] = "Usage: certd rollback CERT\n\n"
			   "The generation before the live one goes live again, is deployed and proven to\n"
			   "be served; when that fails, the present one comes back.";

static int run(const struct cli *cli, const struct config *config, const struct config_certificate *certificate)
{
	struct cli_progress progress;
	struct job_outcome outcome;
	struct job job;
	struct error err;
	char not_after[TIME_TEXT_SIZE], text[TEXT_SIZE];
	int r;

	error_clear(&err);
	cli_progress_init(&progress, cli->quiet);
	cli_progress_job(&progress, config, &job);
	r = job_rollback(&job, certificate, &outcome, &err);
	cli_progress_end(&progress);
	job_metrics_update(config, clock_wall(job.clock));
	if (r < 0)
		return cli_fail(certificate->name, &err);
	(void)snprintf(text, sizeof(text), "generation %llu is live again%s, valid until %s", (unsigned long long)outcome.generation,
	               outcome.served ? " and served" : "", time_format(outcome.not_after_at, not_after));
	cli_outcome_say_done(EVENT_DEPLOYED, &outcome, text);
	return CLI_EXIT_OK;
}

int cli_rollback(const struct cli *cli, int argc, char **argv)
{
	CLEANUP(config_cleanup) struct config *config = NULL;
	const struct config_certificate *certificate;
	int status;

	if (argc == 2 && (argv[1][0] == '-' && (argv[1][1] == 'h' || argv[1][1] == '-'))) {
		puts(help);
		return CLI_EXIT_OK;
	}
	if (argc != 2)
		return cli_usage("rollback", "of which certificate?");
	config = cli_load_config(cli, &status);
	if (!config)
		return status;
	certificate = cli_find(config, argv[1]);
	return certificate ? run(cli, config, certificate) : CLI_EXIT_USAGE;
}
