/* certd site: the NGINX site of a certificate. */
#include "cli/site.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/log.h"
#include "base/program.h"
#include "base/text.h"
#include "cli/cli.h"
#include "config/config.h"
#include "config/directive.h"
#include "deploy/site.h"
#include "job/run.h"
#include "store/store.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum { OPTION_PRINT = 1000, OPTION_TAKE_OVER, OPTION_HELP, OPTION_WEBSOCKET, OPTION_PROXY, OPTION_DIRECTIVE };
enum { OWN_OPTIONS = 5, LOCATIONS_MAX = 100, TEXT_MAX = 256 * 1024 };

struct site_command {
	bool print;
	bool take_over;
	bool help;
	struct config_option settings[CONFIG_DIRECTIVES_MAX + LOCATIONS_MAX];
	size_t settings_count;
	struct ident_list names;
	char name[IDENT_NAME_SIZE];
};

static const struct option own_options[OWN_OPTIONS] = {
	{ "print", no_argument, NULL, OPTION_PRINT },
	{ "take-over", no_argument, NULL, OPTION_TAKE_OVER },
	{ "websocket", required_argument, NULL, OPTION_WEBSOCKET },
	{ "proxy", required_argument, NULL, OPTION_PROXY },
	{ "help", no_argument, NULL, OPTION_HELP },
};

bool cli_site_is_option(const char *name)
{
	return text_equal(name, "websocket") || text_equal(name, "proxy") ||
	       config_directive_find(name, CONFIG_SCOPE_SITE) != NULL;
}

static void print_help(void)
{
	size_t count;
	const struct config_directive *directives = config_directives(&count);

	puts("Usage: certd site [OPTIONS] NAME...\n\n"
	     "Writes the NGINX site for these names (the first is the name of the certificate):\n"
	     "http redirects to https, but for what the CA asks; https serves files, passes\n"
	     "websockets and other requests on. The name of a certificate alone: its site as it\n"
	     "is configured. Options that are given are remembered.\n\nOptions:\n"
	     "  --print                      only print it\n"
	     "  --take-over                  replace a server of http that has these names\n"
	     "  --websocket PATH=URL         pass websockets on: /ws=http://localhost:8081\n"
	     "  --proxy PATH=URL             pass requests on: /api=http://localhost:8000");
	for (size_t i = 0; i < count; i++) {
		char option[64];

		if (!directives[i].issue || directives[i].scopes != CONFIG_SCOPE_SITE)
			continue;
		snprintf(option, sizeof(option), "--%s%s%s", directives[i].name, directives[i].argument ? " " : "",
		         directives[i].argument ? directives[i].argument : "");
		printf("  %-28s %s\n", option, directives[i].help);
	}
}

static void build_options(struct option out[OWN_OPTIONS + CONFIG_DIRECTIVES_MAX + 1])
{
	size_t count, used = OWN_OPTIONS;
	const struct config_directive *directives = config_directives(&count);

	memcpy(out, own_options, sizeof(own_options));
	for (size_t i = 0; i < count; i++) {
		if (!directives[i].issue || directives[i].scopes != CONFIG_SCOPE_SITE)
			continue;
		out[used++] = (struct option){
			.name = directives[i].name,
			.has_arg = directives[i].kind == CONFIG_KIND_BOOL ? no_argument : required_argument,
			.val = OPTION_DIRECTIVE + (int)i,
		};
	}
	out[used] = (struct option){ 0 };
}

static int add_setting(struct site_command *command, const char *directive, const char *value)
{
	if (command->settings_count == sizeof(command->settings) / sizeof(command->settings[0]))
		return cli_usage("site", "too many options");
	command->settings[command->settings_count++] = (struct config_option){ directive, value };
	return 0;
}

static int take_option(struct site_command *command, int option, const char *value)
{
	size_t count;
	const struct config_directive *directives = config_directives(&count);

	if (option >= OPTION_DIRECTIVE)
		return add_setting(command, directives[option - OPTION_DIRECTIVE].name, value ? value : "true");
	if (option == OPTION_WEBSOCKET)
		return add_setting(command, "websocket", value);
	if (option == OPTION_PROXY)
		return add_setting(command, "proxy", value);
	if (option == OPTION_PRINT)
		command->print = true;
	else if (option == OPTION_TAKE_OVER)
		command->take_over = true;
	else
		command->help = true;
	return 0;
}

static int read_arguments(struct site_command *command, int argc, char **argv)
{
	struct option options[OWN_OPTIONS + CONFIG_DIRECTIVES_MAX + 1];
	int option, status;

	build_options(options);
	opterr = 0;
	optind = 1;
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (option == '?' || option == ':')
			return cli_usage("site", option == ':' ? "%s lacks its value" : "there is no option %s", cli_bad_option(argv));
		status = take_option(command, option, optarg);
		if (status != 0)
			return status;
	}
	return command->help || optind < argc ? 0 : cli_usage("site", "which names? The first is the name of the certificate");
}

/* The names as given; or those of the certificate that is named alone. */
static int read_names(struct site_command *command, const struct config *config, int argc, char **argv)
{
	const struct config_certificate *known = argc == 1 ? cli_lookup(config, argv[0]) : NULL;
	struct error err;

	error_clear(&err);
	if (known) {
		snprintf(command->name, sizeof(command->name), "%s", known->name);
		return ident_list_copy(&known->names, &command->names, &err) < 0 ? cli_fail("site", &err) : 0;
	}
	for (int i = 0; i < argc; i++) {
		struct ident ident;

		if (ident_parse(argv[i], &ident, &err) < 0 || ident_list_add(&command->names, &ident, &err) < 0)
			return cli_fail("site", &err);
	}
	if (ident_certificate_name(&command->names.items[0], command->name, &err) < 0)
		return cli_fail("site", &err);
	return 0;
}

static void show(const struct deploy_site *site)
{
	for (size_t i = 0; i < site->said.count; i++) {
		const char *line = site->said.items[i];

		if (text_has_prefix(line, "warning: "))
			log_warning("%s: %s", site->certificate->name, line + strlen("warning: "));
		else
			log_notice("%s: %s", site->certificate->name, line);
	}
	if (site->difference.len > 0)
		fputs(buf_text(&site->difference), stderr);
}

/* What was taken over lives in a file that the site includes. */
static int add_include(struct deploy_site *site, struct buf *text, struct error *err)
{
	const struct config_option option = { "include", site->include };

	if (site->include[0] == '\0')
		return 0;
	buf_reset(text);
	return config_compose(site->config, site->certificate->name, &site->certificate->names, &option, 1, text, err);
}

static int write_site(struct deploy_site *site, const struct config *config, struct buf *text, struct error *err)
{
	int r = config_save_check(config, site->certificate->name, buf_text(text), err);

	if (r == 0)
		r = deploy_site_write(site, err);
	show(site);
	if (r < 0 || add_include(site, text, err) < 0 || config_save(config, site->certificate->name, buf_text(text), err) < 0)
		return -1;
	if (r == DEPLOY_SITE_SAME)
		log_notice("%s: the site is there already, as it is configured", site->certificate->name);
	return deploy_site_reload(site, err) < 0 ? error_context(err, "the site is written and NGINX finds no fault in it") : 0;
}

int cli_site_make(const struct config *config, const struct config *with, const char *name, bool take_over, struct buf *text)
{
	const struct job job = { .config = with, .runner = runner_system() };
	CLEANUP(store_cert_cleanup) struct store_cert *store_cert = NULL;
	CLEANUP(job_run_close) struct job_run run = { .lock_fd = -1, .state_lock_fd = -1, .net = { .fd = -1 } };
	CLEANUP(deploy_site_done) struct deploy_site site = {
		.config = with,
		.certificate = config_find(with, name),
		.runner = runner_system(),
		.take_over = take_over,
	};
	struct error err;

	error_clear(&err);
	deploy_site_init(&site);
	if (site.certificate->settings.deploy == CONFIG_DEPLOY_NONE)
		return cli_usage("site", "%s is deployed without NGINX (deploy = none)", name);
	if (job_run_open(&run, &job, NULL, &err) < 0 || store_cert_open(run.store, name, true, &store_cert, &err) < 0)
		return cli_fail(name, &err);
	site.store = run.store;
	site.store_cert = store_cert;
	return write_site(&site, config, text, &err) < 0 ? cli_fail(name, &err) : CLI_EXIT_OK;
}

static int print_site(const struct config *with, const char *name)
{
	CLEANUP(store_cleanup) struct store *store = NULL;
	CLEANUP(store_cert_cleanup) struct store_cert *store_cert = NULL;
	CLEANUP(buf_done) struct buf out = BUF(TEXT_MAX);
	CLEANUP(deploy_site_done) struct deploy_site site = {
		.config = with,
		.certificate = config_find(with, name),
		.runner = runner_system(),
	};
	struct error err;

	error_clear(&err);
	deploy_site_init(&site);
	if (store_open(with->state_dir, false, &store, &err) < 0 ||
	    (store && store_cert_open(store, name, false, &store_cert, &err) < 0))
		return cli_fail(name, &err);
	site.store = store;
	site.store_cert = store_cert;
	if (deploy_site_print(&site, &out, &err) < 0)
		return cli_fail(name, &err);
	show(&site);
	fputs(buf_text(&out), stdout);
	return CLI_EXIT_OK;
}

static int run(const struct site_command *command, const struct config *config)
{
	CLEANUP(config_cleanup) struct config *with = NULL;
	CLEANUP(buf_done) struct buf text = BUF(TEXT_MAX);
	struct error err;
	int status;

	error_clear(&err);
	if (config_compose(config, command->name, &command->names, command->settings, command->settings_count, &text, &err) < 0 ||
	    config_load_with(config, command->name, buf_text(&text), &with, &err) < 0)
		return cli_fail("site", &err);
	if (command->print)
		return print_site(with, command->name);
	status = cli_site_make(config, with, command->name, command->take_over, &text);
	if (status == CLI_EXIT_OK)
		printf("%s: NGINX was told of the site; `certd issue` obtains the certificate where there is none yet\n",
		       command->name);
	return status;
}

int cli_site(const struct cli *cli, int argc, char **argv)
{
	CLEANUP(config_cleanup) struct config *config = NULL;
	struct site_command command = { .settings = { { "site", "true" } }, .settings_count = 1 };
	int status = read_arguments(&command, argc, argv);

	if (status == 0 && command.help) {
		print_help();
		return CLI_EXIT_OK;
	}
	if (status == 0)
		config = cli_load_config(cli, &status);
	if (config) {
		status = read_names(&command, config, argc - optind, argv + optind);
		if (status == 0)
			status = run(&command, config);
	}
	ident_list_done(&command.names);
	return status;
}
