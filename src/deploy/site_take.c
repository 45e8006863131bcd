#include "deploy/site_take.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/strv.h"
#include "base/text.h"
#include "config/config.h"
#include "deploy/change.h"
#include "deploy/site.h"
#include "deploy/site_plan.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CHALLENGE_PATH "/.well-known/acme-challenge"

/* "FILE:LINE: message" */
__attribute__((format(printf, 3, 4))) static int refuse(struct error *err, const struct nginx_directive *at, const char *format, ...)
{
	char why[512];
	va_list ap;

	va_start(ap, format);
	if (vsnprintf(why, sizeof(why), format, ap) < 0)
		why[0] = '\0';
	va_end(ap);
	return error_set(err, ERROR_DEPLOY, "%s:%u: %s", at->file, at->line, why);
}

static bool is_one_of(const char *name, const char *const *list)
{
	for (; *list != NULL; list++) {
		if (text_equal(name, *list))
			return true;
	}
	return false;
}

bool site_take_has(const struct site_plan *plan, const struct nginx_server *server)
{
	for (size_t i = 0; i < plan->take.count; i++) {
		if (plan->take.servers[i] == server)
			return true;
	}
	return false;
}

static int check_listens(const struct site_plan *plan, const struct nginx_server *server, struct error *err)
{
	unsigned int port = plan->site->certificate->settings.http_port;

	for (size_t i = 0; i < server->listen_count; i++) {
		const struct nginx_listen *listen = &server->listens[i];
		const struct nginx_directive *at = listen->directive != NULL ? listen->directive : server->block;

		if (listen->ssl || listen->quic || server->ssl) {
			refuse(err, at, "this server speaks https already");
			return error_advise(err, "put `include %s;` into it in place of its ssl_ directives, and the challenge snippet into the "
			                         "server for http: certd(8), Bringing a site to https; certd issue without --site does the rest",
			                    plan->text.snippet);
		}
		if (listen->port != port || listen->last_port != port || listen->proxy_protocol || listen->ipv4_too ||
		    (!text_equal(listen->address, "0.0.0.0") && !text_equal(listen->address, "[::]"))) {
			refuse(err, at, "this server listens in a way of its own");
			return error_advise(err, "write `listen %u;` (and `listen [::]:%u;`) there, or take the server out", port, port);
		}
	}
	return 0;
}

static int check_names(const struct site_plan *plan, const struct nginx_server *server, struct error *err)
{
	const struct ident_list *names = &plan->site->certificate->names;

	for (size_t i = 0; i < server->name_count; i++) {
		const struct nginx_name *name = &server->names[i];
		bool known = false;

		for (size_t k = 0; k < names->count && name->kind == NGINX_NAME_EXACT; k++)
			known = known || site_server_name_is(name->text, names->items[k].value);
		if (known)
			continue;
		refuse(err, name->directive != NULL ? name->directive : server->block, "this server has the name \"%s\" too", name->text);
		return error_advise(err, "name it to certd as well, or take it out of server_name");
	}
	return 0;
}

/* A URL that leads back to one of the names, or to whichever was asked for. */
static bool leads_back(const struct site_plan *plan, const char *url)
{
	const struct ident_list *names = &plan->site->certificate->names;

	if (!text_has_prefix(url, "http://") && !text_has_prefix(url, "https://") && !text_has_prefix(url, "$scheme://"))
		return false;
	if (strstr(url, "$host") != NULL || strstr(url, "$http_host") != NULL || strstr(url, "$server_name") != NULL)
		return true;
	for (size_t i = 0; i < names->count; i++) {
		if (strstr(url, names->items[i].value) != NULL)
			return true;
	}
	return false;
}

/* A `return` directly in the server, to a URL: nothing else of it is ever reached. */
static const struct nginx_directive *redirect_of(const struct nginx_server *server)
{
	const struct nginx_directive *d = nginx_directive_find(server->block->first, "return");
	const char *target = d == NULL ? "" : nginx_directive_arg(d, d->arg_count - 1);

	return text_has_prefix(target, "http") || text_has_prefix(target, "$scheme://") ? d : NULL;
}

static int check_content(const struct site_plan *plan, const struct nginx_server *server, const struct nginx_directive *list,
                         struct error *err)
{
	static const char *const whose[] = { "listen", "server_name", NULL };
	static const char *const rewriting[] = { "return", "rewrite", "if", NULL };

	for (const struct nginx_directive *d = list; d != NULL; d = d->next) {
		if (is_one_of(d->name, whose) && !text_equal(d->file, server->block->file)) {
			refuse(err, d, "%s comes from an included file", d->name);
			return error_advise(err, "write it into the server block at %s:%u", server->block->file, server->block->line);
		}
		if (text_has_prefix(d->name, "ssl_")) {
			refuse(err, d, "%s in a server for http", d->name);
			return error_advise(err, "take it out: certd's snippet says what holds for TLS");
		}
		if (is_one_of(d->name, rewriting) && d->parent == server->block) {
			refuse(err, d, "a `%s` directly in the server comes before every location, also before the CA's", d->name);
			return error_advise(err, "put it into `location / { }`");
		}
		for (size_t i = 0; i < d->arg_count && is_one_of(d->name, rewriting); i++) {
			if (!leads_back(plan, d->args[i]))
				continue;
			refuse(err, d, "behind https this redirect would lead back to itself");
			return error_advise(err, "take it out: the site of certd redirects http to https, and to one name with --canonical");
		}
		if (d->block && check_content(plan, server, d->first, err) < 0)
			return -1;
	}
	return 0;
}

static const struct nginx_file *file_of(const struct nginx_conf *conf, const char *path)
{
	for (size_t i = 0; i < conf->file_count; i++) {
		if (text_equal(conf->files[i].path, path))
			return &conf->files[i];
	}
	return NULL;
}

/* Everything in the file must be servers that are taken over. */
static int check_file(const struct site_plan *plan, const struct nginx_server *server, struct error *err)
{
	const struct nginx_file *file = file_of(plan->conf, server->block->file);

	if (file == NULL || file == plan->conf->files) {
		refuse(err, server->block, "this server stands in NGINX's main file");
		return error_advise(err, "move the whole block, `server { ... }`, into a file of its own next to where sites are "
		                         "included from (conf.d or sites-enabled), then try again");
	}
	for (const struct nginx_directive *d = file->first; d != NULL; d = d->next) {
		bool taken = false;

		for (size_t i = 0; i < plan->take.count; i++) {
			const struct nginx_directive *block = plan->take.servers[i]->block;

			taken = taken || (text_equal(block->file, d->file) && block->line == d->line);
		}
		if (taken)
			continue;
		refuse(err, d, "`%s` stands in the same file as the server at line %u", d->name, server->block->line);
		return error_advise(err, "move it into a file of its own, so that this file holds nothing but the servers of these names");
	}
	return 0;
}

/* Whether something of the old server is left out: what the new ones say themselves. */
static bool is_replaced(const struct site_plan *plan, const struct nginx_directive *d)
{
	static const char *const always[] = { "listen", "server_name", "server_tokens", "gzip", NULL };
	struct nginx_location location;

	if (is_one_of(d->name, always) || (plan->text.root != NULL && text_equal(d->name, "root")) ||
	    (plan->text.index != NULL && text_equal(d->name, "index")) ||
	    (text_equal(d->name, "include") && text_has_suffix(nginx_directive_arg(d, 0), "certd-acme-challenge.conf")))
		return true;
	if (!text_equal(d->name, "location") || !nginx_location_parse(d, &location))
		return false;
	if (text_has_prefix(location.path, CHALLENGE_PATH))
		return true;
	for (size_t i = 0; i < plan->text.locations_count; i++) {
		if (text_equal(plan->text.locations[i].path, location.path) &&
		    (location.modifier == NGINX_LOCATION_PREFIX || location.modifier == NGINX_LOCATION_PREFIX_FINAL))
			return true;
	}
	return false;
}

/* The directives as they are written, with the comments before them. */
static int copy_body(struct site_plan *plan, const struct nginx_server *server, struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF(DEPLOY_FILE_MAX);
	CLEANUP(nginx_conf_cleanup) struct nginx_conf *conf = NULL;
	const struct nginx_directive *block;
	const char *brace;
	size_t at;

	if (deploy_file_read(server->block->file, &text, err) != 0)
		return refuse(err, server->block, "the file of this server cannot be read");
	if (nginx_conf_parse_file(server->block->file, buf_text(&text), text.len, &conf, err) < 0)
		return -1;
	for (block = conf->files[0].first; block != NULL && block->line != server->block->line;)
		block = block->next;
	brace = block == NULL ? NULL : memchr(text.data + block->offset, '{', block->end_offset - block->offset);
	if (brace == NULL)
		return refuse(err, server->block, "the file of this server was changed just now");
	at = (size_t)(brace - text.data) + 1;
	buf_printf(&plan->take.body, "# Taken over by certd from %s:%u. This file is yours: certd does not write it again.\n", server->block->file,
	           server->block->line);
	for (const struct nginx_directive *d = block->first; d != NULL; d = d->next) {
		if (!is_replaced(plan, d))
			buf_append(&plan->take.body, text.data + at, d->end_offset - at);
		at = d->end_offset;
	}
	buf_append_char(&plan->take.body, '\n');
	return buf_check(&plan->take.body, "what is taken over", err);
}

static int plan_content(struct site_plan *plan, struct error *err)
{
	const struct nginx_server *with_content = NULL;
	struct site_take *take = &plan->take;
	struct stat st;

	for (size_t i = 0; i < take->count; i++) {
		const struct nginx_server *server = take->servers[i];

		if (redirect_of(server) != NULL)
			continue;
		if (check_content(plan, server, server->block->first, err) < 0)
			return -1;
		if (with_content != NULL) {
			refuse(err, server->block, "this server and the one at %s:%u both serve something for these names",
			       with_content->block->file, with_content->block->line);
			return error_advise(err, "make them one server, or give each its own certificate: two calls of certd");
		}
		with_content = server;
	}
	if (with_content == NULL)
		return 0;
	if (plan->text.include != NULL)
		return refuse(err, with_content->block, "this server cannot be taken over beside --include");
	if ((size_t)snprintf(take->include, sizeof(take->include), "%s/certd/%s.taken-over.conf", plan->site->config->nginx_snippet_dir,
	                     plan->site->certificate->name) >= sizeof(take->include))
		return error_set(err, ERROR_SYSTEM, "nginx-snippet-dir is too long");
	if (lstat(take->include, &st) == 0) {
		error_set(err, ERROR_DEPLOY, "%s is there already, from when a site was taken over before", take->include);
		return error_advise(err, "rename it, or give it to certd: --include %s", take->include);
	}
	plan->text.include = take->include;
	return copy_body(plan, with_content, err);
}

/* Where a file is kept: beside where it was, under a name that NGINX does not include. */
static int saved_path(const struct site_plan *plan, const char *path, char out[static PATH_MAX], struct error *err)
{
	const char *slash = strrchr(path, '/');
	bool hidden = false;
	int n;

	if (slash == NULL)
		return error_set(err, ERROR_INTERNAL, "%s is no absolute path", path);
	for (const struct nginx_directive *http = plan->conf->first; http != NULL; http = http->next) {
		for (const struct nginx_directive *d = http->first; d != NULL; d = d->next) {
			const char *pattern = strrchr(nginx_directive_arg(d, 0), '/');
			char name[NAME_MAX + 1];

			snprintf(name, sizeof(name), "%.200s.certd-saved", slash + 1);
			hidden = hidden || (text_equal(d->name, "include") && pattern != NULL && fnmatch(pattern + 1, name, FNM_PERIOD) == 0);
		}
	}
	n = snprintf(out, PATH_MAX, "%.*s/%s%s.certd-saved", (int)(slash - path), path, hidden ? "." : "", slash + 1);
	return n < 0 || n >= PATH_MAX ? error_set(err, ERROR_SYSTEM, "the path %.200s... is too long", path) : 0;
}

static bool is_link(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

/* One word for what happens to the file; *ret_saved: where it can be found afterwards. */
static int find_saved(const struct site_plan *plan, const char *path, char ret[static PATH_MAX], struct error *err)
{
	CLEANUP(clean_free) char *real = realpath(path, NULL);

	if (real == NULL)
		return error_set(err, ERROR_SYSTEM, "%s is gone", path);
	if (!is_link(path))
		return saved_path(plan, path, ret, err);
	/* Without its link NGINX does not see it; but it may be where the new site goes. */
	if (text_equal(real, plan->files[SITE_FILE_SITE].path))
		return saved_path(plan, real, ret, err);
	text_copy(ret, PATH_MAX, real);
	return 0;
}

static int say(struct site_plan *plan, struct error *err)
{
	struct strv *said = &plan->site->said;
	const char *would = plan->site->take_over ? "" : "would be ";

	for (size_t i = 0; i < plan->take.count; i++) {
		const struct nginx_server *server = plan->take.servers[i];
		const struct nginx_directive *redirect = redirect_of(server);
		char saved[PATH_MAX];

		if (find_saved(plan, server->block->file, saved, err) < 0)
			return -1;
		strv_addf(said, "%staken over: the server at %s:%u; its file is kept as %s", would, server->block->file, server->block->line, saved);
		if (redirect != NULL)
			strv_addf(said, "note: %s:%u redirected to %s; --canonical NAME leads the other names to one", redirect->file, redirect->line,
			          nginx_directive_arg(redirect, redirect->arg_count - 1));
		for (size_t k = 0; k < server->listen_count; k++) {
			if (server->listens[k].default_server && k == 0)
				strv_addf(said, "note: this was the default server of port %u: requests for unknown names go elsewhere now",
				          server->listens[k].port);
		}
	}
	if (plan->take.include[0] != '\0')
		strv_addf(said, "%skept: what it serves, in %s, which the new site includes", would, plan->take.include);
	return 0;
}

int site_take_plan(struct site_plan *plan, struct error *err)
{
	struct site_take *take = &plan->take;

	for (size_t i = 0; i < plan->servers->count; i++) {
		const struct nginx_server *server = &plan->servers->items[i];

		if (!site_server_conflicts(plan, server))
			continue;
		if (take->count == SITE_TAKE_MAX)
			return refuse(err, server->block, "more than %d servers have these names", SITE_TAKE_MAX);
		take->servers[take->count++] = server;
	}
	for (size_t i = 0; i < take->count; i++) {
		const struct nginx_server *server = take->servers[i];

		if (check_listens(plan, server, err) < 0 || check_names(plan, server, err) < 0 || check_file(plan, server, err) < 0)
			return error_context(err, "%s is served already, and that server is not taken over", plan->site->certificate->name);
	}
	if (take->count == 0)
		return 0;
	if (plan_content(plan, err) < 0)
		return error_context(err, "%s is served already, and that server is not taken over", plan->site->certificate->name);
	if (say(plan, err) < 0)
		return -1;
	if (plan->site->take_over)
		return 0;
	refuse(err, take->servers[0]->block, "%s has a server already", plan->site->certificate->name);
	return error_advise(err, "--take-over replaces it, as said above; nothing was changed yet");
}

static int hide_file(struct site_plan *plan, const char *path, struct deploy_changes *changes, struct error *err)
{
	CLEANUP(clean_free) char *real = realpath(path, NULL);
	char saved[PATH_MAX];

	if (find_saved(plan, path, saved, err) < 0)
		return -1;
	if (is_link(path) && deploy_change_unlink(changes, path, err) < 0)
		return -1;
	if (real == NULL || text_equal(saved, real))
		return 0;
	return deploy_change_rename(changes, text_equal(real, plan->files[SITE_FILE_SITE].path) ? real : path, saved, err);
}

int site_take_apply(struct site_plan *plan, struct deploy_changes *changes, struct error *err)
{
	struct site_take *take = &plan->take;

	for (size_t i = 0; i < take->count; i++) {
		bool done = false;

		for (size_t k = 0; k < i; k++)
			done = done || text_equal(take->servers[k]->block->file, take->servers[i]->block->file);
		if (!done && hide_file(plan, take->servers[i]->block->file, changes, err) < 0)
			return -1;
	}
	if (take->include[0] == '\0')
		return 0;
	return deploy_change_write(changes, take->include, buf_text(&take->body), err);
}

int site_take_verify(const struct site_plan *plan, struct error *err)
{
	const struct config_nginx *nginx = &plan->site->config->nginx;
	CLEANUP(nginx_conf_cleanup) struct nginx_conf *conf = NULL;
	CLEANUP(nginx_servers_cleanup) struct nginx_servers *servers = NULL;

	if (plan->take.count == 0)
		return 0;
	if (nginx_conf_ask(plan->site->runner, nginx->binary, nginx->prefix, nginx->config, plan->site->config->timeouts.hook_ms, &conf,
	                   err) < 0 ||
	    nginx_servers_read(conf, &servers, err) < 0)
		return -1;
	for (size_t i = 0; i < servers->count; i++) {
		if (site_server_conflicts(plan, &servers->items[i]))
			return refuse(err, servers->items[i].block, "this server would still have one of the names");
	}
	return 0;
}
