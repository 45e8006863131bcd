/* cli.h: the command line: one file per command; what they have in common. */
#ifndef CERTD_CLI_CLI_H
#define CERTD_CLI_CLI_H

#include "base/error.h"
#include "job/job.h"

#include <stdbool.h>
#include <stddef.h>

struct config;
struct config_certificate;

enum { CLI_EXIT_OK = 0, CLI_EXIT_FAILED = 1, CLI_EXIT_USAGE = 2 };

/* What stands before the command. */
struct cli {
	const char *config_file; /* -c, or the one compiled in */
	bool config_named; /* by -c: then it must exist */
	bool quiet; /* -q: errors only */
};

/* A command: argv[0] is its name. Returns the exit status. */
int cli_issue(const struct cli *cli, int argc, char **argv);
int cli_renew(const struct cli *cli, int argc, char **argv);
int cli_run(const struct cli *cli, int argc, char **argv);
int cli_job(const struct cli *cli, int argc, char **argv);
int cli_status(const struct cli *cli, int argc, char **argv);
int cli_site(const struct cli *cli, int argc, char **argv);
int cli_snippet(const struct cli *cli, int argc, char **argv);
int cli_rollback(const struct cli *cli, int argc, char **argv);
int cli_revoke(const struct cli *cli, int argc, char **argv);
int cli_check(const struct cli *cli, int argc, char **argv);
int cli_account(const struct cli *cli, int argc, char **argv);
int cli_reload(const struct cli *cli, int argc, char **argv);
int cli_check_config(const struct cli *cli, int argc, char **argv);

/* Loads the configuration; every error in it goes to stderr as "FILE:LINE: message". NULL after one, *ret_status then holds the
 * exit status. */
struct config *cli_load_config(const struct cli *cli, int *ret_status);

/* The certificate of that name, or that is named after what a person wrote (an address: 2001:db8::1 names 2001_db8__1); or NULL. */
const struct config_certificate *cli_lookup(const struct config *config, const char *text);

/* The same; or NULL after saying on stderr that there is none, and which name is near. */
const struct config_certificate *cli_find(const struct config *config, const char *name);

/* Whether stdout is a terminal that takes colours, and NO_COLOR does not say otherwise. */
bool cli_has_colour(void);

/* Says on stderr what failed, and what to do; returns the exit status of its kind. */
int cli_fail(const char *context, const struct error *err);

/* The option that getopt_long() just complained about, as it was written: also "-dry-run", which is a heap of short ones to it. */
const char *cli_bad_option(char *const *argv);

/* "certd COMMAND: message" and a pointer to --help on stderr; returns CLI_EXIT_USAGE. */
int cli_usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
