#include "netproc/task.h"

#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/text.h"
#include "channel/message.h"
#include "tls/probe.h"
#include "tls/websocket.h"

#include <stdio.h>
#include <stdlib.h>

/* NGINX starts its new workers a tenth of a second before it tells the old ones to go: for so long both answer, and one look may meet a
 * new one by luck. */
enum { SETTLE_MS = 200 };
enum { PAUSE_FIRST_MS = 20, PAUSE_MAX_MS = 500, HANDSHAKE_MS = 3000, HTTP_MS = 1000 };

/* What the last handshake with one name at one target showed to who takes only keys of one kind. */
struct proof {
	const struct message_expectation *name;
	const struct message_target *target;
	enum message_leaf leaf;
	char server_name[IDENT_VALUE_SIZE]; /* "" for none */
	bool proven;
	bool answered; /* with another certificate; else `failure` says why not */
	char fingerprint[CERT_FINGERPRINT_SIZE];
	char serial[CERT_SERIAL_SIZE];
	char subject[CERT_NAME_SIZE];
	char issuer[CERT_NAME_SIZE];
	char failure[256];
	char advice[256];
	char server[64];
};

struct proofs {
	struct proof *items;
	size_t count;
	const struct clock *clock;
	int64_t end_ms;
};

/* A wildcard is proven by a name below it; an address has no name to be asked for (RFC 6066 section 3). */
static void proof_init(struct proof *proof, const struct message_expectation *name, const struct message_target *target,
                       enum message_leaf leaf)
{
	const struct ident *ident = &name->ident;

	*proof = (struct proof){ .name = name, .target = target, .leaf = leaf };
	if (ident->type == IDENT_IP)
		return;
	if (ident->wildcard)
		snprintf(proof->server_name, sizeof(proof->server_name), "certd-check%s", ident->value + 1);
	else
		text_copy(proof->server_name, sizeof(proof->server_name), ident->value);
}

static enum tls_key_wish wish_of(enum message_leaf leaf)
{
	switch (leaf) {
	case MESSAGE_LEAF_ECDSA:
		return TLS_KEY_ECDSA;
	case MESSAGE_LEAF_RSA:
		return TLS_KEY_RSA;
	case MESSAGE_LEAF_COUNT:
		break;
	}
	return TLS_KEY_ANY;
}

static void handshake(struct proof *proof, int64_t timeout_ms)
{
	const struct tls_probe probe = {
		.address = proof->target->address,
		.port = proof->target->port,
		.server_name = proof->server_name[0] != '\0' ? proof->server_name : NULL,
		.key = wish_of(proof->leaf),
		.timeout_ms = timeout_ms,
	};
	struct tls_seen seen;
	struct error err;

	error_clear(&err);
	proof->answered = tls_probe(&probe, &seen, &err) == 0;
	if (!proof->answered) {
		text_copy(proof->failure, sizeof(proof->failure), err.message);
		text_copy(proof->advice, sizeof(proof->advice), err.advice);
		return;
	}
	text_copy(proof->fingerprint, sizeof(proof->fingerprint), seen.fingerprint);
	text_copy(proof->serial, sizeof(proof->serial), seen.serial);
	text_copy(proof->subject, sizeof(proof->subject), seen.subject);
	text_copy(proof->issuer, sizeof(proof->issuer), seen.issuer);
	proof->proven = text_equal(seen.fingerprint, proof->name->leaf[proof->leaf]);
}

/* One handshake for each that is not proven yet. True when all are. */
static bool prove_round(struct proofs *proofs)
{
	bool all = true;

	for (size_t i = 0; i < proofs->count; i++) {
		struct proof *proof = &proofs->items[i];
		int64_t left_ms = proofs->end_ms - clock_monotonic_ms(proofs->clock);

		if (proof->proven)
			continue;
		if (left_ms < 1)
			left_ms = 1;
		handshake(proof, left_ms < HANDSHAKE_MS ? left_ms : HANDSHAKE_MS);
		all = all && proof->proven;
	}
	return all;
}

/* All were seen once. Whether they still are when a reload has settled; what is not is no longer proven. */
static bool prove_again(struct proofs *proofs)
{
	if (clock_monotonic_ms(proofs->clock) + SETTLE_MS >= proofs->end_ms)
		return true;
	clock_sleep_ms(proofs->clock, SETTLE_MS);
	for (size_t i = 0; i < proofs->count; i++)
		proofs->items[i].proven = false;
	return prove_round(proofs);
}

static void prove(struct proofs *proofs)
{
	int64_t pause_ms = PAUSE_FIRST_MS;

	while (!prove_round(proofs) || !prove_again(proofs)) {
		if (clock_monotonic_ms(proofs->clock) + pause_ms >= proofs->end_ms)
			return;
		clock_sleep_ms(proofs->clock, pause_ms);
		pause_ms = pause_ms * 2 < PAUSE_MAX_MS ? pause_ms * 2 : PAUSE_MAX_MS;
	}
}

/* The handshakes in the order in which the result has them. */
static int list_proofs(const struct message_prove *task, struct proofs *proofs, struct error *err)
{
	proofs->items = calloc(MESSAGE_PROOFS_MAX, sizeof(*proofs->items));
	if (!proofs->items)
		return error_oom(err);
	for (size_t i = 0; i < task->names_count; i++) {
		for (size_t k = 0; k < task->targets_count; k++) {
			if ((task->names[i].at & 1U << k) == 0)
				continue;
			for (enum message_leaf leaf = 0; leaf < MESSAGE_LEAF_COUNT; leaf++) {
				if (task->names[i].leaf[leaf])
					proof_init(&proofs->items[proofs->count++], &task->names[i], &task->targets[k], leaf);
			}
		}
	}
	return 0;
}

/* What it is that shows other certificates: asked once for each target. Any answer will do, so the question is the one that this room can ask. */
static void ask_who(struct proofs *proofs, const struct message_prove *task)
{
	bool asked[MESSAGE_TARGETS_MAX] = { false };

	for (size_t i = 0; i < proofs->count; i++) {
		struct proof *proof = &proofs->items[i];
		const size_t target = (size_t)(proof->target - task->targets);
		const struct tls_websocket question = {
			.probe = {
				.address = proof->target->address, .port = proof->target->port, .server_name = proof->server_name,
				.key = wish_of(proof->leaf), .timeout_ms = HTTP_MS,
			},
			.path = "/",
		};
		struct tls_websocket_seen seen;
		struct error ignored;

		if (proof->proven || !proof->answered || proof->server_name[0] == '\0' || asked[target])
			continue;
		asked[target] = true;
		error_clear(&ignored);
		if (tls_websocket_probe(&question, &seen, &ignored) == 0)
			text_copy(proof->server, sizeof(proof->server), seen.server);
	}
}

static json_t *pack_proof(const struct proof *proof)
{
	const bool other = !proof->proven && proof->answered;
	const bool none = !proof->proven && !proof->answered;
	const struct message_shown shown = {
		.proven = proof->proven,
		.failure = none ? proof->failure : NULL,
		.advice = none && proof->advice[0] != '\0' ? proof->advice : NULL,
		.fingerprint = other ? proof->fingerprint : NULL,
		.serial = other ? proof->serial : NULL,
		.subject = other ? proof->subject : NULL,
		.issuer = other ? proof->issuer : NULL,
		.server = proof->server,
	};

	return message_shown_pack(&shown);
}

static int report(const struct proofs *proofs, json_t **ret_result, struct error *err)
{
	json_auto_t *array = json_array();

	if (!array)
		return error_oom(err);
	for (size_t i = 0; i < proofs->count; i++) {
		json_t *item = pack_proof(&proofs->items[i]);

		if (!item || json_array_append_new(array, item) < 0)
			return error_oom(err);
	}
	*ret_result = json_pack("{s:b, s:O}", "ok", 1, "proofs", array);
	return *ret_result ? 0 : error_oom(err);
}

int netproc_prove(struct netproc *net, const json_t *message, json_t **ret_result, struct error *err)
{
	CLEANUP(message_prove_done) struct message_prove task = { .targets_count = 0 };
	CLEANUP(clean_free) struct proof *items = NULL;
	struct proofs proofs = { .clock = net->clock };

	if (message_prove_read(message, &task, err) < 0 || list_proofs(&task, &proofs, err) < 0)
		return -1;
	items = proofs.items;
	proofs.end_ms = clock_monotonic_ms(net->clock) + task.timeout_ms;
	prove(&proofs);
	ask_who(&proofs, &task);
	return report(&proofs, ret_result, err);
}
