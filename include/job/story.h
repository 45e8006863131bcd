/* story.h: the story of one certificate, and its nine steps, a file each. Used within this room. */
#ifndef CERTD_JOB_STORY_H
#define CERTD_JOB_STORY_H

#include "base/buf.h"
#include "channel/message.h"
#include "config/config.h"
#include "deploy/deploy.h"
#include "job/away.h"
#include "job/job.h"
#include "job/net.h"
#include "job/polite.h"
#include "job/survey.h"
#include "notary/notary.h"

struct cert_chain;
struct pkey;
struct store;
struct store_account;
struct store_cert;

/* Behind the token in a probe of the preflight, where a proof has the account key's thumbprint. */
#define STORY_PROBE_MARK "preflight"

enum { STORY_FINDING_SIZE = 512 };

enum story_todo {
	STORY_NOTHING,
	STORY_WAIT, /* due, but held back */
	STORY_ISSUE,
	STORY_DEPLOY, /* a generation waits for it */
	STORY_TELL, /* post-renew hooks have yet to succeed */
};

/* A certificate and its key. */
struct story_pair {
	enum key_type type;
	const char *digest; /* of what it is for; survey's */
	struct pkey *key; /* order */
	struct buf key_pem;
	struct buf csr_der;
	struct buf chain_pem;
	struct cert_chain *chain; /* check */
	struct cert_facts facts;
};

struct story {
	const struct job *job;
	const struct job_options *options;
	const struct config_certificate *certificate;
	const struct store *store;
	struct job_net *net;
	struct job_away *away;
	struct job_polite *polite;
	struct job_outcome *outcome;

	struct store_cert *store_cert; /* load; NULL in a dry run of a certificate that there is not */
	struct job_survey survey; /* load; survey.state is what is saved */
	bool loaded; /* load is through: survey.state may be saved. A state that could not be read is never replaced */
	enum story_todo todo; /* decide */
	bool held[CONFIG_CAS_MAX]; /* decide: those of the certificate's list that are not to be asked now */
	const struct config_ca *ca; /* obtain: that is asked now, of the certificate's list */
	char finding[STORY_FINDING_SIZE]; /* preflight: the first thing that was wrong, and what to do; "" for nothing */
	char finding_advice[STORY_FINDING_SIZE];
	char account_url[HTTP_URL_MAX + 1]; /* as far as it is known before the account is opened */
	struct store_account *account; /* order, from here on */
	struct pkey *account_key;
	struct buf binding_key;
	struct story_pair pairs[CONFIG_KEYS_MAX]; /* order and check, one after the other */
	size_t pairs_count; /* as many as the configuration has types of key */
	struct story_pair *pair; /* the one that is on its way */
	struct cert_facts facts[CONFIG_KEYS_MAX]; /* of the generation that is deployed: commit, or deploy */
	size_t facts_count;
	uint64_t generation; /* commit */
	uint64_t previous;
	bool issued; /* by this run */
	struct deploy deploy; /* deploy */
	bool taken_up; /* deploy: there was something to deploy */
	bool proving; /* deploy: NGINX and the hooks have it */
	bool went_back; /* deploy: to the previous generation */
};

void story_done(struct story *story);

/* Forgets keys and certificates that are on their way. */
void story_pairs_clear(struct story *story);

/* Says what is done now. */
void story_progress(const struct story *story, const char *step, const char *text);

/* Saves survey.state; nothing in a dry run. */
int story_save(struct story *story, struct error *err);

/* What is remembered in survey.state of a CA of the certificate's list. NULL where it cannot be. */
struct store_state_ca *story_ca_state(struct story *story, const char *directory);

/* Makes the story's generation live. */
int story_go_live(struct story *story, struct error *err);

/* Until when all certificates of the generation that is deployed are valid. */
int64_t story_not_after_at(const struct story *story);

void story_limits(const struct story *story, struct message_limits *ret);

int job_load(struct story *story, struct error *err);
int job_decide(struct story *story, struct error *err);
/* The three steps from here on with the CA that has its turn, and with the next one where it fails. */
int job_obtain(struct story *story, struct error *err);
int job_preflight(struct story *story, struct error *err);
/* Steps 4 and 5, for each type of key. */
int job_pairs(struct story *story, struct error *err);
int job_order(struct story *story, struct error *err);
int job_check(struct story *story, struct error *err);
int job_commit(struct story *story, struct error *err);
/* Steps 7 and 8, of all these stories at once: what each has that waits for deployment is made live, loaded and proven, or goes back. What came of it
 * stands in deploy.error; its kind ERROR_NONE is success. Their job and net process are the same. */
void job_deploy(struct story *const *stories, size_t count);
/* The end of the story: result 0 or -1 with *err. Never fails itself. */
void job_tell(struct story *story, int result, struct error *err);

/* What is asked of the story's CA now; ret borrows from the story. */
void job_polite_wish_of(struct story *story, struct job_polite_wish *ret);

/* Whether no CA of the list is to be asked for it now: then the outcome says why. Those that are passed over are in story->held. */
bool job_polite_holds_back(struct story *story);

/* Opens or makes the account of the story's CA, and loads its keys into the story. */
int job_account(struct story *story, struct error *err);

#endif
