#include "job/known.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/text.h"
#include "crypto/cert.h"
#include "crypto/keytype.h"
#include "job/survey.h"
#include "store/index.h"
#include "store/store.h"

#include <string.h>

#define IP_MARK "ip:"

/* The next field of a line of fields between tabulators, or NULL. Takes it out of *at. */
static char *next_field(char **at)
{
	char *field = *at;
	char *tab = strchr(field, '\t');

	if (!tab)
		return NULL;
	*tab = '\0';
	*at = tab + 1;
	return field;
}

static bool take_text(char **at, char *out, size_t size)
{
	const char *field = next_field(at);

	return field && text_copy(out, size, field);
}

static bool take_time(char **at, int64_t *ret)
{
	const char *field = next_field(at);
	uint64_t number;

	if (!field || text_parse_u64(field, 0, INT64_MAX, &number) < 0)
		return false;
	*ret = (int64_t)number;
	return true;
}

static bool take_key(char **at, const char **ret)
{
	const char *field = next_field(at);
	enum key_type type;

	if (!field || key_type_parse(field, &type) < 0)
		return false;
	*ret = key_type_name(type);
	return true;
}

/* They were parsed when they were kept. */
static bool take_names(char **at, struct ident_list *names)
{
	const char *field;
	struct error ignored;

	while ((field = next_field(at))) {
		struct ident ident = { .type = IDENT_DNS };

		if (text_has_prefix(field, IP_MARK)) {
			ident.type = IDENT_IP;
			field += strlen(IP_MARK);
		}
		ident.wildcard = text_has_prefix(field, "*.");
		if (!text_copy(ident.value, sizeof(ident.value), field) || ident_list_add(names, &ident, &ignored) < 0)
			return false;
	}
	return **at == '\0';
}

static bool take_facts(char **at, struct cert_facts *ret)
{
	return take_text(at, ret->serial, sizeof(ret->serial)) && take_text(at, ret->fingerprint, sizeof(ret->fingerprint)) &&
	       take_key(at, &ret->key) && take_time(at, &ret->not_before_at) && take_time(at, &ret->not_after_at) &&
	       take_text(at, ret->ari_id, sizeof(ret->ari_id)) && take_text(at, ret->subject, sizeof(ret->subject)) &&
	       take_text(at, ret->issuer, sizeof(ret->issuer));
}

/* Marks out as failed for what the fields cannot hold. */
static void print_facts(const struct cert_facts *facts, struct buf *out)
{
	enum key_type type;

	if (strchr(facts->subject, '\t') || strchr(facts->issuer, '\t') || key_type_parse(facts->key, &type) < 0 ||
	    facts->not_before_at < 0 || facts->not_after_at < 0)
		out->failed = true;
	else
		buf_printf(out, "%s\t%s\t%s\t%lld\t%lld\t%s\t%s\t%s\t", facts->serial, facts->fingerprint, facts->key,
		           (long long)facts->not_before_at, (long long)facts->not_after_at, facts->ari_id, facts->subject,
		           facts->issuer);
}

bool job_known_recall(const struct store_cert *store_cert, const struct store_stamp *stamp, struct job_survey *survey)
{
	CLEANUP(buf_done) struct buf text = BUF(STORE_INDEX_TEXT_MAX);
	CLEANUP(ident_list_done) struct ident_list names = { 0 };
	struct cert_facts facts, second;
	int64_t pairs;
	char *at;

	if (store_index_recall(store_cert, stamp, &text) != STORE_OK || text.len == 0)
		return false;
	at = text.data;
	if (!take_time(&at, &pairs) || pairs < 1 || pairs > STORE_PAIRS_MAX || !take_facts(&at, &facts) ||
	    (pairs > 1 && !take_facts(&at, &second)) || !take_names(&at, &names) || names.count == 0)
		return false;
	survey->pairs = (size_t)pairs;
	survey->facts = facts;
	if (pairs > 1)
		survey->second = second;
	survey->names = names;
	names = (struct ident_list){ 0 };
	return true;
}

void job_known_keep(const struct store_cert *store_cert, const struct store_stamp *stamp, const struct job_survey *survey)
{
	CLEANUP(buf_done) struct buf text = BUF(STORE_INDEX_TEXT_MAX);

	buf_printf(&text, "%zu\t", survey->pairs);
	for (size_t i = 0; i < survey->pairs; i++)
		print_facts(job_survey_facts(survey, i), &text);
	for (size_t i = 0; i < survey->names.count; i++)
		buf_printf(&text, "%s%s\t", survey->names.items[i].type == IDENT_IP ? IP_MARK : "", survey->names.items[i].value);
	if (!text.failed)
		store_index_keep(store_cert, stamp, buf_text(&text));
}
