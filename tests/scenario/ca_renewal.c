/* ca_renewal.c: RFC 9773 as the scripted CA has it. */
#include "ca_internal.h"

#include "base/error.h"
#include "base/text.h"
#include "crypto/cert.h"

#include <string.h>

static json_t *time_json(int64_t at)
{
	char text[TIME_TEXT_SIZE];

	return json_string(time_format(at, text));
}

static struct ca_order *find(struct ca *ca, const char *id)
{
	for (size_t i = 0; i < ca->order_count; i++) {
		if (ca->orders[i].id[0] != '\0' && text_equal(ca->orders[i].id, id))
			return &ca->orders[i];
	}
	return NULL;
}

void ca_renewal_note(struct ca_order *order)
{
	struct cert_chain *chain = NULL;
	struct cert_facts facts;
	struct error err;

	if (cert_chain_parse(order->leaf_pem, strlen(order->leaf_pem), &chain, &err) < 0)
		return;
	if (cert_chain_facts(chain, 0, &facts, &err) == 0) {
		text_copy(order->id, sizeof(order->id), facts.ari_id);
		order->not_before_at = facts.not_before_at;
		order->not_after_at = facts.not_after_at;
	}
	cert_chain_free(chain);
}

void ca_renewal_info(struct ca *ca, const char *id, struct ca_answer *answer)
{
	const struct ca_order *order = find(ca, id);
	int64_t start_at = ca->renewal_start_at, end_at = ca->renewal_end_at;
	json_t *window;

	if (order == NULL) {
		ca_answer_problem(answer, 404, "malformed", "no such certificate");
		return;
	}
	if (start_at == 0) {
		int64_t lifetime_s = order->not_after_at - order->not_before_at;

		start_at = order->not_before_at + lifetime_s * 2 / 3 - lifetime_s / 100;
		end_at = start_at + lifetime_s / 50;
	}
	window = json_pack("{s:o,s:o}", "start", time_json(start_at), "end", time_json(end_at));
	answer->json = json_pack("{s:o}", "suggestedWindow", window);
	if (ca->renewal_explanation[0] != '\0')
		json_object_set_new(answer->json, "explanationURL", json_string(ca->renewal_explanation));
	text_copy(answer->retry_after, sizeof(answer->retry_after),
	          ca->renewal_retry_after[0] != '\0' ? ca->renewal_retry_after : "21600");
	if (text_equal(answer->retry_after, "-"))
		answer->retry_after[0] = '\0';
}

bool ca_renewal_permits(struct ca *ca, size_t account, const char *replaces, struct ca_answer *answer)
{
	const struct ca_order *predecessor;

	if (replaces[0] == '\0')
		return true;
	predecessor = find(ca, replaces);
	if (predecessor == NULL) {
		ca_answer_problem(answer, 404, "malformed", "the certificate that is replaced is none of ours");
		return false;
	}
	if (predecessor->account != account) {
		ca_violation(ca, "an order that replaces another account's certificate");
		ca_answer_problem(answer, 403, "unauthorized", "that is another account's certificate");
		return false;
	}
	for (size_t i = 0; i < ca->order_count; i++) {
		if (!ca->orders[i].failed && text_equal(ca->orders[i].replaces, replaces)) {
			ca_answer_problem(answer, 409, "alreadyReplaced", "that certificate has a successor");
			return false;
		}
	}
	return true;
}
