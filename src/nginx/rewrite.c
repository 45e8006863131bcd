/* rewrite.c: what `return`, `rewrite`, `if` and `break` do to a request, as far as that can be known without making it. */
#include "base/text.h"
#include "nginx/advisor.h"

#include <stdio.h>
#include <string.h>

enum { TOKENS_MAX = 8, TOKEN_SIZE = 512 };

/* The condition's words, without its parentheses. */
struct condition {
	char tokens[TOKENS_MAX][TOKEN_SIZE];
	size_t count;
};

static bool read_condition(const struct nginx_directive *d, struct condition *ret)
{
	ret->count = 0;
	for (size_t i = 0; i < d->arg_count; i++) {
		char *token;
		const char *arg = d->args[i];
		size_t len;

		if (i == 0 && arg[0] == '(')
			arg++;
		len = strlen(arg);
		if (i + 1 == d->arg_count && len > 0 && arg[len - 1] == ')')
			len--;
		/* An empty word in the middle is a value: `if ($a = "")`. */
		if (len == 0 && (i == 0 || i + 1 == d->arg_count))
			continue;
		if (ret->count >= TOKENS_MAX || len >= TOKEN_SIZE)
			return false;
		token = ret->tokens[ret->count++];
		memcpy(token, arg, len);
		token[len] = '\0';
	}
	return ret->count > 0;
}

/* The value of one variable, "$host" or "${host}"; NULL for what is not known. A text without variables is its own value. */
static const char *value_of(const char *text, const struct nginx_request *request, char port[static 8])
{
	const struct {
		const char *name, *value;
	} known[] = {
		{ "host", request->name },         { "http_host", request->name },    { "server_name", request->server_name },
		{ "scheme", request->scheme },     { "uri", request->path },          { "request_uri", request->path },
		{ "document_uri", request->path }, { "request_method", "GET" },       { "server_port", port },
		{ "args", "" },                    { "query_string", "" },            { "is_args", "" },
		{ "https", text_equal(request->scheme, "https") ? "on" : "" },
	};
	char name[64];
	size_t len;

	if (strchr(text, '$') == NULL)
		return text;
	if (text[0] != '$')
		return NULL;
	text += text[1] == '{' ? 2 : 1;
	len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
	if (len >= sizeof(name) || (text[len] != '\0' && !text_equal(text + len, "}")))
		return NULL;
	memcpy(name, text, len);
	name[len] = '\0';
	snprintf(port, 8, "%u", request->port % 65536);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (text_equal(known[i].name, name))
			return known[i].value;
	}
	return NULL;
}

static enum nginx_match negate(enum nginx_match m)
{
	return m == NGINX_MATCH_YES ? NGINX_MATCH_NO : m == NGINX_MATCH_NO ? NGINX_MATCH_YES : m;
}

static enum nginx_match compare(const char *left, const char *operator, const char *right)
{
	bool negated = operator[0] == '!';

	if (negated)
		operator++;
	if (text_equal(operator, "=") && right != NULL)
		return text_equal(left, right) != negated ? NGINX_MATCH_YES : NGINX_MATCH_NO;
	if ((text_equal(operator, "~") || text_equal(operator, "~*")) && right != NULL) {
		enum nginx_match m = nginx_regex_match(right, operator[1] == '*', left);

		return negated ? negate(m) : m;
	}
	return NGINX_MATCH_UNSURE;
}

static enum nginx_match is_true(const struct nginx_directive *d, const struct nginx_request *request)
{
	struct condition c;
	char left_port[8], right_port[8];
	const char *left, *right;

	if (!read_condition(d, &c) || c.tokens[0][0] != '$')
		return NGINX_MATCH_UNSURE;
	left = value_of(c.tokens[0], request, left_port);
	if (left == NULL)
		return NGINX_MATCH_UNSURE;
	if (c.count == 1)
		return left[0] != '\0' && !text_equal(left, "0") ? NGINX_MATCH_YES : NGINX_MATCH_NO;
	if (c.count != 3)
		return NGINX_MATCH_UNSURE;
	/* An expression may hold a `$` that is no variable. */
	right = strchr(c.tokens[1], '~') != NULL ? c.tokens[2] : value_of(c.tokens[2], request, right_port);
	return compare(left, c.tokens[1], right);
}

static struct nginx_rewrite fate(enum nginx_fate fate, const struct nginx_directive *cause, const char *target)
{
	return (struct nginx_rewrite){ .fate = fate, .cause = cause, .target = target };
}

static struct nginx_rewrite answered(const struct nginx_directive *d, const char *target)
{
	return fate(text_has_prefix(target, "https://") ? NGINX_FATE_REDIRECTED : NGINX_FATE_ANSWERED, d, target);
}

static struct nginx_rewrite run_rewrite(const struct nginx_directive *d, const struct nginx_request *request)
{
	enum nginx_match m = nginx_regex_match(nginx_directive_arg(d, 0), false, request->path);

	if (m == NGINX_MATCH_YES)
		return answered(d, nginx_directive_arg(d, 1));
	return fate(m == NGINX_MATCH_NO ? NGINX_FATE_CONTINUES : NGINX_FATE_UNSURE, d, NULL);
}

/* What the block has done so far. */
struct progress {
	bool stopped; /* a `break` was met: the rest is not run */
	bool perhaps_stopped;
	struct nginx_rewrite unsure; /* the first thing that may have happened; NGINX_FATE_CONTINUES for none */
};

static struct nginx_rewrite run(const struct nginx_directive *d, const struct nginx_request *request, bool nested,
                                struct progress *p);

static struct nginx_rewrite run_if(const struct nginx_directive *d, const struct nginx_request *request, struct progress *p)
{
	struct progress inner = { .unsure = fate(NGINX_FATE_CONTINUES, NULL, NULL) };
	enum nginx_match m = is_true(d, request);
	struct nginx_rewrite r;

	if (m == NGINX_MATCH_NO)
		return inner.unsure;
	r = run(d->first, request, true, &inner);
	if (m == NGINX_MATCH_YES) {
		p->stopped = inner.stopped;
		p->perhaps_stopped = p->perhaps_stopped || inner.perhaps_stopped;
		return r;
	}
	p->perhaps_stopped = p->perhaps_stopped || inner.stopped || inner.perhaps_stopped;
	if (inner.stopped || r.fate != NGINX_FATE_CONTINUES)
		return fate(NGINX_FATE_UNSURE, r.cause != NULL ? r.cause : d, NULL);
	return r;
}

/* Runs the directives in order. */
static struct nginx_rewrite run(const struct nginx_directive *d, const struct nginx_request *request, bool nested,
                                struct progress *p)
{
	for (; d != NULL && !p->stopped; d = d->next) {
		struct nginx_rewrite r = fate(NGINX_FATE_CONTINUES, NULL, NULL);

		if (text_equal(d->name, "return"))
			r = answered(d, nginx_directive_arg(d, d->arg_count > 1 ? 1 : 0));
		else if (text_equal(d->name, "rewrite"))
			r = run_rewrite(d, request);
		else if (text_equal(d->name, "break"))
			p->stopped = true;
		else if (text_equal(d->name, "if") && d->block && !nested)
			r = run_if(d, request, p);
		if (r.fate == NGINX_FATE_ANSWERED || r.fate == NGINX_FATE_REDIRECTED)
			return p->perhaps_stopped ? p->unsure : r;
		if (r.fate == NGINX_FATE_UNSURE && p->unsure.fate == NGINX_FATE_CONTINUES)
			p->unsure = r;
	}
	return p->unsure;
}

struct nginx_rewrite nginx_rewrite(const struct nginx_directive *block, const struct nginx_request *request)
{
	struct progress progress = { .unsure = fate(NGINX_FATE_CONTINUES, NULL, NULL) };

	return run(block->first, request, false, &progress);
}
