/* schedule.h: which certificates get a job, and when. Pure but for the memory it owns: the time comes in, batches go out by way of a
 * starter, so that ten years pass in a second of a test.
 *
 * Every certificate waits in one heap by the time of what is next, queues at its CA by how urgent it is, or is in a batch that a job has. What is due
 * is decided by the job; here is only known when it is worth a look.
 */
#ifndef CERTD_DAEMON_SCHEDULE_H
#define CERTD_DAEMON_SCHEDULE_H

#include "daemon/manager.h"
#include "job/glance.h"
#include "plan/heap.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct config_certificate;
struct daemon_batch;
struct daemon_entry;
struct error;
struct random;

#define DAEMON_CA_NONE UINT_MAX

enum {
	DAEMON_SPACING_S = 2, /* between two jobs that begin with the same CA; and up to as much again by chance */
	DAEMON_JITTER_MAX_S = 60 * 60, /* what the lifetime alone says is spread over this, or a fiftieth of what is left then */
	DAEMON_CA_PAUSE_MAX_S = 30 * 60, /* how long a CA with which nothing works is left alone */
	DAEMON_CLOCK_PAUSE_S = 15 * 60, /* how long nothing is done after the clock jumped forward by more than a day */
};

struct daemon_ca {
	const struct config_certificate *sample; /* one of its certificates */
	struct plan_heap queue; /* by urgency */
	int64_t ready_at; /* no job before */
	unsigned int troubles; /* batches in a row of which nothing but the CA's trouble came */
};

struct daemon_entry {
	struct plan_heap_item item; /* first: the heap's item is the entry */
	const struct config_certificate *config;
	struct daemon_batch *batch; /* or NULL */
	char *error; /* or NULL */
	int64_t not_after_at;
	int64_t renew_at;
	int64_t next_at;
	unsigned int ca; /* its place */
	unsigned int again; /* looks in a row after which it was still due */
	enum plan_reason reason;
	bool known, have, failing;
	bool queued;
	bool asked, forced; /* by a person: in the next batch */
};

/* Certificates of one CA that a job has. */
struct daemon_batch {
	struct daemon_entry *entries[64]; /* NULL for one that was told about, or is no longer managed */
	size_t count;
	unsigned int ca; /* its place; DAEMON_CA_NONE when no certificate is of it any more */
	bool named, force; /* what a person asked for */
	size_t troubled; /* certificates that failed by the CA or the way to it */
	size_t good; /* that were issued or deployed */
};

struct daemon_starter {
	/* Starts a job for the batch, which the schedule owns until daemon_schedule_ended(). ERROR_*, and the batch is the schedule's again. */
	int (*start)(void *self, struct daemon_batch *batch, struct error *err);
	void *self;
};

struct daemon_schedule {
	const struct random *random;
	const struct daemon_starter *starter;
	struct daemon_entry *entries; /* in the order of the configuration */
	size_t count;
	struct daemon_entry **by_name;
	struct plan_heap waiting;
	struct daemon_ca *cas;
	size_t cas_count;
	size_t jobs_max;
	size_t running; /* jobs */
	size_t queued; /* certificates */
	int64_t born_at; /* the youngest certificate's first moment, as its CA says: a clock that says less is behind */
	int64_t pause_until_at; /* nothing begins before; 0 for no pause */
};

void daemon_schedule_done(struct daemon_schedule *schedule);

/* Fills *ret from a configuration, which has to live as long. `before` is the schedule that it takes the place of (or NULL): what that knows and what
 * is running goes over, and it is emptied. */
int daemon_schedule_load(struct daemon_schedule *ret, const struct config *config, const struct random *random,
                         const struct daemon_starter *starter, struct daemon_schedule *before, struct error *err);

/* The entry of that name, or NULL. */
struct daemon_entry *daemon_schedule_find(const struct daemon_schedule *schedule, const char *name);

enum daemon_tale {
	DAEMON_TALE_LOOK, /* a look at all; of one that a job has right now it says nothing new */
	DAEMON_TALE_DONE, /* its job did something, and well */
	DAEMON_TALE_IDLE, /* its job found nothing to do, or may not yet */
	DAEMON_TALE_FAILED,
};

/* What a look or a job found. */
void daemon_schedule_tell(struct daemon_schedule *schedule, struct daemon_entry *entry, enum daemon_tale tale,
                          const struct job_glance *glance, int64_t now_at);

/* A look at all has ended. Those that it did not come to, and of which nothing was known before, are a job's affair now. */
void daemon_schedule_looked(struct daemon_schedule *schedule, int64_t now_at);

/* A person asks for it: it is due now, before all others. */
void daemon_schedule_ask(struct daemon_schedule *schedule, struct daemon_entry *entry, bool force, int64_t now_at);

/* Starts what is due and may start. */
void daemon_schedule_advance(struct daemon_schedule *schedule, int64_t now_at);

/* The batch's job has ended, and the batch is freed. Those in it that were not told about come back later. */
void daemon_schedule_ended(struct daemon_schedule *schedule, struct daemon_batch *batch, int64_t now_at);

/* When daemon_schedule_advance() would have something to do; INT64_MAX for never, as far as is known now. */
int64_t daemon_schedule_next_at(const struct daemon_schedule *schedule, int64_t now_at);

/* Whether the clock can be right: it does not say less than when this program was written. Nothing begins before it is set. */
bool daemon_schedule_plausible(int64_t now_at);

/* The clock was set, by so many seconds. A jump forward that is hard to believe pauses what has no hurry, and is told in *ret_pause_s (0 for
 * none). */
void daemon_schedule_jumped(struct daemon_schedule *schedule, int64_t now_at, int64_t jump_s, int64_t *ret_pause_s);

/* What is next of all that wait; NULL for nothing. */
const struct daemon_entry *daemon_schedule_first(const struct daemon_schedule *schedule);

enum daemon_activity daemon_entry_activity(const struct daemon_entry *entry);

#endif
