/* certd snippet: print, or write, the pieces of NGINX configuration. */
#include "cli/cli.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/program.h"
#include "config/config.h"
#include "deploy/deploy.h"
#include "nginx/snippet.h"
#include "store/store.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum { SNIPPET_MAX = 64 * 1024 };

static const char help[] =
	"Usage: certd snippet [--write] CERT\n"
	"       certd snippet --challenge\n\n"
	"Prints the SSL snippet of a certificate, for the 443 server to include; or the\n"
	"/.well-known exception, for the port-80 server. Without a certificate yet the\n"
	"snippet is a placeholder with which NGINX can start.\n\nOptions:\n"
	"  --write      write both files to where NGINX includes them from\n"
	"  --challenge  print the exception for the port-80 server";

static const struct option options_known[] = {
	{ "write", no_argument, NULL, 'w' },
	{ "challenge", no_argument, NULL, 'c' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int print_challenge(const struct config *config)
{
	CLEANUP(buf_done) struct buf text = BUF(SNIPPET_MAX);
	struct error err;

	error_clear(&err);
	if (nginx_snippet_challenge(config->defaults.webroot, &text, &err) < 0)
		return cli_fail("snippet", &err);
	fputs(buf_text(&text), stdout);
	return CLI_EXIT_OK;
}

static int print_ssl(const struct config *config, const struct config_certificate *certificate,
                     const struct store_cert *store_cert)
{
	CLEANUP(buf_done) struct buf text = BUF(SNIPPET_MAX);
	struct error err;

	error_clear(&err);
	if (deploy_snippet_text(config, certificate, store_cert, runner_system(), &text, &err) < 0)
		return cli_fail("snippet", &err);
	fputs(buf_text(&text), stdout);
	return CLI_EXIT_OK;
}

static int write_both(const struct config *config, const struct config_certificate *certificate,
                      const struct store_cert *store_cert)
{
	CLEANUP(buf_done) struct buf path = BUF(SNIPPET_MAX);
	struct error err;

	error_clear(&err);
	if (deploy_write_snippets(config, certificate, store_cert, runner_system(), &err) < 0 ||
	    deploy_snippet_path(config, certificate->name, &path, &err) < 0)
		return cli_fail("snippet", &err);
	printf("For the 443 server:     include %s;\n", buf_text(&path));
	printf("For the port-80 server: include %s/certd-acme-challenge.conf;\n", config->nginx_snippet_dir);
	return CLI_EXIT_OK;
}

/* A certificate that is not configured yet: the name is enough for a placeholder. */
static int compose_unknown(const struct config *config, const char *wanted, char name[static IDENT_NAME_SIZE], struct config **ret)
{
	CLEANUP(buf_done) struct buf text = BUF(SNIPPET_MAX);
	struct ident_list names = { 0 };
	struct ident ident;
	struct error err;
	int r = -1;

	error_clear(&err);
	if (ident_parse(wanted, &ident, &err) == 0 && ident_certificate_name(&ident, name, &err) == 0 &&
	    ident_list_add(&names, &ident, &err) == 0 && config_compose(config, name, &names, NULL, 0, &text, &err) == 0)
		r = config_load_with(config, name, buf_text(&text), ret, &err);
	ident_list_done(&names);
	return r < 0 ? cli_fail("snippet", &err) : CLI_EXIT_OK;
}

static int run(const struct config *config, const char *wanted, bool write)
{
	CLEANUP(config_cleanup) struct config *with = NULL;
	CLEANUP(store_cleanup) struct store *store = NULL;
	CLEANUP(store_cert_cleanup) struct store_cert *store_cert = NULL;
	const struct config_certificate *certificate = cli_lookup(config, wanted);
	char name[IDENT_NAME_SIZE];
	struct error err;
	int status;

	if (!certificate) {
		status = compose_unknown(config, wanted, name, &with);
		if (status != CLI_EXIT_OK)
			return status;
		certificate = config_find(with, name);
	}
	error_clear(&err);
	if (store_open(config->state_dir, false, &store, &err) < 0 ||
	    (store && store_cert_open(store, certificate->name, false, &store_cert, &err) < 0))
		return cli_fail("snippet", &err);
	return write ? write_both(config, certificate, store_cert) : print_ssl(config, certificate, store_cert);
}

int cli_snippet(const struct cli *cli, int argc, char **argv)
{
	CLEANUP(config_cleanup) struct config *config = NULL;
	bool write = false, challenge = false;
	int option, status;

	opterr = 0;
	optind = 1;
	while ((option = getopt_long(argc, argv, ":h", options_known, NULL)) != -1) {
		if (option == 'h') {
			puts(help);
			return CLI_EXIT_OK;
		}
		if (option == 'w')
			write = true;
		else if (option == 'c')
			challenge = true;
		else
			return cli_usage("snippet", "there is no option %s", cli_bad_option(argv));
	}
	if (argc - optind != (challenge ? 0 : 1) || (challenge && write))
		return cli_usage("snippet", "one certificate, or --challenge alone");
	config = cli_load_config(cli, &status);
	if (!config)
		return status;
	return challenge ? print_challenge(config) : run(config, argv[optind], write);
}
