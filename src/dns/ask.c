/* ask.c: questions side by side, and what their answers say. */
#include "dns/ask.h"

#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "dns/context.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unbound.h>

enum { CLASS_IN = 1, RCODE_NOERROR = 0, RCODE_SERVFAIL = 2, LABEL_MAX = 63 };

struct lookup {
	int id; /* libunbound's */
	int error; /* libunbound's; 0 for none */
	bool done;
	struct ub_result *result; /* owned until the question takes it */
	size_t *pending;
};

struct run {
	const struct dns_config *config;
	struct ub_ctx *context;
	struct lookup *lookups; /* as many as questions, in their order */
	size_t count;
	size_t pending;
	int64_t began_at_ms;
};

static int64_t now_ms(void)
{
	return clock_monotonic_ms(clock_system());
}

static void on_answer(void *data, int error, struct ub_result *result)
{
	struct lookup *lookup = data;

	lookup->done = true;
	lookup->error = error;
	lookup->result = result;
	(*lookup->pending)--;
}

static void ask(struct run *run, const struct dns_question *question)
{
	struct lookup *lookup = &run->lookups[run->count++];

	*lookup = (struct lookup){ .pending = &run->pending };
	run->pending++;
	lookup->error = ub_resolve_async(run->context, question->name, (int)question->type, CLASS_IN, lookup, on_answer,
	                                 &lookup->id);
	if (lookup->error != 0) {
		lookup->done = true;
		run->pending--;
	}
}

static int await_answers(struct run *run, struct error *err)
{
	int64_t deadline_ms = run->began_at_ms + run->config->timeout_ms;

	while (run->pending > 0) {
		struct pollfd pfd = { .fd = ub_fd(run->context), .events = POLLIN };
		int64_t left_ms = deadline_ms - now_ms();
		int r;

		if (left_ms <= 0)
			return 0;
		if (poll(&pfd, 1, left_ms < 60000 ? (int)left_ms : 60000) < 0 && errno != EINTR)
			return error_sys(err, errno, "waiting for answers of DNS");
		r = ub_process(run->context);
		if (r != 0)
			return error_set(err, ERROR_INTERNAL, "libunbound cannot go on: %s", ub_strerror(r));
	}
	return 0;
}

static void cancel_unanswered(struct run *run)
{
	for (size_t i = 0; i < run->count; i++)
		if (!run->lookups[i].done)
			(void)ub_cancel(run->context, run->lookups[i].id);
}

static void take_canonical(struct dns_question *question, const char *name)
{
	size_t len;

	if (!name || !text_copy(question->canonical, sizeof(question->canonical), name)) {
		question->canonical[0] = '\0';
		return;
	}
	len = strlen(question->canonical);
	if (len > 0 && question->canonical[len - 1] == '.')
		question->canonical[len - 1] = '\0';
	for (char *c = question->canonical; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	text_clean(question->canonical);
	if (text_equal_nocase(question->canonical, question->name))
		question->canonical[0] = '\0';
}

static enum dns_result explain(struct dns_question *question, enum dns_result result, const char *reason)
{
	(void)text_copy(question->reason, sizeof(question->reason), reason);
	text_clean(question->reason);
	return result;
}

static enum dns_result judge(const struct run *run, const struct lookup *lookup, struct dns_question *question)
{
	const struct ub_result *result = lookup->result;
	char text[160];

	if (!lookup->done) {
		(void)snprintf(text, sizeof(text), "no answer within %lld ms", (long long)run->config->timeout_ms);
		return explain(question, DNS_FAILED, text);
	}
	if (lookup->error != 0)
		return explain(question, DNS_FAILED, ub_strerror(lookup->error));
	if (result->bogus)
		return explain(question, DNS_BOGUS, result->why_bogus ? result->why_bogus : "the DNSSEC signatures do not fit");
	question->secure = result->secure != 0;
	take_canonical(question, result->canonname);
	if (result->havedata)
		return DNS_FOUND;
	if (result->nxdomain)
		return DNS_NXDOMAIN;
	if (result->rcode == RCODE_NOERROR)
		return DNS_NODATA;
	if (result->rcode == RCODE_SERVFAIL)
		return explain(question, DNS_FAILED, "SERVFAIL: the name servers do not answer, or answer with errors");
	(void)snprintf(text, sizeof(text), "the name server answers with the error code %d", result->rcode);
	return explain(question, DNS_FAILED, text);
}

static void take_answer(const struct run *run, struct lookup *lookup, struct dns_question *question)
{
	question->result = judge(run, lookup, question);
	if (question->result == DNS_FOUND) {
		while (lookup->result->data[question->count])
			question->count++;
		question->answer = TAKE(lookup->result);
	}
}

static void run_done(struct run *run)
{
	for (size_t i = 0; i < run->count; i++)
		ub_resolve_free(run->lookups[i].result);
	free(run->lookups);
	dns_context_close(run->context);
}

int dns_ask_all(const struct dns_config *config, struct dns_question *questions, size_t count, struct error *err)
{
	CLEANUP(run_done) struct run run = { .config = config, .began_at_ms = now_ms() };

	for (size_t i = 0; i < count; i++)
		questions[i] = (struct dns_question){ .name = questions[i].name, .type = questions[i].type, .result = DNS_FAILED };
	if (count == 0)
		return 0;
	run.lookups = calloc(count, sizeof(*run.lookups));
	if (!run.lookups)
		return error_oom(err);
	if (dns_context_open(config, &run.context, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		ask(&run, &questions[i]);
	if (await_answers(&run, err) < 0)
		return -1;
	cancel_unanswered(&run);
	for (size_t i = 0; i < count; i++)
		take_answer(&run, &run.lookups[i], &questions[i]);
	return 0;
}

void dns_question_done(struct dns_question *question)
{
	ub_resolve_free(question->answer);
	question->answer = NULL;
	question->count = 0;
}

const void *dns_question_data(const struct dns_question *question, size_t i, size_t *ret_len)
{
	const struct ub_result *result = question->answer;

	*ret_len = result->len[i] > 0 ? (size_t)result->len[i] : 0;
	return result->data[i];
}

bool dns_name_parse(const void *data, size_t len, char out[static DNS_NAME_SIZE])
{
	const unsigned char *at = data;
	size_t used = 0;

	while (len > 0 && *at > 0) {
		size_t label = *at;

		if (label > LABEL_MAX || label >= len || used + label + 2 > DNS_NAME_SIZE)
			return false;
		if (used > 0)
			out[used++] = '.';
		for (size_t i = 1; i <= label; i++) {
			unsigned char c = at[i];

			if (c <= ' ' || c >= 127 || c == '.' || c == '\\')
				return false;
			out[used++] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
		}
		at += label + 1;
		len -= label + 1;
	}
	out[used] = '\0';
	return len == 1;
}

const char *dns_type_name(enum dns_type type)
{
	switch (type) {
	case DNS_A:
		return "A";
	case DNS_NS:
		return "NS";
	case DNS_CNAME:
		return "CNAME";
	case DNS_SOA:
		return "SOA";
	case DNS_AAAA:
		return "AAAA";
	case DNS_CAA:
		return "CAA";
	}
	return "?";
}
