/* certd.c: main, and the table of commands. */
#include "base/clean.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct command {
	const char *name;
	int (*run)(const struct cli *cli, int argc, char **argv); /* argv[0] is the command's name; returns the exit status */
	const char *help; /* one line */
};

static const struct command commands[] = {
	{ "issue", cli_issue, "obtain the certificate for these names, deploy it, remember it for renewal" },
	{ "renew", cli_renew, "renew and deploy what is due" },
	{ "run", cli_run, "the daemon: renews what becomes due for as long as it runs" },
	{ "job", cli_job, "what the daemon starts; nothing for people" },
	{ "reload", cli_reload, "the daemon reads its configuration again" },
	{ "status", cli_status, "what is managed, until when, what is next, what failed" },
	{ "site", cli_site, "write the NGINX site: http to https, files, websockets" },
	{ "snippet", cli_snippet, "print or write the NGINX snippets" },
	{ "rollback", cli_rollback, "the previous generation goes live again" },
	{ "revoke", cli_revoke, "have the CA revoke a certificate" },
	{ "check", cli_check, "why HTTPS for these names works or does not" },
	{ "account", cli_account, "the accounts with CAs: show, update, rollover, deactivate" },
	{ "check-config", cli_check_config, "report every error in the configuration" },
};

static void print_usage(FILE *stream)
{
	fputs("Usage: certd [-c FILE] [-v|-q] COMMAND [ARGUMENTS]\n\nCommands:\n", stream);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(stream, "  %-14s %s\n", commands[i].name, commands[i].help);
	fputs("\n`certd COMMAND --help` shows what a command takes; certd(8) says all.\n", stream);
}

static int run_command(const struct cli *cli, int argc, char **argv)
{
	const char *names[ARRAY_SIZE(commands) + 1] = { NULL };
	const char *near;

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (text_equal(argv[0], commands[i].name))
			return commands[i].run(cli, argc, argv);
		names[i] = commands[i].name;
	}
	near = text_nearest(argv[0], names);
	if (near)
		log_error("there is no command %s; did you mean %s?", argv[0], near);
	else
		log_error("there is no command %s; `certd --help` lists them", argv[0]);
	return CLI_EXIT_USAGE;
}

/* What stands before the command. Returns the index of the command, 0 when there is nothing more to do (*ret_status is set). */
static int read_options(int argc, char **argv, struct cli *cli, int *ret_status)
{
	int verbosity = LOG_LEVEL_NOTICE;

	for (int i = 1; i < argc; i++) {
		if (text_equal(argv[i], "--help") || text_equal(argv[i], "-h")) {
			print_usage(stdout);
			*ret_status = CLI_EXIT_OK;
			return 0;
		}
		if (text_equal(argv[i], "--version") || text_equal(argv[i], "-V")) {
			printf("%s %s\n", PACKAGE_NAME, PACKAGE_VERSION);
			*ret_status = CLI_EXIT_OK;
			return 0;
		}
		if (text_equal(argv[i], "-c") && i + 1 == argc) {
			log_error("-c lacks its value, the configuration file");
			break;
		}
		if (text_equal(argv[i], "-c")) {
			cli->config_file = argv[++i];
			cli->config_named = true;
		} else if (text_equal(argv[i], "-v")) {
			verbosity += verbosity < LOG_LEVEL_DEBUG ? 1 : 0;
		} else if (text_equal(argv[i], "-q")) {
			cli->quiet = true;
			verbosity = LOG_LEVEL_ERROR;
		} else if (argv[i][0] == '-') {
			log_error("there is no option %s before the command", argv[i]);
			break;
		} else {
			log_set_level((enum log_level)verbosity);
			return i;
		}
	}
	print_usage(stderr);
	*ret_status = CLI_EXIT_USAGE;
	return 0;
}

/* A descriptor that we were started without would be given to the next file that is opened, and what is printed would go there. In its place comes one
 * that cannot be used in that direction either, so that to print is an error still. */
static void fill_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			_exit(CLI_EXIT_FAILED);
	}
}

/* What was printed has to have arrived, for a script that reads it. */
static int close_output(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	log_error("cannot write to standard output: %s", errno != 0 ? strerror(errno) : "some of it was lost");
	return status == CLI_EXIT_OK ? CLI_EXIT_FAILED : status;
}

int main(int argc, char **argv)
{
	struct cli cli = { .config_file = CERTD_SYSCONFDIR "/certd/certd.conf" };
	int status = CLI_EXIT_USAGE;
	int command;

	fill_descriptors();
	/* A reader that goes away shows as an error of the write, not as our end. */
	signal(SIGPIPE, SIG_IGN);
	umask(S_IRWXG | S_IRWXO);
	cli_journal_use();
	command = read_options(argc, argv, &cli, &status);
	if (command > 0)
		status = run_command(&cli, argc - command, argv + command);
	return close_output(status);
}
