/* manager.c: what others can ask of the daemon. */
#include "daemon/manager.h"

#include "base/clean.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "config/config.h"
#include "daemon/core.h"
#include "daemon/run.h"

static const struct config *get_config(void *self)
{
	const struct daemon_core *core = self;

	return core->config;
}

static size_t count(void *self)
{
	const struct daemon_core *core = self;

	return core->schedule.count;
}

static void certificate(void *self, size_t i, struct daemon_certificate *ret)
{
	const struct daemon_core *core = self;
	const struct daemon_entry *entry = &core->schedule.entries[i];

	*ret = (struct daemon_certificate){
		.config = entry->config,
		.activity = daemon_entry_activity(entry),
		.known = entry->known,
		.have = entry->have,
		.failing = entry->failing,
		.reason = entry->reason,
		.not_after_at = entry->not_after_at,
		.renew_at = entry->renew_at,
		.next_at = entry->next_at,
		.error = entry->error,
	};
}

static ssize_t find(void *self, const char *name)
{
	const struct daemon_core *core = self;
	const struct daemon_entry *entry = daemon_schedule_find(&core->schedule, name);

	return entry ? entry - core->schedule.entries : -1;
}

static int renew(void *self, const struct daemon_renew *wanted, struct error *err)
{
	struct daemon_core *core = self;
	const int64_t now_at = clock_wall(clock_system());

	for (size_t i = 0; wanted->names && i < wanted->count; i++) {
		if (!daemon_schedule_find(&core->schedule, wanted->names[i])) {
			error_set(err, ERROR_USAGE, "no certificate is called \"%.200s\"", wanted->names[i]);
			return error_advise(err, "`certd status` lists what is managed");
		}
	}
	for (size_t i = 0; wanted->names && i < wanted->count; i++)
		daemon_schedule_ask(&core->schedule, daemon_schedule_find(&core->schedule, wanted->names[i]), wanted->force, now_at);
	for (size_t i = 0; !wanted->names && i < core->schedule.count; i++)
		daemon_schedule_ask(&core->schedule, &core->schedule.entries[i], wanted->force, now_at);
	/* Not at once: whoever asks may not be ready to hear of it. */
	sd_event_source_set_time(core->wake, 0);
	sd_event_source_set_enabled(core->wake, SD_EVENT_ONESHOT);
	return 0;
}

static void subscribe(void *self, struct daemon_listener *listener)
{
	struct daemon_core *core = self;

	listener->next = core->listeners;
	core->listeners = listener;
}

static void unsubscribe(void *self, struct daemon_listener *listener)
{
	struct daemon_core *core = self;

	for (struct daemon_listener **at = &core->listeners; *at; at = &(*at)->next) {
		if (*at == listener) {
			*at = listener->next;
			return;
		}
	}
}

/* What another certd would look for elsewhere cannot move while this one holds its locks there. */
static int check_places(const struct config *now, const struct config *new, struct error *err)
{
	if (text_equal(now->runtime_dir, new->runtime_dir) && text_equal(now->state_dir, new->state_dir))
		return 0;
	error_set(err, ERROR_USAGE, "runtime-dir and state-dir cannot change while the daemon runs");
	return error_advise(err, "restart it");
}

static int read_again(struct daemon_core *core, struct error *err)
{
	const struct config_report report = { .line = core->options->config_problem, .self = core->options->self };
	CLEANUP(config_cleanup) struct config *config = NULL;

	if (config_load(core->options->config_file, core->options->config_may_be_absent, &report, &config, err) < 0 ||
	    check_places(core->config, config, err) < 0)
		return -1;
	return daemon_core_take(core, &config, err);
}

int daemon_core_reload(struct daemon_core *core, struct error *err)
{
	struct daemon_event event = {
		.kind = DAEMON_EVENT_RELOADED, .step = "", .text = "", .result = ""
	};

	daemon_notify_reloading();
	if (read_again(core, err) < 0) {
		text_copy(core->refused, sizeof(core->refused), err->message);
		text_clean(core->refused);
		error_context(err, "the configuration was not taken, and the one before still holds");
		event.error = err->message;
	} else {
		core->refused[0] = '\0';
		log_event(LOG_LEVEL_NOTICE, EVENT_RELOADED, NULL, "the configuration was read again: %zu certificates",
		          core->schedule.count);
		daemon_core_look(core);
	}
	core->stale = true;
	daemon_notify_ready();
	daemon_core_tell(core, &event);
	daemon_core_settle(core);
	return event.error ? -1 : 0;
}

static int reload(void *self, struct error *err)
{
	return daemon_core_reload(self, err);
}

void daemon_manager_init(struct daemon_core *core)
{
	core->manager = (struct daemon_manager){
		.config = get_config,
		.count = count,
		.certificate = certificate,
		.find = find,
		.renew = renew,
		.reload = reload,
		.subscribe = subscribe,
		.unsubscribe = unsubscribe,
		.self = core,
	};
}
