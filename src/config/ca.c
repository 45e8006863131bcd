/* ca.c: the CAs that are known by name. */
#include "config/ca.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/text.h"
#include "config/arena.h"
#include "config/config.h"
#include "http/http.h"

#include <string.h>

enum { NAME_MAX_CA = 63, NAMES_MAX = 128 };

#define BINDS .eab_needed = true

/* Sources: the CAs' own documentation of their ACME service. */
static const struct config_ca builtin[] = {
	{ .name = "letsencrypt", .directory = "https://acme-v02.api.letsencrypt.org/directory", .caa = "letsencrypt.org" },
	{ .name = "letsencrypt-staging", .directory = "https://acme-staging-v02.api.letsencrypt.org/directory", .caa = "letsencrypt.org" },
	{ .name = "google", .directory = "https://dv.acme-v02.api.pki.goog/directory", .caa = "pki.goog", BINDS },
	{ .name = "google-staging", .directory = "https://dv.acme-v02.test-api.pki.goog/directory", .caa = "pki.goog", BINDS },
	{ .name = "zerossl", .directory = "https://acme.zerossl.com/v2/DV90", .caa = "sectigo.com", BINDS },
	{ .name = "sslcom-ecc", .directory = "https://acme.ssl.com/sslcom-dv-ecc", .caa = "ssl.com", BINDS },
	{ .name = "sslcom-rsa", .directory = "https://acme.ssl.com/sslcom-dv-rsa", .caa = "ssl.com", BINDS },
	{ .name = "actalis", .directory = "https://acme-api.actalis.com/acme/directory", .caa = "actalis.it", BINDS },
	{ .name = "sectigo", .directory = "https://acme.sectigo.com/v2/DV", .caa = "sectigo.com", BINDS },
};

const struct config_ca *config_builtin_cas(size_t *ret_count)
{
	*ret_count = ARRAY_SIZE(builtin);
	return builtin;
}

int config_ca_check_name(const char *name, struct error *err)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-");

	if (name[len] == '\0' && len > 0 && len <= NAME_MAX_CA && strchr("._-", name[0]) == NULL)
		return 0;
	return error_set(err, ERROR_USAGE,
	                 "ca \"%.80s\": a CA's name is made of 1 to %d of a-z, 0-9, \".\", \"_\" and \"-\", and begins with a "
	                 "letter or a digit",
	                 name, NAME_MAX_CA);
}

static int unnamed(const char *url, struct config_arena *arena, const struct config_ca **ret, struct error *err)
{
	const char *host = strstr(url, "://");
	struct config_ca *ca = config_arena_alloc(arena, 1, sizeof(*ca));
	size_t len;

	if (ca == NULL)
		return error_oom(err);
	host = host == NULL ? url : host + 3;
	len = strcspn(host, "/?#");
	ca->name = config_arena_copy(arena, host, len > NAME_MAX_CA ? NAME_MAX_CA : len);
	ca->directory = config_arena_text(arena, url);
	if (ca->name == NULL || ca->directory == NULL)
		return error_oom(err);
	*ret = ca;
	return 0;
}

int config_ca_resolve(const struct config_ca *const *known, size_t count, const char *text, struct config_arena *arena,
                      const struct config_ca **ret, struct error *err)
{
	const char *names[NAMES_MAX + 1] = { NULL };
	const char *near;
	bool is_url = strchr(text, '/') != NULL;

	for (size_t i = 0; i < count; i++) {
		const char *what = is_url ? known[i]->directory : known[i]->name;

		/* One whose directory could not be read has none; that was told. */
		if (what != NULL && text_equal(what, text)) {
			*ret = known[i];
			return 0;
		}
		if (i < NAMES_MAX)
			names[i] = known[i]->name;
	}
	if (is_url)
		return http_url_check(text, false, "ca", err) < 0 ? (err->kind = ERROR_USAGE, -1) :
		                                                    unnamed(text, arena, ret, err);
	near = text_nearest(text, names);
	if (near != NULL)
		return error_set(err, ERROR_USAGE, "ca \"%.80s\": there is no such CA; did you mean \"%s\"?", text, near);
	return error_set(err, ERROR_USAGE,
	                 "ca \"%.80s\": there is no such CA; it is a name (letsencrypt, ..., see certd.conf(5)), the name of a ca "
	                 "block, or the https URL of a directory",
	                 text);
}
