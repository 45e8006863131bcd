/* test_netproc_sandbox.c: from inside the net process: what it can no longer do. Each attempt is made in a child of its own that has closed
 * the sandbox as netproc_main() does, and that says with its exit status how the attempt ended. */
#include "netproc/sandbox.h"

#include "base/clean.h"
#include "base/error.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { CANNOT = 0, CAN = 1, UNFIT = 2 };

static char place[] = "/tmp/certd-test-XXXXXX";
static char key_path[64];
static char new_path[64];

/* A key that anybody might read, were it not for the sandbox: the file's mode is not what is tried here. */
static int make_place(void **state)
{
	int fd;

	(void)state;
	if (!mkdtemp(place))
		return -1;
	(void)chmod(place, 0777);
	snprintf(key_path, sizeof(key_path), "%s/privkey.pem", place);
	snprintf(new_path, sizeof(new_path), "%s/new", place);
	fd = open(key_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0 || fchmod(fd, 0666) < 0)
		return -1;
	return close(fd);
}

static int remove_place(void **state)
{
	(void)state;
	unlink(key_path);
	unlink(new_path);
	return rmdir(place);
}

static int attempt(int (*act)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct error err;

		if (sandbox_drop_user("certd", &err) < 0 || sandbox_close(&err) < 0) {
			fprintf(stderr, "%s\n", err.message);
			_exit(UNFIT);
		}
		_exit(act());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int can(bool done)
{
	return done ? CAN : CANNOT;
}

static int open_key(void)
{
	return can(open(key_path, O_RDONLY) >= 0);
}

static int read_password_file(void)
{
	return can(open("/etc/passwd", O_RDONLY) >= 0);
}

static int write_key(void)
{
	return can(open(key_path, O_WRONLY) >= 0);
}

static int create_file(void)
{
	return can(open(new_path, O_WRONLY | O_CREAT, 0600) >= 0 || creat(new_path, 0600) >= 0);
}

static int make_directory(void)
{
	return can(mkdir(new_path, 0700) == 0);
}

static int remove_key(void)
{
	return can(unlink(key_path) == 0 || rename(key_path, new_path) == 0);
}

static int make_link(void)
{
	return can(symlink("/", new_path) == 0 || link(key_path, new_path) == 0);
}

static int run_program(void)
{
	char *const argv[] = { (char *)"/bin/true", NULL };

	execv("/bin/true", argv);
	return CANNOT;
}

static int start_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return can(pid > 0);
}

static int trace_parent(void)
{
	return can(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0);
}

static int signal_parent(void)
{
	return can(kill(getppid(), 0) == 0);
}

static int listen_tcp(void)
{
	const struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return can(fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 1) == 0);
}

static int local_socket(void)
{
	return can(socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
}

/* An answer other than EPERM says that the kernel was asked. */
static int type_for_administrator(void)
{
	char letter = 'x';

	return can(ioctl(STDERR_FILENO, TIOCSTI, &letter) == 0 || errno != EPERM);
}

static int ask_how_much_there_is(void)
{
	int fds[2], count = -1;

	return can(pipe(fds) == 0 && ioctl(fds[0], FIONREAD, &count) == 0 && count == 0);
}

static int become_root(void)
{
	return can(setuid(0) == 0 && geteuid() == 0);
}

static int is_root(void)
{
	return can(getuid() == 0 || geteuid() == 0 || getgid() == 0 || getgroups(0, NULL) > 0);
}

static int read_trust_store(void)
{
	return can(open("/etc/ssl/certs/ca-certificates.crt", O_RDONLY) >= 0);
}

static int look_up_name(void)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *result = NULL;

	return can(getaddrinfo("localhost", "443", &hints, &result) == 0);
}

static void *set_flag(void *flag)
{
	*(int *)flag = CAN;
	return NULL;
}

static int start_thread(void)
{
	int flag = CANNOT;
	pthread_t thread;

	if (pthread_create(&thread, NULL, set_flag, &flag) != 0)
		return CANNOT;
	pthread_join(thread, NULL);
	return flag;
}

static int open_connection(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(9) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	/* Refused or not, it was tried: nothing of ours stood in the way. */
	return can(fd >= 0 && (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 || errno == ECONNREFUSED));
}

struct act {
	const char *name;
	int (*act)(void);
};

static void expect(const struct act *acts, size_t count, int expected)
{
	for (size_t i = 0; i < count; i++) {
		int got = attempt(acts[i].act);

		if (got != expected)
			print_error("%s: %s\n", acts[i].name, got == CAN ? "it can" : got == CANNOT ? "it cannot" : "no sandbox");
		assert_int_equal(got, expected);
	}
}

static void test_what_it_cannot_do(void **state)
{
	static const struct act acts[] = {
		{ "open a key", open_key },
		{ "write a key", write_key },
		{ "read /etc/passwd", read_password_file },
		{ "create a file", create_file },
		{ "make a directory", make_directory },
		{ "remove or rename a key", remove_key },
		{ "make a link", make_link },
		{ "run a program", run_program },
		{ "start a process", start_process },
		{ "trace its parent", trace_parent },
		{ "signal its parent", signal_parent },
		{ "listen on TCP", listen_tcp },
		{ "speak to local services", local_socket },
		{ "type for the administrator", type_for_administrator },
		{ "become root", become_root },
	};

	(void)state;
	expect(acts, ARRAY_SIZE(acts), CANNOT);
}

static void test_what_it_still_can_do(void **state)
{
	static const struct act acts[] = {
		{ "read the trust store", read_trust_store },
		{ "look up a name", look_up_name },
		{ "start a thread", start_thread },
		{ "open a connection", open_connection },
		{ "ask how much there is to read", ask_how_much_there_is },
	};

	(void)state;
	expect(acts, ARRAY_SIZE(acts), CAN);
}

static void test_it_is_not_root(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("not root: there is no user to drop to\n");
		skip();
	}
	assert_int_equal(attempt(is_root), CANNOT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_it_cannot_do),
		cmocka_unit_test(test_what_it_still_can_do),
		cmocka_unit_test(test_it_is_not_root),
	};

	if (getenv("CERTD_TEST_TOOL") != NULL) {
		puts("the sandbox has no room for $CERTD_TEST_TOOL");
		return 77;
	}
	return cmocka_run_group_tests(tests, make_place, remove_place);
}
