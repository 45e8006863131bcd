#include "dns/caa.h"

#include "base/clean.h"
#include "base/text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { FLAG_CRITICAL = 0x80, PARAMETERS_MAX = 16 };

/* Properties that a CA knows, whether or not they restrict it (RFC 8659, the CA/Browser Forum's contacts, RFC 9495, BIMI). */
static const char *const known_tags[] = {
	"issue", "issuewild", "iodef", "contactemail", "contactphone", "issuemail", "issuevmc",
};

/* The value of an issue or issuewild property, taken apart. */
struct issue {
	char domain[DNS_CAA_VALUE_SIZE]; /* "" forbids */
	char account[DNS_CAA_VALUE_SIZE];
	char methods[DNS_CAA_VALUE_SIZE];
	unsigned int accounts; /* how often the parameter was there */
	unsigned int methods_count;
};

void dns_caa_parse(const void *data, size_t len, struct dns_caa *ret)
{
	const unsigned char *at = data;
	size_t tag_len = len >= 2 ? at[1] : 0;
	size_t value_len;

	*ret = (struct dns_caa){ .critical = true };
	if (tag_len == 0 || tag_len >= sizeof(ret->tag) || len < 2 + tag_len)
		return;
	value_len = len - 2 - tag_len;
	if (value_len >= sizeof(ret->value) || memchr(at + 2, '\0', len - 2))
		return;
	ret->critical = (at[0] & FLAG_CRITICAL) != 0;
	memcpy(ret->tag, at + 2, tag_len);
	memcpy(ret->value, at + 2 + tag_len, value_len);
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static const char *skip_space(const char *at)
{
	return at + strspn(at, " \t");
}

/* A label, or a parameter's tag: both begin and end with a letter or a digit, with hyphens in between. Its length, 0 for none. */
static size_t label_length(const char *at)
{
	size_t len = 0;

	while (is_alnum(at[len]) || (len > 0 && at[len] == '-'))
		len++;
	return len > 0 && at[len - 1] == '-' ? 0 : len;
}

/* NULL when what stands there is no domain name. */
static const char *parse_domain(const char *at, struct issue *issue)
{
	const char *begin = at;
	size_t len = label_length(at);

	if (len == 0)
		return *at == '\0' || *at == ';' ? at : NULL;
	at += len;
	while (*at == '.') {
		len = label_length(at + 1);
		if (len == 0)
			return NULL;
		at += 1 + len;
	}
	memcpy(issue->domain, begin, (size_t)(at - begin));
	issue->domain[at - begin] = '\0';
	return skip_space(at);
}

static const char *parse_parameter(const char *at, struct issue *issue)
{
	const char *tag = at;
	size_t tag_len = label_length(at);
	char *out = NULL;
	size_t len;

	if (tag_len == 0)
		return NULL;
	at = skip_space(at + tag_len);
	if (*at != '=')
		return NULL;
	at = skip_space(at + 1);
	len = 0;
	while (at[len] > ' ' && at[len] < 127 && at[len] != ';')
		len++;
	if (tag_len == strlen("accounturi") && memcmp(tag, "accounturi", tag_len) == 0) {
		issue->accounts++;
		out = issue->account;
	} else if (tag_len == strlen("validationmethods") && memcmp(tag, "validationmethods", tag_len) == 0) {
		issue->methods_count++;
		out = issue->methods;
	}
	if (out) {
		memcpy(out, at, len);
		out[len] = '\0';
	}
	return skip_space(at + len);
}

/* The grammar of RFC 8659 section 4.2. False for what does not follow it: then nobody may issue by it. */
static bool parse_issue(const char *value, struct issue *ret)
{
	const char *at;

	*ret = (struct issue){ .accounts = 0 };
	at = parse_domain(skip_space(value), ret);
	if (!at || *at == '\0')
		return at != NULL;
	if (*at != ';')
		return false;
	at = skip_space(at + 1);
	if (*at == '\0')
		return true;
	for (unsigned int i = 0; i < PARAMETERS_MAX; i++) {
		at = parse_parameter(at, ret);
		if (!at || *at == '\0')
			return at != NULL;
		if (*at != ';')
			return false;
		at = skip_space(at + 1);
	}
	return false;
}

/* validationmethods = [label *("," label)] */
static bool methods_contain(const char *methods, const char *method)
{
	bool found = false;

	for (const char *at = methods; *at;) {
		size_t len = label_length(at);

		if (len == 0 || (at[len] != ',' && at[len] != '\0'))
			return false;
		found = found || (len == strlen(method) && memcmp(at, method, len) == 0);
		at += len;
		if (*at == ',' && *++at == '\0')
			return false;
	}
	return found;
}

static enum dns_caa_verdict say(struct dns_caa_answer *answer, enum dns_caa_verdict verdict, const char *what,
                                const struct dns_caa *record)
{
	(void)snprintf(answer->why, sizeof(answer->why), "%s: %.31s \"%.300s\"", what, record->tag, record->value);
	text_clean(answer->why);
	return verdict;
}

/* What a record that names the CA asks of the account and of the challenge. */
static enum dns_caa_verdict judge_parameters(const struct issue *issue, const struct dns_caa *record,
                                             const struct dns_caa_query *query, struct dns_caa_answer *answer)
{
	if (issue->accounts > 1 || issue->methods_count > 1)
		return say(answer, DNS_CAA_FORBIDDEN, "a parameter stands twice, so nobody can satisfy it", record);
	if (issue->accounts == 1 && query->account_url && !text_equal(issue->account, query->account_url))
		return say(answer, DNS_CAA_FORBIDDEN, "it names another account at the CA", record);
	if (issue->methods_count == 1 && query->method && !methods_contain(issue->methods, query->method))
		return say(answer, DNS_CAA_FORBIDDEN, "it permits other challenges only", record);
	if (issue->accounts == 1 && !query->account_url)
		return say(answer, DNS_CAA_DEPENDS, "it names an account, and ours is not known yet", record);
	if (issue->methods_count == 1 && !query->method)
		return say(answer, DNS_CAA_DEPENDS, "it names challenges, and ours is not known", record);
	return say(answer, DNS_CAA_PERMITTED, "permitted", record);
}

static enum dns_caa_verdict judge_record(const struct dns_caa *record, const struct dns_caa_query *query,
                                         struct dns_caa_answer *answer)
{
	struct issue issue;

	if (!parse_issue(record->value, &issue))
		return say(answer, DNS_CAA_FORBIDDEN, "it cannot be read, and so forbids", record);
	if (issue.domain[0] == '\0')
		return say(answer, DNS_CAA_FORBIDDEN, "it permits nobody", record);
	for (size_t i = 0; query->issuers[i]; i++) {
		if (text_equal_nocase(issue.domain, query->issuers[i]))
			return judge_parameters(&issue, record, query, answer);
	}
	return say(answer, DNS_CAA_FORBIDDEN, "it permits another CA only", record);
}

static const struct dns_caa *find_unknown_critical(const struct dns_caa *records, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		bool known = false;

		for (size_t k = 0; k < ARRAY_SIZE(known_tags); k++)
			known = known || text_equal_nocase(records[i].tag, known_tags[k]);
		if (records[i].critical && !known)
			return &records[i];
	}
	return NULL;
}

static bool has_tag(const struct dns_caa *records, size_t count, const char *tag)
{
	for (size_t i = 0; i < count; i++) {
		if (text_equal_nocase(records[i].tag, tag))
			return true;
	}
	return false;
}

/* Records add up: one that permits is enough. Of those that do not, the one that comes nearest says why. */
void dns_caa_judge(const struct dns_caa *records, size_t count, const struct dns_caa_query *query,
                   struct dns_caa_answer *ret)
{
	const char *tag = query->wildcard && has_tag(records, count, "issuewild") ? "issuewild" : "issue";
	const struct dns_caa *unknown = find_unknown_critical(records, count);
	struct dns_caa_answer best = { .verdict = DNS_CAA_UNRESTRICTED };
	bool any = false;

	if (unknown) {
		best.verdict = say(&best, DNS_CAA_FORBIDDEN, "a critical property that CAs do not know", unknown);
		*ret = best;
		return;
	}
	for (size_t i = 0; i < count; i++) {
		struct dns_caa_answer one = { .verdict = DNS_CAA_UNRESTRICTED };

		if (!text_equal_nocase(records[i].tag, tag))
			continue;
		one.verdict = judge_record(&records[i], query, &one);
		if (!any || one.verdict < best.verdict)
			best = one;
		any = true;
	}
	*ret = best;
}

const char *dns_caa_parent(const char *name)
{
	const char *dot = strchr(name, '.');

	return dot && dot[1] != '\0' ? dot + 1 : NULL;
}

const char *dns_caa_verdict_name(enum dns_caa_verdict verdict)
{
	switch (verdict) {
	case DNS_CAA_UNRESTRICTED:
		return "unrestricted";
	case DNS_CAA_PERMITTED:
		return "permitted";
	case DNS_CAA_DEPENDS:
		return "depends";
	case DNS_CAA_FORBIDDEN:
		return "forbidden";
	}
	return "forbidden";
}
