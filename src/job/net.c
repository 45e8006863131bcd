#include "job/net.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "channel/message.h"
#include "config/config.h"
#include "job/job.h"
#include "netproc/netproc.h"
#include "notary/notary.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Its time on the processor is limited (netproc/sandbox.h), for which the certificates of a whole fleet may be too many: it makes room for another
 * long before that. */
enum { FIRST_INHERITED_FD = 3, TASKS_MAX = 600 };

/* Standard input and output are nothing to it. Standard error is, in a pipe or the journal, or where somebody asked to be told details; else the
 * terminal has the job's word only, which is cleaned. */
static int let_go_of_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		return -1;
	if (isatty(STDERR_FILENO) == 1 && log_get_level() < LOG_LEVEL_INFO && dup2(null, STDERR_FILENO) < 0)
		return -1;
	return null > STDERR_FILENO ? close(null) : 0;
}

/* The child's whole life. Of the descriptors it keeps standard error and its end of the channel. */
static _Noreturn void child(const struct job *job, const struct config_ca *ca, int fd)
{
	const struct netproc_config config = {
		.fd = FIRST_INHERITED_FD,
		.user = job->config->net_user,
		.ca_bundle = ca->ca_bundle,
		.http = job->http,
		.clock = job->clock,
		.random = job->random,
		.sandbox = job->sandbox,
	};

	if (let_go_of_terminal() < 0 || (fd != FIRST_INHERITED_FD && dup2(fd, FIRST_INHERITED_FD) < 0))
		_exit(1);
	/* Its system calls are few: lines will do. */
	log_set_sink(NULL);
	close_range(FIRST_INHERITED_FD + 1, ~0U, 0);
	_exit(netproc_main(&config));
}

bool job_net_same(const struct config_ca *a, const struct config_ca *b)
{
	return text_equal(a->directory, b->directory) &&
	       text_equal(a->ca_bundle ? a->ca_bundle : "", b->ca_bundle ? b->ca_bundle : "");
}

static bool serves(const struct job_net *net, const struct config_ca *ca)
{
	const struct config_ca its = { .directory = net->directory_url, .ca_bundle = net->ca_bundle };

	return net->fd >= 0 && job_net_same(&its, ca);
}

int job_net_start(struct job_net *net, const struct job *job, const struct config_certificate *certificate,
                  struct error *err)
{
	return job_net_start_ca(net, job, certificate->settings.ca, err);
}

int job_net_start_ca(struct job_net *net, const struct job *job, const struct config_ca *ca, struct error *err)
{
	int fds[2];
	pid_t pid;

	if (serves(net, ca) && net->tasks < TASKS_MAX)
		return 0;
	job_net_stop(net);
	if (channel_pair(fds, err) < 0)
		return -1;
	pid = fork();
	if (pid < 0) {
		error_sys(err, errno, "cannot start the net process");
		close(fds[0]);
		close(fds[1]);
		return -1;
	}
	if (pid == 0)
		child(job, ca, fds[1]);
	close(fds[1]);
	net->fd = fds[0];
	net->pid = pid;
	net->tasks = 0;
	net->ca_date_at = 0;
	net->directory_url = ca->directory;
	net->ca_bundle = ca->ca_bundle;
	return 0;
}

void job_net_limits(const struct job *job, struct message_limits *ret)
{
	const struct config_timeouts *timeouts = &job->config->timeouts;

	*ret = (struct message_limits){
		.connect_ms = timeouts->connect_ms,
		.idle_ms = timeouts->idle_ms,
		.request_ms = timeouts->request_ms,
		.retry_after_max_ms = timeouts->retry_after_max_ms,
		.attempt_ms = timeouts->attempt_ms,
	};
}

void job_net_stop(struct job_net *net)
{
	if (net->fd < 0)
		return;
	close(net->fd);
	net->fd = -1;
	kill(net->pid, SIGKILL);
	while (waitpid(net->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* Why a net process is gone, in words, behind what *err says. */
static int explain_end(struct job_net *net, struct error *err)
{
	int status = 0;

	if (err->kind == ERROR_INTERRUPTED) {
		job_net_stop(net);
		return -1;
	}
	if (waitpid(net->pid, &status, WNOHANG) == net->pid) {
		close(net->fd);
		net->fd = -1;
		error_advise(err, "the next run goes on where this one stopped; if it ends so again, look into the kernel's log (memory, "
		                  "seccomp)");
		if (WIFSIGNALED(status))
			return error_context(err, "the net process was ended by signal %d (%s)", WTERMSIG(status),
			                     strsignal(WTERMSIG(status)));
		return error_context(err, "the net process ended with status %d", WEXITSTATUS(status));
	}
	job_net_stop(net);
	return -1;
}

int job_net_task(struct job_net *net, enum channel_type type, json_t *task, const struct notary_config *notary,
                 int64_t timeout_ms, json_t **ret_result, struct error *err)
{
	json_auto_t *message = task;
	json_auto_t *result = NULL;
	const char *value;

	if (!message)
		return error_oom(err);
	if (net->fd < 0)
		return error_set(err, ERROR_INTERNAL, "the net process is not running");
	net->tasks++;
	if (channel_send(net->fd, type, message, err) < 0 || notary_serve(notary, net->fd, timeout_ms, &result, err) < 0)
		return explain_end(net, err);
	net->ca_date_at = json_integer_value(json_object_get(result, "ca_date"));
	if (message_answer_read(result, &value, err) < 0)
		return -1;
	if (ret_result)
		*ret_result = TAKE(result);
	return 0;
}
