#include "daemon/schedule.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "config/config.h"
#include "daemon/talk.h"
#include "plan/backoff.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { DAY_S = 24 * 60 * 60, BATCH_MIN = 8, CA_PAUSE_FIRST_S = 60, SPREAD_PART = 50 };

/* 2026-11-23: no clock that is right says less. */
static const int64_t written_at = 1795392000;

static_assert(ARRAY_SIZE(((struct daemon_batch *)0)->entries) == DAEMON_BATCH_MAX, "a request holds what a batch holds");
static_assert(offsetof(struct daemon_entry, item) == 0, "the heap's item is the entry");

static struct daemon_entry *entry_of(struct plan_heap_item *item)
{
	return (struct daemon_entry *)item;
}

void daemon_schedule_done(struct daemon_schedule *schedule)
{
	for (size_t i = 0; i < schedule->count; i++)
		free(schedule->entries[i].error);
	for (size_t i = 0; i < schedule->cas_count; i++)
		plan_heap_done(&schedule->cas[i].queue);
	free(schedule->entries);
	free(schedule->by_name);
	free(schedule->cas);
	plan_heap_done(&schedule->waiting);
	*schedule = (struct daemon_schedule){ 0 };
}

static int compare_names(const void *left, const void *right)
{
	const struct daemon_entry *const *a = left, *const *b = right;

	return strcmp((*a)->config->name, (*b)->config->name);
}

static int compare_name(const void *name, const void *entry)
{
	const struct daemon_entry *const *e = entry;

	return strcmp(name, (*e)->config->name);
}

struct daemon_entry *daemon_schedule_find(const struct daemon_schedule *schedule, const char *name)
{
	struct daemon_entry **found = NULL;

	if (schedule->count > 0)
		found = bsearch(name, schedule->by_name, schedule->count, sizeof(struct daemon_entry *), compare_name);
	return found ? *found : NULL;
}

/* As the jobs have it: one connection serves what has the same directory and the same trust. */
static bool same_ca(const struct config_certificate *a, const struct config_certificate *b)
{
	const struct config_ca *ca_a = a->settings.ca, *ca_b = b->settings.ca;

	return ca_a == ca_b || (text_equal(ca_a->directory, ca_b->directory) &&
	                        text_equal(ca_a->ca_bundle ? ca_a->ca_bundle : "", ca_b->ca_bundle ? ca_b->ca_bundle : ""));
}

static int find_ca(struct daemon_schedule *schedule, const struct config_certificate *certificate, unsigned int *ret,
                   struct error *err)
{
	struct daemon_ca *cas;

	/* Mostly that of the one before. */
	for (size_t i = schedule->cas_count; i > 0; i--) {
		if (same_ca(schedule->cas[i - 1].sample, certificate)) {
			*ret = (unsigned int)(i - 1);
			return 0;
		}
	}
	cas = reallocarray(schedule->cas, schedule->cas_count + 1, sizeof(*cas));
	if (!cas)
		return error_oom(err);
	schedule->cas = cas;
	cas[schedule->cas_count] = (struct daemon_ca){ .sample = certificate };
	*ret = (unsigned int)schedule->cas_count++;
	return 0;
}

static int fill(struct daemon_schedule *schedule, const struct config *config, struct error *err)
{
	schedule->entries = calloc(config->certificates_count + 1, sizeof(*schedule->entries));
	schedule->by_name = calloc(config->certificates_count + 1, sizeof(struct daemon_entry *));
	/* From here on no time can be lost for lack of memory. */
	if (!schedule->entries || !schedule->by_name || plan_heap_reserve(&schedule->waiting, config->certificates_count) < 0)
		return error_oom(err);
	for (size_t i = 0; i < config->certificates_count; i++) {
		struct daemon_entry *entry = &schedule->entries[i];

		entry->config = config->certificates[i];
		if (find_ca(schedule, entry->config, &entry->ca, err) < 0)
			return -1;
		schedule->by_name[i] = entry;
		schedule->count++;
	}
	for (size_t i = 0; i < schedule->cas_count; i++) {
		if (schedule->cas_count == 1 && plan_heap_reserve(&schedule->cas[i].queue, schedule->count) < 0)
			return error_oom(err);
	}
	if (schedule->count > 1)
		qsort(schedule->by_name, schedule->count, sizeof(struct daemon_entry *), compare_names);
	return 0;
}

static void wait_until(struct daemon_schedule *schedule, struct daemon_entry *entry, int64_t at)
{
	entry->next_at = at;
	/* There is room for all of them. */
	(void)plan_heap_put(&schedule->waiting, &entry->item, at);
}

/* What the schedule before knows of the same certificate. */
static void take_over(struct daemon_schedule *schedule, struct daemon_entry *entry, struct daemon_entry *old)
{
	const struct daemon_entry fresh = *entry;

	*entry = *old;
	entry->queued = false;
	entry->item = fresh.item;
	entry->config = fresh.config;
	entry->ca = fresh.ca;
	old->error = NULL;
	if (!entry->batch) {
		wait_until(schedule, entry, entry->next_at);
		return;
	}
	for (size_t i = 0; i < entry->batch->count; i++) {
		if (entry->batch->entries[i] == old)
			entry->batch->entries[i] = entry;
	}
	entry->batch->ca = entry->ca;
}

/* A CA that is left alone goes on to be. */
static void take_over_cas(struct daemon_schedule *schedule, const struct daemon_schedule *before)
{
	for (size_t i = 0; i < schedule->cas_count; i++) {
		for (size_t k = 0; k < before->cas_count; k++) {
			if (!same_ca(schedule->cas[i].sample, before->cas[k].sample))
				continue;
			schedule->cas[i].ready_at = before->cas[k].ready_at;
			schedule->cas[i].troubles = before->cas[k].troubles;
		}
	}
}

static void take_over_all(struct daemon_schedule *schedule, struct daemon_schedule *before)
{
	for (size_t i = 0; i < before->count; i++) {
		if (before->entries[i].batch)
			before->entries[i].batch->ca = DAEMON_CA_NONE;
	}
	for (size_t i = 0; i < before->count; i++) {
		struct daemon_entry *old = &before->entries[i];
		struct daemon_entry *entry = daemon_schedule_find(schedule, old->config->name);

		if (entry) {
			take_over(schedule, entry, old);
			continue;
		}
		for (size_t k = 0; old->batch && k < old->batch->count; k++) {
			if (old->batch->entries[k] == old)
				old->batch->entries[k] = NULL;
		}
	}
	take_over_cas(schedule, before);
	schedule->running = before->running;
	schedule->born_at = before->born_at;
	schedule->pause_until_at = before->pause_until_at;
	daemon_schedule_done(before);
}

int daemon_schedule_load(struct daemon_schedule *ret, const struct config *config, const struct random *random,
                         const struct daemon_starter *starter, struct daemon_schedule *before, struct error *err)
{
	struct daemon_schedule schedule = { .random = random, .starter = starter, .jobs_max = config->jobs };

	if (fill(&schedule, config, err) < 0) {
		daemon_schedule_done(&schedule);
		return -1;
	}
	if (before)
		take_over_all(&schedule, before);
	*ret = schedule;
	return 0;
}

enum daemon_activity daemon_entry_activity(const struct daemon_entry *entry)
{
	return entry->batch ? DAEMON_RUNNING : entry->queued ? DAEMON_QUEUED : DAEMON_WAITING;
}

bool daemon_schedule_plausible(int64_t now_at)
{
	return now_at >= written_at;
}

/* Out of the heap that it is in. */
static void take_out(struct daemon_schedule *schedule, struct daemon_entry *entry)
{
	if (entry->queued) {
		plan_heap_remove(&schedule->cas[entry->ca].queue, &entry->item);
		entry->queued = false;
		schedule->queued--;
		return;
	}
	plan_heap_remove(&schedule->waiting, &entry->item);
}

static void learn(struct daemon_schedule *schedule, struct daemon_entry *entry, const struct job_glance *glance)
{
	free(entry->error);
	entry->error = glance->error[0] != '\0' ? strdup(glance->error) : NULL;
	entry->known = true;
	entry->have = glance->have;
	entry->failing = glance->failing;
	entry->reason = glance->reason;
	entry->not_after_at = glance->not_after_at;
	entry->renew_at = glance->renew_at;
	if (glance->have && glance->not_before_at > schedule->born_at)
		schedule->born_at = glance->not_before_at;
}

/* What was issued together is due together, when the lifetime alone says when. */
static int64_t spread(const struct daemon_schedule *schedule, const struct job_glance *glance, int64_t now_at)
{
	int64_t room_s = (glance->not_after_at - glance->next_at) / SPREAD_PART;

	if (!glance->by_lifetime || glance->next_at <= now_at || room_s <= 0)
		return glance->next_at;
	if (room_s > DAEMON_JITTER_MAX_S)
		room_s = DAEMON_JITTER_MAX_S;
	return glance->next_at + (int64_t)random_below(schedule->random, (uint64_t)room_s);
}

static bool by_the_ca(enum error_kind kind)
{
	return kind == ERROR_NETWORK || kind == ERROR_LATER || kind == ERROR_PROTOCOL;
}

static void tell_batch(struct daemon_entry *entry, enum daemon_tale tale, enum error_kind kind)
{
	struct daemon_batch *batch = entry->batch;

	batch->good += tale == DAEMON_TALE_DONE;
	batch->troubled += tale == DAEMON_TALE_FAILED && by_the_ca(kind);
	for (size_t i = 0; i < batch->count; i++) {
		if (batch->entries[i] == entry)
			batch->entries[i] = NULL;
	}
	/* Asked for while a job had it that nobody had asked for: once more. */
	if (batch->named) {
		entry->asked = false;
		entry->forced = false;
	}
	entry->batch = NULL;
}

void daemon_schedule_tell(struct daemon_schedule *schedule, struct daemon_entry *entry, enum daemon_tale tale,
                          const struct job_glance *glance, int64_t now_at)
{
	int64_t at = spread(schedule, glance, now_at);

	if (tale == DAEMON_TALE_LOOK && entry->batch)
		return;
	learn(schedule, entry, glance);
	if (at > now_at) {
		entry->again = 0;
	} else if (tale != DAEMON_TALE_LOOK) {
		/* Its job has just been there: what it left to be done is not done by looking at once again. */
		entry->again += entry->again < UINT_MAX;
		at = now_at + plan_backoff_s(entry->again, schedule->random);
	} else if (entry->again > 0 && entry->next_at > now_at) {
		at = entry->next_at;
	}
	if (entry->batch)
		tell_batch(entry, tale, glance->kind);
	take_out(schedule, entry);
	wait_until(schedule, entry, entry->asked ? now_at : at);
}

void daemon_schedule_looked(struct daemon_schedule *schedule, int64_t now_at)
{
	for (size_t i = 0; i < schedule->count; i++) {
		struct daemon_entry *entry = &schedule->entries[i];

		if (!entry->batch && !plan_heap_holds(&entry->item))
			wait_until(schedule, entry, now_at);
	}
}

void daemon_schedule_ask(struct daemon_schedule *schedule, struct daemon_entry *entry, bool force, int64_t now_at)
{
	entry->asked = true;
	entry->forced = entry->forced || force;
	if (entry->batch)
		return;
	take_out(schedule, entry);
	wait_until(schedule, entry, now_at);
}

/* The smaller the more urgent: how long there is left. One without a certificate is taken for one that has a day left since it was wanted. */
static int64_t urgency(const struct daemon_entry *entry)
{
	if (entry->asked)
		return INT64_MIN + entry->forced;
	return entry->have ? entry->not_after_at : entry->next_at + DAY_S;
}

static void queue_due(struct daemon_schedule *schedule, int64_t now_at)
{
	struct plan_heap_item *item;

	while ((item = plan_heap_first(&schedule->waiting)) && item->at <= now_at) {
		struct daemon_entry *entry = entry_of(item);

		plan_heap_remove(&schedule->waiting, item);
		if (plan_heap_put(&schedule->cas[entry->ca].queue, item, urgency(entry)) < 0) {
			wait_until(schedule, entry, now_at + PLAN_BACKOFF_MIN_S);
			continue;
		}
		entry->queued = true;
		schedule->queued++;
	}
}

/* The moment from which the first of its queue may start. */
static int64_t ready_at(const struct daemon_ca *ca, struct plan_heap_item *first)
{
	return entry_of(first)->asked ? INT64_MIN : ca->ready_at;
}

/* The CA with the most urgent certificate of those that may have a job now. */
static struct daemon_ca *choose(const struct daemon_schedule *schedule, int64_t now_at)
{
	struct daemon_ca *chosen = NULL;

	for (size_t i = 0; schedule->cas && i < schedule->cas_count; i++) {
		struct daemon_ca *ca = &schedule->cas[i];
		struct plan_heap_item *first = plan_heap_first(&ca->queue);

		if (first && ready_at(ca, first) <= now_at && (!chosen || first->at < plan_heap_first(&chosen->queue)->at))
			chosen = ca;
	}
	return chosen;
}

/* Few are one job's affair, many are shared out; a CA that is in trouble is asked about one. */
static size_t batch_size(const struct daemon_schedule *schedule, const struct daemon_ca *ca)
{
	size_t share = (ca->queue.count + schedule->jobs_max - 1) / schedule->jobs_max;

	if (ca->troubles > 0)
		return 1;
	return share < BATCH_MIN ? BATCH_MIN : share > DAEMON_BATCH_MAX ? DAEMON_BATCH_MAX : share;
}

static struct daemon_batch *make_batch(struct daemon_schedule *schedule, struct daemon_ca *ca)
{
	struct daemon_batch *batch = calloc(1, sizeof(*batch));
	size_t size = batch_size(schedule, ca);
	struct plan_heap_item *item = plan_heap_first(&ca->queue);

	if (!batch)
		return NULL;
	batch->ca = (unsigned int)(ca - schedule->cas);
	batch->named = entry_of(item)->asked;
	batch->force = entry_of(item)->forced;
	for (; item && batch->count < size; item = plan_heap_first(&ca->queue)) {
		struct daemon_entry *entry = entry_of(item);

		if (entry->asked != batch->named || entry->forced != batch->force)
			break;
		take_out(schedule, entry);
		entry->batch = batch;
		batch->entries[batch->count++] = entry;
	}
	return batch;
}

/* Those that nothing was told about come back later. */
static void give_back(struct daemon_schedule *schedule, struct daemon_batch *batch, int64_t now_at)
{
	for (size_t i = 0; i < batch->count; i++) {
		struct daemon_entry *entry = batch->entries[i];

		if (!entry)
			continue;
		entry->batch = NULL;
		entry->again += entry->again < UINT_MAX;
		entry->asked = entry->asked && !batch->named;
		entry->forced = entry->forced && entry->asked;
		wait_until(schedule, entry, entry->asked ? now_at : now_at + plan_backoff_s(entry->again, schedule->random));
	}
	free(batch);
}

void daemon_schedule_advance(struct daemon_schedule *schedule, int64_t now_at)
{
	struct daemon_ca *ca;

	if (!daemon_schedule_plausible(now_at) || schedule->pause_until_at > now_at)
		return;
	schedule->pause_until_at = 0;
	queue_due(schedule, now_at);
	while (schedule->running < schedule->jobs_max && (ca = choose(schedule, now_at))) {
		struct daemon_batch *batch = make_batch(schedule, ca);
		struct error err;

		error_clear(&err);
		ca->ready_at = now_at + DAEMON_SPACING_S + (int64_t)random_below(schedule->random, DAEMON_SPACING_S + 1);
		if (batch && schedule->starter->start(schedule->starter->self, batch, &err) == 0) {
			schedule->running++;
			continue;
		}
		if (!batch)
			error_oom(&err);
		log_failure(LOG_LEVEL_ERROR, "no job could be started", &err);
		ca->ready_at = now_at + PLAN_BACKOFF_MIN_S;
		if (batch)
			give_back(schedule, batch, now_at);
		return;
	}
}

static void judge_ca(struct daemon_schedule *schedule, const struct daemon_batch *batch, int64_t now_at)
{
	struct daemon_ca *ca = batch->ca < schedule->cas_count ? &schedule->cas[batch->ca] : NULL;
	int64_t pause_s;

	if (ca && batch->good > 0)
		ca->troubles = 0;
	if (!ca || batch->good > 0 || batch->troubled == 0)
		return;
	pause_s = ca->troubles < 5 ? (int64_t)CA_PAUSE_FIRST_S << ca->troubles : DAEMON_CA_PAUSE_MAX_S;
	ca->troubles += ca->troubles < UINT_MAX;
	pause_s += (int64_t)random_below(schedule->random, (uint64_t)pause_s / 10 + 1);
	if (now_at + pause_s > ca->ready_at)
		ca->ready_at = now_at + pause_s;
}

void daemon_schedule_ended(struct daemon_schedule *schedule, struct daemon_batch *batch, int64_t now_at)
{
	schedule->running--;
	judge_ca(schedule, batch, now_at);
	give_back(schedule, batch, now_at);
}

int64_t daemon_schedule_next_at(const struct daemon_schedule *schedule, int64_t now_at)
{
	const struct plan_heap_item *first = plan_heap_first(&schedule->waiting);
	int64_t at = first ? first->at : INT64_MAX;

	/* The clock being set wakes us. */
	if (!daemon_schedule_plausible(now_at))
		return INT64_MAX;
	for (size_t i = 0; i < schedule->cas_count && schedule->running < schedule->jobs_max; i++) {
		const struct daemon_ca *ca = &schedule->cas[i];
		struct plan_heap_item *next = plan_heap_first(&ca->queue);

		if (next && ready_at(ca, next) < at)
			at = ready_at(ca, next);
	}
	return at < schedule->pause_until_at ? schedule->pause_until_at : at;
}

void daemon_schedule_jumped(struct daemon_schedule *schedule, int64_t now_at, int64_t jump_s, int64_t *ret_pause_s)
{
	const bool was_plausible = daemon_schedule_plausible(now_at - jump_s);

	*ret_pause_s = 0;
	/* What was counted from the time before goes on to last as long. */
	for (size_t i = 0; i < schedule->cas_count; i++) {
		if (schedule->cas[i].ready_at != 0)
			schedule->cas[i].ready_at += jump_s;
	}
	for (size_t i = 0; i < schedule->count; i++) {
		struct daemon_entry *entry = &schedule->entries[i];

		if (entry->again > 0 && !entry->batch && !entry->queued)
			wait_until(schedule, entry, entry->next_at + jump_s);
	}
	if (schedule->pause_until_at != 0)
		schedule->pause_until_at += jump_s;
	if (jump_s > DAY_S && was_plausible) {
		schedule->pause_until_at = now_at + DAEMON_CLOCK_PAUSE_S;
		*ret_pause_s = DAEMON_CLOCK_PAUSE_S;
	}
}

const struct daemon_entry *daemon_schedule_first(const struct daemon_schedule *schedule)
{
	struct plan_heap_item *first = plan_heap_first(&schedule->waiting);

	return first ? entry_of(first) : NULL;
}
