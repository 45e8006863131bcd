#include "dns/resolve.h"

#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unbound.h>

enum { CLASS_IN = 1, TYPE_A = 1, TYPE_AAAA = 28, RCODE_NOERROR = 0, RCODE_SERVFAIL = 2 };

struct lookup {
	struct dns_host *host;
	int type;
	int id; /* libunbound's */
	int error; /* libunbound's; 0 for none */
	bool done;
	struct ub_result *result; /* owned */
	size_t *pending;
};

struct run {
	const struct dns_config *config;
	struct ub_ctx *context;
	struct lookup *lookups;
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

/* The caches live as long as one call, and a few names do not need the room that a resolver for a network has. */
static int set_options(struct ub_ctx *context, struct error *err)
{
	static const char *const options[][2] = {
		{ "do-not-query-localhost:", "no" },
		{ "msg-cache-size:", "128k" },
		{ "rrset-cache-size:", "256k" },
		{ "key-cache-size:", "64k" },
		{ "neg-cache-size:", "16k" },
		{ "msg-cache-slabs:", "1" },
		{ "rrset-cache-slabs:", "1" },
		{ "infra-cache-slabs:", "1" },
		{ "key-cache-slabs:", "1" },
		{ "infra-cache-numhosts:", "256" },
		{ "outgoing-range:", "64" }, /* questions under way */
		{ "outgoing-port-avoid:", "1024-49151" }, /* three lists of the ports left are kept, at four octets each */
	};

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		int r = ub_ctx_set_option(context, options[i][0], options[i][1]);

		if (r != 0)
			return error_set(err, ERROR_INTERNAL, "libunbound does not take the option %s %s: %s", options[i][0],
			                 options[i][1], ub_strerror(r));
	}
	return 0;
}

static int set_resolver(struct ub_ctx *context, const char *resolver, struct error *err)
{
	int r;

	errno = 0;
	r = resolver ? ub_ctx_set_fwd(context, resolver) : ub_ctx_resolvconf(context, NULL);
	if (r == 0)
		return 0;
	if (resolver) {
		(void)error_set(err, ERROR_USAGE, "the resolver \"%.100s\" is no address: %s", resolver, ub_strerror(r));
		return error_advise(err, "write it as ADDRESS or ADDRESS@PORT, like 9.9.9.9 or 127.0.0.1@5353");
	}
	(void)error_set(err, ERROR_SYSTEM, "/etc/resolv.conf cannot be used: %s%s%s", ub_strerror(r), errno ? ": " : "",
	                errno ? strerror(errno) : "");
	return error_advise(err, "name a DNS server with --resolver ADDRESS (directive resolver)");
}

/* Starts libunbound up, and takes away the answers that it makes up by itself for names that private networks do use. */
static int finalize(struct ub_ctx *context, const char *trust_anchor, struct error *err)
{
	static const char *const zones[] = { "test.", "home.arpa." };

	for (size_t i = 0; i < ARRAY_SIZE(zones); i++) {
		int r = ub_ctx_zone_remove(context, zones[i]);

		if (r != 0 && trust_anchor)
			return error_set(err, ERROR_SYSTEM, "%s: DNS cannot be asked with this trust anchor of DNSSEC: %s",
			                 trust_anchor, ub_strerror(r));
		if (r != 0)
			return error_set(err, ERROR_INTERNAL, "libunbound cannot be started: %s", ub_strerror(r));
	}
	return 0;
}

static int open_context(const struct dns_config *config, struct ub_ctx **ret, struct error *err)
{
	struct ub_ctx *context = ub_ctx_create();
	int r;

	if (!context)
		return error_set(err, ERROR_INTERNAL, "libunbound cannot be started");
	*ret = context;
	(void)ub_ctx_debugout(context, NULL);
	(void)ub_ctx_debuglevel(context, 0);
	if (set_options(context, err) < 0 || set_resolver(context, config->resolver, err) < 0)
		return -1;
	if (config->trust_anchor && (r = ub_ctx_add_ta_file(context, config->trust_anchor)) != 0)
		return error_set(err, ERROR_SYSTEM, "%s: the trust anchor of DNSSEC cannot be used: %s", config->trust_anchor,
		                 ub_strerror(r));
	r = ub_ctx_async(context, 1); /* in a thread: the sandbox permits no fork */
	if (r != 0)
		return error_set(err, ERROR_INTERNAL, "libunbound cannot work in a thread: %s", ub_strerror(r));
	return finalize(context, config->trust_anchor, err);
}

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

static void ask(struct run *run, struct dns_host *host, int type)
{
	struct lookup *lookup = &run->lookups[run->count++];

	*lookup = (struct lookup){ .host = host, .type = type, .pending = &run->pending };
	run->pending++;
	lookup->error = ub_resolve_async(run->context, host->name, type, CLASS_IN, lookup, on_answer, &lookup->id);
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

static const char *type_name(const struct lookup *lookup)
{
	return lookup->type == TYPE_A ? "A" : "AAAA";
}

static void add_reason(struct dns_host *host, const struct lookup *lookup, const char *text)
{
	size_t len = strlen(host->reason);

	(void)snprintf(host->reason + len, sizeof(host->reason) - len, "%s%s: %s", len > 0 ? "; " : "", type_name(lookup), text);
	text_clean(host->reason);
}

static void take_addresses(struct dns_host *host, const struct lookup *lookup)
{
	const struct ub_result *result = lookup->result;
	int size = lookup->type == TYPE_A ? (int)sizeof(struct in_addr) : (int)sizeof(struct in6_addr);
	int family = lookup->type == TYPE_A ? AF_INET : AF_INET6;

	for (size_t i = 0; result->data[i] && host->addresses_count < DNS_ADDRESSES_MAX; i++)
		if (result->len[i] == size &&
		    inet_ntop(family, result->data[i], host->addresses[host->addresses_count], DNS_ADDRESS_SIZE))
			host->addresses_count++;
}

static void take_canonical(struct dns_host *host, const char *name)
{
	size_t len;

	if (!name || !text_copy(host->canonical, sizeof(host->canonical), name)) {
		host->canonical[0] = '\0';
		return;
	}
	len = strlen(host->canonical);
	if (len > 0 && host->canonical[len - 1] == '.')
		host->canonical[len - 1] = '\0';
	for (char *c = host->canonical; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	text_clean(host->canonical);
	if (text_equal_nocase(host->canonical, host->name))
		host->canonical[0] = '\0';
}

/* What one of the two questions says about the host. */
static enum dns_result judge(struct run *run, struct lookup *lookup)
{
	const struct ub_result *result = lookup->result;
	struct dns_host *host = lookup->host;
	char text[160];

	if (!lookup->done || lookup->error != 0) {
		if (lookup->done)
			(void)snprintf(text, sizeof(text), "%s", ub_strerror(lookup->error));
		else
			(void)snprintf(text, sizeof(text), "no answer within %lld ms", (long long)run->config->timeout_ms);
		add_reason(host, lookup, text);
		return DNS_FAILED;
	}
	if (result->bogus) {
		add_reason(host, lookup, result->why_bogus ? result->why_bogus : "the DNSSEC signatures do not fit");
		return DNS_BOGUS;
	}
	if (result->havedata) {
		take_canonical(host, result->canonname);
		take_addresses(host, lookup);
		return host->addresses_count > 0 ? DNS_FOUND : DNS_NODATA;
	}
	if (result->nxdomain)
		return DNS_NXDOMAIN;
	if (result->rcode == RCODE_NOERROR)
		return DNS_NODATA;
	if (result->rcode == RCODE_SERVFAIL)
		(void)snprintf(text, sizeof(text), "SERVFAIL: the name servers do not answer, or answer with errors");
	else
		(void)snprintf(text, sizeof(text), "the name server answers with the error code %d", result->rcode);
	add_reason(host, lookup, text);
	return DNS_FAILED;
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

/* Lookups stand in pairs: AAAA, A. */
static void take_answers(struct run *run)
{
	for (size_t i = 0; i + 1 < run->count; i += 2) {
		enum dns_result aaaa = judge(run, &run->lookups[i]), a = judge(run, &run->lookups[i + 1]);

		run->lookups[i].host->result = combine(aaaa, a);
	}
}

static void run_done(struct run *run)
{
	for (size_t i = 0; i < run->count; i++)
		ub_resolve_free(run->lookups[i].result);
	free(run->lookups);
	if (!run->context)
		return;
	ub_ctx_delete(run->context);
#ifdef __GLIBC__
	(void)malloc_trim(0); /* the resolver was most of this process's memory, in another arena than the rest will need */
#endif
}

int dns_resolve_all(const struct dns_config *config, struct dns_host *hosts, size_t count, struct error *err)
{
	CLEANUP(run_done) struct run run = { .config = config, .began_at_ms = now_ms() };

	run.lookups = calloc(2 * count + 1, sizeof(*run.lookups));
	if (!run.lookups)
		return error_oom(err);
	for (size_t i = 0; i < count; i++) {
		hosts[i].addresses_count = 0;
		hosts[i].canonical[0] = '\0';
		hosts[i].reason[0] = '\0';
		if (take_literal(&hosts[i]))
			continue;
		if (!run.context && open_context(config, &run.context, err) < 0)
			return -1;
		ask(&run, &hosts[i], TYPE_AAAA);
		ask(&run, &hosts[i], TYPE_A);
	}
	if (await_answers(&run, err) < 0)
		return -1;
	cancel_unanswered(&run);
	take_answers(&run);
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
