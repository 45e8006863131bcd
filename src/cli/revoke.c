/* certd revoke: have the CA revoke a certificate. */
#include "cli/cli.h"

#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "cli/outcome.h"
#include "cli/progress.h"
#include "config/config.h"
#include "job/metrics.h"
#include "job/revoke.h"

#include <getopt.h>
#include <stdio.h>

enum { OPTION_REASON = 1000, OPTION_GENERATION, TEXT_SIZE = 512 };

static const char help[] =
	"Usage: certd revoke [OPTIONS] CERT\n\n"
	"Has the CA revoke the certificate that is live; another one is due at once:\n`certd renew CERT` obtains it.\n\nOptions:\n"
	"  --reason REASON      why: unspecified, keyCompromise, superseded,\n"
	"                       cessationOfOperation, affiliationChanged or\n"
	"                       privilegeWithdrawn\n"
	"  --generation NUMBER  not the live one but that one of those that are kept";

static const struct option options_known[] = {
	{ "reason", required_argument, NULL, OPTION_REASON },
	{ "generation", required_argument, NULL, OPTION_GENERATION },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static void say(const struct config_certificate *certificate, const struct job_revoked *revoked, size_t i)
{
	const struct job_revoked_one *one = &revoked->certificates[i];
	const struct log_field fields[] = { { "CERTD_SERIAL", one->serial }, { NULL, NULL } };
	const bool due = revoked->due && i + 1 == revoked->count;
	char text[TEXT_SIZE];

	(void)snprintf(text, sizeof(text), "generation %llu (%s%sserial %s) %s revoked%s%s", (unsigned long long)revoked->generation,
	               revoked->count > 1 ? one->key : "", revoked->count > 1 ? ", " : "", one->serial,
	               one->before ? "was already" : "is", due ? ": another one is due; certd renew " : "",
	               due ? certificate->name : "");
	cli_outcome_say(EVENT_REVOKED, certificate, fields, text);
}

static int run(const struct cli *cli, const struct config *config, const struct config_certificate *certificate,
               const struct job_revoke_wish *wish)
{
	struct cli_progress progress;
	struct job_revoked revoked;
	struct job job;
	struct error err;
	int r;

	error_clear(&err);
	cli_progress_init(&progress, cli->quiet);
	cli_progress_job(&progress, config, &job);
	r = job_revoke(&job, certificate, wish, &revoked, &err);
	cli_progress_end(&progress);
	job_metrics_update(config, clock_wall(job.clock));
	if (r < 0)
		return cli_fail(certificate->name, &err);
	for (size_t i = 0; i < revoked.count; i++)
		say(certificate, &revoked, i);
	return CLI_EXIT_OK;
}

static int read_arguments(int argc, char **argv, struct job_revoke_wish *ret, bool *ret_help)
{
	int option;

	opterr = 0;
	optind = 1;
	while ((option = getopt_long(argc, argv, ":h", options_known, NULL)) != -1) {
		if (option == 'h') {
			*ret_help = true;
			return CLI_EXIT_OK;
		}
		if (option == OPTION_REASON) {
			const char *near = text_nearest(optarg, job_revoke_reasons());

			ret->reason = job_revoke_reason(optarg);
			if (ret->reason < 0 && near)
				return cli_usage("revoke", "there is no reason %s; did you mean %s?", optarg, near);
			if (ret->reason < 0)
				return cli_usage("revoke", "there is no reason %s", optarg);
		} else if (option == OPTION_GENERATION) {
			if (text_parse_u64(optarg, 1, UINT32_MAX, &ret->generation) < 0)
				return cli_usage("revoke", "a generation is a number from 1, not %s", optarg);
		} else {
			return cli_usage("revoke", option == ':' ? "%s lacks its value" : "there is no option %s", cli_bad_option(argv));
		}
	}
	return argc - optind == 1 ? CLI_EXIT_OK : cli_usage("revoke", "which certificate? One at a time");
}

int cli_revoke(const struct cli *cli, int argc, char **argv)
{
	CLEANUP(config_cleanup) struct config *config = NULL;
	const struct config_certificate *certificate;
	struct job_revoke_wish wish = { .reason = JOB_REASON_UNSPECIFIED };
	bool want_help = false;
	int status = read_arguments(argc, argv, &wish, &want_help);

	if (want_help)
		puts(help);
	if (status != CLI_EXIT_OK || want_help)
		return status;
	config = cli_load_config(cli, &status);
	if (!config)
		return status;
	certificate = cli_find(config, argv[optind]);
	return certificate ? run(cli, config, certificate, &wish) : CLI_EXIT_USAGE;
}
