/* talk.h: what the daemon and a job say to each other, over a stream socket: lines of JSON.
 *
 * The daemon says one line, its request, and with it hands over the descriptors of the locks that it holds. The job answers with a line
 * for whatever there is to tell, and "end" last. Neither trusts the other with more than it needs: the job reads the configuration itself and
 * looks at the locks; the daemon takes from an answer only times and words, about certificates that it asked about.
 */
#ifndef CERTD_DAEMON_TALK_H
#define CERTD_DAEMON_TALK_H

#include "base/buf.h"
#include "base/strv.h"
#include "job/glance.h"
#include "job/job.h"
#include "json/doc.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

enum {
	DAEMON_TALK_FD = 0, /* the job's end: its standard input */
	DAEMON_LOCKS = 2, /* that of the runtime directory, and that of the state; the second may be missing */
	DAEMON_REQUEST_MAX = 256 * 1024, /* octets of a request */
	DAEMON_ANSWER_MAX = 16 * 1024, /* of an answer */
	DAEMON_BATCH_MAX = 64, /* certificates of a request */
};

enum daemon_task {
	DAEMON_TASK_LOOK, /* at all certificates: a fact line for each, and nothing is changed */
	DAEMON_TASK_RENEW, /* those named: what is due */
	DAEMON_TASK_COUNT
};

struct daemon_request {
	enum daemon_task task;
	bool named; /* a person asked */
	bool force;
	struct strv certificates;
};

int daemon_request_print(const struct daemon_request *request, struct buf *out, struct error *err);
int daemon_request_parse(const char *line, size_t len, struct daemon_request *ret, struct error *err);
void daemon_request_done(struct daemon_request *request);

/* The daemon's side: sends the line and the descriptors (-1 is left out). */
int daemon_request_send(int fd, const struct buf *line, const int locks[static DAEMON_LOCKS], struct error *err);

/* The job's side: waits for it. A descriptor that did not come is -1. */
int daemon_request_receive(int fd, struct daemon_request *ret, int ret_locks[static DAEMON_LOCKS], struct error *err);

enum daemon_answer_kind {
	DAEMON_ANSWER_PROGRESS, /* certificate, step, text */
	DAEMON_ANSWER_FACTS, /* certificate, glance; and result, "" for that of a look */
	DAEMON_ANSWER_END, /* status; text is an error, or "" */
	DAEMON_ANSWER_COUNT
};

struct daemon_answer {
	enum daemon_answer_kind kind;
	const char *certificate;
	const char *step;
	const char *text;
	const char *result;
	int status;
	struct job_glance glance;
};

/* Appends the line, with its end. */
int daemon_answer_print(const struct daemon_answer *answer, struct buf *out, struct error *err);

/* The texts in *ret live as long as *ret_doc, a new reference. */
int daemon_answer_parse(const char *line, size_t len, json_t **ret_doc, struct daemon_answer *ret, struct error *err);

#endif
