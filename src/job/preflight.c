/* Step 3: ask what the CA will ask. What this machine lacks is an error before anybody is asked; what the world shows is a warning: it
 * may look different from here, and the CA has the last word. */
#include "job/access.h"
#include "job/story.h"

#include "base/address.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "challenge/challenge.h"
#include "channel/message.h"
#include "job/turn.h"
#include "plan/profile.h"
#include "store/store.h"

#include <stdio.h>
#include <string.h>

enum { TOKEN_SIZE = 40, PATIENCE_MS = 15 * 1000 };

/* The first explains what the CA will refuse. */
static void add_finding(struct story *story, const char *text, const char *advice)
{
	struct error finding;

	error_set(&finding, ERROR_REFUSED, "preflight: %s", text);
	error_advise(&finding, "%s", advice);
	log_failure_event(LOG_LEVEL_WARNING, EVENT_PREFLIGHT, story->certificate->name, &finding);
	if (story->finding[0] != '\0')
		return;
	text_copy(story->finding, sizeof(story->finding), text);
	text_copy(story->finding_advice, sizeof(story->finding_advice), advice);
}

static int show_findings(struct story *story, const json_t *result, struct error *err)
{
	const json_t *findings = json_object_get(result, "findings");

	for (size_t i = 0; i < json_array_size(findings); i++) {
		struct message_finding finding;

		if (message_finding_read(json_array_get(findings, i), &finding, err) < 0)
			return -1;
		add_finding(story, finding.text, finding.advice);
	}
	return 0;
}

static int ask(struct story *story, const struct challenge_proof *probe, struct error *err)
{
	const struct config_settings *settings = &story->certificate->settings;
	const struct notary_config notary = {
		.names = &story->certificate->names,
		.tick = story->job->tick,
		.self = story->job->self,
	};
	struct message_preflight task = {
		.names = story->certificate->names,
		.resolver = settings->resolver,
		.http_port = settings->http_port,
		.token = probe->token,
		.body = probe->key_authorization,
	};
	json_auto_t *result = NULL;

	story_limits(story, &task.limits);
	if (job_net_task(story->net, CHANNEL_TASK_PREFLIGHT, message_preflight_pack(&task), &notary,
	                 2 * task.limits.connect_ms + PATIENCE_MS, &result, err) < 0)
		return -1;
	return show_findings(story, result, err);
}

/* A token of our own through the real port-80 server. */
static int probe(struct story *story, const struct challenge_method *method, struct error *err)
{
	const struct challenge_config config = { .webroot = story->certificate->settings.webroot };
	char token[TOKEN_SIZE];
	char name[TOKEN_SIZE - sizeof("certd-preflight-") + 1];
	char body[2 * TOKEN_SIZE];
	struct challenge_proof proof = {
		.identifier = &story->certificate->names.items[0],
		.token = token,
		.key_authorization = body,
	};
	struct error unclean;
	int r;

	random_name(story->job->random, name, sizeof(name));
	snprintf(token, sizeof(token), "certd-preflight-%s", name);
	snprintf(body, sizeof(body), "%s." STORY_PROBE_MARK, token);
	if (method->present(&config, &proof, err) < 0)
		return -1;
	r = ask(story, &proof, err);
	error_clear(&unclean);
	if (method->cleanup(&config, &proof, &unclean) < 0)
		log_failure(LOG_LEVEL_WARNING, story->certificate->name, &unclean);
	return r;
}

/* What is known of the CA's profiles. It may have changed since: without the preflight the CA is asked all the same. */
static int look_at_profile(const struct story *story, struct error *err)
{
	const struct config_settings *settings = &story->certificate->settings;
	char refusal[STORY_FINDING_SIZE];

	if (!plan_profile_refuses(story->ca->directory, settings->profile, &story->certificate->names, refusal, sizeof(refusal)))
		return 0;
	if (!settings->preflight) {
		log_warning("%s: %s", story->certificate->name, refusal);
		return 0;
	}
	error_set(err, ERROR_USAGE, "nothing was asked of the CA: %s", refusal);
	return error_advise(err, "choose another profile (--profile), or other names; where the CA has changed that since, preflight = false asks it "
	                         "all the same");
}

/* No public CA issues for what is not on the internet (CA/Browser Forum, Baseline Requirements 4.2.2); of a CA of one's own nothing is known. */
static void look_at_addresses(struct story *story)
{
	const struct config_ca *ca = story->ca;
	const struct ident_list *names = &story->certificate->names;

	for (size_t i = 0; i < names->count; i++) {
		const char *address = names->items[i].value;
		enum address_reach reach = names->items[i].type == IDENT_IP ? address_reach(address) : ADDRESS_PUBLIC;
		char text[STORY_FINDING_SIZE];

		if (reach == ADDRESS_PUBLIC || ca->caa == NULL)
			continue;
		snprintf(text, sizeof(text), "%s is %s, for which no public CA (%s) issues", address, address_reach_name(reach), ca->name);
		add_finding(story, text, "name the public address of this host, or have a CA of your own network issue (ca)");
	}
}

/* The probes remove what others left, and would remove that of another job which is at it. */
static int probe_disk(const struct story *story, const struct store_access *access, struct error *err)
{
	CLEANUP(clean_fd) int turn = -1;

	if (job_turn_take(story->job, "probe", &turn, err) < 0 || store_probe(story->store, err) < 0)
		return -1;
	return store_access_probe(story->store, access, err);
}

int job_preflight(struct story *story, struct error *err)
{
	const struct config_settings *settings = &story->certificate->settings;
	const struct challenge_method *method = challenge_find(settings->challenge);
	const struct challenge_config config = { .webroot = settings->webroot };
	struct store_access access;
	struct error trouble;

	if (!method)
		return error_set(err, ERROR_USAGE, "there is no challenge type %s", settings->challenge);
	job_access_of(settings, &access);
	if (probe_disk(story, &access, err) < 0 || method->check(&config, err) < 0)
		return error_context(err, "nothing was asked of the CA");
	if (look_at_profile(story, err) < 0)
		return -1;
	if (!settings->preflight)
		return 0;
	look_at_addresses(story);
	story_progress(story, "preflight", "looking up the names and fetching a test file through port 80");
	error_clear(&trouble);
	if (probe(story, method, &trouble) == 0)
		return 0;
	/* We are to stop, or the net process cannot begin at all: the order would fail in the same way. */
	if (trouble.kind == ERROR_INTERRUPTED || trouble.kind == ERROR_USAGE) {
		*err = trouble;
		return -1;
	}
	log_failure(LOG_LEVEL_WARNING, "the preflight could not be done, going on without it", &trouble);
	return job_net_start_ca(story->net, story->job, story->ca, err);
}
