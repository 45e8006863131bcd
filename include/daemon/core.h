/* core.h: the daemon's inside: its schedule, the jobs that it has now, and who listens. Used within this room. */
#ifndef CERTD_DAEMON_CORE_H
#define CERTD_DAEMON_CORE_H

#include "base/error.h"
#include "daemon/manager.h"
#include "daemon/process.h"
#include "daemon/schedule.h"

#include <stdbool.h>
#include <systemd/sd-event.h>

struct config;
struct daemon_job;
struct daemon_options;

struct daemon_core {
	const struct daemon_options *options;
	struct config *config;
	struct daemon_schedule schedule;
	struct daemon_starter starter;
	struct daemon_process_spec spec;
	struct daemon_manager manager; /* what others see of it */
	struct daemon_listener *listeners;
	struct daemon_job *jobs; /* also a look */
	sd_event *event;
	sd_event_source *wake; /* at what is due next */
	sd_event_source *clock_set;
	int clock_fd; /* is readable when the clock was set */
	int64_t clock_offset_s; /* of the clock against the time since boot */
	bool looking; /* at all certificates; */
	bool look_again; /* and once more after that */
	bool ready; /* has looked once */
	bool stopping;
	bool stale; /* what the service manager is told is */
	char refused[256]; /* why the configuration on disk is not the one that holds; "" when it is */
};

/* core.c: the jobs and the time. */
int daemon_core_open(struct daemon_core *core, struct error *err);
void daemon_core_close(struct daemon_core *core);

/* Starts what may start, and sets the alarm for what comes next. At the end of whatever has changed something. */
void daemon_core_settle(struct daemon_core *core);

/* Looks at all certificates, by way of a job. */
void daemon_core_look(struct daemon_core *core);

/* Takes a configuration in place of the one that there is. 0, or -1 and nothing has changed. *config is taken in the first case. */
int daemon_core_take(struct daemon_core *core, struct config **config, struct error *err);

/* No new jobs; those that there are end soon, and then the loop does. */
void daemon_core_stop(struct daemon_core *core);

void daemon_core_tell(struct daemon_core *core, const struct daemon_event *event);

/* manager.c: what others can ask. */
void daemon_manager_init(struct daemon_core *core);

/* Reads the files again. Logs what is wrong with them, and tells listeners. */
int daemon_core_reload(struct daemon_core *core, struct error *err);

/* clock.c: notices that the clock was set. */
int daemon_core_watch_clock(struct daemon_core *core, struct error *err);

/* notify.c: what the service manager is told; nothing where there is none. */
void daemon_core_notify_status(struct daemon_core *core);
void daemon_notify_ready(void);
void daemon_notify_reloading(void);
void daemon_notify_stopping(void);

#endif
