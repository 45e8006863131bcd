/* inspect_nginx.c: what stands in the way in NGINX's configuration, with file and line. It is asked once, for all names. */
#include "job/inspect_nginx.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "config/config.h"
#include "deploy/deploy.h"
#include "job/inspect.h"
#include "job/job.h"
#include "nginx/advise.h"
#include "nginx/conf.h"
#include "nginx/servers.h"
#include "nginx/version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_TEXT_MAX = 4096, SEEN_SIZE = MESSAGE_CHECK_TEXT_MAX };

static const char asked[] = "NGINX's configuration";

void job_inspect_nginx_done(struct job_inspect_nginx *nginx)
{
	nginx_servers_free(nginx->servers);
	nginx_conf_free(nginx->conf);
}

/* Asks NGINX, at the first call. What went wrong is remembered. */
static bool ask(struct job_inspect_nginx *nginx, const struct job *job)
{
	const struct config *config = job->config;
	struct error failure;

	if (nginx->asked)
		return nginx->servers != NULL;
	nginx->asked = true;
	error_clear(&failure);
	if (nginx_version_ask(job->runner, config->nginx.binary, config->timeouts.hook_ms, &nginx->version, &failure) < 0)
		nginx->version = (struct nginx_version){ .nginx = { 0 } };
	if (nginx_conf_ask(job->runner, config->nginx.binary, config->nginx.prefix, config->nginx.config, config->timeouts.hook_ms,
	                   &nginx->conf, &failure) == 0 &&
	    nginx_servers_read(nginx->conf, &nginx->servers, &failure) == 0)
		return true;
	(void)text_copy(nginx->failure, sizeof(nginx->failure), failure.message);
	return false;
}

static int add(struct job_inspection *inspection, const char *name, enum check_level level, const char *seen, const char *means,
               const char *advice, struct error *err)
{
	const struct check_finding finding = {
		.name = name, .subject = "nginx", .level = level, .asked = asked, .seen = seen, .means = means, .advice = advice,
	};

	return job_inspection_add(inspection, &finding, err);
}

static enum check_level level_of(enum nginx_level level)
{
	switch (level) {
	case NGINX_OK:
		return CHECK_OK;
	case NGINX_WARNING:
		return CHECK_WARNING;
	case NGINX_FAILURE:
		break;
	}
	return CHECK_FAILURE;
}

/* Whether the same is said already: what concerns all names is found anew with each certificate. */
static bool is_said(const struct job_inspection *inspection, const char *seen)
{
	for (size_t i = 0; i < json_array_size(inspection->names); i++) {
		const json_t *list = json_object_get(json_array_get(inspection->names, i), "findings");

		for (size_t k = 0; k < json_array_size(list); k++) {
			const char *text = json_string_value(json_object_get(json_array_get(list, k), "seen"));

			if (text && text_equal(text, seen))
				return true;
		}
	}
	return false;
}

static int add_finding(struct job_inspection *inspection, const char *name, const struct nginx_finding *finding, struct error *err)
{
	char seen[SEEN_SIZE];
	const struct check_finding found = {
		.name = name, .subject = "nginx", .level = level_of(finding->level), .asked = asked, .seen = seen, .means = "",
		.advice = finding->advice, .code = finding->code, .file = finding->file, .line = finding->line,
	};

	if (finding->line > 0)
		(void)snprintf(seen, sizeof(seen), "%.300s:%u: %.400s", finding->file, finding->line, finding->text);
	else
		(void)text_copy(seen, sizeof(seen), finding->text);
	if (finding->name[0] == '\0' && is_said(inspection, seen))
		return 0;
	return job_inspection_add(inspection, &found, err);
}

/* Those about all names stand with the first. A name of which nothing is said is well. */
static int add_findings(struct job_inspection *inspection, const struct nginx_findings *findings, const struct ident_list *names,
                        struct error *err)
{
	for (size_t i = 0; i < names->count; i++) {
		const char *name = names->items[i].value;
		bool said = false;

		for (size_t k = 0; k < findings->count; k++) {
			const struct nginx_finding *finding = &findings->items[k];

			if (!text_equal(finding->name, name) && (finding->name[0] != '\0' || i > 0))
				continue;
			if (add_finding(inspection, name, finding, err) < 0)
				return -1;
			said = said || finding->name[0] != '\0';
		}
		if (!said && add(inspection, name, CHECK_OK, "nothing in it stands in the way", "", "", err) < 0)
			return -1;
	}
	return 0;
}

/* The paths that the configuration should name. */
struct paths {
	struct buf challenge, snippet, live, fullchain, key;
};

static void paths_done(struct paths *paths)
{
	buf_done(&paths->challenge);
	buf_done(&paths->snippet);
	buf_done(&paths->live);
	buf_done(&paths->fullchain);
	buf_done(&paths->key);
}

static int make_paths(const struct config *config, const char *certificate, struct paths *paths, struct error *err)
{
	(void)buf_printf(&paths->challenge, "%s/certd-acme-challenge.conf", config->nginx_snippet_dir);
	(void)buf_printf(&paths->live, "%s/live", config->state_dir);
	(void)buf_printf(&paths->fullchain, "%s/live/%s/fullchain.pem", config->state_dir, certificate);
	(void)buf_printf(&paths->key, "%s/live/%s/privkey.pem", config->state_dir, certificate);
	if (buf_check(&paths->challenge, "a path", err) < 0 || buf_check(&paths->live, "a path", err) < 0 ||
	    buf_check(&paths->fullchain, "a path", err) < 0 || buf_check(&paths->key, "a path", err) < 0)
		return -1;
	return deploy_snippet_path(config, certificate, &paths->snippet, err);
}

static int advise(struct job_inspect_nginx *nginx, const struct job *job, const struct job_inspect_names *what, const char *const *names,
                  struct job_inspection *inspection, struct error *err)
{
	CLEANUP(paths_done) struct paths paths = {
		BUF(PATH_TEXT_MAX), BUF(PATH_TEXT_MAX), BUF(PATH_TEXT_MAX), BUF(PATH_TEXT_MAX), BUF(PATH_TEXT_MAX),
	};
	CLEANUP(nginx_findings_cleanup) struct nginx_findings *findings = NULL;
	const struct config_settings *settings = &what->certificate->settings;
	struct nginx_expected expected = {
		.names = names,
		.name_count = what->names->count,
		.http_port = settings->http_port,
		.https_port = settings->https_port,
		.version = nginx->version,
		.http_01 = text_equal(settings->challenge, "http-01"),
		.webroot = settings->webroot,
		.websockets = (const char *const *)what->websockets->items,
		.websocket_count = what->websockets->count,
		.now_at = clock_wall(job->clock),
		.not_after = nginx_certificate_not_after,
	};

	if (make_paths(job->config, what->certificate->name, &paths, err) < 0)
		return -1;
	expected.challenge_snippet = buf_text(&paths.challenge);
	expected.live_dir = buf_text(&paths.live);
	if (what->managed) {
		expected.ssl_snippet = buf_text(&paths.snippet);
		expected.certificate = buf_text(&paths.fullchain);
		expected.key = buf_text(&paths.key);
	}
	if (nginx_advise(nginx->servers, &expected, &findings, err) < 0)
		return -1;
	return add_findings(inspection, findings, what->names, err);
}

int job_inspect_nginx(struct job_inspect_nginx *nginx, const struct job *job, const struct job_inspect_names *what,
                      struct job_inspection *inspection, struct error *err)
{
	CLEANUP(clean_free) const char **names = calloc(what->names->count + 1, sizeof(const char *));

	if (!names)
		return error_oom(err);
	if (what->certificate->settings.deploy == CONFIG_DEPLOY_NONE)
		return 0;
	for (size_t i = 0; i < what->names->count; i++)
		names[i] = what->names->items[i].value;
	if (!ask(nginx, job)) {
		for (size_t i = 0; i < what->names->count; i++) {
			if (add(inspection, names[i], CHECK_WARNING, nginx->failure, "it could not be looked at",
			        geteuid() == 0 ? "see that nginx.binary and nginx.config of certd.conf name the NGINX that serves this site" :
			                         "run this as root to have it looked at",
			        err) < 0)
				return -1;
		}
		return 0;
	}
	return advise(nginx, job, what, names, inspection, err);
}
