#include "dns/resolve.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/text.h"
#include "dns/ask.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The questions about all hosts, in pairs: AAAA, A. */
struct run {
	struct dns_question *questions;
	struct dns_host **hosts; /* whose each pair is */
	size_t pairs;
};

/* An address is its own answer. */
static bool take_literal(struct dns_host *host)
{
	unsigned char address[sizeof(struct in6_addr)];
	int family = strchr(host->name, ':') ? AF_INET6 : AF_INET;

	if (inet_pton(family, host->name, address) != 1)
		return false;
	host->result = DNS_FOUND;
	host->addresses_count = 1;
	return inet_ntop(family, address, host->addresses[0], DNS_ADDRESS_SIZE) != NULL;
}

static void add_reason(struct dns_host *host, const struct dns_question *question)
{
	size_t len = strlen(host->reason);

	if (question->reason[0] == '\0')
		return;
	(void)snprintf(host->reason + len, sizeof(host->reason) - len, "%s%s: %s", len > 0 ? "; " : "",
	               dns_type_name(question->type), question->reason);
	text_clean(host->reason);
}

static void take_addresses(struct dns_host *host, const struct dns_question *question)
{
	size_t size = question->type == DNS_A ? sizeof(struct in_addr) : sizeof(struct in6_addr);
	int family = question->type == DNS_A ? AF_INET : AF_INET6;

	for (size_t i = 0; i < question->count && host->addresses_count < DNS_ADDRESSES_MAX; i++) {
		size_t len;
		const void *data = dns_question_data(question, i, &len);

		if (len == size && inet_ntop(family, data, host->addresses[host->addresses_count], DNS_ADDRESS_SIZE))
			host->addresses_count++;
	}
}

/* What one of the two questions says about the host. */
static enum dns_result judge(struct dns_host *host, const struct dns_question *question)
{
	size_t before = host->addresses_count;

	add_reason(host, question);
	if (question->canonical[0] != '\0')
		(void)text_copy(host->canonical, sizeof(host->canonical), question->canonical);
	if (question->result != DNS_FOUND)
		return question->result;
	host->secure = question->secure;
	take_addresses(host, question);
	return host->addresses_count > before || before == DNS_ADDRESSES_MAX ? DNS_FOUND : DNS_NODATA;
}

/* Both questions were asked of one name, so one answer decides: an address found is found; then what went wrong, the worse first. A name
 * that exists for one of them exists. */
static enum dns_result combine(enum dns_result a, enum dns_result b)
{
	static const enum dns_result order[] = { DNS_FOUND, DNS_BOGUS, DNS_FAILED, DNS_NODATA, DNS_NXDOMAIN };

	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		if (a == order[i] || b == order[i])
			return order[i];
	return DNS_FAILED;
}

static void run_done(struct run *run)
{
	for (size_t i = 0; run->questions && i < 2 * run->pairs; i++)
		dns_question_done(&run->questions[i]);
	free(run->questions);
	free(run->hosts);
}

int dns_resolve_all(const struct dns_config *config, struct dns_host *hosts, size_t count, struct error *err)
{
	CLEANUP(run_done) struct run run = { .questions = calloc(2 * count + 1, sizeof(*run.questions)) };

	run.hosts = calloc(count + 1, sizeof(struct dns_host *));
	if (!run.questions || !run.hosts)
		return error_oom(err);
	for (size_t i = 0; i < count; i++) {
		hosts[i].addresses_count = 0;
		hosts[i].canonical[0] = '\0';
		hosts[i].reason[0] = '\0';
		hosts[i].secure = false;
		if (take_literal(&hosts[i]))
			continue;
		run.questions[2 * run.pairs] = (struct dns_question){ .name = hosts[i].name, .type = DNS_AAAA };
		run.questions[2 * run.pairs + 1] = (struct dns_question){ .name = hosts[i].name, .type = DNS_A };
		run.hosts[run.pairs++] = &hosts[i];
	}
	if (dns_ask_all(config, run.questions, 2 * run.pairs, err) < 0)
		return -1;
	for (size_t i = 0; i < run.pairs; i++) {
		enum dns_result aaaa = judge(run.hosts[i], &run.questions[2 * i]);
		enum dns_result a = judge(run.hosts[i], &run.questions[2 * i + 1]);

		run.hosts[i]->result = combine(aaaa, a);
	}
	return 0;
}

const char *dns_result_name(enum dns_result result)
{
	switch (result) {
	case DNS_FOUND:
		return "found";
	case DNS_NXDOMAIN:
		return "nxdomain";
	case DNS_NODATA:
		return "nodata";
	case DNS_BOGUS:
		return "bogus";
	case DNS_FAILED:
		return "failed";
	}
	return "failed";
}
