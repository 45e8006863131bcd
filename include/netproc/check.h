/* check.h: why HTTPS for some names works or does not: what the files of the task share. Used within this room. */
#ifndef CERTD_NETPROC_CHECK_H
#define CERTD_NETPROC_CHECK_H

#include "channel/message_check.h"
#include "dns/resolve.h"
#include "json/doc.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct ident;
struct netproc;

enum { CHECK_FAMILIES = 2, CHECK_DEAD_MAX = 64, CHECK_WORDS_SIZE = MESSAGE_CHECK_TEXT_MAX, CHECK_WHOM_SIZE = 160 };

/* What is looked at under a name: the first address of each family. */
struct check_target {
	const char *address;
	bool ours; /* our test file came from there */
};

struct check_name {
	const struct ident *ident;
	struct dns_host *host; /* NULL for a wildcard */
	struct check_target targets[CHECK_FAMILIES];
	size_t targets_count;
};

/* An address and port that did not answer: it is not waited for again. */
struct check_dead {
	char address[DNS_ADDRESS_SIZE];
	uint16_t port;
	char message[CHECK_WORDS_SIZE];
	char advice[CHECK_WORDS_SIZE];
};

struct check {
	struct netproc *net;
	const struct message_check *task;
	struct check_name *names;
	size_t count;
	struct dns_host *hosts; /* first those of names in DNS, then those of addresses, which are their own */
	size_t hosts_count;
	size_t names_in_dns;
	char asked_whom[CHECK_WHOM_SIZE]; /* words for whom DNS is asked of: "the authoritative servers", ... */
	struct dns_config dns;
	bool no_dns; /* nothing can be asked at all from here */
	struct check_dead *dead;
	size_t dead_count;
	json_t *findings;
};

/* The texts of a finding as it is made. */
struct check_words {
	char asked[CHECK_WORDS_SIZE];
	char seen[CHECK_WORDS_SIZE];
	char means[CHECK_WORDS_SIZE];
	char advice[CHECK_WORDS_SIZE];
};

#define CHECK_WORDS ((struct check_words){ .asked = "" })
#define CHECK_FORMAT(array, ...) ((void)snprintf((array), sizeof(array), __VA_ARGS__))

int check_add(struct check *check, const struct check_name *name, const char *subject, enum check_level level,
              const struct check_words *words, struct error *err);

/* "192.0.2.1:80", "[2001:db8::1]:80". Returns out. */
enum { CHECK_WHERE_SIZE = DNS_ADDRESS_SIZE + 16 };
const char *check_where(const char *address, uint16_t port, char out[static CHECK_WHERE_SIZE]);

/* NULL when it is not known that nobody answers there. */
const struct check_dead *check_find_dead(const struct check *check, const char *address, uint16_t port);
void check_mark_dead(struct check *check, const char *address, uint16_t port, const char *message, const char *advice);

/* Each performs its part for all names. */
int check_dns(struct check *check, struct error *err); /* fills hosts and targets */
int check_addresses(struct check *check, struct error *err); /* whose they are; after check_http() */
int check_caa(struct check *check, struct error *err);
int check_http(struct check *check, struct error *err);
int check_tls(struct check *check, struct error *err);
int check_websocket(struct check *check, struct error *err);

#endif
