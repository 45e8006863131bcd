/* state.h: state.json, what is remembered of one certificate between runs. */
#ifndef CERTD_STORE_STATE_H
#define CERTD_STORE_STATE_H

#include "base/error.h"
#include "http/http.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct store_cert;

enum { STORE_STATE_VERSION = 1, STORE_STATE_CAS_MAX = 8, STORE_STATE_CA_URL_SIZE = 512 };

/* What is remembered of one CA of the certificate's list until a certificate is issued, by whichever. What has a longer URL is not remembered. */
struct store_state_ca {
	char directory[STORE_STATE_CA_URL_SIZE]; /* "" for none */
	uint64_t failures; /* of its own, in a row */
	int64_t failed_at; /* the last of them */
	char reason[256]; /* of that */
	/* The order in flight there, while another CA is the last that was asked; for the same names and key as that one's; "" for none. */
	char order_url[STORE_STATE_CA_URL_SIZE];
	int64_t order_expires_at;
	char order_account[STORE_STATE_CA_URL_SIZE];
};

/* What a CA suggests for the renewal of a certificate (RFC 9773). */
struct store_ari {
	char id[128]; /* certID of the certificate that all of this is about; "" for nothing yet */
	int64_t start_at; /* the window, and the instant that was chosen in it; 0: none */
	int64_t end_at;
	int64_t chosen_at;
	char explanation_url[512];
	int64_t checked_at; /* when the CA last suggested something */
	int64_t next_check_at;
	uint64_t failures; /* checks in a row that brought nothing */
};

struct store_state {
	/* The last attempt to obtain or deploy; last_at 0: none yet. */
	int64_t last_at;
	bool last_ok;
	struct error last_error; /* kind, message, advice, problem, retry_at, when !last_ok */
	uint64_t attempts; /* failures in a row */
	int64_t next_at; /* not before; 0 for any time */
	int64_t success_at; /* the last successful attempt, 0 for none */

	/* The order in flight; order_url "" for none. */
	char order_url[HTTP_URL_MAX + 1];
	int64_t order_expires_at;
	char order_directory[HTTP_URL_MAX + 1]; /* of the CA it was made at */
	char order_account[HTTP_URL_MAX + 1];
	char order_names[65]; /* hex SHA-256 over the sorted identifiers, key type and profile: what the order is for */

	struct store_state_ca cas[STORE_STATE_CAS_MAX];

	/* Whose the newest generation is. */
	char directory[HTTP_URL_MAX + 1];
	char ca[64]; /* name in the configuration */
	char revoked[1024]; /* serials that we revoked, the newest first, with a space between; the oldest fall out */
	char account[HTTP_URL_MAX + 1]; /* that it was issued to; "" where unknown */
	char profile[128]; /* that was asked for; "" for none */

	/* What the CA suggests for the renewal of each certificate of the newest generation, in its order. */
	struct store_ari ari[STORE_PAIRS_MAX];
	int64_t ari_early_at; /* when a window last made us renew before the lifetime called for it; stays with the name */

	/* Deployment. */
	uint64_t deploy_generation; /* to be deployed (again); 0 when nothing is pending */
	uint64_t deploy_previous; /* the generation to go back to; 0 for none */

	/* Proof. */
	bool served; /* at served_at, served_generation was seen in a handshake with every name */
	int64_t served_at;
	uint64_t served_generation;

	uint64_t alarm; /* the loudest level (plan/alarm.h) at which the failure hooks ran since the last success */
	bool post_renew_pending; /* post-renew hooks have yet to succeed for the live generation */
};

/* Fills ret; all zero when there is no file. STORE_DAMAGED (a warning for the caller to log) when the file cannot be read as state: it was
 * moved aside as state.json.damaged (not where the certificate was opened without `create`) and ret is all zero. A newer version than ours is an error and nothing is moved. */
int store_state_load(const struct store_cert *cert, struct store_state *ret, struct error *err);
int store_state_save(const struct store_cert *cert, const struct store_state *state, struct error *err);

bool store_state_is_revoked(const struct store_state *state, const char *serial);
void store_state_add_revoked(struct store_state *state, const char *serial);

/* What is remembered of the CA with that directory; NULL for nothing. */
const struct store_state_ca *store_state_ca(const struct store_state *state, const char *directory);

/* The same to change, made where there is none: in the place of one that `keep` does not name, if need be. NULL where it cannot be remembered. */
struct store_state_ca *store_state_ca_make(struct store_state *state, const char *directory,
                                           bool (*keep)(const void *self, const char *directory), const void *self);

/* The same as text: what stands in the file. 0; STORE_DAMAGED with *err saying why; -1 for a newer version. *ret is written on 0 only. */
int store_state_parse(const char *data, size_t len, struct store_state *ret, struct error *err);

/* Appends the text. Texts are cleaned, times beyond the year 9999 and counts beyond INT64_MAX become these: reading what was printed and
 * printing it again gives the same text. */
int store_state_print(const struct store_state *state, struct buf *out, struct error *err);

#endif
