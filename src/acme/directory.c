#include "acme/directory.h"

#include "acme/url.h"
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/text.h"
#include "json/doc.h"

#include <stdio.h>
#include <string.h>

static const char what[] = "the directory";

void acme_directory_done(struct acme_directory *directory)
{
	strv_done(&directory->profiles);
	strv_done(&directory->caa_identities);
}

/* A URL of the directory; one that is missing is an error only where it is needed. */
static int read_url(const json_t *doc, const char *field, bool needed, const char *directory_url,
                    char ret[static HTTP_URL_MAX + 1], struct error *err)
{
	const char *url = NULL;
	char place[64];
	int r = needed ? json_need_string(doc, what, field, &url, err) : json_field_string(doc, what, field, &url, err);

	if (r < 0)
		return -1;
	if (r == JSON_FIELD_ABSENT)
		return 0;
	snprintf(place, sizeof(place), "%s: .%s", what, field);
	if (acme_url_check(url, directory_url, place, err) != 0)
		return -1;
	text_copy(ret, HTTP_URL_MAX + 1, url);
	return 0;
}

/* Nobody needs them to obtain a certificate: what is not as it should be is passed over. */
static void read_caa_identities(const json_t *meta, struct strv *ret)
{
	const json_t *list = json_object_get(meta, "caaIdentities");

	for (size_t i = 0; i < json_array_size(list) && ret->count < ret->max; i++) {
		const char *identity = json_string_value(json_array_get(list, i));

		if (identity)
			(void)strv_add(ret, identity);
	}
}

static int read_meta(const json_t *doc, struct acme_directory *ret, struct error *err)
{
	const json_t *meta = NULL, *profiles = NULL, *value;
	const char *text = NULL, *name;
	char place[64];
	int r = json_field_object(doc, what, "meta", &meta, err);

	if (r != JSON_FIELD_OK)
		return r < 0 ? -1 : 0;
	snprintf(place, sizeof(place), "%s: .meta", what);
	if (json_field_string(meta, place, "termsOfService", &text, err) < 0 ||
	    json_field_bool(meta, place, "externalAccountRequired", &ret->external_account_required, err) < 0 ||
	    json_field_object(meta, place, "profiles", &profiles, err) < 0)
		return -1;
	if (text != NULL)
		text_copy(ret->terms_of_service, sizeof(ret->terms_of_service), text);
	read_caa_identities(meta, &ret->caa_identities);
	json_object_foreach((json_t *)profiles, name, value) {
		if (strv_add(&ret->profiles, name) != 0)
			return error_set(err, ERROR_PROTOCOL, "%s: .meta.profiles has more than %d members", what,
			                 ACME_PROFILES_MAX);
	}
	return 0;
}

int acme_directory_parse(const char *data, size_t len, const char *directory_url, struct acme_directory *ret,
                         struct error *err)
{
	CLEANUP(acme_directory_done) struct acme_directory d = ACME_DIRECTORY;
	json_auto_t *doc = NULL;

	if (json_doc_parse(data, len, what, &doc, err) != 0 ||
	    read_url(doc, "newNonce", true, directory_url, d.new_nonce, err) != 0 ||
	    read_url(doc, "newAccount", true, directory_url, d.new_account, err) != 0 ||
	    read_url(doc, "newOrder", true, directory_url, d.new_order, err) != 0 ||
	    read_url(doc, "revokeCert", false, directory_url, d.revoke_cert, err) != 0 ||
	    read_url(doc, "keyChange", false, directory_url, d.key_change, err) != 0 ||
	    read_url(doc, "renewalInfo", false, directory_url, d.renewal_info, err) != 0 || read_meta(doc, &d, err) != 0)
		return -1;
	acme_directory_done(ret);
	*ret = d;
	d = ACME_DIRECTORY;
	return 0;
}

int acme_directory_check_profile(const struct acme_directory *directory, const char *profile, struct error *err)
{
	CLEANUP(buf_done) struct buf offered = BUF(1024);

	if (profile == NULL || strv_contains(&directory->profiles, profile))
		return 0;
	for (size_t i = 0; i < directory->profiles.count && !offered.failed; i++)
		buf_printf(&offered, "%s%.100s", i > 0 ? ", " : "", directory->profiles.items[i]);
	error_set(err, ERROR_REFUSED, "the CA does not offer the profile \"%.100s\"", profile);
	if (directory->profiles.count == 0)
		return error_advise(err, "this CA offers no profiles: leave out --profile");
	return error_advise(err, "choose one that it offers (%s), or leave out --profile", buf_text(&offered));
}
