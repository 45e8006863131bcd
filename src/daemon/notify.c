/* notify.c: what the service manager is told: that the daemon is ready, and in one line what it does. */
#include "daemon/core.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"

#include <systemd/sd-daemon.h>

enum { STATUS_MAX = 2048, MS_TO_US = 1000 };

struct sum {
	const struct daemon_entry *next; /* to be renewed */
	size_t failing, unknown;
};

static struct sum sum_up(const struct daemon_schedule *schedule)
{
	struct sum sum = { 0 };

	for (size_t i = 0; i < schedule->count; i++) {
		const struct daemon_entry *entry = &schedule->entries[i];

		sum.failing += entry->failing;
		sum.unknown += !entry->known;
		if (entry->known && (!sum.next || entry->renew_at < sum.next->renew_at))
			sum.next = entry;
	}
	return sum;
}

static void add_next(struct buf *text, const struct sum *sum, int64_t now_at)
{
	char in[TIME_TEXT_SIZE];

	if (!sum->next)
		return;
	if (sum->next->renew_at <= now_at)
		(void)buf_printf(text, ", next: %s now", sum->next->config->name);
	else
		(void)buf_printf(text, ", next: %s in %s", sum->next->config->name,
		                 time_format_duration(sum->next->renew_at - now_at, in));
}

void daemon_core_notify_status(struct daemon_core *core)
{
	CLEANUP(buf_done) struct buf text = BUF(STATUS_MAX);
	const struct daemon_schedule *schedule = &core->schedule;
	const int64_t now_at = clock_wall(clock_system());
	const struct sum sum = sum_up(schedule);
	char time[TIME_TEXT_SIZE];

	(void)buf_printf(&text, "%zu certificate%s", schedule->count, schedule->count == 1 ? "" : "s");
	if (sum.failing > 0)
		(void)buf_printf(&text, ", %zu failing", sum.failing);
	if (schedule->running > 0)
		(void)buf_printf(&text, ", %zu job%s at work", schedule->running, schedule->running == 1 ? "" : "s");
	if (schedule->queued > 0)
		(void)buf_printf(&text, ", %zu waiting for one", schedule->queued);
	add_next(&text, &sum, now_at);
	if (!daemon_schedule_plausible(now_at))
		(void)buf_printf(&text, "; the clock says %s: nothing is done until it is set", time_format(now_at, time));
	else if (schedule->pause_until_at > now_at)
		(void)buf_printf(&text, "; the clock jumped: nothing is done before %s",
		                 time_format(schedule->pause_until_at, time));
	if (core->refused[0] != '\0')
		(void)buf_printf(&text, "; the configuration on disk is not taken: %s", core->refused);
	log_debug("%s", buf_text(&text));
	sd_notifyf(0, "STATUS=%s", buf_text(&text));
}

void daemon_notify_ready(void)
{
	sd_notify(0, "READY=1");
}

void daemon_notify_reloading(void)
{
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
	           (unsigned long long)clock_monotonic_ms(clock_system()) * MS_TO_US);
}

void daemon_notify_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}
