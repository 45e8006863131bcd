/* test_cli_journal.c */
#include "cli/journal.h"

#include "base/error.h"
#include "base/log.h"
#include "base/strv.h"
#include "base/text.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { FIELDS_MAX = 64 };

static struct strv seen = STRV(FIELDS_MAX);
static bool takes = true;

static bool take(void *self, const struct log_record *record)
{
	(void)self;
	strv_done(&seen);
	assert_int_equal(cli_journal_fields(record, &seen), 0);
	return takes;
}

static const struct log_sink sink = { .write = take };

/* Puts stderr where JOURNAL_STREAM says that the journal is; the descriptor of what it was. */
static int begin(int memory)
{
	int saved = dup(STDERR_FILENO);
	char stream[64];
	struct stat st;

	assert_true(saved >= 0 && dup2(memory, STDERR_FILENO) >= 0);
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	(void)snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
	log_set_sink(&sink);
	return saved;
}

static void end(int saved)
{
	log_set_sink(NULL);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	unsetenv("JOURNAL_STREAM");
}

static void test_fields(void **state)
{
	const struct log_context context = { .certificate = "a.example", .ca = "letsencrypt", .step = "order" };
	int memory = memfd_create("log", MFD_CLOEXEC), saved = begin(memory);
	char id[64];
	struct error err;

	(void)state;
	error_set(&err, ERROR_REFUSED, "the CA said\nno");
	error_advise(&err, "mend the DNS");
	err.http_status = 403;
	(void)text_copy(err.problem, sizeof(err.problem), "{\"type\":\"urn:ietf:params:acme:error:dns\",\"detail\":\"NXDOMAIN\"}");
	log_set_context(&context);
	log_failure(LOG_LEVEL_ERROR, "a.example", &err);
	log_set_context(NULL);
	end(saved);

	(void)snprintf(id, sizeof(id), "MESSAGE_ID=%s", event_id(EVENT_REFUSED));
	assert_true(strv_contains(&seen, "MESSAGE=a.example: the CA said?no\n  mend the DNS"));
	assert_true(strv_contains(&seen, "PRIORITY=3"));
	assert_true(strv_contains(&seen, id));
	assert_true(strv_contains(&seen, "CERTD_CERTIFICATE=a.example"));
	assert_true(strv_contains(&seen, "CERTD_CA=letsencrypt"));
	assert_true(strv_contains(&seen, "CERTD_STEP=order"));
	assert_true(strv_contains(&seen, "CERTD_ERROR=refused"));
	assert_true(strv_contains(&seen, "CERTD_ADVICE=mend the DNS"));
	assert_true(strv_contains(&seen, "CERTD_HTTP_STATUS=403"));
	assert_true(strv_contains(&seen, "ACME_PROBLEM_TYPE=urn:ietf:params:acme:error:dns"));
	assert_true(strv_contains(&seen, "ACME_PROBLEM_DETAIL=NXDOMAIN"));
	assert_int_equal(lseek(memory, 0, SEEK_END), 0);
	close(memory);
}

/* A line like any other has neither event nor context; fields of an event's own are there. */
static void test_lines_and_events(void **state)
{
	const struct log_field fields[] = { { "CERTD_GENERATION", "7" }, { "CERTD_SERVED", "" }, { NULL, NULL } };
	int memory = memfd_create("log", MFD_CLOEXEC), saved = begin(memory);

	(void)state;
	log_notice("plain");
	assert_int_equal(seen.count, 3);
	log_event(LOG_LEVEL_WARNING, EVENT_ISSUED, fields, "issued");
	assert_int_equal(seen.count, 5);
	assert_true(strv_contains(&seen, "CERTD_GENERATION=7"));
	log_info("below the level");
	assert_true(strv_contains(&seen, "MESSAGE=issued"));
	end(saved);
	close(memory);
}

/* When the journal does not take it, the line is not lost; and what is no journal gets lines only. */
static void test_lines_in_its_place(void **state)
{
	int memory = memfd_create("log", MFD_CLOEXEC), saved = begin(memory);
	char text[256] = "";

	(void)state;
	takes = false;
	log_warning("not taken");
	takes = true;
	setenv("JOURNAL_STREAM", "1:1", 1);
	assert_false(log_has_sink());
	log_warning("no journal");
	end(saved);
	assert_true(pread(memory, text, sizeof(text) - 1, 0) > 0);
	assert_string_equal(text, "<4>not taken\ncertd: no journal\n");
	close(memory);
}

static void test_events_have_identifiers(void **state)
{
	(void)state;
	assert_null(event_id(EVENT_NONE));
	for (int i = EVENT_NONE + 1; i < EVENT_COUNT; i++)
		assert_int_equal(strspn(event_id((enum event)i), "0123456789abcdef"), 32);
	for (int i = ERROR_NONE + 1; i < ERROR_KIND_COUNT; i++)
		assert_int_not_equal(event_of_error((enum error_kind)i), EVENT_NONE);
}

static int teardown(void **state)
{
	(void)state;
	strv_done(&seen);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_fields, teardown),
		cmocka_unit_test_teardown(test_lines_and_events, teardown),
		cmocka_unit_test_teardown(test_lines_in_its_place, teardown),
		cmocka_unit_test(test_events_have_identifiers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
