/* ca.c: the CAs that are known by name. */
#include "config/ca.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/text.h"
#include "config/arena.h"
#include "config/config.h"
#include "http/http.h"

#include <string.h>

enum { NAME_MAX_CA = 63, NAMES_MAX = 128, HOUR_S = 60 * 60, DAY_S = 24 * HOUR_S };

/* Of a CA whose limits are not known: more would be a loop. */
#define STANDARD_CERTIFICATES { 100, DAY_S }
#define BINDS .eab_needed = true, .certificates_per_names = STANDARD_CERTIFICATES

/* Sources: the CAs' own documentation of their ACME service; the limits are Let's Encrypt's of 2026-08-05 (staging takes more certificates for
 * the same names than are ever counted). */
static const struct config_ca builtin[] = {
	{ .name = "letsencrypt",
	  .directory = "https://acme-v02.api.letsencrypt.org/directory",
	  .caa = "letsencrypt.org",
	  .orders_per_account = { 300, 3 * HOUR_S },
	  .certificates_per_names = { 5, 7 * DAY_S },
	  .failures_per_name = { 5, HOUR_S },
	  .renewals_exempt = true },
	{ .name = "letsencrypt-staging",
	  .directory = "https://acme-staging-v02.api.letsencrypt.org/directory", .staging = true,
	  .caa = "letsencrypt.org",
	  .orders_per_account = { 1500, 3 * HOUR_S },
	  .certificates_per_names = { CONFIG_LIMIT_MAX, 7 * DAY_S },
	  .failures_per_name = { 200, HOUR_S },
	  .renewals_exempt = true },
	{ .name = "google", .directory = "https://dv.acme-v02.api.pki.goog/directory", .caa = "pki.goog", BINDS },
	{ .name = "google-staging", .directory = "https://dv.acme-v02.test-api.pki.goog/directory", .caa = "pki.goog",
	  .staging = true, BINDS },
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

void config_ca_standard_limits(struct config_ca *ca)
{
	const struct config_ca *known = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(builtin) && ca->directory != NULL; i++) {
		if (text_equal(builtin[i].directory, ca->directory))
			known = &builtin[i];
	}
	ca->certificates_per_names = (struct config_limit)STANDARD_CERTIFICATES;
	if (known == NULL)
		return;
	ca->orders_per_account = known->orders_per_account;
	ca->certificates_per_names = known->certificates_per_names;
	ca->failures_per_name = known->failures_per_name;
	ca->renewals_exempt = known->renewals_exempt;
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
	config_ca_standard_limits(ca);
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
