/* Step 1: what there is: state, and the generation that is live or waits for deployment. */
#include "job/access.h"
#include "job/story.h"

#include "base/error.h"
#include "base/log.h"
#include "store/store.h"

int job_load(struct story *story, struct error *err)
{
	const char *name = story->certificate->name;
	int r;

	r = store_cert_open(story->store, name, !story->options->dry_run, &story->store_cert, err);
	if (r < 0)
		return -1;
	job_access_settle(story);
	if (job_survey_read(story->store_cert, story->certificate, &story->survey, err) < 0)
		return -1;
	story->loaded = true;
	if (story->survey.state_damaged)
		log_event(LOG_LEVEL_WARNING, EVENT_STATE_DAMAGED, NULL,
		          "%s: what was remembered could not be read; it was moved aside as state.json.damaged, and certd goes on without it",
		          name);
	if (story->survey.newest != 0 && !story->survey.have)
		log_event(LOG_LEVEL_WARNING, EVENT_FILES_DAMAGED, NULL, "%s: generation %llu cannot be used: %s", name,
		          (unsigned long long)story->survey.newest, story->survey.damage);
	return 0;
}
