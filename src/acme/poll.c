#include "acme/poll.h"

#include "base/clean.h"

static const int64_t steps_ms[] = { 100, 250, 500, 1000, 2000, 3000, 5000 };

void acme_pace_begin(struct acme_pace *pace, int64_t sent_ms, int64_t retry_at)
{
	*pace = (struct acme_pace){ .since_ms = sent_ms, .retry_at = retry_at };
}

void acme_pace_asked(struct acme_pace *pace, int64_t sent_ms, int64_t retry_at)
{
	pace->asked++;
	pace->since_ms = sent_ms;
	pace->retry_at = retry_at;
}

int64_t acme_pace_wait_ms(const struct acme_pace *pace, int64_t now_ms, int64_t now_at, int64_t retry_after_max_s)
{
	size_t step = pace->asked < ARRAY_SIZE(steps_ms) ? pace->asked : ARRAY_SIZE(steps_ms) - 1;
	int64_t wait;

	if (pace->retry_at != 0) {
		wait = pace->retry_at - now_at;
		if (wait > retry_after_max_s)
			wait = retry_after_max_s;
		return (wait < 1 ? 1 : wait) * 1000;
	}
	wait = steps_ms[step] - (now_ms - pace->since_ms);
	return wait < 0 ? 0 : wait > steps_ms[step] ? steps_ms[step] : wait;
}
