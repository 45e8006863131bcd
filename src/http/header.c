#include "http/header.h"

#include "http/http.h"

#include "base/text.h"

#include <string.h>

enum { REL_MAX = 128 };

struct span {
	const char *at;
	size_t len;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static struct span trim(const char *at, size_t len)
{
	while (len > 0 && is_blank(*at)) {
		at++;
		len--;
	}
	while (len > 0 && is_blank(at[len - 1]))
		len--;
	return (struct span){ at, len };
}

static bool is_name(struct span name, const char *wanted)
{
	for (size_t i = 0; i < name.len; i++)
		if (wanted[i] == '\0' || lower(name.at[i]) != wanted[i])
			return false;
	return wanted[name.len] == '\0';
}

/* What is too long for its place is as good as absent. */
static void keep(char *out, size_t size, struct span value)
{
	out[0] = '\0';
	if (value.len >= size)
		return;
	memcpy(out, value.at, value.len);
	out[value.len] = '\0';
}

static bool is_printable_ascii(struct span value)
{
	for (size_t i = 0; i < value.len; i++)
		if ((unsigned char)value.at[i] <= ' ' || (unsigned char)value.at[i] >= 0x7f)
			return false;
	return true;
}

static void take_content_type(struct http_response *response, struct span value)
{
	const char *end = memchr(value.at, ';', value.len);

	keep(response->content_type, sizeof(response->content_type),
	     trim(value.at, end ? (size_t)(end - value.at) : value.len));
	for (char *c = response->content_type; *c; c++)
		*c = lower(*c);
}

static void take_nonce(struct http_response *response, struct span value)
{
	for (size_t i = 0; i < value.len; i++) {
		char c = lower(value.at[i]);

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
			return;
	}
	if (value.len > 0 && value.len < sizeof(response->replay_nonce))
		keep(response->replay_nonce, sizeof(response->replay_nonce), value);
}

/* One parameter "; name[=value]" of a Link value from *at on, into a name and an unquoted text. False where none is left or it is
 * malformed; *at then stands at what stopped it. */
static bool next_parameter(const char **at, const char *end, struct span *ret_name, char text[static REL_MAX])
{
	const char *p = *at;
	size_t len = 0;
	bool quoted;

	while (p < end && is_blank(*p))
		p++;
	*at = p;
	if (p == end || *p != ';')
		return false;
	for (p++; p < end && is_blank(*p);)
		p++;
	ret_name->at = p;
	while (p < end && !is_blank(*p) && *p != '=' && *p != ';' && *p != ',')
		p++;
	ret_name->len = (size_t)(p - ret_name->at);
	while (p < end && is_blank(*p))
		p++;
	if (p < end && *p == '=') {
		for (p++; p < end && is_blank(*p);)
			p++;
		quoted = p < end && *p == '"';
		for (p += quoted; p < end && (quoted ? *p != '"' : !is_blank(*p) && *p != ';' && *p != ','); p++) {
			if (quoted && *p == '\\' && p + 1 < end)
				p++;
			if (len < REL_MAX)
				text[len] = *p;
			len++;
		}
		if (quoted && p == end)
			return false;
		p += quoted;
	}
	text[len < REL_MAX ? len : 0] = '\0';
	*at = p;
	return true;
}

/* Relations are compared without case (RFC 8288 section 3.3), so they are kept in lower case. */
static void add_relations(struct http_response *response, char *relations, struct span target)
{
	char *save = NULL;

	for (char *rel = strtok_r(relations, " \t", &save); rel; rel = strtok_r(NULL, " \t", &save)) {
		for (char *c = rel; *c; c++)
			*c = lower(*c);
		if (response->links.count < HTTP_LINKS_MAX)
			(void)strv_addf(&response->links, "%s %.*s", rel, (int)target.len, target.at);
	}
}

static void take_links(struct http_response *response, struct span value)
{
	const char *at = value.at, *end = value.at + value.len;

	while (at < end) {
		char relations[REL_MAX] = "", text[REL_MAX];
		bool anchored = false, has_relation = false;
		struct span target, name;

		while (at < end && (is_blank(*at) || *at == ','))
			at++;
		if (at == end || *at != '<')
			return;
		target.at = ++at;
		while (at < end && *at != '>')
			at++;
		if (at == end)
			return;
		target.len = (size_t)(at++ - target.at);
		while (next_parameter(&at, end, &name, text)) {
			if (is_name(name, "anchor"))
				anchored = true;
			if (is_name(name, "rel") && !has_relation) {
				has_relation = true;
				(void)text_copy(relations, sizeof(relations), text);
			}
		}
		if (at < end && *at != ',')
			return;
		if (!anchored && target.len > 0 && target.len <= HTTP_URL_MAX && is_printable_ascii(target))
			add_relations(response, relations, target);
	}
}

void http_header_begin(struct http_response *response)
{
	response->content_type[0] = '\0';
	response->location[0] = '\0';
	response->retry_after[0] = '\0';
	response->replay_nonce[0] = '\0';
	response->date[0] = '\0';
	strv_done(&response->links);
	response->links = STRV(HTTP_LINKS_MAX);
}

void http_header_add(struct http_response *response, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	struct span name, value;

	if (!colon)
		return;
	while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		len--;
	if (line + len <= colon)
		return;
	name = (struct span){ line, (size_t)(colon - line) };
	value = trim(colon + 1, len - name.len - 1);
	for (size_t i = 0; i < value.len; i++)
		if (((unsigned char)value.at[i] < ' ' && value.at[i] != '\t') || value.at[i] == 0x7f)
			return;

	if (is_name(name, "content-type"))
		take_content_type(response, value);
	else if (is_name(name, "location") && is_printable_ascii(value))
		keep(response->location, sizeof(response->location), value);
	else if (is_name(name, "retry-after"))
		keep(response->retry_after, sizeof(response->retry_after), value);
	else if (is_name(name, "replay-nonce"))
		take_nonce(response, value);
	else if (is_name(name, "date"))
		keep(response->date, sizeof(response->date), value);
	else if (is_name(name, "link"))
		take_links(response, value);
}
