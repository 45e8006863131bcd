#include "http/header.h"
#include "http/http.h"

#include "base/text.h"

#include <string.h>
#include <time.h>

enum { TEN_YEARS_S = 10 * 366 * 86400 };

static bool take_char(const char **at, char c)
{
	if (**at != c)
		return false;
	(*at)++;
	return true;
}

static bool take_text(const char **at, const char *text)
{
	if (!text_has_prefix(*at, text))
		return false;
	*at += strlen(text);
	return true;
}

static bool take_digits(const char **at, size_t digits, int *ret)
{
	int value = 0;

	for (size_t i = 0; i < digits; i++) {
		if ((*at)[i] < '0' || (*at)[i] > '9')
			return false;
		value = value * 10 + ((*at)[i] - '0');
	}
	*at += digits;
	*ret = value;
	return true;
}

static bool take_month(const char **at, int *ret)
{
	static const char *const names[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
		                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

	for (int i = 0; i < 12; i++) {
		if (take_text(at, names[i])) {
			*ret = i;
			return true;
		}
	}
	return false;
}

static bool take_clock(const char **at, struct tm *tm)
{
	return take_digits(at, 2, &tm->tm_hour) && take_char(at, ':') && take_digits(at, 2, &tm->tm_min) &&
	       take_char(at, ':') && take_digits(at, 2, &tm->tm_sec) && tm->tm_hour < 24 && tm->tm_min < 60 &&
	       tm->tm_sec <= 60;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static bool read_fixdate(const char *at, struct tm *tm)
{
	int year;

	at += strcspn(at, ",");
	if (!take_text(&at, ", ") || !take_digits(&at, 2, &tm->tm_mday) || !take_char(&at, ' ') ||
	    !take_month(&at, &tm->tm_mon) || !take_char(&at, ' ') || !take_digits(&at, 4, &year) || !take_char(&at, ' '))
		return false;
	tm->tm_year = year - 1900;
	return take_clock(&at, tm) && take_text(&at, " GMT") && *at == '\0';
}

/* "Sunday, 06-Nov-94 08:49:37 GMT". A year that seems more than 50 years ahead is the past one with these last digits. */
static bool read_rfc850(const char *at, int this_year, struct tm *tm)
{
	int year;

	at += strcspn(at, ",");
	if (!take_text(&at, ", ") || !take_digits(&at, 2, &tm->tm_mday) || !take_char(&at, '-') ||
	    !take_month(&at, &tm->tm_mon) || !take_char(&at, '-') || !take_digits(&at, 2, &year) || !take_char(&at, ' '))
		return false;
	year += this_year - this_year % 100;
	if (year > this_year + 50)
		year -= 100;
	tm->tm_year = year - 1900;
	return take_clock(&at, tm) && take_text(&at, " GMT") && *at == '\0';
}

/* "Sun Nov  6 08:49:37 1994" */
static bool read_asctime(const char *at, struct tm *tm)
{
	int year;

	at += strcspn(at, " ");
	if (!take_char(&at, ' ') || !take_month(&at, &tm->tm_mon) || !take_char(&at, ' '))
		return false;
	if (!(take_char(&at, ' ') ? take_digits(&at, 1, &tm->tm_mday) : take_digits(&at, 2, &tm->tm_mday)))
		return false;
	if (!take_char(&at, ' ') || !take_clock(&at, tm) || !take_char(&at, ' ') || !take_digits(&at, 4, &year))
		return false;
	tm->tm_year = year - 1900;
	return *at == '\0';
}

int http_date_parse(const char *text, int64_t now_at, int64_t *ret_at)
{
	struct tm tm = { 0 }, now;
	time_t now_t = (time_t)now_at;
	int mday, leap;
	int64_t at;

	if (!gmtime_r(&now_t, &now))
		return -1;
	if (!read_fixdate(text, &tm)) {
		tm = (struct tm){ 0 };
		if (!read_rfc850(text, now.tm_year + 1900, &tm)) {
			tm = (struct tm){ 0 };
			if (!read_asctime(text, &tm))
				return -1;
		}
	}
	/* timegm() takes the 31st of February for the 3rd of March, and a leap second for the next day. */
	mday = tm.tm_mday;
	leap = tm.tm_sec == 60;
	tm.tm_sec -= leap;
	at = (int64_t)timegm(&tm) + leap;
	if (tm.tm_mday != mday)
		return -1;
	*ret_at = at;
	return 0;
}

int64_t http_retry_after(const struct http_response *response, int64_t now_at)
{
	const char *text = response->retry_after;
	int64_t at, date_at;

	if (*text >= '0' && *text <= '9') {
		uint64_t seconds;

		if (text[strspn(text, "0123456789")] != '\0')
			return 0;
		if (text_parse_u64(text, 0, TEN_YEARS_S, &seconds) < 0)
			seconds = TEN_YEARS_S;
		at = now_at + (int64_t)seconds;
	} else if (http_date_parse(text, now_at, &at) < 0) {
		return 0;
	} else if (http_date_parse(response->date, now_at, &date_at) == 0) {
		/* What is meant is a distance by the server's own clock, from which ours may be hours away. */
		at += now_at - date_at;
	}
	if (at < now_at + 1)
		return now_at + 1;
	return at > now_at + TEN_YEARS_S ? now_at + TEN_YEARS_S : at;
}
