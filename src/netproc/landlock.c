#include "netproc/landlock.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's header on the build machine may be older than the kernel it runs on: the numbers are the kernel's ABI. */
enum {
	ABI_TRUNCATE = 3,
	ABI_NET = 4,
	ABI_IOCTL_DEV = 5,
	ABI_SCOPE = 6,
};

#define ACCESS_FS_ABI1 ((UINT64_C(1) << 13) - 1)
#define ACCESS_FS_REFER (UINT64_C(1) << 13)
#define ACCESS_FS_TRUNCATE (UINT64_C(1) << 14)
#define ACCESS_FS_IOCTL_DEV (UINT64_C(1) << 15)
#define ACCESS_NET_BIND_TCP (UINT64_C(1) << 0)
#define SCOPE_ABSTRACT_UNIX_SOCKET (UINT64_C(1) << 0)
#define SCOPE_SIGNAL (UINT64_C(1) << 1)

struct ruleset_attributes {
	uint64_t handled_access_fs;
	uint64_t handled_access_net; /* from ABI_NET on */
	uint64_t scoped; /* from ABI_SCOPE on */
};

static const char *const readable[] = {
	/* the trust store */
	"/etc/ssl/certs",
	"/usr/share/ca-certificates",
	"/usr/local/share/ca-certificates",
	"/etc/ssl/openssl.cnf",
	/* the resolver's configuration */
	"/etc/resolv.conf",
	"/etc/hosts",
	"/etc/host.conf",
	"/etc/nsswitch.conf",
	"/etc/gai.conf",
	"/etc/services",
	"/etc/protocols",
	"/usr/share/dns",
	/* random numbers, for libraries that do not ask the kernel by system call */
	"/dev/urandom",
};

static int allow_reading(int ruleset_fd, const char *path, struct error *err)
{
	CLEANUP(clean_fd) int fd = open(path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = { .allowed_access = LANDLOCK_ACCESS_FS_READ_FILE, .parent_fd = fd };
	struct stat st;

	if (fd < 0)
		return 0; /* what is not there need not be read */
	if (fstat(fd, &st) < 0)
		return error_sys(err, errno, "cannot look at %s", path);
	if (S_ISDIR(st.st_mode))
		rule.allowed_access |= LANDLOCK_ACCESS_FS_READ_DIR;
	if (syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0U) < 0)
		return error_sys(err, errno, "Landlock refuses a rule for %s", path);
	return 0;
}

static size_t attributes_for(long abi, struct ruleset_attributes *ret)
{
	*ret = (struct ruleset_attributes){ .handled_access_fs = ACCESS_FS_ABI1 };
	if (abi >= 2)
		ret->handled_access_fs |= ACCESS_FS_REFER;
	if (abi >= ABI_TRUNCATE)
		ret->handled_access_fs |= ACCESS_FS_TRUNCATE;
	if (abi >= ABI_IOCTL_DEV)
		ret->handled_access_fs |= ACCESS_FS_IOCTL_DEV;
	if (abi >= ABI_NET)
		ret->handled_access_net = ACCESS_NET_BIND_TCP;
	if (abi >= ABI_SCOPE) {
		ret->scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL;
		return sizeof(*ret);
	}
	return abi >= ABI_NET ? offsetof(struct ruleset_attributes, scoped) :
				offsetof(struct ruleset_attributes, handled_access_net);
}

int landlock_close(struct error *err)
{
	CLEANUP(clean_fd) int ruleset_fd = -1;
	struct ruleset_attributes attributes;
	size_t size;
	long abi;

	abi = syscall(SYS_landlock_create_ruleset, NULL, 0UL, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 1) {
		log_debug("this kernel has no Landlock: %s", strerror(errno));
		return 0;
	}
	size = attributes_for(abi, &attributes);
	ruleset_fd = (int)syscall(SYS_landlock_create_ruleset, &attributes, size, 0U);
	if (ruleset_fd < 0)
		return error_sys(err, errno, "cannot make a Landlock ruleset");
	for (size_t i = 0; i < ARRAY_SIZE(readable); i++) {
		if (allow_reading(ruleset_fd, readable[i], err) < 0)
			return -1;
	}
	if (syscall(SYS_landlock_restrict_self, ruleset_fd, 0U) < 0)
		return error_sys(err, errno, "cannot restrict the net process by Landlock");
	return 0;
}
