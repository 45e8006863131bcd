/* test_deploy_round.c: several certificates in one deployment, with a runner that runs nothing: one test, one reload, and who is at fault. */
#include "deploy/deploy.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/program.h"
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

enum { COUNT = 5 };

static const char *const names[COUNT] = { "a.example", "b.example", "c.example", "d.example", "e.example" };

static struct error err;
static struct buf pem;

struct place {
	struct scratch *s;
	struct store *store;
	struct config config;
	struct config_certificate certificates[COUNT];
	struct store_cert *stores[COUNT];
	struct ident idents[COUNT];
	struct deploy deploys[COUNT];
	struct deploy *items[COUNT];
	struct runner runner;
	char state_dir[128], hooks_dir[128], snippet_dir[128], hook[128];
	bool bad[COUNT]; /* NGINX refuses the second generation of these */
	bool broken; /* it refuses everything */
	bool deaf; /* the hook fails, the test does not */
	const char *unhappy; /* a hook of hooks-dir/deploy fails for that one's second generation */
	unsigned int tests, loads;
	char ran[4096]; /* the hooks: "NAME CERTIFICATE: CERTD_CERTIFICATES\n" */
};

static uint64_t live_of(const struct place *p, size_t i)
{
	uint64_t live = 0;

	assert_works(store_live(p->stores[i], &live, &err));
	return live;
}

static bool refuses(const struct place *p)
{
	for (size_t i = 0; i < COUNT; i++) {
		if (p->bad[i] && live_of(p, i) == 2)
			return true;
	}
	return p->broken;
}

static const char *find_variable(const struct program_spec *spec, const char *name)
{
	for (size_t i = 0; spec->envp[i] != NULL; i++) {
		if (text_has_prefix(spec->envp[i], name) && spec->envp[i][strlen(name)] == '=')
			return spec->envp[i] + strlen(name) + 1;
	}
	return "-";
}

static void fail_run(struct program_result *result, const char *why)
{
	buf_append_text(&result->output, why);
	result->exit_status = 1;
}

static int run(void *self, const struct program_spec *spec, struct program_result *result, struct error *ignored)
{
	struct place *p = self;
	const char *name = strrchr(spec->argv[0], '/') + 1;
	bool is_hook = text_equal(spec->argv[1], "deploy");

	(void)ignored;
	result->exit_status = 0;
	if (text_equal(spec->argv[1], "-V")) {
		buf_append_text(&result->output, "nginx version: nginx/1.26.3\n");
	} else if (!is_hook) {
		p->tests++;
		if (refuses(p))
			fail_run(result, "[emerg] refused\n");
	} else {
		snprintf(p->ran + strlen(p->ran), sizeof(p->ran) - strlen(p->ran), "%s %s: %s\n", name, spec->argv[2],
		         find_variable(spec, "CERTD_CERTIFICATES"));
		if (text_equal(name, "hook")) {
			p->loads++;
			if (p->deaf || refuses(p))
				fail_run(result, p->deaf ? "nobody there\n" : "[emerg] refused\n");
		} else if (p->unhappy != NULL && text_equal(p->unhappy, spec->argv[2]) &&
		           text_equal(find_variable(spec, "CERTD_GENERATION"), "2")) {
			fail_run(result, "unhappy\n");
		}
	}
	return 0;
}

static int make_pem(void **state)
{
	static const struct testca_name dns[] = { { GEN_DNS, "a.example", 0 } };
	const struct testca_spec spec = { .cn = "a.example", .names = dns, .name_count = 1, .serial = "01" };
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

/* Of each two generations, the second one live. */
static int add_certificate(struct place *p, size_t i)
{
	struct store_files files = { .privkey = "key", .cert = buf_text(&pem), .chain = "chain", .fullchain = buf_text(&pem) };
	uint64_t generation;

	p->idents[i] = (struct ident){ .type = IDENT_DNS };
	text_copy(p->idents[i].value, sizeof(p->idents[i].value), names[i]);
	p->certificates[i] = (struct config_certificate){
		.name = names[i], .names = { &p->idents[i], 1 }, .settings = { .deploy = CONFIG_DEPLOY_NGINX },
	};
	if (store_cert_open(p->store, names[i], true, &p->stores[i], &err) != 0)
		return -1;
	for (int k = 0; k < 2; k++) {
		if (store_generation_add(p->stores[i], &files, 1, &generation, &err) != 0)
			return -1;
	}
	p->items[i] = &p->deploys[i];
	p->deploys[i] = (struct deploy){ .certificate = &p->certificates[i], .store = p->stores[i], .generation = 2, .previous = 1 };
	error_clear(&p->deploys[i].error);
	return store_live_switch(p->stores[i], 2, &err);
}

static int make_place(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	if (p == NULL || scratch_make((void **)&p->s) < 0)
		return -1;
	snprintf(p->state_dir, sizeof(p->state_dir), "%s/state", p->s->path);
	snprintf(p->hooks_dir, sizeof(p->hooks_dir), "%s/hooks", p->s->path);
	snprintf(p->snippet_dir, sizeof(p->snippet_dir), "%s/snippets", p->s->path);
	snprintf(p->hook, sizeof(p->hook), "%s/hook", p->s->path);
	p->config = (struct config){
		.state_dir = p->state_dir, .hooks_dir = p->hooks_dir, .nginx_snippet_dir = p->snippet_dir,
		.nginx = { .binary = "/usr/sbin/nginx", .hook = p->hook }, .timeouts = { .hook_ms = 1000, .deploy_ms = 1000 },
	};
	p->runner = (struct runner){ .run = run, .self = p };
	if (store_open(p->state_dir, true, &p->store, &err) != 0)
		return -1;
	for (size_t i = 0; i < COUNT; i++) {
		if (add_certificate(p, i) < 0)
			return -1;
	}
	scratch_write(p->s, "hook", "", 0755);
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

	for (size_t i = 0; i < COUNT; i++) {
		deploy_done(&p->deploys[i]);
		store_cert_free(p->stores[i]);
	}
	store_free(p->store);
	r = scratch_remove((void **)&p->s);
	free(p);
	return r;
}

static void apply(struct place *p)
{
	static const struct deploy_watch nowhere = { .pid_file = "" };
	struct deploy_round round = {
		.config = &p->config, .runner = &p->runner, .watch = &nowhere, .items = p->items, .count = COUNT,
	};

	deploy_round_apply(&round);
	deploy_round_undo(&round);
}

/* "21222": the generations that are live now; those with another than 2 have an error, and no others. */
static void assert_outcome(const struct place *p, const char *live)
{
	char seen[COUNT + 1] = "";

	for (size_t i = 0; i < COUNT; i++) {
		seen[i] = (char)('0' + live_of(p, i));
		assert_int_equal(p->deploys[i].error.kind, seen[i] == '2' ? ERROR_NONE : ERROR_DEPLOY);
	}
	assert_string_equal(seen, live);
}

static void test_one_reload_for_all(void **state)
{
	struct place *p = *state;

	apply(p);
	assert_outcome(p, "22222");
	assert_int_equal(p->loads, 1);
	assert_int_equal(p->tests, 0);
	assert_string_equal(p->ran, "hook a.example: a.example b.example c.example d.example e.example\n"
	                            "mail a.example: -\nmail b.example: -\nmail c.example: -\nmail d.example: -\nmail e.example: -\n");
	scratch_assert_mode(p->s, "snippets/certd/e.example.conf", 0644);
}

static void test_one_at_fault(void **state)
{
	struct place *p = *state;

	p->bad[3] = true;
	apply(p);
	assert_outcome(p, "22212");
	assert_int_equal(p->loads, 2);
	assert_non_null(strstr(p->deploys[3].error.message, "with this certificate, and not without it"));
	assert_non_null(strstr(p->deploys[3].error.message, "[emerg] refused"));
	scratch_assert_absent(p->s, "snippets/certd/d.example.conf");
	scratch_assert_mode(p->s, "snippets/certd/e.example.conf", 0644);
	assert_non_null(strstr(p->ran, "hook a.example: a.example b.example c.example e.example\nmail a.example"));
	assert_null(strstr(p->ran, "mail d.example"));
}

static void test_some_at_fault(void **state)
{
	struct place *p = *state;

	p->bad[0] = p->bad[1] = p->bad[4] = true;
	apply(p);
	assert_outcome(p, "11221");
	assert_int_equal(p->loads, 2);
}

static void test_all_at_fault(void **state)
{
	struct place *p = *state;

	for (size_t i = 0; i < COUNT; i++)
		p->bad[i] = true;
	apply(p);
	assert_outcome(p, "11111");
	assert_int_equal(p->loads, 1);
	assert_null(strstr(p->ran, "mail"));
}

/* A fault elsewhere in the configuration is nobody's of these: all go back, and nothing is tried out one by one. */
static void test_a_fault_elsewhere(void **state)
{
	struct place *p = *state;

	p->broken = true;
	apply(p);
	assert_outcome(p, "11111");
	assert_int_equal(p->loads, 1);
	assert_int_equal(p->tests, 2);
	assert_non_null(strstr(p->deploys[2].error.message, "[emerg] refused"));
}

static void test_a_reload_that_fails(void **state)
{
	struct place *p = *state;

	p->deaf = true;
	apply(p);
	assert_outcome(p, "11111");
	assert_int_equal(p->loads, 1);
	assert_int_equal(p->tests, 1);
	assert_non_null(strstr(p->deploys[4].error.message, "nobody there"));
}

/* Its files go back, and NGINX has to hear of that; the others stay. */
static void test_a_hook_fails_for_one(void **state)
{
	struct place *p = *state;

	p->unhappy = "b.example";
	apply(p);
	assert_outcome(p, "21222");
	assert_int_equal(p->loads, 2);
	assert_non_null(strstr(p->ran, "mail e.example: -\nhook b.example: b.example\nmail b.example: -\n"));
	assert_null(strstr(p->deploys[1].error.message, "; and"));
}

/* Those that have nothing to do with NGINX are neither tested nor to blame. */
static void test_without_nginx(void **state)
{
	struct place *p = *state;

	p->certificates[0].settings.deploy = CONFIG_DEPLOY_NONE;
	p->certificates[2].settings.deploy = CONFIG_DEPLOY_NONE;
	p->broken = true;
	p->unhappy = "c.example";
	apply(p);
	assert_outcome(p, "21111");
	assert_int_equal(p->loads, 1);
	scratch_assert_absent(p->s, "snippets/certd/a.example.conf");
}

/* One whose snippet cannot be written is out before NGINX hears of any. */
static void test_a_snippet_that_cannot_be_written(void **state)
{
	struct place *p = *state;

	mkdir(p->snippet_dir, 0755);
	mkdir(scratch_path(p->s, "snippets/certd"), 0755);
	mkdir(scratch_path(p->s, "snippets/certd/b.example.conf"), 0755);
	apply(p);
	assert_outcome(p, "21222");
	assert_int_equal(p->loads, 1);
	assert_non_null(strstr(p->ran, "hook a.example: a.example c.example d.example e.example\n"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_place, remove_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_reload_for_all),
		TEST(test_one_at_fault),
		TEST(test_some_at_fault),
		TEST(test_all_at_fault),
		TEST(test_a_fault_elsewhere),
		TEST(test_a_reload_that_fails),
		TEST(test_a_hook_fails_for_one),
		TEST(test_without_nginx),
		TEST(test_a_snippet_that_cannot_be_written),
	};

	return cmocka_run_group_tests(tests, make_pem, free_pem);
}
