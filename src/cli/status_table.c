#include "cli/status_table.h"

#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "cli/cli.h"
#include "config/config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
	COLUMNS_MIN = 80,
	COLUMNS_MAX = 160,
	STATE_WIDTH = 8,
	BAR_WIDTH = 10,
	LEFT_WIDTH = 6,
	RENEWAL_WIDTH = 20,
	SERVED_WIDTH = 6,
	/* All but the name, and a space before each. */
	OTHERS_WIDTH = STATE_WIDTH + BAR_WIDTH + LEFT_WIDTH + RENEWAL_WIDTH + SERVED_WIDTH + 5,
	PIPE_NAME_WIDTH = 30,
	PIPE_DAY_WIDTH = 10,
	INDENT = 2,
	TEXT_SIZE = 128,
};

static bool is_utf8(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *value = getenv(names[i]);

		if (value && value[0] != '\0')
			return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
	}
	return false;
}

void cli_status_table_init(struct cli_status_table *table)
{
	bool terminal = isatty(STDOUT_FILENO) == 1;
	struct winsize size;

	*table = (struct cli_status_table){
		.out = stdout,
		.terminal = terminal,
		.colour = cli_has_colour(),
		.blocks = is_utf8(),
		.columns = COLUMNS_MIN,
	};
	if (terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > COLUMNS_MIN)
		table->columns = size.ws_col < COLUMNS_MAX ? size.ws_col : COLUMNS_MAX;
}

static int name_width(const struct cli_status_table *table)
{
	return table->columns - OTHERS_WIDTH;
}

static const char *served_word(const struct job_view *view)
{
	if (!view->serves)
		return "-";
	return view->served ? "yes" : "no";
}

static const char *colour_of(const struct job_view *view)
{
	switch (view->state) {
	case JOB_STATE_FAILING:
	case JOB_STATE_EXPIRED:
	case JOB_STATE_MISSING:
		return "\033[31m";
	case JOB_STATE_VALID:
	case JOB_STATE_DUE:
	case JOB_STATE_COUNT:
		break;
	}
	if (view->alarm >= PLAN_ALARM_LATE)
		return "\033[31m";
	return view->state == JOB_STATE_DUE || job_view_trouble(view) ? "\033[33m" : "\033[32m";
}

/* A share of the lifetime in tenths; what is left at all is at least one. */
static int tenths_left(const struct cert_facts *facts, int64_t now_at)
{
	const int64_t lifetime_s = facts->not_after_at - facts->not_before_at;
	const int64_t left_s = facts->not_after_at - now_at;

	if (left_s <= 0 || lifetime_s <= 0)
		return 0;
	if (left_s >= lifetime_s)
		return BAR_WIDTH;
	return (int)((double)left_s / (double)lifetime_s * (BAR_WIDTH - 1)) + 1;
}

static void print_bar(const struct cli_status_table *table, const struct job_view *view)
{
	const struct cert_facts *in_use = job_survey_in_use(&view->survey);
	int full = in_use ? tenths_left(in_use, view->now_at) : 0;

	for (int i = 0; i < BAR_WIDTH; i++)
		fputs(i < full ? (table->blocks ? "\u2588" : "#") : (table->blocks ? "\u2591" : "."), table->out);
}

/* When and why it is next renewed, or tried again. */
static const char *renewal(const struct job_view *view, const struct error *hold, char out[static TEXT_SIZE])
{
	const struct store_state *state = &view->survey.state;
	bool due = view->decision.verdict != PLAN_NOT_DUE;
	int64_t at = due ? state->last_ok ? 0 : state->next_at : view->decision.renew_at;
	char in[TIME_TEXT_SIZE];

	if (hold && hold->url[0] != '\0')
		return "paused by the CA";
	at = hold ? hold->retry_at : at;
	if (at > view->now_at)
		(void)snprintf(out, TEXT_SIZE, "in %s, %s", time_format_duration(at - view->now_at, in),
		               plan_reason_name(view->decision.reason));
	else
		(void)snprintf(out, TEXT_SIZE, "now, %s", due ? plan_reason_name(view->decision.reason) : "deployment");
	return out;
}

/* The end of a long name says less than its begin; that it is cut is shown. */
static void print_name(const struct cli_status_table *table, const char *name)
{
	const int width = name_width(table);

	if ((int)strlen(name) <= width)
		fprintf(table->out, "%-*s ", width, name);
	else
		fprintf(table->out, "%.*s~ ", width - 1, name);
}

static void print_terminal(const struct cli_status_table *table, const struct job_view *view, const struct error *hold)
{
	const struct cert_facts *in_use = job_survey_in_use(&view->survey);
	const char *colour = table->colour ? colour_of(view) : "";
	const char *plain = table->colour ? "\033[0m" : "";
	char left[TIME_TEXT_SIZE] = "-", text[TEXT_SIZE];

	if (in_use)
		time_format_duration(in_use->not_after_at - view->now_at, left);
	print_name(table, view->certificate->name);
	fprintf(table->out, "%s%-*s ", colour, STATE_WIDTH, job_state_name(view->state));
	print_bar(table, view);
	fprintf(table->out, "%s %*s %-*s %s\n", plain, LEFT_WIDTH, left, RENEWAL_WIDTH, renewal(view, hold, text), served_word(view));
}

/* The day of a time; "-" for none. */
static const char *day(int64_t at, char out[static TIME_TEXT_SIZE])
{
	if (at == 0)
		return "-";
	time_format(at, out);
	out[PIPE_DAY_WIDTH] = '\0';
	return out;
}

/* Names are whole here: whoever greps shall find them. */
static void print_pipe(const struct cli_status_table *table, const struct job_view *view)
{
	const struct cert_facts *in_use = job_survey_in_use(&view->survey);
	char until[TIME_TEXT_SIZE], left[TIME_TEXT_SIZE] = "-", renew[TIME_TEXT_SIZE];

	if (in_use)
		time_format_duration(in_use->not_after_at - view->now_at, left);
	fprintf(table->out, "%-*s %-8s %-*s %7s  %-*s %s\n", PIPE_NAME_WIDTH, view->certificate->name, job_state_name(view->state),
	        PIPE_DAY_WIDTH, day(in_use ? in_use->not_after_at : 0, until), left, PIPE_DAY_WIDTH,
	        view->decision.verdict == PLAN_NOT_DUE ? day(view->decision.renew_at, renew) : "now", served_word(view));
}

/* How many octets of the text fit into `room` columns, broken at a space where there is one. */
static size_t fit(const char *text, size_t room)
{
	size_t columns = 0, at = 0, space = 0;

	while (text[at] != '\0' && columns <= room) {
		if (text[at] == ' ')
			space = at;
		if (((unsigned char)text[at] & 0xc0) != 0x80 && columns++ == room)
			break;
		at++;
	}
	if (text[at] == '\0' || text[at] == ' ' || space == 0)
		return at;
	return space;
}

/* Below its row; on a terminal broken where the line ends. */
static void print_text(const struct cli_status_table *table, const char *text)
{
	while (table->terminal && text[0] != '\0') {
		size_t len = fit(text, (size_t)table->columns - INDENT);

		fprintf(table->out, "%*s%.*s\n", INDENT, "", (int)len, text);
		text += len;
		text += strspn(text, " ");
	}
	if (!table->terminal && text[0] != '\0')
		fprintf(table->out, "%*s%s\n", INDENT, "", text);
}

static void print_failure(const struct cli_status_table *table, const struct job_view *view, const struct error *hold)
{
	const struct store_state *state = &view->survey.state;
	char when[TIME_TEXT_SIZE], next[TIME_TEXT_SIZE], line[2 * TEXT_SIZE];

	if (state->last_at == 0 || state->last_ok)
		return;
	if (job_view_waits(view))
		(void)snprintf(line, sizeof(line), "failed %llu time%s, last at %s; next try from %s", (unsigned long long)state->attempts,
		               state->attempts == 1 ? "" : "s", time_format(state->last_at, when), time_format(state->next_at, next));
	else
		(void)snprintf(line, sizeof(line),
		               "the last attempt, at %s, failed; the certificate is not due, so it is not tried again:",
		               time_format(state->last_at, when));
	print_text(table, line);
	print_text(table, state->last_error.message);
	/* What to do about it the hold says, where there is one. */
	if (!hold)
		print_text(table, state->last_error.advice);
}

/* What is wrong without an attempt that failed. */
static void print_trouble(const struct cli_status_table *table, const struct job_view *view)
{
	const char *trouble = job_view_trouble(view);
	char line[sizeof(view->survey.damage) + TEXT_SIZE];

	if (view->survey.newest != 0 && !view->survey.have) {
		(void)snprintf(line, sizeof(line), "generation %llu cannot be used: %s", (unsigned long long)view->survey.newest,
		               view->survey.damage);
		print_text(table, line);
	}
	if (view->survey.state_damaged)
		print_text(table, "state.json cannot be read; the next run moves it aside and goes on without it");
	if (text_equal(trouble ? trouble : "", "not served")) {
		(void)snprintf(line, sizeof(line), "it was not seen to be served yet: `certd check %.64s` looks why",
		               view->certificate->name);
		print_text(table, line);
	}
	if (view->alarm >= PLAN_ALARM_LATE && view->survey.state.last_ok)
		print_text(table, "it should have been renewed long since: see that certd's timer or daemon runs");
}

/* Which certificates there are, where there are (or shall be) two. */
static void print_certificates(const struct cli_status_table *table, const struct job_view *view)
{
	const struct job_survey *survey = &view->survey;
	char until[TIME_TEXT_SIZE], line[TEXT_SIZE];

	if (!survey->have || (survey->pairs < 2 && view->certificate->settings.keys.count < 2))
		return;
	for (size_t i = 0; i < survey->pairs; i++) {
		const struct cert_facts *facts = job_survey_facts(survey, i);

		(void)snprintf(line, sizeof(line), "%s until %s, serial %s", facts->key, time_format(facts->not_after_at, until),
		               facts->serial);
		print_text(table, line);
	}
}

/* What the CA suggests for the renewal, where it explains why: that is more than its everyday. */
static void print_suggestion(const struct cli_status_table *table, const struct job_view *view)
{
	const struct job_survey *survey = &view->survey;

	for (size_t i = 0; i < survey->pairs; i++) {
		const struct plan_ari ari = job_survey_ari(survey, i);
		const struct store_ari *known = &survey->state.ari[i];
		char start[TIME_TEXT_SIZE], end[TIME_TEXT_SIZE], line[sizeof(known->explanation_url) + TEXT_SIZE];

		if (ari.end_at == 0 || known->explanation_url[0] == '\0')
			continue;
		(void)snprintf(line, sizeof(line), "the CA suggests to renew%s%s between %s and %s; it explains why: %s",
		               survey->pairs > 1 ? " " : "", survey->pairs > 1 ? job_survey_facts(survey, i)->key : "",
		               time_format(ari.start_at, start), time_format(ari.end_at, end), known->explanation_url);
		print_text(table, line);
	}
}

/* Of a certificate with several CAs. */
static void print_cas(const struct cli_status_table *table, const struct job_view *view)
{
	const char *issuer = job_view_issuer(view);
	char line[sizeof(view->next.why) + 4 * TEXT_SIZE];

	if (view->certificate->settings.cas_count < 2)
		return;
	(void)snprintf(line, sizeof(line), "%s%s%s%s is asked next%s%s", issuer ? "issued by " : "", issuer ? issuer : "", issuer ? "; " : "",
	               view->next.ca ? view->next.ca->name : "no CA of its list", view->next.why[0] != '\0' ? ": " : "", view->next.why);
	print_text(table, line);
}

static void print_head(const struct cli_status_table *table)
{
	if (table->terminal)
		fprintf(table->out, "%-*s %-*s %-*s %-*s %s\n", name_width(table), "CERTIFICATE", STATE_WIDTH, "STATE",
		        BAR_WIDTH + 1 + LEFT_WIDTH, "LEFT", RENEWAL_WIDTH, "RENEWAL", "SERVED");
	else
		fprintf(table->out, "%-*s %-8s %-*s %7s  %-*s %s\n", PIPE_NAME_WIDTH, "CERTIFICATE", "STATE", PIPE_DAY_WIDTH, "UNTIL",
		        "LEFT", PIPE_DAY_WIDTH, "RENEWAL", "SERVED");
}

static void count(struct cli_status_table *table, const struct job_view *view)
{
	const int64_t at = view->decision.renew_at;

	if (table->rows++ == 0)
		print_head(table);
	table->counts[view->state]++;
	if (view->decision.verdict != PLAN_NOT_DUE || (table->next_at != 0 && table->next_at <= at))
		return;
	table->next_at = at;
	(void)text_copy(table->next_name, sizeof(table->next_name), view->certificate->name);
}

void cli_status_table_row(struct cli_status_table *table, const struct job_view *view, const struct error *hold)
{
	count(table, view);
	if (table->terminal)
		print_terminal(table, view, hold);
	else
		print_pipe(table, view);
	print_cas(table, view);
	print_certificates(table, view);
	print_suggestion(table, view);
	print_trouble(table, view);
	print_failure(table, view, hold);
	if (hold) {
		print_text(table, hold->message);
		print_text(table, hold->advice);
	}
}

void cli_status_table_note(const struct cli_status_table *table, const char *text)
{
	print_text(table, text);
}

void cli_status_table_unreadable(struct cli_status_table *table, const char *name)
{
	if (table->rows++ == 0)
		print_head(table);
	table->counts[JOB_STATE_FAILING]++;
	if (table->terminal)
		print_name(table, name);
	else
		fprintf(table->out, "%-*s ", PIPE_NAME_WIDTH, name);
	fprintf(table->out, "%s\n", job_state_name(JOB_STATE_FAILING));
}

void cli_status_table_end(struct cli_status_table *table, int64_t now_at)
{
	const char *separator = ": ";
	char in[TIME_TEXT_SIZE];

	if (!table->terminal || table->rows < 2)
		return;
	fprintf(table->out, "\n%zu certificates", table->rows);
	for (int state = 0; state < JOB_STATE_COUNT; state++) {
		if (table->counts[state] == 0)
			continue;
		fprintf(table->out, "%s%zu %s", separator, table->counts[state], job_state_name((enum job_state)state));
		separator = ", ";
	}
	fputc('\n', table->out);
	if (table->next_at > now_at)
		fprintf(table->out, "next: %s in %s\n", table->next_name, time_format_duration(table->next_at - now_at, in));
}
