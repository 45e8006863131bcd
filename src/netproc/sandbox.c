#include "netproc/sandbox.h"

#include "base/clean.h"
#include "base/error.h"
#include "netproc/landlock.h"
#include "netproc/syscalls.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* A parser that spins on hostile bytes ends here at the latest. */
enum { CPU_SECONDS_MAX = 120 };

int sandbox_drop_user(const char *user, struct error *err)
{
	const struct passwd *entry;

	if (geteuid() != 0)
		return 0;
	entry = getpwnam(user);
	if (!entry)
		entry = getpwnam("nobody");
	if (!entry || entry->pw_uid == 0 || entry->pw_gid == 0)
		return error_set(err, ERROR_USAGE, "there is neither a user %s nor a user nobody for the net process to run as", user);
	if (setgroups(0, NULL) < 0 || setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid) < 0 ||
	    setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid) < 0)
		return error_sys(err, errno, "the net process cannot change to the user %s", entry->pw_name);
	return 0;
}

static int set_limit(__rlimit_resource_t resource, rlim_t value, const char *name, struct error *err)
{
	const struct rlimit limit = { .rlim_cur = value, .rlim_max = value };

	if (setrlimit(resource, &limit) < 0)
		return error_sys(err, errno, "the net process cannot limit its %s", name);
	return 0;
}

int sandbox_close(struct error *err)
{
	if (set_limit(RLIMIT_CORE, 0, "core dumps", err) < 0 || set_limit(RLIMIT_FSIZE, 0, "files", err) < 0 ||
	    set_limit(RLIMIT_CPU, CPU_SECONDS_MAX, "time", err) < 0)
		return -1;
	/* Ends with the job, however the job ends. After the change of user, which clears it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_sys(err, errno, "the net process cannot give up privileges");
	if (landlock_close(err) < 0)
		return -1;
	return syscalls_close(err);
}
