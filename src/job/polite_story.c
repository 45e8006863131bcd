/* polite_story.c: what a certificate's story asks of a CA, and which CA of its list may be asked. */
#include "job/story.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "job/choice.h"
#include "plan/failover.h"
#include "store/account.h"

#include <string.h>

/* Before the account is opened by the step that uses it (and makes it where there is none). */
static void find_account(const struct job_polite_asker *asker, const struct config_ca *ca, char *account_url)
{
	struct store_account *account = NULL;
	struct error ignored;

	error_clear(&ignored);
	account_url[0] = '\0';
	if (!asker->store ||
	    store_account_open(asker->store, ca->directory, asker->certificate->settings.email, &account, &ignored) != 0)
		return;
	text_copy(account_url, HTTP_URL_MAX + 1, store_account_url(account) ? store_account_url(account) : "");
	store_account_free(account);
}

static bool is_alive(const char *order_url, const char *order_account, int64_t expires_at, const char *account_url, int64_t now_at)
{
	return order_url[0] != '\0' && text_equal(order_account, account_url) && (expires_at == 0 || expires_at > now_at);
}

/* Whether an order in flight with that CA can be gone on with (job/order.c looks closer). */
static bool resumes(const struct job_polite_asker *asker, const struct config_ca *ca, const char *account_url)
{
	const struct store_state *state = &asker->survey->state;
	const struct store_state_ca *known = store_state_ca(state, ca->directory);

	if (asker->dry_run || !job_survey_is_ordered(asker->survey, asker->certificate))
		return false;
	if (text_equal(state->order_directory, ca->directory))
		return is_alive(state->order_url, state->order_account, state->order_expires_at, account_url, asker->now_at);
	return known && is_alive(known->order_url, known->order_account, known->order_expires_at, account_url, asker->now_at);
}

/* Whether it is the hour that the CA suggests, for each of the certificates: then an order that says what it replaces is not counted. */
static bool in_windows(const struct job_survey *survey, int64_t now_at)
{
	for (size_t i = 0; i < survey->pairs; i++) {
		const struct plan_ari ari = job_survey_ari(survey, i);

		if (job_survey_facts(survey, i)->ari_id[0] == '\0' || now_at < ari.start_at || now_at >= ari.end_at)
			return false;
	}
	return true;
}

/* One for each type of key, but for those that an attempt that was cut off has already. */
static unsigned int count_orders(const struct job_polite_asker *asker)
{
	const struct job_survey *survey = asker->survey;
	const size_t count = asker->certificate->settings.keys.count;

	for (size_t i = 1; i < count && survey->state.attempts > 0; i++) {
		if (text_equal(survey->state.order_names, survey->digests[i]))
			return (unsigned int)(count - i);
	}
	return (unsigned int)count;
}

static void fill_wish(const struct job_polite_asker *asker, const struct config_ca *ca, const char *account_url,
                      struct job_polite_wish *ret)
{
	const struct job_survey *survey = asker->survey;
	const bool same_ca = survey->have && text_equal(survey->state.directory, ca->directory);

	*ret = (struct job_polite_wish){
		.store = asker->store,
		.ca = ca,
		.names = &asker->certificate->names,
		.account_url = account_url,
		.now_at = asker->now_at,
		.named = asker->named,
		.resumes = resumes(asker, ca, account_url),
		.replaces = same_ca && !asker->dry_run && text_equal(survey->state.account, account_url) &&
		            in_windows(survey, asker->now_at),
		.orders = count_orders(asker),
		.renews = same_ca && ident_list_same(&survey->names, &asker->certificate->names),
	};
}

/* A CA that is to be left alone for long, or as long as nobody does something, is no reason to wait; nor is any when time is short. */
static bool passes_over(const struct job_polite_asker *asker, const struct error *why)
{
	const struct job_survey *survey = asker->survey;
	const struct cert_facts *ending = job_survey_first_to_end(survey);

	return why->kind != ERROR_LATER || why->retry_at - asker->now_at > PLAN_CA_PATIENCE_S || !survey->have || survey->revoked ||
	       plan_is_urgent(ending->not_before_at, ending->not_after_at, asker->now_at);
}

int job_polite_choose(struct job_polite *polite, const struct job_polite_asker *asker, bool passed[static CONFIG_CAS_MAX],
                      struct error *ret_why)
{
	const struct config_settings *settings = &asker->certificate->settings;
	char account_url[HTTP_URL_MAX + 1];
	bool held = false;

	for (;;) {
		struct job_polite_wish wish;
		struct job_choice choice;
		struct error why;

		error_clear(&why);
		job_choose_ca(asker->store, asker->certificate, &asker->survey->state, passed, &choice);
		if (!choice.ca)
			return held ? JOB_POLITE_WAIT : JOB_POLITE_GO;
		find_account(asker, choice.ca, account_url);
		fill_wish(asker, choice.ca, account_url, &wish);
		if (job_polite_look(polite, &wish, &why) == JOB_POLITE_GO)
			return JOB_POLITE_GO;
		/* The one that ends first says when it goes on. */
		if (!held || why.retry_at < ret_why->retry_at)
			*ret_why = why;
		held = true;
		if (!passes_over(asker, &why))
			return JOB_POLITE_WAIT;
		for (size_t i = 0; i < settings->cas_count; i++)
			passed[i] = passed[i] || settings->cas[i] == choice.ca;
	}
}

static void fill_asker(const struct story *story, struct job_polite_asker *ret)
{
	*ret = (struct job_polite_asker){
		.store = story->store,
		.certificate = story->certificate,
		.survey = &story->survey,
		.now_at = clock_wall(story->job->clock),
		.named = story->options->named,
		.dry_run = story->options->dry_run,
	};
}

void job_polite_wish_of(struct story *story, struct job_polite_wish *ret)
{
	const char *account_url = story->account ? store_account_url(story->account) : NULL;
	struct job_polite_asker asker;

	fill_asker(story, &asker);
	text_copy(story->account_url, sizeof(story->account_url), account_url ? account_url : "");
	fill_wish(&asker, story->ca, story->account_url, ret);
}

bool job_polite_holds_back(struct story *story)
{
	const struct config_settings *settings = &story->certificate->settings;
	struct job_polite_asker asker;
	struct error why;

	error_clear(&why);
	fill_asker(story, &asker);
	if (job_polite_choose(story->polite, &asker, story->held, &why) == JOB_POLITE_WAIT) {
		story->outcome->error = why;
		return true;
	}
	for (size_t i = 0; i < settings->cas_count; i++) {
		if (story->held[i])
			log_notice("%s: %s is passed over: %s", story->certificate->name, settings->cas[i]->name, why.message);
	}
	return false;
}
