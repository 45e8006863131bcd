/* poll.h: how long to wait before asking again. */
#ifndef CERTD_ACME_POLL_H
#define CERTD_ACME_POLL_H

#include <stddef.h>
#include <stdint.h>

struct acme_pace {
	size_t asked; /* how often so far */
	int64_t since_ms; /* when the last request was sent, monotonic */
	int64_t retry_at; /* the last answer's Retry-After as wall time; 0 for none */
};

/* A new wait begins: for what the request that was sent at sent_ms set going. retry_at: of its answer, or 0. */
void acme_pace_begin(struct acme_pace *pace, int64_t sent_ms, int64_t retry_at);

/* It was asked again. */
void acme_pace_asked(struct acme_pace *pace, int64_t sent_ms, int64_t retry_at);

/* How long to wait from now on until it is asked the next time: as the CA said, but at least a second and at most retry_after_max_s;
 * else 100 ms the first time, longer each time up to 5 s, counted from when the last request was *sent*: what that spent on the way
 * was waiting too. A CA validates within some 10 ms where nothing is far away, and the wire is the wait where all is. */
int64_t acme_pace_wait_ms(const struct acme_pace *pace, int64_t now_ms, int64_t now_at, int64_t retry_after_max_s);

#endif
