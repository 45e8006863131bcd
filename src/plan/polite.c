#include "plan/polite.h"

#include "base/clean.h"
#include "base/ident.h"
#include "base/random.h"
#include "base/text.h"
#include "plan/backoff.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum { DETAIL_SIZE = 2048, LATER_ATTEMPTS_MAX = 3 };

int64_t plan_limit_free_at(unsigned int max, int64_t window_s, const int64_t *times, size_t count, int64_t now_at)
{
	size_t within = 0;

	if (max == 0)
		return 0;
	while (within < count && times[count - 1 - within] > now_at - window_s)
		within++;
	return within < max ? 0 : times[count - max] + window_s;
}

/* In lower case, without URLs: their paths name limits of all kinds. */
static void simplify(const char *detail, char out[static DETAIL_SIZE])
{
	size_t n = 0;

	while (*detail != '\0' && n < DETAIL_SIZE - 1) {
		if (text_has_prefix(detail, "https://") || text_has_prefix(detail, "http://"))
			detail += strcspn(detail, " \t");
		else
			out[n++] = (char)tolower((unsigned char)*detail++);
	}
	out[n] = '\0';
}

static bool is_of_name(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '.' || c == '_';
}

/* Whether the text holds the word, with nothing of a name on either side (a full stop behind it ends a sentence). */
static bool holds_word(const char *text, const char *word)
{
	const size_t len = strlen(word);

	for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
		if ((at == text || !is_of_name(at[-1])) && (!is_of_name(at[len]) || (at[len] == '.' && !is_of_name(at[len + 1]))))
			return true;
	}
	return false;
}

/* The name itself, or a domain above it that is none of one label. */
static bool names_one(const char *text, const struct ident_list *names)
{
	for (size_t i = 0; i < names->count; i++) {
		const char *value = names->items[i].value;

		if (text_has_prefix(value, "*."))
			value += 2;
		if (names->items[i].type == IDENT_IP && holds_word(text, value))
			return true;
		while (names->items[i].type != IDENT_IP && value != NULL && strchr(value, '.') != NULL) {
			if (holds_word(text, value))
				return true;
			value = strchr(value, '.') + 1;
		}
	}
	return false;
}

static bool holds_any(const char *text, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strstr(text, words[i]) != NULL)
			return true;
	}
	return false;
}

enum plan_scope plan_limit_scope(const char *detail, const struct ident_list *names)
{
	static const char *const of_names[] = { "identifier", "exact set", "certificates", "domain", "authorization" };
	static const char *const of_account[] = { "account", "new orders", "ip address" };
	char text[DETAIL_SIZE];
	bool about_names, about_account;

	simplify(detail, text);
	if (names_one(text, names))
		return PLAN_SCOPE_NAMES;
	about_names = holds_any(text, of_names, ARRAY_SIZE(of_names));
	about_account = holds_any(text, of_account, ARRAY_SIZE(of_account));
	if (about_names == about_account)
		return PLAN_SCOPE_VAGUE;
	return about_account ? PLAN_SCOPE_ACCOUNT : PLAN_SCOPE_NAMES;
}

int64_t plan_hold_until(int64_t now_at, int64_t retry_at)
{
	if (retry_at < now_at + PLAN_HOLD_MIN_S)
		return now_at + PLAN_HOLD_MIN_S;
	return retry_at > now_at + PLAN_HOLD_MAX_S ? now_at + PLAN_HOLD_MAX_S : retry_at;
}

int64_t plan_next_attempt_at(int64_t now_at, uint64_t attempts, int64_t left_s, int64_t retry_at, const struct random *random)
{
	int64_t own_at;

	if (retry_at <= now_at)
		return now_at + plan_backoff_left_s(attempts, left_s, random);
	own_at = now_at + plan_backoff_left_s(attempts < LATER_ATTEMPTS_MAX ? attempts : LATER_ATTEMPTS_MAX, left_s, random);
	retry_at = plan_hold_until(now_at, retry_at);
	return retry_at > own_at ? retry_at : own_at;
}
