#include "netproc/task.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/text.h"
#include "channel/message.h"
#include "dns/resolve.h"
#include "http/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	TEXT_MAX = 1024,
	PROBE_BODY_MAX = 512,
	FIRST_OCTETS = 60,
	ADDRESS_PORT_SIZE = DNS_ADDRESS_SIZE + 16,
	/* A reload of NGINX that has just been asked for takes effect a moment later, and a failed validation is counted by the CA. */
	SETTLE_MS = 2000,
	PAUSE_MS = 250,
};

/* One fetch of the probe: one name at one of its addresses. */
struct fetch {
	const char *name;
	char host[IDENT_VALUE_SIZE + 2]; /* as it stands in a URL */
	char url[HTTP_URL_MAX + 1];
	char connect_to[ADDRESS_PORT_SIZE];
	struct http_exchange exchange;
};

struct preflight {
	const struct message_preflight *task;
	struct dns_host *hosts;
	size_t hosts_count;
	struct fetch *fetches;
	size_t fetches_count;
	json_t *findings;
};

static void preflight_done(struct preflight *p)
{
	for (size_t i = 0; i < p->fetches_count; i++)
		http_exchange_done(&p->fetches[i].exchange);
	free(p->fetches);
	free(p->hosts);
	json_decref(p->findings);
}

static int add_finding(struct preflight *p, const char *name, const char *text, const char *advice, struct error *err)
{
	const struct message_finding finding = { .name = name, .text = text, .advice = advice };
	json_t *json = message_finding_pack(&finding);

	if (!json || json_array_append_new(p->findings, json) < 0)
		return error_oom(err);
	return 0;
}

static int resolve(struct preflight *p, struct error *err)
{
	const struct message_preflight *task = p->task;
	/* Without a trust anchor: a resolver that passes no DNSSEC on would make every name look forged. One that validates answers
	 * SERVFAIL for what is. */
	const struct dns_config config = {
		.resolver = task->resolver,
		.timeout_ms = task->limits.connect_ms,
	};

	p->hosts = calloc(task->names.count + 1, sizeof(*p->hosts));
	if (!p->hosts)
		return error_oom(err);
	for (size_t i = 0; i < task->names.count; i++) {
		if (!task->names.items[i].wildcard)
			p->hosts[p->hosts_count++].name = task->names.items[i].value;
	}
	return dns_resolve_all(&config, p->hosts, p->hosts_count, err);
}

/* What an answer of DNS that holds no address means. Nothing for DNS_FOUND. */
static int judge_host(struct preflight *p, const struct dns_host *host, struct error *err)
{
	char text[TEXT_MAX];
	const char *advice = "";

	switch (host->result) {
	case DNS_FOUND:
		return 0;
	case DNS_NXDOMAIN:
		snprintf(text, sizeof(text), "DNS has no record for %s (NXDOMAIN; a browser says DNS_PROBE_FINISHED_NXDOMAIN)",
		         host->name);
		advice = "add an A record (and AAAA, where the server has IPv6) for this name at your DNS provider, or leave the "
			 "name out";
		break;
	case DNS_NODATA:
		snprintf(text, sizeof(text), "%s exists in DNS, but has neither an A nor an AAAA record", host->name);
		advice = "add an A record (and AAAA, where the server has IPv6) for this name at your DNS provider";
		break;
	case DNS_BOGUS:
		snprintf(text, sizeof(text), "the DNS answer for %s fails DNSSEC validation: %s", host->name, host->reason);
		advice = "CAs validate DNSSEC: mend the zone's signatures or the DS record at the registrar";
		break;
	case DNS_FAILED:
		snprintf(text, sizeof(text), "%s could not be looked up in DNS: %s", host->name, host->reason);
		advice = "look whether the zone's name servers answer; certd asks the resolver of /etc/resolv.conf unless "
			 "`resolver` names another";
		break;
	}
	return add_finding(p, host->name, text, advice, err);
}

static void fetch_init(struct fetch *fetch, const struct message_preflight *task, const char *name, const char *address)
{
	bool v6 = strchr(address, ':') != NULL;
	bool v6_name = strchr(name, ':') != NULL;
	struct http_request request = {
		.method = HTTP_GET,
		.url = fetch->url,
		.connect_to = fetch->connect_to,
		.limits = {
			.connect_ms = task->limits.connect_ms,
			.idle_ms = task->limits.connect_ms,
			.total_ms = task->limits.connect_ms,
			.body_max = PROBE_BODY_MAX,
		},
	};

	fetch->name = name;
	snprintf(fetch->host, sizeof(fetch->host), v6_name ? "[%s]" : "%s", name);
	/* Asked as the CA does: Host names no port, wherever the request goes. */
	snprintf(fetch->url, sizeof(fetch->url), "http://%s/.well-known/acme-challenge/%s", fetch->host, task->token);
	snprintf(fetch->connect_to, sizeof(fetch->connect_to), "%s%s%s:%u", v6 ? "[" : "", address, v6 ? "]" : "",
	         task->http_port);
	http_exchange_init(&fetch->exchange, &request);
}

/* The first address of each family, each on its own: a CA that meets a dead AAAA does not always try the A. */
static size_t first_addresses(const struct dns_host *host, const char *ret[2])
{
	size_t count = 0;
	bool have_v4 = false, have_v6 = false;

	for (size_t i = 0; i < host->addresses_count && count < 2; i++) {
		bool v6 = strchr(host->addresses[i], ':') != NULL;
		bool *have = v6 ? &have_v6 : &have_v4;

		if (!*have)
			ret[count++] = host->addresses[i];
		*have = true;
	}
	return count;
}

static int plan_fetches(struct preflight *p, struct error *err)
{
	p->fetches = calloc(p->hosts_count * 2 + 1, sizeof(*p->fetches));
	if (!p->fetches)
		return error_oom(err);
	for (size_t i = 0; i < p->hosts_count; i++) {
		const char *addresses[2];
		size_t count = first_addresses(&p->hosts[i], addresses);

		for (size_t k = 0; k < count; k++)
			fetch_init(&p->fetches[p->fetches_count++], p->task, p->hosts[i].name, addresses[k]);
	}
	return 0;
}

static bool body_matches(const struct http_response *response, const char *expected)
{
	size_t len = response->body.len;

	while (len > 0 && strchr(" \t\r\n", response->body.data[len - 1]))
		len--;
	return len == strlen(expected) && memcmp(response->body.data, expected, len) == 0;
}

static bool fetch_passed(const struct preflight *p, const struct fetch *fetch)
{
	const struct http_response *response = &fetch->exchange.response;

	return fetch->exchange.result == 0 && response->status == 200 && body_matches(response, p->task->body);
}

/* Asks all that have not passed yet. */
static int fetch_round(struct preflight *p, const struct http_client *http, bool *ret_passed, struct error *err)
{
	CLEANUP(clean_free) struct http_exchange **list = calloc(p->fetches_count + 1, sizeof(struct http_exchange *));
	size_t count = 0;

	if (!list)
		return error_oom(err);
	for (size_t i = 0; i < p->fetches_count; i++) {
		struct http_exchange *exchange = &p->fetches[i].exchange;
		struct http_request request = exchange->request;

		if (fetch_passed(p, &p->fetches[i]))
			continue;
		http_exchange_done(exchange);
		http_exchange_init(exchange, &request);
		list[count++] = exchange;
	}
	if (count > 0 && http_perform_all(http, list, count, err) < 0)
		return -1;
	*ret_passed = true;
	for (size_t i = 0; i < p->fetches_count; i++)
		*ret_passed = *ret_passed && fetch_passed(p, &p->fetches[i]);
	return 0;
}

static int fetch_all(struct preflight *p, const struct netproc *net, struct error *err)
{
	int64_t end_ms = clock_monotonic_ms(net->clock) + SETTLE_MS;
	bool passed = false;

	if (plan_fetches(p, err) < 0)
		return -1;
	for (;;) {
		if (fetch_round(p, net->http, &passed, err) < 0)
			return -1;
		if (passed || clock_monotonic_ms(net->clock) + PAUSE_MS >= end_ms)
			return 0;
		clock_sleep_ms(net->clock, PAUSE_MS);
	}
}

static int judge_fetch(struct preflight *p, const struct fetch *fetch, struct error *err)
{
	const struct http_response *response = &fetch->exchange.response;
	char text[TEXT_MAX];
	char first[FIRST_OCTETS + 1];

	if (fetch->exchange.result < 0) {
		snprintf(text, sizeof(text), "a test file could not be fetched from http://%s at %s: %.600s", fetch->host,
		         fetch->connect_to, fetch->exchange.error.message);
		return add_finding(p, fetch->name, text,
		                   "the CA will connect to this address: look whether it is this server's, NGINX listens there, "
		                   "and the firewall lets port 80 through",
		                   err);
	}
	if (response->status >= 300 && response->status <= 399) {
		snprintf(text, sizeof(text), "http://%s at %s answers a test file with %d and a redirect to %.300s", fetch->host,
		         fetch->connect_to, response->status, response->location);
		return add_finding(p, fetch->name, text,
		                   "include the challenge snippet (certd-acme-challenge.conf) in the port-80 server and move its "
		                   "`return 301` into `location /`: at server level it defeats the exception",
		                   err);
	}
	if (fetch_passed(p, fetch))
		return 0;
	text_copy(first, sizeof(first), buf_text(&response->body));
	for (char *c = first; *c != '\0'; c++)
		*c = strchr("\r\n\t", *c) ? ' ' : *c;
	text_clean(first);
	snprintf(text, sizeof(text), "http://%s at %s answers a test file with status %d and \"%s\"", fetch->host,
	         fetch->connect_to, response->status, first);
	return add_finding(p, fetch->name, text,
	                   "another server answers for this name, or the port-80 server does not include the challenge snippet "
	                   "(certd-acme-challenge.conf), or another webroot stands in it (`nginx -T` shows which server has "
	                   "the name)",
	                   err);
}

int netproc_preflight(struct netproc *net, const json_t *message, json_t **ret_result, struct error *err)
{
	CLEANUP(message_preflight_done) struct message_preflight task = { 0 };
	CLEANUP(preflight_done) struct preflight p = { .task = &task };

	if (message_preflight_read(message, &task, err) < 0)
		return -1;
	p.findings = json_array();
	if (!p.findings)
		return error_oom(err);
	if (resolve(&p, err) < 0 || fetch_all(&p, net, err) < 0)
		return -1;
	for (size_t i = 0; i < p.hosts_count; i++) {
		if (judge_host(&p, &p.hosts[i], err) < 0)
			return -1;
	}
	for (size_t i = 0; i < p.fetches_count; i++) {
		if (judge_fetch(&p, &p.fetches[i], err) < 0)
			return -1;
	}
	*ret_result = json_pack("{s:b, s:O}", "ok", 1, "findings", p.findings);
	return *ret_result ? 0 : error_oom(err);
}
