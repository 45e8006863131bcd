#include "netproc/netproc.h"

#include "acme/acme.h"
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "channel/channel.h"
#include "channel/message.h"
#include "http/curl.h"
#include "http/http.h"
#include "netproc/sandbox.h"
#include "netproc/session.h"
#include "netproc/task.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CA_BUNDLE_MAX = 4 * 1024 * 1024 };

/* What is made ready before the first task. */
struct outfit {
	struct buf ca_pem;
	struct http_client http;
	bool http_open;
};

static void outfit_done(struct outfit *outfit)
{
	if (outfit->http_open)
		outfit->http.free(outfit->http.self);
	buf_done(&outfit->ca_pem);
}

static int read_ca_bundle(const char *path, struct buf *pem, struct error *err)
{
	int r = file_read(AT_FDCWD, path, pem, err);

	if (r == FILE_ABSENT)
		error_set(err, ERROR_USAGE, "the file %s of ca-bundle does not exist", path);
	if (r != FILE_OK)
		return error_advise(err, "name a PEM file with the certificate of the authority that signs the CA's own HTTPS "
		                         "certificate, or leave ca-bundle out to trust what the system trusts");
	return 0;
}

/* Reads what only root may read, loads what cannot be loaded later, and closes the sandbox. */
static int prepare(const struct netproc_config *config, struct outfit *outfit, struct error *err)
{
	struct http_curl_config curl = { .user_agent = "certd/" PACKAGE_VERSION };

	if (config->ca_bundle && read_ca_bundle(config->ca_bundle, &outfit->ca_pem, err) < 0)
		return -1;
	/* The seed of jansson's hashes is taken at its first use, from a file. */
	json_object_seed(0);
	if (!config->http && http_curl_prepare(err) < 0)
		return -1;
	if (config->sandbox && (sandbox_drop_user(config->user, err) < 0 || sandbox_close(err) < 0))
		return -1;
	if (config->http)
		return 0;
	if (config->ca_bundle) {
		curl.ca_pem = outfit->ca_pem.data;
		curl.ca_pem_len = outfit->ca_pem.len;
	}
	if (http_curl_open(&curl, &outfit->http, err) < 0)
		return -1;
	outfit->http_open = true;
	return 0;
}

static int perform(struct netproc *net, enum channel_type type, const json_t *message, json_t **ret_result,
                   struct error *err)
{
	switch (type) {
	case CHANNEL_TASK_PREFLIGHT:
		return netproc_preflight(net, message, ret_result, err);
	case CHANNEL_TASK_ISSUE:
		return netproc_issue(net, message, ret_result, err);
	case CHANNEL_TASK_PROVE:
		return netproc_prove(net, message, ret_result, err);
	case CHANNEL_TASK_CHECK:
		return netproc_check(net, message, ret_result, err);
	case CHANNEL_TASK_REVOKE:
		return netproc_revoke(net, message, ret_result, err);
	case CHANNEL_TASK_ACCOUNT:
		return netproc_account(net, message, ret_result, err);
	case CHANNEL_TASK_RENEWAL:
		return netproc_renewal(net, message, ret_result, err);
	case CHANNEL_SIGN:
	case CHANNEL_CSR:
	case CHANNEL_PRESENT:
	case CHANNEL_CLEANUP:
	case CHANNEL_PROGRESS:
	case CHANNEL_ANSWER:
	case CHANNEL_RESULT:
	case CHANNEL_TYPE_END:
		break;
	}
	return error_set(err, ERROR_INTERNAL, "the net process received a %s, which is no task", channel_type_name(type));
}

/* What the CA's clock says goes with whatever came of the task. */
static int add_date(const struct netproc *net, json_t *result)
{
	int64_t at = net->session ? acme_session_date_at(netproc_session_acme(net)) : 0;

	return at != 0 ? json_object_set_new(result, "ca_date", json_integer(at)) : 0;
}

/* One task from its frame to its result. 0, CHANNEL_CLOSED, or -1 when the channel is broken. */
static int serve_one(struct netproc *net, const struct error *unfit, struct error *err)
{
	json_auto_t *message = NULL;
	json_auto_t *result = NULL;
	enum channel_type type;
	struct error failure;
	int r;

	r = channel_receive(net->fd, -1, &type, &message, err);
	if (r != CHANNEL_OK)
		return r;
	error_clear(&failure);
	if (unfit) {
		result = message_error_pack(unfit);
	} else if (perform(net, type, message, &result, &failure) < 0) {
		json_decref(result);
		result = message_error_pack(&failure);
	}
	if (!result || add_date(net, result) < 0)
		return error_oom(err);
	return channel_send(net->fd, CHANNEL_RESULT, result, err);
}

/* Blocks until the job sends something or goes away. The sandbox closes only then, so that a job with nothing to do costs nothing; no octet
 * of the world was seen yet. */
static void wait_for_first_task(int fd)
{
	char octet;

	while (recv(fd, &octet, 1, MSG_PEEK) < 0 && errno == EINTR)
		;
}

int netproc_main(const struct netproc_config *config)
{
	CLEANUP(outfit_done) struct outfit outfit = { .ca_pem = BUF(CA_BUNDLE_MAX) };
	struct netproc net = { .fd = config->fd, .clock = config->clock, .random = config->random };
	struct error unfit;
	struct error err;
	bool fit;
	int r;

	wait_for_first_task(config->fd);
	error_clear(&unfit);
	error_clear(&err);
	fit = prepare(config, &outfit, &unfit) == 0;
	net.http = config->http ? config->http : &outfit.http;
	do {
		r = serve_one(&net, fit ? NULL : &unfit, &err);
	} while (r == CHANNEL_OK);
	if (r < 0)
		log_debug("net process: %s", err.message);
	netproc_session_free(net.session);
	close(config->fd);
	return r < 0 ? 1 : 0;
}
