/* test_http_multiplex.c: requests side by side to a server of HTTP/2 (a real NGINX) share one connection. */
#include "http/curl.h"
#include "http/http.h"

#include "base/text.h"

#include "tls_server.h"

#include <openssl/pem.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { COUNT = 12, DAY_S = 86400 };

static const char *const nginx_paths[] = { "/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx" };
static char directory[] = "/tmp/certd-test-XXXXXX";

static const char *path_of(const char *name)
{
	static char path[2][128];
	static unsigned int turn;

	turn = !turn;
	(void)snprintf(path[turn], sizeof(path[turn]), "%s/%s", directory, name);
	return path[turn];
}

static void write_identity(const struct identity *identity)
{
	FILE *cert = fopen(path_of("cert.pem"), "w"), *key = fopen(path_of("key.pem"), "w");

	assert_non_null(cert);
	assert_non_null(key);
	assert_int_equal(PEM_write_X509(cert, identity->cert), 1);
	assert_int_equal(PEM_write_PrivateKey(key, identity->key, NULL, NULL, 0, NULL, NULL), 1);
	(void)fclose(cert);
	(void)fclose(key);
}

static void write_config(uint16_t port)
{
	FILE *f = fopen(path_of("nginx.conf"), "w");

	assert_non_null(f);
	(void)fprintf(f,
	              "daemon off; worker_processes 1; pid nginx.pid; error_log stderr;\n"
	              "events {}\n"
	              "http { access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;\n"
	              "server { listen 127.0.0.1:%u ssl http2; ssl_certificate cert.pem; ssl_certificate_key key.pem;\n"
	              "location / { return 200 \"$connection $server_protocol $request_uri\"; } } }\n",
	              port);
	(void)fclose(f);
}

/* NGINX takes the socket over that the test listens on, so it needs not be waited for. */
static pid_t start_nginx(const char *nginx, int fd)
{
	pid_t parent = getpid(), pid = fork();
	char env[32], prefix[64];

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != parent || dup2(fd, 9) < 0)
			_exit(1);
		(void)snprintf(env, sizeof(env), "NGINX=9;");
		(void)snprintf(prefix, sizeof(prefix), "%s/", directory);
		(void)execle(nginx, nginx, "-p", prefix, "-e", "stderr", "-c", path_of("nginx.conf"), (char *)NULL,
		             (char *const[]){ env, NULL });
		_exit(1);
	}
	return pid;
}

static void remove_directory(void)
{
	static const char *const names[] = { "cert.pem", "key.pem", "nginx.conf", "nginx.pid" };
	static const char *const folders[] = { "b", "p", "f", "u", "s" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlink(path_of(names[i]));
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		(void)rmdir(path_of(folders[i]));
	(void)rmdir(directory);
}

static void perform(const struct http_client *client, uint16_t port, char connection[static 32])
{
	static char urls[COUNT][64];
	struct http_exchange x[COUNT], *all[COUNT];
	struct error err;
	char text[64];

	for (size_t i = 0; i < COUNT; i++) {
		const struct http_request request = {
			.url = urls[i],
			.https_only = true,
			.limits = { .connect_ms = 10000, .idle_ms = 10000, .total_ms = 20000, .body_max = 1000 },
		};

		(void)snprintf(urls[i], sizeof(urls[i]), "https://127.0.0.1:%u/%zu", port, i);
		http_exchange_init(&x[i], &request);
		all[i] = &x[i];
	}
	assert_int_equal(http_perform_all(client, all, COUNT, &err), 0);
	for (size_t i = 0; i < COUNT; i++) {
		const char *body = buf_text(&x[i].response.body);

		if (x[i].result < 0)
			fail_msg("%s", x[i].error.message);
		if (!connection[0])
			(void)snprintf(connection, 32, "%.*s", (int)strcspn(body, " "), body);
		(void)snprintf(text, sizeof(text), "%.20s HTTP/2.0 /%zu", connection, i);
		assert_string_equal(body, text);
		assert_int_equal(x[i].response.status, 200);
		http_exchange_done(&x[i]);
	}
}

static void test_one_connection(void **state)
{
	struct http_curl_config config = { .user_agent = "certd-test/1" };
	const char *nginx = NULL;
	char connection[32] = "";
	struct identity identity;
	struct http_client client;
	struct error err;
	uint16_t port;
	char *pem;
	pid_t pid;
	int fd;

	(void)state;
	for (size_t i = 0; i < sizeof(nginx_paths) / sizeof(nginx_paths[0]) && !nginx; i++)
		if (access(nginx_paths[i], X_OK) == 0)
			nginx = nginx_paths[i];
	if (!nginx) {
		print_message("no nginx here\n");
		skip();
	}
	assert_non_null(mkdtemp(directory));
	identity_make(&identity, "h2", "IP:127.0.0.1", NULL, false, -DAY_S, DAY_S);
	write_identity(&identity);
	fd = listen_loopback(&port);
	write_config(port);
	pid = start_nginx(nginx, fd);
	(void)close(fd);

	pem = identity_pem(&identity);
	config.ca_pem = pem;
	config.ca_pem_len = strlen(pem);
	assert_int_equal(http_curl_prepare(&err), 0);
	assert_int_equal(http_curl_open(&config, &client, &err), 0);
	perform(&client, port, connection);
	assert_true(connection[0] >= '1' && connection[0] <= '9');
	perform(&client, port, connection); /* and the next ones, too */
	client.free(client.self);
	free(pem);
	identity_done(&identity);
	(void)kill(pid, SIGTERM);
	(void)waitpid(pid, NULL, 0);
	remove_directory();
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_one_connection) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
