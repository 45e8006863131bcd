#include "notary/notary.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "channel/channel.h"
#include "channel/message.h"
#include "notary/request.h"

#include <stdlib.h>

/* Of one task. An honest net process needs a few for each name and for each time that it asks the CA how things stand; one that was taken over fills
 * neither the journal nor the disk's queue. */
enum { TICK_MS = 1000, ANSWER_MAX = 100 * 1024, REQUESTS_MAX = 20000, PROGRESS_MAX = 2000 };

/* Serves one request: what it returns goes to the net process, be it a value or an error. */
static int dispatch(struct notary *notary, enum channel_type type, const json_t *message, struct buf *out,
                    struct error *err)
{
	switch (type) {
	case CHANNEL_SIGN:
		return notary_sign(notary, message, out, err);
	case CHANNEL_CSR:
		return notary_csr(notary, out, err);
	case CHANNEL_PRESENT:
		return notary_present(notary, message, err);
	case CHANNEL_CLEANUP:
		return notary_cleanup(notary, message, err);
	case CHANNEL_PROGRESS:
		return notary_progress(notary, message, err);
	case CHANNEL_TASK_PREFLIGHT:
	case CHANNEL_TASK_ISSUE:
	case CHANNEL_TASK_PROVE:
	case CHANNEL_TASK_CHECK:
	case CHANNEL_TASK_REVOKE:
	case CHANNEL_TASK_ACCOUNT:
	case CHANNEL_TASK_RENEWAL:
	case CHANNEL_ANSWER:
	case CHANNEL_RESULT:
	case CHANNEL_TYPE_END:
		break;
	}
	return error_set(err, ERROR_INTERNAL, "the net process sent a %s, which is no request", channel_type_name(type));
}

static int count(struct notary *notary, enum channel_type type, struct error *err)
{
	notary->requests++;
	if (type == CHANNEL_PROGRESS)
		notary->progresses++;
	if (notary->requests > REQUESTS_MAX || notary->progresses > PROGRESS_MAX)
		return error_set(err, ERROR_INTERNAL, "the net process asks for more than any task needs, and was stopped");
	return 0;
}

static int answer(struct notary *notary, int fd, enum channel_type type, const json_t *message, struct error *err)
{
	CLEANUP(buf_done) struct buf value = BUF_SECRET(ANSWER_MAX);
	json_auto_t *reply = NULL;
	struct error failure;
	int r;

	error_clear(&failure);
	r = dispatch(notary, type, message, &value, &failure);
	if (r < 0)
		reply = message_error_pack(&failure);
	else if (r == MESSAGE_DECLINED)
		reply = message_declined_pack();
	else
		reply = message_done_pack(value.len > 0 ? value.data : NULL);
	if (!reply)
		return error_oom(err);
	return channel_send(fd, CHANNEL_ANSWER, reply, err);
}

static int serve(struct notary *notary, int fd, int64_t timeout_ms, json_t **ret_result, struct error *err)
{
	const struct notary_config *config = notary->config;
	const struct clock *clock = clock_system();
	int64_t end_ms = clock_monotonic_ms(clock) + timeout_ms;

	for (;;) {
		json_auto_t *message = NULL;
		enum channel_type type;
		int64_t left_ms = end_ms - clock_monotonic_ms(clock);
		int r;

		if (interrupt_check(err) < 0)
			return -1;
		if (left_ms <= 0)
			return error_set(err, ERROR_NETWORK, "not done after %lld s, given up", (long long)(timeout_ms / 1000));
		r = channel_receive(fd, left_ms < TICK_MS ? left_ms : TICK_MS, &type, &message, err);
		if (r < 0)
			return -1;
		if (r == CHANNEL_CLOSED)
			return error_set(err, ERROR_INTERNAL, "the net process ended before its task did");
		if (config->tick)
			config->tick(config->self);
		if (r == CHANNEL_TIMEOUT)
			continue;
		if (type == CHANNEL_RESULT) {
			*ret_result = TAKE(message);
			return 0;
		}
		if (count(notary, type, err) < 0 || answer(notary, fd, type, message, err) < 0)
			return -1;
	}
}

int notary_serve(const struct notary_config *config, int fd, int64_t timeout_ms, json_t **ret_result, struct error *err)
{
	struct notary notary = { .config = config };
	int r;

	if (config->method) {
		notary.proofs = calloc(NOTARY_PROOFS_MAX, sizeof(*notary.proofs));
		if (!notary.proofs)
			return error_oom(err);
	}
	r = serve(&notary, fd, timeout_ms, ret_result, err);
	notary_cleanup_all(&notary);
	free(notary.proofs);
	return r;
}
