/* certd job: what the daemon starts: one task, told on standard input, and answers on the same socket. */
#include "cli/cli.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/outcome.h"
#include "cli/progress.h"
#include "config/config.h"
#include "daemon/talk.h"
#include "job/metrics.h"
#include "job/polite.h"
#include "store/index.h"
#include "store/store.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FLUSH_AT = 32 * 1024, OUT_MAX = FLUSH_AT + DAEMON_ANSWER_MAX, TEXT_SIZE = 512 };

struct worker {
	struct cli_progress progress; /* first: it is the job's self too */
	struct job job;
	void (*show)(void *self, const char *certificate, const char *step, const char *text);
	struct store *store; /* to look; NULL where there is none yet */
	struct job_polite polite;
	struct buf out;
	int status;
};

/* A daemon that no longer listens is no reason not to go on. */
static void flush(struct worker *worker)
{
	size_t sent = 0;

	while (sent < worker->out.len) {
		ssize_t n = send(DAEMON_TALK_FD, worker->out.data + sent, worker->out.len - sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		sent += (size_t)n;
	}
	buf_reset(&worker->out);
}

static void answer(struct worker *worker, const struct daemon_answer *what, bool at_once)
{
	struct error err;

	error_clear(&err);
	if (daemon_answer_print(what, &worker->out, &err) < 0) {
		log_failure(LOG_LEVEL_ERROR, NULL, &err);
		buf_done(&worker->out);
		return;
	}
	if (at_once || worker->out.len >= FLUSH_AT)
		flush(worker);
}

static void answer_facts(struct worker *worker, const struct config_certificate *certificate, const char *result)
{
	struct daemon_answer facts = { .kind = DAEMON_ANSWER_FACTS, .certificate = certificate->name, .result = result };

	job_glance(worker->store, certificate, clock_wall(clock_system()), &worker->polite, &facts.glance);
	answer(worker, &facts, result[0] != '\0');
}

static void on_progress(void *self, const char *certificate, const char *step, const char *text)
{
	struct worker *worker = self;
	char clean[TEXT_SIZE];
	const struct daemon_answer what = {
		.kind = DAEMON_ANSWER_PROGRESS, .certificate = certificate, .step = step, .text = clean
	};

	worker->show(&worker->progress, certificate, step, text);
	text_copy(clean, sizeof(clean), text);
	text_clean(clean);
	answer(worker, &what, true);
}

static void on_outcome(void *self, const struct job_outcome *outcome)
{
	struct worker *worker = self;

	/* What is not due, or may not be tried yet, is no news in a journal. */
	if (outcome->result != JOB_NOT_DUE && outcome->result != JOB_BLOCKED)
		cli_outcome_print(outcome, worker->progress.quiet);
	worker->status = cli_outcome_worst(worker->status, cli_outcome_status(outcome, 1));
	answer_facts(worker, outcome->certificate, job_result_name(outcome->result));
}

/* A daemon that has ended is followed soon. */
static void on_tick(void *self)
{
	struct pollfd listener = { .fd = DAEMON_TALK_FD, .events = POLLRDHUP };

	(void)self;
	if (poll(&listener, 1, 0) > 0 && (listener.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0)
		raise(SIGTERM);
}

static int look(struct worker *worker, const struct config *config)
{
	struct error err;

	for (size_t i = 0; i < config->certificates_count; i++)
		answer_facts(worker, config->certificates[i], "");
	error_clear(&err);
	/* The next look is quicker. */
	if (worker->store && store_index_save(worker->store, &err) < 0)
		log_debug("%s", err.message);
	return CLI_EXIT_OK;
}

/* Those named that the configuration has: the daemon may have read an older one. */
static int renew(struct worker *worker, const struct config *config, const struct daemon_request *request, struct error *err)
{
	const struct config_certificate *chosen[DAEMON_BATCH_MAX];
	const struct job_options options = { .deploy = true, .named = request->named, .force = request->force };
	size_t count = 0;

	for (size_t i = 0; i < request->certificates.count; i++) {
		const struct config_certificate *certificate = config_find(config, request->certificates.items[i]);

		if (certificate)
			chosen[count++] = certificate;
	}
	cli_progress_job(&worker->progress, config, &worker->job);
	worker->show = worker->job.progress;
	worker->job.progress = on_progress;
	worker->job.tick = on_tick;
	worker->job.outcome = on_outcome;
	worker->job.shared = true;
	return job_run(&worker->job, chosen, count, &options, NULL, err);
}

/* That the daemon holds the locks which keep out every other certd. */
static int check_locks(const struct config *config, int locks[static DAEMON_LOCKS], struct error *err)
{
	CLEANUP(clean_fd) int runtime_fd = -1;
	CLEANUP(clean_fd) int state_fd = -1;

	if (file_open_dir(config->runtime_dir, &runtime_fd, err) != FILE_OK ||
	    file_open_dir(config->state_dir, &state_fd, err) != FILE_OK)
		return error_set(err, ERROR_LOCKED, "the daemon has other folders than this configuration");
	if (locks[0] < 0)
		return error_set(err, ERROR_LOCKED, "no lock came with the request");
	if (lock_check(runtime_fd, "lock", locks[0], err) < 0)
		return -1;
	return locks[1] >= 0 ? lock_check(state_fd, "in-use", locks[1], err) : 0;
}

static int work(struct worker *worker, const struct config *config, const struct daemon_request *request,
                int locks[static DAEMON_LOCKS], struct error *err)
{
	if (check_locks(config, locks, err) < 0 || store_open(config->state_dir, false, &worker->store, err) < 0)
		return -1;
	switch (request->task) {
	case DAEMON_TASK_LOOK:
		return look(worker, config);
	case DAEMON_TASK_RENEW:
		return renew(worker, config, request, err);
	case DAEMON_TASK_COUNT:
		break;
	}
	return 0;
}

static void worker_done(struct worker *worker)
{
	job_polite_done(&worker->polite);
	store_free(worker->store);
	buf_done(&worker->out);
}

static bool is_called_by_daemon(void)
{
	struct stat st;

	return fstat(DAEMON_TALK_FD, &st) == 0 && S_ISSOCK(st.st_mode);
}

int cli_job(const struct cli *cli, int argc, char **argv)
{
	CLEANUP(worker_done) struct worker worker = { .out = BUF(OUT_MAX), .status = CLI_EXIT_OK };
	CLEANUP(daemon_request_done) struct daemon_request request = { 0 };
	CLEANUP(config_cleanup) struct config *config = NULL;
	struct daemon_answer end = { .kind = DAEMON_ANSWER_END };
	int locks[DAEMON_LOCKS] = { -1, -1 };
	struct error err;

	(void)argv;
	if (argc > 1 || !is_called_by_daemon())
		return cli_usage("job", "this is what `certd run` starts, and of no use by itself");
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	cli_progress_init(&worker.progress, cli->quiet);
	error_clear(&err);
	if (daemon_request_receive(DAEMON_TALK_FD, &request, locks, &err) < 0)
		return cli_fail("job", &err);
	config = cli_load_config(cli, &worker.status);
	if (!config)
		error_set(&err, ERROR_USAGE, "the configuration on disk has errors, which stand before this");
	else if (work(&worker, config, &request, locks, &err) < 0)
		worker.status = cli_outcome_worst(worker.status, error_exit_status(err.kind));
	text_clean(err.message);
	if (config && interrupt_pending() == 0)
		job_metrics_update(config, clock_wall(clock_system()));
	end.status = worker.status;
	end.text = err.kind == ERROR_INTERRUPTED ? "" : err.message;
	answer(&worker, &end, true);
	return worker.status;
}
