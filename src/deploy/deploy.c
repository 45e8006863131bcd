#include "deploy/deploy.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/strv.h"
#include "base/text.h"
#include "config/config.h"
#include "deploy/private.h"
#include "hook/hook.h"
#include "store/store.h"

#include <inttypes.h>

enum { ENVIRONMENT_MAX = 100 };

void deploy_done(struct deploy *deploy)
{
	buf_done(&deploy->snippet_before);
}

static bool with_nginx(const struct deploy *deploy)
{
	return deploy->certificate->settings.deploy == CONFIG_DEPLOY_NGINX;
}

static int write_snippet(struct deploy *deploy, struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF(SNIPPET_MAX);
	const char *name = deploy->certificate->name;
	int r;

	deploy->snippet_before = BUF(SNIPPET_MAX);
	r = deploy_snippet_read(deploy->config, name, &deploy->snippet_before, err);
	if (r < 0)
		return error_context(err, "the SSL snippet of %s", name);
	deploy->had_snippet = r == FILE_OK;
	if (deploy_snippet_text(deploy->config, deploy->certificate, deploy->store, deploy->runner, &text, err) < 0)
		return error_context(err, "the SSL snippet of %s", name);
	/* Also when it fails: it may have been put in its place and then not fsynced. */
	deploy->wrote_snippet = true;
	return deploy_snippet_write(deploy->config, name, &text, err);
}

static int put_snippet_back(const struct deploy *deploy, struct error *err)
{
	const char *name = deploy->certificate->name;

	if (!deploy->wrote_snippet)
		return 0;
	if (deploy->had_snippet)
		return deploy_snippet_put_back(deploy->config, deploy->certificate, deploy->store, deploy->runner,
		                               &deploy->snippet_before, err);
	return deploy_snippet_remove(deploy->config, name, err);
}

static int make_environment(const struct deploy *deploy, uint64_t generation, struct strv *out, struct error *err)
{
	const struct config_nginx *nginx = &deploy->config->nginx;

	if (deploy_environment(deploy->config, deploy->certificate, deploy->store, generation, out, err) < 0)
		return -1;
	/* How to reach NGINX, for the hook that does. */
	if (with_nginx(deploy)) {
		strv_addf(out, "CERTD_NGINX=%s", nginx->binary);
		strv_addf(out, "CERTD_NGINX_CONFIG=%s", nginx->config != NULL ? nginx->config : "");
		strv_addf(out, "CERTD_NGINX_PREFIX=%s", nginx->prefix != NULL ? nginx->prefix : "");
	}
	if (out->failed)
		return error_set(err, ERROR_INTERNAL, "the environment of the hooks is too large, or out of memory");
	return 0;
}

/* Test and reload; what of deploy-timeout they leave is the proof's. */
static int tell_nginx(struct deploy *deploy, const struct hook_event *event, struct error *err)
{
	const struct clock *clock = clock_system();
	const int64_t begin_ms = clock_monotonic_ms(clock);
	struct hook_event of_nginx = *event;
	int r;

	of_nginx.deadline_ms = deploy->config->timeouts.deploy_ms;
	r = hook_run(deploy->runner, deploy->config->nginx.hook, &of_nginx, err);
	deploy->reload_ms = clock_monotonic_ms(clock) - begin_ms;
	return r;
}

static int run_hooks(struct deploy *deploy, uint64_t generation, bool *ret_nginx_took, struct error *err)
{
	CLEANUP(strv_done) struct strv environment = STRV(ENVIRONMENT_MAX);
	const struct hook_event event = {
		.event = "deploy",
		.certificate = deploy->certificate->name,
		.environment = &environment,
		.deadline_ms = deploy->config->timeouts.hook_ms,
	};

	if (make_environment(deploy, generation, &environment, err) < 0)
		return -1;
	if (with_nginx(deploy)) {
		if (tell_nginx(deploy, &event, err) < 0)
			return -1;
		*ret_nginx_took = true;
	}
	return hook_run_all(deploy->runner, deploy->config->hooks_dir, &event, NULL, err);
}

int deploy_reload(struct deploy *deploy, struct error *err)
{
	CLEANUP(strv_done) struct strv environment = STRV(ENVIRONMENT_MAX);
	const struct hook_event event = {
		.event = "deploy",
		.certificate = deploy->certificate->name,
		.environment = &environment,
	};

	if (make_environment(deploy, deploy->generation, &environment, err) < 0)
		return -1;
	return tell_nginx(deploy, &event, err);
}

int deploy_apply(struct deploy *deploy, struct error *err)
{
	deploy->wrote_snippet = false;
	deploy->nginx_took = false;
	deploy->had_snippet = false;
	deploy->snippet_before = BUF(SNIPPET_MAX);
	if (with_nginx(deploy) && write_snippet(deploy, err) < 0)
		return deploy_undo(deploy, err);
	if (run_hooks(deploy, deploy->generation, &deploy->nginx_took, err) < 0)
		return deploy_undo(deploy, err);
	return 0;
}

/* Adds to the message of *err, whose other parts stay. */
static void add_to_message(struct error *err, const char *what, const struct error *more)
{
	struct error whole = *err;

	error_set(&whole, err->kind, "%s; and %s: %s", err->message, what, more->message);
	text_copy(err->message, sizeof(err->message), whole.message);
	if (err->advice[0] == '\0')
		error_advise(err, "%s", more->advice);
}

/* The previous generation goes live again, and NGINX has it. */
static void go_back(struct deploy *deploy, struct error *err)
{
	struct error more;
	bool took = false;

	if (deploy_snippet_prepare(deploy->config, deploy->certificate, deploy->store, deploy->previous, deploy->runner, &more) < 0 ||
	    store_live_switch(deploy->store, deploy->previous, &more) < 0) {
		add_to_message(err, "the previous certificate could not be made live again", &more);
		return;
	}
	if (put_snippet_back(deploy, &more) < 0)
		add_to_message(err, "the snippet could not be put back", &more);
	/* What has not taken the new files (a configuration with a fault elsewhere in it) fails in the same way again and has the old
	 * ones still: that is no news. */
	if (run_hooks(deploy, deploy->previous, &took, &more) < 0 && (deploy->nginx_took || !with_nginx(deploy)))
		add_to_message(err, "after the previous certificate went live again", &more);
}

int deploy_undo(struct deploy *deploy, struct error *err)
{
	struct error more;

	err->kind = ERROR_DEPLOY;
	if (deploy->previous != 0)
		go_back(deploy, err);
	else if (!deploy->nginx_took && put_snippet_back(deploy, &more) < 0)
		add_to_message(err, "the snippet could not be put back", &more);
	return -1;
}
