#include "job/urgency.h"

#include "base/clean.h"
#include "base/error.h"
#include "config/config.h"
#include "job/survey.h"
#include "store/store.h"

#include <stdlib.h>

struct turn {
	const struct config_certificate *certificate;
	size_t place;
	size_t order;
	int64_t until_at; /* INT64_MAX for what is not due */
};

static int compare(const void *a, const void *b)
{
	const struct turn *x = a, *y = b;

	if (x->until_at != y->until_at)
		return x->until_at < y->until_at ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static int64_t until(const struct store *store, const struct config_certificate *certificate,
                     const struct job_survey_options *options)
{
	CLEANUP(store_cert_cleanup) struct store_cert *store_cert = NULL;
	CLEANUP(job_survey_done) struct job_survey survey = { 0 };
	const struct cert_facts *in_use;
	struct plan_decision decision;
	struct error ignored;

	error_clear(&ignored);
	/* One that cannot be read fails, at once. */
	if (store_cert_open(store, certificate->name, false, &store_cert, &ignored) < 0 ||
	    job_survey_read(store_cert, certificate, &survey, &ignored) < 0)
		return options->now_at;
	job_survey_decide(&survey, certificate, options, &decision);
	if (decision.verdict != PLAN_DUE && survey.state.deploy_generation == 0)
		return INT64_MAX;
	in_use = job_survey_in_use(&survey);
	/* A certificate that there is not (or that was revoked) is missed from now on. */
	if (!in_use || survey.revoked || in_use->not_after_at <= 0)
		return options->now_at;
	return in_use->not_after_at;
}

void job_urgency_sort(const struct store *store, const struct job_survey_options *options,
                      const struct config_certificate **certificates, size_t *places, size_t count)
{
	CLEANUP(clean_free) struct turn *turns = NULL;

	if (count < 2)
		return;
	turns = calloc(count, sizeof(*turns));
	if (!turns)
		return;
	for (size_t i = 0; i < count; i++)
		turns[i] = (struct turn){ certificates[i], places[i], i, until(store, certificates[i], options) };
	qsort(turns, count, sizeof(*turns), compare);
	for (size_t i = 0; i < count; i++) {
		certificates[i] = turns[i].certificate;
		places[i] = turns[i].place;
	}
}
