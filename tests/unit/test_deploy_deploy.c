/* test_deploy_deploy.c: what is written, run and put back, with a runner that runs nothing. */
#include "deploy/deploy.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/program.h"
#include "base/strv.h"
#include "base/text.h"
#include "config/config.h"
#include "store/store.h"

#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "scratch.h"
#include "testca.h"

#define SNIPPET "snippets/certd/a.example.conf"

static struct error err;
static struct buf pem;

/* A machine with certd on it. */
struct place {
	struct scratch *s;
	struct store *store;
	struct store_cert *cert;
	struct config config;
	struct config_certificate certificate;
	struct ident idents[2];
	struct runner runner;
	struct deploy deploy;
	char state_dir[128], hooks_dir[128], snippet_dir[128], hook[128], webroot[128];
	const char *version; /* what `nginx -V` says */
	char ran[4096]; /* "PROGRAM EVENT CERTIFICATE generation N, live M\n" of each */
	char environment[8192]; /* of the last */
	const char *fails; /* a program of this name */
	bool fails_once; /* and not again */
};

static const char *find_variable(const struct program_spec *spec, const char *name)
{
	for (size_t i = 0; spec->envp[i] != NULL; i++) {
		if (text_has_prefix(spec->envp[i], name) && spec->envp[i][strlen(name)] == '=')
			return spec->envp[i] + strlen(name) + 1;
	}
	return "-";
}

static int run(void *self, const struct program_spec *spec, struct program_result *result, struct error *ignored)
{
	struct place *p = self;
	const char *name = strrchr(spec->argv[0], '/') + 1;
	uint64_t live = 0;

	result->exit_status = 0;
	if (text_equal(spec->argv[1], "-V")) {
		buf_append_text(&result->output, p->version);
		return 0;
	}
	store_live(p->cert, &live, ignored);
	snprintf(p->ran + strlen(p->ran), sizeof(p->ran) - strlen(p->ran), "%s %s %s generation %s, live %d\n", name,
	         spec->argv[1], spec->argv[2], find_variable(spec, "CERTD_GENERATION"), (int)live);
	p->environment[0] = '\0';
	for (size_t i = 0; spec->envp[i] != NULL; i++)
		snprintf(p->environment + strlen(p->environment), sizeof(p->environment) - strlen(p->environment), "%s\n",
		         spec->envp[i]);
	if (p->fails != NULL && text_equal(name, p->fails)) {
		buf_append_text(&result->output, "it broke\n");
		result->exit_status = 1;
		p->fails = p->fails_once ? NULL : p->fails;
	}
	return 0;
}

static int make_pem(void **state)
{
	static const struct testca_name dns[] = { { GEN_DNS, "a.example", 0 } };
	const struct testca_spec spec = { .cn = "a.example", .names = dns, .name_count = 1, .serial = "0A0B0C" };
	struct testca_cert cert = testca_issue(&spec, NULL, NULL);

	(void)state;
	pem = BUF(65536);
	testca_append_pem(&cert, &pem);
	testca_done(&cert);
	return 0;
}

static int free_pem(void **state)
{
	(void)state;
	buf_done(&pem);
	return 0;
}

static void make_config(struct place *p)
{
	static const struct ident idents[] = {
		{ .type = IDENT_DNS, .value = "a.example" },
		{ .type = IDENT_DNS, .value = "www.a.example" },
	};

	snprintf(p->state_dir, sizeof(p->state_dir), "%s/state", p->s->path);
	snprintf(p->hooks_dir, sizeof(p->hooks_dir), "%s/hooks", p->s->path);
	snprintf(p->snippet_dir, sizeof(p->snippet_dir), "%s/snippets", p->s->path);
	snprintf(p->hook, sizeof(p->hook), "%s/nginx", p->s->path);
	snprintf(p->webroot, sizeof(p->webroot), "%s/webroot", p->s->path);
	memcpy(p->idents, idents, sizeof(idents));
	p->config.state_dir = p->state_dir;
	p->config.hooks_dir = p->hooks_dir;
	p->config.nginx_snippet_dir = p->snippet_dir;
	p->config.defaults.webroot = p->webroot;
	p->config.nginx.binary = "/usr/sbin/nginx";
	p->config.nginx.prefix = "/srv/prefix";
	p->config.nginx.hook = p->hook;
	p->config.timeouts.hook_ms = 300000;
	p->config.timeouts.deploy_ms = 300000;
	p->certificate.name = "a.example";
	p->certificate.names.items = p->idents;
	p->certificate.names.count = 2;
	p->certificate.settings.deploy = CONFIG_DEPLOY_NGINX;
	p->certificate.settings.webroot = p->webroot;
	p->runner = (struct runner){ .run = run, .self = p };
	p->version = "nginx version: nginx/1.26.3\nbuilt with OpenSSL 3.5.7 1 Jul 2025\n";
}

static int make_place(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	if (p == NULL || scratch_make((void **)&p->s) < 0)
		return -1;
	make_config(p);
	if (store_open(p->state_dir, true, &p->store, &err) != 0 ||
	    store_cert_open(p->store, "a.example", true, &p->cert, &err) != 0)
		return -1;
	scratch_write(p->s, "nginx", "", 0755);
	mkdir(p->hooks_dir, 0755);
	mkdir(scratch_path(p->s, "hooks/deploy"), 0755);
	scratch_write(p->s, "hooks/deploy/mail", "", 0755);
	*state = p;
	return 0;
}

static int remove_place(void **state)
{
	struct place *p = *state;
	int r;

	deploy_done(&p->deploy);
	store_cert_free(p->cert);
	store_free(p->store);
	r = scratch_remove((void **)&p->s);
	free(p);
	return r;
}

static void add_generation(struct place *p)
{
	struct store_files files = { .privkey = "key", .cert = buf_text(&pem), .chain = "chain", .fullchain = buf_text(&pem) };
	uint64_t generation;

	assert_works(store_generation_add(p->cert, &files, 1, &generation, &err));
	assert_works(store_live_switch(p->cert, generation, &err));
}

static void add_two(struct place *p)
{
	const struct store_files files[] = {
		{ "key", buf_text(&pem), "chain", buf_text(&pem), KEY_FAMILY_ECDSA },
		{ "key", buf_text(&pem), "chain", buf_text(&pem), KEY_FAMILY_RSA },
	};
	uint64_t generation;

	assert_works(store_generation_add(p->cert, files, 2, &generation, &err));
}

static int go_live(struct place *p, uint64_t generation)
{
	if (deploy_snippet_prepare(&p->config, &p->certificate, p->cert, generation, &p->runner, &err) < 0)
		return -1;
	return store_live_switch(p->cert, generation, &err);
}

/* What came of it, as a function says it. */
static int result(const struct place *p)
{
	err = p->deploy.error;
	return err.kind == ERROR_NONE ? 0 : -1;
}

/* One certificate; what fails is undone. */
static int apply(struct place *p, uint64_t generation, uint64_t previous)
{
	static const struct deploy_watch nowhere = { .pid_file = "" };
	struct deploy *item = &p->deploy;
	struct deploy_round round = {
		.config = &p->config, .runner = &p->runner, .watch = &nowhere, .items = &item, .count = 1,
	};

	deploy_done(&p->deploy);
	p->ran[0] = '\0';
	p->deploy = (struct deploy){ .certificate = &p->certificate, .store = p->cert, .generation = generation, .previous = previous };
	error_clear(&p->deploy.error);
	deploy_round_apply(&round);
	deploy_round_undo(&round);
	return result(p);
}

/* After a proof that failed with what err says. */
static int undo(struct place *p)
{
	static const struct deploy_watch nowhere = { .pid_file = "" };
	struct deploy *item = &p->deploy;
	struct deploy_round round = {
		.config = &p->config, .runner = &p->runner, .watch = &nowhere, .items = &item, .count = 1,
	};

	p->deploy.error = err;
	deploy_round_undo(&round);
	return result(p);
}

static void assert_live(const struct place *p, uint64_t expected)
{
	uint64_t live = 0;

	assert_works(store_live(p->cert, &live, &err));
	assert_int_equal(live, expected);
}

static void read_snippet(const struct place *p, struct buf *out)
{
	buf_reset(out);
	assert_works(file_read(p->s->fd, scratch_path(p->s, SNIPPET), out, &err));
}

static void test_apply(void **state)
{
	struct place *p = *state;
	CLEANUP(buf_done) struct buf snippet = BUF(65536);

	add_generation(p);
	assert_works(apply(p, 1, 0));
	assert_string_equal(p->ran, "nginx deploy a.example generation 1, live 1\nmail deploy a.example generation 1, live 1\n");
	scratch_assert_mode(p->s, SNIPPET, 0644);
	scratch_assert_mode(p->s, "snippets/certd", 0755);
	read_snippet(p, &snippet);
	assert_non_null(strstr(buf_text(&snippet), "state/live/a.example/fullchain.pem\";"));
	assert_non_null(strstr(buf_text(&snippet), "X25519MLKEM768"));
	assert_null(strstr(buf_text(&snippet), "ssl_reject_handshake"));
	assert_true(p->deploy.nginx_took);
	assert_false(p->deploy.had_snippet);
}

static void assert_variable(const struct place *p, const char *line)
{
	char expected[512];

	snprintf(expected, sizeof(expected), "\n%s\n", line);
	if (strstr(p->environment, expected) == NULL)
		fail_msg("no %s in\n%s", line, p->environment);
}

static void test_environment(void **state)
{
	struct place *p = *state;
	CLEANUP(strv_done) struct strv environment = STRV(20);
	char line[256];

	add_generation(p);
	assert_works(apply(p, 1, 0));
	assert_variable(p, "CERTD_EVENT=deploy");
	assert_variable(p, "CERTD_CERTIFICATE=a.example");
	assert_variable(p, "CERTD_NAMES=a.example www.a.example");
	assert_variable(p, "CERTD_NOT_AFTER=2027-01-01T00:00:00Z");
	assert_variable(p, "CERTD_SERIAL=0a0b0c");
	assert_variable(p, "CERTD_GENERATION=1");
	assert_variable(p, "CERTD_NGINX=/usr/sbin/nginx");
	assert_variable(p, "CERTD_NGINX_CONFIG=");
	assert_variable(p, "CERTD_NGINX_PREFIX=/srv/prefix");
	snprintf(line, sizeof(line), "CERTD_LIVE_DIR=%s/live/a.example", p->state_dir);
	assert_variable(p, line);
	snprintf(line, sizeof(line), "CERTD_PRIVKEY=%s/live/a.example/privkey.pem", p->state_dir);
	assert_variable(p, line);
	snprintf(line, sizeof(line), "CERTD_CERT=%s/live/a.example/cert.pem", p->state_dir);
	assert_variable(p, line);
	snprintf(line, sizeof(line), "CERTD_CHAIN=%s/live/a.example/chain.pem", p->state_dir);
	assert_variable(p, line);
	snprintf(line, sizeof(line), "CERTD_FULLCHAIN=%s/live/a.example/fullchain.pem", p->state_dir);
	assert_variable(p, line);
	snprintf(line, sizeof(line), "CERTD_SNIPPET=%s/certd/a.example.conf", p->snippet_dir);
	assert_variable(p, line);
	/* To tell of a failure, what is not known must not be in the way. */
	assert_works(deploy_environment(&p->config, &p->certificate, p->cert, 0, &environment, &err));
	assert_true(strv_contains(&environment, "CERTD_GENERATION="));
	assert_true(strv_contains(&environment, "CERTD_NOT_AFTER="));
	assert_true(strv_contains(&environment, "CERTD_SERIAL="));
	strv_done(&environment);
	assert_works(deploy_environment(&p->config, &p->certificate, p->cert, 7, &environment, &err));
	assert_true(strv_contains(&environment, "CERTD_SERIAL="));
}

static void test_refused_at_first(void **state)
{
	struct place *p = *state;

	add_generation(p);
	p->fails = "nginx";
	assert_fails(apply(p, 1, 0), "it broke");
	assert_int_equal(err.kind, ERROR_DEPLOY);
	assert_string_equal(p->ran, "nginx deploy a.example generation 1, live 1\n");
	assert_live(p, 1);
	scratch_assert_absent(p->s, SNIPPET);
}

static void test_refused_with_a_placeholder(void **state)
{
	struct place *p = *state;
	CLEANUP(buf_done) struct buf before = BUF(65536);

	assert_works(deploy_write_snippets(&p->config, &p->certificate, p->cert, &p->runner, &err));
	read_snippet(p, &before);
	assert_non_null(strstr(buf_text(&before), "ssl_reject_handshake on;"));
	add_generation(p);
	p->fails = "nginx";
	assert_int_equal(apply(p, 1, 0), -1);
	scratch_assert_text(p->s, SNIPPET, buf_text(&before));
	assert_live(p, 1);
	/* And with NGINX in order again, the next run goes through. */
	p->fails = NULL;
	assert_works(apply(p, 1, 0));
	assert_true(p->deploy.had_snippet);
}

static void test_refused_with_a_previous_one(void **state)
{
	struct place *p = *state;

	add_generation(p);
	assert_works(apply(p, 1, 0));
	add_generation(p);
	/* What stands there goes back to the byte, whoever wrote it. */
	scratch_write(p->s, SNIPPET, "# by hand\n", 0644);
	p->fails = "nginx";
	assert_fails(apply(p, 2, 1), "it broke");
	/* NGINX has not loaded it: there is nothing for it to unlearn, and its fault is not told twice. */
	assert_string_equal(p->ran, "nginx deploy a.example generation 2, live 2\n");
	assert_live(p, 1);
	scratch_assert_text(p->s, SNIPPET, "# by hand\n");
	/* That it was refused again is no news. */
	assert_null(strstr(err.message, "; and"));
}

/* Whether the snippet names the second certificate; if so, it is live: NGINX would not start otherwise. */
static bool names_second(const struct place *p)
{
	CLEANUP(buf_done) struct buf snippet = BUF(65536);
	bool named;

	read_snippet(p, &snippet);
	assert_non_null(strstr(buf_text(&snippet), "state/live/a.example/fullchain.pem\";"));
	named = strstr(buf_text(&snippet), "state/live/a.example/fullchain-rsa.pem\";") != NULL;
	if (named)
		assert_int_equal(access(scratch_path(p->s, "state/live/a.example/fullchain-rsa.pem"), F_OK), 0);
	return named;
}

static void test_two_certificates(void **state)
{
	struct place *p = *state;

	add_two(p);
	assert_works(go_live(p, 1));
	assert_works(apply(p, 1, 0));
	assert_true(names_second(p));
	assert_variable(p, "CERTD_KEY_TYPE_2=ecdsa-p256"); /* as the certificate says */
	/* To one, which is refused: both come back. */
	add_generation(p);
	assert_works(store_live_switch(p->cert, 1, &err));
	assert_works(go_live(p, 2));
	assert_false(names_second(p));
	p->fails = "nginx";
	p->fails_once = true;
	assert_fails(apply(p, 2, 1), "it broke");
	assert_live(p, 1);
	assert_true(names_second(p));
	/* To one, and from one to two, which is refused. */
	assert_works(go_live(p, 2));
	assert_works(apply(p, 2, 1));
	assert_false(names_second(p));
	assert_works(go_live(p, 1));
	assert_false(names_second(p));
	p->fails = "mail";
	p->fails_once = true;
	assert_fails(apply(p, 1, 2), "it broke");
	assert_live(p, 2);
	assert_false(names_second(p));
}

static void test_another_hook_fails(void **state)
{
	struct place *p = *state;

	add_generation(p);
	assert_works(apply(p, 1, 0));
	add_generation(p);
	p->fails = "mail";
	p->fails_once = true;
	assert_fails(apply(p, 2, 1), "hooks/deploy/mail");
	assert_string_equal(p->ran, "nginx deploy a.example generation 2, live 2\nmail deploy a.example generation 2, live 2\n"
	                            "nginx deploy a.example generation 1, live 1\nmail deploy a.example generation 1, live 1\n");
	assert_live(p, 1);
	assert_null(strstr(err.message, "; and"));
	p->fails_once = false;
	p->fails = "mail";
	assert_works(store_live_switch(p->cert, 2, &err));
	assert_fails(apply(p, 2, 1), "; and after the previous certificate went live again");
	assert_live(p, 1);
}

static void test_another_hook_fails_at_first(void **state)
{
	struct place *p = *state;
	CLEANUP(buf_done) struct buf snippet = BUF(65536);

	add_generation(p);
	p->fails = "mail";
	assert_int_equal(apply(p, 1, 0), -1);
	assert_int_equal(err.kind, ERROR_DEPLOY);
	/* NGINX has taken it: it serves rather than refuse every handshake. */
	read_snippet(p, &snippet);
	assert_non_null(strstr(buf_text(&snippet), "ssl_certificate "));
	assert_live(p, 1);
}

static void test_undo_after_the_proof(void **state)
{
	struct place *p = *state;

	add_generation(p);
	assert_works(apply(p, 1, 0));
	error_set(&err, ERROR_NETWORK, "nobody answers");
	assert_int_equal(undo(p), -1);
	assert_int_equal(err.kind, ERROR_DEPLOY);
	assert_string_equal(err.message, "nobody answers");
	assert_live(p, 1);
	scratch_assert_mode(p->s, SNIPPET, 0644);
	add_generation(p);
	assert_works(apply(p, 2, 1));
	p->ran[0] = '\0';
	error_set(&err, ERROR_DEPLOY, "the old one is still served");
	error_advise(&err, "look there");
	undo(p);
	assert_live(p, 1);
	assert_string_equal(p->ran, "nginx deploy a.example generation 1, live 1\nmail deploy a.example generation 1, live 1\n");
	assert_string_equal(err.message, "the old one is still served");
	assert_string_equal(err.advice, "look there");
}

static void test_undo_that_fails(void **state)
{
	struct place *p = *state;

	add_generation(p);
	add_generation(p);
	assert_works(apply(p, 2, 1));
	assert_int_equal(unlink(scratch_path(p->s, "state/certificates/a.example/1/cert.pem")), 0);
	error_set(&err, ERROR_DEPLOY, "not served");
	undo(p);
	assert_non_null(strstr(err.message, "not served; and the previous certificate could not be made live again: "));
	assert_live(p, 2);
}

static void test_without_nginx(void **state)
{
	struct place *p = *state;

	p->certificate.settings.deploy = CONFIG_DEPLOY_NONE;
	add_generation(p);
	assert_works(apply(p, 1, 0));
	assert_string_equal(p->ran, "mail deploy a.example generation 1, live 1\n");
	assert_variable(p, "CERTD_SNIPPET=");
	assert_null(strstr(p->environment, "CERTD_NGINX"));
	scratch_assert_absent(p->s, "snippets");
	add_generation(p);
	p->fails = "mail";
	assert_fails(apply(p, 2, 1), "; and after");
	assert_live(p, 1);
	assert_works(deploy_write_snippets(&p->config, &p->certificate, p->cert, &p->runner, &err));
	scratch_assert_absent(p->s, SNIPPET);
}

static void test_write_snippets(void **state)
{
	struct place *p = *state;
	CLEANUP(buf_done) struct buf snippet = BUF(65536);
	struct stat before[2], after[2];

	assert_works(deploy_write_snippets(&p->config, &p->certificate, p->cert, &p->runner, &err));
	scratch_assert_mode(p->s, "snippets/certd-acme-challenge.conf", 0644);
	assert_int_equal(stat(scratch_path(p->s, SNIPPET), &before[0]), 0);
	assert_int_equal(stat(scratch_path(p->s, "snippets/certd-acme-challenge.conf"), &before[1]), 0);
	assert_works(deploy_write_snippets(&p->config, &p->certificate, p->cert, &p->runner, &err));
	assert_int_equal(stat(scratch_path(p->s, SNIPPET), &after[0]), 0);
	assert_int_equal(stat(scratch_path(p->s, "snippets/certd-acme-challenge.conf"), &after[1]), 0);
	assert_int_equal(before[0].st_ino, after[0].st_ino);
	assert_int_equal(before[1].st_ino, after[1].st_ino);
	add_generation(p);
	assert_works(deploy_write_snippets(&p->config, &p->certificate, p->cert, &p->runner, &err));
	read_snippet(p, &snippet);
	assert_non_null(strstr(buf_text(&snippet), "ssl_certificate "));
	assert_string_equal(p->ran, "");
}

static void test_other_versions(void **state)
{
	struct place *p = *state;
	CLEANUP(buf_done) struct buf text = BUF(65536);

	p->version = "nginx version: nginx/1.18.0\n";
	assert_fails(deploy_snippet_text(&p->config, &p->certificate, p->cert, &p->runner, &text, &err), "1.18.0");
	assert_true(err.advice[0] != '\0');
	p->version = "nginx version: nginx/1.19.4\n";
	assert_works(deploy_snippet_text(&p->config, &p->certificate, p->cert, &p->runner, &text, &err));
	/* One that says nothing of its version gets what all take. */
	p->version = "?";
	assert_works(deploy_snippet_text(&p->config, &p->certificate, p->cert, &p->runner, &text, &err));
	add_generation(p);
	assert_works(deploy_snippet_text(&p->config, &p->certificate, p->cert, &p->runner, &text, &err));
	assert_non_null(strstr(buf_text(&text), "ssl_session_tickets off;"));
}

static void test_snippet_that_cannot_be_written(void **state)
{
	struct place *p = *state;

	add_generation(p);
	assert_works(apply(p, 1, 0));
	add_generation(p);
	assert_works(file_remove_tree(p->s->fd, "snippets", &err));
	scratch_write(p->s, "snippets", "", 0644);
	assert_fails(apply(p, 2, 1), "snippets");
	assert_int_equal(err.kind, ERROR_DEPLOY);
	assert_live(p, 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_place, remove_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_apply),
		TEST(test_environment),
		TEST(test_refused_at_first),
		TEST(test_refused_with_a_placeholder),
		TEST(test_refused_with_a_previous_one),
		TEST(test_two_certificates),
		TEST(test_another_hook_fails),
		TEST(test_another_hook_fails_at_first),
		TEST(test_undo_after_the_proof),
		TEST(test_undo_that_fails),
		TEST(test_without_nginx),
		TEST(test_write_snippets),
		TEST(test_other_versions),
		TEST(test_snippet_that_cannot_be_written),
	};

	return cmocka_run_group_tests(tests, make_pem, free_pem);
}
