#include "daemon/server.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-event.h>
#include <unistd.h>

enum { READ_SIZE = 16 * 1024, BACKLOG = 128, SOCKET_MODE = 0600, PAUSE_MS = 1000, MS_TO_US = 1000, ACCURACY_US = 250 * 1000 };

static const struct daemon_server_limits default_limits = { .call_ms = 10 * 1000, .send_ms = 30 * 1000, .idle_ms = 300 * 1000 };

struct daemon_client {
	struct daemon_server *server;
	struct daemon_client *next;
	int fd;
	uid_t uid;
	struct buf in; /* of at most one call and what came with its end */
	struct buf out;
	size_t sent; /* of out */
	bool busy; /* has a call that goes on */
	bool oneway; /* which wants no reply */
	bool lost; /* is closed when its timer comes */
	bool ended; /* sends no more, and may still take replies */
	bool begun; /* its timer is for the rest of a call, from when that began */
	void *data;
	sd_event_source *io;
	sd_event_source *timer;
};

struct daemon_server {
	sd_event *event;
	struct daemon_server_handler handler;
	struct daemon_server_limits limits;
	int fd;
	sd_event_source *io;
	sd_event_source *pause; /* of accepting, when descriptors are out */
	struct daemon_client *clients;
	size_t count;
	size_t others; /* of those, of users that may only look */
};

bool daemon_client_may_change(const struct daemon_client *client)
{
	return client->uid == 0 || client->uid == geteuid();
}

void daemon_client_set_data(struct daemon_client *client, void *data)
{
	client->data = data;
}

void *daemon_client_data(const struct daemon_client *client)
{
	return client->data;
}

size_t daemon_client_waiting(const struct daemon_client *client)
{
	return client->out.len - client->sent;
}

static void client_free(struct daemon_client *client)
{
	sd_event_source_disable_unref(client->io);
	sd_event_source_disable_unref(client->timer);
	clean_fd(&client->fd);
	buf_done(&client->in);
	buf_done(&client->out);
	free(client);
}

static void client_close(struct daemon_client *client)
{
	struct daemon_server *server = client->server;
	struct daemon_client **at = &server->clients;

	if (client->busy)
		server->handler.gone(server->handler.self, client);
	while (*at != client)
		at = &(*at)->next;
	*at = client->next;
	server->count--;
	server->others -= daemon_client_may_change(client) ? 0 : 1;
	client_free(client);
}

/* One timer serves all deadlines: of what the client is waited for now. From begin to end of a series of replies that are taken, none. */
static void set_timer(struct daemon_client *client)
{
	const struct daemon_server_limits *limits = &client->server->limits;
	unsigned int ms = limits->idle_ms;

	if (client->lost)
		ms = 0;
	else if (daemon_client_waiting(client) > 0)
		ms = limits->send_ms;
	else if (client->busy)
		return (void)sd_event_source_set_enabled(client->timer, SD_EVENT_OFF);
	else if (client->in.len > 0 && client->begun)
		return;
	else if (client->in.len > 0)
		ms = limits->call_ms;
	client->begun = !client->lost && !client->busy && daemon_client_waiting(client) == 0 && client->in.len > 0;
	(void)sd_event_source_set_time_relative(client->timer, (uint64_t)ms * MS_TO_US);
	(void)sd_event_source_set_enabled(client->timer, SD_EVENT_ONESHOT);
}

/* Reads only when a call may come; hears of the end always. */
static void set_io(struct daemon_client *client)
{
	uint32_t events = client->ended ? 0 : EPOLLRDHUP;

	if (!client->ended && !client->busy && daemon_client_waiting(client) == 0)
		events |= EPOLLIN;
	if (daemon_client_waiting(client) > 0)
		events |= EPOLLOUT;
	(void)sd_event_source_set_io_events(client->io, events);
}

static void lose(struct daemon_client *client)
{
	client->lost = true;
	set_timer(client);
}

static void put(struct daemon_client *client, const char *error, const json_t *parameters, bool continues)
{
	const bool was_empty = daemon_client_waiting(client) == 0;
	struct error err;
	int r = 0;

	if (client->lost)
		return;
	error_clear(&err);
	if (!client->oneway)
		r = error ? daemon_varlink_print_error(error, parameters, &client->out, &err) :
		            daemon_varlink_print_reply(parameters, continues, &client->out, &err);
	if (r < 0)
		lose(client);
	else if (was_empty && daemon_client_waiting(client) > 0)
		set_timer(client);
}

static void end_call(struct daemon_client *client)
{
	client->busy = false;
	client->data = NULL;
}

void daemon_client_reply(struct daemon_client *client, json_t *parameters, bool continues)
{
	json_auto_t *owned = parameters;

	put(client, NULL, owned, continues);
	if (!continues)
		end_call(client);
	set_io(client);
}

void daemon_client_error(struct daemon_client *client, const char *name, json_t *parameters)
{
	json_auto_t *owned = parameters;

	put(client, name, owned, false);
	end_call(client);
	set_io(client);
}

/* Takes one call out of what came, if it is whole. -1 for what is none. */
static int take_call(struct daemon_client *client, bool *ret_taken)
{
	const struct daemon_server_handler *handler = &client->server->handler;
	const char *end = client->in.len > 0 ? memchr(client->in.data, '\0', client->in.len) : NULL;
	struct daemon_varlink_call call;
	struct error err;
	size_t len;

	*ret_taken = end != NULL;
	if (!end)
		return client->in.len > DAEMON_VARLINK_CALL_MAX ? -1 : 0;
	len = (size_t)(end - client->in.data);
	error_clear(&err);
	if (daemon_varlink_parse(client->in.data, len, &call, &err) < 0) {
		log_debug("control: %s", err.message);
		return -1;
	}
	memmove(client->in.data, client->in.data + len + 1, client->in.len - len - 1);
	client->in.len -= len + 1;
	client->busy = true;
	client->oneway = call.oneway;
	handler->call(handler->self, client, &call);
	daemon_varlink_call_done(&call);
	return 0;
}

/* What came, call after call, until one goes on or its reply has to be taken first. */
static int take_calls(struct daemon_client *client)
{
	bool taken = true;

	while (taken && !client->busy && !client->lost && daemon_client_waiting(client) == 0) {
		if (take_call(client, &taken) < 0)
			return -1;
	}
	return 0;
}

static int read_some(struct daemon_client *client)
{
	char data[READ_SIZE];
	ssize_t n = recv(client->fd, data, sizeof(data), 0);

	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -1;
	client->ended = n == 0;
	return buf_append(&client->in, data, (size_t)n);
}

static int write_some(struct daemon_client *client)
{
	const struct daemon_server_handler *handler = &client->server->handler;
	ssize_t n = send(client->fd, client->out.data + client->sent, daemon_client_waiting(client), MSG_NOSIGNAL);

	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -1;
	client->sent += (size_t)n;
	/* What was sent makes room in one piece. */
	if (daemon_client_waiting(client) < DAEMON_CLIENT_OUT_LOW) {
		memmove(client->out.data, client->out.data + client->sent, daemon_client_waiting(client));
		client->out.len -= client->sent;
		client->sent = 0;
		if (client->busy && !client->lost)
			handler->room(handler->self, client);
	}
	return 0;
}

static int on_client(sd_event_source *source, int fd, uint32_t events, void *self)
{
	struct daemon_client *client = self;
	int r = 0;

	(void)source;
	(void)fd;
	if ((events & EPOLLIN) != 0)
		r = read_some(client);
	else if ((events & (EPOLLHUP | EPOLLERR)) != 0)
		r = -1;
	else if ((events & EPOLLRDHUP) != 0)
		client->ended = true;
	if (r == 0 && (events & EPOLLOUT) != 0 && daemon_client_waiting(client) > 0)
		r = write_some(client);
	if (r == 0)
		r = take_calls(client);
	/* Whoever sends no more has had all that it asked for. */
	if (r < 0 || (client->ended && !client->busy && daemon_client_waiting(client) == 0)) {
		client_close(client);
		return 0;
	}
	set_timer(client);
	set_io(client);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *self)
{
	(void)source;
	(void)usec;
	client_close(self);
	return 0;
}

static int client_watch(struct daemon_client *client)
{
	sd_event *event = client->server->event;
	int r = sd_event_add_io(event, &client->io, client->fd, EPOLLIN | EPOLLRDHUP, on_client, client);

	if (r >= 0)
		r = sd_event_add_time_relative(event, &client->timer, CLOCK_MONOTONIC, (uint64_t)client->server->limits.idle_ms * MS_TO_US,
		                               ACCURACY_US, on_timer, client);
	return r < 0 ? -1 : 0;
}

/* Takes the descriptor. */
static void welcome(struct daemon_server *server, int fd)
{
	struct daemon_client *client = calloc(1, sizeof(*client));
	struct ucred peer;
	socklen_t size = sizeof(peer);
	bool other;

	if (!client || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
		free(client);
		close(fd);
		return;
	}
	*client = (struct daemon_client){
		.server = server,
		.fd = fd,
		.uid = peer.uid,
		.in = BUF(DAEMON_VARLINK_CALL_MAX + READ_SIZE),
		.out = BUF(DAEMON_CLIENT_OUT_MAX),
	};
	other = !daemon_client_may_change(client);
	if (server->count >= DAEMON_CLIENTS_MAX || (other && server->others >= DAEMON_CLIENTS_OTHERS_MAX) || client_watch(client) < 0) {
		log_debug("control: refused a connection of user %ju: there are %zu", (uintmax_t)peer.uid, server->count);
		client_free(client);
		return;
	}
	client->next = server->clients;
	server->clients = client;
	server->count++;
	server->others += other ? 1 : 0;
}

static int on_pause(sd_event_source *source, uint64_t usec, void *self)
{
	struct daemon_server *server = self;

	(void)usec;
	(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	return sd_event_source_set_enabled(server->io, SD_EVENT_ON);
}

/* Whoever waits cannot be taken in now, and would wake us again at once. */
static void rest(struct daemon_server *server)
{
	log_warning("control: cannot accept a connection: %s", strerror(errno));
	if (sd_event_source_set_time_relative(server->pause, (uint64_t)PAUSE_MS * MS_TO_US) >= 0 &&
	    sd_event_source_set_enabled(server->pause, SD_EVENT_ONESHOT) >= 0)
		(void)sd_event_source_set_enabled(server->io, SD_EVENT_OFF);
}

static int on_listen(sd_event_source *source, int fd, uint32_t events, void *self)
{
	struct daemon_server *server = self;
	int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)source;
	(void)events;
	if (peer >= 0)
		welcome(server, peer);
	else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		rest(server);
	return 0;
}

/* By way of the directory's descriptor: an address is short, and paths need not be. */
static int listen_at(int dirfd, const char *name, int *ret_fd, struct error *err)
{
	CLEANUP(clean_fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t mask;
	int r;

	if (fd < 0)
		return error_sys(err, errno, "cannot make a socket");
	if (unlinkat(dirfd, name, 0) < 0 && errno != ENOENT)
		return error_sys(err, errno, "cannot remove the control socket of before");
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", dirfd, name);
	mask = umask(S_IRWXG | S_IRWXO);
	r = bind(fd, (const struct sockaddr *)&address, sizeof(address));
	(void)umask(mask);
	if (r < 0 || fchmodat(dirfd, name, SOCKET_MODE, 0) < 0 || listen(fd, BACKLOG) < 0)
		return error_sys(err, errno, "cannot listen at the control socket");
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int daemon_server_open(struct sd_event *event, const char *directory, const char *name,
                       const struct daemon_server_handler *handler, const struct daemon_server_limits *limits,
                       struct daemon_server **ret, struct error *err)
{
	CLEANUP(clean_fd) int dirfd = -1;
	struct daemon_server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return error_oom(err);
	*server = (struct daemon_server){
		.event = event, .handler = *handler, .limits = limits ? *limits : default_limits, .fd = -1,
	};
	r = file_open_dir(directory, &dirfd, err);
	if (r == FILE_ABSENT)
		error_set(err, ERROR_SYSTEM, "there is no directory %s", directory);
	if (r == FILE_OK)
		r = listen_at(dirfd, name, &server->fd, err);
	if (r == 0) {
		r = sd_event_add_io(event, &server->io, server->fd, EPOLLIN, on_listen, server);
		if (r >= 0)
			r = sd_event_add_time_relative(event, &server->pause, CLOCK_MONOTONIC, 0, ACCURACY_US, on_pause, server);
		if (r >= 0)
			r = sd_event_source_set_enabled(server->pause, SD_EVENT_OFF);
		if (r < 0)
			error_sys(err, -r, "cannot watch the control socket");
	}
	if (r != 0) {
		daemon_server_free(server);
		return error_context(err, "%s/%s", directory, name);
	}
	*ret = server;
	return 0;
}

void daemon_server_free(struct daemon_server *server)
{
	if (!server)
		return;
	while (server->clients)
		client_close(server->clients);
	sd_event_source_disable_unref(server->io);
	sd_event_source_disable_unref(server->pause);
	clean_fd(&server->fd);
	free(server);
}
