#include "http/curl.h"

#include "http/transfer.h"

#include "base/clean.h"
#include "base/clock.h"
#include "base/strv.h"
#include "base/text.h"

#include <dirent.h>
#include <limits.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	ACTIVE_MAX = 32, /* transfers at a time; the clock of the others does not run yet */
	HOST_CONNECTIONS_MAX = 4, /* matters for HTTP/1.1 only */
	CONNECTIONS_MAX = 8,
	HASHED_MIN = 16, /* a directory with fewer hashed certificates does not hold the system's trust */
	WAIT_MS = 200, /* the grain of the time-out for silence */
};

struct client {
	CURLM *multi;
	struct http_trust trust;
	bool has_bundle; /* beside the directory of hashed certificates */
	char *user_agent;
	bool distrusts; /* a connection died silently: those from before are not used again */
	int64_t distrusts_since_ms;
};

struct run {
	struct client *client;
	struct http_transfer *transfers;
	size_t count;
	size_t next; /* to be started */
	size_t active;
};

static int64_t now_ms(void)
{
	return clock_monotonic_ms(clock_system());
}

static int64_t connection_age_max_s(const struct client *client, int64_t now)
{
	int64_t since_s;

	if (!client->distrusts)
		return 0;
	since_s = (now - client->distrusts_since_ms) / 1000;
	return since_s > 1 ? since_s : 1;
}

static void launch(struct run *run, struct http_transfer *t)
{
	struct http_exchange *x = t->exchange;
	int64_t now = now_ms();

	if (http_transfer_prepare(t, now, connection_age_max_s(run->client, now)) < 0)
		return;
	if (curl_multi_add_handle(run->client->multi, t->easy) != CURLM_OK) {
		http_transfer_done(t);
		x->result = error_oom(&x->error);
		return;
	}
	run->active++;
}

static void launch_next(struct run *run)
{
	while (run->next < run->count && run->active < ACTIVE_MAX) {
		struct http_transfer *t = &run->transfers[run->next++];
		struct http_exchange *x = t->exchange;

		x->result = http_url_check(x->request.url, !x->request.https_only, "a request", &x->error);
		if (x->result < 0)
			continue;
		(void)text_copy(x->response.final_url, sizeof(x->response.final_url), x->request.url);
		launch(run, t);
	}
}

/* An anchor may stand in the bundle and not in the directory, where somebody added it by hand. Then the bundle is worth its memory. */
static bool try_bundle(struct client *client, struct http_transfer *t, CURLcode code)
{
	if (code != CURLE_PEER_FAILED_VERIFICATION || !t->by_directory || !client->has_bundle)
		return false;
	client->trust.by_directory = false;
	t->by_directory = false;
	return true;
}

static void finish(struct run *run, struct http_transfer *t, CURLcode code)
{
	int64_t now = now_ms();

	(void)curl_multi_remove_handle(run->client->multi, t->easy);
	run->active--;
	if (try_bundle(run->client, t, code)) {
		http_transfer_done(t);
		launch(run, t);
		return;
	}
	if (code == CURLE_OPERATION_TIMEDOUT || t->stop == HTTP_STOP_IDLE) {
		run->client->distrusts = true;
		run->client->distrusts_since_ms = now;
	}
	if (http_transfer_finish(t, code, now))
		launch(run, t);
}

static void collect(struct run *run)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(run->client->multi, &left))) {
		CURL *easy = message->easy_handle;
		CURLcode code = message->data.result;
		void *t = NULL;

		if (message->msg == CURLMSG_DONE && curl_easy_getinfo(easy, CURLINFO_PRIVATE, &t) == CURLE_OK && t)
			finish(run, t, code);
	}
}

static void end_idle(struct run *run)
{
	int64_t now = now_ms();

	for (size_t i = 0; i < run->next; i++) {
		struct http_transfer *t = &run->transfers[i];

		if (t->easy && http_transfer_idle(t, now))
			finish(run, t, CURLE_OPERATION_TIMEDOUT);
	}
}

static int drive(struct run *run, struct error *err)
{
	launch_next(run);
	while (run->active > 0) {
		CURLMcode code;
		int running;

		code = curl_multi_perform(run->client->multi, &running);
		if (code != CURLM_OK)
			return error_set(err, ERROR_INTERNAL, "libcurl cannot go on: %s", curl_multi_strerror(code));
		collect(run);
		end_idle(run);
		launch_next(run);
		if (run->active == 0 || running < (int)run->active)
			continue;
		code = curl_multi_poll(run->client->multi, NULL, 0, WAIT_MS, NULL);
		if (code != CURLM_OK)
			return error_set(err, ERROR_SYSTEM, "waiting for the network failed: %s", curl_multi_strerror(code));
	}
	return 0;
}

static int client_perform_all(void *self, struct http_exchange *const *exchanges, size_t count, struct error *err)
{
	struct client *client = self;
	struct run run = { .client = client, .count = count };
	int r;

	run.transfers = calloc(count, sizeof(*run.transfers));
	if (!run.transfers)
		return error_oom(err);
	for (size_t i = 0; i < count; i++)
		run.transfers[i] = (struct http_transfer){ .exchange = exchanges[i],
			                                   .trust = &client->trust,
			                                   .user_agent = client->user_agent };
	r = drive(&run, err);
	for (size_t i = 0; i < count; i++) {
		if (run.transfers[i].easy)
			(void)curl_multi_remove_handle(client->multi, run.transfers[i].easy);
		http_transfer_done(&run.transfers[i]);
	}
	free(run.transfers);
	return r;
}

static void client_free(void *self)
{
	struct client *client = self;

	if (!client)
		return;
	(void)curl_multi_cleanup(client->multi);
	free(client->user_agent);
	free(client->trust.pem);
	free(client);
}

static bool is_hashed(const char *name)
{
	return strspn(name, "0123456789abcdef") == 8 && name[8] == '.' && name[9] >= '0' && name[9] <= '9';
}

static void close_dir(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

/* Counts the hashed certificates of the directory; with ret_targets, adds the directories that their links lead to. */
static size_t hashed_directory(const char *path, struct strv *ret_targets)
{
	CLEANUP(close_dir) DIR *dir = path ? opendir(path) : NULL;
	struct dirent *entry;
	size_t count = 0;

	while (dir && (entry = readdir(dir))) {
		char link[PATH_MAX], real[PATH_MAX];
		char *slash;

		if (!is_hashed(entry->d_name))
			continue;
		count++;
		if (!ret_targets || (size_t)snprintf(link, sizeof(link), "%s/%s", path, entry->d_name) >= sizeof(link) ||
		    !realpath(link, real) || !(slash = strrchr(real, '/')))
			continue;
		*slash = '\0';
		if (real[0] && !strv_contains(ret_targets, real))
			(void)strv_add(ret_targets, real);
	}
	return count;
}

/* Where libcurl was built to look. Static strings of libcurl's, or NULL. */
static void system_trust(const char **ret_bundle, const char **ret_directory)
{
	char *bundle = NULL, *directory = NULL;
	CURL *easy = curl_easy_init();

	if (easy) {
		(void)curl_easy_getinfo(easy, CURLINFO_CAINFO, &bundle);
		(void)curl_easy_getinfo(easy, CURLINFO_CAPATH, &directory);
	}
	*ret_bundle = bundle;
	*ret_directory = directory;
	curl_easy_cleanup(easy);
}

int http_curl_trust_paths(struct strv *ret, struct error *err)
{
	const char *bundle, *directory;
	char real[PATH_MAX];

	system_trust(&bundle, &directory);
	if (bundle && realpath(bundle, real) && !strv_contains(ret, real))
		(void)strv_add(ret, real);
	if (directory && realpath(directory, real) && hashed_directory(directory, NULL) >= HASHED_MIN) {
		if (!strv_contains(ret, real))
			(void)strv_add(ret, real);
		(void)hashed_directory(directory, ret);
	}
	return ret->failed ? error_oom(err) : 0;
}

int http_curl_prepare(struct error *err)
{
	/* With a label over 63 octets: every name service of nsswitch.conf is loaded and says no, none asks a server. */
	static const char nowhere[] = "certd-loads-the-name-services-before-its-sandbox-closes-around-it0.invalid";
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return error_set(err, ERROR_INTERNAL, "libcurl cannot be started");
	if (getaddrinfo(nowhere, NULL, &hints, &found) == 0)
		freeaddrinfo(found);
	return 0;
}

static int copy_config(struct client *client, const struct http_curl_config *config, struct error *err)
{
	const char *directory, *bundle;

	client->user_agent = strdup(config->user_agent);
	if (!client->user_agent)
		return error_oom(err);
	if (!config->ca_pem) {
		system_trust(&bundle, &directory);
		client->trust.by_directory = hashed_directory(directory, NULL) >= HASHED_MIN;
		client->has_bundle = bundle && access(bundle, R_OK) == 0;
		return 0;
	}
	if (!memmem(config->ca_pem, config->ca_pem_len, "-----BEGIN ", strlen("-----BEGIN "))) {
		(void)error_set(err, ERROR_USAGE, "the trust anchors (ca-bundle) hold no certificate in PEM");
		return error_advise(err, "name a file with the certificate of the CA's authority in PEM");
	}
	client->trust.pem = malloc(config->ca_pem_len + 1);
	if (!client->trust.pem)
		return error_oom(err);
	memcpy(client->trust.pem, config->ca_pem, config->ca_pem_len);
	client->trust.pem[config->ca_pem_len] = '\0';
	client->trust.pem_len = config->ca_pem_len;
	return 0;
}

int http_curl_open(const struct http_curl_config *config, struct http_client *ret, struct error *err)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		return error_oom(err);
	if (copy_config(client, config, err) < 0) {
		client_free(client);
		return -1;
	}
	client->multi = curl_multi_init();
	if (!client->multi ||
	    curl_multi_setopt(client->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)HOST_CONNECTIONS_MAX) != CURLM_OK ||
	    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_MAX) != CURLM_OK ||
	    curl_multi_setopt(client->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX) != CURLM_OK) {
		client_free(client);
		return error_set(err, ERROR_INTERNAL, "libcurl cannot be set up");
	}
	*ret = (struct http_client){ .perform_all = client_perform_all, .free = client_free, .self = client };
	return 0;
}
