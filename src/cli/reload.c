/* certd reload: the daemon reads its configuration again. */
#include "cli/cli.h"

#include "base/clean.h"
#include "base/error.h"
#include "cli/remote.h"
#include "config/config.h"

#include <stdio.h>

static const char help[] = "Usage: certd reload\n\n"
			   "The daemon reads its configuration again, all of it or, where something is wrong\n"
			   "with it, none. Exit status 1 where no daemon runs.";

int cli_reload(const struct cli *cli, int argc, char **argv)
{
	CLEANUP(config_cleanup) struct config *config = NULL;
	struct error err;
	int status, r;

	if (argc == 2 && argv[1][0] == '-' && (argv[1][1] == 'h' || argv[1][1] == '-')) {
		puts(help);
		return CLI_EXIT_OK;
	}
	if (argc != 1)
		return cli_usage("reload", "it takes no arguments");
	/* Here, too: every error comes with its place. */
	config = cli_load_config(cli, &status);
	if (!config)
		return status;
	error_clear(&err);
	r = cli_remote_reload(config, &err);
	if (r == CLI_REMOTE_DONE)
		return CLI_EXIT_OK;
	if (r == CLI_REMOTE_NONE) {
		error_set(&err, ERROR_SYSTEM, "no daemon answers in %s", config->runtime_dir);
		error_advise(&err, "`certd run` is the daemon; without it each command reads the configuration itself");
	}
	return cli_fail("reload", &err);
}
