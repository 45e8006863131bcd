/* certd check-config: every error that can be found in the configuration. */
#include "cli/cli.h"

#include "base/clean.h"
#include "config/config.h"

#include <stdio.h>
#include <string.h>

int cli_check_config(const struct cli *cli, int argc, char **argv)
{
	CLEANUP(config_cleanup) struct config *config = NULL;
	int status;

	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		puts("Usage: certd [-c FILE] check-config\n\n"
		     "Reads the configuration and reports every error in it, with file and line. Changes nothing.");
		return CLI_EXIT_OK;
	}
	if (argc != 1)
		return cli_usage("check-config", "it takes no arguments; -c FILE stands before the command");
	config = cli_load_config(cli, &status);
	if (!config)
		return status;
	printf("%s: no errors; %zu certificate%s\n", cli->config_file, config->certificates_count,
	       config->certificates_count == 1 ? "" : "s");
	return CLI_EXIT_OK;
}
