/* context.c: what libunbound has to know before the first question. */
#include "dns/context.h"

#include "base/clean.h"
#include "base/error.h"
#include "dns/resolve.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <unbound.h>

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

/* Without a forwarder libunbound asks the root's servers, and from there on those that answer for each zone. */
static int set_resolver(struct ub_ctx *context, const struct dns_config *config, struct error *err)
{
	const char *resolver = config->resolver;
	int r;

	if (!resolver && config->recurse)
		return 0;
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

int dns_context_open(const struct dns_config *config, struct ub_ctx **ret, struct error *err)
{
	struct ub_ctx *context = ub_ctx_create();
	int r;

	if (!context)
		return error_set(err, ERROR_INTERNAL, "libunbound cannot be started");
	*ret = context;
	(void)ub_ctx_debugout(context, NULL);
	(void)ub_ctx_debuglevel(context, 0);
	if (set_options(context, err) < 0 || set_resolver(context, config, err) < 0)
		return -1;
	if (config->trust_anchor && (r = ub_ctx_add_ta_file(context, config->trust_anchor)) != 0)
		return error_set(err, ERROR_SYSTEM, "%s: the trust anchor of DNSSEC cannot be used: %s", config->trust_anchor,
		                 ub_strerror(r));
	r = ub_ctx_async(context, 1); /* in a thread: the sandbox permits no fork */
	if (r != 0)
		return error_set(err, ERROR_INTERNAL, "libunbound cannot work in a thread: %s", ub_strerror(r));
	return finalize(context, config->trust_anchor, err);
}

void dns_context_close(struct ub_ctx *context)
{
	if (!context)
		return;
	ub_ctx_delete(context);
#ifdef __GLIBC__
	(void)malloc_trim(0); /* the resolver was most of this process's memory, in another arena than the rest will need */
#endif
}
