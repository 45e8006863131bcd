#include "acme/chain.h"

#include "acme/post.h"
#include "acme/session.h"
#include "acme/url.h"
#include "base/clean.h"
#include "base/text.h"
#include "crypto/cert.h"
#include "crypto/keytype.h"

#include <stdio.h>
#include <string.h>

enum { SKEW_S = 60 * 60 };

static const char what[] = "the certificate";
static const char relation[] = "alternate ";

struct alternates {
	struct acme_post posts[ACME_ALTERNATES_MAX];
	size_t count;
};

static void alternates_done(struct alternates *alternates)
{
	for (size_t i = 0; i < alternates->count; i++)
		acme_post_done(&alternates->posts[i]);
}

static int read_chain(const struct http_response *response, struct cert_chain **ret, struct cert_facts *ret_leaf)
{
	CLEANUP(cert_chain_cleanup) struct cert_chain *chain = NULL;
	struct error ignored;

	if (cert_chain_parse(buf_text(&response->body), response->body.len, &chain, &ignored) < 0 ||
	    cert_chain_facts(chain, 0, ret_leaf, &ignored) < 0)
		return -1;
	*ret = TAKE(chain);
	return 0;
}

/* Whether each certificate of it certifies the one before: an alternate that does not would cost the certificate later. */
static bool holds(const struct acme_session *session, const struct cert_chain *chain)
{
	CLEANUP(ident_list_done) struct ident_list idents = { 0 };
	struct crypto_public key;
	struct error ignored;

	return cert_chain_public(chain, &key, &ignored) == 0 && cert_chain_idents(chain, &idents, &ignored) == 0 &&
	       cert_chain_check(chain, &key, &idents, acme_session_now_at(session), SKEW_S, &ignored) == 0;
}

/* How well an alternate is what is preferred; one for another leaf, or that does not hold, not at all. */
static enum cert_preference judge(const struct acme_session *session, const struct acme_post *post, const char *preferred,
                                  const struct cert_facts *leaf)
{
	CLEANUP(cert_chain_cleanup) struct cert_chain *chain = NULL;
	struct cert_facts facts;

	if (!post->settled || post->result != 0 || read_chain(&post->exchange.response, &chain, &facts) < 0 ||
	    !text_equal(leaf->fingerprint, facts.fingerprint) || !holds(session, chain))
		return CERT_PREFERENCE_NONE;
	return cert_chain_prefer(chain, preferred);
}

/* A CA may name each chain as an alternate of each other, the one that is there already too. */
static bool is_new(const struct alternates *alternates, const char *first, const char *url)
{
	for (size_t i = 0; i < alternates->count; i++) {
		if (text_equal(alternates->posts[i].url, url))
			return false;
	}
	return !text_equal(first, url);
}

static void find_alternates(struct acme_session *session, const struct http_response *response, const char *first,
                            struct alternates *ret)
{
	struct error ignored;

	for (size_t i = 0; i < response->links.count && ret->count < ACME_ALTERNATES_MAX; i++) {
		const char *url = response->links.items[i];

		if (!text_has_prefix(url, relation))
			continue;
		url += strlen(relation);
		if (is_new(ret, first, url) && acme_url_check(url, session->config.directory_url, "alternate", &ignored) == 0)
			ret->posts[ret->count++] = (struct acme_post){ .what = "an alternate chain", .url = url, .payload = "" };
	}
}

static void tell_default(struct acme_session *session, size_t count, const char *preferred)
{
	char text[2 * CERT_NAME_SIZE];
	struct error ignored;

	snprintf(text, sizeof(text), "none of the %zu chains that the CA offers is that of %.200s: taking its default", count,
	         preferred);
	(void)acme_session_tell(session, ACME_STEP_DOWNLOAD, text, &ignored);
}

/* The answer that holds the chain to be taken: the default, or an alternate that is more what is preferred. */
static const struct http_response *choose(struct acme_session *session, const struct http_response *first, const char *url,
                                          const char *preferred, struct alternates *alternates)
{
	CLEANUP(cert_chain_cleanup) struct cert_chain *chain = NULL;
	const struct http_response *chosen = first;
	enum cert_preference best;
	struct cert_facts leaf;
	struct error ignored;

	/* What is no chain is the caller's to refuse. */
	if (read_chain(first, &chain, &leaf) < 0)
		return first;
	best = cert_chain_prefer(chain, preferred);
	if (best == CERT_PREFERENCE_END)
		return first;
	find_alternates(session, first, url, alternates);
	if (alternates->count > 0)
		(void)acme_post_all(session, alternates->posts, alternates->count, &ignored);
	for (size_t i = 0; i < alternates->count; i++) {
		enum cert_preference preference = judge(session, &alternates->posts[i], preferred, &leaf);

		if (preference > best) {
			best = preference;
			chosen = &alternates->posts[i].exchange.response;
		}
	}
	if (best == CERT_PREFERENCE_NONE)
		tell_default(session, alternates->count + 1, preferred);
	return chosen;
}

int acme_chain_fetch(struct acme_session *session, const char *url, const char *preferred, struct buf *out, struct error *err)
{
	CLEANUP(acme_post_done) struct acme_post post = { .what = what, .url = url, .payload = "" };
	CLEANUP(alternates_done) struct alternates alternates = { 0 };
	const struct http_response *response = &post.exchange.response;

	if (acme_session_tell(session, ACME_STEP_DOWNLOAD, "fetching the certificate", err) != 0 ||
	    acme_post_one(session, &post, err) != 0 || acme_post_check_body(response, post.what, err) != 0)
		return -1;
	if (preferred != NULL)
		response = choose(session, response, url, preferred, &alternates);
	if (buf_append(out, response->body.data, response->body.len) != 0)
		return error_set(err, ERROR_PROTOCOL, "%s at %s: a chain of %zu octets is longer than the %zu accepted", what,
		                 session->host, response->body.len, out->max);
	return 0;
}
