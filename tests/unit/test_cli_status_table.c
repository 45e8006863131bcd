/* test_cli_status_table.c */
#include "cli/status_table.h"

#include "base/text.h"
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DAY_S = 24 * 60 * 60, COLUMNS = 80, NOW_AT = 1700000000 };

static const struct config_certificate certificate = { .name = "togetherers.com" };
static const struct config_certificate long_name = {
	.name = "a-name-that-is-longer-than-the-column.which-it-stands-in.and-than-any-line.of-a-terminal.example",
};

static struct job_view view_of(const struct config_certificate *of, int64_t left_s)
{
	struct job_view view = {
		.certificate = of,
		.now_at = NOW_AT,
		.serves = true,
		.served = true,
		.decision = { PLAN_NOT_DUE, PLAN_LIFETIME, NOW_AT + left_s - 30 * (int64_t)DAY_S },
	};

	view.survey.have = true;
	view.survey.newest = 1;
	view.survey.facts.not_before_at = NOW_AT + left_s - 90 * (int64_t)DAY_S;
	view.survey.facts.not_after_at = NOW_AT + left_s;
	view.survey.state.last_ok = true;
	view.survey.state.last_at = NOW_AT - 1;
	return view;
}

static struct job_view failing_view(const struct config_certificate *of)
{
	struct job_view view = view_of(of, 10 * (int64_t)DAY_S);
	struct store_state *state = &view.survey.state;

	view.state = JOB_STATE_FAILING;
	view.alarm = PLAN_ALARM_LATE;
	view.decision = (struct plan_decision){ PLAN_BLOCKED, PLAN_LIFETIME, NOW_AT - 20 * (int64_t)DAY_S };
	state->last_ok = false;
	state->attempts = 12;
	state->next_at = NOW_AT + 3600;
	(void)text_copy(state->last_error.message, sizeof(state->last_error.message),
	                "the CA could not validate 1 of 2 names: www.togetherers.com (dns: NXDOMAIN looking up A for www.togetherers.com - "
	                "check that a DNS record exists for this domain; and d\u00e9j\u00e0 vu)");
	(void)text_copy(state->last_error.advice, sizeof(state->last_error.advice),
	                "https://a.word.that.does.not.fit.in.a.line.example/"
	                "0123456789012345678901234567890123456789012345678901234567890123456789");
	return view;
}

/* What a table of these rows prints; the caller frees it. */
static char *printed(struct cli_status_table table, const struct job_view *views, size_t count)
{
	char *text = NULL;
	size_t size = 0;

	table.out = open_memstream(&text, &size);
	assert_non_null(table.out);
	for (size_t i = 0; i < count; i++)
		cli_status_table_row(&table, &views[i], NULL);
	cli_status_table_end(&table, NOW_AT);
	assert_int_equal(fclose(table.out), 0);
	return text;
}

/* The widest line, counted in characters. */
static size_t widest(const char *text)
{
	size_t most = 0, line = 0;

	for (; *text != '\0'; text++) {
		if (*text == '\n')
			line = 0;
		else if (((unsigned char)*text & 0xc0) != 0x80)
			line++;
		most = line > most ? line : most;
	}
	return most;
}

static void test_terminal(void **state)
{
	const struct cli_status_table table = { .terminal = true, .columns = COLUMNS };
	const struct job_view views[] = { view_of(&certificate, 89 * (int64_t)DAY_S), failing_view(&long_name) };
	char *text = printed(table, views, 2);

	(void)state;
	assert_non_null(strstr(text, "CERTIFICATE               STATE    LEFT              RENEWAL              SERVED\n"));
	assert_non_null(strstr(text, "togetherers.com           valid    #########.   89 d in 59 d, lifetime    yes\n"));
	assert_non_null(strstr(text, "a-name-that-is-longer-th~ failing  ##........   10 d in 60 min, lifetime  yes\n"));
	assert_non_null(strstr(text, "  failed 12 times, last at "));
	assert_non_null(strstr(text, "\n2 certificates: 1 valid, 1 failing\nnext: togetherers.com in 59 d\n"));
	assert_null(strchr(text, '\033'));
	assert_in_range(widest(text), COLUMNS - 10, COLUMNS);
	free(text);
}

static void test_colour_and_blocks(void **state)
{
	const struct cli_status_table table = { .terminal = true, .colour = true, .blocks = true, .columns = COLUMNS };
	const struct job_view view = view_of(&certificate, 45 * (int64_t)DAY_S);
	char *text = printed(table, &view, 1);

	(void)state;
	assert_non_null(strstr(text, "\033[32mvalid    \u2588\u2588\u2588\u2588\u2588\u2591\u2591\u2591\u2591\u2591\033[0m   45 d in 15 d, lifetime"));
	free(text);
}

static void test_pipe(void **state)
{
	const struct cli_status_table table = { .columns = COLUMNS };
	const struct job_view views[] = { view_of(&certificate, 89 * (int64_t)DAY_S), failing_view(&long_name) };
	char *text = printed(table, views, 2);

	(void)state;
	assert_non_null(strstr(text, "togetherers.com                valid    2024-02-11    89 d  2024-01-12 yes\n"));
	assert_non_null(strstr(text, long_name.name));
	assert_non_null(strstr(text, views[1].survey.state.last_error.message));
	assert_null(strchr(text, '\033'));
	assert_null(strchr(text, '#'));
	free(text);
}

static void test_what_is_wrong_without_a_failure(void **state)
{
	const struct cli_status_table table = { .terminal = true, .columns = COLUMNS };
	struct job_view view = view_of(&certificate, 89 * (int64_t)DAY_S);
	char *text;

	(void)state;
	view.served = false;
	text = printed(table, &view, 1);
	assert_non_null(strstr(text, " no\n  it was not seen to be served yet: `certd check togetherers.com` looks why\n"));
	assert_null(strstr(text, "certificates:"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_colour_and_blocks),
		cmocka_unit_test(test_pipe),
		cmocka_unit_test(test_what_is_wrong_without_a_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
