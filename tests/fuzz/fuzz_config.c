/* A configuration file: every error has its place, and what is accepted prints to a text that says the same. */
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "config/build.h"
#include "config/config.h"
#include "config/problem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 64 * 1024 };

static const char path[] = "/etc/certd/certd.conf";

static void check_line(void *self, const char *text)
{
	(void)self;
	if (strncmp(text, path, sizeof(path) - 1) != 0 && strncmp(text, "there are more", 14) != 0)
		abort();
}

static struct config *build(const char *text, size_t len)
{
	struct config_report report = { check_line, NULL };
	struct error err = { 0 };
	struct config_problems problems = { .report = &report, .err = &err };
	struct config_file file = { path, text, len };
	struct config_input input = { .main_file = path, .files = &file, .count = 1 };
	struct config *config = NULL;

	if (config_build(&input, &problems, &config) < 0 && (err.kind != ERROR_USAGE || problems.count == 0))
		abort();
	return config;
}

static void print(const struct config *config, struct buf *out)
{
	const struct config_raw *raw = config_raw(config);

	for (size_t i = 0; i < raw->count; i++) {
		/* What stands in another block is printed with it. */
		if (config_block_parent(raw->blocks[i]->scope) != CONFIG_SCOPE_GLOBAL)
			continue;
		if (config_block_print(raw->blocks[i], out) < 0 || buf_append_char(out, '\n') < 0)
			abort();
	}
}

static void check_settings(const struct config_settings *s)
{
	if (s->ca == NULL || strncasecmp(s->ca->directory, "https://", 8) != 0 || s->webroot[0] != '/' || s->webroot[1] == '\0' ||
	    s->https_port == 0 || s->http_port == 0 || strcmp(s->challenge, "http-01") != 0 ||
	    (s->ca->eab_kid == NULL) != (s->ca->eab_hmac_file == NULL))
		abort();
	if (s->cas_count == 0 || s->cas_count > CONFIG_CAS_MAX || s->cas[0] != s->ca)
		abort();
	for (size_t i = 0; i < s->cas_count; i++) {
		if (config_settings_ca(s, s->cas[i]->directory) != s->cas[i])
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(buf_done) struct buf first = BUF(16 * INPUT_MAX);
	CLEANUP(buf_done) struct buf second = BUF(16 * INPUT_MAX);
	CLEANUP(config_cleanup) struct config *config = NULL;
	CLEANUP(config_cleanup) struct config *again = NULL;

	if (size > INPUT_MAX)
		return 0;
	config = build((const char *)data, size);
	if (config == NULL)
		return 0;
	check_settings(&config->defaults);
	print(config, &first);
	again = build(buf_text(&first), first.len);
	if (again == NULL || again->certificates_count != config->certificates_count)
		abort();
	print(again, &second);
	if (strcmp(buf_text(&first), buf_text(&second)) != 0)
		abort();
	for (size_t i = 0; i < config->certificates_count; i++) {
		const struct config_certificate *one = config->certificates[i], *two = again->certificates[i];

		check_settings(&one->settings);
		if (strcmp(one->name, two->name) != 0 || !ident_list_same(&one->names, &two->names) ||
		    config_find(config, one->name) != one || one->names.count == 0)
			abort();
	}
	return 0;
}
