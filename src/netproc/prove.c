#include "netproc/task.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/text.h"
#include "channel/message.h"
#include "tls/probe.h"

#include <stdio.h>
#include <stdlib.h>

/* NGINX starts its new workers a tenth of a second before it tells the old ones to go: for so long both answer, and one look may meet a
 * new one by luck. */
enum { SETTLE_MS = 200 };
enum { PAUSE_FIRST_MS = 20, PAUSE_MAX_MS = 500, HANDSHAKE_MS = 3000, REPORT_MAX = ERROR_MESSAGE_MAX / 2 };

/* What the last handshake with one name showed. */
struct proof {
	const struct ident *ident;
	char server_name[IDENT_VALUE_SIZE];
	bool proven;
	bool answered; /* `seen` is filled, with another certificate; else `failure` says why not */
	struct tls_seen seen;
	char failure[256];
};

/* A wildcard is proven by a name below it. */
static void proof_init(struct proof *proof, const struct ident *ident)
{
	proof->ident = ident;
	if (ident->type == IDENT_IP)
		return;
	if (ident->wildcard)
		snprintf(proof->server_name, sizeof(proof->server_name), "certd-check%s", ident->value + 1);
	else
		text_copy(proof->server_name, sizeof(proof->server_name), ident->value);
}

static void handshake(struct proof *proof, const struct message_prove *task, int64_t timeout_ms)
{
	const struct tls_probe probe = {
		.address = task->address,
		.port = task->port,
		.server_name = proof->server_name[0] != '\0' ? proof->server_name : NULL,
		.key = TLS_KEY_ANY,
		.timeout_ms = timeout_ms,
	};
	struct error err;

	error_clear(&err);
	proof->answered = tls_probe(&probe, &proof->seen, &err) == 0;
	if (!proof->answered)
		text_copy(proof->failure, sizeof(proof->failure), err.message);
	else
		proof->proven = text_equal(proof->seen.fingerprint, task->fingerprint);
}

/* One handshake with each name that is not proven yet. True when all are. */
static bool prove_round(struct proof *proofs, size_t count, const struct message_prove *task, const struct clock *clock,
                        int64_t end_ms)
{
	bool all = true;

	for (size_t i = 0; i < count; i++) {
		int64_t left_ms = end_ms - clock_monotonic_ms(clock);

		if (proofs[i].proven)
			continue;
		if (left_ms < 1)
			left_ms = 1;
		handshake(&proofs[i], task, left_ms < HANDSHAKE_MS ? left_ms : HANDSHAKE_MS);
		all = all && proofs[i].proven;
	}
	return all;
}

static int report(const struct proof *proofs, size_t count, const struct message_prove *task, struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF(REPORT_MAX);
	bool answered = false;

	for (size_t i = 0; i < count; i++) {
		const struct proof *p = &proofs[i];

		if (p->proven)
			continue;
		(void)buf_printf(&text, "%s%s: ", text.len > 0 ? "; " : "", p->ident->value);
		if (p->answered)
			(void)buf_printf(&text, "another certificate is served (serial %s, for %s, by %s)", p->seen.serial,
			                 p->seen.subject, p->seen.issuer);
		else
			(void)buf_printf(&text, "%s", p->failure);
		answered = answered || p->answered;
	}
	error_set(err, ERROR_DEPLOY, "the new certificate is not the one being served on %s port %u after %lld s: %s",
	          task->address, task->port, (long long)(task->timeout_ms / 1000), buf_text(&text));
	if (answered)
		return error_advise(err, "look whether the 443 server of each name includes the SSL snippet of this certificate "
		                         "(`nginx -T` shows all servers), whether another server or program answers on this "
		                         "address (serve-address, https-port), and at NGINX's error log");
	return error_advise(err, "look whether NGINX runs and has a 443 server for each name that includes the SSL snippet of this "
	                         "certificate, and whether serve-address and https-port name where it listens");
}

/* All names were seen once. Whether they still are when a reload has settled; what is not is no longer proven. */
static bool prove_again(struct proof *proofs, size_t count, const struct message_prove *task, const struct clock *clock,
                        int64_t end_ms)
{
	if (clock_monotonic_ms(clock) + SETTLE_MS >= end_ms)
		return true;
	clock_sleep_ms(clock, SETTLE_MS);
	for (size_t i = 0; i < count; i++)
		proofs[i].proven = false;
	return prove_round(proofs, count, task, clock, end_ms);
}

int netproc_prove(struct netproc *net, const json_t *message, json_t **ret_result, struct error *err)
{
	CLEANUP(message_prove_done) struct message_prove task = { 0 };
	CLEANUP(clean_free) struct proof *proofs = NULL;
	int64_t pause_ms = PAUSE_FIRST_MS;
	int64_t end_ms;

	if (message_prove_read(message, &task, err) < 0)
		return -1;
	proofs = calloc(task.names.count + 1, sizeof(*proofs));
	if (!proofs)
		return error_oom(err);
	for (size_t i = 0; i < task.names.count; i++)
		proof_init(&proofs[i], &task.names.items[i]);
	end_ms = clock_monotonic_ms(net->clock) + task.timeout_ms;
	while (!prove_round(proofs, task.names.count, &task, net->clock, end_ms) ||
	       !prove_again(proofs, task.names.count, &task, net->clock, end_ms)) {
		if (clock_monotonic_ms(net->clock) + pause_ms >= end_ms)
			return report(proofs, task.names.count, &task, err);
		clock_sleep_ms(net->clock, pause_ms);
		pause_ms = pause_ms * 2 < PAUSE_MAX_MS ? pause_ms * 2 : PAUSE_MAX_MS;
	}
	*ret_result = message_done_pack(NULL);
	return *ret_result ? 0 : error_oom(err);
}
