/* test_channel_channel.c: frames, whole, over their limits, cut off */
#include "channel/channel.h"

#include "base/clean.h"
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int fds[2];
static struct error err;

static int open_pair(void **state)
{
	(void)state;
	error_clear(&err);
	return channel_pair(fds, &err);
}

static int close_pair(void **state)
{
	(void)state;
	close(fds[0]);
	close(fds[1]);
	return 0;
}

static void write_raw(uint32_t type, uint32_t len, const char *text)
{
	const uint32_t header[2] = { type, len };

	assert_int_equal(write(fds[0], header, sizeof(header)), sizeof(header));
	assert_int_equal(write(fds[0], text, strlen(text)), strlen(text));
}

static int receive(json_t **ret)
{
	enum channel_type type;

	return channel_receive(fds[1], 0, &type, ret, &err);
}

static void test_every_type_comes_as_it_was_sent(void **state)
{
	(void)state;
	for (int type = CHANNEL_TASK_PREFLIGHT; type < CHANNEL_TYPE_END; type++) {
		json_auto_t *sent = json_pack("{s:i}", "n", type);
		json_auto_t *got = NULL;
		enum channel_type got_type;

		assert_int_equal(channel_send(fds[0], (enum channel_type)type, sent, &err), 0);
		assert_int_equal(channel_receive(fds[1], 1000, &got_type, &got, &err), CHANNEL_OK);
		assert_int_equal(got_type, type);
		assert_true(json_equal(sent, got));
		assert_string_not_equal(channel_type_name((enum channel_type)type), "unknown frame");
	}
}

static void test_nothing_within_the_time(void **state)
{
	json_t *message = NULL;

	(void)state;
	assert_int_equal(receive(&message), CHANNEL_TIMEOUT);
	assert_null(message);
}

static void test_a_peer_that_is_gone(void **state)
{
	json_auto_t *message = json_object();
	json_t *got = NULL;

	(void)state;
	shutdown(fds[0], SHUT_RDWR);
	assert_int_equal(receive(&got), CHANNEL_CLOSED);
	assert_int_equal(channel_send(fds[1], CHANNEL_SIGN, message, &err), -1);
	assert_int_equal(err.kind, ERROR_INTERNAL);
}

/* Takes the ten seconds that such a peer is given. */
static void test_a_peer_that_does_not_read(void **state)
{
	static char text[100 * 1024];
	json_auto_t *message = NULL;
	int size = 4096, sent = 0;

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	message = json_pack("{s:s}", "value", text);
	assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	while (sent < 100 && channel_send(fds[0], CHANNEL_ANSWER, message, &err) == 0)
		sent++;
	assert_true(sent < 100);
	assert_non_null(strstr(err.message, "does not read"));
}

static void test_a_frame_over_its_limit_is_not_sent(void **state)
{
	static char text[CHANNEL_TYPE_END + 4096];
	json_auto_t *message = NULL;
	json_t *got = NULL;

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	message = json_pack("{s:s}", "value", text);
	assert_int_equal(channel_send(fds[0], CHANNEL_CSR, message, &err), -1);
	assert_int_equal(receive(&got), CHANNEL_TIMEOUT);
}

static void refused(uint32_t type, uint32_t len, const char *text, const char *part)
{
	json_t *got = NULL;

	error_clear(&err);
	write_raw(type, len, text);
	shutdown(fds[0], SHUT_WR);
	assert_int_equal(receive(&got), -1);
	assert_non_null(strstr(err.message, part));
	close_pair(NULL);
	assert_int_equal(open_pair(NULL), 0);
}

static void test_bad_frames_are_refused(void **state)
{
	(void)state;
	refused(0, 2, "{}", "unknown type 0");
	refused(CHANNEL_TYPE_END, 2, "{}", "unknown type");
	refused(UINT32_MAX, 2, "{}", "unknown type");
	refused(CHANNEL_SIGN, 0, "", "over its limit");
	refused(CHANNEL_SIGN, channel_type_max(CHANNEL_SIGN) + 1, "{}", "over its limit");
	refused(CHANNEL_SIGN, UINT32_MAX, "{}", "over its limit");
	refused(CHANNEL_SIGN, 10, "{}", "in the middle of a message");
	refused(CHANNEL_SIGN, 10, "", "in the middle of a message");
	refused(CHANNEL_SIGN, 2, "[]", "sign");
	refused(CHANNEL_SIGN, 3, "{},", "sign");
	refused(CHANNEL_SIGN, 1, "{", "sign");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_type_comes_as_it_was_sent, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_nothing_within_the_time, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_a_peer_that_is_gone, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_a_peer_that_does_not_read, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_a_frame_over_its_limit_is_not_sent, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_bad_frames_are_refused, open_pair, close_pair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
