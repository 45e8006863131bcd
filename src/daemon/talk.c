#include "daemon/talk.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const tasks[DAEMON_TASK_COUNT] = { [DAEMON_TASK_LOOK] = "look", [DAEMON_TASK_RENEW] = "renew" };
static const char *const kinds[DAEMON_ANSWER_COUNT] = {
	[DAEMON_ANSWER_PROGRESS] = "progress",
	[DAEMON_ANSWER_FACTS] = "facts",
	[DAEMON_ANSWER_END] = "end",
};

#define WHAT_REQUEST "the daemon's request"
#define WHAT_ANSWER "the job's answer"

static int find(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (text_equal(names[i], name))
			return (int)i;
	}
	return -1;
}

/* Prints the document as a line; takes the reference. */
static int print_line(json_t *document, struct buf *out, struct error *err)
{
	json_auto_t *owned = document;

	if (!owned)
		return error_oom(err);
	if (json_doc_print(owned, false, out, err) < 0)
		return -1;
	(void)buf_append_char(out, '\n');
	return buf_check(out, "a message between daemon and job", err);
}

int daemon_request_print(const struct daemon_request *request, struct buf *out, struct error *err)
{
	json_t *names = json_array();

	for (size_t i = 0; names && i < request->certificates.count; i++) {
		if (json_array_append_new(names, json_string(request->certificates.items[i])) < 0) {
			json_decref(names);
			return error_oom(err);
		}
	}
	return print_line(json_pack("{s:s, s:b, s:b, s:o}", "do", tasks[request->task], "named", request->named ? 1 : 0,
	                            "force", request->force ? 1 : 0, "certificates", names),
	                  out, err);
}

int daemon_request_parse(const char *line, size_t len, struct daemon_request *ret, struct error *err)
{
	CLEANUP(daemon_request_done) struct daemon_request request = { .certificates = STRV(DAEMON_BATCH_MAX) };
	json_auto_t *doc = NULL;
	const char *name;
	int task;

	if (json_doc_parse(line, len, WHAT_REQUEST, &doc, err) < 0 || json_need_string(doc, WHAT_REQUEST, "do", &name, err) < 0 ||
	    json_field_bool(doc, WHAT_REQUEST, "named", &request.named, err) < 0 ||
	    json_field_bool(doc, WHAT_REQUEST, "force", &request.force, err) < 0 ||
	    json_field_strings(doc, WHAT_REQUEST, "certificates", &request.certificates, err) < 0)
		return -1;
	task = find(tasks, ARRAY_SIZE(tasks), name);
	if (task < 0)
		return error_set(err, ERROR_PROTOCOL, WHAT_REQUEST ": there is nothing called %.40s to do", name);
	request.task = (enum daemon_task)task;
	*ret = request;
	request.certificates = (struct strv){ 0 };
	return 0;
}

void daemon_request_done(struct daemon_request *request)
{
	strv_done(&request->certificates);
}

int daemon_request_send(int fd, const struct buf *line, const int locks[static DAEMON_LOCKS], struct error *err)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(DAEMON_LOCKS * sizeof(int))];
	} control = { 0 };
	struct iovec part = { line->data, line->len };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	size_t count = locks[0] < 0 ? 0 : locks[1] < 0 ? 1 : 2;
	size_t sent = 0;

	if (count > 0) {
		message.msg_control = control.room;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(&control.header), locks, count * sizeof(int));
	}
	while (sent < line->len) {
		ssize_t n;

		part = (struct iovec){ line->data + sent, line->len - sent };
		n = sendmsg(fd, &message, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(err, errno, "cannot tell a job what to do");
		sent += (size_t)n;
		message.msg_control = NULL;
		message.msg_controllen = 0;
	}
	return 0;
}

/* The descriptors of one message; what is over the number that there can be is closed. */
static void take_locks(struct msghdr *message, int locks[static DAEMON_LOCKS], size_t *count)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		const size_t n = c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS ?
		                         (c->cmsg_len - CMSG_LEN(0)) / sizeof(int) :
		                         0;

		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (*count < DAEMON_LOCKS)
				locks[(*count)++] = fd;
			else
				close(fd);
		}
	}
}

static int receive_line(int fd, struct buf *line, int locks[static DAEMON_LOCKS], struct error *err)
{
	size_t count = 0;

	while (line->len == 0 || line->data[line->len - 1] != '\n') {
		union {
			struct cmsghdr header;
			char room[CMSG_SPACE(DAEMON_LOCKS * sizeof(int))];
		} control;
		char chunk[4096];
		struct iovec part = { chunk, sizeof(chunk) };
		struct msghdr message = {
			.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof(control.room)
		};
		ssize_t n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(err, errno, "cannot learn from the daemon what to do");
		take_locks(&message, locks, &count);
		if (n == 0)
			return error_set(err, ERROR_PROTOCOL, "the daemon went away before it had said what to do");
		(void)buf_append(line, chunk, (size_t)n);
		if (buf_check(line, WHAT_REQUEST, err) < 0)
			return -1;
	}
	return 0;
}

int daemon_request_receive(int fd, struct daemon_request *ret, int ret_locks[static DAEMON_LOCKS], struct error *err)
{
	CLEANUP(buf_done) struct buf line = BUF(DAEMON_REQUEST_MAX);
	int locks[DAEMON_LOCKS] = { -1, -1 };

	if (receive_line(fd, &line, locks, err) < 0 || daemon_request_parse(line.data, line.len - 1, ret, err) < 0) {
		for (size_t i = 0; i < DAEMON_LOCKS; i++)
			clean_fd(&locks[i]);
		return -1;
	}
	memcpy(ret_locks, locks, sizeof(locks));
	return 0;
}

static json_t *facts_json(const struct daemon_answer *a)
{
	const struct job_glance *g = &a->glance;

	return json_pack("{s:s, s:s, s:s, s:b, s:b, s:i, s:I, s:I, s:I, s:I, s:b, s:s, s:s}", "is", kinds[a->kind],
	                 "certificate", a->certificate, "result", a->result, "have", g->have ? 1 : 0, "failing",
	                 g->failing ? 1 : 0, "reason", (int)g->reason, "not_before", (json_int_t)g->not_before_at, "not_after",
	                 (json_int_t)g->not_after_at, "renew", (json_int_t)g->renew_at, "next", (json_int_t)g->next_at,
	                 "by_lifetime", g->by_lifetime ? 1 : 0, "kind", error_kind_name(g->kind), "error", g->error);
}

int daemon_answer_print(const struct daemon_answer *answer, struct buf *out, struct error *err)
{
	switch (answer->kind) {
	case DAEMON_ANSWER_PROGRESS:
		return print_line(json_pack("{s:s, s:s, s:s, s:s}", "is", kinds[answer->kind], "certificate", answer->certificate,
		                            "step", answer->step, "text", answer->text),
		                  out, err);
	case DAEMON_ANSWER_FACTS:
		return print_line(facts_json(answer), out, err);
	case DAEMON_ANSWER_END:
		return print_line(json_pack("{s:s, s:i, s:s}", "is", kinds[answer->kind], "status", answer->status, "text",
		                            answer->text),
		                  out, err);
	case DAEMON_ANSWER_COUNT:
		break;
	}
	return error_set(err, ERROR_INTERNAL, "no answer of the kind %d", (int)answer->kind);
}

static int parse_facts(const json_t *doc, struct daemon_answer *answer, struct error *err)
{
	struct job_glance *g = &answer->glance;
	const char *kind, *text;
	int64_t reason;

	if (json_need_string(doc, WHAT_ANSWER, "certificate", &answer->certificate, err) < 0 ||
	    json_need_string(doc, WHAT_ANSWER, "result", &answer->result, err) < 0 ||
	    json_field_bool(doc, WHAT_ANSWER, "have", &g->have, err) < 0 ||
	    json_field_bool(doc, WHAT_ANSWER, "failing", &g->failing, err) < 0 ||
	    json_need_int(doc, WHAT_ANSWER, "reason", &reason, err) < 0 ||
	    json_need_int(doc, WHAT_ANSWER, "not_before", &g->not_before_at, err) < 0 ||
	    json_need_int(doc, WHAT_ANSWER, "not_after", &g->not_after_at, err) < 0 ||
	    json_need_int(doc, WHAT_ANSWER, "renew", &g->renew_at, err) < 0 ||
	    json_need_int(doc, WHAT_ANSWER, "next", &g->next_at, err) < 0 ||
	    json_field_bool(doc, WHAT_ANSWER, "by_lifetime", &g->by_lifetime, err) < 0 ||
	    json_need_string(doc, WHAT_ANSWER, "kind", &kind, err) < 0 ||
	    json_need_string(doc, WHAT_ANSWER, "error", &text, err) < 0)
		return -1;
	if (reason < 0 || reason >= PLAN_REASON_COUNT || error_kind_parse(kind, &g->kind) < 0)
		return error_set(err, ERROR_PROTOCOL, WHAT_ANSWER ": no such reason, or no such kind of error");
	g->reason = (enum plan_reason)reason;
	text_copy(g->error, sizeof(g->error), text);
	text_clean(g->error);
	return 0;
}

static int parse_answer(const json_t *doc, struct daemon_answer *answer, struct error *err)
{
	const char *name;
	int64_t status;
	int kind;

	if (json_need_string(doc, WHAT_ANSWER, "is", &name, err) < 0)
		return -1;
	kind = find(kinds, ARRAY_SIZE(kinds), name);
	if (kind < 0)
		return error_set(err, ERROR_PROTOCOL, WHAT_ANSWER ": there is no answer called %.40s", name);
	answer->kind = (enum daemon_answer_kind)kind;
	switch (answer->kind) {
	case DAEMON_ANSWER_PROGRESS:
		if (json_need_string(doc, WHAT_ANSWER, "certificate", &answer->certificate, err) < 0 ||
		    json_need_string(doc, WHAT_ANSWER, "step", &answer->step, err) < 0)
			return -1;
		return json_need_string(doc, WHAT_ANSWER, "text", &answer->text, err);
	case DAEMON_ANSWER_FACTS:
		return parse_facts(doc, answer, err);
	case DAEMON_ANSWER_END:
		if (json_need_int(doc, WHAT_ANSWER, "status", &status, err) < 0 ||
		    json_need_string(doc, WHAT_ANSWER, "text", &answer->text, err) < 0)
			return -1;
		answer->status = status >= 0 && status <= UINT8_MAX ? (int)status : 1;
		return 0;
	case DAEMON_ANSWER_COUNT:
		break;
	}
	return -1;
}

int daemon_answer_parse(const char *line, size_t len, json_t **ret_doc, struct daemon_answer *ret, struct error *err)
{
	struct daemon_answer answer = { .certificate = "", .step = "", .text = "", .result = "" };
	json_auto_t *doc = NULL;

	if (json_doc_parse(line, len, WHAT_ANSWER, &doc, err) < 0 || parse_answer(doc, &answer, err) < 0)
		return -1;
	*ret = answer;
	*ret_doc = TAKE(doc);
	return 0;
}
