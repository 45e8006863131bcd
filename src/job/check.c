/* Step 5: the chain is for this key, these names, now, and verifies as far as it goes. Anything else is refused. */
#include "job/story.h"

#include "base/clock.h"
#include "base/error.h"
#include "crypto/cert.h"
#include "crypto/pkey.h"

enum { SKEW_S = 60 * 60 };

int job_check(struct story *story, struct error *err)
{
	struct crypto_public public_key;

	if (cert_chain_parse(story->chain_pem.data, story->chain_pem.len, &story->chain, err) < 0 ||
	    pkey_public(story->key, &public_key, err) < 0 ||
	    cert_chain_check(story->chain, &public_key, &story->certificate->names, clock_wall(story->job->clock), SKEW_S,
	                     err) < 0 ||
	    cert_chain_facts(story->chain, 0, &story->facts, err) < 0) {
		error_context(err, "the certificate that %s issued is refused", story->certificate->settings.ca->name);
		return -1;
	}
	return 0;
}
