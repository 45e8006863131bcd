#include "deploy/load.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/program.h"
#include "base/strv.h"
#include "base/text.h"
#include "config/config.h"
#include "deploy/private.h"
#include "deploy/workers.h"
#include "hook/hook.h"
#include "nginx/conf.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { ENVIRONMENT_MAX = 100, TICK_MS = 20, OUTPUT_MAX = 16 * 1024, ARGUMENTS_MAX = 16, LINE_SIZE = 512, PIDS_SHOWN_MAX = 4, ADDRESS_SIZE = 64 };

/* NGINX takes a path relative to its prefix. */
static void place(const char *path, const char *prefix, char out[static PATH_MAX])
{
	out[0] = '\0';
	if (path[0] == '/')
		(void)text_copy(out, PATH_MAX, path);
	else if (prefix != NULL && (size_t)snprintf(out, PATH_MAX, "%s/%s", prefix, path) >= PATH_MAX)
		out[0] = '\0';
}

void deploy_watch_find(const struct nginx_conf *conf, const char *prefix, struct deploy_watch *ret)
{
	const struct nginx_directive *pid, *log;

	ret->pid_file[0] = ret->error_log[0] = '\0';
	if (conf == NULL)
		return;
	pid = nginx_directive_find(conf->first, "pid");
	log = nginx_directive_find(conf->first, "error_log");
	place(pid != NULL ? nginx_directive_arg(pid, 0) : "/run/nginx.pid", prefix, ret->pid_file);
	if (log == NULL)
		(void)text_copy(ret->error_log, sizeof(ret->error_log), "/var/log/nginx/error.log");
	else if (!text_has_prefix(nginx_directive_arg(log, 0), "syslog:") && !text_has_prefix(nginx_directive_arg(log, 0), "memory:") &&
	         !text_equal(nginx_directive_arg(log, 0), "stderr"))
		place(nginx_directive_arg(log, 0), prefix, ret->error_log);
}

int deploy_load_environment(const struct config *config, struct strv *out, struct error *err)
{
	const struct config_nginx *nginx = &config->nginx;

	strv_addf(out, "CERTD_NGINX=%s", nginx->binary);
	strv_addf(out, "CERTD_NGINX_CONFIG=%s", nginx->config != NULL ? nginx->config : "");
	strv_addf(out, "CERTD_NGINX_PREFIX=%s", nginx->prefix != NULL ? nginx->prefix : "");
	if (out->failed)
		return error_set(err, ERROR_INTERNAL, "the environment of the hooks is too large, or out of memory");
	return 0;
}

static int make_environment(const struct deploy_load *load, struct strv *out, struct error *err)
{
	if (deploy_environment(load->config, load->certificate, load->store, load->generation, out, err) < 0)
		return -1;
	strv_addf(out, "CERTD_CERTIFICATES=%s", load->all != NULL ? load->all : load->certificate->name);
	return deploy_load_environment(load->config, out, err);
}

/* "bind() to 127.0.0.1:443 failed (98: Address already in use)" */
static int explain_bind(const struct deploy_watch *watch, const char *line, struct error *err)
{
	static const char before[] = "bind() to ";
	struct deploy_explanation explanation = { .text = "" };
	const char *where = text_has_prefix(line, before) ? line + strlen(before) : "";
	const char *end = strchr(where, ' ');
	char address[ADDRESS_SIZE] = "";
	char *colon = NULL;
	uint64_t port = 0;

	if (end != NULL && (size_t)(end - where) < sizeof(address)) {
		memcpy(address, where, (size_t)(end - where));
		colon = strrchr(address, ':');
	}
	if (colon != NULL && text_parse_u64(colon + 1, 1, UINT16_MAX, &port) == 0) {
		const bool v6 = address[0] == '[' && colon[-1] == ']';

		colon[v6 ? -1 : 0] = '\0';
		deploy_explain(watch, address + (v6 ? 1 : 0), (uint16_t)port, "", &explanation);
	}
	if (explanation.text[0] != '\0')
		error_append(err, "; %s", explanation.text);
	return error_advise(err, "another program has that address and port, or another NGINX: `ss -ltnp` names it");
}

static int refused(const struct deploy_watch *watch, const char *line, struct error *err)
{
	error_set(err, ERROR_DEPLOY, "NGINX passed its test and was told to load its configuration anew, but could not, and goes on with the one "
	                             "it had: %s", line);
	if (strstr(line, "(24:") != NULL)
		return error_advise(err, "give it more open files: worker_rlimit_nofile, LimitNOFILE= of nginx.service; then `certd renew`");
	if (strstr(line, "bind()") != NULL)
		return explain_bind(watch, line, err);
	return error_advise(err, "mend what it says (see %s): NGINX meets it when it loads, with the rights and limits of its master, and "
	                         "`nginx -t` does not", watch->error_log);
}

static int unheard(const struct deploy_workers *before, const struct deploy_watch *watch, int64_t waited_ms, struct error *err)
{
	error_set(err, ERROR_DEPLOY,
	          "NGINX (master process %d) was told to load its configuration anew, but after %lld s it has no new worker: it goes on with the "
	          "one it had", (int)before->master, (long long)waited_ms / 1000);
	if (watch->error_log[0] != '\0')
		return error_advise(err, "look into %s for [emerg] and [alert], and whether that process is stopped or waits for a disk",
		                    watch->error_log);
	return error_advise(err, "look into NGINX's error log for [emerg] and [alert], and whether that process is stopped or waits for a disk");
}

static void tell_stayed(const struct deploy_workers *before, int64_t waited_ms, char out[static DEPLOY_STAYED_SIZE])
{
	CLEANUP(buf_done) struct buf pids = BUF(DEPLOY_STAYED_SIZE / 2);
	size_t left = 0;

	for (size_t i = 0; i < before->count; i++) {
		if (!deploy_workers_takes(before->items[i]))
			continue;
		if (left < PIDS_SHOWN_MAX)
			buf_printf(&pids, "%s%d", left > 0 ? ", " : "", (int)before->items[i]);
		left++;
	}
	snprintf(out, DEPLOY_STAYED_SIZE,
	         "%zu of NGINX's workers of before the reload (%s%s) still take connections after %lld s, and serve the certificate of before",
	         left, buf_text(&pids), left > PIDS_SHOWN_MAX ? ", ..." : "", (long long)waited_ms / 1000);
}

/* A port that another has NGINX asks for a few times more. */
static bool is_final(const char *line)
{
	return !text_has_prefix(line, "bind() to ") || strstr(line, DEPLOY_LOG_UNBOUND) != NULL;
}

/* Until no worker of before takes connections. */
static int wait_for_workers(const struct deploy_load *load, const struct deploy_workers *before, const struct deploy_log *log,
                            int64_t patience_ms, char stayed[static DEPLOY_STAYED_SIZE], struct error *err)
{
	const struct clock *clock = clock_system();
	const struct timespec tick = { .tv_nsec = TICK_MS * 1000000L };
	const int64_t begin_ms = clock_monotonic_ms(clock);
	char line[LINE_SIZE];

	for (;;) {
		const int64_t waited_ms = clock_monotonic_ms(clock) - begin_ms;

		if (deploy_workers_left(before) == 0)
			return 0;
		if (deploy_workers_have_new(before)) {
			if (waited_ms >= patience_ms) {
				tell_stayed(before, waited_ms, stayed);
				return 0;
			}
		} else if (deploy_log_find(log, before->master, line, sizeof(line)) && (is_final(line) || waited_ms >= patience_ms)) {
			return refused(load->watch, line, err);
		} else if (waited_ms >= patience_ms) {
			return unheard(before, load->watch, waited_ms, err);
		}
		if (interrupt_check(err) < 0)
			return -1;
		nanosleep(&tick, NULL);
	}
}

int deploy_load(const struct deploy_load *load, char stayed[static DEPLOY_STAYED_SIZE], struct error *err)
{
	CLEANUP(strv_done) struct strv environment = STRV(ENVIRONMENT_MAX);
	const int64_t deadline_ms = load->config->timeouts.deploy_ms;
	const struct hook_event event = {
		.event = "deploy", .certificate = load->certificate->name, .environment = &environment, .deadline_ms = deadline_ms,
	};
	struct deploy_workers before;
	struct deploy_log log;

	stayed[0] = '\0';
	deploy_workers_list(load->watch->pid_file, &before);
	deploy_log_mark(load->watch->error_log, &log);
	if (make_environment(load, &environment, err) < 0 || hook_run(load->runner, load->config->nginx.hook, &event, err) < 0)
		return -1;
	return wait_for_workers(load, &before, &log, deadline_ms, stayed, err);
}

int deploy_load_test(const struct config *config, const struct runner *runner, struct error *err)
{
	const struct config_nginx *nginx = &config->nginx;
	CLEANUP(strv_done) struct strv argv = STRV(ARGUMENTS_MAX);
	const char *const envp[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C", NULL };
	struct program_result result = { .output = BUF(OUTPUT_MAX) };
	struct program_spec spec = { .envp = envp, .deadline_ms = config->timeouts.hook_ms };
	int r;

	strv_add(&argv, nginx->binary);
	if (nginx->prefix != NULL) {
		strv_add(&argv, "-p");
		strv_add(&argv, nginx->prefix);
	}
	if (nginx->config != NULL) {
		strv_add(&argv, "-c");
		strv_add(&argv, nginx->config);
	}
	strv_add(&argv, "-q");
	strv_add(&argv, "-t");
	if (argv.failed)
		return error_oom(err);
	spec.argv = (const char *const *)argv.items;
	r = program_run(runner, &spec, &result, err);
	if (r == 0)
		r = program_check(&spec, &result, err);
	buf_done(&result.output);
	return r;
}
