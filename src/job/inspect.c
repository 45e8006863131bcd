#include "job/inspect.h"

#include "base/address.h"
#include "base/buf.h"
#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "challenge/challenge.h"
#include "config/config.h"
#include "crypto/cert.h"
#include "job/access.h"
#include "job/choice.h"
#include "job/inspect_nginx.h"
#include "job/job.h"
#include "job/net.h"
#include "job/story.h"
#include "notary/notary.h"
#include "store/account.h"
#include "store/state.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TOKEN_SIZE = 40, TOKEN_NAME_SIZE = 20, PATIENCE_MS = 60 * 1000, NET_NAMES_MAX = 256, TEXT_SIZE = 512, URL_SIZE = 2049 };

static const char asked_store[] = "what certd has for it";

/* Names that share a certificate's settings, so that one task of the net process does for them. */
struct group {
	const struct job *job;
	struct job_inspection *inspection;
	const struct config_certificate *certificate; /* `unmanaged` for names that no certificate has */
	bool managed;
	struct ident_list names;
	const struct strv *wished; /* paths of websockets, for all names */
	struct job_net *net;
	struct job_inspect_nginx *nginx;
	struct message_check task;
	char account_url[URL_SIZE];
	char token[TOKEN_SIZE];
	char body[2 * TOKEN_SIZE];
};

static json_t *find_name(const struct job_inspection *inspection, const char *name)
{
	for (size_t i = 0; i < json_array_size(inspection->names); i++) {
		json_t *entry = json_array_get(inspection->names, i);

		if (text_equal(json_string_value(json_object_get(entry, "name")), name))
			return json_object_get(entry, "findings");
	}
	return NULL;
}

/* Cut to what a finding may hold, and cleaned: it may come from a net process that was taken over. */
static json_t *clean_text(const char *text)
{
	char out[MESSAGE_CHECK_TEXT_MAX + 1];

	(void)text_copy(out, sizeof(out), text);
	text_clean(out);
	return json_string(out);
}

int job_inspection_add(struct job_inspection *inspection, const struct check_finding *finding, struct error *err)
{
	json_t *list = find_name(inspection, finding->name);
	json_t *json;

	if (!list)
		return 0;
	json = json_pack("{s:o, s:s, s:o, s:o, s:o, s:o}", "subject", clean_text(finding->subject), "level",
	                 check_level_name(finding->level), "asked", clean_text(finding->asked), "seen", clean_text(finding->seen),
	                 "means", clean_text(finding->means), "do", clean_text(finding->advice));
	if (!json || json_array_append_new(list, json) < 0)
		return error_oom(err);
	if (finding->code && json_object_set_new(json, "code", json_string(finding->code)) < 0)
		return error_oom(err);
	if (finding->file && finding->file[0] != '\0' &&
	    (json_object_set_new(json, "file", clean_text(finding->file)) < 0 ||
	     json_object_set_new(json, "line", json_integer(finding->line)) < 0))
		return error_oom(err);
	inspection->counts[finding->level]++;
	return 0;
}

void job_inspection_done(struct job_inspection *inspection)
{
	json_decref(inspection->names);
	inspection->names = NULL;
}

/* The same for all names of the group. */
static int say(struct group *group, const char *subject, enum check_level level, const char *asked, const char *seen,
               const char *means, const char *advice, struct error *err)
{
	struct check_finding finding = {
		.subject = subject, .level = level, .asked = asked, .seen = seen, .means = means, .advice = advice,
	};

	for (size_t i = 0; i < group->names.count; i++) {
		finding.name = group->names.items[i].value;
		if (job_inspection_add(group->inspection, &finding, err) < 0)
			return -1;
	}
	return 0;
}

static int say_unseen(struct group *group, const char *subject, const char *asked, const char *why, struct error *err)
{
	return say(group, subject, CHECK_WARNING, asked, why, "it could not be looked at",
	           geteuid() == 0 ? "" : "run this as root to have it looked at", err);
}

/* Whether what failed will be tried again: after an attempt that was only forced nothing is due. */
static bool is_failing(const struct group *group, const struct job_survey *survey)
{
	const struct job_survey_options options = { .now_at = clock_wall(group->job->clock), .named = true };
	struct plan_decision decision;

	job_survey_decide(survey, group->certificate, &options, &decision);
	return decision.verdict != PLAN_NOT_DUE;
}

/* What the world may not see yet: the live file itself is over or soon will be, or renewals fail. Whether that is served is told by port 443. */
static int judge_live(struct group *group, const struct cert_facts *leaf, const struct job_survey *survey, struct error *err)
{
	const struct store_state *state = &survey->state;
	const enum plan_alarm alarm = job_survey_alarm(survey, false, clock_wall(group->job->clock));
	bool failed = state->last_at != 0 && !state->last_ok && state->deploy_generation == 0;
	char seen[TEXT_SIZE], at[TIME_TEXT_SIZE];

	if (alarm >= PLAN_ALARM_LATE) {
		(void)snprintf(seen, sizeof(seen), "the live certificate %s at %s", alarm == PLAN_ALARM_EXPIRED ? "expired" : "ends",
		               time_format(leaf->not_after_at, at));
		if (say(group, "certificate", CHECK_FAILURE, asked_store, seen,
		        alarm == PLAN_ALARM_EXPIRED ? "nothing better can be served" : "it should have been renewed long since",
		        "`certd renew` obtains another one, or says why not; see that the timer or the daemon runs", err) < 0)
			return -1;
	}
	if (!failed)
		return 0;
	(void)snprintf(seen, sizeof(seen), "the last attempt to renew it failed, at %s", time_format(state->last_at, at));
	return say(group, "certificate", is_failing(group, survey) ? CHECK_FAILURE : CHECK_WARNING, asked_store, seen,
	           state->last_error.message, state->last_error.advice, err);
}

/* What of a live certificate's chain may be served, leaf first. */
static int read_live_file(struct group *group, const struct store_cert *store_cert, const struct job_survey *survey,
                          const enum key_family *second, struct error *err)
{
	CLEANUP(buf_done) struct buf pem = BUF(CERT_PEM_MAX);
	CLEANUP(cert_chain_cleanup) struct cert_chain *chain = NULL;
	char file[STORE_FILE_SIZE];
	struct cert_facts facts;

	store_file_name("fullchain", second, file);
	if (store_generation_read(store_cert, survey->live, file, &pem, err) != STORE_OK)
		return error_set(err, ERROR_SYSTEM, "%s of the live generation %llu is missing", file,
		                 (unsigned long long)survey->live);
	if (cert_chain_parse(pem.data, pem.len, &chain, err) < 0)
		return -1;
	for (size_t i = 0; i < cert_chain_count(chain); i++) {
		if (cert_chain_facts(chain, i, &facts, err) < 0)
			return -1;
		if (strv_add(&group->task.live, facts.fingerprint) < 0)
			return error_oom(err);
		if (i == 0 && judge_live(group, &facts, survey, err) < 0)
			return -1;
	}
	return 0;
}

/* Fills task.live. What cannot be read is told, and the rest goes on without it. */
static int read_live(struct group *group, const struct store_cert *store_cert, const struct job_survey *survey, struct error *err)
{
	enum key_family second;
	int r;

	if (read_live_file(group, store_cert, survey, NULL, err) < 0)
		return -1;
	r = store_generation_second(store_cert, survey->live, &second, err);
	if (r != STORE_OK)
		return r < 0 ? -1 : 0;
	return read_live_file(group, store_cert, survey, &second, err);
}

static int say_state(struct group *group, const struct store_state *state, uint64_t live, struct error *err)
{
	char seen[TEXT_SIZE];

	if (live == 0 && state->deploy_generation == 0)
		return say(group, "certificate", CHECK_FAILURE, asked_store, "no certificate yet",
		           state->last_at != 0 && !state->last_ok ? state->last_error.message : "none was issued",
		           state->last_at != 0 && !state->last_ok ? state->last_error.advice : "`certd issue` obtains one", err);
	if (state->deploy_generation == 0 || state->deploy_generation == live)
		return 0;
	(void)snprintf(seen, sizeof(seen), "generation %llu is issued, and not deployed: %.300s",
	               (unsigned long long)state->deploy_generation, state->last_error.message);
	return say(group, "certificate", CHECK_FAILURE, asked_store, seen, "the certificate before it is live", state->last_error.advice,
	           err);
}

/* Keys that are open to whom they shall not be. */
static int look_at_access(struct group *group, struct store_cert *store_cert, struct error *err)
{
	struct job_access_report report;

	if (!store_cert)
		return 0;
	if (job_access_look(store_cert, group->certificate, false, &report, err) < 0)
		return -1;
	if (report.drifted == 0)
		return 0;
	return say(group, "files", report.exposed > 0 ? CHECK_FAILURE : CHECK_WARNING, asked_store,
	           report.exposed > 0 ? report.first_exposed : report.first,
	           report.exposed > 0 ? "the key can be read by more than it should" : "this is not as configured",
	           "`certd renew` sets it right; if others may have read the key, `certd renew --force` makes another", err);
}

/* certd's account at that CA, for the records that name one. */
static void find_account(struct group *group, const struct store *store, const struct config_ca *ca)
{
	CLEANUP(store_account_cleanup) struct store_account *account = NULL;
	struct error ignored;

	group->task.account_url = NULL;
	if (store_account_open(store, ca->directory, group->certificate->settings.email, &account, &ignored) == STORE_OK &&
	    store_account_url(account) && text_copy(group->account_url, sizeof(group->account_url), store_account_url(account)))
		group->task.account_url = group->account_url;
}

/* CAs that will not be asked, because they would make no account. */
static int say_bindings(struct group *group, const struct store *store, struct error *err)
{
	const struct config_settings *settings = &group->certificate->settings;

	for (size_t i = 0; i < settings->cas_count; i++) {
		struct error lack;

		if (!job_choice_lacks_binding(store, group->certificate, settings->cas[i]))
			continue;
		job_choice_tell_binding(settings->cas[i], &lack);
		if (say(group, "certificate", settings->cas_count > 1 ? CHECK_WARNING : CHECK_FAILURE, "the configuration", lack.message,
		        "this CA is not asked", lack.advice, err) < 0)
			return -1;
	}
	return 0;
}

static int look_at_store(struct group *group, const struct store *store, struct error *err)
{
	CLEANUP(store_cert_cleanup) struct store_cert *store_cert = NULL;
	struct job_survey survey = { .live = 0 };
	int r;

	if (group->managed) {
		r = store_cert_open(store, group->certificate->name, false, &store_cert, err);
		if (r < 0 || job_survey_read(store_cert, group->certificate, &survey, err) < 0)
			return -1;
		r = say_state(group, &survey.state, survey.live, err);
		if (r == 0 && survey.live != 0)
			r = read_live(group, store_cert, &survey, err);
		if (r == 0)
			r = look_at_access(group, store_cert, err);
		job_survey_done(&survey);
		if (r < 0)
			return -1;
	}
	find_account(group, store, group->certificate->settings.ca);
	return say_bindings(group, store, err);
}

static int look_at_state(struct group *group, struct error *err)
{
	CLEANUP(store_cleanup) struct store *store = NULL;
	struct job_survey none = { .live = 0 };
	struct error failure;
	int r;

	error_clear(&failure);
	r = store_open(group->job->config->state_dir, false, &store, &failure);
	if (r == STORE_OK && look_at_store(group, store, &failure) == 0)
		return 0;
	if (r == STORE_ABSENT && group->managed && say_state(group, &none.state, 0, err) < 0)
		return -1;
	if (r == STORE_ABSENT)
		return say_bindings(group, NULL, err);
	return say_unseen(group, "certificate", "the live certificate and the account of certd", failure.message, err);
}

static int take_findings(struct group *group, const json_t *result, struct error *err)
{
	const json_t *findings = json_object_get(result, "findings");

	for (size_t i = 0; i < json_array_size(findings); i++) {
		struct check_finding finding;

		if (check_finding_read(json_array_get(findings, i), &finding, err) < 0 ||
		    job_inspection_add(group->inspection, &finding, err) < 0)
			return -1;
	}
	return 0;
}

static int ask(struct group *group, struct error *err)
{
	const struct notary_config notary = { .names = &group->names, .tick = group->job->tick, .self = group->job->self };
	const struct message_limits *limits = &group->task.limits;
	json_auto_t *result = NULL;

	if (job_net_task(group->net, CHANNEL_TASK_CHECK, message_check_pack(&group->task), &notary,
	                 limits->attempt_ms + limits->request_ms + PATIENCE_MS, &result, err) < 0)
		return -1;
	return take_findings(group, result, err);
}

/* Publishes the test file where the webroot is there already: to look is no reason to make one. */
static int ask_with_probe(struct group *group, struct error *err)
{
	const struct config_settings *settings = &group->certificate->settings;
	const struct challenge_method *method = challenge_find(settings->challenge);
	const struct challenge_config config = { .webroot = settings->webroot };
	const struct challenge_proof proof = {
		.identifier = &group->names.items[0], .token = group->token, .key_authorization = group->body,
	};
	struct error failure;
	int r;

	error_clear(&failure);
	if (!method || !text_equal(settings->challenge, "http-01") || access(settings->webroot, F_OK) < 0)
		return ask(group, err);
	if (method->present(&config, &proof, &failure) < 0) {
		if (say_unseen(group, "port-80", "a test file through port 80", failure.message, err) < 0)
			return -1;
		return ask(group, err);
	}
	group->task.body = group->body;
	r = ask(group, err);
	error_clear(&failure);
	if (method->cleanup(&config, &proof, &failure) < 0)
		log_failure(LOG_LEVEL_WARNING, "check", &failure);
	return r;
}

static void fill_task(struct group *group)
{
	const struct config_settings *settings = &group->certificate->settings;
	const struct config_timeouts *timeouts = &group->job->config->timeouts;
	char name[TOKEN_NAME_SIZE];

	random_name(group->job->random, name, sizeof(name));
	(void)snprintf(group->token, sizeof(group->token), "certd-check-%s", name);
	(void)snprintf(group->body, sizeof(group->body), "%s." STORY_PROBE_MARK, group->token);
	group->task = MESSAGE_CHECK;
	group->task.resolver = settings->resolver;
	group->task.http_port = settings->http_port;
	group->task.https_port = settings->https_port;
	group->task.token = group->token;
	group->task.directory_url = settings->ca->directory;
	group->task.ca = settings->ca->name;
	group->task.caa = settings->ca->caa;
	group->task.challenge = settings->challenge;
	group->task.limits = (struct message_limits){
		.connect_ms = timeouts->connect_ms,
		.idle_ms = timeouts->idle_ms,
		.request_ms = timeouts->request_ms,
		.retry_after_max_ms = timeouts->retry_after_max_ms,
		.attempt_ms = timeouts->attempt_ms,
	};
	address_list_local(&group->task.local);
}

static int add_websocket(struct group *group, const char *path, struct error *err)
{
	struct strv *paths = &group->task.websockets;

	if (strv_contains(paths, path) || paths->count == paths->max || !message_check_path_ok(path))
		return 0;
	return strv_add(paths, path) < 0 ? error_oom(err) : 0;
}

/* Those that were wished for, and those of the site block. */
static int add_websockets(struct group *group, struct error *err)
{
	const struct config_site *site = group->certificate->site;

	for (size_t i = 0; i < group->wished->count; i++) {
		if (add_websocket(group, group->wished->items[i], err) < 0)
			return -1;
	}
	for (size_t i = 0; site && i < site->locations_count; i++) {
		if (site->locations[i].websocket && add_websocket(group, site->locations[i].path, err) < 0)
			return -1;
	}
	return 0;
}

static int look_at_nginx(struct group *group, struct error *err)
{
	const struct job_inspect_names what = {
		.certificate = group->certificate,
		.managed = group->managed,
		.names = &group->names,
		.websockets = &group->task.websockets,
	};

	return job_inspect_nginx(group->nginx, group->job, &what, group->inspection, err);
}

/* Whether CAA lets the other CAs of the list issue, each with its own names and the account there. */
static int look_at_other_cas(struct group *group, struct error *err)
{
	const struct config_settings *settings = &group->certificate->settings;
	int r = 0;

	for (size_t i = 1; r == 0 && i < settings->cas_count; i++) {
		CLEANUP(store_cleanup) struct store *store = NULL;
		const struct config_ca *ca = settings->cas[i];
		struct error ignored;

		if (job_net_start_ca(group->net, group->job, ca, err) < 0)
			return -1;
		error_clear(&ignored);
		group->task.account_url = NULL;
		if (store_open(group->job->config->state_dir, false, &store, &ignored) == STORE_OK)
			find_account(group, store, ca);
		group->task.spare = true;
		group->task.directory_url = ca->directory;
		group->task.ca = ca->name;
		group->task.caa = ca->caa;
		r = ask(group, err);
	}
	return r;
}

/* The net process is started before a key can be loaded. */
static int inspect_group(struct group *group, struct error *err)
{
	int r;

	if (job_net_start(group->net, group->job, group->certificate, err) < 0)
		return -1;
	if (group->job->progress)
		group->job->progress(group->job->self, group->names.items[0].value, "check", "asking DNS, port 80 and port 443");
	fill_task(group);
	r = add_websockets(group, err);
	if (r == 0)
		r = look_at_state(group, err);
	if (r == 0)
		r = look_at_nginx(group, err);
	if (r == 0) {
		group->task.names = group->names; /* lent */
		r = ask_with_probe(group, err);
		if (r == 0)
			r = look_at_other_cas(group, err);
		group->task.names = (struct ident_list){ 0 };
	}
	message_check_done(&group->task);
	return r;
}

static const struct config_certificate *certificate_of(const struct config *config, const struct ident *ident)
{
	for (size_t i = 0; i < config->certificates_count; i++) {
		if (ident_list_contains(&config->certificates[i]->names, ident))
			return config->certificates[i];
	}
	return NULL;
}

/* Takes from `names` what has the certificate of the first that is not done yet, up to what fits into a task. */
static int gather(const struct job *job, const struct ident *names, size_t count, bool *done, struct group *group,
                  const struct config_certificate *unmanaged, struct error *err)
{
	const struct config_certificate *certificate = NULL;

	for (size_t i = 0; i < count && group->names.count < MESSAGE_CHECK_NAMES_MAX; i++) {
		const struct config_certificate *its = done[i] ? NULL : certificate_of(job->config, &names[i]);

		if (done[i] || (group->names.count > 0 && its != certificate))
			continue;
		certificate = its;
		if (ident_list_add(&group->names, &names[i], err) < 0)
			return -1;
		done[i] = true;
	}
	group->managed = certificate != NULL;
	group->certificate = certificate ? certificate : unmanaged;
	return 0;
}

static int add_names(struct job_inspection *inspection, const struct ident *names, size_t count, struct error *err)
{
	inspection->names = json_array();
	for (size_t i = 0; inspection->names && i < count; i++) {
		json_t *entry = json_pack("{s:s, s:[]}", "name", names[i].value, "findings");

		if (!entry || json_array_append_new(inspection->names, entry) < 0)
			return error_oom(err);
	}
	return inspection->names ? 0 : error_oom(err);
}

/* In the order in which a visitor meets things, whatever the order in which they were found. */
static int sort_findings(struct job_inspection *inspection, struct error *err)
{
	static const char *const order[] = {
		"dns", "address", "caa", "port-80", "redirect", "nginx", "port-443", "certificate", "files", "websocket",
	};

	for (size_t i = 0; i < json_array_size(inspection->names); i++) {
		json_t *entry = json_array_get(inspection->names, i);
		json_t *findings = json_object_get(entry, "findings");
		json_auto_t *sorted = json_array();

		for (size_t rank = 0; rank <= ARRAY_SIZE(order); rank++) {
			for (size_t k = 0; k < json_array_size(findings); k++) {
				json_t *finding = json_array_get(findings, k);
				const char *subject = json_string_value(json_object_get(finding, "subject"));
				size_t its = 0;

				while (its < ARRAY_SIZE(order) && !text_equal(order[its], subject ? subject : ""))
					its++;
				if (its == rank)
					(void)json_array_append(sorted, finding);
			}
		}
		if (json_array_size(sorted) != json_array_size(findings) || json_object_set(entry, "findings", sorted) < 0)
			return error_oom(err);
	}
	return 0;
}

int job_inspect(const struct job *job, const struct ident *names, size_t count, const struct strv *websockets,
                struct job_inspection *ret, struct error *err)
{
	CLEANUP(job_inspection_done) struct job_inspection inspection = { .names = NULL };
	CLEANUP(clean_free) bool *done = calloc(count + 1, sizeof(*done));
	const struct config_certificate unmanaged = { .name = "", .settings = job->config->defaults };
	CLEANUP(job_inspect_nginx_done) struct job_inspect_nginx nginx = { .asked = false };
	struct job_net net = { .fd = -1 };
	size_t served = 0;
	int r = 0;

	if (!done)
		return error_oom(err);
	if (add_names(&inspection, names, count, err) < 0)
		return -1;
	for (size_t i = 0; r == 0 && i < count; i++) {
		struct group group = { .job = job, .inspection = &inspection, .wished = websockets, .net = &net, .nginx = &nginx };

		if (done[i])
			continue;
		r = gather(job, names, count, done, &group, &unmanaged, err);
		if (r == 0)
			r = inspect_group(&group, err);
		/* Its time of CPU is limited, and a fleet has more names than fit into that. */
		served += group.names.count;
		if (served >= NET_NAMES_MAX) {
			job_net_stop(&net);
			served = 0;
		}
		ident_list_done(&group.names);
	}
	job_net_stop(&net);
	if (r < 0 || sort_findings(&inspection, err) < 0)
		return -1;
	*ret = inspection;
	inspection.names = NULL;
	return 0;
}
