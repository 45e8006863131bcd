/* random.h: random numbers for jitter and file names, behind an interface for tests. Keys come from crypto. */
#ifndef CERTD_BASE_RANDOM_H
#define CERTD_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random {
	uint64_t (*next)(void *self);
	void *self;
};

/* getrandom(2). Static. */
const struct random *random_system(void);

/* Uniform in [0, bound); 0 when bound is 0. */
uint64_t random_below(const struct random *r, uint64_t bound);

/* Fills out with `size - 1` characters of [a-z0-9] and a NUL. */
void random_name(const struct random *r, char *out, size_t size);

#endif
