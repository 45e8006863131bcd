/* Step 8: handshakes with each name at the local listeners must show the new certificate. */
#include "job/prove.h"

#include "base/address.h"
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/log.h"
#include "base/strv.h"
#include "base/text.h"
#include "channel/message.h"
#include "config/config.h"
#include "crypto/cert.h"
#include "job/job.h"
#include "job/listeners.h"
#include "job/net.h"
#include "notary/notary.h"
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

enum { PATIENCE_MS = 10 * 1000, HANDSHAKE_MS = 20, REPORT_MAX = ERROR_MESSAGE_MAX / 2, LOCAL_MAX = 1024 };

static enum message_leaf leaf_of(const struct cert_facts *facts)
{
	return text_has_prefix(facts->key, "rsa") ? MESSAGE_LEAF_RSA : MESSAGE_LEAF_ECDSA;
}

static int read_leaf(const struct store_cert *store_cert, uint64_t generation, const char *file, struct job_prove_leaves *leaves,
                     struct error *err)
{
	CLEANUP(buf_done) struct buf pem = BUF(CERT_PEM_MAX);
	CLEANUP(cert_chain_cleanup) struct cert_chain *chain = NULL;
	struct cert_facts facts;
	int r = store_generation_read(store_cert, generation, file, &pem, err);

	if (r == STORE_ABSENT)
		return error_set(err, ERROR_SYSTEM, "%s of generation %llu is missing", file, (unsigned long long)generation);
	if (r < 0 || cert_chain_parse(buf_text(&pem), pem.len, &chain, err) < 0 || cert_chain_facts(chain, 0, &facts, err) < 0)
		return -1;
	text_copy(leaves->fingerprint[leaf_of(&facts)], CERT_FINGERPRINT_SIZE, facts.fingerprint);
	return 0;
}

int job_prove_leaves_read(const struct store_cert *store_cert, uint64_t generation, struct job_prove_leaves *ret, struct error *err)
{
	struct job_prove_leaves leaves = { .fingerprint = { "" } };
	char name[STORE_FILE_SIZE];
	enum key_family second;
	int r;

	if (read_leaf(store_cert, generation, store_file_name("cert", NULL, name), &leaves, err) < 0)
		return -1;
	r = store_generation_second(store_cert, generation, &second, err);
	if (r < 0 || (r == STORE_OK && read_leaf(store_cert, generation, store_file_name("cert", &second, name), &leaves, err) < 0))
		return -1;
	*ret = leaves;
	return 0;
}

void job_prove_leaves_list(const struct job_prove_leaves *leaves, const char *out[static MESSAGE_LEAF_COUNT])
{
	for (size_t i = 0; i < MESSAGE_LEAF_COUNT; i++)
		out[i] = leaves->fingerprint[i][0] != '\0' ? leaves->fingerprint[i] : NULL;
}

/* One task of the net process: as many names as go into it. owners[i] is whose names[i] is. */
struct batch {
	struct message_prove task;
	struct job_prove_want **owners;
	size_t handshakes;
	struct strv local; /* this host's addresses, once they were needed */
};

static void batch_done(struct batch *batch)
{
	strv_done(&batch->local);
	free(batch->task.names);
	free(batch->owners);
}

static int batch_init(struct batch *batch, struct error *err)
{
	*batch = (struct batch){
		.task.names = calloc(MESSAGE_PROOFS_MAX, sizeof(*batch->task.names)),
		.owners = calloc(MESSAGE_PROOFS_MAX, sizeof(*batch->owners)),
		.local = STRV(LOCAL_MAX),
	};
	return batch->task.names && batch->owners ? 0 : error_oom(err);
}

/* Whether a name is an address of this host: it is asked at itself, unless the configuration says where. Which certificate is shown depends on the
 * address alone then. */
static bool is_direct(struct batch *batch, const struct config_settings *settings, const struct ident *name)
{
	if (name->type != IDENT_IP || settings->serve.count > 0)
		return false;
	if (batch->local.count == 0)
		address_list_local(&batch->local);
	return address_is_local(name->value, &batch->local);
}

static size_t leaves_of(const struct job_prove_want *want)
{
	size_t n = 0;

	for (size_t i = 0; i < MESSAGE_LEAF_COUNT; i++)
		n += want->leaf[i] != NULL;
	return n;
}

/* The target's number; MESSAGE_TARGETS_MAX when there is no room for it. */
static size_t target_of(struct message_prove *task, const char *address, uint16_t port)
{
	size_t i;

	for (i = 0; i < task->targets_count; i++) {
		if (task->targets[i].port == port && text_equal(task->targets[i].address, address))
			return i;
	}
	if (i < MESSAGE_TARGETS_MAX)
		task->targets[task->targets_count++] = (struct message_target){ address, port };
	return i;
}

/* False when there is no room for it any more. */
static bool add_name(struct batch *batch, struct job_prove_want *want, const struct ident *name, unsigned int at,
                     const struct config_addresses *addresses)
{
	const uint16_t port = want->certificate->settings.https_port;
	struct message_expectation *expectation = &batch->task.names[batch->task.names_count];
	const size_t handshakes = leaves_of(want) * (size_t)__builtin_popcount(at);

	if (batch->task.names_count == MESSAGE_PROOFS_MAX || batch->handshakes + handshakes > MESSAGE_PROOFS_MAX)
		return false;
	*expectation = (struct message_expectation){ .ident = *name };
	for (size_t i = 0; i < addresses->count; i++) {
		size_t target;

		if ((at & 1U << i) == 0)
			continue;
		target = target_of(&batch->task, addresses->items[i], port);
		if (target == MESSAGE_TARGETS_MAX)
			return false;
		expectation->at |= 1U << target;
	}
	memcpy(expectation->leaf, want->leaf, sizeof(want->leaf));
	batch->owners[batch->task.names_count++] = want;
	batch->handshakes += handshakes;
	return true;
}

static const char *leaf_words(const struct job_prove_want *want, enum message_leaf leaf)
{
	if (leaves_of(want) < 2)
		return "";
	switch (leaf) {
	case MESSAGE_LEAF_ECDSA:
		return " (for ECDSA)";
	case MESSAGE_LEAF_RSA:
		return " (for RSA)";
	case MESSAGE_LEAF_COUNT:
		break;
	}
	return "";
}

/* Another kind of key than asked for is as good a sign of it. */
static bool is_other(struct job_prove_want *want, const char *fingerprint)
{
	for (size_t i = 0; i < MESSAGE_LEAF_COUNT; i++) {
		if (want->other[i] && text_equal(want->other[i], fingerprint)) {
			want->other_shown = true;
			return true;
		}
	}
	return false;
}

/* What is wrong with a name goes behind what was wrong with those before it. */
static void tell_shown(struct job_prove_want *want, const struct ident *name, const struct message_target *target,
                       enum message_leaf leaf, const struct message_shown *shown)
{
	CLEANUP(buf_done) struct buf text = BUF(REPORT_MAX);
	const char *leaf_text = leaf_words(want, leaf);
	const bool first = want->proven;

	want->proven = false;
	if (first) {
		want->failed_address = target->address;
		want->failed_port = target->port;
	}
	if (shown->server[0] != '\0' && want->server[0] == '\0' && text_equal(want->failed_address, target->address))
		text_copy(want->server, sizeof(want->server), shown->server);
	if (!first)
		(void)buf_printf(&text, "%s; ", want->error.message);
	(void)buf_printf(&text, "%s at %s port %u%s: ", name->value, target->address, target->port, leaf_text);
	if (shown->fingerprint[0] == '\0')
		(void)buf_printf(&text, "%s", shown->failure);
	else if (is_other(want, shown->fingerprint))
		(void)buf_printf(&text, "%s is still served (serial %s)", want->other_words, shown->serial);
	else
		(void)buf_printf(&text, "another certificate is served (serial %s, for %s, by %s)", shown->serial, shown->subject,
		                 shown->issuer);
	if (first)
		error_set(&want->error, ERROR_DEPLOY, "%s", buf_text(&text));
	else if (!text.failed)
		text_copy(want->error.message, sizeof(want->error.message), buf_text(&text));
	if (name->type == IDENT_IP)
		error_advise(&want->error, "who connects to an address sends no name in the handshake, so the default server of the socket answers: "
		                           "look which that is (`certd check %s` names it) and whether it includes the SSL snippet of this "
		                           "certificate", name->value);
	else if (shown->fingerprint[0] != '\0')
		error_advise(&want->error, "look whether the 443 server of each name includes the SSL snippet of this certificate "
		                           "(`nginx -T` shows all servers), whether another server or program answers on this "
		                           "address (serve-address, https-port), and at NGINX's error log");
	else if (want->error.advice[0] == '\0')
		error_advise(&want->error, "look whether NGINX runs and has a 443 server for each name that includes the SSL snippet of "
		                           "this certificate, and whether serve-address and https-port name where it listens");
}

static int read_proofs(struct batch *batch, const json_t *result, struct error *err)
{
	const json_t *array;
	size_t n = 0;

	if (json_need_array(result, "prove result", "proofs", &array, err) < 0)
		return -1;
	if (json_array_size(array) != batch->handshakes)
		return error_set(err, ERROR_INTERNAL, "the net process tells of %zu handshakes, not of %zu", json_array_size(array),
		                 batch->handshakes);
	for (size_t i = 0; i < batch->task.names_count; i++) {
		const struct message_expectation *name = &batch->task.names[i];

		for (size_t k = 0; k < batch->task.targets_count; k++) {
			for (enum message_leaf leaf = 0; leaf < MESSAGE_LEAF_COUNT; leaf++) {
				struct message_shown shown;

				if ((name->at & 1U << k) == 0 || !name->leaf[leaf])
					continue;
				if (message_shown_read(json_array_get(array, n++), &shown, err) < 0)
					return -1;
				if (!shown.proven)
					tell_shown(batch->owners[i], &name->ident, &batch->task.targets[k], leaf, &shown);
			}
		}
	}
	return 0;
}

/* Where NGINX has no server of these names: that it is not asked there is as its configuration wants it, and may not be as a person does. */
static void tell_unasked(const struct config_certificate *certificate, const struct config_addresses *addresses, unsigned int asked)
{
	const enum log_level level = certificate->settings.serve.count > 0 ? LOG_LEVEL_NOTICE : LOG_LEVEL_INFO;

	for (size_t i = 0; i < addresses->count; i++) {
		if ((asked & 1U << i) == 0)
			log_line(level, "%s: not asked for at %s port %u: NGINX has no server for its names there", certificate->name,
			         addresses->items[i], certificate->settings.https_port);
	}
}

static int send(struct batch *batch, struct job_net *net, const struct job *job, int64_t timeout_ms, struct error *err)
{
	const struct ident_list nothing = { 0 };
	const struct notary_config notary = { .names = &nothing, .tick = job->tick, .self = job->self };
	json_auto_t *result = NULL;

	if (batch->task.names_count == 0)
		return 0;
	batch->task.timeout_ms = timeout_ms + (int64_t)batch->handshakes * HANDSHAKE_MS;
	if (job_net_task(net, CHANNEL_TASK_PROVE, message_prove_pack(&batch->task), &notary, batch->task.timeout_ms + PATIENCE_MS,
	                 &result, err) < 0 ||
	    read_proofs(batch, result, err) < 0)
		return -1;
	batch->task.names_count = 0;
	batch->task.targets_count = 0;
	batch->handshakes = 0;
	return 0;
}

int job_prove_wants(struct job_net *net, const struct job *job, struct job_listeners *listeners, struct job_prove_want *wants,
                    size_t count, int64_t timeout_ms, struct error *err)
{
	CLEANUP(batch_done) struct batch batch;

	if (batch_init(&batch, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const struct config_certificate *certificate = wants[i].certificate;
		struct config_addresses addresses;
		unsigned int asked = 0;
		bool any = false;

		wants[i].proven = true;
		wants[i].other_shown = false;
		wants[i].failed_address = NULL;
		wants[i].server[0] = '\0';
		error_clear(&wants[i].error);
		job_listeners_addresses(&certificate->settings, &addresses);
		for (size_t k = 0; k < certificate->names.count; k++) {
			const struct ident *name = &certificate->names.items[k];
			const struct config_addresses itself = { .items = { name->value }, .count = 1 };
			const bool direct = is_direct(&batch, &certificate->settings, name);
			const struct config_addresses *where = direct ? &itself : &addresses;
			unsigned int at = direct ? 1 : job_listeners_at(listeners, job, &certificate->settings, &addresses, name);

			asked |= direct ? 0 : at;
			any = any || !direct;
			if (add_name(&batch, &wants[i], name, at, where))
				continue;
			if (send(&batch, net, job, timeout_ms, err) < 0)
				return -1;
			if (!add_name(&batch, &wants[i], name, at, where))
				return error_set(err, ERROR_INTERNAL, "the proof of %s does not fit into a task", name->value);
		}
		if (any)
			tell_unasked(certificate, &addresses, asked);
	}
	return send(&batch, net, job, timeout_ms, err);
}
