#include "daemon/ask.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "daemon/control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { READ_SIZE = 16 * 1024, CALL_MAX = DAEMON_VARLINK_CALL_MAX };

/* Root's, ours, or whose the directory is: the daemon has a user of its own. Whoever else may write there could have put a socket there. */
static bool is_daemon(int dirfd, int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	struct stat st;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && fstat(dirfd, &st) == 0 &&
	       (peer.uid == 0 || peer.uid == geteuid() || peer.uid == st.st_uid);
}

int daemon_ask_open(const char *runtime_dir, struct daemon_ask *ask, struct error *err)
{
	CLEANUP(clean_fd) int dirfd = -1;
	CLEANUP(clean_fd) int fd = -1;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int r = file_open_dir(runtime_dir, &dirfd, err);

	if (r != FILE_OK)
		return DAEMON_ASK_ABSENT;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_sys(err, errno, "cannot make a socket");
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" DAEMON_CONTROL_SOCKET, dirfd);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || !is_daemon(dirfd, fd))
		return DAEMON_ASK_ABSENT;
	ask->fd = TAKE_FD(fd);
	return DAEMON_ASK_OK;
}

void daemon_ask_done(struct daemon_ask *ask)
{
	clean_fd(&ask->fd);
	buf_done(&ask->in);
}

static int lost(struct error *err, int errnum)
{
	error_set(err, ERROR_SYSTEM, "the daemon does not answer any more%s%s", errnum != 0 ? ": " : "",
	          errnum != 0 ? strerror(errnum) : "");
	return error_advise(err, "see whether it runs, and `certd status` for how far it came");
}

int daemon_ask_send(struct daemon_ask *ask, const char *method, json_t *parameters, bool more, struct error *err)
{
	json_auto_t *owned = parameters ? parameters : json_object();
	json_auto_t *call = NULL;
	CLEANUP(buf_done) struct buf text = BUF(CALL_MAX);
	char name[DAEMON_VARLINK_METHOD_MAX + 1];
	size_t sent = 0;

	(void)snprintf(name, sizeof(name), "io.certd.%s", method);
	call = json_pack("{s:s, s:O, s:b}", "method", name, "parameters", owned, "more", more ? 1 : 0);
	if (!call)
		return error_oom(err);
	if (json_doc_print(call, false, &text, err) < 0)
		return -1;
	(void)buf_append_char(&text, '\0');
	if (buf_check(&text, "the call", err) < 0)
		return -1;
	while (sent < text.len) {
		ssize_t n = send(ask->fd, text.data + sent, text.len - sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return lost(err, errno);
		sent += (size_t)n;
	}
	return 0;
}

bool daemon_ask_has_reply(const struct daemon_ask *ask)
{
	return ask->in.len > 0 && memchr(ask->in.data, '\0', ask->in.len) != NULL;
}

/* Reads until a whole reply is there; the offset of its NUL. */
static int wait_for_reply(struct daemon_ask *ask, size_t *ret_len, struct error *err)
{
	char data[READ_SIZE];

	for (;;) {
		const char *end = ask->in.len > 0 ? memchr(ask->in.data, '\0', ask->in.len) : NULL;
		ssize_t n;

		if (end) {
			*ret_len = (size_t)(end - ask->in.data);
			return 0;
		}
		n = recv(ask->fd, data, sizeof(data), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return lost(err, n < 0 ? errno : 0);
		if (buf_append(&ask->in, data, (size_t)n) < 0)
			return buf_check(&ask->in, "the daemon's reply", err);
	}
}

/* What the daemon failed with, as if it had failed here. */
static int take_error(const char *name, const json_t *parameters, struct error *err)
{
	const char *message = json_string_value(json_object_get(parameters, "message"));
	const char *advice = json_string_value(json_object_get(parameters, "advice"));
	const char *kind = json_string_value(json_object_get(parameters, "kind"));
	enum error_kind known = ERROR_PROTOCOL;

	if (!text_equal(name, "io.certd.Failed") || !message)
		return error_set(err, ERROR_PROTOCOL, "the daemon refused: %.200s", name);
	(void)error_kind_parse(kind ? kind : "", &known);
	error_set(err, known, "%s", message);
	return advice && advice[0] != '\0' ? error_advise(err, "%s", advice) : -1;
}

int daemon_ask_reply(struct daemon_ask *ask, json_t **ret, bool *ret_continues, struct error *err)
{
	json_auto_t *reply = NULL;
	const json_t *parameters = NULL;
	const char *name;
	bool continues = false;
	size_t len = 0;
	int r;

	if (wait_for_reply(ask, &len, err) < 0)
		return -1;
	r = json_doc_parse(ask->in.data, len, "the daemon's reply", &reply, err);
	memmove(ask->in.data, ask->in.data + len + 1, ask->in.len - len - 1);
	ask->in.len -= len + 1;
	if (r < 0 || json_field_object(reply, "the daemon's reply", "parameters", &parameters, err) < 0 ||
	    json_field_bool(reply, "the daemon's reply", "continues", &continues, err) < 0)
		return -1;
	name = json_string_value(json_object_get(reply, "error"));
	if (name)
		return take_error(name, parameters, err);
	*ret = parameters ? json_incref(json_object_get(reply, "parameters")) : json_object();
	*ret_continues = continues;
	return *ret ? 0 : error_oom(err);
}

int daemon_ask_call(struct daemon_ask *ask, const char *method, json_t *parameters, json_t **ret, struct error *err)
{
	json_t *reply = NULL;
	bool continues;

	if (daemon_ask_send(ask, method, parameters, false, err) < 0 || daemon_ask_reply(ask, &reply, &continues, err) < 0)
		return -1;
	if (ret)
		*ret = reply;
	else
		json_decref(reply);
	return 0;
}
