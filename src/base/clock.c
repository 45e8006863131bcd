#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

enum { DAY_S = 86400 };

static int64_t system_wall(void *self)
{
	struct timespec now;

	(void)self;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec;
}

static int64_t system_monotonic_ms(void *self)
{
	struct timespec now;

	(void)self;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void system_sleep_ms(void *self, int64_t ms)
{
	struct timespec until;

	(void)self;
	if (ms <= 0)
		return;
	/* To an absolute time, so that signals do not make it longer. */
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(ms / 1000);
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

const struct clock *clock_system(void)
{
	static const struct clock clock = { system_wall, system_monotonic_ms, system_sleep_ms, NULL };

	return &clock;
}

int64_t clock_wall(const struct clock *c)
{
	return c->wall(c->self);
}

int64_t clock_monotonic_ms(const struct clock *c)
{
	return c->monotonic_ms(c->self);
}

void clock_sleep_ms(const struct clock *c, int64_t ms)
{
	c->sleep_ms(c->self, ms);
}

/* Days since the epoch of a date of the proleptic Gregorian calendar. Years begin in March, so that the leap day is the
 * last of its year; 400 years are 146097 days. */
static int64_t days_of_date(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static void date_of_days(int64_t days, int64_t *ret_year, int64_t *ret_month, int64_t *ret_day)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t day_of_era = z - era * 146097;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t m = (5 * day_of_year + 2) / 153;

	*ret_day = day_of_year - (153 * m + 2) / 5 + 1;
	*ret_month = m < 10 ? m + 3 : m - 9;
	*ret_year = year_of_era + era * 400 + (*ret_month <= 2 ? 1 : 0);
}

const char *time_format(int64_t at, char out[static TIME_TEXT_SIZE])
{
	/* The first and the last second that four digits of a year can say. */
	const int64_t first = -62167219200, last = 253402300799;
	int64_t days, second, year, month, day;

	if (at < first)
		at = first;
	if (at > last)
		at = last;
	days = at / DAY_S;
	second = at % DAY_S;
	if (second < 0) {
		second += DAY_S;
		days--;
	}
	date_of_days(days, &year, &month, &day);
	snprintf(out, TIME_TEXT_SIZE, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned int)year % 10000,
		 (unsigned int)month % 100, (unsigned int)day % 100, (unsigned int)(second / 3600) % 100,
		 (unsigned int)(second / 60 % 60), (unsigned int)(second % 60));
	return out;
}

/* Reads exactly `digits` digits, and moves *p behind them. */
static int read_number(const char **p, int digits, int64_t max, int64_t *ret)
{
	int64_t value = 0;

	for (int i = 0; i < digits; i++, (*p)++) {
		if (**p < '0' || **p > '9')
			return -1;
		value = value * 10 + (**p - '0');
	}
	if (value > max)
		return -1;
	*ret = value;
	return 0;
}

static int read_char(const char **p, char c)
{
	if (**p != c)
		return -1;
	(*p)++;
	return 0;
}

static int64_t days_in_month(int64_t year, int64_t month)
{
	static const int64_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

/* The zone at the end: "Z", or an offset in seconds. */
static int read_offset(const char **p, int64_t *ret_s)
{
	int64_t hours, minutes;
	int64_t sign = **p == '-' ? -1 : 1;

	if (**p == 'Z' || **p == 'z') {
		(*p)++;
		*ret_s = 0;
		return 0;
	}
	if (**p != '+' && **p != '-')
		return -1;
	(*p)++;
	if (read_number(p, 2, 23, &hours) < 0 || read_char(p, ':') < 0 || read_number(p, 2, 59, &minutes) < 0)
		return -1;
	*ret_s = sign * (hours * 3600 + minutes * 60);
	return 0;
}

int time_parse(const char *text, int64_t *ret_at)
{
	const char *p = text;
	int64_t year, month, day, hour, minute, second, offset_s;

	if (read_number(&p, 4, 9999, &year) < 0 || read_char(&p, '-') < 0 || read_number(&p, 2, 12, &month) < 0 ||
	    read_char(&p, '-') < 0 || read_number(&p, 2, 31, &day) < 0)
		return -1;
	if (month < 1 || day < 1 || day > days_in_month(year, month))
		return -1;
	if (*p != 'T' && *p != 't' && *p != ' ')
		return -1;
	p++;
	/* 60 is a leap second; POSIX gives it the number of the second that follows. */
	if (read_number(&p, 2, 23, &hour) < 0 || read_char(&p, ':') < 0 || read_number(&p, 2, 59, &minute) < 0 ||
	    read_char(&p, ':') < 0 || read_number(&p, 2, 60, &second) < 0)
		return -1;
	if (*p == '.') {
		p++;
		if (*p < '0' || *p > '9')
			return -1;
		while (*p >= '0' && *p <= '9')
			p++;
	}
	if (read_offset(&p, &offset_s) < 0 || *p != '\0')
		return -1;
	*ret_at = days_of_date(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second - offset_s;
	return 0;
}

const char *time_format_duration(int64_t seconds, char out[static TIME_TEXT_SIZE])
{
	static const struct {
		uint64_t seconds;
		const char *unit;
	} units[] = { { DAY_S, "d" }, { 3600, "h" }, { 60, "min" } };
	uint64_t magnitude = seconds < 0 ? -(uint64_t)seconds : (uint64_t)seconds;
	const char *sign = seconds < 0 ? "-" : "";

	/* A unit is used from two of it on: "90 min" says more than "1 h". */
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (magnitude >= 2 * units[i].seconds) {
			snprintf(out, TIME_TEXT_SIZE, "%s%llu %s", sign, (unsigned long long)(magnitude / units[i].seconds),
				 units[i].unit);
			return out;
		}
	}
	snprintf(out, TIME_TEXT_SIZE, "%s%llu s", sign, (unsigned long long)magnitude);
	return out;
}
