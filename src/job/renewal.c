#include "job/renewal.h"

#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/strv.h"
#include "base/text.h"
#include "channel/message.h"
#include "config/config.h"
#include "crypto/cert.h"
#include "job/net.h"
#include "job/run.h"
#include "job/story.h"
#include "job/survey.h"
#include "notary/notary.h"
#include "plan/ari.h"
#include "store/state.h"
#include "store/store.h"

#include <stdlib.h>

enum { PATIENCE_MS = 15 * 1000 };

/* A certificate to be asked about, and what has to be known of it to judge the answer. */
struct question {
	const struct config_certificate *certificate;
	const struct config_ca *ca; /* that issued it, which may be any of its list; nobody else is asked */
	size_t place; /* in its generation */
	char id[CERT_ARI_ID_SIZE];
	int64_t not_before_at;
	int64_t not_after_at;
};

void job_renewal_forget(struct store_state *state)
{
	for (size_t i = 0; i < ARRAY_SIZE(state->ari); i++)
		state->ari[i] = (struct store_ari){ .id = "" };
}

static void forget(struct store_ari *known, const char *id)
{
	*known = (struct store_ari){ .id = "" };
	text_copy(known->id, sizeof(known->id), id);
}

static bool is_time(const struct store_ari *ari, int64_t now_at)
{
	return ari->id[0] == '\0' || ari->next_check_at <= now_at;
}

/* Whether there may be something to ask. Of most there is not, which the state alone tells. */
static bool may_be_due(const struct store_state *state, const struct config_certificate *certificate, int64_t now_at)
{
	for (size_t i = 0; i < certificate->settings.keys.count; i++) {
		if (is_time(&state->ari[i], now_at))
			return true;
	}
	return false;
}

/* What to ask about. A certificate that cannot be read is its story's affair. */
static size_t find_questions(const struct job_run *run, const struct config_certificate *certificate,
                             struct question ret[static STORE_PAIRS_MAX])
{
	CLEANUP(store_cert_cleanup) struct store_cert *store_cert = NULL;
	CLEANUP(job_survey_done) struct job_survey survey = { 0 };
	const int64_t now_at = clock_wall(run->job->clock);
	const struct config_ca *ca;
	struct error ignored;
	size_t count = 0;

	error_clear(&ignored);
	if (store_cert_open(run->store, certificate->name, false, &store_cert, &ignored) != STORE_OK ||
	    store_state_load(store_cert, &survey.state, &ignored) != STORE_OK)
		return 0;
	ca = job_survey_ca(&survey, certificate);
	if (!ca || !may_be_due(&survey.state, certificate, now_at))
		return 0;
	if (job_survey_read(store_cert, certificate, &survey, &ignored) < 0 || !survey.have)
		return 0;
	for (size_t i = 0; i < survey.pairs; i++) {
		const struct cert_facts *facts = job_survey_facts(&survey, i);

		if (!is_time(&survey.state.ari[i], now_at) || facts->ari_id[0] == '\0' || facts->not_after_at <= now_at)
			continue;
		ret[count] = (struct question){
			.certificate = certificate,
			.ca = ca,
			.place = i,
			.not_before_at = facts->not_before_at,
			.not_after_at = facts->not_after_at,
		};
		text_copy(ret[count].id, sizeof(ret[count].id), facts->ari_id);
		count++;
	}
	return count;
}

static void log_window(const struct question *question, const struct store_ari *known, const struct message_window *window,
                       bool moved)
{
	char start[TIME_TEXT_SIZE], end[TIME_TEXT_SIZE];

	if (window->explanation_url[0] != '\0' && !text_equal(window->explanation_url, known->explanation_url))
		log_event(LOG_LEVEL_NOTICE, EVENT_SUGGESTED, NULL,
		          "%s: the CA suggests to renew between %s and %s, and explains why: %s", question->certificate->name,
		          time_format(known->start_at, start), time_format(known->end_at, end), window->explanation_url);
	else if (moved)
		log_info("%s: the CA suggests to renew between %s and %s", question->certificate->name,
		         time_format(known->start_at, start), time_format(known->end_at, end));
}

static bool take_window(const struct job_run *run, const struct question *question, struct store_ari *known,
                        const struct message_window *window)
{
	struct plan_ari ari = { known->start_at, known->end_at, known->chosen_at };
	bool moved;

	if (!plan_ari_take(&ari, window->start_at, window->end_at, question->not_before_at, question->not_after_at,
	                   run->job->random))
		return false;
	moved = ari.chosen_at != known->chosen_at;
	known->start_at = ari.start_at;
	known->end_at = ari.end_at;
	known->chosen_at = ari.chosen_at;
	known->checked_at = clock_wall(run->job->clock);
	known->failures = 0;
	log_window(question, known, window, moved);
	text_copy(known->explanation_url, sizeof(known->explanation_url), window->explanation_url);
	text_clean(known->explanation_url);
	return true;
}

static void log_trouble(const struct question *question, const struct message_window *window, uint64_t failures)
{
	char reason[ERROR_ADVICE_MAX];

	text_copy(reason, sizeof(reason), window->reason[0] != '\0' ? window->reason : "the window says nothing");
	text_clean(reason);
	/* Once: that it goes on is no news, and the lifetime's rule does without. */
	log_line(failures == 1 ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, "%s: no renewal information: %s",
	         question->certificate->name, reason);
}

static enum plan_ari_answer note_answer(const struct job_run *run, const struct question *question,
                                        struct store_ari *known, const struct message_window *window)
{
	switch (window->answer) {
	case MESSAGE_WINDOW:
		if (take_window(run, question, known, window))
			return PLAN_ARI_WINDOW;
		break;
	case MESSAGE_TEMPORARY:
		known->failures++;
		log_trouble(question, window, known->failures);
		return PLAN_ARI_TEMPORARY;
	case MESSAGE_LASTING:
		break;
	case MESSAGE_UNSUPPORTED:
		forget(known, question->id);
		return PLAN_ARI_UNSUPPORTED;
	case MESSAGE_ANSWER_COUNT:
		break;
	}
	known->failures++;
	log_trouble(question, window, known->failures);
	return PLAN_ARI_LASTING;
}

static int remember(const struct job_run *run, const struct question *question, const struct message_window *window,
                    struct error *err)
{
	CLEANUP(store_cert_cleanup) struct store_cert *store_cert = NULL;
	enum plan_ari_answer answer;
	struct store_state state;
	struct store_ari *known;

	if (store_cert_open(run->store, question->certificate->name, false, &store_cert, err) < 0 || !store_cert ||
	    store_state_load(store_cert, &state, err) != STORE_OK)
		return -1;
	known = &state.ari[question->place];
	if (!text_equal(known->id, question->id))
		forget(known, question->id);
	answer = note_answer(run, question, known, window);
	known->next_check_at = plan_ari_next_check_at(answer, clock_wall(run->job->clock), window->retry_at, known->failures,
	                                              run->job->random);
	return store_state_save(store_cert, &state, err);
}

static void remember_or_log(const struct job_run *run, const struct question *question, const struct message_window *window)
{
	struct error err;

	error_clear(&err);
	if (remember(run, question, window, &err) < 0)
		log_failure(LOG_LEVEL_WARNING, question->certificate->name, &err);
}

static int ask(struct job_run *run, const struct question *questions, size_t count, json_t **ret_result, struct error *err)
{
	const struct job *job = run->job;
	const struct notary_config notary = {
		.directory_url = questions[0].ca->directory,
		.tick = job->tick,
		.self = job->self,
	};
	CLEANUP(message_renewal_done) struct message_renewal task = {
		.directory_url = notary.directory_url,
		.ids = STRV(MESSAGE_RENEWAL_MAX),
	};

	for (size_t i = 0; i < count; i++) {
		if (strv_add(&task.ids, questions[i].id) < 0)
			return error_oom(err);
	}
	job_net_limits(job, &task.limits);
	return job_net_task(&run->net, CHANNEL_TASK_RENEWAL, message_renewal_pack(&task), &notary,
	                    task.limits.attempt_ms + PATIENCE_MS, ret_result, err);
}

/* The CA asked to come back later: that is for the certificates of other runs, too, and for those that are not due to be asked about yet. */
static void note_time(struct job_run *run, const struct config_ca *ca, const json_t *windows, const struct error *err)
{
	const int64_t now_at = clock_wall(run->job->clock);
	int64_t retry_at = windows ? 0 : err->retry_at;
	const char *reason = err->message;

	for (size_t i = 0; i < json_array_size(windows); i++) {
		struct message_window window;
		struct error ignored;

		if (message_window_read(json_array_get(windows, i), &window, &ignored) < 0 || window.answer != MESSAGE_TEMPORARY ||
		    window.retry_at <= retry_at)
			continue;
		retry_at = window.retry_at;
		reason = window.reason;
	}
	if (retry_at > now_at)
		job_polite_note_windows(&run->polite, run->store, ca, now_at, retry_at, reason);
}

/* One task, and what came of it for each; a task that failed as a whole failed for each. */
static int ask_and_remember(struct job_run *run, const struct question *questions, size_t count, struct error *err)
{
	json_auto_t *result = NULL;
	const json_t *windows = NULL;
	struct message_window window;

	if (ask(run, questions, count, &result, err) == 0)
		windows = json_object_get(result, "windows");
	if (windows && json_array_size(windows) != count)
		windows = NULL;
	if (err->kind == ERROR_CLOCK) {
		run->clock = *err;
		return -1;
	}
	job_polite_note_seen(&run->polite, run->store, questions[0].ca, clock_wall(run->job->clock), run->net.ca_date_at);
	note_time(run, questions[0].ca, windows, err);
	for (size_t i = 0; i < count; i++) {
		struct error unread;

		error_clear(&unread);
		if (!windows || message_window_read(json_array_get(windows, i), &window, &unread) < 0)
			window = (struct message_window){
				.answer = MESSAGE_TEMPORARY,
				.retry_at = err->retry_at,
				.explanation_url = "",
				.reason = windows ? unread.message : err->message,
			};
		remember_or_log(run, &questions[i], &window);
	}
	return windows ? 0 : -1;
}

/* Brings those of the first question's CA to the front. How many they are. */
static size_t gather(struct question *questions, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count && n < MESSAGE_RENEWAL_MAX; i++) {
		struct question one = questions[i];

		if (!job_net_same(one.ca, questions[0].ca))
			continue;
		questions[i] = questions[n];
		questions[n++] = one;
	}
	return n;
}

void job_renewal_look(struct job_run *run, const struct config_certificate *const *certificates, size_t count)
{
	CLEANUP(clean_free) struct question *questions = NULL;
	size_t due = 0;
	struct error err;

	error_clear(&err);
	questions = calloc(count * STORE_PAIRS_MAX + 1, sizeof(*questions));
	/* Before a key is loaded. */
	if (!questions || count == 0 || job_net_start(&run->net, run->job, certificates[0], &err) < 0)
		return;
	for (size_t i = 0; i < count; i++)
		due += find_questions(run, certificates[i], &questions[due]);
	for (size_t i = 0, n; i < due; i += n) {
		n = gather(&questions[i], due - i);
		if (!job_polite_may_ask_windows(&run->polite, run->store, questions[i].ca, clock_wall(run->job->clock)))
			continue;
		error_clear(&err);
		if (job_net_start_ca(&run->net, run->job, questions[i].ca, &err) < 0)
			return;
		if (ask_and_remember(run, &questions[i], n, &err) < 0)
			log_debug("renewal information: %s", err.message);
		if (run->clock.kind != ERROR_NONE)
			return;
	}
}
