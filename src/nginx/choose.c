/* choose.c: which server answers for a name. */
#include "base/text.h"
#include "nginx/regex.h"
#include "nginx/servers.h"

#include <string.h>

/* A name of a server of the socket. */
struct entry {
	size_t server, name;
};

/* The part of a wildcard that is compared: "*.example.com" and ".example.com" are "example.com", "www.example.*" is "www.example". */
static const char *stem(const struct nginx_name *name, size_t *ret_len)
{
	const char *text = name->text;
	size_t len = strlen(text);

	if (name->kind == NGINX_NAME_LEADING) {
		size_t skip = text[0] == '*' ? 2 : 1;

		text += skip;
		len -= skip;
	} else if (name->kind == NGINX_NAME_TRAILING) {
		len -= 2;
	}
	*ret_len = len;
	return text;
}

/* ".example.com", which is also example.com itself. */
static bool is_dotted(const struct nginx_name *name)
{
	return name->kind == NGINX_NAME_LEADING && name->text[0] == '.';
}

static bool same_stem(const struct nginx_name *a, const struct nginx_name *b)
{
	size_t a_len, b_len;
	const char *a_text = stem(a, &a_len), *b_text = stem(b, &b_len);

	return a_len == b_len && memcmp(a_text, b_text, a_len) == 0;
}

static enum nginx_match match(const struct nginx_name *name, const char *text)
{
	size_t len, text_len = strlen(text);
	const char *part = stem(name, &len);
	bool found = false;

	switch (name->kind) {
	case NGINX_NAME_EXACT:
		found = text_equal(name->text, text);
		break;
	case NGINX_NAME_LEADING:
		found = (is_dotted(name) && text_equal(part, text)) ||
		        (text_len > len + 1 && text[text_len - len - 1] == '.' && text_equal(text + text_len - len, part));
		break;
	case NGINX_NAME_TRAILING:
		found = text_len > len && text[len] == '.' && strncmp(text, part, len) == 0;
		break;
	case NGINX_NAME_REGEX:
		/* NGINX compares names without case as soon as the expression holds a capital letter; they come in lower case anyway. */
		return nginx_regex_match(part, true, text);
	case NGINX_NAME_NONE:
		break;
	}
	return found ? NGINX_MATCH_YES : NGINX_MATCH_NO;
}

static const struct nginx_name *name_at(const struct nginx_servers *servers, struct entry e)
{
	return &servers->items[e.server].names[e.name];
}

/* The next entry of the socket; from { 0, 0 } on with `begin`. False behind the last. */
static bool next_entry(const struct nginx_servers *servers, const struct nginx_socket *socket, bool begin, struct entry *e)
{
	if (!begin)
		e->name++;
	for (; e->server < servers->count; e->server++, e->name = 0) {
		const struct nginx_server *server = &servers->items[e->server];

		if (e->name < server->name_count && (e->name > 0 || nginx_server_listen(server, socket) != NULL))
			return true;
	}
	return false;
}

/* The earlier entry because of which NGINX ignores this one. NGINX keeps two tables: exact names, where ".example.com" is example.com, and
 * wildcards, where it is *.example.com. What finds its place taken is ignored as a whole. */
static const struct nginx_name *taken_by(const struct nginx_servers *servers, const struct nginx_socket *socket,
                                         struct entry entry)
{
	const struct nginx_name *name = name_at(servers, entry);
	struct entry e = { 0, 0 };

	if (name->kind == NGINX_NAME_REGEX)
		return NULL;
	for (bool more = next_entry(servers, socket, true, &e); more; more = next_entry(servers, socket, false, &e)) {
		const struct nginx_name *other = name_at(servers, e);
		bool exact = (name->kind == NGINX_NAME_EXACT || is_dotted(name)) &&
		             (other->kind == NGINX_NAME_EXACT || is_dotted(other));
		bool wild = name->kind == other->kind && name->kind != NGINX_NAME_EXACT;

		if (e.server == entry.server && e.name == entry.name)
			return NULL;
		if (other->kind == NGINX_NAME_REGEX || !(exact || wild) || !same_stem(name, other))
			continue;
		/* A dotted name that was ignored for an exact one holds no place among the wildcards. */
		if (!exact && is_dotted(other) && taken_by(servers, socket, e) != NULL)
			continue;
		return other;
	}
	return NULL;
}

/* Whether a precedes b, both of which match: by kind, then the longer wildcard, then (regular expressions) the first. */
static bool precedes(const struct nginx_name *a, const struct nginx_name *b)
{
	size_t a_len, b_len;

	if (b == NULL)
		return true;
	if (a->kind != b->kind)
		return a->kind < b->kind;
	if (a->kind == NGINX_NAME_REGEX)
		return false;
	stem(a, &a_len);
	stem(b, &b_len);
	return a_len > b_len;
}

struct nginx_choice nginx_servers_choose(const struct nginx_servers *servers, const struct nginx_socket *socket,
                                         const char *name)
{
	struct nginx_choice choice = { .server = socket->default_server, .kind = NGINX_NAME_NONE };
	struct entry e = { 0, 0 };

	for (bool more = next_entry(servers, socket, true, &e); more; more = next_entry(servers, socket, false, &e)) {
		const struct nginx_name *candidate = name_at(servers, e);
		enum nginx_match m;

		if (!precedes(candidate, choice.name))
			continue;
		m = match(candidate, name);
		choice.unsure = choice.unsure || m == NGINX_MATCH_UNSURE;
		if (m != NGINX_MATCH_YES || taken_by(servers, socket, e) != NULL)
			continue;
		choice.server = &servers->items[e.server];
		choice.name = candidate;
		choice.kind = candidate->kind;
	}
	/* Names that are no expressions come before those that are. */
	if (choice.kind < NGINX_NAME_REGEX)
		choice.unsure = false;
	return choice;
}

const struct nginx_name *nginx_servers_conflict(const struct nginx_servers *servers, const struct nginx_socket *socket,
                                                const char *name, const struct nginx_name *after)
{
	struct entry e = { 0, 0 };

	for (bool more = next_entry(servers, socket, true, &e); more; more = next_entry(servers, socket, false, &e)) {
		const struct nginx_name *candidate = name_at(servers, e);
		const struct nginx_name *other;

		if (after != NULL) {
			after = after == candidate ? NULL : after;
			continue;
		}
		if (candidate->kind == NGINX_NAME_REGEX || match(candidate, name) != NGINX_MATCH_YES)
			continue;
		other = taken_by(servers, socket, e);
		/* A name that stands twice in one server does no harm. */
		if (other != NULL && (other < servers->items[e.server].names ||
		                      other >= servers->items[e.server].names + servers->items[e.server].name_count))
			return candidate;
	}
	return NULL;
}

const struct nginx_name *nginx_server_match(const struct nginx_server *server, const char *name)
{
	const struct nginx_name *best = NULL;

	for (size_t i = 0; i < server->name_count; i++) {
		if (precedes(&server->names[i], best) && match(&server->names[i], name) == NGINX_MATCH_YES)
			best = &server->names[i];
	}
	return best;
}
