/* survey.h: what there is of one certificate, read and not changed: for the job's first steps and for `certd status`. */
#ifndef CERTD_JOB_SURVEY_H
#define CERTD_JOB_SURVEY_H

#include "base/ident.h"
#include "config/config.h"
#include "crypto/cert.h"
#include "plan/alarm.h"
#include "plan/due.h"
#include "store/state.h"

#include <stdbool.h>
#include <stdint.h>

struct config_ca;
struct error;
struct store_cert;

enum { JOB_DIGEST_SIZE = sizeof(((struct store_state *)0)->order_names) };

struct job_survey {
	struct store_state state;
	bool state_damaged; /* it could not be read and was moved aside */
	uint64_t live; /* 0 for none */
	uint64_t newest; /* the generation that counts: one that waits for deployment, or the live one; 0 for none */
	bool have; /* newest is whole: all files, key and certificate belong together */
	char damage[256]; /* why not, when newest is not 0 */
	struct cert_facts facts; /* of newest, when have: of its first certificate, */
	struct cert_facts second; /* and of the second, where there are two */
	size_t pairs; /* 1 or 2, when have */
	bool have_live; /* another generation than newest is live, and its certificates can be read */
	struct cert_facts live_facts; /* of that one of them that ends first, when have_live */
	bool revoked; /* one of them, by us */
	struct ident_list names; /* of newest, when have */
	char digests[CONFIG_KEYS_MAX][JOB_DIGEST_SIZE]; /* of what the configuration asks for, for each type of key: names, key type, profile */
};

/* store_cert may be NULL: nothing is there. */
int job_survey_read(const struct store_cert *store_cert, const struct config_certificate *certificate,
                    struct job_survey *ret, struct error *err);
void job_survey_done(struct job_survey *survey);

/* Of its certificate i. */
const struct cert_facts *job_survey_facts(const struct job_survey *survey, size_t i);

/* The certificate with a key of that family; its place into *ret_i. False where there is none. */
bool job_survey_find(const struct job_survey *survey, enum key_family family, size_t *ret_i);

/* Until when all of them are valid; 0 without any. */
int64_t job_survey_not_after_at(const struct job_survey *survey);

/* The one of them that ends first, when have. */
const struct cert_facts *job_survey_first_to_end(const struct job_survey *survey);

/* When the CA is to be asked next what it suggests for the renewal of one of them, by what is remembered alone; 0 for never. */
int64_t job_survey_next_check_at(const struct job_survey *survey);


/* Whether what was ordered last is what is configured now, or one of both. */
bool job_survey_is_ordered(const struct job_survey *survey, const struct config_certificate *certificate);

struct job_survey_options {
	int64_t now_at;
	bool forced;
	bool named;
};

/* The CA that issued the newest generation, where it is one of those that are configured now: only then is it asked about it. NULL. */
const struct config_ca *job_survey_ca(const struct job_survey *survey, const struct config_certificate *certificate);

/* The window that its CA suggests, if one is known for certificate i of the newest generation; all 0 else. */
struct plan_ari job_survey_ari(const struct job_survey *survey, size_t i);

/* The certificate that is in use (or would be, were it deployed somewhere), of two the one that ends first; NULL for none. */
const struct cert_facts *job_survey_in_use(const struct job_survey *survey);

/* What plan/alarm.h says of the certificate in use. */
enum plan_alarm job_survey_alarm(const struct job_survey *survey, bool failing, int64_t now_at);

/* When its CA is to be asked (again) what it suggests for the newest generation; 0 for never. */
int64_t job_survey_check_at(const struct job_survey *survey, const struct config_certificate *certificate);

/* What plan/due.h says of it. */
void job_survey_decide(const struct job_survey *survey, const struct config_certificate *certificate,
                       const struct job_survey_options *options, struct plan_decision *ret);

#endif
