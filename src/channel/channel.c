#include "channel/channel.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "json/doc.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct frame_header {
	uint32_t type;
	uint32_t len;
};

enum { FRAME_WHOLE_MS = 10 * 1000 };

struct frame_kind {
	const char *name;
	uint32_t max;
};

static const struct frame_kind frame_kinds[CHANNEL_TYPE_END] = {
	[CHANNEL_TASK_PREFLIGHT] = { "preflight task", 64 * 1024 },
	[CHANNEL_TASK_ISSUE] = { "issue task", 64 * 1024 },
	[CHANNEL_TASK_PROVE] = { "prove task", 512 * 1024 },
	[CHANNEL_TASK_CHECK] = { "check task", 64 * 1024 },
	[CHANNEL_TASK_REVOKE] = { "revoke task", 64 * 1024 },
	[CHANNEL_TASK_ACCOUNT] = { "account task", 16 * 1024 },
	[CHANNEL_TASK_RENEWAL] = { "renewal task", 128 * 1024 },
	[CHANNEL_SIGN] = { "sign", 64 * 1024 },
	[CHANNEL_CSR] = { "csr", 64 },
	[CHANNEL_PRESENT] = { "present", 4 * 1024 },
	[CHANNEL_CLEANUP] = { "cleanup", 4 * 1024 },
	[CHANNEL_PROGRESS] = { "progress", 16 * 1024 },
	[CHANNEL_ANSWER] = { "answer", 128 * 1024 },
	[CHANNEL_RESULT] = { "result", 1024 * 1024 },
};

const char *channel_type_name(enum channel_type type)
{
	if (type <= 0 || type >= CHANNEL_TYPE_END)
		return "unknown frame";
	return frame_kinds[type].name;
}

uint32_t channel_type_max(enum channel_type type)
{
	if (type <= 0 || type >= CHANNEL_TYPE_END)
		return 0;
	return frame_kinds[type].max;
}

int channel_pair(int ret_fds[static 2], struct error *err)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return error_sys(err, errno, "cannot make a socket pair for the net process");
	ret_fds[0] = fds[0];
	ret_fds[1] = fds[1];
	return 0;
}

/* A peer that does not read fills the socket, and would hold us for as long as it likes. */
static int wait_writable(int fd, int64_t end_ms, struct error *err)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLOUT };
		int64_t left_ms = end_ms - clock_monotonic_ms(clock_system());
		int n = left_ms > 0 ? poll(&p, 1, (int)left_ms) : 0;

		if (n > 0)
			return 0;
		if (n == 0)
			return error_set(err, ERROR_INTERNAL, "the other process of certd does not read what it is sent");
		if (errno != EINTR)
			return error_set(err, ERROR_INTERNAL, "cannot wait for the other process of certd: %s", strerror(errno));
	}
}

static int send_all(int fd, const void *data, size_t len, struct error *err)
{
	const char *at = data;
	int64_t end_ms = clock_monotonic_ms(clock_system()) + FRAME_WHOLE_MS;

	while (len > 0) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			if (wait_writable(fd, end_ms, err) < 0)
				return -1;
			continue;
		}
		if (n < 0)
			return error_set(err, ERROR_INTERNAL, "cannot send to the other process of certd: %s", strerror(errno));
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int channel_send(int fd, enum channel_type type, const json_t *message, struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF_SECRET(channel_type_max(type));
	struct frame_header header = { .type = (uint32_t)type };

	if (json_doc_print(message, false, &text, err) < 0)
		return error_context(err, "%s", channel_type_name(type));
	header.len = (uint32_t)text.len;
	if (send_all(fd, &header, sizeof(header), err) < 0)
		return -1;
	return send_all(fd, text.data, text.len, err);
}

/* Waits until fd can be read: 0, CHANNEL_TIMEOUT, or -1. */
static int wait_readable(int fd, int64_t timeout_ms, struct error *err)
{
	const struct clock *clock = clock_system();
	int64_t end_ms = clock_monotonic_ms(clock) + timeout_ms;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = timeout_ms < 0 ? -1 : end_ms - clock_monotonic_ms(clock);
		int n;

		if (timeout_ms >= 0 && left < 0)
			left = 0;
		n = poll(&p, 1, left > INT32_MAX ? INT32_MAX : (int)left);
		if (n > 0)
			return CHANNEL_OK;
		if (n == 0 && timeout_ms >= 0 && clock_monotonic_ms(clock) >= end_ms)
			return CHANNEL_TIMEOUT;
		if (n < 0 && errno != EINTR)
			return error_set(err, ERROR_INTERNAL, "cannot wait for the other process of certd: %s", strerror(errno));
	}
}

/* Reads exactly len octets: 0, CHANNEL_CLOSED when the peer closed before the first of them, or -1. */
static int receive_all(int fd, void *data, size_t len, struct error *err)
{
	char *at = data;
	size_t got = 0;
	const struct clock *clock = clock_system();
	int64_t end_ms = clock_monotonic_ms(clock) + FRAME_WHOLE_MS;

	while (got < len) {
		int64_t left = end_ms - clock_monotonic_ms(clock);
		int r = wait_readable(fd, left < 0 ? 0 : left, err);
		ssize_t n;

		if (r < 0)
			return -1;
		if (r == CHANNEL_TIMEOUT)
			return error_set(err, ERROR_INTERNAL, "the other process of certd stopped in the middle of a message");
		n = recv(fd, at + got, len - got, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if ((n == 0 || (n < 0 && errno == ECONNRESET)) && got == 0)
			return CHANNEL_CLOSED;
		if (n <= 0)
			return error_set(err, ERROR_INTERNAL, "the other process of certd went away in the middle of a message");
		got += (size_t)n;
	}
	return CHANNEL_OK;
}

int channel_receive(int fd, int64_t timeout_ms, enum channel_type *ret_type, json_t **ret_message, struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF_SECRET(0);
	struct frame_header header;
	json_t *message;
	int r;

	r = wait_readable(fd, timeout_ms, err);
	if (r != CHANNEL_OK)
		return r;
	r = receive_all(fd, &header, sizeof(header), err);
	if (r != CHANNEL_OK)
		return r;
	if (header.type == 0 || header.type >= CHANNEL_TYPE_END)
		return error_set(err, ERROR_INTERNAL, "the other process of certd sent a message of unknown type %u", header.type);
	if (header.len == 0 || header.len > channel_type_max((enum channel_type)header.type))
		return error_set(err, ERROR_INTERNAL, "the other process of certd sent a %s of %u octets, over its limit",
		                 channel_type_name((enum channel_type)header.type), header.len);
	text.max = header.len;
	text.data = malloc((size_t)header.len + 1);
	if (!text.data)
		return error_oom(err);
	text.cap = (size_t)header.len + 1;
	r = receive_all(fd, text.data, header.len, err);
	if (r != CHANNEL_OK)
		return r == CHANNEL_CLOSED ? error_set(err, ERROR_INTERNAL, "the other process of certd went away in the middle of a message") : r;
	text.len = header.len;
	text.data[text.len] = '\0';
	if (json_doc_parse(text.data, text.len, channel_type_name((enum channel_type)header.type), &message, err) < 0)
		return -1;
	*ret_type = (enum channel_type)header.type;
	*ret_message = message;
	return CHANNEL_OK;
}
