/* message.h: what the frames hold, as structs: packed into JSON for channel_send(), read and checked after channel_receive().
 *
 * A read message borrows its strings from the JSON it was read from, but for identifier lists, which *_done() frees. Packing returns a
 * new reference, or NULL when memory is out.
 */
#ifndef CERTD_CHANNEL_MESSAGE_H
#define CERTD_CHANNEL_MESSAGE_H

#include "base/ident.h"
#include "base/strv.h"
#include "json/doc.h"

#include <stdbool.h>
#include <stdint.h>

struct error;

/* Times of the job's configuration that the net process keeps to; milliseconds. */
struct message_limits {
	int64_t connect_ms;
	int64_t idle_ms;
	int64_t request_ms;
	int64_t retry_after_max_ms;
	int64_t attempt_ms;
};

struct message_preflight {
	struct ident_list names;
	const char *resolver; /* or NULL */
	uint16_t http_port;
	const char *token; /* of a probe that is published */
	const char *body; /* what it holds */
	struct message_limits limits;
};

json_t *message_preflight_pack(const struct message_preflight *message);
int message_preflight_read(const json_t *json, struct message_preflight *ret, struct error *err);
void message_preflight_done(struct message_preflight *message);

struct message_issue {
	struct ident_list names;
	struct strv challenges;
	const char *directory_url;
	const char *account_url; /* or NULL */
	const char *contact; /* or NULL */
	const char *profile; /* or NULL */
	bool require_profile;
	const char *preferred_chain; /* or NULL */
	const char *order_url; /* or NULL */
	const char *replaces; /* certID (RFC 9773) of the certificate that this one replaces, or NULL */
	bool agree_tos;
	bool binding;
	struct message_limits limits;
};

json_t *message_issue_pack(const struct message_issue *message);
int message_issue_read(const json_t *json, struct message_issue *ret, struct error *err);
void message_issue_done(struct message_issue *message);

/* A server may have one certificate of each: which one it shows is up to what the client takes. */
enum message_leaf { MESSAGE_LEAF_ECDSA, MESSAGE_LEAF_RSA, MESSAGE_LEAF_COUNT };

enum {
	MESSAGE_TARGETS_MAX = 8,
	MESSAGE_PROOFS_MAX = 800, /* handshakes of one task: names with their targets with their leaves */
	MESSAGE_SHOWN_MAX = 160, /* octets of a text about what was shown */
};

/* Where a server listens. */
struct message_target {
	const char *address; /* IP literal */
	uint16_t port;
};

/* What shall be served for a name. */
struct message_expectation {
	struct ident ident;
	unsigned int at; /* bit i: it is asked at targets[i]; at least one */
	const char *leaf[MESSAGE_LEAF_COUNT]; /* fingerprints of what a client gets that takes only such keys; NULL: not asked. At least one */
};

struct message_prove {
	struct message_target targets[MESSAGE_TARGETS_MAX];
	size_t targets_count;
	struct message_expectation *names; /* of a read message owned */
	size_t names_count;
	int64_t timeout_ms; /* for all together */
};

json_t *message_prove_pack(const struct message_prove *message);
int message_prove_read(const json_t *json, struct message_prove *ret, struct error *err);
void message_prove_done(struct message_prove *message);

/* What the last handshake showed: the result has one for each name, target and leaf that is asked, in this order (targets and leaves in that
 * of their numbers). Texts are "" where they do not apply. */
struct message_shown {
	bool proven;
	const char *failure; /* there was no handshake: why, and what to do */
	const char *advice;
	const char *fingerprint; /* another certificate was shown: which */
	const char *serial;
	const char *subject;
	const char *issuer;
	const char *server; /* what answers there calls itself this, in http; told once for each target */
};

json_t *message_shown_pack(const struct message_shown *shown);
int message_shown_read(const json_t *json, struct message_shown *ret, struct error *err);

struct message_revoke {
	const char *directory_url;
	const char *account_url; /* or NULL: there is none */
	const char *certificate; /* DER in base64url */
	int64_t reason; /* RFC 5280 section 5.3.1 */
	bool certificate_key; /* the job has it, */
	bool certificate_key_first; /* and it is to be used before the account's */
	struct message_limits limits;
};

json_t *message_revoke_pack(const struct message_revoke *message);
/* The value of the result where the CA said that the certificate was revoked already. */
#define MESSAGE_REVOKED_BEFORE "revoked before"
int message_revoke_read(const json_t *json, struct message_revoke *ret, struct error *err);

enum message_account_verb {
	MESSAGE_ACCOUNT_SHOW,
	MESSAGE_ACCOUNT_UPDATE, /* the contact where there is one, the terms of service where agreed to */
	MESSAGE_ACCOUNT_DEACTIVATE,
	MESSAGE_ACCOUNT_ROLLOVER, /* to the job's next key */
	MESSAGE_ACCOUNT_PROBE, /* whether the CA knows the account's key */
	MESSAGE_ACCOUNT_PROBE_NEXT, /* or the next one */
	MESSAGE_ACCOUNT_VERB_COUNT
};

struct message_account {
	enum message_account_verb verb;
	const char *directory_url;
	const char *account_url; /* or NULL: only to be probed for */
	const char *contact; /* or NULL */
	bool agree_tos;
	struct message_limits limits;
};

json_t *message_account_pack(const struct message_account *message);
int message_account_read(const json_t *json, struct message_account *ret, struct error *err);

/* The result: what the CA says of it. */
struct message_account_state {
	bool known;
	const char *status; /* or NULL where it was not told */
	struct strv contacts;
};

/* The status that a probe has of a key that the CA knows, but does not let in. */
#define MESSAGE_ACCOUNT_BARRED "barred"

json_t *message_account_state_pack(const struct message_account_state *state);
int message_account_state_read(const json_t *json, struct message_account_state *ret, struct error *err);
void message_account_state_done(struct message_account_state *state);

/* What the CA suggests for the renewal of certificates, by their certIDs (RFC 9773). The result has one window for each, in their order. */
enum { MESSAGE_RENEWAL_MAX = 250 };

struct message_renewal {
	const char *directory_url;
	struct strv ids; /* at most MESSAGE_RENEWAL_MAX */
	struct message_limits limits;
};

json_t *message_renewal_pack(const struct message_renewal *message);
int message_renewal_read(const json_t *json, struct message_renewal *ret, struct error *err);
void message_renewal_done(struct message_renewal *message);

enum message_answer { MESSAGE_WINDOW, MESSAGE_TEMPORARY, MESSAGE_LASTING, MESSAGE_UNSUPPORTED, MESSAGE_ANSWER_COUNT };

struct message_window {
	enum message_answer answer;
	int64_t start_at; /* MESSAGE_WINDOW: the CA's times, not judged */
	int64_t end_at;
	int64_t retry_at; /* 0 for none */
	const char *explanation_url; /* "" for none */
	const char *reason; /* why there is no window; "" for none */
};

json_t *message_window_pack(const struct message_window *window);
int message_window_read(const json_t *json, struct message_window *ret, struct error *err);

struct message_sign {
	const char *url;
	const char *nonce;
	const char *payload;
	bool with_jwk;
	bool with_binding;
	bool with_certificate_key;
	bool with_next_key; /* of the account, with_jwk */
	bool key_change; /* the payload is the notary's: the change to the next key */
};

json_t *message_sign_pack(const struct message_sign *message);
int message_sign_read(const json_t *json, struct message_sign *ret, struct error *err);

/* present and cleanup */
struct message_proof {
	const char *type;
	const char *token;
	struct ident identifier;
};

json_t *message_proof_pack(const struct message_proof *message);
int message_proof_read(const json_t *json, struct message_proof *ret, struct error *err);

struct message_progress {
	const char *step;
	const char *text;
	const char *account_url; /* or NULL */
	const char *order_url; /* or NULL; "" to forget it */
	int64_t order_expires_at;
};

json_t *message_progress_pack(const struct message_progress *message);
int message_progress_read(const json_t *json, struct message_progress *ret, struct error *err);

/* answer and result: {"ok": true, "declined": false, "value": TEXT} or {"error": {...}}; a result of a preflight has "findings". */
json_t *message_done_pack(const char *value);
json_t *message_declined_pack(void);
json_t *message_error_pack(const struct error *error);

/* *ret_value borrowed, NULL when there is none. 0; MESSAGE_DECLINED; -1 with *err as the peer packed it. */
enum { MESSAGE_DECLINED = 1 };
int message_answer_read(const json_t *json, const char **ret_value, struct error *err);

/* What a preflight found about one name. */
struct message_finding {
	const char *name;
	const char *text;
	const char *advice;
};

json_t *message_finding_pack(const struct message_finding *finding);
int message_finding_read(const json_t *json, struct message_finding *ret, struct error *err);

#endif
