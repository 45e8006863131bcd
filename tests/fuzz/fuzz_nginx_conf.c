/* A configuration of NGINX, as `nginx -T` prints it or as one file; its servers; and what is advised. */
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "nginx/advise.h"
#include "nginx/conf.h"
#include "nginx/servers.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 64 * 1024 };

/* Every directive lies within its file, behind the one before it and within its block. */
static void check_tree(const struct nginx_directive *d, size_t begin, size_t end)
{
	for (; d != NULL; d = d->next) {
		if (d->name == NULL || d->args[d->arg_count] != NULL || d->line == 0 || d->end_line < d->line)
			abort();
		if (d->offset < begin || d->end_offset <= d->offset || d->end_offset > end)
			abort();
		check_tree(d->first, d->offset, d->end_offset);
		begin = d->end_offset;
	}
}

static void check_findings(const struct nginx_findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		const struct nginx_finding *f = &findings->items[i];

		if (f->text[0] == '\0' || f->file == NULL || (f->level == NGINX_FAILURE && f->advice[0] == '\0'))
			abort();
	}
}

static void look(const struct nginx_conf *conf)
{
	static const char *const names[] = { "a.example", "*.a.example", "www.a.example", "192.0.2.1" };
	static const char *const websockets[] = { "/ws" };
	static const struct nginx_expected expected = {
		.names = names,
		.name_count = 4,
		.http_port = 80,
		.https_port = 443,
		.version = { .nginx = { 1, 22, 1 } },
		.http_01 = true,
		.webroot = "/var/lib/certd/webroot",
		.challenge_snippet = "/etc/nginx/snippets/certd-acme-challenge.conf",
		.ssl_snippet = "/etc/nginx/snippets/certd/a.example.conf",
		.certificate = "/var/lib/certd/live/a.example/fullchain.pem",
		.key = "/var/lib/certd/live/a.example/privkey.pem",
		.live_dir = "/var/lib/certd/live/",
		.websockets = websockets,
		.websocket_count = 1,
	};
	CLEANUP(nginx_servers_cleanup) struct nginx_servers *servers = NULL;
	CLEANUP(nginx_findings_cleanup) struct nginx_findings *findings = NULL;
	struct error err = { 0 };

	if (nginx_servers_read(conf, &servers, &err) < 0)
		return;
	if (nginx_advise(servers, &expected, &findings, &err) < 0)
		abort();
	check_findings(findings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(nginx_conf_cleanup) struct nginx_conf *conf = NULL;
	CLEANUP(nginx_conf_cleanup) struct nginx_conf *file = NULL;
	struct error err = { 0 };

	if (size > INPUT_MAX)
		return 0;
	if (nginx_conf_parse((const char *)data, size, &conf, &err) == 0)
		look(conf);
	else if (err.message[0] == '\0')
		abort();
	if (nginx_conf_parse_file("/x", (const char *)data, size, &file, &err) == 0) {
		check_tree(file->first, 0, size);
		look(file);
	}
	return 0;
}
