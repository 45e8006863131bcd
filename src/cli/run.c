/* certd run: the daemon. */
#include "cli/cli.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "daemon/control.h"
#include "daemon/run.h"

#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

enum { ARGV_MAX = 8, OPTION_JOB_SOCKET = 1000 };

static const char help[] = "Usage: certd run [--job-socket FILE]\n\n"
			   "Renews what becomes due for as long as it runs, by jobs that it starts. SIGHUP: reads the\n"
			   "configuration again. SIGTERM: ends within ten seconds.\n\nOptions:\n"
			   "  --job-socket FILE  have jobs started by connecting to this socket, in place of children";

static const struct option options_known[] = {
	{ "job-socket", required_argument, NULL, OPTION_JOB_SOCKET },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static void on_problem(void *self, const char *text)
{
	(void)self;
	log_error("%s", text);
}

static int open_control(void *self, struct sd_event *event, const struct daemon_manager *manager, void **ret, struct error *err)
{
	struct daemon_control *control = NULL;

	(void)self;
	if (daemon_control_open(event, manager, NULL, &control, err) < 0)
		return -1;
	*ret = control;
	return 0;
}

static void close_control(void *opened)
{
	daemon_control_free(opened);
}

/* This program, and what stood before the command. */
static void job_command(const struct cli *cli, const char *argv[static ARGV_MAX])
{
	size_t count = 0;

	/* The one that runs, also when another has taken its name since. */
	argv[count++] = "/proc/self/exe";
	if (cli->config_named) {
		argv[count++] = "-c";
		argv[count++] = cli->config_file;
	}
	if (cli->quiet)
		argv[count++] = "-q";
	for (int level = LOG_LEVEL_NOTICE; !cli->quiet && level < (int)log_get_level(); level++)
		argv[count++] = "-v";
	argv[count++] = "job";
	argv[count] = NULL;
}

int cli_run(const struct cli *cli, int argc, char **argv)
{
	const char *command[ARGV_MAX];
	struct daemon_options options = {
		.job_argv = command,
		.config_file = cli->config_file,
		.config_may_be_absent = !cli->config_named,
		.config_problem = on_problem,
		.open = open_control,
		.close = close_control,
	};
	struct config *config;
	struct error err;
	int option, status;

	opterr = 0;
	optind = 1;
	while ((option = getopt_long(argc, argv, ":h", options_known, NULL)) != -1) {
		if (option == 'h') {
			puts(help);
			return CLI_EXIT_OK;
		}
		if (option == ':')
			return cli_usage("run", "%s lacks its value", cli_bad_option(argv));
		if (option != OPTION_JOB_SOCKET)
			return cli_usage("run", "there is no option %s", cli_bad_option(argv));
		options.job_socket = optarg;
	}
	if (argc > optind)
		return cli_usage("run", "it takes no arguments");
	config = cli_load_config(cli, &status);
	if (!config)
		return status;
	job_command(cli, command);
	error_clear(&err);
	if (daemon_run(&options, config, &err) < 0)
		return cli_fail("run", &err);
	return CLI_EXIT_OK;
}
