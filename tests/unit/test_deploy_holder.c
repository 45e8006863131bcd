/* test_deploy_holder.c: who listens, with sockets of this process */
#include "deploy/holder.h"

#include "base/clean.h"
#include "base/text.h"
#include "deploy/deploy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* A listener on that address; its port. -1 where there is no such address here. */
static int listen_on(const char *address, uint16_t *ret_port)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	bool is_v6 = strchr(address, ':') != NULL;
	struct sockaddr *name = is_v6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
	socklen_t len = is_v6 ? sizeof(v6) : sizeof(v4);
	int fd = socket(name->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	assert_int_equal(inet_pton(name->sa_family, address, is_v6 ? (void *)&v6.sin6_addr : (void *)&v4.sin_addr), 1);
	if (bind(fd, name, len) < 0 || listen(fd, 1) < 0 || getsockname(fd, name, &len) < 0) {
		close(fd);
		return -1;
	}
	*ret_port = ntohs(is_v6 ? v6.sin6_port : v4.sin_port);
	return fd;
}

static void test_a_program(void **state)
{
	static const struct deploy_watch nowhere = { .pid_file = "" };
	CLEANUP(clean_fd) int fd = -1;
	struct deploy_explanation explanation;
	struct deploy_holder holder;
	uint16_t port = 0;
	char text[64];
	char own[17] = "";

	(void)state;
	assert_int_equal(prctl(PR_GET_NAME, own), 0);
	fd = listen_on("127.0.0.1", &port);
	assert_true(fd >= 0);
	assert_int_equal(deploy_holder_find("127.0.0.1", port, &holder), DEPLOY_HOLDER_FOUND);
	assert_int_equal(holder.pid, getpid());
	assert_string_equal(holder.name, own);
	assert_false(holder.nginx);
	/* Another address of the same port is nobody's. */
	assert_int_equal(deploy_holder_find("127.0.0.2", port, &holder), DEPLOY_HOLDER_NOBODY);
	deploy_explain(&nowhere, "127.0.0.1", port, "", &explanation);
	snprintf(text, sizeof(text), "(process %d: ", (int)getpid());
	assert_non_null(strstr(explanation.text, text));
	assert_non_null(strstr(explanation.text, "which is not NGINX"));
	assert_true(explanation.advice[0] != '\0');
}

static void test_all_addresses(void **state)
{
	CLEANUP(clean_fd) int fd = -1;
	struct deploy_holder holder;
	uint16_t port = 0;

	(void)state;
	fd = listen_on("0.0.0.0", &port);
	assert_true(fd >= 0);
	assert_int_equal(deploy_holder_find("127.0.0.9", port, &holder), DEPLOY_HOLDER_FOUND);
	assert_int_equal(holder.pid, getpid());
}

static void test_ipv6(void **state)
{
	CLEANUP(clean_fd) int fd = -1;
	CLEANUP(clean_fd) int all = -1;
	struct deploy_holder holder;
	uint16_t port = 0;

	(void)state;
	fd = listen_on("::1", &port);
	if (fd < 0)
		skip();
	assert_int_equal(deploy_holder_find("::1", port, &holder), DEPLOY_HOLDER_FOUND);
	assert_int_equal(deploy_holder_find("::2", port, &holder), DEPLOY_HOLDER_NOBODY);
	assert_int_equal(deploy_holder_find("127.0.0.1", port, &holder), DEPLOY_HOLDER_NOBODY);
	/* One for all addresses of IPv6 may take IPv4 as well. */
	all = listen_on("::", &port);
	assert_true(all >= 0);
	assert_int_equal(deploy_holder_find("::7", port, &holder), DEPLOY_HOLDER_FOUND);
	assert_int_equal(deploy_holder_find("127.0.0.1", port, &holder), DEPLOY_HOLDER_FOUND);
}

/* A child inherits the socket, as NGINX's workers do: who is named is its parent. */
static void test_a_master_and_its_worker(void **state)
{
	CLEANUP(clean_fd) int fd = -1;
	struct deploy_holder holder;
	uint16_t port = 0;
	pid_t child;

	(void)state;
	fd = listen_on("127.0.0.1", &port);
	assert_true(fd >= 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		pause();
		_exit(0);
	}
	assert_int_equal(deploy_holder_find("127.0.0.1", port, &holder), DEPLOY_HOLDER_FOUND);
	assert_int_equal(holder.pid, getpid());
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void test_nobody(void **state)
{
	static const struct deploy_watch nowhere = { .pid_file = "" };
	struct deploy_explanation explanation;
	uint16_t port = 0;
	int fd = listen_on("127.0.0.1", &port);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	deploy_explain(&nowhere, "127.0.0.1", port, "", &explanation);
	assert_string_equal(explanation.text, "");
	/* Who answers all the same is somewhere else: what it says of itself is all there is. */
	deploy_explain(&nowhere, "127.0.0.1", port, "nginx/1.26.3", &explanation);
	assert_string_equal(explanation.text, "");
	deploy_explain(&nowhere, "127.0.0.1", port, "Apache/2.4.62 (Debian)", &explanation);
	assert_non_null(strstr(explanation.text, "calls itself \"Apache/2.4.62 (Debian)\", which is not NGINX"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_program),
		cmocka_unit_test(test_all_addresses),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_a_master_and_its_worker),
		cmocka_unit_test(test_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
