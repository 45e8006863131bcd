/* profile.c: the profiles of Let's Encrypt, as of 2026-07-14 (letsencrypt.org/docs/profiles). */
#include "plan/profile.h"

#include "base/clean.h"
#include "base/ident.h"
#include "base/text.h"

#include <stdio.h>

struct limit {
	const char *profile;
	size_t names_max;
	bool addresses;
};

static const char *const directories[] = {
	"https://acme-v02.api.letsencrypt.org/directory",
	"https://acme-staging-v02.api.letsencrypt.org/directory",
};

static const struct limit limits[] = {
	{ "classic", 100, false },
	{ "tlsserver", 25, false },
	{ "shortlived", 25, true },
};

static const struct limit *find(const char *directory_url, const char *profile)
{
	bool known = false;

	for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
		known = known || text_equal(directory_url, directories[i]);
	for (size_t i = 0; known && i < ARRAY_SIZE(limits); i++) {
		if (text_equal(limits[i].profile, profile ? profile : "classic"))
			return &limits[i];
	}
	return NULL;
}

bool plan_profile_refuses(const char *directory_url, const char *profile, const struct ident_list *idents, char *text,
                          size_t size)
{
	const struct limit *limit = find(directory_url, profile);

	if (!limit)
		return false;
	if (idents->count > limit->names_max) {
		snprintf(text, size, "the profile %s of Let's Encrypt takes up to %zu names, these are %zu", limit->profile,
		         limit->names_max, idents->count);
		return true;
	}
	for (size_t i = 0; i < idents->count && !limit->addresses; i++) {
		if (idents->items[i].type == IDENT_IP) {
			snprintf(text, size,
			         "the profile %s of Let's Encrypt takes no IP addresses, and %s is one: choose the profile shortlived",
			         limit->profile, idents->items[i].value);
			return true;
		}
	}
	return false;
}
