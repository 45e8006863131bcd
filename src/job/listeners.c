#include "job/listeners.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "job/job.h"
#include "nginx/conf.h"
#include "nginx/servers.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ADDRESS_SIZE = 64, INTERFACES_MAX = 4096 };

/* How well an address is suited. */
enum rank { NOBODY, SOME_SERVER, ITS_SERVER, RANK_COUNT };

void job_listeners_done(struct job_listeners *listeners)
{
	nginx_servers_free(listeners->servers);
	nginx_conf_free(listeners->conf);
	*listeners = (struct job_listeners){ .asked = false };
}

static const struct nginx_servers *ask(struct job_listeners *listeners, const struct job *job)
{
	const struct config_nginx *nginx = &job->config->nginx;
	struct error why;

	if (listeners->asked)
		return listeners->servers;
	listeners->asked = true;
	error_clear(&why);
	if (nginx_conf_ask(job->runner, nginx->binary, nginx->prefix, nginx->config, job->config->timeouts.hook_ms, &listeners->conf,
	                   &why) < 0 ||
	    nginx_servers_read(listeners->conf, &listeners->servers, &why) < 0)
		log_debug("where NGINX listens is not known: %s", why.message);
	return listeners->servers;
}

const struct nginx_conf *job_listeners_conf(struct job_listeners *listeners, const struct job *job)
{
	(void)ask(listeners, job);
	return listeners->conf;
}

/* A kernel without IPv6, or one told not to use it, has no such address to connect to. */
static bool has_loopback6(void)
{
	static const char loopback[] = "00000000000000000000000000000001";
	char text[INTERFACES_MAX];
	CLEANUP(clean_fd) int fd = open("/proc/net/if_inet6", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

	if (n < 0)
		return false;
	text[n] = '\0';
	return strstr(text, loopback) != NULL;
}

void job_listeners_addresses(const struct config_settings *settings, struct config_addresses *ret)
{
	*ret = settings->serve;
	if (ret->count > 0)
		return;
	ret->items[ret->count++] = "127.0.0.1";
	if (has_loopback6())
		ret->items[ret->count++] = "::1";
}

static enum rank rank_of(const struct nginx_servers *servers, const char *address, unsigned int port, const struct ident *name)
{
	char where[ADDRESS_SIZE];
	char asked_for[IDENT_VALUE_SIZE] = "";
	bool v6 = strchr(address, ':') != NULL;
	const struct nginx_socket *socket;

	snprintf(where, sizeof(where), "%s%.48s%s", v6 ? "[" : "", address, v6 ? "]" : "");
	socket = nginx_servers_socket(servers, where, port);
	if (!socket)
		return NOBODY;
	if (name->type == IDENT_DNS && name->wildcard)
		snprintf(asked_for, sizeof(asked_for), "certd-check%.200s", name->value + 1);
	else if (name->type == IDENT_DNS)
		text_copy(asked_for, sizeof(asked_for), name->value);
	return nginx_servers_choose(servers, socket, asked_for).kind == NGINX_NAME_NONE ? SOME_SERVER : ITS_SERVER;
}

unsigned int job_listeners_at(struct job_listeners *listeners, const struct job *job, const struct config_settings *settings,
                              const struct config_addresses *addresses, const struct ident *name)
{
	const struct nginx_servers *servers = NULL;
	unsigned int at[RANK_COUNT] = { 0 };

	/* Where there is no choice NGINX is not asked. */
	if (addresses->count == 1)
		return 1;
	servers = ask(listeners, job);
	for (size_t i = 0; servers && i < addresses->count; i++)
		at[rank_of(servers, addresses->items[i], settings->https_port, name)] |= 1U << i;
	if (at[ITS_SERVER] != 0)
		return at[ITS_SERVER];
	if (at[SOME_SERVER] != 0)
		return at[SOME_SERVER];
	return settings->serve.count > 0 ? (1U << addresses->count) - 1 : 1;
}
