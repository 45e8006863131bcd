#include "world.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/file.h"
#include "base/log.h"
#include "base/program.h"
#include "base/random.h"
#include "base/strv.h"
#include "base/text.h"
#include "config/config.h"
#include "crypto/cert.h"
#include "crypto/keytype.h"
#include "crypto/pkey.h"
#include "jose/jwk.h"
#include "store/store.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { FILE_MAX = 64 * 1024, PATH_SIZE = 512, NAME_SIZE = 64 };

static const char in_memory[] = "/dev/shm";

/* Who counts whose turn it is. */
struct turns {
	const struct config *config;
	struct world_outcome *last;
	unsigned int count;
};

static void path_of(const struct world *world, const char *name, char out[static PATH_SIZE])
{
	assert_true((size_t)snprintf(out, PATH_SIZE, "%s/%s", world->path, name) < PATH_SIZE);
}

static void write_text(const struct world *world, const char *name, const char *text, mode_t mode)
{
	char path[PATH_SIZE];
	FILE *file;

	path_of(world, name, path);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void make_dir(const struct world *world, const char *name)
{
	char path[PATH_SIZE];

	path_of(world, name, path);
	assert_int_equal(mkdir(path, 0755), 0);
}

void world_configure(struct world *world, const char *names, const char *more)
{
	CLEANUP(buf_done) struct buf text = BUF(FILE_MAX);
	const char *p = world->path;

	buf_printf(&text,
	           "state-dir = \"%s/state\"\nruntime-dir = \"%s/run\"\nwebroot = \"%s/webroot\"\nhooks-dir = \"%s/hooks\"\n"
	           "nginx-snippet-dir = \"%s/snippets\"\nagree-tos = true\ndeploy = \"none\"\npreflight = false\n"
	           "%sca = { \"%s/directory\"%s%s%s }\ncertificate \"" WORLD_CERT "\" {\n names = { %s }\n %s\n}\n%s",
	           p, p, p, p, p, world->head ? world->head : "", world->ca->base, world->other ? ", \"" : "", world->other ? world->other->base : "",
	           world->other ? "/directory\"" : "", names, more, world->more);
	assert_false(text.failed);
	write_text(world, "certd.conf", buf_text(&text), 0644);
}

static void set_up_ca(struct ca *ca, const char *path)
{
	ca->verify_signatures = true;
	ca->without_renewal_info = true;
	ca->reuse_orders = true;
	ca->validation = CA_VALIDATE_WEBROOT;
	snprintf(ca->webroot, sizeof(ca->webroot), "%s/webroot", path);
}

void world_add_ca(struct world *world)
{
	world->other = ca_new_shared();
	snprintf(world->other->base, sizeof(world->other->base), "https://other.example");
	set_up_ca(world->other, world->path);
	world_configure(world, "\"a.example\", \"www.a.example\"", "");
}

int world_setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	/* In memory where there is such a place: what is durable is the tests' of the store. */
	snprintf(world->path, sizeof(world->path), "%s/certd-world-XXXXXX", access(in_memory, W_OK) == 0 ? in_memory : "/tmp");
	assert_non_null(mkdtemp(world->path));
	assert_int_equal(chmod(world->path, 0755), 0);
	world->last = ca_share(sizeof(*world->last));
	world->ca = ca_new_shared();
	set_up_ca(world->ca, world->path);
	world->options = (struct job_options){ .deploy = true };
	make_dir(world, "webroot");
	make_dir(world, "hooks");
	world_configure(world, "\"a.example\", \"www.a.example\"", "");
	*state = world;
	return 0;
}

int world_teardown(void **state)
{
	struct world *world = *state;
	struct error err;
	char *name = strrchr(world->path, '/');
	int parent = -1;
	int r;

	if (world->ca->violation_count > 0)
		print_error("violation: %s\n", world->ca->violations[0]);
	r = world->ca->violation_count > 0 ? -1 : 0;
	if (world->other && world->other->violation_count > 0) {
		print_error("violation at the other CA: %s\n", world->other->violations[0]);
		r = -1;
	}
	if (world->other)
		ca_unshare(world->other, sizeof(*world->other));
	ca_unshare(world->ca, sizeof(*world->ca));
	ca_unshare(world->last, sizeof(*world->last));
	*name++ = '\0';
	if (file_open_dir(world->path, &parent, &err) < 0 || file_remove_tree(parent, name, &err) < 0)
		r = -1;
	clean_fd(&parent);
	free(world);
	return r;
}

/* The life of a run of `certd account`. */
static int do_account(const struct world *world, const struct job *job, struct error *err)
{
	CLEANUP(job_account_view_done) struct job_account_view view = { 0 };
	CLEANUP(job_accounts_done) struct job_account_list list = { 0 };

	if (job_accounts_list(job->config, &list, err) < 0)
		return -1;
	if (list.count != 1)
		return error_set(err, ERROR_INTERNAL, "there are %zu accounts", list.count);
	return job_account_do(job, &list.items[0], world->account, &view, err);
}

/* The place of a certificate, and that its turn has come. */
static void take_turn(void *self, const struct job_outcome *outcome)
{
	struct turns *turns = self;

	for (size_t i = 0; i < turns->config->certificates_count && i < WORLD_CERTIFICATES_MAX; i++) {
		if (turns->config->certificates[i] == outcome->certificate)
			turns->last->turn[i] = ++turns->count;
	}
}

static void keep_outcomes(struct world_outcome *last, const struct job_outcome *outcomes, size_t count)
{
	last->job_result = outcomes[0].result;
	last->generation = outcomes[0].generation;
	last->renew_at = outcomes[0].renew_at;
	last->not_after_at = outcomes[0].not_after_at;
	last->reason = outcomes[0].reason;
	last->error = outcomes[0].error;
	last->count = count;
	for (size_t i = 0; i < count; i++) {
		last->results[i] = outcomes[i].result;
		last->kinds[i] = outcomes[i].error.kind;
		last->retry_at[i] = outcomes[i].error.retry_at;
	}
}

/* Splitmix64. The same for the same run of a world, so that what failed fails again. */
static uint64_t chance(void *self)
{
	uint64_t *state = self;
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* The life of a run. */
static _Noreturn void live(const struct world *world)
{
	struct ca_pair both = { world->ca, world->other };
	const struct http_client http = world->other ? ca_pair_client(&both) : ca_client(world->ca);
	const struct clock clock = ca_clock(world->ca);
	struct world_outcome *last = world->last;
	struct config *config = NULL;
	uint64_t seed = world->runs;
	const struct random random = { chance, &seed };
	static struct job_outcome outcomes[WORLD_CERTIFICATES_MAX];
	struct turns turns = { .last = last };
	struct job job;
	char path[PATH_SIZE];

	path_of(world, "certd.conf", path);
	log_set_level(LOG_LEVEL_ERROR);
	error_clear(&last->error);
	if (config_load(path, false, NULL, &config, &last->error) < 0) {
		last->result = -1;
		last->done = true;
		_exit(1);
	}
	turns.config = config;
	job = (struct job){
		.config = config,
		.clock = &clock,
		.random = &random,
		.runner = runner_system(),
		.http = &http,
		.built_at = world->built_at,
		.outcome = take_turn,
		.self = &turns,
	};
	if (world->account)
		last->result = do_account(world, &job, &last->error);
	else
		last->result = job_run(&job, (const struct config_certificate *const *)config->certificates,
		                       config->certificates_count, &world->options, outcomes, &last->error);
	if (last->result == 0 && !world->account)
		keep_outcomes(last, outcomes, config->certificates_count);
	last->done = true;
	config_free(config);
	_exit(0);
}

int world_run(struct world *world)
{
	int status = 0;
	pid_t pid;

	*world->last = (struct world_outcome){ 0 };
	world->runs++;
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		setpgid(0, 0);
		live(world);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	/* A net process without its job is ended by the kernel. */
	return status;
}

void world_must(struct world *world, enum job_result result)
{
	int status = world_run(world);

	if (!WIFEXITED(status) || !world->last->done || world->last->result != 0)
		fail_msg("run %u ended with wait status %d: %s", world->runs, status, world->last->error.message);
	if (world->last->job_result != result)
		fail_msg("run %u: %s, expected %s: %s", world->runs, job_result_name(world->last->job_result),
		         job_result_name(result), world->last->error.message);
}

/* The job is the one to be killed: the CA's client lives in its net process, whose parent it is. */
void world_run_killed(struct world *world, enum ca_action action, unsigned int request)
{
	const struct ca_fault fault = { .action = action, .endpoint = CA_ANY, .skip = request, .victim = CA_VICTIM_PARENT };
	int status;

	ca_add_fault(world->ca, &fault);
	status = world_run(world);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
	ca_clear_faults(world->ca);
}

static void read_text(const struct world *world, const char *name, struct buf *out)
{
	char path[PATH_SIZE];
	struct error err;

	path_of(world, name, path);
	error_clear(&err);
	if (file_read(AT_FDCWD, path, out, &err) < 0)
		fail_msg("%s", err.message);
}

/* The files behind `suffix` are for the same key; its type. */
static enum key_type assert_pair(const struct world *world, const char *suffix)
{
	CLEANUP(buf_done) struct buf key_pem = BUF_SECRET(FILE_MAX);
	CLEANUP(buf_done) struct buf chain_pem = BUF(FILE_MAX);
	CLEANUP(crypto_pkey_cleanup) struct pkey *key = NULL;
	CLEANUP(cert_chain_cleanup) struct cert_chain *chain = NULL;
	struct crypto_public a, b;
	char name[PATH_SIZE];
	struct error err;

	snprintf(name, sizeof(name), "state/live/" WORLD_CERT "/privkey%s.pem", suffix);
	read_text(world, name, &key_pem);
	snprintf(name, sizeof(name), "state/live/" WORLD_CERT "/fullchain%s.pem", suffix);
	read_text(world, name, &chain_pem);
	assert_int_equal(crypto_pkey_load(buf_text(&key_pem), key_pem.len, &key, &err), 0);
	assert_int_equal(cert_chain_parse(buf_text(&chain_pem), chain_pem.len, &chain, &err), 0);
	assert_int_equal(crypto_pkey_public(key, &a, &err), 0);
	assert_int_equal(cert_chain_public(chain, &b, &err), 0);
	assert_int_equal(a.x_len, b.x_len);
	assert_memory_equal(a.x, b.x, a.x_len);
	return a.type;
}

size_t world_pairs(const struct world *world, enum key_type ret[static 2])
{
	static const char *const suffixes[] = { "-ecdsa", "-rsa" };
	size_t count = 0;

	ret[count++] = assert_pair(world, "");
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		char name[PATH_SIZE], path[PATH_SIZE];

		snprintf(name, sizeof(name), "state/live/" WORLD_CERT "/cert%s.pem", suffixes[i]);
		path_of(world, name, path);
		if (access(path, F_OK) != 0)
			continue;
		assert_int_equal(count, 1);
		ret[count++] = assert_pair(world, suffixes[i]);
	}
	return count;
}

uint64_t world_live(const struct world *world)
{
	CLEANUP(store_cleanup) struct store *store = NULL;
	CLEANUP(store_cert_cleanup) struct store_cert *cert = NULL;
	uint64_t generation = 0;
	enum key_type types[2];
	struct error err;
	char path[PATH_SIZE];

	path_of(world, "state", path);
	assert_int_equal(store_open(path, false, &store, &err), STORE_OK);
	assert_int_equal(store_cert_open(store, WORLD_CERT, false, &cert, &err), STORE_OK);
	if (store_live(cert, &generation, &err) != STORE_OK)
		return 0;
	world_pairs(world, types);
	return generation;
}

void world_state(const struct world *world, struct store_state *ret)
{
	CLEANUP(store_cleanup) struct store *store = NULL;
	CLEANUP(store_cert_cleanup) struct store_cert *cert = NULL;
	struct error err;
	char path[PATH_SIZE];

	path_of(world, "state", path);
	assert_int_equal(store_open(path, false, &store, &err), STORE_OK);
	assert_int_equal(store_cert_open(store, WORLD_CERT, false, &cert, &err), STORE_OK);
	assert_int_equal(store_state_load(cert, ret, &err), STORE_OK);
}

bool world_account_fits(const struct world *world, size_t account)
{
	CLEANUP(buf_done) struct buf pem = BUF_SECRET(FILE_MAX);
	CLEANUP(buf_done) struct buf jwk = BUF(FILE_MAX);
	CLEANUP(job_accounts_done) struct job_account_list list = { 0 };
	CLEANUP(crypto_pkey_cleanup) struct pkey *key = NULL;
	CLEANUP(config_cleanup) struct config *config = NULL;
	struct crypto_public public_key;
	struct error err;
	char path[PATH_SIZE];

	path_of(world, "certd.conf", path);
	error_clear(&err);
	assert_int_equal(config_load(path, false, NULL, &config, &err), 0);
	assert_int_equal(job_accounts_list(config, &list, &err), 0);
	assert_int_equal(list.count, 1);
	assert_true((size_t)snprintf(path, sizeof(path), "%s/key.pem", list.items[0].path) < sizeof(path));
	assert_int_equal(file_read(AT_FDCWD, path, &pem, &err), 0);
	assert_int_equal(crypto_pkey_load(buf_text(&pem), pem.len, &key, &err), 0);
	assert_int_equal(crypto_pkey_public(key, &public_key, &err), 0);
	assert_int_equal(jwk_print(&public_key, &jwk, &err), 0);
	assert_true((size_t)snprintf(path, sizeof(path), "%s/next.pem", list.items[0].path) < sizeof(path));
	return access(path, F_OK) != 0 && text_equal(buf_text(&jwk), world->ca->accounts[account].jwk);
}

void world_hook(const struct world *world, const char *event, const char *variable, int status)
{
	char name[NAME_SIZE], text[2 * PATH_SIZE], path[PATH_SIZE];

	snprintf(name, sizeof(name), "hooks/%s", event);
	path_of(world, name, path);
	(void)mkdir(path, 0755);
	snprintf(name, sizeof(name), "hooks/%s/hook", event);
	snprintf(text, sizeof(text), "#!/bin/sh\necho \"$1 $2 $%s\" >> %s/ran\nexit %d\n", variable, world->path, status);
	write_text(world, name, text, 0755);
}

void world_hook_for(const struct world *world, const char *event, const char *certificate)
{
	char name[NAME_SIZE], text[2 * PATH_SIZE];

	world_hook(world, event, "CERTD_GENERATION", 0);
	snprintf(name, sizeof(name), "hooks/%s/hook", event);
	snprintf(text, sizeof(text), "#!/bin/sh\n[ \"$2\" != %s ]\n", certificate);
	write_text(world, name, text, 0755);
}

size_t world_ran(const struct world *world)
{
	CLEANUP(buf_done) struct buf text = BUF(FILE_MAX);
	size_t lines = 0;

	read_text(world, "ran", &text);
	for (size_t i = 0; i < text.len; i++)
		lines += text.data[i] == '\n';
	return lines;
}

bool world_ran_with(const struct world *world, const char *text)
{
	CLEANUP(buf_done) struct buf ran = BUF(FILE_MAX);

	read_text(world, "ran", &ran);
	return strstr(buf_text(&ran), text) != NULL;
}

size_t world_count_requests(int (*setup)(void **state), bool renewal)
{
	struct world *world;
	void *state;
	size_t before = 0, after;

	assert_int_equal(setup(&state), 0);
	world = state;
	if (renewal) {
		world_must(world, JOB_ISSUED);
		before = world->ca->requests;
		world->options.force = true;
	}
	world_must(world, JOB_ISSUED);
	after = world->ca->requests;
	assert_int_equal(world_teardown(&state), 0);
	return after - before;
}
