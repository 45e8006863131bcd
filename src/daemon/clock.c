/* clock.c: notices that the clock was set. A host that sleeps is no matter: the alarm is by the clock, and rings when it wakes. */
#include "daemon/core.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { JUMP_MIN_S = 60 };

/* The clock against the time since boot, which goes on while the host sleeps. */
static int64_t offset_s(void)
{
	struct timespec boot;

	clock_gettime(CLOCK_BOOTTIME, &boot);
	return clock_wall(clock_system()) - (int64_t)boot.tv_sec;
}

/* It never rings by itself. */
static int arm(int fd)
{
	const struct itimerspec never = { .it_value.tv_sec = INT32_MAX };
	const struct itimerspec later = { .it_value.tv_sec = (time_t)1 << 40 };

	if (timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &later, NULL) == 0)
		return 0;
	return errno == EINVAL ? timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) : -1;
}

static void jumped(struct daemon_core *core, int64_t jump_s)
{
	const int64_t now_at = clock_wall(clock_system());
	char by[TIME_TEXT_SIZE], pause[TIME_TEXT_SIZE];
	int64_t pause_s;

	log_event(LOG_LEVEL_WARNING, EVENT_CLOCK_SET, NULL, "the clock was set %s by %s",
	          jump_s > 0 ? "forward" : "back", time_format_duration(llabs(jump_s), by));
	daemon_schedule_jumped(&core->schedule, now_at, jump_s, &pause_s);
	if (pause_s > 0)
		log_event(LOG_LEVEL_WARNING, EVENT_CLOCK_SET, NULL,
		          "that is hard to believe: nothing is renewed for %s, unless it is set again",
		          time_format_duration(pause_s, pause));
	core->stale = true;
	daemon_core_look(core);
	daemon_core_settle(core);
}

static int on_clock_set(sd_event_source *source, int fd, uint32_t events, void *self)
{
	struct daemon_core *core = self;
	const int64_t before_s = core->clock_offset_s;
	uint64_t ignored;

	(void)source;
	(void)events;
	(void)!read(fd, &ignored, sizeof(ignored));
	if (arm(fd) < 0)
		log_error("cannot watch the clock any more");
	core->clock_offset_s = offset_s();
	if (llabs(core->clock_offset_s - before_s) >= JUMP_MIN_S)
		jumped(core, core->clock_offset_s - before_s);
	return 0;
}

int daemon_core_watch_clock(struct daemon_core *core, struct error *err)
{
	int r;

	core->clock_offset_s = offset_s();
	core->clock_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (core->clock_fd < 0 || arm(core->clock_fd) < 0)
		return error_sys(err, errno, "cannot watch the clock");
	r = sd_event_add_io(core->event, &core->clock_set, core->clock_fd, EPOLLIN, on_clock_set, core);
	return r < 0 ? error_sys(err, -r, "cannot watch the clock") : 0;
}
