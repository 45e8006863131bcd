/* advise_words.c: what is wrong whichever name is asked for: words that NGINX takes for something else than the writer did, and what NGINX
 * itself says. */
#include "base/buf.h"
#include "base/clean.h"
#include "base/text.h"
#include "nginx/advisor.h"

#include <stdio.h>
#include <string.h>

enum { MESSAGES_MAX = 20, MESSAGE_MAX = 1024 };

static bool is_expected(const struct nginx_advisor *a, const char *text, size_t len)
{
	for (size_t i = 0; i < a->expected->name_count; i++) {
		if (strlen(a->expected->names[i]) == len && strncmp(a->expected->names[i], text, len) == 0)
			return true;
	}
	return false;
}

/* "a.example," and "a.example,b.example": whether one of ours is in it. */
static bool holds_expected(const struct nginx_advisor *a, const char *text)
{
	while (*text != '\0') {
		size_t len = strcspn(text, ",");

		if (is_expected(a, text, len))
			return true;
		text += len + (text[len] == ',');
	}
	return false;
}

/* The line without its commas. */
static void advise_names(struct nginx_advisor *a, const struct nginx_directive *d)
{
	CLEANUP(buf_done) struct buf names = BUF(MESSAGE_MAX);

	for (size_t i = 0; i < d->arg_count; i++) {
		const char *text = d->args[i];

		while (*text != '\0') {
			size_t len = strcspn(text, ",");

			if (len > 0)
				buf_printf(&names, " %.*s", (int)len, text);
			text += len + (text[len] == ',');
		}
	}
	nginx_advisor_advice(a, "separate the names by spaces alone: `server_name%s;`",
	                     names.failed ? " a.example b.example" : buf_text(&names));
}

static void comma(struct nginx_advisor *a, const struct nginx_directive *d, const char *name)
{
	if (!nginx_advisor_add(a, holds_expected(a, name) ? NGINX_FAILURE : NGINX_WARNING, "comma", "", d))
		return;
	nginx_advisor_text(a, "there is a comma in `%s`: NGINX takes \"%s\" for a name, which nobody ever asks for",
	                   nginx_advisor_quote(a, d), name);
	advise_names(a, d);
}

static void address(struct nginx_advisor *a, const struct nginx_directive *d, const char *name)
{
	if (!nginx_advisor_add(a, NGINX_WARNING, "name-url", "", d))
		return;
	nginx_advisor_text(a, "\"%s\" in `%s` is not a name: schemes, ports and paths never match", name, nginx_advisor_quote(a, d));
	nginx_advisor_advice(a, "write the name alone");
}

static void semicolon(struct nginx_advisor *a, const struct nginx_directive *d, const char *word)
{
	if (!nginx_advisor_add(a, NGINX_FAILURE, "semicolon", "", d))
		return;
	nginx_advisor_text(a, "a \";\" is missing before `%s`: NGINX takes it for one more name of `server_name`", word);
	nginx_advisor_advice(a, "end the line of `server_name` with \";\"");
}

static void look_at_names(struct nginx_advisor *a, const struct nginx_directive *d)
{
	static const char *const directives[] = { "root", "listen", "index", "return", "location", "include", "ssl_certificate",
		                                  "access_log", "error_log" };

	for (size_t i = 0; i < d->arg_count; i++) {
		const char *name = d->args[i];

		if (name[0] == '~')
			continue;
		if (strchr(name, ',') != NULL)
			comma(a, d, name);
		else if (strstr(name, "://") != NULL || (strchr(name, ':') != NULL && strchr(name, '[') == NULL))
			address(a, d, name);
		for (size_t j = 0; j < sizeof(directives) / sizeof(directives[0]) && i > 0; j++) {
			if (text_equal(name, directives[j]))
				semicolon(a, d, name);
		}
	}
}

/* The blocks whose lines are values and no directives. */
static bool holds_values(const struct nginx_directive *block)
{
	static const char *const names[] = { "map", "types", "geo", "split_clients", "charset_map" };

	for (size_t i = 0; block != NULL && i < sizeof(names) / sizeof(names[0]); i++) {
		if (text_equal(block->name, names[i]))
			return true;
	}
	return false;
}

static void comment(struct nginx_advisor *a, const struct nginx_directive *d)
{
	if (!nginx_advisor_add(a, NGINX_FAILURE, "comment", "", d))
		return;
	nginx_advisor_text(a, "\"%.2s\" begins no comment in NGINX: it is read as a directive, up to the next \";\" or \"{\"", d->name);
	nginx_advisor_advice(a, "begin comments with \"#\"");
}

static void ssl_on(struct nginx_advisor *a, const struct nginx_directive *d)
{
	const unsigned int *v = a->expected->version.nginx;
	bool gone = v[0] > 1 || (v[0] == 1 && (v[1] > 25 || (v[1] == 25 && v[2] >= 1)));

	if (!nginx_advisor_add(a, gone ? NGINX_FAILURE : NGINX_WARNING, "ssl-on", "", d))
		return;
	if (gone)
		nginx_advisor_text(a, "NGINX %u.%u.%u does not know `ssl on` any more, and does not start with it", v[0], v[1], v[2]);
	else
		nginx_advisor_text(a, "`ssl on` makes every port of the server speak TLS, port 80 too, and NGINX 1.25.1 does not start with it");
	nginx_advisor_advice(a, "remove it, and write `listen 443 ssl;`");
}

static void look_at_words(struct nginx_advisor *a, const struct nginx_directive *d)
{
	if (holds_values(d->parent))
		return;
	if (text_has_prefix(d->name, "//") || text_has_prefix(d->name, "/*"))
		comment(a, d);
	else if (text_equal(d->name, "server_name") && d->parent != NULL && text_equal(d->parent->name, "server"))
		look_at_names(a, d);
	else if (text_equal(d->name, "ssl") && text_equal(nginx_directive_arg(d, 0), "on"))
		ssl_on(a, d);
}

void nginx_advise_words(struct nginx_advisor *a)
{
	const struct nginx_directive *d = a->servers->conf->first;

	while (d != NULL) {
		look_at_words(a, d);
		if (d->first != NULL) {
			d = d->first;
			continue;
		}
		while (d != NULL && d->next == NULL)
			d = d->parent;
		if (d != NULL)
			d = d->next;
	}
}

/* The last added one gets the place that NGINX names: "... in /etc/nginx/nginx.conf:3". *end is where the sentence without it ends. */
static void point(struct nginx_advisor *a, const char *message, size_t *end)
{
	const char *in = NULL;
	const char *colon = strrchr(message, ':');
	uint64_t line;
	char *file;

	for (const char *p = message; (p = strstr(p, " in ")) != NULL; p++)
		in = p;
	if (in == NULL || colon == NULL || colon < in || text_parse_u64(colon + 1, 1, UINT32_MAX, &line) < 0)
		return;
	in += strlen(" in ");
	file = nginx_arena_copy(&a->arena, in, (size_t)(colon - in));
	if (file == NULL) {
		a->failed = true;
		return;
	}
	a->items[a->count - 1].file = file;
	a->items[a->count - 1].line = (unsigned int)line;
	*end = (size_t)(in - message) - strlen(" in ");
}

static void say(struct nginx_advisor *a, enum nginx_level level, const char *code, const char *before, const char *message)
{
	char *copy = nginx_arena_text(&a->arena, message);
	size_t end;

	/* Messages of NGINX have no place until it is read out of them: each is one of its own. */
	if (copy == NULL) {
		a->failed = true;
		return;
	}
	for (size_t i = 0; i < a->count; i++) {
		if (text_equal(a->items[i].code, code) && strstr(a->items[i].text, copy) != NULL)
			return;
	}
	end = strlen(copy);
	if (!nginx_advisor_add(a, level, code, copy, NULL))
		return;
	a->items[a->count - 1].name = "";
	point(a, copy, &end);
	nginx_advisor_text(a, "%s%.*s", before, (int)(end < MESSAGE_MAX ? end : MESSAGE_MAX), copy);
}

/* What is told better elsewhere. */
static bool is_told(const struct nginx_advisor *a, const char *message)
{
	static const char conflicting[] = "conflicting server name \"";
	const char *name = strstr(message, conflicting);

	if (strstr(message, "\"ssl\" directive is deprecated") != NULL)
		return true;
	if (name == NULL)
		return false;
	name += strlen(conflicting);
	return is_expected(a, name, strcspn(name, "\""));
}

static void look_at_messages(struct nginx_advisor *a, const char *messages)
{
	size_t said = 0;

	for (const char *at = messages; (at = strstr(at, "[warn] ")) != NULL && said < MESSAGES_MAX;) {
		char message[MESSAGE_MAX];
		size_t len;

		at += strlen("[warn] ");
		len = strcspn(at, "\n");
		snprintf(message, sizeof(message), "%.*s", (int)(len < MESSAGE_MAX ? len : MESSAGE_MAX - 1), at);
		at += len;
		if (is_told(a, message))
			continue;
		say(a, NGINX_WARNING, "nginx-warning", "NGINX warns: ", message);
		said++;
	}
}

void nginx_advise_state(struct nginx_advisor *a)
{
	const struct nginx_conf *conf = a->servers->conf;
	bool permission = strstr(conf->refused, "Permission denied") != NULL;

	if (permission) {
		if (nginx_advisor_add(a, NGINX_WARNING, "not-root", "", NULL)) {
			nginx_advisor_text(a, "NGINX shows its configuration to root alone, so its files were read instead: %s",
			                   conf->refused);
			nginx_advisor_advice(a, "run this as root to see what NGINX sees");
		}
	} else if (conf->refused[0] != '\0') {
		say(a, NGINX_FAILURE, "refused", "NGINX refuses its configuration: ", conf->refused);
		if (a->count > 0 && a->items[a->count - 1].advice[0] == '\0')
			nginx_advisor_advice(a, "mend it: until then every reload and restart fails");
	}
	look_at_messages(a, conf->messages);
	for (size_t i = 0; i < conf->notes.count; i++) {
		if (nginx_advisor_add(a, NGINX_WARNING, "unreadable", conf->notes.items[i], NULL)) {
			a->items[a->count - 1].name = "";
			nginx_advisor_text(a, "%s", conf->notes.items[i]);
		}
	}
}
