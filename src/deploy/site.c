#include "deploy/site.h"

#include "base/clean.h"
#include "base/diff.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "config/config.h"
#include "deploy/change.h"
#include "deploy/deploy.h"
#include "deploy/load.h"
#include "deploy/private.h"
#include "deploy/site_plan.h"
#include "store/store.h"
#include "store/written.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SAID_MAX = 200, DIFFERENCE_MAX = 4 * 1024 * 1024, TEXT_MAX = 512 * 1024 };

void deploy_site_init(struct deploy_site *site)
{
	site->said = STRV(SAID_MAX);
	site->difference = BUF(DIFFERENCE_MAX);
}

void deploy_site_done(struct deploy_site *site)
{
	strv_done(&site->said);
	buf_done(&site->difference);
}

void site_plan_done(struct site_plan *plan)
{
	for (size_t i = 0; i < SITE_FILE_COUNT; i++)
		buf_done(&plan->files[i].text);
	buf_done(&plan->take.body);
	buf_done(&plan->challenge_snippet);
	buf_done(&plan->snippet);
	buf_done(&plan->default_snippet);
	free(plan->locations);
	store_written_free(plan->written);
	nginx_servers_free(plan->servers);
	nginx_conf_free(plan->conf);
}

static bool have_ipv6(void)
{
	CLEANUP(clean_fd) int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0;
}

/* Without a certificate https refuses handshakes, and a redirect to it (that browsers remember) would end a site that works. */
static int is_waiting(const struct deploy_site *site, bool *ret, struct error *err)
{
	uint64_t live;
	int r = site->store_cert == NULL ? STORE_ABSENT : store_live(site->store_cert, &live, err);

	*ret = r == STORE_ABSENT;
	return r < 0 ? -1 : 0;
}

static int make_text(struct site_plan *plan, struct error *err)
{
	const struct config *config = plan->site->config;
	const struct config_certificate *certificate = plan->site->certificate;
	const struct config_site *from = certificate->site;
	bool waiting;

	plan->locations = calloc(from->locations_count + 1, sizeof(*plan->locations));
	if (plan->locations == NULL)
		return error_oom(err);
	for (size_t i = 0; i < from->locations_count; i++)
		plan->locations[i] = (struct nginx_site_location){ from->locations[i].path, from->locations[i].to,
			                                           from->locations[i].websocket };
	buf_printf(&plan->challenge_snippet, "%s/certd-acme-challenge.conf", config->nginx_snippet_dir);
	if (deploy_snippet_path(config, certificate->name, &plan->snippet, err) < 0 ||
	    buf_check(&plan->challenge_snippet, "the path of the challenge snippet", err) < 0)
		return -1;
	if (is_waiting(plan->site, &waiting, err) < 0)
		return -1;
	plan->text = (struct nginx_site){
		.waiting = waiting,
		.certificate_name = certificate->name,
		.names = &certificate->names,
		.http_port = certificate->settings.http_port,
		.https_port = certificate->settings.https_port,
		.ipv6 = have_ipv6(),
		.snippet = buf_text(&plan->snippet),
		.challenge_snippet = buf_text(&plan->challenge_snippet),
		.root = from->root,
		.index = from->index,
		.error_page_404 = from->error_page_404,
		.error_page_50x = from->error_page_50x,
		.include = from->include,
		.canonical = from->canonical,
		.hsts_s = from->hsts_ms / 1000,
		.http2 = from->http2,
		.http3 = from->http3,
		.locations = plan->locations,
		.locations_count = from->locations_count,
	};
	return 0;
}

static int ask_nginx(struct site_plan *plan, struct error *err)
{
	const struct config_nginx *nginx = &plan->site->config->nginx;
	int64_t deadline_ms = plan->site->config->timeouts.hook_ms;

	if (nginx_version_ask(plan->site->runner, nginx->binary, deadline_ms, &plan->version, err) < 0 ||
	    nginx_conf_ask(plan->site->runner, nginx->binary, nginx->prefix, nginx->config, deadline_ms, &plan->conf, err) < 0)
		return -1;
	deploy_watch_find(plan->conf, nginx->prefix, &plan->site->watch);
	return nginx_servers_read(plan->conf, &plan->servers, err);
}

static int make_files(struct site_plan *plan, struct error *err)
{
	struct nginx_site_default defaults;

	if (site_survey_defaults(plan, &defaults, err) < 0)
		return -1;
	plan->files[SITE_FILE_MAP].wanted = nginx_site_has_websocket(&plan->text);
	plan->files[SITE_FILE_DEFAULT].wanted = defaults.http_port != 0 || defaults.https_port != 0;
	plan->files[SITE_FILE_SITE].wanted = true;
	if (nginx_site_print_map(&plan->files[SITE_FILE_MAP].text, err) < 0 ||
	    nginx_site_print_default(&plan->version, &defaults, &plan->files[SITE_FILE_DEFAULT].text, err) < 0)
		return -1;
	return nginx_site_print(&plan->version, &plan->text, &plan->files[SITE_FILE_SITE].text, err);
}

int site_plan_make(struct deploy_site *site, bool writing, struct site_plan *ret, struct error *err)
{
	*ret = (struct site_plan){ .site = site, .snippet = BUF(PATH_MAX), .challenge_snippet = BUF(PATH_MAX), .default_snippet = BUF(PATH_MAX) };
	ret->take.body = BUF(DEPLOY_FILE_MAX);
	for (size_t i = 0; i < SITE_FILE_COUNT; i++)
		ret->files[i].text = BUF(TEXT_MAX);
	if (store_written_load(site->store, &ret->written, err) < 0 || ask_nginx(ret, err) < 0 || site_place_find(ret, err) < 0 ||
	    make_text(ret, err) < 0)
		return -1;
	if (writing && ret->conf->refused[0] != '\0') {
		error_set(err, ERROR_DEPLOY, "NGINX does not take its configuration as it is: %s", ret->conf->refused);
		return error_advise(err, "mend that first (nginx -t), then try again; run as root");
	}
	if ((writing && site_take_plan(ret, err) < 0) || make_files(ret, err) < 0)
		return -1;
	if (ret->text.http3 && !ret->version.http3)
		strv_addf(&site->said, "note: %s was built without HTTP/3: the site does without it", site->config->nginx.binary);
	if (ret->text.hsts_s > 0)
		strv_addf(&site->said,
		          "warning: HSTS: for %lld days browsers will refuse this site over http, and without a valid certificate, whatever you "
		          "change later",
		          (long long)ret->text.hsts_s / 86400);
	return 0;
}

int deploy_site_print(struct deploy_site *site, struct buf *out, struct error *err)
{
	CLEANUP(site_plan_done) struct site_plan plan;

	if (site_plan_make(site, false, &plan, err) < 0)
		return -1;
	for (size_t i = 0; i < SITE_FILE_COUNT; i++) {
		if (plan.files[i].wanted)
			buf_printf(out, "# %s\n%s\n", plan.files[i].path, buf_text(&plan.files[i].text));
	}
	return buf_check(out, "the site", err);
}

/* What stands there moves away. */
static bool is_taken(const struct site_plan *plan, const struct site_file *file)
{
	for (size_t i = 0; i < plan->take.count; i++) {
		CLEANUP(clean_free) char *real = realpath(plan->take.servers[i]->block->file, NULL);

		if (real != NULL && text_equal(real, file->path))
			return true;
	}
	return false;
}

/* What stands there, if it is a person's: the difference, and an error. *ret_same: it is what would be written. */
static int check_file(struct site_plan *plan, const struct site_file *file, bool *ret_same, struct error *err)
{
	CLEANUP(buf_done) struct buf there = BUF(DEPLOY_FILE_MAX);
	const char *text = buf_text(&file->text);
	int r = deploy_file_read(file->path, &there, err);

	*ret_same = false;
	if (r != FILE_OK)
		return r < 0 ? -1 : 0;
	*ret_same = text_equal(buf_text(&there), text) && there.len == file->text.len &&
	            (file->link[0] == '\0' || access(file->link, F_OK) == 0);
	if (text_equal(buf_text(&there), text) || is_taken(plan, file) || store_written_is(plan->written, file->path, buf_text(&there)))
		return 0;
	if (diff_unified(file->path, buf_text(&there), "what certd would write", text, &plan->site->difference, err) < 0)
		return -1;
	error_set(err, ERROR_DEPLOY, "%s %s: it stays as it is", file->path,
	          store_written_knows(plan->written, file->path) ? "was changed since certd wrote it" : "was not written by certd");
	return error_advise(err, "say in the site block what shall change, see certd.conf(5), and rename the file: certd then writes it anew; "
	                         "or keep it, and leave it to yourself");
}

/* What is going to be written is remembered before, so that a crash leaves nothing that looks like a person's. */
static int remember(struct site_plan *plan, bool done, struct error *err)
{
	for (size_t i = 0; i < SITE_FILE_COUNT; i++) {
		const struct site_file *file = &plan->files[i];

		if (!file->wanted)
			continue;
		if ((done ? store_written_set : store_written_begin)(plan->written, file->path, buf_text(&file->text), err) < 0)
			return -1;
	}
	return store_written_save(plan->written, err);
}

static int make_changes(struct site_plan *plan, struct deploy_changes *changes, struct error *err)
{
	for (size_t i = 0; i < SITE_FILE_COUNT; i++) {
		const struct site_file *file = &plan->files[i];

		if (!file->wanted)
			continue;
		if (deploy_change_write(changes, file->path, buf_text(&file->text), err) < 0 ||
		    (file->link[0] != '\0' && deploy_change_link(changes, file->link, file->path, err) < 0))
			return -1;
	}
	return 0;
}

static int apply(struct site_plan *plan, struct error *err)
{
	CLEANUP(deploy_changes_done) struct deploy_changes changes = { .count = 0 };

	if (remember(plan, false, err) < 0)
		return -1;
	if (site_take_apply(plan, &changes, err) < 0 || make_changes(plan, &changes, err) < 0)
		return deploy_changes_undo(&changes, err);
	if (deploy_load_test(plan->site->config, plan->site->runner, err) < 0) {
		error_context(err, "NGINX refuses the site of %s, and everything is as it was", plan->site->certificate->name);
		err->kind = ERROR_DEPLOY;
		return deploy_changes_undo(&changes, err);
	}
	if (site_take_verify(plan, err) < 0)
		return deploy_changes_undo(&changes, err);
	text_copy(plan->site->include, sizeof(plan->site->include), plan->take.include);
	return remember(plan, true, err);
}

static int check_all(struct site_plan *plan, bool *ret_same, struct error *err)
{
	*ret_same = true;
	for (size_t i = 0; i < SITE_FILE_COUNT; i++) {
		bool same;

		if (!plan->files[i].wanted)
			continue;
		if (check_file(plan, &plan->files[i], &same, err) < 0)
			return -1;
		*ret_same = *ret_same && same;
	}
	return 0;
}

int deploy_site_write(struct deploy_site *site, struct error *err)
{
	CLEANUP(site_plan_done) struct site_plan plan = { .site = site };
	bool same;

	if (deploy_write_snippets(site->config, site->certificate, site->store_cert, site->runner, err) < 0 ||
	    site_plan_make(site, true, &plan, err) < 0)
		return -1;
	if (check_all(&plan, &same, err) < 0)
		return -1;
	if (same)
		return remember(&plan, true, err) < 0 ? -1 : DEPLOY_SITE_SAME;
	if (apply(&plan, err) < 0)
		return -1;
	for (size_t i = 0; i < SITE_FILE_COUNT; i++) {
		if (plan.files[i].wanted)
			strv_addf(&site->said, "written: %s", plan.files[i].path);
	}
	return DEPLOY_SITE_DONE;
}

int deploy_site_reload(struct deploy_site *site, struct error *err)
{
	const struct deploy_load load = {
		.config = site->config,
		.runner = site->runner,
		.watch = &site->watch,
		.certificate = site->certificate,
		.store = site->store_cert,
	};
	char stayed[DEPLOY_STAYED_SIZE];

	if (deploy_load(&load, stayed, err) < 0)
		return -1;
	return stayed[0] == '\0' ? 0 : error_set(err, ERROR_DEPLOY, "%s", stayed);
}
