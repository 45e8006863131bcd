/* proof.c: how a request for the proof of http-01 ends in a server. */
#include "base/text.h"
#include "nginx/advisor.h"

#include <string.h>

#define CHALLENGE_PATH "/.well-known/acme-challenge/"

static struct nginx_proof proof(enum nginx_proof_fate fate, const struct nginx_directive *cause)
{
	return (struct nginx_proof){ .fate = fate, .cause = cause };
}

bool nginx_block_includes(const struct nginx_directive *block, const char *path)
{
	for (const struct nginx_directive *d = block->first; d != NULL && path != NULL; d = d->next) {
		if (text_equal(d->file, path))
			return true;
	}
	return false;
}

/* Whether the directory, of `root` or `alias`, is this one: slashes at the end do not count. */
static bool is_directory(const char *path, const char *wanted)
{
	size_t a = strlen(path), b = strlen(wanted);

	while (a > 1 && path[a - 1] == '/')
		a--;
	while (b > 1 && wanted[b - 1] == '/')
		b--;
	return a == b && memcmp(path, wanted, a) == 0;
}

/* A location that is there for the proofs, whoever wrote it. */
static bool is_exception(const struct nginx_directive *d, struct nginx_location *ret)
{
	return nginx_location_parse(d, ret) && strstr(ret->path, "acme-challenge") != NULL;
}

const struct nginx_directive *nginx_proof_exception(const struct nginx_directive *block, const char *snippet)
{
	const struct nginx_directive *found = NULL;
	struct nginx_location l;

	for (const struct nginx_directive *d = block->first; d != NULL; d = d->next) {
		if (!is_exception(d, &l))
			continue;
		if (snippet != NULL && text_equal(d->file, snippet))
			return d;
		if (found == NULL)
			found = d;
	}
	return found;
}

static const char *const handlers[] = { "proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass", "memcached_pass" };

static const struct nginx_directive *find_handler(const struct nginx_directive *block)
{
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
		const struct nginx_directive *d = nginx_directive_find(block->first, handlers[i]);

		if (d != NULL)
			return d;
	}
	return NULL;
}

/* The first rule for everybody of the nearest block that has rules; NULL when there is none. */
static const struct nginx_directive *find_denial(const struct nginx_directive *block)
{
	do {
		bool rules = false;

		for (const struct nginx_directive *d = block->first; d != NULL; d = d->next) {
			bool allow = text_equal(d->name, "allow");

			if (!allow && !text_equal(d->name, "deny"))
				continue;
			rules = true;
			if (text_equal(nginx_directive_arg(d, 0), "all"))
				return allow ? NULL : d;
		}
		if (rules)
			return NULL;
		block = block->parent;
	} while (block != NULL);
	return NULL;
}

/* What keeps the CA out, where it is not `satisfy any` (which nobody can judge from here). */
static const struct nginx_directive *find_guard(const struct nginx_conf *conf, const struct nginx_directive *block)
{
	static const char *const guards[] = { "auth_basic", "auth_request", "auth_jwt" };
	const struct nginx_directive *satisfy = nginx_directive_inherited(conf, block, "satisfy");

	if (satisfy != NULL && text_equal(nginx_directive_arg(satisfy, 0), "any"))
		return NULL;
	for (size_t i = 0; i < sizeof(guards) / sizeof(guards[0]); i++) {
		const struct nginx_directive *d = nginx_directive_inherited(conf, block, guards[i]);

		if (d != NULL && !text_equal(nginx_directive_arg(d, 0), "off"))
			return d;
	}
	return find_denial(block);
}

/* Whether a file of the webroot is what the block answers with. */
static bool serves_webroot(const struct nginx_expected *expected, const struct nginx_conf *conf,
                           const struct nginx_directive *block, const struct nginx_directive **ret_cause)
{
	const struct nginx_directive *alias = nginx_directive_find(block->first, "alias");
	const struct nginx_directive *root = nginx_directive_inherited(conf, block, "root");
	const char *path;
	size_t webroot;

	*ret_cause = alias != NULL ? alias : root != NULL ? root : block;
	if (expected->webroot == NULL)
		return true;
	if (alias == NULL)
		return root != NULL && is_directory(nginx_directive_arg(root, 0), expected->webroot);
	/* `location /.well-known/acme-challenge/ { alias WEBROOT/.well-known/acme-challenge/; }` */
	path = nginx_directive_arg(alias, 0);
	webroot = strlen(expected->webroot);
	while (webroot > 0 && expected->webroot[webroot - 1] == '/')
		webroot--;
	return strncmp(path, expected->webroot, webroot) == 0 && is_directory(path + webroot, CHALLENGE_PATH);
}

/* The location, or the server where there is none, that the request came to. */
static struct nginx_proof in_block(const struct nginx_expected *expected, const struct nginx_conf *conf,
                                   const struct nginx_directive *block)
{
	const struct nginx_directive *cause = find_guard(conf, block);

	if (cause != NULL)
		return proof(NGINX_PROOF_DENIED, cause);
	cause = find_handler(block);
	if (cause != NULL)
		return proof(NGINX_PROOF_ELSEWHERE, cause);
	if (serves_webroot(expected, conf, block, &cause))
		return proof(NGINX_PROOF_SERVED, block);
	return proof(NGINX_PROOF_ELSEWHERE, cause);
}

/* `return 200 "TOKEN.THUMBPRINT"` in an exception is a proof that needs no file. */
static bool is_stateless(const struct nginx_directive *block, const struct nginx_directive *cause)
{
	struct nginx_location l;

	return is_exception(block, &l) && text_equal(cause->name, "return") && text_equal(nginx_directive_arg(cause, 0), "200");
}

static struct nginx_proof by_rewrite(const struct nginx_rewrite *r, enum nginx_proof_fate otherwise)
{
	struct nginx_proof p = proof(otherwise, r->cause);

	if (r->fate == NGINX_FATE_UNSURE)
		p.fate = NGINX_PROOF_UNSURE;
	if (r->fate == NGINX_FATE_REDIRECTED) {
		p.fate = NGINX_PROOF_REDIRECTED;
		p.target = r->target;
	}
	return p;
}

static struct nginx_proof in_location(const struct nginx_expected *expected, const struct nginx_conf *conf,
                                      const struct nginx_directive *block, const struct nginx_request *request)
{
	struct nginx_rewrite r = { .fate = NGINX_FATE_CONTINUES };

	/* The server's own were run before. */
	if (text_equal(block->name, "location"))
		r = nginx_rewrite(block, request);
	if (r.fate == NGINX_FATE_CONTINUES)
		return in_block(expected, conf, block);
	if (r.fate == NGINX_FATE_ANSWERED && is_stateless(block, r.cause))
		return proof(NGINX_PROOF_SERVED, block);
	return by_rewrite(&r, NGINX_PROOF_ELSEWHERE);
}

struct nginx_proof nginx_proof(const struct nginx_expected *expected, const struct nginx_conf *conf,
                               const struct nginx_server *server, const struct nginx_request *request)
{
	const struct nginx_directive *exception = nginx_proof_exception(server->block, expected->challenge_snippet);
	const struct nginx_directive *location;
	struct nginx_rewrite r = nginx_rewrite(server->block, request);
	struct nginx_proof p;
	bool unsure = false;

	if (r.fate != NGINX_FATE_CONTINUES)
		return by_rewrite(&r, NGINX_PROOF_RETURNED);
	location = nginx_location_choose(server->block, request->path, &unsure);
	p = in_location(expected, conf, location != NULL ? location : server->block, request);
	if (p.fate != NGINX_PROOF_SERVED && exception != NULL && exception != location) {
		p.fate = NGINX_PROOF_SHADOWED;
		p.cause = location != NULL ? location : server->block;
		p.exception = exception;
	}
	if (unsure && p.fate == NGINX_PROOF_SERVED)
		p = proof(NGINX_PROOF_UNSURE, p.cause);
	return p;
}
