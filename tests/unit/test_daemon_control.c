/* test_daemon_control.c: the control socket before a manager that is none. */
#include "daemon/control.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "config/config.h"
#include "daemon/manager.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include <cmocka.h>

#include "scratch.h"

enum { CERTIFICATES = 3000, NAME_SIZE = 32, TURN_US = 20 * 1000, TURNS_MAX = 500, REPLY_MAX = 4 * 1024 * 1024, NOBODY = 65534 };

struct world {
	struct scratch *scratch;
	sd_event *event;
	struct daemon_control *control;
	struct daemon_manager manager;
	struct daemon_listener *listeners;
	struct config config;
	struct config_ca ca;
	struct config_certificate certificates[CERTIFICATES];
	char names[CERTIFICATES][NAME_SIZE];
	size_t count;
	unsigned int renewed, reloaded;
	bool force, broken;
};

static const struct config *get_config(void *self)
{
	return &((struct world *)self)->config;
}

static size_t count(void *self)
{
	return ((struct world *)self)->count;
}

static void certificate(void *self, size_t i, struct daemon_certificate *ret)
{
	struct world *world = self;

	*ret = (struct daemon_certificate){
		.config = &world->certificates[i],
		.activity = DAEMON_QUEUED,
		.known = i > 0,
		.have = true,
		.reason = PLAN_ARI,
		.not_after_at = 1700000000,
		.renew_at = 1600000000 + (int64_t)i,
		.next_at = 1600000000,
		.failing = true,
		.error = "it \"failed\"",
	};
}

static ssize_t find(void *self, const char *name)
{
	struct world *world = self;

	for (size_t i = 0; i < world->count; i++) {
		if (text_equal(world->names[i], name))
			return (ssize_t)i;
	}
	return -1;
}

static int renew(void *self, const struct daemon_renew *wanted, struct error *err)
{
	struct world *world = self;

	(void)err;
	world->renewed += wanted->names ? (unsigned int)wanted->count : 1000;
	world->force = wanted->force;
	return 0;
}

static int reload(void *self, struct error *err)
{
	struct world *world = self;

	world->reloaded++;
	if (!world->broken)
		return 0;
	error_set(err, ERROR_USAGE, "certd.conf:1: no");
	return error_advise(err, "mend it");
}

static void subscribe(void *self, struct daemon_listener *listener)
{
	struct world *world = self;

	listener->next = world->listeners;
	world->listeners = listener;
}

static void unsubscribe(void *self, struct daemon_listener *listener)
{
	struct world *world = self;

	for (struct daemon_listener **at = &world->listeners; *at; at = &(*at)->next) {
		if (*at == listener) {
			*at = listener->next;
			return;
		}
	}
	fail_msg("it did not listen");
}

static void tell(struct world *world, enum daemon_event_kind kind, const char *name, const char *text)
{
	const struct daemon_event event = { .kind = kind, .certificate = name, .step = "order", .text = text, .result = "issued" };

	for (struct daemon_listener *at = world->listeners, *next; at; at = next) {
		next = at->next;
		at->event(at->self, &event);
	}
}

static int setup(void **state)
{
	static const struct daemon_server_limits limits = { .call_ms = 100, .send_ms = 200, .idle_ms = 1000 };
	struct world *world = calloc(1, sizeof(*world));
	struct error err;

	assert_non_null(world);
	assert_int_equal(scratch_make((void **)&world->scratch), 0);
	world->config.runtime_dir = world->scratch->path;
	world->ca.name = "letsencrypt";
	world->count = 3;
	for (size_t i = 0; i < CERTIFICATES; i++) {
		(void)snprintf(world->names[i], NAME_SIZE, "%c%zu.example", (int)('a' + i % 26), i);
		world->certificates[i].name = world->names[i];
		world->certificates[i].settings.ca = &world->ca;
	}
	world->manager = (struct daemon_manager){ get_config, count, certificate, find, renew, reload, subscribe, unsubscribe, world };
	assert_true(sd_event_new(&world->event) >= 0);
	assert_works(daemon_control_open(world->event, &world->manager, &limits, &world->control, &err));
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	daemon_control_free(world->control);
	assert_null(world->listeners);
	sd_event_unref(world->event);
	assert_int_equal(scratch_remove((void **)&world->scratch), 0);
	free(world);
	return 0;
}

static int join(const struct world *world)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/control", world->scratch->path);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

static void turn(struct world *world)
{
	assert_true(sd_event_run(world->event, TURN_US) >= 0);
}

/* Sends with the NUL at the end. */
static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text) + 1, MSG_NOSIGNAL), strlen(text) + 1);
}

/* Turns the loop until a whole reply is there, and takes it; NULL at the connection's end. */
static char *hear(struct world *world, int fd)
{
	CLEANUP(buf_done) struct buf text = BUF(REPLY_MAX);
	char c;

	for (int i = 0; i < TURNS_MAX;) {
		ssize_t n = recv(fd, &c, 1, 0);

		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return NULL;
		if (n < 0) {
			turn(world);
			i++;
			continue;
		}
		if (c == '\0')
			return buf_take(&text);
		assert_int_equal(buf_append_char(&text, c), 0);
	}
	fail_msg("no answer");
	return NULL;
}

static void expect(struct world *world, int fd, const char *reply)
{
	CLEANUP(clean_free) char *text = hear(world, fd);

	assert_non_null(text);
	assert_string_equal(text, reply);
}

static void expect_part(struct world *world, int fd, const char *part)
{
	CLEANUP(clean_free) char *text = hear(world, fd);

	assert_non_null(text);
	if (!strstr(text, part))
		fail_msg("%s does not say %s", text, part);
}

static void expect_end(struct world *world, int fd)
{
	CLEANUP(clean_free) char *text = hear(world, fd);

	assert_null(text);
}

static void test_service(void **state)
{
	struct world *world = *state;
	int fd = join(world);
	struct stat st;

	say(fd, "{\"method\":\"org.varlink.service.GetInfo\"}");
	expect(world, fd,
	       "{\"parameters\":{\"vendor\":\"certd\",\"product\":\"certd\",\"version\":\"" PACKAGE_VERSION
	       "\",\"url\":\"man:certd(8)\",\"interfaces\":[\"org.varlink.service\",\"io.certd\"]}}");
	say(fd, "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{\"interface\":\"io.certd\"}}");
	expect_part(world, fd, "interface io.certd\\n");
	say(fd, "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{\"interface\":\"a.b\"}}");
	expect(world, fd, "{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":\"a.b\"}}");
	say(fd, "{\"method\":\"org.varlink.service.GetInterfaceDescription\"}");
	expect(world, fd, "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"interface\"}}");
	say(fd, "{\"method\":\"io.certd.Gone\"}");
	expect(world, fd, "{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":\"io.certd.Gone\"}}");
	say(fd, "{\"method\":\"io.other.Gone\"}");
	expect(world, fd, "{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":\"io.other\"}}");
	close(fd);
	assert_int_equal(stat(scratch_path(world->scratch, "control"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_list_and_status(void **state)
{
	struct world *world = *state;
	int fd = join(world);

	say(fd, "{\"method\":\"io.certd.List\"}");
	expect(world, fd, "{\"error\":\"org.varlink.service.ExpectedMore\",\"parameters\":{}}");
	say(fd, "{\"method\":\"io.certd.List\",\"more\":true}");
	expect(world, fd,
	       "{\"parameters\":{\"certificate\":{\"name\":\"a0.example\",\"names\":[],\"ca\":\"letsencrypt\",\"activity\":\"queued\","
	       "\"known\":false,\"valid\":true,\"failing\":true}},\"continues\":true}");
	expect_part(world, fd, "\"renew_at\":\"2020-09-13T12:26:41Z\"");
	expect_part(world, fd, "\"error\":\"it \\\"failed\\\"\"}}}");
	say(fd, "{\"method\":\"io.certd.Status\"}");
	expect_part(world, fd, "\"certificates\":3,\"failing\":3,\"queued\":3,\"running\":0,\"next\":\"b1.example\",\"next_at\":\"2020-09-13T12:26:41Z\"}}");
	world->count = 0;
	say(fd, "{\"method\":\"io.certd.List\",\"more\":true}");
	expect(world, fd, "{\"parameters\":{}}");
	close(fd);
}

/* More than may wait at once comes as it is taken; calls that were sent meanwhile are answered in their turn. */
static void test_a_long_list(void **state)
{
	struct world *world = *state;
	int fd = join(world);

	world->count = CERTIFICATES;
	say(fd, "{\"method\":\"io.certd.List\",\"more\":true}");
	say(fd, "{\"method\":\"io.certd.Status\"}");
	for (size_t i = 0; i < CERTIFICATES; i++) {
		CLEANUP(clean_free) char *text = hear(world, fd);

		assert_non_null(text);
		assert_non_null(strstr(text, world->names[i]));
		assert_int_equal(strstr(text, "\"continues\":true") != NULL, i + 1 < CERTIFICATES);
	}
	expect_part(world, fd, "\"certificates\":3000");
	close(fd);
}

static void test_renew(void **state)
{
	struct world *world = *state;
	int fd = join(world);

	say(fd, "{\"method\":\"io.certd.Renew\",\"parameters\":{\"certificates\":[\"b1.example\"],\"force\":true}}");
	expect(world, fd, "{\"parameters\":{}}");
	assert_int_equal(world->renewed, 1);
	assert_true(world->force);
	say(fd, "{\"method\":\"io.certd.Renew\",\"parameters\":{\"certificates\":[\"b1.example\",\"x.example\"]}}");
	expect(world, fd, "{\"error\":\"io.certd.NoSuchCertificate\",\"parameters\":{\"certificate\":\"x.example\"}}");
	say(fd, "{\"method\":\"io.certd.Renew\",\"parameters\":{\"certificates\":\"b1.example\"}}");
	expect_part(world, fd, "InvalidParameter");
	assert_int_equal(world->renewed, 1);
	say(fd, "{\"method\":\"io.certd.Renew\"}");
	expect(world, fd, "{\"parameters\":{}}");
	assert_int_equal(world->renewed, 1001);

	say(fd, "{\"method\":\"io.certd.Renew\",\"parameters\":{\"certificates\":[\"a0.example\",\"b1.example\"]},\"more\":true}");
	while (world->renewed != 1003)
		turn(world);
	tell(world, DAEMON_EVENT_STARTED, "c2.example", "");
	tell(world, DAEMON_EVENT_PROGRESS, "b1.example", "asking");
	tell(world, DAEMON_EVENT_ENDED, "b1.example", "");
	tell(world, DAEMON_EVENT_ENDED, "b1.example", "");
	/* The other one is managed no more. */
	world->certificates[0].name = "z.example";
	(void)text_copy(world->names[0], NAME_SIZE, "z.example");
	tell(world, DAEMON_EVENT_RELOADED, NULL, "");
	assert_null(world->listeners);
	expect_part(world, fd, "{\"event\":{\"kind\":\"progress\",\"certificate\":\"b1.example\",\"step\":\"order\",\"text\":\"asking\"");
	expect_part(world, fd, "\"kind\":\"ended\"");
	expect_part(world, fd, "\"kind\":\"reloaded\"");
	close(fd);
}

static void test_subscribe_and_reload(void **state)
{
	struct world *world = *state;
	int listener = join(world), fd = join(world);

	say(listener, "{\"method\":\"io.certd.Subscribe\",\"more\":true}");
	expect(world, listener, "{\"parameters\":{},\"continues\":true}");
	say(fd, "{\"method\":\"io.certd.Reload\",\"oneway\":true}");
	say(fd, "{\"method\":\"io.certd.Reload\"}");
	expect(world, fd, "{\"parameters\":{}}");
	assert_int_equal(world->reloaded, 2);
	world->broken = true;
	say(fd, "{\"method\":\"io.certd.Reload\"}");
	expect(world, fd, "{\"error\":\"io.certd.Failed\",\"parameters\":{\"kind\":\"usage\",\"message\":\"certd.conf:1: no\",\"advice\":\"mend it\"}}");
	tell(world, DAEMON_EVENT_ENDED, "a0.example", "");
	expect_part(world, listener, "\"continues\":true");
	/* Gone in the middle of it: nothing listens any more. */
	close(listener);
	while (world->listeners)
		turn(world);
	close(fd);
}

/* Half of a call, nothing, too much, garbage: each ends that client, and no other. */
static void test_bad_clients(void **state)
{
	struct world *world = *state;
	CLEANUP(clean_free) char *much = malloc(DAEMON_VARLINK_CALL_MAX + 2);
	int good = join(world), slow = join(world), huge = join(world), garbage = join(world);

	assert_non_null(much);
	assert_int_equal(send(slow, "{\"method\":", 10, MSG_NOSIGNAL), 10);
	memset(much, ' ', DAEMON_VARLINK_CALL_MAX + 2);
	assert_true(send(huge, much, DAEMON_VARLINK_CALL_MAX + 2, MSG_NOSIGNAL) > DAEMON_VARLINK_CALL_MAX / 2);
	say(garbage, "HTTP/1.0 GET /");
	expect_end(world, garbage);
	expect_end(world, slow);
	expect_end(world, huge);
	say(good, "{\"method\":\"io.certd.Status\"}");
	expect_part(world, good, "certificates");
	/* And one that says nothing for long. */
	expect_end(world, good);
	close(good);
	close(slow);
	close(huge);
	close(garbage);
}

/* One that takes nothing of what it subscribed to is dropped, before it holds more than it may. */
static void test_a_client_that_takes_nothing(void **state)
{
	struct world *world = *state;
	char text[1024];
	int fd = join(world);

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	say(fd, "{\"method\":\"io.certd.Subscribe\",\"more\":true}");
	expect_part(world, fd, "continues");
	for (int i = 0; i < 2 * DAEMON_CLIENT_OUT_MAX / (int)sizeof(text); i++)
		tell(world, DAEMON_EVENT_PROGRESS, "a0.example", text);
	while (world->listeners)
		turn(world);
	close(fd);
}

static void test_too_many(void **state)
{
	struct world *world = *state;
	int fds[DAEMON_CLIENTS_MAX], more;

	for (int i = 0; i < DAEMON_CLIENTS_MAX; i++) {
		fds[i] = join(world);
		turn(world);
	}
	more = join(world);
	expect_end(world, more);
	close(fds[0]);
	close(more);
	turn(world);
	turn(world);
	more = join(world);
	say(more, "{\"method\":\"io.certd.Status\"}");
	expect_part(world, more, "certificates");
	close(more);
	for (int i = 1; i < DAEMON_CLIENTS_MAX; i++)
		close(fds[i]);
}

/* One that sends no more is answered all the same. */
static void test_half_closed(void **state)
{
	struct world *world = *state;
	int fd = join(world);

	say(fd, "{\"method\":\"io.certd.Status\"}");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	expect_part(world, fd, "certificates");
	expect_end(world, fd);
	close(fd);
}

/* Another user, whom the administrator let at the socket, may look. */
static void test_another_user(void **state)
{
	struct world *world = *state;
	int fds[2], status;
	char c = 0;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(scratch_path(world->scratch, "control"), 0666), 0);
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		static const char calls[] = "{\"method\":\"io.certd.Renew\"}\0{\"method\":\"io.certd.Reload\"}\0{\"method\":\"io.certd.Status\"}";
		char got[4096];
		size_t len = 0;
		int fd;

		if (setuid(NOBODY) < 0)
			_exit(2);
		fd = join(world);
		if (fcntl(fd, F_SETFL, 0) < 0 || send(fd, calls, sizeof(calls), MSG_NOSIGNAL) != sizeof(calls) || shutdown(fd, SHUT_WR) < 0)
			_exit(3);
		for (ssize_t n; (n = recv(fd, got + len, sizeof(got) - len - 1, 0)) > 0;)
			len += (size_t)n;
		for (size_t i = 0; i < len; i++)
			got[i] = got[i] == '\0' ? ' ' : got[i];
		got[len] = '\0';
		_exit(strstr(got, "PermissionDenied\",\"parameters\":{}} {\"error\":\"org.varlink.service.PermissionDenied") &&
		                      strstr(got, "\"certificates\":3") ?
		              0 :
		              4);
	}
	close(fds[1]);
	while (waitpid(pid, &status, WNOHANG) == 0)
		turn(world);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(world->renewed + world->reloaded, 0);
	assert_int_equal(read(fds[0], &c, 1), 0);
	close(fds[0]);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_service),
		TEST(test_list_and_status),
		TEST(test_a_long_list),
		TEST(test_renew),
		TEST(test_subscribe_and_reload),
		TEST(test_bad_clients),
		TEST(test_a_client_that_takes_nothing),
		TEST(test_too_many),
		TEST(test_half_closed),
		TEST(test_another_user),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
