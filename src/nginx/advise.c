/* advise.c: the findings, and what all that look for them need. */
#include "nginx/advise.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/text.h"
#include "nginx/advisor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 2048, QUOTE_MAX = 120 };

__attribute__((format(printf, 2, 0))) static const char *vformat(struct nginx_advisor *a, const char *format, va_list ap)
{
	CLEANUP(buf_done) struct buf text = BUF(TEXT_MAX);
	const char *copy;

	buf_vprintf(&text, format, ap);
	/* What comes from a configuration is cut, not refused. */
	if (text.failed)
		return "there is more to say than there is room for";
	text_clean(text.data);
	copy = nginx_arena_text(&a->arena, buf_text(&text));
	a->failed = a->failed || copy == NULL;
	return copy != NULL ? copy : "";
}

bool nginx_advisor_add(struct nginx_advisor *a, enum nginx_level level, const char *code, const char *name,
                       const struct nginx_directive *where)
{
	const char *file = where != NULL ? where->file : "";
	unsigned int line = where != NULL ? where->line : 0;
	struct nginx_finding *items;

	for (size_t i = 0; i < a->count; i++) {
		const struct nginx_finding *f = &a->items[i];

		if (f->line == line && text_equal(f->code, code) && text_equal(f->name, name) && text_equal(f->file, file))
			return false;
	}
	if (a->count >= NGINX_FINDINGS_MAX)
		return false;
	items = nginx_arena_grow(&a->arena, a->items, a->count, sizeof(*items));
	if (items == NULL) {
		a->failed = true;
		return false;
	}
	a->items = items;
	items[a->count++] = (struct nginx_finding){ .level = level, .code = code, .name = name, .file = file, .line = line,
		                                    .text = "", .advice = "" };
	return true;
}

void nginx_advisor_text(struct nginx_advisor *a, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	a->items[a->count - 1].text = vformat(a, format, ap);
	va_end(ap);
}

void nginx_advisor_advice(struct nginx_advisor *a, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	a->items[a->count - 1].advice = vformat(a, format, ap);
	va_end(ap);
}

const char *nginx_advisor_quote(struct nginx_advisor *a, const struct nginx_directive *d)
{
	CLEANUP(buf_done) struct buf text = BUF(QUOTE_MAX);
	CLEANUP(buf_done) struct buf whole = BUF(TEXT_MAX);
	const char *copy;

	buf_append_text(&text, d->name);
	for (size_t i = 0; i < d->arg_count && !text.failed; i++) {
		bool quoted = d->args[i][0] == '\0' || d->args[i][strcspn(d->args[i], " \t\r\n;{}\"")] != '\0';

		buf_printf(&text, quoted ? " \"%s\"" : " %s", d->args[i]);
	}
	buf_printf(&whole, "%s%s", buf_text(&text), text.failed ? " ..." : "");
	copy = nginx_arena_text(&a->arena, buf_text(&whole));
	a->failed = a->failed || copy == NULL;
	return copy != NULL ? copy : "";
}

bool nginx_is_address(const char *name)
{
	return strchr(name, ':') != NULL || name[strspn(name, "0123456789.")] == '\0';
}

const char *nginx_advisor_host(const char *name, char out[static NGINX_HOST_SIZE])
{
	snprintf(out, NGINX_HOST_SIZE, strchr(name, ':') != NULL ? "[%s]" : "%s", name);
	return out;
}

const struct nginx_directive *nginx_advisor_stream(const struct nginx_advisor *a, unsigned int port)
{
	for (size_t i = 0; i < a->servers->stream_count; i++) {
		const struct nginx_listen *l = &a->servers->streams[i];

		if (port >= l->port && port <= l->last_port)
			return l->directive;
	}
	return NULL;
}

void nginx_advise_conflicts(struct nginx_advisor *a, const struct nginx_view *view, const char *name)
{
	const struct nginx_directive *block = view->choice.server->block;
	const struct nginx_name *ignored = NULL;

	while ((ignored = nginx_servers_conflict(a->servers, view->socket, name, ignored)) != NULL) {
		if (ignored->directive == NULL ||
		    !nginx_advisor_add(a, NGINX_WARNING, "conflicting-name", name, ignored->directive))
			continue;
		nginx_advisor_text(a, "NGINX ignores the name %s here: the server at %s:%u, which it reads first, has it on %s too",
		                   ignored->text, block->file, block->line, view->place);
		nginx_advisor_advice(a, "keep one server for %s on port %u, and remove the name from the other", name,
		                     view->socket->port);
	}
}

const char *nginx_level_name(enum nginx_level level)
{
	switch (level) {
	case NGINX_OK:
		return "ok";
	case NGINX_WARNING:
		return "warning";
	case NGINX_FAILURE:
		return "failure";
	}
	return "failure";
}

static void look(struct nginx_advisor *a)
{
	nginx_advise_state(a);
	nginx_advise_words(a);
	for (size_t i = 0; i < a->expected->name_count; i++) {
		nginx_advise_http(a, a->expected->names[i]);
		nginx_advise_https(a, a->expected->names[i]);
	}
}

int nginx_advise(const struct nginx_servers *servers, const struct nginx_expected *expected, struct nginx_findings **ret,
                 struct error *err)
{
	struct nginx_findings *findings = calloc(1, sizeof(*findings));
	struct nginx_arena *arena = calloc(1, sizeof(*arena));
	struct nginx_advisor a = { .servers = servers, .expected = expected };

	if (findings == NULL || arena == NULL) {
		free(findings);
		free(arena);
		return error_oom(err);
	}
	look(&a);
	*arena = a.arena;
	findings->memory = arena;
	findings->items = a.items;
	findings->count = a.count;
	if (a.failed) {
		nginx_findings_free(findings);
		return error_oom(err);
	}
	*ret = findings;
	return 0;
}

void nginx_findings_free(struct nginx_findings *findings)
{
	if (findings == NULL)
		return;
	nginx_arena_done(findings->memory);
	free(findings->memory);
	free(findings);
}

void nginx_findings_cleanup(struct nginx_findings **findings)
{
	nginx_findings_free(*findings);
	*findings = NULL;
}
