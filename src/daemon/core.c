#include "daemon/core.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "config/config.h"
#include "daemon/run.h"

#include <malloc.h>
#include <stdlib.h>
#include <time.h>

enum { STOP_KILL_MS = 7000, US_PER_MS = 1000, US_PER_S = 1000000, ACCURACY_US = 100000 };

/* A process, and the batch that it has; a look has none. */
struct daemon_job {
	struct daemon_core *core;
	struct daemon_process *process;
	struct daemon_batch *batch;
	struct daemon_job *next;
};

static int64_t now_at(void)
{
	return clock_wall(clock_system());
}

void daemon_core_tell(struct daemon_core *core, const struct daemon_event *event)
{
	struct daemon_listener *next;

	for (struct daemon_listener *listener = core->listeners; listener; listener = next) {
		next = listener->next;
		listener->event(listener->self, event);
	}
}

static void tell(struct daemon_core *core, enum daemon_event_kind kind, const char *certificate, const char *result,
                 const char *error)
{
	const struct daemon_event event = {
		.kind = kind, .certificate = certificate, .step = "", .text = "", .result = result, .error = error
	};

	daemon_core_tell(core, &event);
}

static void unlink_job(struct daemon_core *core, struct daemon_job *job)
{
	for (struct daemon_job **at = &core->jobs; *at; at = &(*at)->next) {
		if (*at == job) {
			*at = job->next;
			return;
		}
	}
}

static enum daemon_tale tale_of(const struct daemon_job *job, const char *result)
{
	if (!job->batch)
		return DAEMON_TALE_LOOK;
	if (text_equal(result, job_result_name(JOB_ISSUED)) || text_equal(result, job_result_name(JOB_DEPLOYED)))
		return DAEMON_TALE_DONE;
	return text_equal(result, job_result_name(JOB_FAILED)) ? DAEMON_TALE_FAILED : DAEMON_TALE_IDLE;
}

static void on_facts(struct daemon_job *job, const struct daemon_answer *answer)
{
	struct daemon_core *core = job->core;
	struct daemon_entry *entry = daemon_schedule_find(&core->schedule, answer->certificate);

	/* No longer managed, or not what this job was asked about. */
	if (!entry || (job->batch && entry->batch != job->batch))
		return;
	daemon_schedule_tell(&core->schedule, entry, tale_of(job, answer->result), &answer->glance, now_at());
	core->stale = true;
	if (job->batch)
		tell(core, DAEMON_EVENT_ENDED, entry->config->name, answer->result, entry->error);
}

static void on_answer(void *self, const struct daemon_answer *answer)
{
	struct daemon_job *job = self;
	const struct daemon_entry *entry;
	struct daemon_event event = { .kind = DAEMON_EVENT_PROGRESS, .step = answer->step, .text = answer->text, .result = "" };

	switch (answer->kind) {
	case DAEMON_ANSWER_PROGRESS:
		entry = daemon_schedule_find(&job->core->schedule, answer->certificate);
		if (!entry)
			return;
		event.certificate = entry->config->name;
		daemon_core_tell(job->core, &event);
		return;
	case DAEMON_ANSWER_FACTS:
		on_facts(job, answer);
		return;
	case DAEMON_ANSWER_END:
		if (answer->text[0] != '\0')
			log_error("a job could not do its work: %s", answer->text);
		return;
	case DAEMON_ANSWER_COUNT:
		return;
	}
}

static void become_ready(struct daemon_core *core)
{
	if (core->ready)
		return;
	core->ready = true;
	daemon_notify_ready();
}

static void end_look(struct daemon_core *core)
{
	core->looking = false;
	daemon_schedule_looked(&core->schedule, now_at());
	become_ready(core);
	if (core->schedule.born_at > now_at())
		log_event(LOG_LEVEL_WARNING, EVENT_CLOCK, NULL,
		          "the clock is behind: it says less than the first moment of a certificate that there is");
	if (core->look_again)
		daemon_core_look(core);
}

static void end_batch(struct daemon_core *core, struct daemon_batch *batch)
{
	for (size_t i = 0; i < batch->count; i++) {
		if (batch->entries[i])
			tell(core, DAEMON_EVENT_ENDED, batch->entries[i]->config->name, "lost",
			     "its job ended before it had come to this one");
	}
	daemon_schedule_ended(&core->schedule, batch, now_at());
}

static void on_ended(void *self, const char *why)
{
	CLEANUP(clean_free) struct daemon_job *job = self;
	struct daemon_core *core = job->core;

	if (why && !core->stopping)
		log_event(LOG_LEVEL_ERROR, EVENT_JOB_LOST, NULL, "a job was lost: %s", why);
	unlink_job(core, job);
	core->stale = true;
	if (job->batch)
		end_batch(core, job->batch);
	else
		end_look(core);
	daemon_core_settle(core);
}

/* Starts a job; the batch is its own from here on. */
static int start(struct daemon_core *core, struct daemon_request *request, struct daemon_batch *batch, struct error *err)
{
	CLEANUP(clean_free) struct daemon_job *job = calloc(1, sizeof(*job));
	CLEANUP(buf_done) struct buf line = BUF(DAEMON_REQUEST_MAX);
	const struct config_timeouts *timeouts = &core->config->timeouts;
	struct daemon_process_handler handler = { .answer = on_answer, .ended = on_ended, .self = job };

	if (!job)
		return error_oom(err);
	*job = (struct daemon_job){ .core = core, .batch = batch, .next = core->jobs };
	/* The CA asked about all of them, one order, its deployment, the hooks before and after: each has a limit of its own. */
	core->spec.limit_ms = 2 * timeouts->attempt_ms + timeouts->deploy_ms + 2 * timeouts->hook_ms;
	if (daemon_request_print(request, &line, err) < 0 ||
	    daemon_process_start(core->event, &core->spec, &line, &handler, &job->process, err) < 0)
		return -1;
	core->jobs = TAKE(job);
	return 0;
}

static int start_batch(void *self, struct daemon_batch *batch, struct error *err)
{
	struct daemon_core *core = self;
	CLEANUP(daemon_request_done) struct daemon_request request = {
		.task = DAEMON_TASK_RENEW,
		.named = batch->named,
		.force = batch->force,
		.certificates = STRV(DAEMON_BATCH_MAX),
	};

	for (size_t i = 0; i < batch->count; i++)
		(void)strv_add(&request.certificates, batch->entries[i]->config->name);
	if (request.certificates.failed)
		return error_oom(err);
	if (start(core, &request, batch, err) < 0) {
		/* Whoever waits for one of them shall not wait until jobs can be had again. */
		for (size_t i = 0; i < batch->count; i++)
			tell(core, DAEMON_EVENT_ENDED, batch->entries[i]->config->name, "lost", err->message);
		return -1;
	}
	for (size_t i = 0; i < batch->count; i++)
		tell(core, DAEMON_EVENT_STARTED, batch->entries[i]->config->name, "", NULL);
	return 0;
}

void daemon_core_look(struct daemon_core *core)
{
	struct daemon_request request = { .task = DAEMON_TASK_LOOK };
	struct error err;

	if (core->looking || core->stopping) {
		core->look_again = core->looking;
		return;
	}
	error_clear(&err);
	core->look_again = false;
	core->looking = start(core, &request, NULL, &err) == 0;
	if (core->looking)
		return;
	/* Nothing is known of them then: each is looked at by a job of its own. */
	log_failure(LOG_LEVEL_ERROR, "no job could be started", &err);
	daemon_schedule_looked(&core->schedule, now_at());
	become_ready(core);
}

void daemon_core_settle(struct daemon_core *core)
{
	int64_t at, now = now_at();

	if (core->stopping && !core->jobs)
		sd_event_exit(core->event, 0);
	if (core->stopping)
		return;
	if (core->ready)
		daemon_schedule_advance(&core->schedule, now);
	at = core->ready ? daemon_schedule_next_at(&core->schedule, now) : INT64_MAX;
	if (at < now)
		at = now;
	if (at > INT64_MAX / US_PER_S)
		sd_event_source_set_enabled(core->wake, SD_EVENT_OFF);
	else if (sd_event_source_set_time(core->wake, (uint64_t)at * US_PER_S) >= 0)
		sd_event_source_set_enabled(core->wake, SD_EVENT_ONESHOT);
	if (core->stale)
		daemon_core_notify_status(core);
	core->stale = false;
}

static int on_wake(sd_event_source *source, uint64_t usec, void *self)
{
	(void)source;
	(void)usec;
	daemon_core_settle(self);
	return 0;
}

int daemon_core_take(struct daemon_core *core, struct config **config, struct error *err)
{
	struct daemon_schedule schedule;

	if (daemon_schedule_load(&schedule, *config, random_system(), &core->starter,
	                         core->config ? &core->schedule : NULL, err) < 0)
		return -1;
	core->schedule = schedule;
	config_free(core->config);
	core->config = TAKE(*config);
	/* Reading it took several times the memory that it takes, and the daemon lives long. */
	malloc_trim(0);
	core->stale = true;
	return 0;
}

int daemon_core_open(struct daemon_core *core, struct error *err)
{
	int r = sd_event_add_time(core->event, &core->wake, CLOCK_REALTIME, 0, ACCURACY_US, on_wake, core);

	if (r >= 0)
		r = sd_event_source_set_enabled(core->wake, SD_EVENT_OFF);
	if (r < 0)
		return error_sys(err, -r, "cannot set an alarm");
	core->starter = (struct daemon_starter){ start_batch, core };
	daemon_manager_init(core);
	return daemon_core_watch_clock(core, err);
}

void daemon_core_close(struct daemon_core *core)
{
	sd_event_source_disable_unref(core->wake);
	sd_event_source_disable_unref(core->clock_set);
	clean_fd(&core->clock_fd);
	daemon_schedule_done(&core->schedule);
	config_free(core->config);
}

/* A job that does not heed SIGTERM. */
static int on_patience(sd_event_source *source, uint64_t usec, void *self)
{
	struct daemon_core *core = self;

	(void)source;
	(void)usec;
	for (struct daemon_job *job = core->jobs; job; job = job->next)
		daemon_process_kill(job->process);
	return 0;
}

void daemon_core_stop(struct daemon_core *core)
{
	if (core->stopping)
		return;
	core->stopping = true;
	daemon_notify_stopping();
	for (struct daemon_job *job = core->jobs; job; job = job->next)
		daemon_process_stop(job->process);
	/* Floating: it lives as long as the loop. */
	if (sd_event_add_time_relative(core->event, NULL, CLOCK_MONOTONIC, (uint64_t)STOP_KILL_MS * US_PER_MS, 0, on_patience,
	                               core) < 0)
		on_patience(NULL, 0, core);
	daemon_core_settle(core);
}
