#include "job/access.h"

#include "base/log.h"
#include "base/text.h"
#include "config/config.h"
#include "job/story.h"
#include "store/store.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WHOSE_SIZE = 160, KEY_MODE = 0600, KEY_MODE_OF_GROUP = 0640 };

void job_access_of(const struct config_settings *settings, struct store_access *ret)
{
	const bool group = settings->key_group.name != NULL;

	*ret = store_access_private();
	if (settings->key_owner.name)
		ret->uid = settings->key_owner.id;
	ret->key_mode = settings->key_mode != 0 ? settings->key_mode : group ? KEY_MODE_OF_GROUP : KEY_MODE;
	ret->cert_mode = settings->cert_mode != 0 ? settings->cert_mode : ret->key_mode;
	if (group)
		ret->gid = settings->key_group.id;
	else if (((ret->key_mode | ret->cert_mode) & 0070) != 0)
		ret->gid = getegid();
}

/* "root", "root:ssl-cert", "1000:33" */
static const char *whose(uid_t uid, gid_t gid, char out[static WHOSE_SIZE])
{
	const struct passwd *user = getpwuid(uid);
	const struct group *group;
	size_t n;

	if (user)
		(void)snprintf(out, WHOSE_SIZE, "%.64s", user->pw_name);
	else
		(void)snprintf(out, WHOSE_SIZE, "%ju", (uintmax_t)uid);
	if (gid == (gid_t)-1)
		return out;
	group = getgrgid(gid);
	n = strlen(out);
	if (group)
		(void)snprintf(out + n, WHOSE_SIZE - n, ":%.64s", group->gr_name);
	else
		(void)snprintf(out + n, WHOSE_SIZE - n, ":%ju", (uintmax_t)gid);
	return out;
}

static void add_drift(void *self, const struct store_drift *drift)
{
	struct job_access_report *report = self;
	char was[WHOSE_SIZE], shall[WHOSE_SIZE], text[JOB_ACCESS_TEXT_SIZE];

	whose(drift->uid, drift->wanted_gid == (gid_t)-1 ? drift->wanted_gid : drift->gid, was);
	whose(drift->wanted_uid, drift->wanted_gid, shall);
	(void)snprintf(text, sizeof(text), "%.600s: mode %04o and %s, not mode %04o and %s", drift->path, (unsigned int)drift->mode, was,
	               (unsigned int)drift->wanted_mode, shall);
	if (report->drifted++ == 0)
		text_copy(report->first, sizeof(report->first), text);
	if (drift->exposed && report->exposed++ == 0)
		text_copy(report->first_exposed, sizeof(report->first_exposed), text);
	if (drift->error && report->failed++ == 0)
		report->failure = *drift->error;
}

int job_access_look(struct store_cert *store_cert, const struct config_certificate *certificate, bool mend,
                    struct job_access_report *ret, struct error *err)
{
	const struct store_access_watcher watcher = { .drift = add_drift, .self = ret };
	struct store_access access;

	*ret = (struct job_access_report){ .drifted = 0 };
	job_access_of(&certificate->settings, &access);
	store_cert_set_access(store_cert, &access);
	return store_access_look(store_cert, mend, &watcher, err);
}

static void tell(const char *name, const struct job_access_report *report)
{
	if (report->exposed > 0) {
		log_warning("%s: a key could be read by more than it should: %s", name, report->first_exposed);
		log_warning("  who did not trust all of them has another key made: certd renew --force %s", name);
	}
	if (report->drifted > report->failed)
		log_warning("%s: set right: %zu file%s or folder%s not as configured (%s)", name, report->drifted - report->failed,
		            report->drifted - report->failed == 1 ? "" : "s", report->drifted - report->failed == 1 ? " that was" : "s that were",
		            report->first);
	if (report->failed > 0)
		log_failure(LOG_LEVEL_WARNING, name, &report->failure);
}

void job_access_settle(const struct story *story)
{
	const char *name = story->certificate->name;
	struct job_access_report report;
	struct store_access access;
	struct error err;

	if (story->options->dry_run || !story->store_cert)
		return;
	error_clear(&err);
	job_access_of(&story->certificate->settings, &access);
	if (store_access_is_open(&access) && store_access_let_pass(story->store, &err) < 0)
		log_failure(LOG_LEVEL_WARNING, name, &err);
	error_clear(&err);
	if (job_access_look(story->store_cert, story->certificate, true, &report, &err) < 0)
		log_failure(LOG_LEVEL_WARNING, name, &err);
	tell(name, &report);
}
