/* check_dns.c: what the world is told of the names: addresses, CNAMEs, and what is there in their place. */
#include "netproc/check.h"

#include "base/address.h"
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/text.h"
#include "dns/ask.h"
#include "netproc/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where the system's package of the root's DNSSEC key puts it. */
static const char trust_anchor[] = "/usr/share/dns/root.key";

/* Two questions about each name besides its addresses. */
struct extra {
	struct dns_question *questions; /* CNAME, SOA for each name in DNS */
	size_t count;
};

static void extra_done(struct extra *extra)
{
	for (size_t i = 0; i < extra->count; i++)
		dns_question_done(&extra->questions[i]);
	free(extra->questions);
}

static bool all_failed(const struct check *check)
{
	for (size_t i = 0; i < check->names_in_dns; i++) {
		if (check->hosts[i].result != DNS_FAILED)
			return false;
	}
	return check->names_in_dns > 0;
}

/* Of the authoritative servers, because a resolver nearby may know it otherwise than the world. Where they cannot be reached, of that one. */
static int resolve(struct check *check, struct error *err)
{
	check->dns = (struct dns_config){
		.resolver = check->task->resolver,
		.recurse = true,
		.trust_anchor = !check->task->resolver && access(trust_anchor, R_OK) == 0 ? trust_anchor : NULL,
		.timeout_ms = check->task->limits.connect_ms,
	};
	(void)snprintf(check->asked_whom, sizeof(check->asked_whom), "%s%.100s",
	               check->task->resolver ? "the resolver " : "the authoritative servers",
	               check->task->resolver ? check->task->resolver : "");
	if (dns_resolve_all(&check->dns, check->hosts, check->hosts_count, err) < 0)
		return -1;
	if (check->task->resolver || !all_failed(check))
		return 0;
	check->dns.recurse = false;
	check->dns.trust_anchor = NULL;
	(void)text_copy(check->asked_whom, sizeof(check->asked_whom),
	                "the resolver of /etc/resolv.conf (the authoritative servers could not be asked from here)");
	if (dns_resolve_all(&check->dns, check->hosts, check->hosts_count, err) < 0)
		return -1;
	check->no_dns = all_failed(check);
	return 0;
}

static int ask_extra(struct check *check, struct extra *extra, struct error *err)
{
	size_t count = check->names_in_dns;

	extra->questions = calloc(2 * count + 1, sizeof(*extra->questions));
	if (!extra->questions)
		return error_oom(err);
	for (size_t i = 0; i < count; i++) {
		extra->questions[extra->count++] = (struct dns_question){ .name = check->hosts[i].name, .type = DNS_CNAME };
		extra->questions[extra->count++] = (struct dns_question){ .name = check->hosts[i].name, .type = DNS_SOA };
	}
	return dns_ask_all(&check->dns, extra->questions, extra->count, err);
}

static void choose_targets(struct check_name *name)
{
	const struct dns_host *host = name->host;
	bool have[CHECK_FAMILIES] = { false };

	for (size_t i = 0; i < host->addresses_count && name->targets_count < CHECK_FAMILIES; i++) {
		size_t family = strchr(host->addresses[i], ':') ? 0 : 1;

		if (!have[family])
			name->targets[name->targets_count++].address = host->addresses[i];
		have[family] = true;
	}
}

static void list_addresses(const struct dns_host *host, char *out, size_t size)
{
	CLEANUP(buf_done) struct buf text = BUF(size - 1);

	if (host->canonical[0] != '\0')
		(void)buf_printf(&text, "CNAME to %s; ", host->canonical);
	for (size_t i = 0; i < host->addresses_count; i++)
		(void)buf_printf(&text, "%s%s %s", i > 0 ? ", " : "", strchr(host->addresses[i], ':') ? "AAAA" : "A", host->addresses[i]);
	(void)snprintf(out, size, "%s", buf_text(&text));
}

static enum check_level judge_found(const struct check *check, const struct dns_host *host, struct check_words *words)
{
	list_addresses(host, words->seen, sizeof(words->seen));
	if (host->reason[0] != '\0') {
		CHECK_FORMAT(words->means, "but part of it could not be asked: %s", host->reason);
		CHECK_FORMAT(words->advice, "a CA that meets this refuses: see that the zone's name servers answer A and AAAA both, AAAA maybe with "
		                            "an empty answer");
		return CHECK_WARNING;
	}
	if (check->dns.trust_anchor)
		CHECK_FORMAT(words->means, "%s", host->secure ? "proven by DNSSEC" : "not signed with DNSSEC");
	return CHECK_OK;
}

static enum check_level judge(const struct check *check, const struct dns_host *host, struct check_words *words)
{
	CHECK_FORMAT(words->asked, "A and AAAA, of %s", check->asked_whom);
	switch (host->result) {
	case DNS_FOUND:
		return judge_found(check, host, words);
	case DNS_NXDOMAIN:
		if (host->canonical[0] != '\0') {
			CHECK_FORMAT(words->seen, "CNAME to %s, which does not exist (NXDOMAIN)", host->canonical);
			CHECK_FORMAT(words->advice, "mend the CNAME of this name at your DNS provider, or put an A record (and AAAA, where the server has "
			                            "IPv6) in its place");
		} else {
			CHECK_FORMAT(words->seen, "NXDOMAIN: there is no such name");
			CHECK_FORMAT(words->advice, "add an A record (and AAAA, where the server has IPv6) for this name at your DNS provider");
		}
		CHECK_FORMAT(words->means, "a browser says DNS_PROBE_FINISHED_NXDOMAIN, and no CA can validate the name");
		return CHECK_FAILURE;
	case DNS_NODATA:
		CHECK_FORMAT(words->seen, "%s%s%sneither A nor AAAA", host->canonical[0] != '\0' ? "CNAME to " : "", host->canonical,
		             host->canonical[0] != '\0' ? ", which has " : "the name exists, with ");
		CHECK_FORMAT(words->means, "nobody can connect: a browser says that the server's address could not be found");
		CHECK_FORMAT(words->advice, "add an A record (and AAAA, where the server has IPv6) for this name at your DNS provider");
		return CHECK_FAILURE;
	case DNS_BOGUS:
		CHECK_FORMAT(words->seen, "the answer fails DNSSEC validation: %s", host->reason);
		CHECK_FORMAT(words->means, "resolvers that validate answer SERVFAIL, and CAs must validate");
		CHECK_FORMAT(words->advice, "mend the zone's signatures, or the DS record at the registrar");
		return CHECK_FAILURE;
	case DNS_FAILED:
		break;
	}
	CHECK_FORMAT(words->seen, "no answer: %s", host->reason);
	CHECK_FORMAT(words->means, "a browser says that the server's address could not be found, and no CA can validate the name");
	if (check->no_dns) {
		CHECK_FORMAT(words->means, "no name at all could be asked for: it seems that this host has no DNS");
		CHECK_FORMAT(words->advice, "look at this host's network and at /etc/resolv.conf, or name a DNS server that answers with `resolver`");
		return CHECK_FAILURE;
	}
	CHECK_FORMAT(words->advice, "look whether the zone's name servers answer, and whether the registrar names the right ones; SERVFAIL may also "
	                            "come of DNSSEC signatures that do not fit");
	return CHECK_FAILURE;
}

/* A name with one dot is, all but surely, a domain of its own, also where the CNAME hides its SOA. */
static bool is_apex(const char *name, const struct dns_question *soa)
{
	const char *dot = strchr(name, '.');

	return (soa->result == DNS_FOUND && soa->canonical[0] == '\0') || (dot && !strchr(dot + 1, '.'));
}

static int say_apex(struct check *check, const struct check_name *name, const struct dns_question *cname,
                    const struct dns_question *soa, struct error *err)
{
	struct check_words words = CHECK_WORDS;
	char target[DNS_NAME_SIZE];
	const void *data;
	size_t len;

	if (cname->result != DNS_FOUND || cname->count == 0 || !is_apex(name->ident->value, soa))
		return 0;
	data = dns_question_data(cname, 0, &len);
	if (!dns_name_parse(data, len, target))
		(void)text_copy(target, sizeof(target), "another name");
	CHECK_FORMAT(words.asked, "CNAME, of %s", check->asked_whom);
	CHECK_FORMAT(words.seen, "CNAME to %s at the top of its zone", target);
	CHECK_FORMAT(words.means, "the top of a zone has SOA and NS records, and RFC 1034 forbids a CNAME beside others: some resolvers then lose "
	                          "mail, CAA or the name itself");
	CHECK_FORMAT(words.advice, "replace it by A and AAAA records with the addresses of that server, or by what your DNS provider calls ALIAS, "
	                           "ANAME or CNAME flattening");
	return check_add(check, name, "dns", CHECK_FAILURE, &words, err);
}

static int say_wildcard(struct check *check, const struct check_name *name, struct error *err)
{
	struct check_words words = CHECK_WORDS;

	CHECK_FORMAT(words.asked, "addresses");
	CHECK_FORMAT(words.seen, "a wildcard has none of its own");
	CHECK_FORMAT(words.means, "not looked at");
	CHECK_FORMAT(words.advice, "check a name below it: certd check www%.200s", name->ident->value + 1);
	return check_add(check, name, "dns", CHECK_OK, &words, err);
}

int check_dns(struct check *check, struct error *err)
{
	CLEANUP(extra_done) struct extra extra = { .count = 0 };

	if (resolve(check, err) < 0 || ask_extra(check, &extra, err) < 0)
		return -1;
	for (size_t i = 0; i < check->count; i++) {
		struct check_name *name = &check->names[i];
		struct check_words words = CHECK_WORDS;
		enum check_level level;
		size_t k;

		if (!name->host) {
			if (say_wildcard(check, name, err) < 0)
				return -1;
			continue;
		}
		choose_targets(name);
		if (name->ident->type == IDENT_IP)
			continue;
		k = (size_t)(name->host - check->hosts);
		level = judge(check, name->host, &words);
		if (check_add(check, name, "dns", level, &words, err) < 0 ||
		    say_apex(check, name, &extra.questions[2 * k], &extra.questions[2 * k + 1], err) < 0)
			return -1;
	}
	return 0;
}

/* A host with a public address of that family, not this one. (Behind NAT a host has none, and cannot tell.) */
static bool surely_not_ours(const struct check *check, const char *address)
{
	const struct strv *local = &check->task->local;
	bool v6 = strchr(address, ':') != NULL;
	bool have_public = false;

	if (strv_contains(local, address))
		return false;
	for (size_t i = 0; i < local->count; i++)
		have_public = have_public || ((strchr(local->items[i], ':') != NULL) == v6 && address_reach(local->items[i]) == ADDRESS_PUBLIC);
	return have_public && address_reach(address) == ADDRESS_PUBLIC;
}

static void judge_not_ours(const char *address, bool literal, struct check_words *words)
{
	CHECK_FORMAT(words->seen, "it is none of this host's");
	CHECK_FORMAT(words->means, "visitors, and a CA that validates, go to another machine");
	if (literal)
		CHECK_FORMAT(words->advice, "leave it out of the certificate (certd issue, with the other names), unless it is forwarded to this host");
	else
		CHECK_FORMAT(words->advice, "correct the %s record, unless a proxy in front of this host answers there", strchr(address, ':') ? "AAAA" : "A");
}

static void judge_narrow(enum address_reach how, bool literal, struct check_words *words)
{
	CHECK_FORMAT(words->seen, "it is %s", address_reach_name(how));
	CHECK_FORMAT(words->means, "%s",
	             how == ADDRESS_LOOPBACK ? "nobody but this machine itself reaches it" :
	             how == ADDRESS_PRIVATE  ? "nobody outside of the private network reaches it, and no public CA" :
	                                       "it is nobody's on the internet");
	if (literal)
		CHECK_FORMAT(words->advice, "a public CA issues no certificate for it: choose the host's public address, or a CA of your network (ca)");
	else
		CHECK_FORMAT(words->advice, "give the name the host's public address, unless it is meant for this network only");
}

/* An address of a name; or an address that is the name. */
static int say_address(struct check *check, const struct check_name *name, const struct check_target *target, struct error *err)
{
	struct check_words words = CHECK_WORDS;
	enum address_reach how = address_reach(target->address);
	bool literal = name->ident->type == IDENT_IP;
	enum check_level level = CHECK_WARNING;

	CHECK_FORMAT(words.asked, "whose address %s is", target->address);
	if (how != ADDRESS_PUBLIC) {
		judge_narrow(how, literal, &words);
	} else if (!target->ours && surely_not_ours(check, target->address)) {
		judge_not_ours(target->address, literal, &words);
	} else if (literal && (target->ours || strv_contains(&check->task->local, target->address))) {
		level = CHECK_OK;
		CHECK_FORMAT(words.seen, target->ours ? "this host answers there" : "it is this host's");
	} else {
		return 0;
	}
	return check_add(check, name, literal ? "address" : "dns", level, &words, err);
}

int check_addresses(struct check *check, struct error *err)
{
	for (size_t i = 0; i < check->count; i++) {
		const struct check_name *name = &check->names[i];

		for (size_t k = 0; k < name->targets_count; k++) {
			if (say_address(check, name, &name->targets[k], err) < 0)
				return -1;
		}
	}
	return 0;
}
