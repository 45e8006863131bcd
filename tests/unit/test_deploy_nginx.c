/* test_deploy_nginx.c: the real deploy hook and the real NGINX of this machine, with a prefix of its own, on a socket in a scratch directory. */
#include "deploy/deploy.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/program.h"
#include "config/config.h"
#include "store/store.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "scratch.h"
#include "testca.h"

enum { TRIES = 2000 };

static struct error err;

struct place {
	struct scratch *s;
	struct store *store;
	struct store_cert *cert;
	struct config config;
	struct config_certificate certificate;
	struct ident ident;
	struct deploy deploy;
	char state_dir[128], hooks_dir[128], snippet_dir[128], hook[128], webroot[128], prefix[128], nginx_conf[128];
};

static const char *find_nginx(void)
{
	static const char *const places[] = { "/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (access(places[i], X_OK) == 0)
			return places[i];
	}
	return NULL;
}

/* A copy: the one in the source tree may be writable by a group, and then is not run. */
static void copy_hook(const struct place *p)
{
	const char *srcdir = getenv("srcdir");
	CLEANUP(buf_done) struct buf text = BUF(65536);
	char path[4096];

	snprintf(path, sizeof(path), "%s/hooks/nginx", srcdir != NULL ? srcdir : ".");
	assert_works(file_read(-1, path, &text, &err));
	scratch_write(p->s, "hook", buf_text(&text), 0755);
}

static void write_config(const struct place *p, const char *more)
{
	CLEANUP(buf_done) struct buf text = BUF(65536);

	buf_printf(&text,
	           "pid nginx.pid; error_log error.log; worker_processes 1; user root;\n"
	           "events { }\n"
	           "http {\n"
	           "access_log off; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4;\n"
	           "scgi_temp_path t5;\n"
	           "server { listen unix:%s/sock ssl; server_name a.example; include snippets/certd/a.example.conf; }\n"
	           "}\n%s\n",
	           p->prefix, more);
	scratch_write(p->s, "nginx.conf", buf_text(&text), 0644);
}

static int make_place(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	if (p == NULL || scratch_make((void **)&p->s) < 0)
		return -1;
	p->ident = (struct ident){ .type = IDENT_DNS, .value = "a.example" };
	snprintf(p->state_dir, sizeof(p->state_dir), "%s/state", p->s->path);
	snprintf(p->hooks_dir, sizeof(p->hooks_dir), "%s/hooks", p->s->path);
	snprintf(p->snippet_dir, sizeof(p->snippet_dir), "%s/snippets", p->s->path);
	snprintf(p->hook, sizeof(p->hook), "%s/hook", p->s->path);
	snprintf(p->webroot, sizeof(p->webroot), "%s/webroot", p->s->path);
	snprintf(p->prefix, sizeof(p->prefix), "%s", p->s->path);
	snprintf(p->nginx_conf, sizeof(p->nginx_conf), "%s/nginx.conf", p->s->path);
	p->config.state_dir = p->state_dir;
	p->config.hooks_dir = p->hooks_dir;
	p->config.nginx_snippet_dir = p->snippet_dir;
	p->config.defaults.webroot = p->webroot;
	p->config.nginx.binary = find_nginx();
	p->config.nginx.prefix = p->prefix;
	p->config.nginx.config = p->nginx_conf;
	p->config.nginx.hook = p->hook;
	p->config.timeouts.hook_ms = 60000;
	p->config.timeouts.deploy_ms = 60000;
	p->certificate.name = "a.example";
	p->certificate.names.items = &p->ident;
	p->certificate.names.count = 1;
	p->certificate.settings.webroot = p->webroot;
	if (store_open(p->state_dir, true, &p->store, &err) != 0 ||
	    store_cert_open(p->store, "a.example", true, &p->cert, &err) != 0)
		return -1;
	*state = p;
	return 0;
}

static int run_nginx(const struct place *p, const char *signal)
{
	const char *const argv[] = {
		p->config.nginx.binary, "-p", p->prefix, "-c", p->nginx_conf, signal != NULL ? "-s" : NULL, signal, NULL,
	};
	const char *const envp[] = { "PATH=/usr/bin:/bin", NULL };
	const struct program_spec spec = { .argv = argv, .envp = envp, .deadline_ms = 30000 };
	struct program_result result = { .output = BUF(65536) };
	int r = program_run(runner_system(), &spec, &result, &err);

	if (r == 0)
		r = program_check(&spec, &result, &err);
	buf_done(&result.output);
	return r;
}

/* Ends NGINX, and waits for the end of its socket: that is when it lets go of the scratch directory. */
static int remove_place(void **state)
{
	struct place *p = *state;
	struct stat st;
	int r;

	if (stat(scratch_path(p->s, "nginx.pid"), &st) == 0 && st.st_size > 0) {
		write_config(p, "");
		run_nginx(p, "stop");
		for (int i = 0; i < TRIES && stat(scratch_path(p->s, "nginx.pid"), &st) == 0; i++)
			poll(NULL, 0, 5);
	}
	deploy_done(&p->deploy);
	store_cert_free(p->cert);
	store_free(p->store);
	r = scratch_remove((void **)&p->s);
	free(p);
	return r;
}

/* A new live generation, whose certificate has this serial number. */
static uint64_t add_generation(const struct place *p, const char *serial)
{
	static const struct testca_name dns[] = { { GEN_DNS, "a.example", 0 } };
	const struct testca_spec spec = { .cn = "a.example", .names = dns, .name_count = 1, .serial = serial };
	struct testca_cert cert = testca_issue(&spec, NULL, NULL);
	CLEANUP(buf_done) struct buf pem = BUF(65536);
	BIO *bio = BIO_new(BIO_s_mem());
	struct store_files files;
	uint64_t generation;
	char *key;

	testca_append_pem(&cert, &pem);
	assert_int_equal(PEM_write_bio_PrivateKey(bio, cert.key, NULL, NULL, 0, NULL, NULL), 1);
	assert_int_equal(BIO_write(bio, "", 1), 1);
	assert_true(BIO_get_mem_data(bio, &key) > 0);
	files = (struct store_files){ .privkey = key, .cert = buf_text(&pem), .chain = "none\n", .fullchain = buf_text(&pem) };
	assert_works(store_generation_add(p->cert, &files, 1, &generation, &err));
	assert_works(store_live_switch(p->cert, generation, &err));
	BIO_free(bio);
	testca_done(&cert);
	return generation;
}

static int apply(struct place *p, uint64_t generation, uint64_t previous)
{
	static const struct deploy_watch nowhere = { .pid_file = "" };
	struct deploy *item = &p->deploy;
	struct deploy_round round = {
		.config = &p->config, .runner = runner_system(), .watch = &nowhere, .items = &item, .count = 1,
	};

	deploy_done(&p->deploy);
	p->deploy = (struct deploy){ .certificate = &p->certificate, .store = p->cert, .generation = generation, .previous = previous };
	error_clear(&p->deploy.error);
	deploy_round_apply(&round);
	deploy_round_undo(&round);
	err = p->deploy.error;
	return err.kind == ERROR_NONE ? 0 : -1;
}

static void undo(struct place *p)
{
	static const struct deploy_watch nowhere = { .pid_file = "" };
	struct deploy *item = &p->deploy;
	struct deploy_round round = {
		.config = &p->config, .runner = runner_system(), .watch = &nowhere, .items = &item, .count = 1,
	};

	p->deploy.error = err;
	deploy_round_undo(&round);
	err = p->deploy.error;
}

/* The serial number of what is served now; 0 when the handshake fails. */
static long served(const struct place *p)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	X509 *x509 = NULL;
	long serial = 0;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", scratch_path(p->s, "sock"));
	assert_true(fd >= 0 && ssl != NULL);
	SSL_set_tlsext_host_name(ssl, "a.example");
	SSL_set_fd(ssl, fd);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && SSL_connect(ssl) == 1)
		x509 = SSL_get1_peer_certificate(ssl);
	if (x509 != NULL)
		serial = (long)ASN1_INTEGER_get(X509_get0_serialNumber(x509));
	X509_free(x509);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(fd);
	return serial;
}

/* A reload is over some time after the hook, and a worker of before it may take one connection more. */
static void assert_served(const struct place *p, long serial)
{
	for (int i = 0; i < TRIES; i++) {
		if (served(p) == serial)
			return;
		poll(NULL, 0, 5);
	}
	fail_msg("served is %ld, not %ld", served(p), serial);
}

static void test_life(void **state)
{
	struct place *p = *state;

	if (p->config.nginx.binary == NULL || geteuid() != 0) {
		print_message("no NGINX here, or not root\n");
		skip();
	}
	copy_hook(p);
	write_config(p, "");
	assert_works(deploy_write_snippets(&p->config, &p->certificate, p->cert, runner_system(), &err));
	assert_int_equal(add_generation(p, "01"), 1);
	assert_fails(apply(p, 1, 0), "NGINX is not running");
	assert_works(run_nginx(p, NULL));
	assert_int_equal(served(p), 0);
	assert_works(apply(p, 1, 0));
	assert_served(p, 1);
	assert_int_equal(add_generation(p, "02"), 2);
	write_config(p, "no_such_directive;");
	assert_fails(apply(p, 2, 1), "unknown directive \"no_such_directive\"");
	assert_non_null(strstr(err.message, "NGINX keeps the one it runs with"));
	assert_int_equal(err.kind, ERROR_DEPLOY);
	assert_served(p, 1);
	write_config(p, "");
	assert_works(store_live_switch(p->cert, 2, &err));
	assert_works(apply(p, 2, 1));
	assert_served(p, 2);
	error_set(&err, ERROR_DEPLOY, "not proven");
	undo(p);
	assert_string_equal(err.message, "not proven");
	assert_served(p, 1);
}

static void test_no_nginx(void **state)
{
	struct place *p = *state;

	copy_hook(p);
	p->config.nginx.binary = "/no/such/nginx";
	add_generation(p, "01");
	assert_fails(apply(p, 1, 0), "there is no NGINX at /no/such/nginx");
	assert_non_null(strstr(err.message, "deploy = none"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_place, remove_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_life),
		TEST(test_no_nginx),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
