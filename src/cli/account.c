/* certd account: the accounts with CAs, and what can be done with one of them. */
#include "cli/cli.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/outcome.h"
#include "cli/progress.h"
#include "config/config.h"
#include "job/accounts.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum { OPTION_CA = 1000, OPTION_EMAIL, OPTION_CONTACT, OPTION_AGREE_TOS, OPTION_YES, OPTION_JSON };

static const char help[] =
	"Usage: certd account [OPTIONS] show|update|rollover|deactivate\n\n"
	"show: the accounts that there are, and what their CAs say of them.\n"
	"update: tell the CA another address, or that its new terms are agreed to.\n"
	"rollover: give the account a new key.\n"
	"deactivate: end the account, for ever.\n\nOptions:\n"
	"  --ca NAME|URL   the account with this CA\n"
	"  --email ADDR    the account for this address\n"
	"  --contact ADDR  update: the new address\n"
	"  --agree-tos     update: agree to the CA's terms of service as they are now\n"
	"  --yes           deactivate: yes, for ever\n"
	"  --json          show: one JSON document on stdout";

static const struct option options_known[] = {
	{ "ca", required_argument, NULL, OPTION_CA },
	{ "email", required_argument, NULL, OPTION_EMAIL },
	{ "contact", required_argument, NULL, OPTION_CONTACT },
	{ "agree-tos", no_argument, NULL, OPTION_AGREE_TOS },
	{ "yes", no_argument, NULL, OPTION_YES },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static const struct verb {
	const char *name;
	enum job_account_verb verb;
	const char *done;
} verbs[] = {
	{ "show", JOB_ACCOUNT_SHOW, "" },
	{ "update", JOB_ACCOUNT_UPDATE, "is up to date" },
	{ "rollover", JOB_ACCOUNT_ROLLOVER, "has a new key" },
	{ "deactivate", JOB_ACCOUNT_DEACTIVATE, "is deactivated" },
};

struct request {
	const struct cli *cli;
	const struct config *config;
	const struct verb *verb;
	struct job_account_wish wish;
	const char *ca;
	const char *email;
	bool yes;
	bool json;
	bool help;
	struct job_account_list list;
};

static bool is_meant(const struct request *request, const struct job_account_ref *ref)
{
	const struct config_ca *ca = request->ca ? config_ca_find(request->config, request->ca) : NULL;
	const char *directory = ca ? ca->directory : request->ca;

	if (directory && (!ref->directory_url || !text_equal(ref->directory_url, directory)))
		return false;
	return !request->email || text_equal(ref->contact ? ref->contact : "", request->email);
}

static int perform(struct request *request, const struct job_account_ref *ref, struct job_account_view *ret, struct error *err)
{
	struct cli_progress progress;
	struct job job;
	int r;

	error_clear(err);
	cli_progress_init(&progress, request->cli->quiet);
	cli_progress_job(&progress, request->config, &job);
	r = job_account_do(&job, ref, &request->wish, ret, err);
	cli_progress_end(&progress);
	return r;
}

/* --- show --- */

static json_t *contacts_json(const struct strv *contacts)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < contacts->count; i++)
		json_array_append_new(list, json_string(contacts->items[i]));
	return list;
}

static json_t *one_json(const char *ca, const struct job_account_ref *ref, const struct job_account_view *view,
                        const struct error *err)
{
	return json_pack("{s:s, s:s?, s:s?, s:s?, s:s?, s:o, s:s?, s:s?, s:s, s:o}", "ca", ca, "directory", ref->directory_url,
	                 "email", ref->contact, "url", view->url[0] != '\0' ? view->url : NULL, "status",
	                 view->status[0] != '\0' ? view->status : NULL, "contacts", contacts_json(&view->contacts), "key",
	                 view->key, "thumbprint", view->thumbprint[0] != '\0' ? view->thumbprint : NULL, "path", ref->path,
	                 "error", cli_error_json(err));
}

static void print_one(const char *ca, const struct job_account_ref *ref, const struct job_account_view *view)
{
	printf("%s%s%s\n", ca, ref->contact ? " " : "", ref->contact ? ref->contact : "");
	printf("  directory   %s\n", ref->directory_url ? ref->directory_url : "-");
	if (view->key) {
		printf("  account     %s\n", view->url[0] != '\0' ? view->url : "-");
		printf("  status      %s\n", view->status[0] != '\0' ? view->status : "-");
		for (size_t i = 0; i < view->contacts.count; i++)
			printf("  contact     %s\n", view->contacts.items[i]);
		printf("  key         %s, thumbprint %s\n", view->key, view->thumbprint);
	}
	printf("  files       %s\n", ref->path);
	fflush(stdout);
}

/* Adds it to `accounts` where that is wanted, else prints it. Returns the exit status. */
static int show_one(struct request *request, const struct job_account_ref *ref, json_t *accounts)
{
	CLEANUP(job_account_view_done) struct job_account_view view = { 0 };
	char ca[JOB_ACCOUNT_NAME_SIZE];
	struct error err;

	job_account_ca_name(request->config, ref, ca);
	(void)perform(request, ref, &view, &err);
	if (request->json)
		json_array_append_new(accounts, one_json(ca, ref, &view, &err));
	else
		print_one(ca, ref, &view);
	return err.kind == ERROR_NONE ? CLI_EXIT_OK : cli_fail(ca, &err);
}

static int show(struct request *request)
{
	json_t *accounts = json_array();
	size_t found = 0;
	int worst = CLI_EXIT_OK;

	for (size_t i = 0; i < request->list.count; i++) {
		int status;

		if (!is_meant(request, &request->list.items[i]))
			continue;
		found++;
		status = show_one(request, &request->list.items[i], accounts);
		if (status == CLI_EXIT_FAILED || worst == CLI_EXIT_OK)
			worst = status;
	}
	if (request->json)
		return cli_json_print(json_pack("{s:o}", "accounts", accounts), worst);
	json_decref(accounts);
	if (found == 0)
		puts("there is no such account: one is registered with the first certificate that is ordered");
	return worst;
}

/* --- the other verbs --- */

static const struct job_account_ref *the_one(const struct request *request)
{
	const struct job_account_ref *found = NULL;
	size_t count = 0;

	for (size_t i = 0; i < request->list.count; i++) {
		if (!is_meant(request, &request->list.items[i]))
			continue;
		found = &request->list.items[i];
		count++;
	}
	if (count == 1)
		return found;
	if (count == 0)
		log_error("account: there is no such account; `certd account show` lists them");
	else
		log_error("account: which one? There are %zu; `certd account show` lists them, --ca and --email choose one", count);
	return NULL;
}

static int change(struct request *request)
{
	CLEANUP(job_account_view_done) struct job_account_view view = { 0 };
	const struct job_account_ref *ref = the_one(request);
	char ca[JOB_ACCOUNT_NAME_SIZE];
	struct error err;

	if (!ref)
		return CLI_EXIT_USAGE;
	job_account_ca_name(request->config, ref, ca);
	if (perform(request, ref, &view, &err) < 0)
		return cli_fail(ca, &err);
	printf("%s: the account %s %s; its files are in %s\n", ca, view.url, request->verb->done, view.path);
	if (request->wish.contact && !text_equal(request->wish.contact, ref->contact ? ref->contact : ""))
		log_notice("%s: say email = \"%s\" in the configuration from now on: an account is found by its address", ca,
		           request->wish.contact);
	return CLI_EXIT_OK;
}

/* --- what was asked for --- */

static int take_option(struct request *request, int option)
{
	if (option == 'h')
		request->help = true;
	else if (option == OPTION_CA)
		request->ca = optarg;
	else if (option == OPTION_EMAIL)
		request->email = optarg;
	else if (option == OPTION_CONTACT)
		request->wish.contact = optarg;
	else if (option == OPTION_AGREE_TOS)
		request->wish.agree_tos = true;
	else if (option == OPTION_YES)
		request->yes = true;
	else if (option == OPTION_JSON)
		request->json = true;
	else
		return -1;
	return 0;
}

static int check(const struct request *request)
{
	const enum job_account_verb verb = request->verb->verb;
	struct error err;

	error_clear(&err);
	if (request->wish.contact && config_check_email(request->wish.contact, &err) < 0)
		return cli_fail("account: --contact", &err);
	if (verb != JOB_ACCOUNT_UPDATE && (request->wish.contact || request->wish.agree_tos))
		return cli_usage("account", "--contact and --agree-tos are for update");
	if (verb == JOB_ACCOUNT_UPDATE && !request->wish.contact && !request->wish.agree_tos)
		return cli_usage("account", "what is there to update? --contact ADDR, or --agree-tos");
	if (request->json && verb != JOB_ACCOUNT_SHOW)
		return cli_usage("account", "--json is for show");
	if (verb == JOB_ACCOUNT_DEACTIVATE && !request->yes)
		return cli_usage("account", "an account that is deactivated stays so for ever; if that is meant, say --yes");
	return CLI_EXIT_OK;
}

static int read_arguments(struct request *request, int argc, char **argv)
{
	int option;

	opterr = 0;
	optind = 1;
	while ((option = getopt_long(argc, argv, ":h", options_known, NULL)) != -1) {
		if (take_option(request, option) < 0)
			return cli_usage("account", option == ':' ? "%s lacks its value" : "there is no option %s", cli_bad_option(argv));
	}
	if (request->help)
		return CLI_EXIT_OK;
	if (argc - optind != 1)
		return cli_usage("account", "what is to be done? One of show, update, rollover, deactivate");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (text_equal(argv[optind], verbs[i].name))
			request->verb = &verbs[i];
	}
	if (!request->verb)
		return cli_usage("account", "%s is none of show, update, rollover, deactivate", argv[optind]);
	request->wish.verb = request->verb->verb;
	return check(request);
}

int cli_account(const struct cli *cli, int argc, char **argv)
{
	CLEANUP(config_cleanup) struct config *config = NULL;
	struct request request = { .cli = cli };
	struct error err;
	int status = read_arguments(&request, argc, argv);

	if (request.help)
		puts(help);
	if (status != CLI_EXIT_OK || request.help)
		return status;
	config = cli_load_config(cli, &status);
	if (!config)
		return status;
	request.config = config;
	if (request.ca && !config_ca_find(config, request.ca) && !strchr(request.ca, '/'))
		return cli_usage("account", "there is no CA %s", request.ca);
	error_clear(&err);
	if (job_accounts_list(config, &request.list, &err) < 0)
		return cli_fail("account", &err);
	status = request.verb->verb == JOB_ACCOUNT_SHOW ? show(&request) : change(&request);
	job_accounts_done(&request.list);
	return status;
}
