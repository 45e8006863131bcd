#include "base/interrupt.h"

#include "base/clean.h"
#include "base/error.h"

#include <signal.h>
#include <stddef.h>

static const struct {
	int number;
	const char *name;
} signals[] = { { SIGINT, "SIGINT" }, { SIGTERM, "SIGTERM" }, { SIGHUP, "SIGHUP" } };

/* One that is ignored and held is kept by the kernel all the same, and would count as sent. */
static bool is_ignored(int number)
{
	struct sigaction action;

	return sigaction(number, NULL, &action) == 0 && (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_IGN;
}

void interrupt_hold(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		if (!is_ignored(signals[i].number))
			sigaddset(&set, signals[i].number);
	}
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/* The place in `signals` of one that is held and, where that is asked, was sent; -1 for none. */
static int find(bool sent)
{
	sigset_t held, pending;

	if (sigprocmask(SIG_SETMASK, NULL, &held) < 0 || sigpending(&pending) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		int number = signals[i].number;

		if (sigismember(&held, number) == 1 && !is_ignored(number) && (!sent || sigismember(&pending, number) == 1))
			return (int)i;
	}
	return -1;
}

bool interrupt_held(void)
{
	return find(false) >= 0;
}

int interrupt_pending(void)
{
	int i = find(true);

	return i < 0 ? 0 : signals[i].number;
}

int interrupt_check(struct error *err)
{
	int i = find(true);

	if (i < 0)
		return 0;
	error_set(err, ERROR_INTERRUPTED, "interrupted by %s", signals[i].name);
	return error_advise(err, "the next run goes on where this one stopped");
}
