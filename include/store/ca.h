/* ca.h: what is remembered of a CA between runs: what it asked us not to ask before a time, and how often it was asked for what is counted.
 *
 * STATE_DIR/cas/CA.json, where CA is the directory's host and path made safe, with a short hash. Bounded in all its parts, written by one
 * rename. One that cannot be read is moved aside and costs that history only. Who changes it has it locked meanwhile, so that runs side by
 * side do not lose what the other one learned; who only reads needs no lock.
 */
#ifndef CERTD_STORE_CA_H
#define CERTD_STORE_CA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct error;
struct store;
struct store_ca;

enum {
	STORE_CA_VERSION = 1,
	STORE_CA_KEY_SIZE = 33,
	STORE_CA_ABOUT_SIZE = 256,
	STORE_CA_MESSAGE_SIZE = 1024,
	STORE_CA_ADVICE_SIZE = 1536,
	STORE_CA_URL_SIZE = 1024,
	STORE_CA_PROBLEM_SIZE = 2048,
	STORE_CA_HOLDS_MAX = 200, /* the one that ends first falls out */
	STORE_CA_EVENTS_MAX = 20000, /* of a log; the oldest fall out */
};

/* What a hold is about. */
enum store_ca_scope {
	STORE_CA_WHOLE, /* the CA: everybody */
	STORE_CA_ACCOUNT,
	STORE_CA_NAMES, /* a set of names: one certificate */
	STORE_CA_SCOPE_COUNT
};

/* What is not to be asked. */
enum store_ca_endpoint {
	STORE_CA_ANYTHING,
	STORE_CA_NEW_ACCOUNT,
	STORE_CA_NEW_ORDER,
	STORE_CA_RENEWAL_INFO,
	STORE_CA_ENDPOINT_COUNT
};

const char *store_ca_scope_name(enum store_ca_scope scope); /* "ca", "account", "names". Static. */
const char *store_ca_endpoint_name(enum store_ca_endpoint endpoint); /* "anything", "newAccount", "newOrder", "renewalInfo". Static. */

/* One thing that the CA does not want to be asked before a time. */
struct store_ca_hold {
	enum store_ca_scope scope;
	enum store_ca_endpoint endpoint;
	char key[STORE_CA_KEY_SIZE]; /* which account or names (store_ca_key()); "" for the whole CA */
	char about[STORE_CA_ABOUT_SIZE]; /* the same for people */
	int64_t since_at;
	int64_t until_at;
	bool paused; /* somebody has to lift it, at url; until_at is only when it is looked whether somebody did */
	bool vague; /* the CA did not say whether it was about the names or the account */
	int http_status;
	char message[STORE_CA_MESSAGE_SIZE];
	char advice[STORE_CA_ADVICE_SIZE];
	char url[STORE_CA_URL_SIZE]; /* "" for none */
	char problem[STORE_CA_PROBLEM_SIZE]; /* the CA's document; "" for none, or where it is longer */
};

/* What is counted: each a list of (key, time). */
enum store_ca_log {
	STORE_CA_ORDERS, /* by account */
	STORE_CA_CERTIFICATES, /* by names */
	STORE_CA_FAILURES, /* authorizations that failed, by account and name */
	STORE_CA_LOG_COUNT
};

/* The key of these texts; b may be NULL. */
int store_ca_key(const char *a, const char *b, char ret[static STORE_CA_KEY_SIZE], struct error *err);

/* To read. STORE_OK, also where there is none yet (store may be NULL); STORE_DAMAGED, with *ret empty and *err saying why: nothing is moved. -1 for a file of
 * a newer version, or where memory or the disk fails. */
int store_ca_load(const struct store *store, const char *directory_url, struct store_ca **ret, struct error *err);

/* Whether the file is still the one that was read. */
bool store_ca_is_fresh(const struct store_ca *ca);

/* To change: locks it, waiting for who has it locked, until it is freed, and reads it anew. STORE_DAMAGED: as for store_ca_load(), and what could not be
 * read was moved aside. */
int store_ca_open(const struct store *store, const char *directory_url, struct store_ca **ret, struct error *err);
int store_ca_save(struct store_ca *ca, struct error *err);
void store_ca_free(struct store_ca *ca);
void store_ca_cleanup(struct store_ca **ca);

const struct store_ca_hold *store_ca_holds(const struct store_ca *ca, size_t *ret_count);

/* Puts it in the place of one of the same scope, key and endpoint. */
int store_ca_hold_add(struct store_ca *ca, const struct store_ca_hold *hold, struct error *err);

/* Removes that one, if it is there. */
bool store_ca_hold_remove(struct store_ca *ca, enum store_ca_scope scope, enum store_ca_endpoint endpoint, const char *key);

/* Removes what is over; and what was written by a clock that was ahead by more than a day: it says since_at is yet to come. */
void store_ca_expire(struct store_ca *ca, int64_t now_at);

/* Counts one more. Those older than keep_s, and those of a time that is yet to come by more than a day, are forgotten. */
int store_ca_event_add(struct store_ca *ca, enum store_ca_log log, const char *key, int64_t at, int64_t keep_s,
                       struct error *err);

/* The times of that key, ascending, at most max of them: the newest. */
size_t store_ca_event_list(const struct store_ca *ca, enum store_ca_log log, const char *key, int64_t *out, size_t max);

/* When the CA's own clock last said that ours is right; 0 for never. */
int64_t store_ca_seen_at(const struct store_ca *ca);
void store_ca_set_seen(struct store_ca *ca, int64_t at);

/* The same as text: what stands in the file. 0; STORE_DAMAGED with *err saying why; -1. *ret is written on 0 only. */
int store_ca_parse(const char *data, size_t len, struct store_ca **ret, struct error *err);
int store_ca_print(const struct store_ca *ca, struct buf *out, struct error *err);

/* Shows what is remembered of every CA there is a file of, in the order of their names; damaged ones are left out. */
int store_ca_each(const struct store *store, int (*visit)(void *self, const struct store_ca *ca, struct error *err), void *self,
                  struct error *err);

const char *store_ca_directory(const struct store_ca *ca); /* URL. Borrowed. */

#endif
