/* check_caa.c: whether CAA records let the configured CA issue for the names. */
#include "netproc/check.h"

#include "acme/directory.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/text.h"
#include "dns/ask.h"
#include "dns/caa.h"
#include "http/http.h"
#include "netproc/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUESTIONS_MAX = 512, DIRECTORY_MAX = 256 * 1024 };

struct caa {
	struct acme_directory directory;
	const char *issuers[ACME_CAA_IDENTITIES_MAX + 2]; /* NULL-terminated */
	struct dns_question *questions; /* each name of every climb once */
	size_t count;
};

static void caa_done(struct caa *caa)
{
	for (size_t i = 0; i < caa->count; i++)
		dns_question_done(&caa->questions[i]);
	free(caa->questions);
	acme_directory_done(&caa->directory);
}

/* The CA's own word is the directory; what is known of a CA by name is for when it does not say, or cannot be reached. */
static int learn_issuers(struct check *check, struct caa *caa, struct error *err)
{
	const struct message_check *task = check->task;
	const struct http_request request = {
		.method = HTTP_GET,
		.url = task->directory_url,
		.https_only = true,
		.limits = { .connect_ms = task->limits.connect_ms, .idle_ms = task->limits.idle_ms, .total_ms = task->limits.request_ms,
		            .body_max = DIRECTORY_MAX },
	};
	struct http_exchange exchange;
	struct error ignored;
	size_t n = 0;
	int r;

	http_exchange_init(&exchange, &request);
	r = http_perform(check->net->http, &exchange, err);
	if (r == 0 && exchange.result == 0 && exchange.response.status == 200)
		(void)acme_directory_parse(buf_text(&exchange.response.body), exchange.response.body.len, task->directory_url,
		                           &caa->directory, &ignored);
	http_exchange_done(&exchange);
	if (r < 0)
		return -1;
	for (size_t i = 0; i < caa->directory.caa_identities.count; i++)
		caa->issuers[n++] = caa->directory.caa_identities.items[i];
	if (n == 0 && task->caa)
		caa->issuers[n] = task->caa;
	return 0;
}

static const char *first_step(const struct ident *ident)
{
	return ident->wildcard ? ident->value + 2 : ident->value;
}

static struct dns_question *find(const struct caa *caa, const char *name)
{
	for (size_t i = 0; i < caa->count; i++) {
		if (text_equal(caa->questions[i].name, name))
			return &caa->questions[i];
	}
	return NULL;
}

static int ask(struct check *check, struct caa *caa, struct error *err)
{
	caa->questions = calloc(QUESTIONS_MAX, sizeof(*caa->questions));
	if (!caa->questions)
		return error_oom(err);
	for (size_t i = 0; i < check->count; i++) {
		const struct ident *ident = check->names[i].ident;
		const char *at = ident->type == IDENT_DNS ? first_step(ident) : NULL;

		for (; at && caa->count < QUESTIONS_MAX; at = dns_caa_parent(at)) {
			if (!find(caa, at))
				caa->questions[caa->count++] = (struct dns_question){ .name = at, .type = DNS_CAA };
		}
	}
	return dns_ask_all(&check->dns, caa->questions, caa->count, err);
}

static enum check_level judge_set(const struct check *check, const struct caa *caa, const struct check_name *name,
                                  const struct dns_question *set, struct check_words *words)
{
	struct dns_caa records[DNS_CAA_RECORDS_MAX];
	const struct dns_caa_query query = {
		.issuers = caa->issuers,
		.account_url = check->task->account_url,
		.method = check->task->challenge,
		.wildcard = name->ident->wildcard,
	};
	struct dns_caa_answer answer;
	size_t count = 0;

	for (size_t i = 0; i < set->count && count < DNS_CAA_RECORDS_MAX; i++) {
		size_t len;
		const void *data = dns_question_data(set, i, &len);

		dns_caa_parse(data, len, &records[count++]);
	}
	dns_caa_judge(records, count, &query, &answer);
	CHECK_FORMAT(words->seen, "the set of %s: %s", set->name, answer.why[0] != '\0' ? answer.why : "it restricts no such certificate");
	switch (answer.verdict) {
	case DNS_CAA_UNRESTRICTED:
	case DNS_CAA_PERMITTED:
		return CHECK_OK;
	case DNS_CAA_DEPENDS:
		CHECK_FORMAT(words->means, "whether %s may issue shows only with the account that the record names", check->task->ca);
		CHECK_FORMAT(words->advice, "compare it with the account of certd at this CA, once there is one");
		return CHECK_WARNING;
	case DNS_CAA_FORBIDDEN:
		break;
	}
	CHECK_FORMAT(words->means, "%s may not issue for this name, and will refuse", check->task->ca);
	CHECK_FORMAT(words->advice, "add the record `%s. CAA 0 %s \"%s\"` at your DNS provider, or choose a CA that the records permit", set->name,
	             name->ident->wildcard ? "issuewild" : "issue", caa->issuers[0]);
	return CHECK_FAILURE;
}

static enum check_level judge_failed(const struct dns_question *question, struct check_words *words)
{
	CHECK_FORMAT(words->seen, "the CAA records of %s cannot be asked: %s", question->name, question->reason);
	CHECK_FORMAT(words->means, "a CA has to refuse when it gets no answer");
	CHECK_FORMAT(words->advice, "see that the name servers of the zone answer questions for CAA: with a record or with an empty answer, signed "
	                            "rightly where the zone is signed");
	return CHECK_FAILURE;
}

static int judge(struct check *check, const struct caa *caa, const struct check_name *name, struct error *err)
{
	struct check_words words = CHECK_WORDS;
	enum check_level level = CHECK_OK;
	bool decided = false;

	CHECK_FORMAT(words.asked, "CAA, of %s, for %s", check->asked_whom, check->task->ca);
	for (const char *at = first_step(name->ident); at && !decided; at = dns_caa_parent(at)) {
		const struct dns_question *question = find(caa, at);

		if (!question)
			break;
		decided = question->result != DNS_NODATA && question->result != DNS_NXDOMAIN;
		if (decided && question->result == DNS_FOUND)
			level = judge_set(check, caa, name, question, &words);
		else if (decided)
			level = judge_failed(question, &words);
	}
	if (!decided)
		CHECK_FORMAT(words.seen, "no record: every CA may issue");
	if (check->task->spare && level == CHECK_FAILURE)
		level = CHECK_WARNING;
	return check_add(check, name, "caa", level, &words, err);
}

static int say_unknown(struct check *check, const struct check_name *name, struct error *err)
{
	struct check_words words = CHECK_WORDS;

	CHECK_FORMAT(words.asked, "the name of %s in CAA records", check->task->ca);
	CHECK_FORMAT(words.seen, "its directory %.300s does not say it, or cannot be reached", check->task->directory_url);
	CHECK_FORMAT(words.means, "whether CAA records permit it was not looked at");
	return check_add(check, name, "caa", CHECK_WARNING, &words, err);
}

int check_caa(struct check *check, struct error *err)
{
	CLEANUP(caa_done) struct caa caa = { .directory = ACME_DIRECTORY };

	/* That there is no DNS was told. */
	if (check->no_dns)
		return 0;
	if (learn_issuers(check, &caa, err) < 0)
		return -1;
	if (caa.issuers[0] && ask(check, &caa, err) < 0)
		return -1;
	for (size_t i = 0; i < check->count; i++) {
		const struct check_name *name = &check->names[i];
		int r;

		/* A CA asks no CAA for an address. */
		if (name->ident->type == IDENT_IP)
			continue;
		r = caa.issuers[0] ? judge(check, &caa, name, err) : say_unknown(check, name, err);
		if (r < 0)
			return -1;
	}
	return 0;
}
