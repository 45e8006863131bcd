/* site_place.c: where this NGINX reads its sites from. */
#include "deploy/site_plan.h"

#include "base/error.h"
#include "base/strv.h"
#include "base/text.h"
#include "config/config.h"
#include "deploy/site.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* No names of certificates: these have no "_" behind the first character unless a person chose it. */
static const char *const common_names[SITE_FILE_COUNT] = {
	[SITE_FILE_MAP] = "certd_websocket.conf",
	[SITE_FILE_DEFAULT] = "certd_default.conf",
};

enum place_rank { PLACE_SITES_ENABLED, PLACE_CONF_D, PLACE_OTHER, PLACE_NONE };

static bool is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

/* The folder of an `include` that would include a file of that name there; PLACE_NONE when it would not. */
static enum place_rank judge_include(const struct nginx_conf *conf, const char *pattern, const char *name, char dir[static PATH_MAX])
{
	char *slash;
	int n = pattern[0] == '/' ? snprintf(dir, PATH_MAX, "%s", pattern) :
	                            snprintf(dir, PATH_MAX, "%.*s%s", (int)(last_part(conf->files[0].path) - conf->files[0].path),
	                                     conf->files[0].path, pattern);

	if (n < 0 || n >= PATH_MAX || dir[0] != '/')
		return PLACE_NONE;
	slash = strrchr(dir, '/');
	*slash = '\0';
	if (strpbrk(dir, "*?[") != NULL || strpbrk(slash + 1, "*?[") == NULL || fnmatch(slash + 1, name, FNM_PERIOD) != 0 ||
	    !is_dir(dir))
		return PLACE_NONE;
	return text_equal(last_part(dir), "sites-enabled") ? PLACE_SITES_ENABLED :
	       text_equal(last_part(dir), "conf.d")        ? PLACE_CONF_D :
	                                                     PLACE_OTHER;
}

/* The best folder of all includes in http blocks. */
static enum place_rank find_folder(const struct nginx_conf *conf, const char *name, char ret[static PATH_MAX])
{
	enum place_rank best = PLACE_NONE;

	for (const struct nginx_directive *http = conf->first; http != NULL; http = http->next) {
		if (!http->block || !text_equal(http->name, "http"))
			continue;
		for (const struct nginx_directive *d = http->first; d != NULL; d = d->next) {
			char dir[PATH_MAX];
			enum place_rank rank;

			if (!text_equal(d->name, "include") || d->arg_count != 1)
				continue;
			rank = judge_include(conf, d->args[0], name, dir);
			if (rank < best) {
				best = rank;
				memcpy(ret, dir, PATH_MAX);
			}
		}
	}
	return best;
}

static int set_path(char out[static PATH_MAX], const char *folder, const char *name, struct error *err)
{
	if ((size_t)snprintf(out, PATH_MAX, "%s/%s", folder, name) >= PATH_MAX)
		return error_set(err, ERROR_SYSTEM, "the path %.200s... is too long", folder);
	return 0;
}

int site_place_find(struct site_plan *plan, struct error *err)
{
	const struct nginx_conf *conf = plan->conf;
	char name[NAME_MAX + 1], folder[PATH_MAX], available[PATH_MAX + sizeof("/sites-available")];
	bool linked;
	enum place_rank rank;

	snprintf(name, sizeof(name), "%.200s.conf", plan->site->certificate->name);
	rank = find_folder(conf, name, folder);
	if (rank == PLACE_NONE) {
		error_set(err, ERROR_DEPLOY, "%s includes no folder in which a site could be written", conf->files[0].path);
		return error_advise(err, "make the folder /etc/nginx/conf.d and write `include /etc/nginx/conf.d/*.conf;` into the http block");
	}
	snprintf(available, sizeof(available), "%.*s/sites-available", (int)(last_part(folder) - folder - 1), folder);
	linked = rank == PLACE_SITES_ENABLED && is_dir(available);
	for (size_t i = 0; i < SITE_FILE_COUNT; i++) {
		struct site_file *file = &plan->files[i];
		const char *called = common_names[i] != NULL ? common_names[i] : name;

		if (set_path(file->path, linked ? available : folder, called, err) < 0 ||
		    (linked && set_path(file->link, folder, called, err) < 0))
			return -1;
	}
	return 0;
}
