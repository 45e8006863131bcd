#include "acme/challenge.h"

#include "acme/post.h"
#include "acme/session.h"
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/log.h"

#include <stdlib.h>

struct posts {
	struct acme_post *items;
	size_t count;
};

static void posts_done(struct posts *posts)
{
	for (size_t i = 0; i < posts->count; i++)
		acme_post_done(&posts->items[i]);
	free(posts->items);
}

void acme_proofs_done(struct acme_proofs *proofs)
{
	free(proofs->items);
	*proofs = (struct acme_proofs){ 0 };
}

int acme_proofs_init(struct acme_proofs *proofs, size_t max, struct error *err)
{
	*proofs = (struct acme_proofs){ .max = max };
	proofs->items = calloc(max > 0 ? max : 1, sizeof(*proofs->items));
	return proofs->items != NULL ? 0 : error_oom(err);
}

static struct acme_proof proof_of(const struct acme_presented *presented)
{
	return (struct acme_proof){ .type = presented->challenge.type, .identifier = &presented->identifier,
		                    .token = presented->challenge.token };
}

static int set_none_left(const struct acme_authorization *authorization, const char *const *types, bool declined,
                         struct error *err)
{
	CLEANUP(buf_done) struct buf wished = BUF(256);

	for (size_t i = 0; types[i] != NULL; i++)
		buf_printf(&wished, "%s%.60s", i > 0 ? ", " : "", types[i]);
	error_set(err, ERROR_REFUSED, "no way to prove %s: the CA offers %s; to be used %s %s%s",
	          authorization->identifier.value,
	          authorization->offered[0] != '\0' ? authorization->offered : "no challenge",
	          types[0] != NULL && types[1] != NULL ? "are" : "is", buf_text(&wished),
	          declined ? ", which cannot be published here" : "");
	return error_advise(err, "choose a challenge that the CA offers for this name (--challenge); wildcards need dns-01");
}

int acme_challenge_present(struct acme_session *session, const struct acme_authorization *authorization,
                           const char *const *types, struct acme_proofs *proofs, struct error *err)
{
	const struct acme_notary *notary = session->config.notary;
	bool declined = false;

	if (proofs->count == proofs->max)
		return error_set(err, ERROR_INTERNAL, "more proofs than authorizations");
	for (size_t i = 0; types[i] != NULL; i++) {
		const struct acme_challenge *challenge = acme_authorization_find(authorization, types[i]);
		struct acme_presented *next = &proofs->items[proofs->count];
		struct acme_proof proof;
		int r;

		if (challenge == NULL)
			continue;
		*next = (struct acme_presented){ .identifier = authorization->identifier, .challenge = *challenge };
		proof = proof_of(next);
		r = notary->present(notary->self, &proof, err);
		if (r < 0)
			return -1;
		if (r != ACME_DECLINED) {
			proofs->count++;
			return 0;
		}
		declined = true;
	}
	return set_none_left(authorization, types, declined, err);
}

/* Whether the refusal of an announcement only says that it is not the first one. */
static bool is_under_way(const struct acme_post *post)
{
	return post->exchange.response.status == 409 || post->problem == ACME_PROBLEM_CONFLICT ||
	       post->problem == ACME_PROBLEM_MALFORMED;
}

int acme_challenge_answer(struct acme_session *session, struct acme_proofs *proofs, struct error *err)
{
	CLEANUP(posts_done) struct posts posts = { 0 };

	posts.items = calloc(proofs->count > 0 ? proofs->count : 1, sizeof(*posts.items));
	if (posts.items == NULL)
		return error_oom(err);
	for (size_t i = 0; i < proofs->count; i++) {
		/* One that the CA works on since an earlier run needs its proof there, but no second announcement. */
		if (proofs->items[i].challenge.status != ACME_CHALLENGE_PENDING)
			continue;
		posts.items[posts.count++] =
			(struct acme_post){ .what = "the challenge", .url = proofs->items[i].challenge.url, .payload = "{}" };
	}
	proofs->sent_ms = acme_session_now_ms(session);
	if (acme_post_all(session, posts.items, posts.count, err) != 0)
		return -1;
	for (size_t i = 0; i < posts.count; i++) {
		const struct acme_post *post = &posts.items[i];

		if (post->result != 0 && !is_under_way(post)) {
			*err = post->error;
			return -1;
		}
		if (post->sent_ms > proofs->sent_ms)
			proofs->sent_ms = post->sent_ms;
	}
	return 0;
}

void acme_challenge_cleanup(struct acme_session *session, struct acme_proofs *proofs)
{
	const struct acme_notary *notary = session->config.notary;
	struct error err;

	for (size_t i = 0; i < proofs->count; i++) {
		struct acme_proof proof = proof_of(&proofs->items[i]);

		if (notary->cleanup(notary->self, &proof, &err) != 0)
			log_debug("taking back the proof for %s: %s", proof.identifier->value, err.message);
	}
	proofs->count = 0;
}
