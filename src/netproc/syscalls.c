#include "netproc/syscalls.h"

#include "base/clean.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

/* In place of the macros of libseccomp, which leave members out. */
static struct scmp_arg_cmp equal(unsigned int argument, scmp_datum_t value)
{
	return (struct scmp_arg_cmp){ .arg = argument, .op = SCMP_CMP_EQ, .datum_a = value, .datum_b = 0 };
}

static struct scmp_arg_cmp masked(unsigned int argument, scmp_datum_t mask, scmp_datum_t value)
{
	return (struct scmp_arg_cmp){ .arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value };
}

/* Calls that are allowed whatever their arguments. Names that an architecture lacks are passed over. */
static const char *const allowed[] = {
	/* descriptors that are open already */
	"read", "readv", "pread64", "write", "writev", "close", "close_range", "dup", "fcntl", "fcntl64", "lseek", "_llseek",
	/* looking at files; what can be opened is below, and for Landlock to say */
	"fstat", "fstat64", "fstatfs", "newfstatat", "fstatat64", "stat", "lstat", "statx", "access", "faccessat", "faccessat2",
	"readlink", "readlinkat", "getdents", "getdents64", "getcwd",
	/* memory */
	"mmap", "mmap2", "munmap", "mremap", "mprotect", "madvise", "brk", "membarrier", "rseq",
	/* waiting */
	"poll", "ppoll", "ppoll_time64", "select", "_newselect", "pselect6", "pselect6_time64", "epoll_create1", "epoll_create", "epoll_ctl",
	"epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd2", "pipe", "pipe2", "nanosleep", "clock_nanosleep",
	"clock_nanosleep_time64", "restart_syscall",
	/* sockets that exist */
	"connect", "bind", "getsockname", "getpeername", "setsockopt", "getsockopt", "sendto", "recvfrom", "sendmsg", "recvmsg", "sendmmsg",
	"recvmmsg", "recvmmsg_time64", "send", "recv", "shutdown",
	/* signals and threads of libraries (the name service of libcurl, the resolver of libunbound) */
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigreturn", "sigaltstack", "rt_sigtimedwait", "futex", "futex_time64", "set_robust_list",
	"get_robust_list", "set_tid_address", "sched_yield", "sched_getaffinity", "sched_getparam", "sched_getscheduler", "exit", "exit_group",
	/* time, random numbers, who am I */
	"clock_gettime", "clock_gettime64", "clock_getres", "clock_getres_time64", "gettimeofday", "time", "times", "getrandom", "getpid", "gettid",
	"getppid", "getuid", "geteuid", "getgid", "getegid", "getuid32", "geteuid32", "getgid32", "getegid32", "uname", "sysinfo", "getrusage",
};

enum { OPEN_WRITES = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND };

static int allow(scmp_filter_ctx filter, const char *name, unsigned int count, const struct scmp_arg_cmp *arguments)
{
	int call = seccomp_syscall_resolve_name(name);

	if (call == __NR_SCMP_ERROR)
		return 0;
	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, count, arguments);
}

static int allow_reading(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp open_flags = masked(1, OPEN_WRITES, 0);
	const struct scmp_arg_cmp openat_flags = masked(2, OPEN_WRITES, 0);
	int r = allow(filter, "open", 1, &open_flags);

	return r < 0 ? r : allow(filter, "openat", 1, &openat_flags);
}

/* Of ioctl(): how much there is to read, whether to block, whether it is a terminal. Not TIOCSTI, which types for the administrator. */
static int allow_ioctls(scmp_filter_ctx filter)
{
	static const unsigned int requests[] = { FIONREAD, FIONBIO, TCGETS };
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(requests); i++) {
		/* The kernel looks at the lower half only. */
		const struct scmp_arg_cmp request = masked(1, UINT32_MAX, requests[i]);

		r = allow(filter, "ioctl", 1, &request);
	}
	return r;
}

static int allow_sockets(scmp_filter_ctx filter)
{
	static const unsigned int families[] = { AF_INET, AF_INET6, AF_NETLINK };
	const struct scmp_arg_cmp local = equal(0, AF_UNIX);
	int r = allow(filter, "socketpair", 1, &local);

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(families); i++) {
		const struct scmp_arg_cmp family = equal(0, families[i]);

		r = allow(filter, "socket", 1, &family);
	}
	return r;
}

/* Threads, not processes: clone() shows its flags in a register, clone3() hides them, so the C library has to be content with clone(). */
static int allow_threads(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp thread = masked(0, CLONE_THREAD, CLONE_THREAD);
	int r = allow(filter, "clone", 1, &thread);

	if (r < 0)
		return r;
	return seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

/* Of prctl(): naming threads and memory; nothing that changes what was closed. Of prlimit64(): asking for one's own. */
static int allow_questions(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp name = equal(0, PR_SET_NAME);
	const struct scmp_arg_cmp vma = equal(0, PR_SET_VMA);
	const struct scmp_arg_cmp ask = equal(2, 0);
	int r = allow(filter, "prctl", 1, &name);

	if (r >= 0)
		r = allow(filter, "prctl", 1, &vma);
	if (r >= 0)
		r = allow(filter, "prlimit64", 1, &ask);
	return r < 0 ? r : allow(filter, "getrlimit", 0, NULL);
}

static int build(scmp_filter_ctx filter)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(allowed); i++)
		r = allow(filter, allowed[i], 0, NULL);
	if (r >= 0)
		r = allow_reading(filter);
	if (r >= 0)
		r = allow_ioctls(filter);
	if (r >= 0)
		r = allow_sockets(filter);
	if (r >= 0)
		r = allow_threads(filter);
	return r < 0 ? r : allow_questions(filter);
}

int syscalls_close(struct error *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r;

	if (!filter)
		return error_oom(err);
	r = build(filter);
	if (r >= 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	if (r < 0)
		return error_set(err, ERROR_SYSTEM, "the net process cannot restrict its system calls: %s", strerror(-r));
	return 0;
}
