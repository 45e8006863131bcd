/* test_daemon_talk.c: what daemon and job say to each other comes through as it was said, and nothing else does. */
#include "daemon/talk.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/text.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void a_request_goes_with_its_locks(void **state)
{
	CLEANUP(daemon_request_done) struct daemon_request sent = {
		.task = DAEMON_TASK_RENEW, .named = true, .certificates = STRV(DAEMON_BATCH_MAX)
	};
	CLEANUP(daemon_request_done) struct daemon_request got = { 0 };
	CLEANUP(buf_done) struct buf line = BUF(DAEMON_REQUEST_MAX);
	int ends[2], mine[2] = { open("/dev/null", O_RDONLY | O_CLOEXEC), -1 }, theirs[2];
	struct stat a, b;
	struct error err;

	(void)state;
	assert_int_equal(strv_add(&sent.certificates, "a.example"), 0);
	assert_int_equal(strv_add(&sent.certificates, "b.example"), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(daemon_request_print(&sent, &line, &err), 0);
	assert_int_equal(daemon_request_send(ends[0], &line, mine, &err), 0);
	assert_int_equal(daemon_request_receive(ends[1], &got, theirs, &err), 0);
	assert_int_equal(got.task, DAEMON_TASK_RENEW);
	assert_true(got.named);
	assert_false(got.force);
	assert_int_equal(got.certificates.count, 2);
	assert_string_equal(got.certificates.items[1], "b.example");
	assert_true(theirs[0] >= 0 && theirs[0] != mine[0] && theirs[1] == -1);
	assert_int_equal(fstat(mine[0], &a), 0);
	assert_int_equal(fstat(theirs[0], &b), 0);
	assert_true(a.st_ino == b.st_ino && a.st_rdev == b.st_rdev);
	assert_int_equal(fcntl(theirs[0], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	for (size_t i = 0; i < 2; i++)
		close(ends[i]);
	close(mine[0]);
	close(theirs[0]);
}

static void a_daemon_that_goes_away_is_an_error(void **state)
{
	CLEANUP(daemon_request_done) struct daemon_request got = { 0 };
	int ends[2], locks[2];
	struct error err;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(write(ends[0], "{\"do\":", 6), 6);
	close(ends[0]);
	assert_int_equal(daemon_request_receive(ends[1], &got, locks, &err), -1);
	close(ends[1]);
}

static void answers_come_through(void **state)
{
	const struct daemon_answer said[] = {
		{ .kind = DAEMON_ANSWER_PROGRESS, .certificate = "a", .step = "order", .text = "a \"text\"\n" },
		{ .kind = DAEMON_ANSWER_FACTS,
		  .certificate = "a",
		  .result = "failed",
		  .glance = { .have = true,
		              .failing = true,
		              .reason = PLAN_ARI,
		              .not_before_at = 1,
		              .not_after_at = 2,
		              .renew_at = 3,
		              .next_at = INT64_MAX,
		              .by_lifetime = true,
		              .kind = ERROR_NETWORK,
		              .error = "no way" } },
		{ .kind = DAEMON_ANSWER_END, .status = 3, .text = "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(said); i++) {
		CLEANUP(buf_done) struct buf line = BUF(DAEMON_ANSWER_MAX);
		json_auto_t *doc = NULL;
		struct daemon_answer got;
		struct error err;

		assert_int_equal(daemon_answer_print(&said[i], &line, &err), 0);
		assert_int_equal(line.data[line.len - 1], '\n');
		assert_null(memchr(line.data, '\n', line.len - 1));
		assert_int_equal(daemon_answer_parse(line.data, line.len - 1, &doc, &got, &err), 0);
		assert_int_equal(got.kind, said[i].kind);
		assert_int_equal(got.status, said[i].status);
		assert_string_equal(got.certificate, said[i].certificate ? said[i].certificate : "");
		assert_string_equal(got.text, said[i].text ? said[i].text : "");
		assert_string_equal(got.result, said[i].result ? said[i].result : "");
		assert_int_equal(got.glance.next_at, said[i].glance.next_at);
		assert_int_equal(got.glance.reason, said[i].glance.reason);
		assert_int_equal(got.glance.kind, said[i].glance.kind);
		assert_true(got.glance.by_lifetime == said[i].glance.by_lifetime && got.glance.have == said[i].glance.have);
		assert_string_equal(got.glance.error, said[i].glance.error);
	}
}

static void nonsense_is_refused(void **state)
{
	static const char *const answers[] = {
		"", "{}", "[]", "{\"is\":1}", "{\"is\":\"nothing\"}", "{\"is\":\"progress\"}", "{\"is\":\"end\",\"status\":\"0\"}",
		"{\"is\":\"facts\",\"certificate\":\"a\"}",
		("{\"is\":\"facts\",\"certificate\":\"a\",\"result\":\"\",\"reason\":99,\"not_before\":0,\"not_after\":0,\"renew\":0,"
		 "\"next\":0,\"kind\":\"network\",\"error\":\"\"}"),
	};
	struct daemon_answer answer;
	struct daemon_request request;
	json_t *doc = NULL;
	struct error err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		assert_int_equal(daemon_answer_parse(answers[i], strlen(answers[i]), &doc, &answer, &err), -1);
		assert_null(doc);
		assert_int_equal(daemon_request_parse(answers[i], strlen(answers[i]), &request, &err), -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_goes_with_its_locks),
		cmocka_unit_test(a_daemon_that_goes_away_is_an_error),
		cmocka_unit_test(answers_come_through),
		cmocka_unit_test(nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
