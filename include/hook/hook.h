/* hook.h: the hook contract: what certd tells programs of others, see certd-hooks(7). */
#ifndef CERTD_HOOK_HOOK_H
#define CERTD_HOOK_HOOK_H

#include <stddef.h>
#include <stdint.h>

struct error;
struct runner;
struct strv;

struct hook_event {
	const char *event; /* "deploy", "post-renew", "failure" */
	const char *certificate;
	struct strv *environment; /* "CERTD_...=..." beside CERTD_EVENT and CERTD_CERTIFICATE, which are added here */
	int64_t deadline_ms;
};

/* Runs one hook: checks that it is a regular executable file that only root or its owner (us) may write, runs it with argv
 * {path, event, certificate}, an environment of PATH, LANG=C, HOME, TZ, and the event's; its output goes to the log (at
 * LOG_LEVEL_INFO, at LOG_LEVEL_NOTICE when it failed; each line behind the hook's name). Links are followed. ERROR_SYSTEM with
 * the hook's path, how it ended, and the last lines that it printed. */
int hook_run(const struct runner *runner, const char *path, const struct hook_event *event, struct error *err);

/* Runs the executables of the directory `hooks_dir`/`event`/ in name order (names of [A-Za-z0-9._-], not beginning with "." nor
 * ending in "~", ".bak" or as package managers name old files). An absent directory holds no hooks; a file that is not executable is left out,
 * with a notice. A directory that others may write is an error. Stops at the first that fails. *ret_count may be NULL. */
int hook_run_all(const struct runner *runner, const char *hooks_dir, const struct hook_event *event, size_t *ret_count,
                 struct error *err);

#endif
