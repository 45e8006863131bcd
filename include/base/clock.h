/* clock.h: the time, behind an interface, so that sixty days can pass in a test's millisecond.
 *
 * Wall time is int64_t seconds since the epoch (UTC; leap seconds as POSIX has them) in variables that end in _at; durations
 * say their unit: _s, _ms. Monotonic time is in milliseconds and means something only as a difference.
 */
#ifndef CERTD_BASE_CLOCK_H
#define CERTD_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

struct clock {
	int64_t (*wall)(void *self); /* seconds since the epoch */
	int64_t (*monotonic_ms)(void *self);
	void (*sleep_ms)(void *self, int64_t ms);
	void *self;
};

/* The real one. Static. */
const struct clock *clock_system(void);

int64_t clock_wall(const struct clock *c);
int64_t clock_monotonic_ms(const struct clock *c);
void clock_sleep_ms(const struct clock *c, int64_t ms);

enum { TIME_TEXT_SIZE = 32 };

/* RFC 3339 in UTC, "2026-11-23T14:05:09Z", for years 0 to 9999. Returns out. */
const char *time_format(int64_t at, char out[static TIME_TEXT_SIZE]);

/* RFC 3339 as servers write it: fractions (dropped) and offsets permitted. 0, or -1 and *ret_at unchanged. */
int time_parse(const char *text, int64_t *ret_at);

/* A duration for people: "41 d", "5 h", "12 min", "30 s". Returns out. */
const char *time_format_duration(int64_t seconds, char out[static TIME_TEXT_SIZE]);

#endif
