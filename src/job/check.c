/* Step 5: the chain is for this key, these names, now, and verifies as far as it goes. Anything else is refused. */
#include "job/story.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "crypto/cert.h"
#include "crypto/pkey.h"

enum { SKEW_S = 60 * 60 };

/* A wish that is not fulfilled costs no certificate. */
static void warn_of_chain(const struct story *story)
{
	const char *preferred = story->certificate->settings.preferred_chain;
	struct cert_facts last;
	struct error ignored;

	if (!preferred || cert_chain_prefer(story->pair->chain, preferred) != CERT_PREFERENCE_NONE ||
	    cert_chain_facts(story->pair->chain, cert_chain_count(story->pair->chain) - 1, &last, &ignored) < 0)
		return;
	log_event(LOG_LEVEL_WARNING, EVENT_CHAIN_ABSENT, NULL,
	          "%s: %s does not offer the preferred chain \"%s\"; its default is taken, which ends at \"%s\"",
	          story->certificate->name, story->ca->name, preferred, last.issuer);
}

int job_check(struct story *story, struct error *err)
{
	struct story_pair *pair = story->pair;
	struct crypto_public public_key;

	if (cert_chain_parse(pair->chain_pem.data, pair->chain_pem.len, &pair->chain, err) < 0 ||
	    crypto_pkey_public(pair->key, &public_key, err) < 0 ||
	    cert_chain_check(pair->chain, &public_key, &story->certificate->names, clock_wall(story->job->clock), SKEW_S,
	                     err) < 0 ||
	    cert_chain_facts(pair->chain, 0, &pair->facts, err) < 0) {
		error_context(err, "the certificate that %s issued is refused", story->ca->name);
		return -1;
	}
	warn_of_chain(story);
	return 0;
}
