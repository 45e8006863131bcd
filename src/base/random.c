#include "base/random.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static uint64_t system_next(void *self)
{
	static const uint64_t odd = 0x9e3779b97f4a7c15;
	struct timespec now;
	uint64_t value;
	ssize_t n;

	(void)self;
	do
		n = getrandom(&value, sizeof(value), 0);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)sizeof(value))
		return value;
	/* No getrandom(2) here. Jitter and the names of files that are opened with O_EXCL need no secret: the clock does. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	value = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec + ((uint64_t)getpid() << 40);
	value = (value ^ value >> 30) * odd;
	return value ^ value >> 31;
}

const struct random *random_system(void)
{
	static const struct random random = { system_next, NULL };

	return &random;
}

uint64_t random_below(const struct random *r, uint64_t bound)
{
	uint64_t value, limit;

	if (bound == 0)
		return 0;
	/* Values above the largest multiple of bound are drawn again, or the small ones would come more often. A bounded
	 * number of times: a scripted source may say the same for ever. */
	limit = UINT64_MAX - (UINT64_MAX % bound + 1) % bound;
	value = r->next(r->self);
	for (int i = 0; i < 64 && value > limit; i++)
		value = r->next(r->self);
	return value % bound;
}

void random_name(const struct random *r, char *out, size_t size)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";

	if (size == 0)
		return;
	for (size_t i = 0; i + 1 < size; i++)
		out[i] = letters[random_below(r, sizeof(letters) - 1)];
	out[size - 1] = '\0';
}
