/* location.c: which location answers for a path. */
#include "base/text.h"
#include "nginx/regex.h"
#include "nginx/servers.h"

#include <string.h>

static const struct {
	const char *mark; /* the longer ones first */
	enum nginx_modifier modifier;
	bool nocase;
} modifiers[] = {
	{ "^~", NGINX_LOCATION_PREFIX_FINAL, false },
	{ "~*", NGINX_LOCATION_REGEX, true },
	{ "~", NGINX_LOCATION_REGEX, false },
	{ "=", NGINX_LOCATION_EXACT, false },
};

bool nginx_location_parse(const struct nginx_directive *directive, struct nginx_location *ret)
{
	const char *first = nginx_directive_arg(directive, 0);
	bool two = directive->arg_count == 2;

	if (!directive->block || !text_equal(directive->name, "location") || directive->arg_count < 1 ||
	    directive->arg_count > 2)
		return false;
	for (size_t i = 0; i < sizeof(modifiers) / sizeof(modifiers[0]); i++) {
		if (two ? !text_equal(first, modifiers[i].mark) : !text_has_prefix(first, modifiers[i].mark))
			continue;
		*ret = (struct nginx_location){ .modifier = modifiers[i].modifier, .nocase = modifiers[i].nocase,
			                        .path = two ? directive->args[1] : first + strlen(modifiers[i].mark) };
		return true;
	}
	if (two)
		return false;
	*ret = (struct nginx_location){ .modifier = first[0] == '@' ? NGINX_LOCATION_NAMED : NGINX_LOCATION_PREFIX,
		                        .path = first };
	return true;
}

/* The exact location, else the one with the longest prefix; NULL for none. */
static const struct nginx_directive *choose_prefix(const struct nginx_directive *block, const char *path,
                                                   struct nginx_location *ret)
{
	const struct nginx_directive *best = NULL;

	for (const struct nginx_directive *d = block->first; d != NULL; d = d->next) {
		struct nginx_location l;

		if (!nginx_location_parse(d, &l))
			continue;
		if (l.modifier == NGINX_LOCATION_EXACT && text_equal(l.path, path)) {
			*ret = l;
			return d;
		}
		if ((l.modifier == NGINX_LOCATION_PREFIX || l.modifier == NGINX_LOCATION_PREFIX_FINAL) &&
		    text_has_prefix(path, l.path) && (best == NULL || strlen(l.path) > strlen(ret->path))) {
			*ret = l;
			best = d;
		}
	}
	return best;
}

static const struct nginx_directive *choose_regex(const struct nginx_directive *block, const char *path, bool *unsure)
{
	for (const struct nginx_directive *d = block->first; d != NULL; d = d->next) {
		struct nginx_location l;
		enum nginx_match m;

		if (!nginx_location_parse(d, &l) || l.modifier != NGINX_LOCATION_REGEX)
			continue;
		m = nginx_regex_match(l.path, l.nocase, path);
		if (m == NGINX_MATCH_YES)
			return d;
		*unsure = *unsure || m == NGINX_MATCH_UNSURE;
	}
	return NULL;
}

/* NGINX's order: the exact one; the longest prefix, and within it the same again; then the expressions of this block, unless the
 * prefix forbids them. Recursion: as deep as blocks are in each other. */
static const struct nginx_directive *choose(const struct nginx_directive *block, const char *path, bool *ret_final,
                                            bool *unsure)
{
	struct nginx_location l = { .path = "" };
	const struct nginx_directive *prefix = choose_prefix(block, path, &l);
	const struct nginx_directive *inner = NULL, *regex;
	bool final = false;

	if (prefix != NULL && l.modifier == NGINX_LOCATION_EXACT) {
		*ret_final = true;
		return prefix;
	}
	if (prefix != NULL)
		inner = choose(prefix, path, &final, unsure);
	if (final) {
		*ret_final = true;
		return inner;
	}
	if (prefix == NULL || l.modifier != NGINX_LOCATION_PREFIX_FINAL) {
		regex = choose_regex(block, path, unsure);
		if (regex != NULL) {
			inner = choose(regex, path, &final, unsure);
			*ret_final = true;
			return inner != NULL ? inner : regex;
		}
	}
	return inner != NULL ? inner : prefix;
}

const struct nginx_directive *nginx_location_choose(const struct nginx_directive *block, const char *path, bool *ret_unsure)
{
	bool final = false, unsure = false;
	const struct nginx_directive *found = choose(block, path, &final, &unsure);

	if (ret_unsure != NULL && unsure)
		*ret_unsure = true;
	return found;
}
