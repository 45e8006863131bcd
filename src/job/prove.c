/* Step 8: a handshake with each name at the local listener must show the new certificate. */
#include "job/story.h"

#include "base/clock.h"
#include "base/error.h"
#include "channel/message.h"
#include "deploy/deploy.h"

enum { PATIENCE_MS = 10 * 1000, PROOF_MIN_MS = 1000 };

static int ask(struct story *story, struct error *err)
{
	const struct config_settings *settings = &story->certificate->settings;
	const struct notary_config notary = {
		.names = &story->certificate->names,
		.tick = story->job->tick,
		.self = story->job->self,
	};
	/* Reload and proof together; a reload that took long leaves time for one look. */
	const int64_t left_ms = story->job->config->timeouts.deploy_ms - story->deploy.reload_ms;
	const struct message_prove task = {
		.names = story->certificate->names,
		.address = settings->serve_address,
		.port = settings->https_port,
		.fingerprint = story->facts.fingerprint,
		.timeout_ms = left_ms > PROOF_MIN_MS ? left_ms : PROOF_MIN_MS,
	};

	return job_net_task(story->net, CHANNEL_TASK_PROVE, message_prove_pack(&task), &notary,
	                    task.timeout_ms + PATIENCE_MS, NULL, err);
}

int job_prove(struct story *story, struct error *err)
{
	struct store_state *state = &story->survey.state;

	if (story->certificate->settings.deploy == CONFIG_DEPLOY_NONE)
		return 0;
	story_progress(story, "prove", "looking whether the new certificate is the one being served");
	if (ask(story, err) < 0) {
		/* Nothing was seen that speaks against it: the next run looks again. */
		if (err->kind == ERROR_INTERRUPTED)
			return error_context(err, "the certificate is deployed, but not yet proven to be served");
		/* Where nothing was live before, there is nothing to go back to: what is there stays for the administrator to use. */
		if (story->previous != 0)
			deploy_undo(&story->deploy, err);
		return error_context(err, "the certificate is issued, but not served");
	}
	state->served = true;
	state->served_at = clock_wall(story->job->clock);
	state->served_generation = story->generation;
	story->outcome->served = true;
	return 0;
}
