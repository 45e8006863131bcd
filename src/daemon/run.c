#include "daemon/run.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/log.h"
#include "config/config.h"
#include "daemon/core.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

enum { RUNTIME_DIR_MODE = 0755, STATE_DIR_MODE = 0755 };

/* As a run of `certd renew` does; for as long as the daemon lives. */
static int take_locks(const struct config *config, int locks[static DAEMON_LOCKS], struct error *err)
{
	CLEANUP(clean_fd) int runtime_fd = -1;
	CLEANUP(clean_fd) int state_fd = -1;

	if (file_make_dirs(config->runtime_dir, RUNTIME_DIR_MODE, &runtime_fd, err) < 0 ||
	    lock_take(runtime_fd, "lock", &locks[0], err) < 0)
		return -1;
	if (file_make_dirs(config->state_dir, STATE_DIR_MODE, &state_fd, err) == 0 &&
	    lock_take(state_fd, "in-use", &locks[1], err) == 0)
		return 0;
	if (err->kind == ERROR_LOCKED)
		return -1;
	log_debug("the state directory is not locked: %s", err->message);
	error_clear(err);
	return 0;
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *self)
{
	struct daemon_core *core = self;
	struct error err;

	(void)source;
	error_clear(&err);
	if (info->ssi_signo != SIGHUP)
		daemon_core_stop(core);
	else if (!core->stopping && daemon_core_reload(core, &err) < 0)
		log_failure_event(LOG_LEVEL_ERROR, EVENT_RELOAD_REFUSED, NULL, &err);
	return 0;
}

static int watch_signals(struct daemon_core *core, struct error *err)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	sigset_t set;
	int r = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaddset(&set, signals[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return error_sys(err, errno, "cannot hold back signals");
	for (size_t i = 0; i < ARRAY_SIZE(signals) && r >= 0; i++)
		r = sd_event_add_signal(core->event, NULL, signals[i], on_signal, core);
	if (r >= 0)
		r = sd_event_set_watchdog(core->event, 1);
	return r < 0 ? error_sys(err, -r, "cannot watch signals") : 0;
}

static int loop(struct daemon_core *core, const struct daemon_options *options, struct error *err)
{
	void *opened = NULL;
	int r;

	if (options->open && options->open(options->self, core->event, &core->manager, &opened, err) < 0)
		return -1;
	daemon_core_look(core);
	daemon_core_settle(core);
	r = sd_event_loop(core->event);
	if (options->close)
		options->close(opened);
	return r < 0 ? error_sys(err, -r, "the loop ended") : 0;
}

static void core_done(struct daemon_core *core)
{
	daemon_core_close(core);
	for (size_t i = 0; i < DAEMON_LOCKS; i++)
		clean_fd(&core->spec.locks[i]);
	sd_event_unref(core->event);
}

int daemon_run(const struct daemon_options *options, struct config *config, struct error *err)
{
	CLEANUP(config_cleanup) struct config *given = config;
	CLEANUP(core_done) struct daemon_core core = {
		.options = options,
		.spec = { .argv = options->job_argv, .socket = options->job_socket, .locks = { -1, -1 } },
		.clock_fd = -1,
	};
	int r = sd_event_new(&core.event);

	if (r < 0)
		return error_sys(err, -r, "cannot make a loop");
	if (take_locks(given, core.spec.locks, err) < 0 || watch_signals(&core, err) < 0 ||
	    daemon_core_open(&core, err) < 0 || daemon_core_take(&core, &given, err) < 0)
		return -1;
	return loop(&core, options, err);
}
