#include "cli/cli.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/log.h"
#include "base/text.h"
#include "config/config.h"

#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { USAGE_MAX = 1024 };

static void print_line(void *self, const char *text)
{
	(void)self;
	if (log_has_sink())
		log_event(LOG_LEVEL_ERROR, EVENT_CONFIGURATION, NULL, "%s", text);
	else
		fprintf(stderr, "%s\n", text);
}

struct config *cli_load_config(const struct cli *cli, int *ret_status)
{
	const struct config_report report = { .line = print_line };
	struct config *config = NULL;
	struct error err;

	error_clear(&err);
	if (config_load(cli->config_file, !cli->config_named, &report, &config, &err) == 0)
		return config;
	if (err.advice[0] != '\0')
		fprintf(stderr, "  %s\n", err.advice);
	*ret_status = error_exit_status(err.kind);
	return NULL;
}

const struct config_certificate *cli_lookup(const struct config *config, const char *text)
{
	const struct config_certificate *certificate = config_find(config, text);
	char name[IDENT_NAME_SIZE];
	struct ident ident;
	struct error ignored;

	if (certificate || ident_parse(text, &ident, &ignored) < 0 || ident_certificate_name(&ident, name, &ignored) < 0)
		return certificate;
	return config_find(config, name);
}

const struct config_certificate *cli_find(const struct config *config, const char *name)
{
	const struct config_certificate *certificate = cli_lookup(config, name);
	CLEANUP(clean_free) const char **names = NULL;
	const char *near;

	if (certificate)
		return certificate;
	names = calloc(config->certificates_count + 1, sizeof(const char *));
	for (size_t i = 0; names && i < config->certificates_count; i++)
		names[i] = config->certificates[i]->name;
	near = names ? text_nearest(name, names) : NULL;
	if (near)
		log_error("no certificate is called \"%.200s\"; did you mean %s?", name, near);
	else
		log_error("no certificate is called \"%.200s\"; `certd status` lists what is managed", name);
	return NULL;
}

bool cli_has_colour(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	if (isatty(STDOUT_FILENO) != 1 || (no_color && no_color[0] != '\0'))
		return false;
	return term && term[0] != '\0' && !text_equal(term, "dumb");
}

int cli_fail(const char *context, const struct error *err)
{
	log_failure(LOG_LEVEL_ERROR, context, err);
	return error_exit_status(err->kind);
}

const char *cli_bad_option(char *const *argv)
{
	const char *last = argv[optind - 1], *next = argv[optind];
	size_t len = strlen(last);

	/* Within such a heap it has not gone on to the next argument yet. */
	if (optopt <= 0 || optopt > CHAR_MAX || !next || next[0] != '-' || next[1] == '-' || !strchr(next, optopt))
		return last;
	return last[0] == '-' && last[1] != '-' && last[len - 1] == optopt ? last : next;
}

int cli_usage(const char *command, const char *format, ...)
{
	CLEANUP(buf_done) struct buf text = BUF(USAGE_MAX);
	va_list ap;

	va_start(ap, format);
	(void)buf_vprintf(&text, format, ap);
	va_end(ap);
	log_error("%s: %s", command, buf_text(&text));
	log_error("  `certd %s --help` shows what it takes", command);
	return CLI_EXIT_USAGE;
}
