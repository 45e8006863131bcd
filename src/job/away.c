#include "job/away.h"

#include "base/error.h"
#include "base/text.h"

static struct job_away_ca *find(struct job_away *away, const char *directory)
{
	for (size_t i = 0; i < CONFIG_CAS_MAX; i++) {
		if (away->cas[i].directory && text_equal(away->cas[i].directory, directory))
			return &away->cas[i];
	}
	return NULL;
}

/* With more CAs than there are places the last one's is taken: that costs patience only. */
static struct job_away_ca *make(struct job_away *away, const char *directory)
{
	size_t i = 0;

	while (i < CONFIG_CAS_MAX - 1 && away->cas[i].directory)
		i++;
	away->cas[i] = (struct job_away_ca){ .directory = directory };
	return &away->cas[i];
}

int job_away_check(struct job_away *away, const struct config_ca *ca, struct error *err)
{
	struct job_away_ca *known = find(away, ca->directory);

	if (!known || known->failures < JOB_AWAY_AFTER || ++known->spared % JOB_AWAY_LOOK_EVERY == 0)
		return 0;
	return error_set(err, ERROR_NETWORK, "%s could not be reached for the %u certificates before this one, and was not waited for again: %s",
	                 ca->name, known->failures, known->reason);
}

void job_away_note(struct job_away *away, const struct config_ca *ca, const struct error *failure)
{
	struct job_away_ca *known = find(away, ca->directory);

	if (failure && (failure->kind == ERROR_INTERRUPTED || failure->kind == ERROR_SYSTEM || failure->kind == ERROR_INTERNAL))
		return;
	if (!failure || failure->kind != ERROR_NETWORK || failure->http_status != 0) {
		if (known)
			*known = (struct job_away_ca){ .failures = 0 };
		return;
	}
	if (!known)
		known = make(away, ca->directory);
	known->failures++;
	text_copy(known->reason, sizeof(known->reason), failure->message);
	text_clean(known->reason);
}
