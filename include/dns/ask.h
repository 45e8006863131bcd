/* ask.h: questions of DNS, of any kind that certd asks, many side by side. */
#ifndef CERTD_DNS_ASK_H
#define CERTD_DNS_ASK_H

#include "dns/resolve.h"

#include <stdbool.h>
#include <stddef.h>

struct error;

enum dns_type { DNS_A = 1, DNS_NS = 2, DNS_CNAME = 5, DNS_SOA = 6, DNS_AAAA = 28, DNS_CAA = 257 };

enum { DNS_NAME_SIZE = 256, DNS_REASON_SIZE = 256 };

struct dns_question {
	const char *name; /* borrowed */
	enum dns_type type;
	enum dns_result result; /* DNS_FOUND: there are records of this type */
	bool secure; /* DNSSEC proves the answer; false also without a trust anchor */
	char canonical[DNS_NAME_SIZE]; /* where CNAMEs led, whether or not there is something; or "" */
	char reason[DNS_REASON_SIZE]; /* DNS_BOGUS and DNS_FAILED */
	size_t count; /* of records */
	void *answer; /* owned */
};

/* Asks all; 0 with each question's result, -1 when nothing could be asked. dns_question_done() is right in both cases. */
int dns_ask_all(const struct dns_config *config, struct dns_question *questions, size_t count, struct error *err);
void dns_question_done(struct dns_question *question);

/* The octets of record i < count, as on the wire. Borrowed from the question. */
const void *dns_question_data(const struct dns_question *question, size_t i, size_t *ret_len);

/* A name of the wire (not compressed) as text without the dot at the end, in lower case. False when it is none, or not one that can be shown. */
bool dns_name_parse(const void *data, size_t len, char out[static DNS_NAME_SIZE]);

const char *dns_type_name(enum dns_type type); /* "A", "CAA", ... */

#endif
