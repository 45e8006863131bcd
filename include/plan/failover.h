/* failover.h: which CA of a certificate's list is asked, and whose failure a failure was. Pure: facts in, decision out. */
#ifndef CERTD_PLAN_FAILOVER_H
#define CERTD_PLAN_FAILOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

enum {
	PLAN_CA_FAILURES_MAX = 3, /* in a row of one CA, after which the next one has its turn */
	PLAN_CA_PATIENCE_S = 6 * 60 * 60, /* a CA that does not want to be asked for longer than that is as good as failed */
};

/* Whose failure it was. */
enum plan_blame {
	PLAN_BLAME_HERE, /* this machine, its configuration, a signal: no CA was at fault */
	PLAN_BLAME_SITE, /* DNS, port 80, the proof: every CA would have said so */
	PLAN_BLAME_CA, /* the CA's, and it may pass */
	PLAN_BLAME_CA_LASTING, /* the CA's own no, or one that holds for long: to ask this CA again soon is of no use */
	PLAN_BLAME_COUNT
};

/* Of a failure while a certificate was to be obtained from a CA. */
enum plan_blame plan_blame(const struct error *err, int64_t now_at);

/* The failures in a row of a CA after one more. What is no failure of the CA does not count. */
uint64_t plan_ca_failures(uint64_t failures, enum plan_blame blame);

/* What is known of a CA of the list. */
struct plan_ca {
	uint64_t failures; /* its own, in a row, since a certificate was last issued */
	bool unusable; /* it cannot be asked: it wants external account binding, and there is none */
	bool tried; /* in this run */
};

/* Whose turn it is: the first of those that had the fewest turns, a turn being PLAN_CA_FAILURES_MAX failures. `count` for nobody's. */
size_t plan_ca_choose(const struct plan_ca *cas, size_t count);

/* Whether the next CA of the list is asked in the same run, when the one just asked failed, its failures now being that many. */
bool plan_ca_goes_on(enum plan_blame blame, uint64_t failures, bool urgent);

/* Whether so little of the lifetime is left that no CA is waited for: half of what there is from the time on when it alone calls for a renewal. */
bool plan_is_urgent(int64_t not_before_at, int64_t not_after_at, int64_t now_at);

#endif
