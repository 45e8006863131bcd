/* build_site.c: the site of a certificate. */
#include "config/owned.h"

#include "base/error.h"
#include "base/text.h"
#include "config/config.h"
#include "config/problem.h"
#include "config/site.h"
#include "config/value.h"

#include <string.h>

enum { LOCATIONS_MAX = 100, URI_MAX = 1024, UPSTREAM_MAX = 1024, FILES_MAX = 255 };

#define CHALLENGE_PATH "/.well-known/acme-challenge"

/* What NGINX takes for something else, or ends a word at. */
static bool is_plain(const char *text, bool space)
{
	for (; *text != '\0'; text++) {
		if ((*text <= ' ' && !(space && *text == ' ')) || *text > '~' || strchr("$\"'\\;{}#", *text) != NULL)
			return false;
	}
	return true;
}

const char *config_site_uri_fault(const char *text)
{
	if (text[0] != '/' || strlen(text) > URI_MAX)
		return "the path of a URL is needed: it begins with \"/\"";
	if (!is_plain(text, false))
		return "NGINX cannot be told a path with a space or one of $ \" ' \\ ; { } # in it";
	if (text_has_prefix(text, CHALLENGE_PATH) || text_has_prefix(CHALLENGE_PATH "/", text))
		return text[1] == '\0' ? NULL : "that is where the CA looks for its proof";
	return NULL;
}

const char *config_site_files_fault(const char *text)
{
	if (text[0] == '\0' || text[0] == ' ' || strlen(text) > FILES_MAX || !is_plain(text, true))
		return "names of files are needed, as \"index.html index.htm\"";
	return NULL;
}

const char *config_site_upstream_fault(const char *text)
{
	size_t scheme = text_has_prefix(text, "http://") ? strlen("http://") : text_has_prefix(text, "https://") ? strlen("https://") : 0;

	if (text_has_prefix(text, "ws://") || text_has_prefix(text, "wss://"))
		return "NGINX is told http:// or https:// also where it passes websockets on";
	if (scheme == 0 || text[scheme] == '\0' || text[scheme] == '/' || strlen(text) > UPSTREAM_MAX)
		return "a URL is needed, as \"http://localhost:8081\" or \"http://unix:/run/app.sock\"";
	if (!is_plain(text, false))
		return "NGINX cannot be told a URL with a space or one of $ \" ' \\ ; { } # in it";
	return NULL;
}

static void put_location(struct config_build *b, const struct config_block *block, struct config_site *site)
{
	struct config_placed placed[CONFIG_DIRECTIVES_MAX] = { 0 };
	struct config_location *location = &site->locations[site->locations_count];
	const char *fault = config_site_uri_fault(block->title);

	*location = (struct config_location){ .path = block->title, .websocket = block->scope == CONFIG_SCOPE_WEBSOCKET };
	if (fault != NULL)
		config_problem(b->problems, block->file, block->line, "%s \"%.128s\": %s", config_block_name(block->scope),
		               block->title, fault);
	for (size_t i = 0; i < site->locations_count; i++) {
		if (text_equal(site->locations[i].path, block->title))
			config_problem(b->problems, block->file, block->line, "%s \"%.128s\": this path is described above already",
			               config_block_name(block->scope), block->title);
	}
	config_build_gather(block, placed);
	config_build_put_members(b, placed, block->scope, 0, location);
	if (config_placed_of(placed, "to", block->scope)->value == NULL)
		config_problem(b->problems, block->file, block->line, "%s \"%.128s\": whom to ask is missing: to = \"http://...\"",
		               config_block_name(block->scope), block->title);
	site->locations_count++;
}

static void put_defaults(struct config_build *b, struct config_site *site)
{
	size_t count;
	const struct config_directive *directives = config_directives(&count);
	struct error err;

	for (size_t i = 0; i < count; i++) {
		const struct config_directive *d = &directives[i];

		if ((d->scopes & CONFIG_SCOPE_SITE) != 0 && d->standard != NULL &&
		    config_value_read(d, d->standard, &b->owned->arena, (char *)site + d->offset, &err) < 0)
			config_build_tell(b, "the built-in default", 0, &err);
	}
}

static bool has_name(const struct ident_list *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++) {
		if (text_equal(names->items[i].value, name))
			return true;
	}
	return false;
}

static void put_site(struct config_build *b, const struct config_block *block, struct config_certificate *certificate)
{
	struct config_placed placed[CONFIG_DIRECTIVES_MAX] = { 0 };
	struct config_site *site = config_arena_alloc(&b->owned->arena, 1, sizeof(*site));
	size_t inner = block->inner_count < LOCATIONS_MAX ? block->inner_count : LOCATIONS_MAX;

	if (site == NULL || (site->locations = config_arena_alloc(&b->owned->arena, inner + 1, sizeof(*site->locations))) == NULL) {
		config_problem_oom(b->problems);
		return;
	}
	put_defaults(b, site);
	config_build_gather(block, placed);
	config_build_put_members(b, placed, CONFIG_SCOPE_SITE, 0, site);
	if (block->inner_count > LOCATIONS_MAX)
		config_problem(b->problems, block->file, block->line, "site: more than %d locations", LOCATIONS_MAX);
	for (size_t i = 0; i < inner; i++)
		put_location(b, block->inner[i], site);
	if (site->canonical != NULL && !has_name(&certificate->names, site->canonical))
		config_problem(b->problems, block->file, config_placed_of(placed, "canonical", CONFIG_SCOPE_SITE)->value->line,
		               "canonical \"%s\": this is none of the certificate's names", site->canonical);
	certificate->site = site;
}

void config_build_site(struct config_build *b, const struct config_block *block, struct config_certificate *certificate)
{
	const struct config_block *before = NULL;

	for (size_t i = 0; i < block->inner_count; i++) {
		const struct config_block *inner = block->inner[i];

		if (inner->scope != CONFIG_SCOPE_SITE)
			continue;
		if (before != NULL)
			config_problem(b->problems, inner->file, inner->line, "site is described in line %u already", before->line);
		else
			put_site(b, inner, certificate);
		before = inner;
	}
}
