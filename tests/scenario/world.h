/* world.h: the whole job, in a directory of its own, against the scripted CA and in its time. Include it behind cmocka.h.
 *
 * Each run is a process of its own, as it is for a person, so that it can be killed; the CA and the clock are in memory that all share.
 */
#ifndef CERTD_TESTS_SCENARIO_WORLD_H
#define CERTD_TESTS_SCENARIO_WORLD_H

#include "ca.h"

#include "base/error.h"
#include "job/accounts.h"
#include "job/job.h"
#include "store/state.h"

#include <stdbool.h>
#include <stdint.h>

#define WORLD_CERT "a.example"

enum { WORLD_CERTIFICATES_MAX = 32, WORLD_MORE_MAX = 8192 };

/* What a run left behind, as far as it lived to say so. */
struct world_outcome {
	bool done; /* job_run() came back */
	int result; /* of job_run() */
	enum job_result job_result;
	uint64_t generation;
	int64_t renew_at;
	int64_t not_after_at;
	enum plan_reason reason;
	struct error error;
	/* Of each certificate, in the order of the configuration; those above are the first one's. */
	size_t count;
	enum job_result results[WORLD_CERTIFICATES_MAX];
	enum error_kind kinds[WORLD_CERTIFICATES_MAX];
	int64_t retry_at[WORLD_CERTIFICATES_MAX];
	unsigned int turn[WORLD_CERTIFICATES_MAX]; /* 1 for the one whose turn it was first, 0 for none */
};

struct world {
	char path[64];
	struct ca *ca;
	struct ca *other; /* or NULL: the second one of the certificate's list */
	struct world_outcome *last; /* shared with the run */
	struct job_options options; /* of the next runs */
	const char *head; /* what else world_configure() says outside of blocks; or NULL */
	const struct job_account_wish *account; /* the next runs are `certd account` with the only account there is */
	unsigned int runs;
	int64_t built_at; /* when the next runs were built; 0: nobody knows */
	char more[WORLD_MORE_MAX]; /* of the configuration: certificates, a ca block; for the next world_configure() */
};

int world_setup(void **state);
int world_teardown(void **state);

/* From now on there is another CA, "https://other.example", and the certificate's list is of both. */
void world_add_ca(struct world *world);

/* Writes the configuration again, with these lines more inside the certificate's block. */
void world_configure(struct world *world, const char *names, const char *more);

/* One run of the job over all certificates; world->last says what came of it. Returns the wait status. */
int world_run(struct world *world);

/* A run that must end with that result. */
void world_must(struct world *world, enum job_result result);

/* The same, as a run that is killed at the request that `fault` names. */
void world_run_killed(struct world *world, enum ca_action action, unsigned int request);

/* How many requests a whole issue, or a renewal after one, makes in a world of its own. */
size_t world_count_requests(int (*setup)(void **state), bool renewal);

/* The live generation's number, 0 for none; its key and certificate must belong together, and no temporary file or token may be about. */
uint64_t world_live(const struct world *world);

/* The types of the live generation's keys, in its order; each key and its certificate must belong together. */
size_t world_pairs(const struct world *world, enum key_type ret[static 2]);

/* What is remembered of the certificate. */
void world_state(const struct world *world, struct store_state *ret);

/* Whether the account's key on disk is the one that the CA has for its account, and no other is about. */
bool world_account_fits(const struct world *world, size_t account);

/* A hook of that event that appends "EVENT $VARIABLE" to the file `ran`, and ends with that status. */
void world_hook(const struct world *world, const char *event, const char *variable, int status);

/* A hook of that event that fails for that certificate, and for no other. */
void world_hook_for(const struct world *world, const char *event, const char *certificate);

/* How many lines `ran` has. */
size_t world_ran(const struct world *world);

/* Whether `ran` holds that text. */
bool world_ran_with(const struct world *world, const char *text);

#endif
