/* Steps 3 to 5 with one CA of the certificate's list, and with the next one where it was the CA that failed. Nothing of one CA goes to another:
 * each has an account, an order, a net process; they share the key, which is no CA's before there is a certificate. */
#include "job/story.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/text.h"
#include "crypto/pkey.h"
#include "job/choice.h"
#include "plan/failover.h"
#include "store/account.h"

#include <string.h>

struct obtaining {
	struct story *story;
	bool tried[CONFIG_CAS_MAX];
	size_t count; /* of those */
	bool looked; /* the preflight was made */
	char names[ERROR_ADVICE_MAX]; /* of those but the last */
};

static bool is_in_list(const void *self, const char *directory)
{
	const struct config_settings *settings = self;

	return config_settings_ca(settings, directory) != NULL;
}

struct store_state_ca *story_ca_state(struct story *story, const char *directory)
{
	return store_state_ca_make(&story->survey.state, directory, is_in_list, &story->certificate->settings);
}

/* What is over of the attempt before: no key may be in memory when a net process is forked. */
static void forget_attempt(struct story *story)
{
	story_pairs_clear(story);
	buf_done(&story->binding_key);
	crypto_pkey_free(TAKE(story->account_key));
	store_account_free(TAKE(story->account));
}

/* Of those that lack what they need it is told at each run, as long as there is another one to go on with. */
static int choose(struct obtaining *o, struct error *err)
{
	struct story *story = o->story;
	const struct config_settings *settings = &story->certificate->settings;
	struct job_choice choice;

	job_choose_ca(story->store, story->certificate, &story->survey.state, o->tried, &choice);
	if (!choice.ca)
		return job_choice_tell_binding(settings->ca, err);
	if (choice.why[0] != '\0')
		log_notice("%s: %s is asked: %s", story->certificate->name, choice.ca->name, choice.why);
	story->ca = choice.ca;
	story->outcome->ca = choice.ca;
	log_set_context(&(const struct log_context){ .certificate = story->certificate->name, .ca = story->ca->name });
	for (size_t i = 0; i < settings->cas_count; i++)
		o->tried[i] = o->tried[i] || settings->cas[i] == choice.ca;
	o->count++;
	return 0;
}

static int attempt(struct obtaining *o, struct error *err)
{
	struct story *story = o->story;

	if (story->certificate->settings.cas_count > 1 && job_away_check(story->away, story->ca, err) < 0)
		return -1;
	/* What the preflight asks is the same for every CA. */
	if (job_net_start_ca(story->net, story->job, story->ca, err) < 0 || (!o->looked && job_preflight(story, err) < 0))
		return -1;
	o->looked = true;
	return job_pairs(story, err);
}

/* Counts the failure where it was the CA's. */
static enum plan_blame note(struct story *story, const struct error *err, uint64_t *ret_failures)
{
	const int64_t now_at = clock_wall(story->job->clock);
	enum plan_blame blame = plan_blame(err, now_at);
	struct store_state_ca *known;
	struct error unsaved;

	*ret_failures = 0;
	if (blame != PLAN_BLAME_CA && blame != PLAN_BLAME_CA_LASTING)
		return blame;
	known = story_ca_state(story, story->ca->directory);
	if (!known)
		return blame;
	known->failures = *ret_failures = plan_ca_failures(known->failures, blame);
	known->failed_at = now_at;
	text_copy(known->reason, sizeof(known->reason), err->message);
	text_clean(known->reason);
	error_clear(&unsaved);
	if (story_save(story, &unsaved) < 0)
		log_failure(LOG_LEVEL_WARNING, story->certificate->name, &unsaved);
	return blame;
}

/* With no certificate that can be served, or little left of it, no CA is waited for. */
static bool is_urgent(const struct story *story)
{
	const struct job_survey *survey = &story->survey;
	const struct cert_facts *ending = job_survey_first_to_end(survey);

	return !survey->have || survey->revoked || !ident_list_same(&survey->names, &story->certificate->names) ||
	       plan_is_urgent(ending->not_before_at, ending->not_after_at, clock_wall(story->job->clock));
}

/* The next one that may be asked, if any. */
static bool next_may_be_asked(struct obtaining *o, struct job_choice *ret)
{
	const struct story *story = o->story;
	const struct job_polite_asker asker = {
		.store = story->store,
		.certificate = story->certificate,
		.survey = &story->survey,
		.now_at = clock_wall(story->job->clock),
		.named = story->options->named,
		.dry_run = story->options->dry_run,
	};
	struct error held;

	if (job_polite_choose(story->polite, &asker, o->tried, &held) == JOB_POLITE_WAIT)
		return false;
	job_choose_ca(story->store, story->certificate, &story->survey.state, o->tried, ret);
	return ret->ca != NULL;
}

static bool goes_on(struct obtaining *o, const struct error *err)
{
	struct story *story = o->story;
	struct job_choice next;
	struct error interrupt;
	enum plan_blame blame;
	uint64_t failures;

	if (err->kind == ERROR_INTERRUPTED || interrupt_check(&interrupt) < 0)
		return false;
	blame = note(story, err, &failures);
	if (!plan_ca_goes_on(blame, failures, is_urgent(story)))
		return false;
	/* Those that are not to be asked now have had their turn, too. */
	if (!next_may_be_asked(o, &next))
		return false;
	log_failure(LOG_LEVEL_WARNING, story->certificate->name, err);
	log_warning("%s: going on with %s", story->certificate->name, next.ca->name);
	return true;
}

static void add_name(struct obtaining *o)
{
	size_t len = strlen(o->names);

	(void)text_copy(o->names + len, sizeof(o->names) - len, len > 0 ? ", " : "");
	len = strlen(o->names);
	(void)text_copy(o->names + len, sizeof(o->names) - len, o->story->ca->name);
}

int job_obtain(struct story *story, struct error *err)
{
	struct obtaining o = { .story = story };

	memcpy(o.tried, story->held, sizeof(o.tried));

	for (;;) {
		if (choose(&o, err) < 0)
			return -1;
		if (attempt(&o, err) == 0)
			return 0;
		if (!goes_on(&o, err))
			break;
		add_name(&o);
		forget_attempt(story);
		error_clear(err);
	}
	return o.count > 1 ? error_context(err, "after %s failed, %s failed too", o.names, story->ca->name) : -1;
}
