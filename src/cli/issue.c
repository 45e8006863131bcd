/* certd issue: obtain the certificate for these names, deploy it, remember it for renewal. */
#include "cli/cli.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/ident.h"
#include "base/log.h"
#include "cli/outcome.h"
#include "cli/progress.h"
#include "cli/remote.h"
#include "cli/site.h"
#include "config/config.h"
#include "config/directive.h"
#include "job/metrics.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum {
	OPTION_FORCE = 1000,
	OPTION_DRY_RUN,
	OPTION_NO_DEPLOY,
	OPTION_JSON,
	OPTION_SITE,
	OPTION_TAKE_OVER,
	OPTION_WEBSOCKET,
	OPTION_PROXY,
	OPTION_HELP,
	OPTION_DIRECTIVE,
};
enum { OWN_OPTIONS = 9, LOCATIONS_MAX = 100, TEXT_MAX = 64 * 1024 };

struct issue {
	struct job_options options;
	bool json;
	bool help;
	bool site;
	bool take_over;
	struct config_option settings[CONFIG_DIRECTIVES_MAX + LOCATIONS_MAX];
	size_t settings_count;
	struct ident_list names;
	char name[IDENT_NAME_SIZE];
};

static const struct option own_options[OWN_OPTIONS] = {
	{ "force", no_argument, NULL, OPTION_FORCE },         { "dry-run", no_argument, NULL, OPTION_DRY_RUN },
	{ "no-deploy", no_argument, NULL, OPTION_NO_DEPLOY }, { "json", no_argument, NULL, OPTION_JSON },
	{ "site", no_argument, NULL, OPTION_SITE },          { "websocket", required_argument, NULL, OPTION_WEBSOCKET },
	{ "proxy", required_argument, NULL, OPTION_PROXY },  { "take-over", no_argument, NULL, OPTION_TAKE_OVER },
	{ "help", no_argument, NULL, OPTION_HELP },
};

static void print_cas(void)
{
	size_t count;
	const struct config_ca *cas = config_builtin_cas(&count);

	puts("\nCAs known by name (EAB: they want --eab-kid and --eab-hmac-file, or a ca block\nwith both):");
	for (size_t i = 0; i < count; i++)
		printf("  %-20s %-3s  %s\n", cas[i].name, cas[i].eab_needed ? "EAB" : "", cas[i].directory);
}

static void print_help(void)
{
	size_t count;
	const struct config_directive *directives = config_directives(&count);

	puts("Usage: certd issue [OPTIONS] NAME...\n\n"
	     "Obtains the certificate for these names (the first is its name), deploys it,\n"
	     "and remembers it for renewal. Names whose certificate is not due: says so,\nexit status 0.\n\nOptions:\n"
	     "  --force                      also when it is not due\n"
	     "  --dry-run                    go through the whole order and throw the result away\n"
	     "  --no-deploy                  neither snippet nor hooks nor proof\n"
	     "  --json                       one JSON document on stdout\n"
	     "  --site                       write the NGINX site first; with the options of `certd site`\n"
	     "  --take-over                  with --site: replace a server of http that has these names\n"
	     "  --websocket PATH=URL         with --site: pass websockets on\n"
	     "  --proxy PATH=URL             with --site: pass requests on");
	for (size_t i = 0; i < count; i++) {
		char option[64];

		if (!directives[i].issue)
			continue;
		snprintf(option, sizeof(option), "--%s%s%s", directives[i].name, directives[i].argument ? " " : "",
		         directives[i].argument ? directives[i].argument : "");
		printf("  %-28s %s\n", option, directives[i].help);
	}
	print_cas();
}

/* Our own options and one for each directive that is an option too; OPTION_DIRECTIVE + i is directive i. */
static void build_options(struct option out[OWN_OPTIONS + CONFIG_DIRECTIVES_MAX + 1])
{
	size_t count, used = OWN_OPTIONS;
	const struct config_directive *directives = config_directives(&count);

	memcpy(out, own_options, sizeof(own_options));
	for (size_t i = 0; i < count; i++) {
		if (!directives[i].issue)
			continue;
		out[used++] = (struct option){
			.name = directives[i].name,
			.has_arg = directives[i].kind == CONFIG_KIND_BOOL ? no_argument : required_argument,
			.val = OPTION_DIRECTIVE + (int)i,
		};
	}
	out[used] = (struct option){ 0 };
}

static int add_setting(struct issue *issue, const char *name, const char *value)
{
	if (issue->settings_count == ARRAY_SIZE(issue->settings))
		return cli_usage("issue", "too many options");
	issue->settings[issue->settings_count++] = (struct config_option){ name, value };
	return 0;
}

static int set_directive(struct issue *issue, size_t index, const char *value)
{
	size_t count;
	const struct config_directive *directives = config_directives(&count);

	for (size_t i = 0; i < issue->settings_count && !config_directive_is_list(&directives[index]); i++) {
		if (strcmp(issue->settings[i].directive, directives[index].name) == 0)
			return cli_usage("issue", "--%s stands there twice", directives[index].name);
	}
	return add_setting(issue, directives[index].name, value ? value : "true");
}

static int take_option(struct issue *issue, int option, const char *value)
{
	if (option == OPTION_WEBSOCKET || option == OPTION_PROXY)
		return add_setting(issue, option == OPTION_PROXY ? "proxy" : "websocket", value);
	if (option == OPTION_SITE) {
		issue->site = true;
		return add_setting(issue, "site", "true");
	}
	if (option == OPTION_TAKE_OVER) {
		issue->take_over = true;
		return 0;
	}
	if (option >= OPTION_DIRECTIVE)
		return set_directive(issue, (size_t)(option - OPTION_DIRECTIVE), value);
	if (option == OPTION_FORCE)
		issue->options.force = true;
	else if (option == OPTION_DRY_RUN)
		issue->options.dry_run = true;
	else if (option == OPTION_NO_DEPLOY)
		issue->options.deploy = false;
	else if (option == OPTION_JSON)
		issue->json = true;
	else if (option == OPTION_HELP)
		issue->help = true;
	else
		return cli_usage("issue", "that option is not known, or lacks its value");
	return 0;
}

static int read_names(struct issue *issue, int argc, char **argv)
{
	struct error err;

	error_clear(&err);
	if (argc == 0)
		return cli_usage("issue", "which names? The first is the name of the certificate");
	for (int i = 0; i < argc; i++) {
		struct ident ident;

		if (ident_parse(argv[i], &ident, &err) < 0 || ident_list_add(&issue->names, &ident, &err) < 0)
			return cli_fail("issue", &err);
	}
	if (ident_certificate_name(&issue->names.items[0], issue->name, &err) < 0)
		return cli_fail("issue", &err);
	return 0;
}

static int read_arguments(struct issue *issue, int argc, char **argv)
{
	struct option options[OWN_OPTIONS + CONFIG_DIRECTIVES_MAX + 1];
	int option, status;

	build_options(options);
	opterr = 0;
	optind = 1;
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (option == 'h')
			option = OPTION_HELP;
		if (option == '?' || option == ':')
			return cli_usage("issue", option == ':' ? "%s lacks its value" : "there is no option %s", cli_bad_option(argv));
		status = take_option(issue, option, optarg);
		if (status != 0)
			return status;
		if (issue->help)
			return 0;
	}
	for (size_t i = 0; i < issue->settings_count && !issue->site; i++) {
		if (cli_site_is_option(issue->settings[i].directive))
			return cli_usage("issue", "--%s is for the site: give --site too", issue->settings[i].directive);
	}
	if (issue->take_over && !issue->site)
		return cli_usage("issue", "--take-over is for the site: give --site too");
	if (issue->site && issue->options.dry_run)
		return cli_usage("issue", "--site writes the site, which --dry-run forbids; `certd site --print` shows it");
	return read_names(issue, argc - optind, argv + optind);
}

static bool was_issued(const struct job_outcome *outcome)
{
	if (outcome->result == JOB_FAILED)
		return outcome->error.kind == ERROR_DEPLOY;
	return outcome->result != JOB_BLOCKED;
}

static int save(const struct config *config, const struct issue *issue, const char *text)
{
	struct error err;

	error_clear(&err);
	if (config_save(config, issue->name, text, &err) == 0)
		return CLI_EXIT_OK;
	error_context(&err, "it could not be remembered for renewal");
	return cli_fail(issue->name, &err);
}

static void forget(const struct config *config, const struct issue *issue)
{
	CLEANUP(clean_fd) int fd = -1;
	char leaf[IDENT_NAME_SIZE + sizeof(".conf")];
	struct error err;
	int r;

	error_clear(&err);
	snprintf(leaf, sizeof(leaf), "%s.conf", issue->name);
	r = file_open_dir(config->conf_dir, &fd, &err);
	if (r == FILE_OK)
		r = file_remove(fd, leaf, &err);
	if (r >= 0)
		r = cli_remote_reload(config, &err);
	if (r < 0)
		log_failure(LOG_LEVEL_WARNING, issue->name, &err);
}

/* What is managed already keeps its configuration until another one has proven to work. What is new was saved before anything was asked of
 * anybody, so that no crash leaves a certificate that nothing renews, and it stays also when a first attempt failed: `certd renew` tries it
 * again. But not what was told to stop, and not what a person has to write in another way. */
static int remember(const struct config *config, const struct issue *issue, const char *text,
                    const struct job_outcome *outcome)
{
	/* With a site it is remembered for that already. */
	bool managed = config_find(config, issue->name) != NULL || issue->site;

	if (issue->options.dry_run)
		return CLI_EXIT_OK;
	if (was_issued(outcome))
		return save(config, issue, text);
	if (managed)
		return CLI_EXIT_OK;
	if (outcome->error.kind == ERROR_USAGE || outcome->error.kind == ERROR_INTERRUPTED) {
		forget(config, issue);
		return CLI_EXIT_OK;
	}
	log_notice("%s: remembered in %s/%s.conf: `certd renew` tries it again; remove that file to give it up", issue->name,
	           config->conf_dir, issue->name);
	return CLI_EXIT_OK;
}

/* The file as it was before, or gone where there was none; and the daemon has it so, too. */
static void put_back(const struct issue *issue, const struct config *config, const struct buf *before)
{
	struct error err;

	error_clear(&err);
	if (before->len == 0)
		forget(config, issue);
	else if (config_save(config, issue->name, buf_text(before), &err) < 0 || cli_remote_reload(config, &err) < 0)
		log_failure(LOG_LEVEL_WARNING, issue->name, &err);
}

static int read_before(const struct issue *issue, const struct config *config, struct buf *before, struct error *err)
{
	CLEANUP(clean_fd) int fd = -1;
	char leaf[IDENT_NAME_SIZE + sizeof(".conf")];
	int r = file_open_dir(config->conf_dir, &fd, err);

	snprintf(leaf, sizeof(leaf), "%s.conf", issue->name);
	return r == FILE_OK && file_read(fd, leaf, before, err) < 0 ? -1 : r < 0 ? -1 : 0;
}

/* Where a daemon runs: it reads what is to be issued in the files, so they are written before. What did not come to a certificate is put back. */
static int run_remote(const struct issue *issue, const struct config *config, const char *text, const struct job *job,
                      struct job_outcome *ret, struct error *err)
{
	CLEANUP(buf_done) struct buf before = BUF(TEXT_MAX);
	const struct config_certificate *certificate = config_find(config, issue->name);
	int r;

	if (issue->options.dry_run || !issue->options.deploy)
		return CLI_REMOTE_NONE;
	if (!cli_remote_is_there(config))
		return CLI_REMOTE_NONE;
	if (read_before(issue, config, &before, err) < 0 || config_save(config, issue->name, text, err) < 0)
		return -1;
	r = cli_remote_reload(config, err);
	if (r == CLI_REMOTE_DONE)
		r = cli_remote_run(job, &certificate, 1, &issue->options, ret, err);
	if ((r < 0 && err->kind != ERROR_INTERRUPTED) || (r == 0 && !was_issued(ret)))
		put_back(issue, config, &before);
	return r;
}

/* goes_on: the daemon has it and keeps it, though nobody here waits for it any more. */
static int run_job(const struct cli *cli, const struct issue *issue, const struct config *config, const char *text,
                   struct job_outcome *ret, bool *goes_on, struct error *err)
{
	const struct config_certificate *certificate = config_find(config, issue->name);
	struct cli_progress progress;
	struct job job;
	bool remote;
	int r;

	cli_progress_init(&progress, cli->quiet);
	cli_progress_job(&progress, config, &job);
	r = run_remote(issue, config, text, &job, ret, err);
	remote = r != CLI_REMOTE_NONE;
	if (!remote)
		r = job_run(&job, &certificate, 1, &issue->options, ret, err);
	cli_progress_end(&progress);
	*goes_on = remote && r < 0 && err->kind == ERROR_INTERRUPTED;
	if (!remote && r == 0 && !issue->options.dry_run)
		job_metrics_update(config, clock_wall(job.clock));
	return r;
}

/* What is wrong on the command line is not to be looked for in a file that does not exist yet. */
static void leave_place_out(const struct config *config, const struct issue *issue, struct error *err)
{
	char place[PATH_MAX];
	size_t len;

	snprintf(place, sizeof(place), "%s/%s.conf:", config->conf_dir, issue->name);
	len = strlen(place);
	if (strncmp(err->message, place, len) != 0)
		return;
	len += strspn(err->message + len, "0123456789");
	if (strncmp(err->message + len, ": ", 2) == 0)
		memmove(err->message, err->message + len + 2, strlen(err->message + len + 2) + 1);
}

static int run(const struct cli *cli, const struct issue *issue, const struct config *config, const char *text)
{
	CLEANUP(config_cleanup) struct config *with = NULL;
	bool is_new = config_find(config, issue->name) == NULL && !issue->options.dry_run && !issue->site;
	struct job_outcome outcome = { .result = JOB_FAILED };
	struct error err;
	bool goes_on;
	int remembered, r;

	error_clear(&err);
	if (config_load_with(config, issue->name, text, &with, &err) < 0) {
		leave_place_out(config, issue, &err);
		return cli_fail("issue", &err);
	}
	if (!config_find(with, issue->name))
		return cli_usage("issue", "%s could not be found in the configuration", issue->name);
	if (is_new && save(config, issue, text) != CLI_EXIT_OK)
		return CLI_EXIT_FAILED;
	if (run_job(cli, issue, with, text, &outcome, &goes_on, &err) < 0) {
		if (is_new && !goes_on)
			forget(config, issue);
		return cli_fail("issue", &err);
	}
	if (!issue->json)
		cli_outcome_print(&outcome, cli->quiet);
	remembered = remember(config, issue, text, &outcome);
	r = cli_outcome_status(&outcome, 1);
	if (r == CLI_EXIT_OK)
		r = remembered;
	return issue->json ? cli_json_print(cli_outcome_json(&outcome, 1), r) : r;
}

static int make_site(const struct issue *issue, const struct config *config, struct buf *text)
{
	CLEANUP(config_cleanup) struct config *with = NULL;
	struct error err;

	if (!issue->site)
		return CLI_EXIT_OK;
	error_clear(&err);
	if (config_load_with(config, issue->name, buf_text(text), &with, &err) < 0)
		return cli_fail("issue", &err);
	return cli_site_make(config, with, issue->name, issue->take_over, text);
}

int cli_issue(const struct cli *cli, int argc, char **argv)
{
	CLEANUP(config_cleanup) struct config *config = NULL;
	CLEANUP(buf_done) struct buf text = BUF(TEXT_MAX);
	struct issue issue = { .options = { .deploy = true, .named = true } };
	struct error err;
	int status;

	status = read_arguments(&issue, argc, argv);
	if (status == 0 && issue.help) {
		print_help();
		return CLI_EXIT_OK;
	}
	if (status == 0)
		config = cli_load_config(cli, &status);
	if (status == 0) {
		error_clear(&err);
		if (config_compose(config, issue.name, &issue.names, issue.settings, issue.settings_count, &text, &err) < 0)
			status = cli_fail("issue", &err);
		else
			status = make_site(&issue, config, &text);
		if (status == CLI_EXIT_OK)
			status = run(cli, &issue, config, buf_text(&text));
	}
	ident_list_done(&issue.names);
	return status;
}
