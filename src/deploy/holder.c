#include "deploy/holder.h"

#include "base/clean.h"
#include "base/text.h"
#include "deploy/deploy.h"
#include "deploy/workers.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { INODES_MAX = 64, LINE_SIZE = 512, PATH_SIZE = 64, LISTEN = 0x0a, PIDS_MAX = 4096, TITLE_MAX = 4096 };

/* The sockets that take connections there. */
struct sockets {
	uint64_t inodes[INODES_MAX];
	size_t count;
	bool exact; /* they are for the very address */
};

struct wanted {
	int family;
	unsigned char address[sizeof(struct in6_addr)];
	uint16_t port;
};

static const unsigned char mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

/* How /proc prints an address: words of 32 bits in the machine's order. False when it is none. */
static bool read_address(const char *text, size_t words, unsigned char *out)
{
	for (size_t i = 0; i < words; i++) {
		char word[9] = "";
		unsigned long value;
		uint32_t raw;
		char *end;

		memcpy(word, text + i * 8, 8);
		value = strtoul(word, &end, 16);
		if (end != word + 8)
			return false;
		raw = (uint32_t)value;
		memcpy(out + i * 4, &raw, 4);
	}
	return true;
}

enum match { NO_MATCH, ALL_ADDRESSES, VERY_ADDRESS };

static enum match match(const struct wanted *wanted, int family, const unsigned char *address)
{
	static const unsigned char zero[sizeof(struct in6_addr)];
	const bool other = family != wanted->family;

	/* A socket of IPv6 may take IPv4, too; whether this one does is not told. */
	if (family == AF_INET && other)
		return NO_MATCH;
	/* Who wants all addresses is in the way of anybody. */
	if (memcmp(wanted->address, zero, sizeof(zero)) == 0)
		return ALL_ADDRESSES;
	if (memcmp(address, zero, family == AF_INET ? 4 : 16) == 0)
		return ALL_ADDRESSES;
	if (other)
		return memcmp(address, mapped, sizeof(mapped)) == 0 && memcmp(address + 12, wanted->address, 4) == 0 ? VERY_ADDRESS : NO_MATCH;
	return memcmp(address, wanted->address, family == AF_INET ? 4 : 16) == 0 ? VERY_ADDRESS : NO_MATCH;
}

/* "   0: 0100007F:01BB 00000000:0000 0A ... INODE ..." */
static void take_line(const struct wanted *wanted, int family, const char *line, struct sockets *sockets)
{
	const size_t words = family == AF_INET ? 1 : 4;
	char local[80], state[8], number[24];
	unsigned char address[sizeof(struct in6_addr)];
	uint64_t inode;
	enum match how;
	char *end;

	if (sscanf(line, " %*[^:]: %79s %*s %7s %*s %*s %*s %*s %*s %23s", local, state, number) != 3 ||
	    text_parse_u64(number, 0, UINT64_MAX, &inode) < 0 ||
	    strtoul(state, NULL, 16) != LISTEN || strlen(local) != words * 8 + 5 || !read_address(local, words, address) ||
	    strtoul(local + words * 8 + 1, &end, 16) != wanted->port)
		return;
	how = match(wanted, family, address);
	if (how == NO_MATCH || (how == ALL_ADDRESSES && sockets->exact))
		return;
	/* One of the other family takes what none of its own does. */
	if (family != wanted->family && how == ALL_ADDRESSES && sockets->count > 0)
		return;
	if (how == VERY_ADDRESS && !sockets->exact) {
		sockets->exact = true;
		sockets->count = 0;
	}
	if (sockets->count < INODES_MAX)
		sockets->inodes[sockets->count++] = inode;
}

static void list_sockets(const struct wanted *wanted, const char *path, int family, struct sockets *sockets)
{
	FILE *file = fopen(path, "re");
	char line[LINE_SIZE];

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		take_line(wanted, family, line, sockets);
	if (file != NULL)
		fclose(file);
}

static bool has_socket(pid_t pid, const struct sockets *sockets)
{
	char path[PATH_SIZE], target[PATH_SIZE];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	while (dir != NULL && !found && (entry = readdir(dir)) != NULL) {
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

		if (n <= 0)
			continue;
		target[n] = '\0';
		if (!text_has_prefix(target, "socket:["))
			continue;
		for (size_t i = 0; i < sockets->count && !found; i++)
			found = strtoull(target + sizeof("socket:[") - 1, NULL, 10) == sockets->inodes[i];
	}
	if (dir != NULL)
		closedir(dir);
	return found;
}

/* A file of /proc, its NULs as spaces. "" when it cannot be read. */
static void read_line(pid_t pid, const char *name, char *out, size_t size)
{
	char path[PATH_SIZE];
	CLEANUP(clean_fd) int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, out, size - 1) : 0;
	out[n > 0 ? n : 0] = '\0';
	for (ssize_t i = 0; i < n; i++) {
		if (out[i] == '\0' || out[i] == '\n')
			out[i] = ' ';
	}
	for (size_t len = strlen(out); len > 0 && out[len - 1] == ' '; len--)
		out[len - 1] = '\0';
	text_clean(out);
}

static pid_t parent_of(pid_t pid)
{
	char text[LINE_SIZE];
	char number[12];
	const char *end;
	uint64_t parent;

	read_line(pid, "stat", text, sizeof(text));
	end = strrchr(text, ')');
	if (end == NULL || sscanf(end + 1, " %*c %11s", number) != 1 || text_parse_u64(number, 0, INT32_MAX, &parent) < 0)
		return 0;
	return (pid_t)parent;
}

/* Workers inherit their master's socket. */
static pid_t first_of(const pid_t *pids, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		pid_t parent = parent_of(pids[i]);
		bool inherited = false;

		for (size_t k = 0; k < count; k++)
			inherited = inherited || pids[k] == parent;
		if (!inherited)
			return pids[i];
	}
	return pids[0];
}

static size_t list_holders(const struct sockets *sockets, pid_t pids[static PIDS_MAX])
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	size_t n = 0;

	while (proc != NULL && n < PIDS_MAX && (entry = readdir(proc)) != NULL) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);

		if (pid > 0 && *end == '\0' && has_socket((pid_t)pid, sockets))
			pids[n++] = (pid_t)pid;
	}
	if (proc != NULL)
		closedir(proc);
	return n;
}

/* By the name of the program; those that were made of it behave as it does. */
static bool is_nginx(const struct deploy_holder *holder)
{
	static const char *const names[] = { "nginx", "openresty", "angie", "freenginx", "tengine" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (text_equal(holder->name, names[i]))
			return true;
	}
	return text_has_prefix(holder->command, "nginx: ");
}

int deploy_holder_find(const char *address, uint16_t port, struct deploy_holder *ret)
{
	struct wanted wanted = { .family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET, .port = port };
	struct sockets sockets = { .count = 0 };
	struct deploy_holder holder = { .pid = 0 };
	char title[TITLE_MAX];
	pid_t pids[PIDS_MAX];
	size_t n;

	if (inet_pton(wanted.family, address, wanted.address) != 1)
		return DEPLOY_HOLDER_UNKNOWN;
	list_sockets(&wanted, "/proc/net/tcp", AF_INET, &sockets);
	list_sockets(&wanted, "/proc/net/tcp6", AF_INET6, &sockets);
	if (sockets.count == 0)
		return DEPLOY_HOLDER_NOBODY;
	n = list_holders(&sockets, pids);
	if (n == 0)
		return DEPLOY_HOLDER_UNKNOWN;
	holder.pid = first_of(pids, n);
	read_line(holder.pid, "comm", holder.name, sizeof(holder.name));
	read_line(holder.pid, "cmdline", title, sizeof(title));
	(void)text_copy(holder.command, sizeof(holder.command), title);
	if (holder.name[0] == '\0')
		return DEPLOY_HOLDER_UNKNOWN;
	holder.nginx = is_nginx(&holder);
	*ret = holder;
	return DEPLOY_HOLDER_FOUND;
}

static bool says_nginx(const char *server)
{
	static const char *const names[] = { "nginx", "openresty", "angie", "freenginx", "tengine" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strncasecmp(server, names[i], strlen(names[i])) == 0)
			return true;
	}
	return false;
}

void deploy_explain(const struct deploy_watch *watch, const char *address, uint16_t port, const char *server,
                    struct deploy_explanation *ret)
{
	struct deploy_workers ours;
	struct deploy_holder holder;
	int r = deploy_holder_find(address, port, &holder);

	*ret = (struct deploy_explanation){ .text = "" };
	deploy_workers_list(watch->pid_file, &ours);
	if (r == DEPLOY_HOLDER_FOUND && !holder.nginx) {
		snprintf(ret->text, sizeof(ret->text), "on %s port %u listens %s (process %d: %s), which is not NGINX", address, port, holder.name,
		         (int)holder.pid, holder.command);
		snprintf(ret->advice, sizeof(ret->advice), "stop %s or give it another port, and have NGINX listen there; or, where NGINX listens "
		         "elsewhere, say so by serve-address and https-port", holder.name);
	} else if (r == DEPLOY_HOLDER_FOUND && ours.master != 0 && holder.pid != ours.master) {
		snprintf(ret->text, sizeof(ret->text),
		         "on %s port %u listens another NGINX (process %d: %s) than the one that was told to load it (process %d, by %.160s)", address,
		         port, (int)holder.pid, holder.command, (int)ours.master, watch->pid_file);
		snprintf(ret->advice, sizeof(ret->advice), "stop one of them; or say by binary, config and prefix in the nginx block of certd.conf "
		         "which of them serves the site");
	} else if (r != DEPLOY_HOLDER_FOUND && server[0] != '\0' && !says_nginx(server)) {
		snprintf(ret->text, sizeof(ret->text), "what answers on %s port %u calls itself \"%s\", which is not NGINX", address, port, server);
		snprintf(ret->advice, sizeof(ret->advice), "look what has that port (`ss -ltnp`, containers and their port mappings); where NGINX "
		         "listens elsewhere, say so by serve-address and https-port");
	}
}
