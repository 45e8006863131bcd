/* failover.c: which CA is asked. Errors come from a net process that may have been taken over: at worst another CA of the list is asked. */
#include "plan/failover.h"

#include "acme/problem.h"
#include "base/error.h"
#include "base/text.h"
#include "json/doc.h"
#include "plan/due.h"

#include <string.h>

/* What a CA's refusal says of the next one, by the problem's type. */
static enum plan_blame blame_of_problem(enum acme_problem_type type, bool of_request)
{
	switch (type) {
	case ACME_PROBLEM_CONNECTION:
	case ACME_PROBLEM_DNS:
	case ACME_PROBLEM_INCORRECT_RESPONSE:
	case ACME_PROBLEM_TLS:
		return PLAN_BLAME_SITE;
	case ACME_PROBLEM_UNAUTHORIZED:
		/* Of a challenge: the proof was not found. Of a request: the account may not. */
		return of_request ? PLAN_BLAME_CA_LASTING : PLAN_BLAME_SITE;
	case ACME_PROBLEM_COMPOUND: /* see blame_of_document() */
		return PLAN_BLAME_SITE;
	case ACME_PROBLEM_BAD_NONCE:
	case ACME_PROBLEM_CONFLICT:
	case ACME_PROBLEM_MALFORMED:
	case ACME_PROBLEM_ORDER_NOT_READY:
	case ACME_PROBLEM_SERVER_INTERNAL:
	case ACME_PROBLEM_ALREADY_REPLACED:
		return PLAN_BLAME_CA;
	case ACME_PROBLEM_OTHER:
	case ACME_PROBLEM_ACCOUNT_DOES_NOT_EXIST:
	case ACME_PROBLEM_ALREADY_REVOKED:
	case ACME_PROBLEM_BAD_CSR:
	case ACME_PROBLEM_BAD_PUBLIC_KEY:
	case ACME_PROBLEM_BAD_REVOCATION_REASON:
	case ACME_PROBLEM_BAD_SIGNATURE_ALGORITHM:
	case ACME_PROBLEM_CAA:
	case ACME_PROBLEM_EXTERNAL_ACCOUNT_REQUIRED:
	case ACME_PROBLEM_INVALID_CONTACT:
	case ACME_PROBLEM_INVALID_PROFILE:
	case ACME_PROBLEM_RATE_LIMITED: /* without a time: paused */
	case ACME_PROBLEM_REJECTED_IDENTIFIER:
	case ACME_PROBLEM_UNSUPPORTED_CONTACT:
	case ACME_PROBLEM_UNSUPPORTED_IDENTIFIER:
	case ACME_PROBLEM_USER_ACTION_REQUIRED:
	case ACME_PROBLEM_COUNT:
		return PLAN_BLAME_CA_LASTING;
	}
	return PLAN_BLAME_CA_LASTING;
}

static enum plan_blame blame_of_member(const json_t *problem, bool of_request)
{
	return blame_of_problem(acme_problem_type_parse(json_string_value(json_object_get(problem, "type"))), of_request);
}

/* Of several names with a reason each: one that every CA will fail at is enough. */
static enum plan_blame blame_of_document(const json_t *problem, bool of_request)
{
	const json_t *list = json_object_get(problem, "subproblems");
	size_t n = json_array_size(list);

	for (size_t i = 0; i < n; i++) {
		if (blame_of_member(json_array_get(list, i), of_request) == PLAN_BLAME_SITE)
			return PLAN_BLAME_SITE;
	}
	return blame_of_member(n > 0 ? json_array_get(list, 0) : problem, of_request);
}

static enum plan_blame blame_of_refusal(const struct error *err)
{
	json_auto_t *problem = NULL;
	struct error ignored;

	/* Without the CA's own words: it does not offer what is asked for, or its account is closed. */
	if (err->problem[0] == '\0' ||
	    json_doc_parse(err->problem, strlen(err->problem), "the problem document", &problem, &ignored) < 0)
		return PLAN_BLAME_CA_LASTING;
	return blame_of_document(problem, err->http_status != 0);
}

enum plan_blame plan_blame(const struct error *err, int64_t now_at)
{
	switch (err->kind) {
	case ERROR_NETWORK:
	case ERROR_PROTOCOL:
		return PLAN_BLAME_CA;
	case ERROR_LATER:
		return err->retry_at - now_at > PLAN_CA_PATIENCE_S ? PLAN_BLAME_CA_LASTING : PLAN_BLAME_CA;
	case ERROR_REFUSED:
		return blame_of_refusal(err);
	case ERROR_NONE:
	case ERROR_INTERNAL:
	case ERROR_USAGE:
	case ERROR_SYSTEM:
	case ERROR_DEPLOY:
	case ERROR_LOCKED:
	case ERROR_INTERRUPTED:
	case ERROR_CLOCK:
	case ERROR_KIND_COUNT:
		break;
	}
	return PLAN_BLAME_HERE;
}

uint64_t plan_ca_failures(uint64_t failures, enum plan_blame blame)
{
	/* Counts come from a file. */
	if (failures >= UINT32_MAX)
		return failures;
	switch (blame) {
	case PLAN_BLAME_CA:
		return failures + 1;
	case PLAN_BLAME_CA_LASTING:
		return (failures / PLAN_CA_FAILURES_MAX + 1) * PLAN_CA_FAILURES_MAX;
	case PLAN_BLAME_HERE:
	case PLAN_BLAME_SITE:
	case PLAN_BLAME_COUNT:
		break;
	}
	return failures;
}

size_t plan_ca_choose(const struct plan_ca *cas, size_t count)
{
	size_t best = count;

	for (size_t i = 0; i < count; i++) {
		if (cas[i].unusable || cas[i].tried)
			continue;
		if (best == count || cas[i].failures / PLAN_CA_FAILURES_MAX < cas[best].failures / PLAN_CA_FAILURES_MAX)
			best = i;
	}
	return best;
}

bool plan_ca_goes_on(enum plan_blame blame, uint64_t failures, bool urgent)
{
	if (blame != PLAN_BLAME_CA && blame != PLAN_BLAME_CA_LASTING)
		return false;
	return urgent || failures % PLAN_CA_FAILURES_MAX == 0;
}

bool plan_is_urgent(int64_t not_before_at, int64_t not_after_at, int64_t now_at)
{
	const int64_t renew_at = plan_lifetime_renew_at(not_before_at, not_after_at);

	/* At least half a lifetime lies before it, so this cannot overflow. */
	return not_after_at <= now_at || now_at >= renew_at + (not_after_at - renew_at) / 2;
}
