/* scenario_job_dual.c: an ECDSA and an RSA certificate for the same names: one order for each, one generation for both, whatever happens. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "world.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/file.h"
#include "base/text.h"
#include "crypto/cert.h"

enum { DAY_S = 24 * 60 * 60, FILE_MAX = 64 * 1024, PATH_SIZE = 512 };

#define NAMES "\"a.example\", \"www.a.example\""
#define BOTH "key = { \"ecdsa-p256\", \"rsa-2048\" }"

static int setup(void **state)
{
	int r = world_setup(state);

	world_configure(*state, NAMES, BOTH);
	return r;
}

/* How many certificates of that family the CA has made. */
static size_t issued_of(const struct world *world, enum key_family family)
{
	size_t count = 0;

	for (size_t i = 0; i < world->ca->order_count; i++) {
		CLEANUP(cert_chain_cleanup) struct cert_chain *chain = NULL;
		const char *pem = world->ca->orders[i].leaf_pem;
		struct crypto_public public_key;
		struct error err;

		if (pem[0] == '\0')
			continue;
		assert_int_equal(cert_chain_parse(pem, strlen(pem), &chain, &err), 0);
		assert_int_equal(cert_chain_public(chain, &public_key, &err), 0);
		count += key_type_family(public_key.type) == family;
	}
	return count;
}

static void assert_both_live(const struct world *world, uint64_t generation)
{
	enum key_type types[2];

	assert_int_equal(world_live(world), generation);
	assert_int_equal(world_pairs(world, types), 2);
	assert_int_equal(types[0], KEY_ECDSA_P256);
	assert_int_equal(types[1], KEY_RSA_2048);
}

/* A CA gives back the order that is open: so the second one must not be asked for before the first is finalized. */
static void test_one_after_the_other(void **state)
{
	struct world *world = *state;
	size_t ordered = 0, finalized = 0;

	world_must(world, JOB_ISSUED);
	assert_both_live(world, 1);
	assert_int_equal(world->ca->order_count, 2);
	for (size_t i = 0; i < world->ca->requests; i++) {
		if (world->ca->log[i].endpoint == CA_NEW_ORDER)
			assert_int_equal(ordered++, finalized);
		if (world->ca->log[i].endpoint == CA_FINALIZE)
			assert_int_equal(++finalized, ordered);
	}
	assert_int_equal(finalized, 2);
	world_must(world, JOB_NOT_DUE);
	world->options.dry_run = true;
	world_must(world, JOB_TRIED);
	assert_int_equal(ca_issued(world->ca), 4);
	assert_both_live(world, 1);
}

static void kill_at(bool renewal, enum ca_action action, unsigned int request)
{
	const size_t of_each = renewal ? 2 : 1;
	struct world *world;
	void *state;

	assert_int_equal(setup(&state), 0);
	world = state;
	if (renewal) {
		world_must(world, JOB_ISSUED);
		world->options.force = true;
	}
	world_run_killed(world, action, request);
	assert_int_equal(world_live(world), of_each - 1);
	world_must(world, JOB_ISSUED);
	assert_both_live(world, of_each);
	if (world->ca->order_count != 2 * of_each || issued_of(world, KEY_FAMILY_ECDSA) != of_each ||
	    issued_of(world, KEY_FAMILY_RSA) != of_each)
		fail_msg("killed %s request %u: %zu orders, %zu and %zu certificates", action == CA_KILL_AFTER ? "after" : "before",
		         request, world->ca->order_count, issued_of(world, KEY_FAMILY_ECDSA), issued_of(world, KEY_FAMILY_RSA));
	assert_int_equal(world->ca->account_count, 1);
	assert_int_equal(world_teardown(&state), 0);
}

static void kill_at_each(bool renewal)
{
	size_t requests = world_count_requests(setup, renewal);

	assert_true(requests >= 16);
	for (unsigned int i = 0; i < requests; i++)
		kill_at(renewal, i % 2 == 0 ? CA_KILL_BEFORE : CA_KILL_AFTER, i);
	for (unsigned int i = 0; i < requests && !renewal; i++)
		kill_at(renewal, i % 2 == 0 ? CA_KILL_AFTER : CA_KILL_BEFORE, i);
}

static void test_an_issue_killed_at_each_request(void **state)
{
	(void)state;
	kill_at_each(false);
}

static void test_a_renewal_killed_at_each_request(void **state)
{
	(void)state;
	kill_at_each(true);
}

/* Nor is an answer that is lost on its way a reason for a third order. */
static void test_each_answer_lost(void **state)
{
	const size_t requests = world_count_requests(setup, false);

	(void)state;
	for (unsigned int i = 0; i < requests; i++) {
		const struct ca_fault lost = { .action = CA_LOSE, .endpoint = CA_ANY, .skip = i, .times = 1 };
		struct world *world;
		void *made;

		assert_int_equal(setup(&made), 0);
		world = made;
		world->options.named = true;
		ca_add_fault(world->ca, &lost);
		for (int tries = 0; tries < 3; tries++) {
			assert_true(WIFEXITED(world_run(world)));
			if (world->last->job_result == JOB_ISSUED)
				break;
		}
		assert_both_live(world, 1);
		assert_int_equal(world->ca->order_count, 2);
		assert_int_equal(issued_of(world, KEY_FAMILY_ECDSA), 1);
		assert_int_equal(issued_of(world, KEY_FAMILY_RSA), 1);
		assert_int_equal(world_teardown(&made), 0);
	}
}

/* The second order is refused: the first certificate waits for it, and is not ordered again; until it would be due itself. */
static void test_the_second_one_fails(void **state)
{
	struct ca_fault refused = {
		.action = CA_ANSWER,
		.endpoint = CA_FINALIZE,
		.skip = 1,
		.times = -1,
		.status = 400,
		.content_type = "application/problem+json",
		.body = "{\"type\":\"urn:ietf:params:acme:error:badCSR\",\"detail\":\"no RSA today\"}",
	};
	struct world *world = *state;

	world->ca->lifetime_s = 90 * (int64_t)DAY_S;
	world->options.named = true;
	ca_add_fault(world->ca, &refused);
	world_must(world, JOB_FAILED);
	assert_non_null(strstr(world->last->error.message, "the rsa-2048 certificate"));
	ca_clear_faults(world->ca);
	refused.skip = 0;
	ca_add_fault(world->ca, &refused);
	for (int i = 0; i < 3; i++)
		world_must(world, JOB_FAILED);
	assert_int_equal(world_live(world), 0);
	assert_int_equal(issued_of(world, KEY_FAMILY_ECDSA), 1);
	assert_int_equal(issued_of(world, KEY_FAMILY_RSA), 0);
	world->options.named = false;
	world_must(world, JOB_BLOCKED);
	ca_clear_faults(world->ca);
	ca_pass_time(world->ca, 59 * (int64_t)DAY_S);
	world_must(world, JOB_ISSUED);
	assert_int_equal(issued_of(world, KEY_FAMILY_ECDSA), 1);
	assert_both_live(world, 1);
	ca_pass_time(world->ca, 2 * (int64_t)DAY_S);
	world_must(world, JOB_ISSUED);
	assert_int_equal(issued_of(world, KEY_FAMILY_ECDSA), 2);
	assert_int_equal(issued_of(world, KEY_FAMILY_RSA), 2);
	assert_both_live(world, 2);
}

static void test_a_first_one_that_waited_too_long(void **state)
{
	struct ca_fault broken = { .action = CA_BREAK, .endpoint = CA_FINALIZE, .skip = 1, .times = -1 };
	struct world *world = *state;

	world->ca->lifetime_s = 90 * (int64_t)DAY_S;
	ca_add_fault(world->ca, &broken);
	world_must(world, JOB_FAILED);
	assert_int_equal(issued_of(world, KEY_FAMILY_ECDSA), 1);
	ca_clear_faults(world->ca);
	ca_pass_time(world->ca, 61 * (int64_t)DAY_S);
	world_must(world, JOB_ISSUED);
	assert_int_equal(issued_of(world, KEY_FAMILY_ECDSA), 2);
	assert_both_live(world, 1);
	world_must(world, JOB_NOT_DUE);
}

static void copy(const struct world *world, const char *from, const char *to)
{
	static const char *const files[] = { "privkey.pem", "fullchain.pem", "purpose" };
	char path[PATH_SIZE];
	struct error err;

	snprintf(path, sizeof(path), "%s/state/certificates/" WORLD_CERT "/%s", world->path, to);
	assert_int_equal(mkdir(path, 0700), 0);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		CLEANUP(buf_done) struct buf text = BUF_SECRET(FILE_MAX);
		CLEANUP(clean_fd) int fd = -1;

		snprintf(path, sizeof(path), "%s/state/certificates/" WORLD_CERT "/%s/%s", world->path, from, files[i]);
		assert_int_equal(file_read(AT_FDCWD, path, &text, &err), FILE_OK);
		snprintf(path, sizeof(path), "%s/state/certificates/" WORLD_CERT "/%s", world->path, to);
		assert_int_equal(file_open_dir(path, &fd, &err), FILE_OK);
		assert_int_equal(file_write(fd, files[i], text.data, text.len, 0600, &err), 0);
	}
}

/* A crash may leave the first certificate behind though its generation is there: the next renewal must not take it for a new one. */
static void test_a_first_one_that_was_left_behind(void **state)
{
	struct ca_fault broken = { .action = CA_BREAK, .endpoint = CA_FINALIZE, .skip = 1, .times = 20 };
	struct world *world = *state;

	world->options.named = true;
	ca_add_fault(world->ca, &broken);
	world_must(world, JOB_FAILED);
	ca_clear_faults(world->ca);
	copy(world, "first", "aside");
	world_must(world, JOB_ISSUED);
	copy(world, "aside", "first");
	world->options.force = true;
	world_must(world, JOB_ISSUED);
	assert_both_live(world, 2);
	assert_int_equal(issued_of(world, KEY_FAMILY_ECDSA), 2);
	assert_int_equal(issued_of(world, KEY_FAMILY_RSA), 2);
}

static void test_from_one_to_two_and_back(void **state)
{
	struct world *world = *state;
	enum key_type types[2];

	world_configure(world, NAMES, "");
	world_must(world, JOB_ISSUED);
	assert_int_equal(world_pairs(world, types), 1);
	world_configure(world, NAMES, BOTH);
	world_must(world, JOB_ISSUED);
	assert_int_equal(world->last->reason, PLAN_KEY);
	assert_both_live(world, 2);
	world_configure(world, NAMES, "key = { \"rsa-2048\", \"ecdsa-p256\" }");
	world_must(world, JOB_ISSUED);
	assert_int_equal(world_live(world), 3);
	assert_int_equal(world_pairs(world, types), 2);
	assert_int_equal(types[0], KEY_RSA_2048);
	assert_int_equal(types[1], KEY_ECDSA_P256);
	world_configure(world, NAMES, "key = \"rsa-2048\"");
	world_must(world, JOB_ISSUED);
	assert_int_equal(world->last->reason, PLAN_KEY);
	assert_int_equal(world_live(world), 4);
	assert_int_equal(world_pairs(world, types), 1);
	assert_int_equal(types[0], KEY_RSA_2048);
	world_must(world, JOB_NOT_DUE);
}

/* One of the two was obtained when the configuration came to ask for it alone: it is not ordered again. */
static void test_to_one_in_between(void **state)
{
	struct ca_fault broken = { .action = CA_BREAK, .endpoint = CA_FINALIZE, .skip = 1, .times = -1 };
	struct world *world = *state;
	enum key_type types[2];

	ca_add_fault(world->ca, &broken);
	world_must(world, JOB_FAILED);
	ca_clear_faults(world->ca);
	world_configure(world, NAMES, "");
	world_must(world, JOB_ISSUED);
	assert_int_equal(world_pairs(world, types), 1);
	assert_int_equal(issued_of(world, KEY_FAMILY_ECDSA), 1);
	assert_int_equal(issued_of(world, KEY_FAMILY_RSA), 0);
}

/* Each certificate has a window of its own, and a predecessor; what is due first takes the other one along. */
static void test_windows_and_predecessors(void **state)
{
	struct store_state known;
	struct world *world = *state;

	world->ca->without_renewal_info = false;
	world->ca->lifetime_s = 90 * (int64_t)DAY_S;
	world_must(world, JOB_ISSUED);
	assert_int_equal(world->ca->asked[CA_RENEWAL_INFO], 2);
	world_must(world, JOB_NOT_DUE);
	assert_int_equal(world->ca->asked[CA_RENEWAL_INFO], 2);
	world_state(world, &known);
	assert_string_equal(known.ari[0].id, world->ca->orders[0].id);
	assert_string_equal(known.ari[1].id, world->ca->orders[1].id);
	assert_true(known.ari[0].chosen_at != 0 && known.ari[1].chosen_at != 0);
	assert_int_equal(world->last->renew_at, known.ari[0].chosen_at < known.ari[1].chosen_at ? known.ari[0].chosen_at :
	                                                                                             known.ari[1].chosen_at);
	ca_pass_time(world->ca, world->last->renew_at - world->ca->wall_at_ms / 1000 + 1);
	world_must(world, JOB_ISSUED);
	assert_int_equal(world->last->reason, PLAN_ARI);
	assert_int_equal(world->ca->order_count, 4);
	assert_string_equal(world->ca->orders[2].replaces, world->ca->orders[0].id);
	assert_string_equal(world->ca->orders[3].replaces, world->ca->orders[1].id);
	assert_both_live(world, 2);
	world_must(world, JOB_NOT_DUE);
}

static void read_key(const struct world *world, const char *file, struct buf *out)
{
	char path[PATH_SIZE];
	struct error err;

	snprintf(path, sizeof(path), "%s/state/live/" WORLD_CERT "/%s", world->path, file);
	assert_int_equal(file_read(AT_FDCWD, path, out, &err), FILE_OK);
}

static void test_keys_that_are_kept(void **state)
{
	CLEANUP(buf_done) struct buf ecdsa = BUF_SECRET(FILE_MAX);
	CLEANUP(buf_done) struct buf rsa = BUF_SECRET(FILE_MAX);
	CLEANUP(buf_done) struct buf ecdsa_after = BUF_SECRET(FILE_MAX);
	CLEANUP(buf_done) struct buf rsa_after = BUF_SECRET(FILE_MAX);
	struct world *world = *state;

	world_must(world, JOB_ISSUED);
	read_key(world, "privkey.pem", &ecdsa);
	read_key(world, "privkey-rsa.pem", &rsa);
	world_configure(world, NAMES, "reuse-key = true\nkey = { \"rsa-2048\", \"ecdsa-p384\" }");
	world_must(world, JOB_ISSUED);
	read_key(world, "privkey.pem", &rsa_after);
	read_key(world, "privkey-ecdsa.pem", &ecdsa_after);
	assert_string_equal(buf_text(&rsa), buf_text(&rsa_after));
	assert_string_not_equal(buf_text(&ecdsa), buf_text(&ecdsa_after));
}

/* The second certificate is for another key: refused, and nothing of it is kept. */
static void test_certificates_that_are_swapped(void **state)
{
	struct ca_fault other = { .action = CA_BODY, .endpoint = CA_CERTIFICATE, .skip = 1, .times = 1 };
	struct world *world = *state;

	world_must(world, JOB_ISSUED);
	assert_true(text_copy(other.body, sizeof(other.body), world->ca->orders[0].pem));
	world->options.force = true;
	ca_add_fault(world->ca, &other);
	world_must(world, JOB_FAILED);
	assert_int_equal(world->last->error.kind, ERROR_PROTOCOL);
	assert_both_live(world, 1);
	ca_clear_faults(world->ca);
	world_must(world, JOB_ISSUED);
	assert_both_live(world, 2);
}

/* A hook is told of both. */
static void test_hooks(void **state)
{
	struct world *world = *state;
	char line[PATH_SIZE];

	world_hook(world, "post-renew", "CERTD_KEY_TYPE $CERTD_KEY_TYPE_2 $CERTD_FULLCHAIN_2", 0);
	world_must(world, JOB_ISSUED);
	snprintf(line, sizeof(line), "post-renew a.example ecdsa-p256 rsa-2048 %s/state/live/" WORLD_CERT "/fullchain-rsa.pem\n",
	         world->path);
	assert_true(world_ran_with(world, line));
	world_configure(world, NAMES, "");
	world_must(world, JOB_ISSUED);
	assert_true(world_ran_with(world, "post-renew a.example ecdsa-p256  \n"));
}

int main(void)
{
#define STORY(function) cmocka_unit_test_setup_teardown(function, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		STORY(test_one_after_the_other),
		cmocka_unit_test(test_an_issue_killed_at_each_request),
		cmocka_unit_test(test_a_renewal_killed_at_each_request),
		cmocka_unit_test(test_each_answer_lost),
		STORY(test_the_second_one_fails),
		STORY(test_a_first_one_that_waited_too_long),
		STORY(test_a_first_one_that_was_left_behind),
		STORY(test_from_one_to_two_and_back),
		STORY(test_to_one_in_between),
		STORY(test_windows_and_predecessors),
		STORY(test_keys_that_are_kept),
		STORY(test_certificates_that_are_swapped),
		STORY(test_hooks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
