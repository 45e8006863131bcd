/* certd status: what is managed, until when, what is next, what failed and what to do about it. Reads, and changes nothing. */
#include "cli/cli.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/cas.h"
#include "cli/outcome.h"
#include "cli/remote.h"
#include "cli/status_table.h"
#include "config/config.h"
#include "crypto/keytype.h"
#include "deploy/deploy.h"
#include "job/access.h"
#include "job/clock.h"
#include "job/polite.h"
#include "job/view.h"
#include "store/store.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATH_TEXT_MAX = 4096, DAEMON_TEXT_SIZE = 128 };

static const char help[] = "Usage: certd status [--json] [CERT...]\n\n"
			   "Shows what is managed, until when, what is next, and what failed.\n"
			   "Exit status 1 when something is failing, expired or missing, is not served,\nor ends soon: less than a sixth of its lifetime is left.";

static const struct option options_known[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static json_t *cas_json(const struct config_settings *settings)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < settings->cas_count; i++)
		json_array_append_new(list, json_string(settings->cas[i]->name));
	return list;
}

static json_t *next_ca_json(const struct job_view *view)
{
	return json_pack("{s:s?, s:s?}", "name", view->next.ca ? view->next.ca->name : NULL, "why",
	                 view->next.why[0] != '\0' ? view->next.why : NULL);
}

/* What one look at all certificates shares. */
struct look {
	const struct config *config;
	const struct store *store; /* or NULL */
	json_t *list; /* NULL without --json */
	struct cli_status_table table;
	struct job_polite polite;
};

static json_t *suggestion_json(const struct job_survey *survey, size_t i)
{
	const struct store_ari *known = &survey->state.ari[i];
	const struct plan_ari ari = job_survey_ari(survey, i);

	if (ari.end_at == 0)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "start", cli_time_json(ari.start_at), "end", cli_time_json(ari.end_at),
	                 "explanation_url", known->explanation_url[0] ? json_string(known->explanation_url) : json_null(),
	                 "checked_at", cli_time_json(known->checked_at), "next_check_at", cli_time_json(known->next_check_at));
}

static json_t *names_json(const struct ident_list *names)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < names->count; i++)
		json_array_append_new(list, json_string(names->items[i].value));
	return list;
}

static json_t *last_attempt_json(const struct store_state *state)
{
	if (state->last_at == 0)
		return json_null();
	return json_pack("{s:o, s:s, s:o, s:I, s:o}", "at", cli_time_json(state->last_at), "result",
	                 state->last_ok ? "ok" : "failed", "error", cli_error_json(&state->last_error), "attempts",
	                 (json_int_t)state->attempts, "next_at", cli_time_json(state->next_at));
}

static json_t *paths_json(const struct config *config, const struct job_view *view)
{
	CLEANUP(buf_done) struct buf live = BUF(PATH_TEXT_MAX);
	CLEANUP(buf_done) struct buf key = BUF(PATH_TEXT_MAX);
	CLEANUP(buf_done) struct buf fullchain = BUF(PATH_TEXT_MAX);
	CLEANUP(buf_done) struct buf snippet = BUF(PATH_TEXT_MAX);
	struct error ignored;

	if (!view->store_cert || store_live_path(view->store_cert, NULL, &live, &ignored) < 0 ||
	    store_live_path(view->store_cert, "privkey.pem", &key, &ignored) < 0 ||
	    store_live_path(view->store_cert, "fullchain.pem", &fullchain, &ignored) < 0 ||
	    deploy_snippet_path(config, view->certificate->name, &snippet, &ignored) < 0)
		return json_null();
	return json_pack("{s:s, s:s, s:s, s:o}", "live", buf_text(&live), "private_key", buf_text(&key), "fullchain",
	                 buf_text(&fullchain), "snippet",
	                 view->certificate->settings.deploy == CONFIG_DEPLOY_NONE ? json_null() :
	                                                                             json_string(buf_text(&snippet)));
}

static json_t *access_json(const struct job_access_report *access)
{
	return json_pack("{s:b, s:I, s:I, s:s?}", "as_configured", access->drifted == 0, "drifted", (json_int_t)access->drifted, "exposed",
	                 (json_int_t)access->exposed, "first",
	                 access->exposed > 0 ? access->first_exposed : access->drifted > 0 ? access->first : NULL);
}

/* Why the CA is not asked now; NULL where it is. */
static json_t *hold_json(const struct error *hold)
{
	if (!hold)
		return json_null();
	return json_pack("{s:o, s:b, s:s?, s:o}", "until", cli_time_json(hold->retry_at), "paused", hold->url[0] != '\0', "url",
	                 hold->url[0] != '\0' ? hold->url : NULL, "error", cli_error_json(hold));
}

/* The types of key that are configured, the first of them being "key". */
static json_t *keys_json(const struct config_keys *keys)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < keys->count; i++)
		json_array_append_new(list, json_string(key_type_name(keys->types[i])));
	return list;
}

static json_t *live_path_json(const struct job_view *view, const char *file, const enum key_family *second)
{
	CLEANUP(buf_done) struct buf path = BUF(PATH_TEXT_MAX);
	char name[STORE_FILE_SIZE];
	struct error ignored;

	if (!view->store_cert || store_live_path(view->store_cert, store_file_name(file, second, name), &path, &ignored) < 0)
		return json_null();
	return json_string(buf_text(&path));
}

/* What the object of the certificate says of its first one, of the second. */
static json_t *second_json(const struct job_view *view)
{
	const struct cert_facts *facts = &view->survey.second;
	enum key_family family;
	enum key_type type;

	if (!view->survey.have || view->survey.pairs < 2 || key_type_parse(facts->key, &type) < 0)
		return json_null();
	family = key_type_family(type);
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:{s:o, s:o}}", "key", facts->key, "serial", facts->serial,
	                 "fingerprint_sha256", facts->fingerprint, "issuer", facts->issuer, "not_before",
	                 cli_time_json(facts->not_before_at), "not_after", cli_time_json(facts->not_after_at), "suggested",
	                 suggestion_json(&view->survey, 1), "paths", "private_key", live_path_json(view, "privkey", &family),
	                 "fullchain", live_path_json(view, "fullchain", &family));
}

static json_t *view_json(const struct config *config, const struct job_view *view, const struct error *hold)
{
	const struct config_settings *settings = &view->certificate->settings;
	const struct job_survey *survey = &view->survey;
	const struct cert_facts *facts = &survey->facts;
	bool have = survey->have;

	return json_pack("{s:s, s:o, s:s, s:s, s:o, s:s?, s:o, s:s?, s:s, s:o, s:o, s:s, s:s?, s:s?, s:s?, s:o, s:o, s:o, s:o, s:s, s:o, s:{s:b, s:o}, s:o, s:o, s:o}",
	                 "name", view->certificate->name, "names", names_json(&view->certificate->names), "state",
	                 job_state_name(view->state), "ca", settings->ca->name, "cas", cas_json(settings), "issued_by",
	                 job_view_issuer(view), "next_ca", next_ca_json(view), "profile", settings->profile, "key",
	                 key_type_name(settings->keys.types[0]), "keys", keys_json(&settings->keys), "second", second_json(view),
	                 "challenge", settings->challenge, "serial", have ? facts->serial : NULL,
	                 "fingerprint_sha256", have ? facts->fingerprint : NULL, "issuer", have ? facts->issuer : NULL,
	                 "not_before", cli_time_json(have ? facts->not_before_at : 0), "not_after",
	                 cli_time_json(have ? facts->not_after_at : 0), "generation",
	                 survey->newest ? json_integer((json_int_t)survey->newest) : json_null(), "renew_at",
	                 cli_time_json(view->decision.renew_at), "renew_reason", plan_reason_name(view->decision.reason),
	                 "suggested", suggestion_json(survey, 0), "served", "verified", view->served ? 1 : 0, "at", cli_time_json(survey->state.served_at),
	                 "last_attempt", last_attempt_json(&survey->state), "held", hold_json(hold), "paths", paths_json(config, view));
}

static void tell_access(const struct look *look, const struct job_view *view, const struct job_access_report *access)
{
	const bool exposed = access->exposed > 0;
	char line[JOB_ACCESS_TEXT_SIZE + PATH_MAX];

	if (access->drifted == 0)
		return;
	(void)snprintf(line, sizeof(line), "%s: %s; `certd renew %s` sets it right",
	               exposed ? "a key can be read by more than it should" : "not as configured",
	               exposed ? access->first_exposed : access->first, view->certificate->name);
	cli_status_table_note(&look->table, line);
}

static int show_one(struct look *look, struct job_view *view)
{
	struct job_access_report access = { .drifted = 0 };
	struct error why, unseen;
	const struct error *hold = NULL;

	error_clear(&why);
	if (job_view_hold(view, look->store, &look->polite, &why))
		hold = &why;
	error_clear(&unseen);
	if (view->store_cert && job_access_look(view->store_cert, view->certificate, false, &access, &unseen) < 0)
		log_failure(LOG_LEVEL_WARNING, view->certificate->name, &unseen);
	if (look->list) {
		json_t *json = view_json(look->config, view, hold);

		if (!json || json_object_set_new(json, "access", access_json(&access)) < 0 || json_array_append_new(look->list, json) < 0)
			log_error("status: out of memory");
	} else {
		cli_status_table_row(&look->table, view, hold);
		tell_access(look, view, &access);
	}
	return job_view_trouble(view) || access.exposed > 0 ? CLI_EXIT_FAILED : CLI_EXIT_OK;
}

/* What certd keeps of it cannot be read: that is what there is to show. */
static int show_unreadable(const struct config_certificate *certificate, const struct error *error,
                           struct cli_status_table *table, json_t *list)
{
	int status;

	if (!list)
		cli_status_table_unreadable(table, certificate->name);
	fflush(stdout);
	status = cli_fail(certificate->name, error);
	if (list)
		json_array_append_new(list, json_pack("{s:s, s:o, s:s, s:{s:s, s:o}}", "name", certificate->name, "names",
		                                      names_json(&certificate->names), "state", job_state_name(JOB_STATE_FAILING),
		                                      "last_attempt", "result", "failed", "error", cli_error_json(error)));
	return status;
}

static int show(struct look *look, const struct config_certificate *const *chosen, size_t count)
{
	const int64_t now_at = clock_wall(clock_system());
	char daemon[DAEMON_TEXT_SIZE];
	int worst = CLI_EXIT_OK;

	cli_status_table_init(&look->table);
	for (size_t i = 0; i < count; i++) {
		struct job_view view;
		struct error err;
		int status;

		error_clear(&err);
		if (job_view_read(look->store, chosen[i], now_at, &view, &err) < 0) {
			status = show_unreadable(chosen[i], &err, &look->table, look->list);
		} else {
			status = show_one(look, &view);
			job_view_done(&view);
		}
		worst = status > worst ? status : worst;
	}
	if (!look->list)
		cli_status_table_end(&look->table, now_at);
	if (look->table.terminal && !look->list && cli_remote_describe(look->config, daemon, sizeof(daemon)) == CLI_REMOTE_DONE)
		puts(daemon);
	job_polite_done(&look->polite);
	return worst;
}

static int open_store(const struct config *config, struct store **ret)
{
	struct error err;

	error_clear(&err);
	if (store_open(config->state_dir, false, ret, &err) < 0) {
		if (geteuid() != 0)
			error_advise(&err, "keys are root's only: run this as root");
		return cli_fail("status", &err);
	}
	return CLI_EXIT_OK;
}

static int run(const struct config *config, int argc, char **argv, bool json)
{
	size_t count = argc > 0 ? (size_t)argc : config->certificates_count;
	CLEANUP(clean_free) const struct config_certificate **chosen = calloc(count + 1, sizeof(*chosen));
	CLEANUP(store_cleanup) struct store *store = NULL;
	json_auto_t *list = json ? json_array() : NULL;
	struct look look = { .config = config, .list = list };
	struct error err;
	int status;

	if (!chosen)
		return CLI_EXIT_FAILED;
	for (size_t i = 0; i < count; i++) {
		chosen[i] = argc > 0 ? cli_find(config, argv[i]) : config->certificates[i];
		if (!chosen[i])
			return CLI_EXIT_USAGE;
	}
	status = open_store(config, &store);
	if (status != CLI_EXIT_OK)
		return status;
	look.store = store;
	status = show(&look, chosen, count);
	error_clear(&err);
	/* What is shown above is as much as such a clock lets be seen. */
	if (job_clock_check(store, clock_wall(clock_system()), job_clock_built_at(), &err) < 0)
		status = cli_fail("status", &err);
	if (json)
		return cli_json_print(json_pack("{s:O, s:o*, s:o*}", "certificates", list, "cas", cli_cas_json(config, store), "clock",
		                                err.kind != ERROR_NONE ? cli_error_json(&err) : NULL),
		                      status);
	cli_cas_print(config, store);
	if (count == 0)
		puts("nothing is managed: `certd issue NAME...` obtains the first certificate");
	return status;
}

int cli_status(const struct cli *cli, int argc, char **argv)
{
	CLEANUP(config_cleanup) struct config *config = NULL;
	bool json = false;
	int option, status;

	opterr = 0;
	optind = 1;
	while ((option = getopt_long(argc, argv, ":h", options_known, NULL)) != -1) {
		if (option == 'h') {
			puts(help);
			return CLI_EXIT_OK;
		}
		if (option != 'j')
			return cli_usage("status", "there is no option %s", cli_bad_option(argv));
		json = true;
	}
	config = cli_load_config(cli, &status);
	return config ? run(config, argc - optind, argv + optind, json) : status;
}
