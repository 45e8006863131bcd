/* certd check: why HTTPS for these names works or does not. */
#include "cli/cli.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/outcome.h"
#include "cli/progress.h"
#include "config/config.h"
#include "job/inspect.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_JSON = 256, OPTION_WEBSOCKET, SUBJECT_WIDTH = 11, LEVEL_WIDTH = 7 };

static const char help[] =
	"Usage: certd check [--json] [--websocket PATH]... [NAME...]\n\n"
	"Looks why HTTPS for these names works or does not: DNS, CAA, port 80 and the exception for a CA's validation, the redirect,\n"
	"NGINX's configuration, port 443, the certificate that is served, websockets. Without names: all names of all certificates.\n"
	"NAME is a name of a site, managed or not, or a certificate's. Exit status 1 when something is a failure.\n\n"
	"Options:\n"
	"  --websocket PATH  also whether wss://NAME/PATH works; may be repeated\n"
	"  --json            one JSON document on stdout";

static const struct option options_known[] = {
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "websocket", required_argument, NULL, OPTION_WEBSOCKET },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

/* More than fit into one certificate. */
struct names {
	struct ident *items;
	size_t count;
};

static void names_done(struct names *names)
{
	free(names->items);
}

/* Adds what is not there yet. */
static int add_name(struct names *names, const struct ident *ident, struct error *err)
{
	struct ident *items;

	for (size_t i = 0; i < names->count; i++) {
		if (text_equal(names->items[i].value, ident->value))
			return 0;
	}
	items = reallocarray(names->items, names->count + 1, sizeof(*items));
	if (!items)
		return error_oom(err);
	names->items = items;
	names->items[names->count++] = *ident;
	return 0;
}

static int add_names_of(struct names *names, const struct config_certificate *certificate, struct error *err)
{
	for (size_t i = 0; i < certificate->names.count; i++) {
		if (add_name(names, &certificate->names.items[i], err) < 0)
			return -1;
	}
	return 0;
}

static bool is_managed(const struct config *config, const struct ident *ident)
{
	for (size_t i = 0; i < config->certificates_count; i++) {
		if (ident_list_contains(&config->certificates[i]->names, ident))
			return true;
	}
	return false;
}

/* A site's name means itself; a certificate's that is none of a site, all of its names. */
static int choose(const struct config *config, int argc, char **argv, struct names *names, struct error *err)
{
	for (size_t i = 0; argc == 0 && i < config->certificates_count; i++) {
		if (add_names_of(names, config->certificates[i], err) < 0)
			return -1;
	}
	for (int i = 0; i < argc; i++) {
		const struct config_certificate *certificate = cli_lookup(config, argv[i]);
		struct ident ident;
		int r = ident_parse(argv[i], &ident, err);

		if (certificate && (r < 0 || !is_managed(config, &ident)))
			r = add_names_of(names, certificate, err);
		else if (r == 0)
			r = add_name(names, &ident, err);
		if (r < 0)
			return -1;
	}
	return 0;
}

static const char *text_of(const json_t *finding, const char *field)
{
	const char *text = json_string_value(json_object_get(finding, field));

	return text ? text : "";
}

static const char *colour(const char *level, bool colours)
{
	if (!colours)
		return "";
	return text_equal(level, "ok") ? "\033[32m" : text_equal(level, "warning") ? "\033[33m" : "\033[31m";
}

static void print_finding(const json_t *finding, bool colours)
{
	const char *level = text_of(finding, "level");
	const char *means = text_of(finding, "means");
	const char *advice = text_of(finding, "do");

	printf("  %s%-*s%s %-*s %s: %s%s%s\n", colour(level, colours), LEVEL_WIDTH, level, colours ? "\033[0m" : "", SUBJECT_WIDTH,
	       text_of(finding, "subject"), text_of(finding, "asked"), text_of(finding, "seen"), means[0] != '\0' ? "; " : "", means);
	if (advice[0] != '\0')
		printf("  %*s %s\n", LEVEL_WIDTH + 1 + SUBJECT_WIDTH, "", advice);
}

static void print_count(size_t count, const char *one, const char *many, const char *end)
{
	printf("%zu %s%s", count, count == 1 ? one : many, end);
}

static void print(const struct job_inspection *inspection)
{
	bool colours = cli_has_colour();
	size_t index, k;
	json_t *entry, *finding;

	json_array_foreach(inspection->names, index, entry) {
		printf("%s\n", text_of(entry, "name"));
		json_array_foreach(json_object_get(entry, "findings"), k, finding) {
			print_finding(finding, colours);
		}
	}
	print_count(json_array_size(inspection->names), "name", "names", ": ");
	printf("%zu ok, ", inspection->counts[CHECK_OK]);
	print_count(inspection->counts[CHECK_WARNING], "warning", "warnings", ", ");
	print_count(inspection->counts[CHECK_FAILURE], "failure", "failures", "\n");
}

static int run(const struct cli *cli, const struct config *config, const struct names *names,
               const struct strv *websockets, bool json)
{
	CLEANUP(job_inspection_done) struct job_inspection inspection = { .names = NULL };
	struct cli_progress progress;
	struct job job;
	struct error err;
	int r, status;

	error_clear(&err);
	cli_progress_init(&progress, cli->quiet);
	cli_progress_job(&progress, config, &job);
	r = job_inspect(&job, names->items, names->count, websockets, &inspection, &err);
	cli_progress_end(&progress);
	if (r < 0)
		return cli_fail("check", &err);
	status = inspection.counts[CHECK_FAILURE] > 0 ? CLI_EXIT_FAILED : CLI_EXIT_OK;
	if (json)
		return cli_json_print(json_pack("{s:O}", "names", inspection.names), status);
	if (names->count == 0)
		puts("nothing is managed: `certd check NAME...` looks at any name");
	else
		print(&inspection);
	return status;
}

static int check(const struct cli *cli, int argc, char **argv, const struct strv *websockets, bool json)
{
	CLEANUP(config_cleanup) struct config *config = NULL;
	CLEANUP(names_done) struct names names = { .count = 0 };
	struct error err;
	int status;

	config = cli_load_config(cli, &status);
	if (!config)
		return status;
	error_clear(&err);
	if (choose(config, argc, argv, &names, &err) < 0)
		return cli_fail("check", &err);
	return run(cli, config, &names, websockets, json);
}

int cli_check(const struct cli *cli, int argc, char **argv)
{
	CLEANUP(strv_done) struct strv websockets = STRV(MESSAGE_CHECK_PATHS_MAX);
	bool json = false;
	int option;

	opterr = 0;
	optind = 1;
	while ((option = getopt_long(argc, argv, ":h", options_known, NULL)) != -1) {
		switch (option) {
		case 'h':
			puts(help);
			return CLI_EXIT_OK;
		case OPTION_JSON:
			json = true;
			break;
		case OPTION_WEBSOCKET:
			if (!message_check_path_ok(optarg))
				return cli_usage("check", "\"%.100s\" is no path of a URL: it begins with / and has no space", optarg);
			if (strv_add(&websockets, optarg) < 0)
				return cli_usage("check", "more than %d websockets", MESSAGE_CHECK_PATHS_MAX);
			break;
		case ':':
			return cli_usage("check", "%s needs a value", cli_bad_option(argv));
		default:
			return cli_usage("check", "there is no option %s", cli_bad_option(argv));
		}
	}
	return check(cli, argc - optind, argv + optind, &websockets, json);
}
